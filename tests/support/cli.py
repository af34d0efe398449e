"""The `ocs` command in tests: a configuration of its own in a folder, calls in this process and in others."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from diameter_ocs.cli import app

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30


def make_config(folder: Path) -> Path:
    """The sample configuration with any free ports and a database in the folder."""
    shutil.copytree(ROOT / "config" / "catalogue", folder / "catalogue", dirs_exist_ok=True)
    file = folder / "ocs.toml"
    sample = (ROOT / "config" / "ocs.toml").read_text()
    sample = sample.replace('#listen = ["127.0.0.1:3868"]', 'listen = ["127.0.0.1:0"]')
    sample = sample.replace('#listen = "127.0.0.1:8868"', 'listen = "127.0.0.1:0"')
    sample = sample.replace('#url = "sqlite:///var/ocs.db"', f'url = "sqlite:///{folder}/ocs.db"')
    file.write_text(sample)
    return file


class Ocs:
    """Calls commands on one configuration."""

    def __init__(self, config: Path) -> None:
        self.config = config

    def __call__(self, *args: str, code: int = 0, stdin: bytes | None = None) -> Result:
        """Run a command in this process; its exit code must be `code`, and never may a traceback be shown."""
        result = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["--config", str(self.config), *args], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, *args: str, code: int = 0) -> Any:
        """The JSON document that a command prints."""
        return json.loads(self(*args, "--json", code=code).stdout)

    def refused(self, *args: str, code: int = 2) -> str:
        """What a command that fails says on standard error, as one line of words."""
        return " ".join(self(*args, code=code).stderr.replace("│", " ").split())


@pytest.fixture
def ocs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ocs:
    """A configuration in a folder of its own; nothing from the environment disturbs it."""
    for name in [name for name in os.environ if name.startswith("OCS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Ocs(make_config(tmp_path))


@contextmanager
def serving(config: Path) -> Iterator[str]:
    """A node in a process of its own, as 'host:port' of its Diameter address; ended by SIGTERM, in order."""
    command = [sys.executable, "-m", "diameter_ocs", "--config", str(config), "serve"]
    node = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=config.parent)
    assert node.stderr is not None
    try:
        line = node.stderr.readline()
        found = re.search(r'"diameter":\["([^"]+)"\]', line)
        assert found, line + node.stderr.read()
        yield found[1]
    finally:
        node.send_signal(signal.SIGTERM)
        _, rest = node.communicate(timeout=START_SECONDS)
    assert node.returncode == 0, rest
    assert "node stopped" in rest
