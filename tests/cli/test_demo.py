"""The demo in a process of its own: it runs to its end and proves its books."""

import json
import os
import socket
import subprocess
import sys

import pytest

from tests.support.cli import Ocs

TIMEOUT_SECONDS = 90


def demo(*args, **options):
    command = [sys.executable, "-m", "diameter_ocs", "demo", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False, **options)


def test_a_fixed_number_of_sessions_runs_and_every_check_holds(tmp_path):
    for _ in range(2):
        done = demo("--once", "--json", "--folder", str(tmp_path / "demo"))
        assert done.returncode == 0, done.stdout + done.stderr
        summary = json.loads(done.stdout)
        assert summary["ok"]
        assert summary["counts"]["sessions"] == "40"
        assert all(check["ok"] for check in summary["checks"])
        assert set(summary["totals"]) == {"money EUR", "octets", "seconds", "events"}
        assert all(unit["credited"] > 0 and unit["consumed"] > 0 for unit in summary["totals"].values())
        assert int(summary["counts"]["recharges"]) >= int(summary["counts"]["went on after a RAR"]) > 0
    looked = Ocs(tmp_path / "demo" / "ocs.toml")
    assert len(looked.json("account", "list")) == 18
    assert len(looked.json("subscriber", "list")) == 20
    assert {each["product"] for each in looked.json("account", "show", "demo-13")["products"]} == {"family-1gb"}
    assert looked.json("audit")["ok"]


def test_without_a_terminal_plain_lines_are_printed_and_taken_ports_are_told(tmp_path):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 3868))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        done = demo("--once", "--folder", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "port 3868 is taken, so Diameter is on port" in done.stdout
    assert "the journal proves every balance" in done.stdout
    assert "Conservation" in done.stdout
    assert "\x1b[" not in done.stdout


def test_an_interrupt_ends_in_order_with_a_summary(tmp_path):
    import signal
    import urllib.request

    command = [sys.executable, "-u", "-m", "diameter_ocs", "demo", "--folder", str(tmp_path)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        first = running.stdout.readline()
        wait_for_answers(first.rpartition(" ")[2].strip(), urllib.request)
        running.send_signal(signal.SIGINT)
        rest, _ = running.communicate(timeout=TIMEOUT_SECONDS)
    finally:
        running.kill()
    assert running.returncode == 0, rest
    assert "✓ every request was answered" in rest
    log = (tmp_path / "ocs.log").read_text()
    assert log.count("disconnected in order") == 3
    assert "node stopped" in log


def wait_for_answers(http, request):
    import time

    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            with request.urlopen(f"http://{http}/api/v1/status", timeout=5) as page:
                if json.load(page)["answers"]["total"] > 20:
                    return
        except OSError:
            continue
    pytest.fail("the demo answers nothing")


def test_one_demo_at_a_time_in_a_folder(tmp_path):
    import fcntl

    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = demo("--once", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "another demo runs" in done.stderr


def test_settings_of_a_real_node_do_not_disturb_it(tmp_path):
    environ = dict(os.environ) | {"OCS_STORE__URL": "sqlite:////nowhere/at/all.db", "OCS_NODE__NONSENSE": "1"}
    done = demo("--once", "--folder", str(tmp_path), env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
