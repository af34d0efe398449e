"""scripts/load_test.py: what it prints and how it exits."""

import asyncio
import importlib.util
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from tests.simulator.support.stub_ocs import StubOcs

SCRIPT = Path(__file__).parents[2] / "scripts" / "load_test.py"
BRIEF = ["--rate", "100", "--duration", "0.2", "--sessions", "5", "--timeout", "0.2"]
RICH = dict.fromkeys((f"001010000000{number}" for number in range(101, 121)), 10**12)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("load_test_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def running(ocs: StubOcs) -> Iterator[str]:
    """The stub in a thread of its own, as the script has its own event loop."""
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with ocs:
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    try:
        assert started.wait(5)
        host, port = ocs.address
        yield f"{host}:{port}"
    finally:
        stop.set()
        thread.join(10)


def test_a_good_run_prints_tables_and_exits_0(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with running(StubOcs(dict(RICH))) as server:
        assert script.run(["--server", server, *BRIEF]) == 0
    shown = capsys.readouterr().out
    for words in ("CCR/s answered", "p99.9", "initial 2001"):
        assert words in shown


def test_json_is_one_document(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with running(StubOcs(dict(RICH))) as server:
        assert script.run(["--server", server, "--server", server, "--json", *BRIEF]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["ok"], content["books_checked"], content["connections"]) == (True, False, 2)


def test_a_journal_that_differs_fails_the_run(
    script: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'empty.db'}"
    with running(StubOcs(dict(RICH))) as server:
        assert script.run(["--server", server, "--database", database, "--used", "1 kB", *BRIEF]) == 1
    shown = capsys.readouterr().out
    assert "the server's books differ" in shown
    assert "but only 0 debited" in shown


def test_unanswered_requests_fail_the_run(script: ModuleType) -> None:
    ocs = StubOcs(dict(RICH))
    ocs.silent = True
    with running(ocs) as server:
        assert script.run(["--server", server, *BRIEF]) == 1


def test_wrong_values_are_listed(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.run(["--sessions", "0", "--updates", "-1"]) == 2
    shown = capsys.readouterr().err
    assert "sessions must be" in shown
    assert "updates must not" in shown


@pytest.mark.parametrize("arguments", [["--rate", "fast"], ["--server", "nowhere"], ["--used", "5 parsecs"]])
def test_wrong_arguments_are_explained(script: ModuleType, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        script.run(arguments)
    assert raised.value.code == 2
