"""Servers under measurement: each a process of its own, on one core, with its CPU time read from outside."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from diameter_ocs.simulator.connection import Address

SERVER_CORE, LOAD_CORE = 0, 1
START_SECONDS = 20.0
STOP_SECONDS = 20.0
HERTZ = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pin(core: int, pid: int = 0) -> None:
    """Keep a process, by default this one, on one core, where there are two."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


class Server:
    """A started process and the address it serves."""

    def __init__(self, process: subprocess.Popen[bytes], address: Address) -> None:
        self.process = process
        self.address = address

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / HERTZ


@contextlib.contextmanager
def started(arguments: Sequence[str], port: int, ready_url: str | None = None) -> Iterator[Server]:
    """A Python process on the server's core, once it listens; stopped at the end."""
    process = subprocess.Popen([sys.executable, *arguments])
    try:
        pin(SERVER_CORE, process.pid)
        _wait_until_ready(process, port, ready_url)
        yield Server(process, ("127.0.0.1", port))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, ready_url: str | None) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        if _is_ready(port, ready_url):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server was not ready within {START_SECONDS:g} s")


def _is_ready(port: int, ready_url: str | None) -> bool:
    if ready_url is None:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    try:
        with urllib.request.urlopen(ready_url, timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
