"""Debian's freeDiameter as a peer: it connects, stays over watchdogs, and parts in order, either side first."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from diameter_ocs.peer.admission import PeerRule
from diameter_ocs.peer.events import DisconnectCause
from diameter_ocs.peer.messages import Command
from diameter_ocs.peer.node import Node
from diameter_ocs.server.peer_observer import Unobserved
from diameter_ocs.server.transport import DiameterServer, TransportSettings
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.wire_peer import EchoApplication

OCS = Node(origin_host="ocs.example.org", origin_realm="example.org")
FREE_DIAMETER = "fd.example.net"
SHORTEST_TW = 6
"""The lowest TwTimer that freeDiameter's configuration accepts, in seconds."""
PATIENCE_SECONDS = 60
WATCHDOGS_SEEN = 2


class Watch(Unobserved):
    """Counts what passes and wakes the test."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, int], int] = {}
        self.states: list[str] = []
        self._changed = asyncio.Event()

    def received(self, peer: str, command: int, count: int) -> None:
        self._count("received", command, count)

    def sent(self, peer: str, command: int, count: int) -> None:
        self._count("sent", command, count)

    def state_changed(self, peer: str, state: str) -> None:
        self.states.append(state)
        self._changed.set()

    def _count(self, direction: str, command: int, count: int) -> None:
        self.counts[direction, command] = self.counts.get((direction, command), 0) + count
        self._changed.set()

    async def until_count(self, direction: str, command: int, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.counts.get((direction, command), 0) < count:
                await self._next()

    async def until_state(self, state: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.states or self.states[-1] != state:
                await self._next()

    async def _next(self) -> None:
        self._changed.clear()
        await self._changed.wait()


@asynccontextmanager
async def ocs(watch: Watch, watchdog_seconds: float = 30.0) -> AsyncIterator[DiameterServer]:
    settings = TransportSettings(
        origin_host=OCS.origin_host,
        origin_realm=OCS.origin_realm,
        dictionary=default_dictionary(),
        listen=("127.0.0.1:0",),
        rules=(PeerRule(host=FREE_DIAMETER),),
        watchdog_seconds=watchdog_seconds,
    )
    server = DiameterServer(settings, EchoApplication(OCS), observer=watch, jitter=lambda: 0.0)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """freeDiameter does not start without one, even when nothing is encrypted."""
    folder = tmp_path_factory.mktemp("certificate")
    request = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={FREE_DIAMETER}".split()
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    made = subprocess.run([*request, *files], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()
    return folder


@asynccontextmanager
async def free_diameter(
    folder: Path, certificate: Path, port: int, tw_seconds: int = SHORTEST_TW
) -> AsyncIterator[asyncio.subprocess.Process]:
    program = shutil.which("freeDiameterd") or "/usr/bin/freeDiameterd"
    configuration = folder / "freediameter.conf"
    configuration.write_text(
        f'Identity = "{FREE_DIAMETER}";\nRealm = "example.net";\n'
        f'TLS_Cred = "{certificate}/cert.pem", "{certificate}/key.pem";\nTLS_CA = "{certificate}/cert.pem";\n'
        f"Port = 0;\nSecPort = 0;\nNo_SCTP;\nTwTimer = {tw_seconds};\n"
        f'ConnectPeer = "{OCS.origin_host}" {{ ConnectTo = "127.0.0.1"; No_TLS; Port = {port}; }};\n'
    )
    with (folder / "freediameter.log").open("wb") as log:
        daemon = await asyncio.create_subprocess_exec(program, "-c", str(configuration), stdout=log, stderr=log)
    try:
        yield daemon
    finally:
        if daemon.returncode is None:
            daemon.kill()
        await daemon.wait()


async def test_it_stays_over_its_own_watchdogs_and_leaves_in_order(tmp_path: Path, certificate: Path) -> None:
    watch = Watch()
    async with ocs(watch) as server, free_diameter(tmp_path, certificate, server.addresses[0].port) as daemon:
        await watch.until_state("r-open")
        assert server.peers.statuses()[0].applications == (0xFFFFFFFF,)
        await watch.until_count("received", Command.DEVICE_WATCHDOG, WATCHDOGS_SEEN)
        assert watch.states == ["r-open"]
        daemon.send_signal(signal.SIGTERM)
        await watch.until_state("closed")
        assert watch.states == ["r-open", "closing", "closed"]
        assert watch.counts["sent", Command.DEVICE_WATCHDOG] == WATCHDOGS_SEEN
        assert watch.counts["sent", Command.DISCONNECT_PEER] == 1


async def test_it_answers_our_watchdogs_and_our_disconnect(tmp_path: Path, certificate: Path) -> None:
    watch = Watch()
    async with (
        ocs(watch, watchdog_seconds=1.0) as server,
        free_diameter(tmp_path, certificate, server.addresses[0].port, tw_seconds=30),
    ):
        await watch.until_state("r-open")
        await watch.until_count("received", Command.DEVICE_WATCHDOG, WATCHDOGS_SEEN)
        assert server.peers.disconnect(FREE_DIAMETER, DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU)
        await watch.until_state("closed")
        assert watch.states == ["r-open", "closing", "closed"]
        assert server.peers.statuses()[0].detail == "disconnected in order"
