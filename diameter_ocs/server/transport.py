"""The Diameter port: listeners, dialled connections, and an end in order (RFC 6733 §2.1, §5.4)."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from diameter_ocs.gy.gateways import Gateways
from diameter_ocs.peer.admission import PeerRule
from diameter_ocs.peer.events import DisconnectCause
from diameter_ocs.peer.machine import Timing
from diameter_ocs.peer.node import CREDIT_CONTROL, Node
from diameter_ocs.server.address import Address, parse_address
from diameter_ocs.server.clock import Clock
from diameter_ocs.server.connection import Application, Limits
from diameter_ocs.server.peer_observer import PeerObserver, Unobserved
from diameter_ocs.server.peers import PeerEntry, PeerTable, spread
from diameter_ocs.server.timers import LoopTimers, Timers
from diameter_ocs.wire.dictionary import Dictionary

log = structlog.get_logger("ocs.peer")

_CLOSE_GRACE_SECONDS = 1.0
"""Added to the time the machines give a disconnect, before what is left is cut."""


class TransportSettings(Struct, frozen=True, kw_only=True):
    """Everything the Diameter port can be told. Times in seconds.

    listen: 'host:port' or '[v6-address]:port', port 0 for any free one. drain_seconds: how long
    running CCRs may take when the server stops. gateways: profiles of the peers; None: all are generic.
    """

    origin_host: str
    origin_realm: str
    dictionary: Dictionary
    product_name: str = "diameter_ocs"
    vendor_id: int = 0
    origin_state_id: int = 0
    applications: frozenset[int] = frozenset({CREDIT_CONTROL})
    listen: tuple[str, ...] = ("127.0.0.1:3868",)
    rules: tuple[PeerRule, ...] = ()
    gateways: Gateways | None = None
    watchdog_seconds: float = 30.0
    connect_seconds: float = 5.0
    cer_timeout_seconds: float = 10.0
    close_seconds: float = 5.0
    reconnect_seconds: float = 30.0
    drain_seconds: float = 5.0
    max_message_bytes: int = 65_536
    max_connections: int = 256
    write_buffer_bytes: int = 4_194_304
    stalled_reader_seconds: float = 10.0


Drain = Callable[[], Awaitable[None]]


class DiameterServer:
    """Listens for peers, dials those that are to be dialled, and hands their CCRs to the application.

    drain: waits until the application has answered what it has taken; called once, by `stop`.
    Made and used inside one running event loop: `start`, then `stop`.
    """

    def __init__(
        self,
        settings: TransportSettings,
        application: Application,
        *,
        observer: PeerObserver | None = None,
        drain: Drain | None = None,
        timers: Timers | None = None,
        jitter: Callable[[], float] = spread,
    ) -> None:
        self._settings = settings
        self._drain = drain
        self._listeners: list[asyncio.Server] = []
        self._dialler = _Dialler()
        own = LoopTimers(Clock())
        self._pulse = own.pulse
        self._idle = asyncio.Event()
        self.peers = PeerTable(
            node=_node(settings),
            rules=settings.rules,
            gateways=Gateways(settings.rules) if settings.gateways is None else settings.gateways,
            timing=_timing(settings),
            limits=_limits(settings),
            max_connections=settings.max_connections,
            cer_timeout_seconds=settings.cer_timeout_seconds,
            dictionary=settings.dictionary,
            application=application,
            observer=observer or Unobserved(),
            timers=timers or own,
            dialer=self._dialler,
            jitter=jitter,
        )
        self._dialler.table = self.peers

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it really listens, with the ports that the system chose."""
        sockets = [sock for listener in self._listeners for sock in listener.sockets]
        return tuple(Address(*sock.getsockname()[:2]) for sock in sockets)

    async def start(self) -> None:
        """Listen on every address, or on none: raises OSError (errno kept) that names the address and what to do."""
        try:
            for text in self._settings.listen:
                self._listeners.append(await self._listen(parse_address(text)))
        except OSError:
            self._stop_listening()
            raise
        self._pulse.start()
        self.peers.start()

    async def stop(self, cause: DisconnectCause = DisconnectCause.REBOOTING) -> None:
        """Stop accepting, finish running CCRs, DPR to every peer, wait for DPA or the timer, close."""
        self._stop_listening()
        self.peers.drain()
        await self._finish_running()
        self.peers.on_idle = self._idle.set
        self.peers.stop(cause)
        try:
            async with asyncio.timeout(self._settings.close_seconds + _CLOSE_GRACE_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            log.warning("connections left after the time to disconnect", count=len(self.peers.connections))
        self.peers.abort("the server stops")
        self._pulse.stop()
        await self._dialler.finish()

    async def _finish_running(self) -> None:
        if self._drain is None:
            return
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                await self._drain()
        except TimeoutError:
            log.warning("requests left unanswered at the stop", seconds=self._settings.drain_seconds)

    async def _listen(self, address: Address) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(self.peers.accept, address.host, address.port, reuse_address=True)
        except OSError as reason:
            raise OSError(reason.errno, listen_problem(address, reason)) from reason

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


class _Dialler:
    """Connection attempts under way, one per peer at most."""

    table: PeerTable

    def __init__(self) -> None:
        self._attempts: dict[str, asyncio.Task[None]] = {}

    def dial(self, entry: PeerEntry) -> None:
        self.hang_up(entry)
        key = entry.peer.remote_host.lower()
        self._attempts[key] = asyncio.create_task(self._attempt(entry, key), name=f"dial {key}")

    def hang_up(self, entry: PeerEntry) -> None:
        attempt = self._attempts.pop(entry.peer.remote_host.lower(), None)
        if attempt is not None:
            attempt.cancel()

    async def finish(self) -> None:
        """Cancel what is left and wait for its end."""
        attempts = list(self._attempts.values())
        self._attempts.clear()
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)

    async def _attempt(self, entry: PeerEntry, key: str) -> None:
        assert entry.rule.connect is not None
        loop = asyncio.get_running_loop()
        try:
            host, port = parse_address(entry.rule.connect)
            await loop.create_connection(lambda: self.table.dialled(entry), host, port)
        except (OSError, ValueError) as reason:
            del self._attempts[key]
            self.table.dial_failed(entry, f"cannot connect to {entry.rule.connect}: {reason}")
        else:
            self._attempts.pop(key, None)


