"""A Diameter port on 127.0.0.1 for tests, with time under their hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from diameter_ocs.peer.admission import PeerRule
from diameter_ocs.peer.node import Node
from diameter_ocs.server.connection import Application
from diameter_ocs.server.peer_status import PeerStatus
from diameter_ocs.server.transport import DiameterServer, Drain, TransportSettings
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.time import ManualTimers
from tests.support.wire_peer import GATEWAY, PATIENCE_SECONDS, EchoApplication, WirePeer

OCS = Node(origin_host="ocs.example.org", origin_realm="example.org", origin_state_id=7)
RULES = (PeerRule(host=GATEWAY.origin_host, realm="example.org"), PeerRule(host="*.epc.example.org"))


class Port:
    """A running server, its application and its time."""

    def __init__(self, server: DiameterServer, application: Application, timers: ManualTimers) -> None:
        self.server = server
        self.application = application
        self.timers = timers
        self.peers = server.peers

    async def connect(self, node: Node = GATEWAY, listener: int = 0) -> WirePeer:
        """A transport connection; no CER yet."""
        host, port = self.server.addresses[listener]
        return await WirePeer(node).connect(host, port)

    async def open_peer(self, node: Node = GATEWAY) -> WirePeer:
        peer = await self.connect(node)
        await peer.introduce()
        return peer

    def status(self, host: str = GATEWAY.origin_host) -> PeerStatus:
        return next(status for status in self.peers.statuses() if status.host.lower() == host)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop turn until the condition holds."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - what is waited for is not ours to signal
                await asyncio.sleep(0)

    async def until_state(self, state: str, host: str = GATEWAY.origin_host) -> None:
        await self.until(lambda: self.status(host).state == state)


@asynccontextmanager
async def diameter_port(
    application: Application | None = None, drain: Drain | None = None, **settings: object
) -> AsyncIterator[Port]:
    """A server that is cut off, not stopped in order, at the end."""
    timers = ManualTimers()
    chosen = {"listen": ("127.0.0.1:0",), "rules": RULES} | settings
    server = DiameterServer(
        TransportSettings(
            origin_host=OCS.origin_host,
            origin_realm=OCS.origin_realm,
            origin_state_id=OCS.origin_state_id,
            dictionary=default_dictionary(),
            **chosen,  # type: ignore[arg-type]
        ),
        served := application or EchoApplication(OCS),
        drain=drain,
        timers=timers,
        jitter=lambda: 0.0,
    )
    await server.start()
    port = Port(server, served, timers)
    try:
        yield port
    finally:
        server.peers.abort("end of the test")
        await server.stop()
