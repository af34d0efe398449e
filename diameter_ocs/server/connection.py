"""One transport connection to a peer: bytes to messages and back, requests to their answers, and limits.

It decides nothing about the peer; what is not a plain CCR of a steady peer goes to its owner, the
peer table. On the common road there is no task, no future and no log line per message.
"""

import asyncio
import secrets
import socket
import struct
from collections.abc import Callable
from typing import Protocol, cast

import structlog
from msgspec import Struct

from diameter_ocs.charging.gateway_profile import GENERIC, GatewayProfile
from diameter_ocs.errors import FramingLost
from diameter_ocs.peer.events import Side
from diameter_ocs.peer.messages import Command, hop_by_hop_of, stamped
from diameter_ocs.peer.node import CREDIT_CONTROL
from diameter_ocs.server.peer_observer import PeerObserver
from diameter_ocs.server.timers import TimerHandle, Timers
from diameter_ocs.wire.framing import Framer
from diameter_ocs.wire.header import ERROR, REQUEST, VERSION

log = structlog.get_logger("ocs.peer")

UNKNOWN = "unknown"
"""Label of a peer that has not introduced itself."""

MAX_PENDING_REQUESTS = 1_000
"""Requests of ours that may wait for their answer on one connection; above it a peer answers too slowly to ask more."""

HOP_BY_HOP_IDS = 1 << 32