def listen_problem(address: Address, reason: OSError) -> str:
    """Why an address cannot be listened on, and where to look."""
    advice = {
        errno.EADDRINUSE: f"another program has this port; 'ss -ltnp sport = :{address.port}' shows which one",
        errno.EACCES: "this user may not use a port below 1024; take a higher one or allow it CAP_NET_BIND_SERVICE",
        errno.EADDRNOTAVAIL: "no interface of this machine has this address; 'ip address' shows those it has",
        errno.EAFNOSUPPORT: "this machine has no support for addresses of this family",
        socket.EAI_NONAME: "nobody knows this host name; see /etc/hosts and the name server",
    }
    return f"cannot listen on {address}: {advice.get(reason.errno or 0, str(reason))}"


def _node(settings: TransportSettings) -> Node:
    return Node(
        origin_host=settings.origin_host,
        origin_realm=settings.origin_realm,
        product_name=settings.product_name,
        vendor_id=settings.vendor_id,
        origin_state_id=settings.origin_state_id,
        applications=settings.applications,
    )


def _timing(settings: TransportSettings) -> Timing:
    return Timing(
        watchdog_seconds=settings.watchdog_seconds,
        connect_seconds=settings.connect_seconds,
        capabilities_seconds=settings.cer_timeout_seconds,
        close_seconds=settings.close_seconds,
        reconnect_seconds=settings.reconnect_seconds,
    )


def _limits(settings: TransportSettings) -> Limits:
    return Limits(
        max_message_bytes=settings.max_message_bytes,
        write_buffer_bytes=settings.write_buffer_bytes,
        stalled_reader_seconds=settings.stalled_reader_seconds,
        close_seconds=settings.close_seconds,
    )