_CCR = Command.CREDIT_CONTROL.to_bytes(3, "big") + CREDIT_CONTROL.to_bytes(4, "big")
_REQUEST_OR_ERROR = REQUEST | ERROR
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on with no time: closing sends RST."""

OnAnswer = Callable[[bytes | None], None]


class Client(Protocol):
    """Who sent a request, and the way back to him. label: bounded, for metrics. gateway: what he understands."""

    origin_host: str
    origin_realm: str
    label: str
    gateway: GatewayProfile

    def send(self, message: bytes) -> None:
        """Queue an answer; a client that is gone meanwhile gets nothing, and nothing is raised."""


class Application(Protocol):
    """Whoever answers CCRs."""

    def handle(self, message: bytes, client: Client, arrived: float) -> None:
        """Take one framed CCR with a checked header. arrived: monotonic seconds. Must not block."""


class Owner(Protocol):
    """To whom a connection reports."""

    def connected(self, connection: "Connection") -> None: ...

    def message_received(self, connection: "Connection", message: bytes, arrived: float) -> None:
        """Any message that the connection does not hand to the application itself."""

    def application_failed(self, connection: "Connection", request: bytes) -> None:
        """The application raised; called inside the handling of that exception."""

    def disconnected(self, connection: "Connection", text: str) -> None: ...


class Limits(Struct, frozen=True, kw_only=True):
    """What one connection may cost. close_seconds: for unsent bytes to leave once the connection is closed."""

    max_message_bytes: int = 65_536
    write_buffer_bytes: int = 4_194_304
    stalled_reader_seconds: float = 10.0
    close_seconds: float = 5.0


class Connection(asyncio.Protocol):
    """steady: the peer is open and beyond doubt, so its CCRs go straight to the application.

    peer_key: name of the peer in the table it belongs to, None before the CER. last_received: monotonic
    time of the last whole message.
    """

    def __init__(
        self, owner: Owner, application: Application, limits: Limits, timers: Timers, observer: PeerObserver, side: Side
    ) -> None:
        self.side = side
        self.steady = False
        self.peer_key: str | None = None
        self.origin_host = ""
        self.origin_realm = ""
        self.label = UNKNOWN
        self.gateway = GENERIC
        self.local_ip = ""
        self.remote_ip = ""
        self.remote_port = 0
        self.opened_at_ms = 0
        self.last_received = 0.0
        self.messages_in = 0
        self.messages_out = 0
        self._owner = owner
        self._handle = application.handle
        self._limits = limits
        self._timers = timers
        self._now = timers.now
        self._arrival = timers.arrival
        self._observer = observer
        self._framer = Framer(limits.max_message_bytes)
        self._queue: list[bytes] = []
        self._pending: dict[int, tuple[OnAnswer, TimerHandle | None]] = {}
        self._next_hop_by_hop = secrets.randbits(32)
        self._ended = False
        self._reason = ""
        self._stalled: TimerHandle | None = None
        self._lingering: TimerHandle | None = None

    @property
    def address(self) -> str:
        """Where the peer connects from or was dialled, 'host:port'."""
        return (
            f"[{self.remote_ip}]:{self.remote_port}"
            if ":" in self.remote_ip
            else f"{self.remote_ip}:{self.remote_port}"
        )

    # asyncio.Protocol -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        self._call_soon = asyncio.get_running_loop().call_soon
        self.local_ip = transport.get_extra_info("sockname")[0]
        self.remote_ip, self.remote_port = (transport.get_extra_info("peername") or ("", 0))[:2]
        self.opened_at_ms = self._timers.at_ms()
        self.last_received = self._now()
        self._owner.connected(self)

    def data_received(self, data: bytes) -> None:
        arrived = self._arrival()
        try:
            messages = self._framer.feed(data)
        except FramingLost as lost:
            self._take(lost.messages, arrived)
            self.reset(lost.text)
            return
        if messages:
            self._take(messages, arrived)

    def pause_writing(self) -> None:
        """The peer does not read its answers: read no more of its requests, and do not wait for ever."""
        self._transport.pause_reading()
        self._stalled = self._timers.call_later(self._limits.stalled_reader_seconds, self._give_up_on_reader)

    def resume_writing(self) -> None:
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None
        if not self._ended:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self.steady = False
        self._queue.clear()
        for timer in (self._stalled, self._lingering):
            if timer:
                timer.cancel()
        self._abandon_requests()
        self._owner.disconnected(self, self._reason or (f"connection lost: {exc}" if exc else "closed by the peer"))

    # Messages in ------------------------------------------------------------------------------

    def _take(self, messages: list[bytes] | tuple[bytes, ...], arrived: float) -> None:
        self.last_received = self._now()
        self.messages_in += len(messages)
        requests = 0
        for message in messages:
            if self._ended:
                break
            if (
                self.steady
                and message[5:12] == _CCR
                and message[4] & _REQUEST_OR_ERROR == REQUEST
                and message[0] == VERSION
            ):
                requests += 1
                self.hand_over(message, arrived)
            else:
                self._owner.message_received(self, message, arrived)
        if requests:
            self._observer.received(self.label, Command.CREDIT_CONTROL, requests)

    def hand_over(self, message: bytes, arrived: float) -> None:
        """Give a CCR to the application. Its mistakes cost one answer, not the connection."""
        try:
            self._handle(message, self, arrived)
        except Exception:
            self._owner.application_failed(self, message)

    def take_answer(self, message: bytes) -> bool:
        """Match an answer with its request. False: nobody asked (any more), it is discarded (RFC 6733 §6.2)."""
        waiting = self._pending.pop(hop_by_hop_of(message), None)
        if waiting is None:
            return False
        on_answer, timer = waiting
        if timer:
            timer.cancel()
        on_answer(message)
        return True

    # Messages out -----------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Queue an answer of the application; all of one turn of the loop leave in one write."""
        if self._ended:
            return
        self._queue.append(message)
        if len(self._queue) == 1:
            self._call_soon(self._flush)

    def send_now(self, message: bytes, command: int) -> None:
        """Send a message of the base protocol behind everything queued so far."""
        if self._ended:
            return
        self._flush()
        self.messages_out += 1
        self._transport.write(message)
        self._observer.sent(self.label, command, 1)

    def request(self, message: bytes, on_answer: OnAnswer, timeout_seconds: float | None = None) -> bool:
        """Send a request under a Hop-by-Hop Identifier of this connection.

        on_answer is called once: with the answer, or with None when the time is over or the
        connection lost. False: not sent, the connection is closed or too many answers are owed.
        """
        if self._ended or len(self._pending) >= MAX_PENDING_REQUESTS:
            return False
        hop_by_hop = self._free_hop_by_hop()
        timer = None
        if timeout_seconds is not None:
            timer = self._timers.call_later(timeout_seconds, lambda: self._unanswered(hop_by_hop))
        self._pending[hop_by_hop] = (on_answer, timer)
        self.send_now(stamped(message, hop_by_hop), int.from_bytes(message[5:8], "big"))
        return True

    def _free_hop_by_hop(self) -> int:
        while self._next_hop_by_hop in self._pending:
            self._next_hop_by_hop = (self._next_hop_by_hop + 1) % HOP_BY_HOP_IDS
        taken = self._next_hop_by_hop
        self._next_hop_by_hop = (taken + 1) % HOP_BY_HOP_IDS
        return taken

    def _unanswered(self, hop_by_hop: int) -> None:
        on_answer, _ = self._pending.pop(hop_by_hop)
        on_answer(None)

    def _abandon_requests(self) -> None:
        pending, self._pending = self._pending, {}
        for on_answer, timer in pending.values():
            if timer:
                timer.cancel()
            on_answer(None)

    def _flush(self) -> None:
        queue = self._queue
        if not queue or self._ended:
            return
        self._queue = []
        self.messages_out += len(queue)
        self._transport.write(b"".join(queue))
        self._observer.sent(self.label, Command.CREDIT_CONTROL, len(queue))

    # The end ----------------------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Close in order: what was sent still leaves, within a time."""
        if self._ended:
            return
        self._flush()
        self._end(reason)
        self._lingering = self._timers.call_later(self._limits.close_seconds, self._transport.abort)
        self._transport.close()

    def reset(self, reason: str) -> None:
        """Close with RST (RFC 6733 §2.1): nothing on this connection can be understood or delivered any more.

        A connection that is closing already just ends at once. The table tells the cause of a peer's end.
        """
        if self._ended:
            self._transport.abort()
            return
        self._end(reason)
        if self.peer_key is None:
            log.warning("connection reset", address=self.address, cause=reason)
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def _end(self, reason: str) -> None:
        self._ended = True
        self.steady = False
        self._reason = reason

    def _give_up_on_reader(self) -> None:
        unsent = self._transport.get_write_buffer_size()
        seconds = self._limits.stalled_reader_seconds
        self.reset(f"the peer has not read its answers for {seconds:g} s, {unsent} octets wait")
