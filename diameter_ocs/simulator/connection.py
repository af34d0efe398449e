"""One connection of a gateway to a server: capabilities, watchdog, disconnect; and the link that renews it.

RFC 6733 §5 on the side that connects, RFC 3539 §3.4. Credit control is handed up as it comes.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, cast

from diameter_ocs.errors import FramingLost, MessageError
from diameter_ocs.simulator import message as wire_message
from diameter_ocs.simulator.credit import SUCCESS
from diameter_ocs.simulator.dialect import Origin
from diameter_ocs.simulator.message import (
    BASE,
    CAPABILITIES_EXCHANGE,
    CREDIT_CONTROL_COMMAND,
    DEVICE_WATCHDOG,
    DISCONNECT_PEER,
    REBOOTING,
)
from diameter_ocs.simulator.packet_data import AvpTree
from diameter_ocs.wire.codec import Message
from diameter_ocs.wire.framing import Framer
from diameter_ocs.wire.header import Header, read_header

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Timers of a connection in seconds.

    watchdog: Tw (RFC 3539 §3.4.1), 30 recommended. reconnect_first: the pause after the first failure,
    doubled until reconnect_most.
    """

    watchdog_seconds: float = 30.0
    handshake_seconds: float = 5.0
    disconnect_seconds: float = 3.0
    reconnect_first_seconds: float = 0.05
    reconnect_most_seconds: float = 5.0


class State(Enum):
    """Of a connection that was opened by us (RFC 6733 §5.6)."""

    WAIT_CEA = "wait-i-cea"
    OPEN = "i-open"
    CLOSING = "closing"
    CLOSED = "closed"


class Owner(Protocol):
    """Whoever uses a connection. Called on the event loop."""

    def opened(self, connection: "Connection") -> None:
        """Capabilities are exchanged: requests may be sent."""

    def received(self, connection: "Connection", header: Header, message: bytes) -> None:
        """A message that is not of the base protocol's own upkeep."""

    def closed(self, connection: "Connection", reason: str) -> None:
        """The connection is gone, with the cause in words."""


class Connection(asyncio.Protocol):
    """A connection to one server. `may_reconnect` is False after a DPR that forbids it (RFC 6733 §5.4.3)."""

    def __init__(self, origin: Origin, owner: Owner, settings: LinkSettings) -> None:
        self.origin = origin
        self.owner = owner
        self.settings = settings
        self.state = State.WAIT_CEA
        self.server_host = ""
        self.may_reconnect = True
        self.loses_next_answer = False
        """Break off when the next CCA arrives, without reading it: as if the line was cut then."""
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watchdog_pending = False
        self._hop_by_hop = random.getrandbits(32)
        self._reason = "the server closed the connection"

    # Transport -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        address = transport.get_extra_info("sockname")[0]
        self._request(CAPABILITIES_EXCHANGE, wire_message.capabilities(self.origin, address))
        self._arm(self.settings.handshake_seconds, lambda: self.abort("no answer to the CER"))

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._framer.feed(data)
        except FramingLost as error:
            return self.abort(f"the server sent what is not Diameter: {error}")
        for message in messages:
            if self.state is not State.CLOSED:
                self._receive(message)
        return None

    def connection_lost(self, error: Exception | None) -> None:
        self.state = State.CLOSED
        self._disarm()
        if not self.over.done():
            self.over.set_result(self._reason if error is None else str(error))
            self.owner.closed(self, self.over.result())

    def write(self, data: bytes | bytearray) -> None:
        """Send octets as they are."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def abort(self, reason: str) -> None:
        """Drop the line at once; nothing more is read from it."""
        self._reason = reason
        self.state = State.CLOSED
        if self._transport is not None:
            self._transport.abort()

    def next_hop_by_hop(self) -> int:
        """Unique among the open requests of this connection (RFC 6733 §3)."""
        self._hop_by_hop = self._hop_by_hop + 1 & 0xFFFF_FFFF
        return self._hop_by_hop

    async def disconnect(self) -> None:
        """DPR, then wait until the server has answered or time is up (RFC 6733 §5.4)."""
        if self.state is State.OPEN:
            self.state = State.CLOSING
            self._request(DISCONNECT_PEER, wire_message.disconnect(self.origin))
            await asyncio.wait([self.over], timeout=self.settings.disconnect_seconds)
        if not self.over.done():
            self.abort("no answer to the DPR")
            await self.over

    # Messages ------------------------------------------------------------------------------------

    def _request(self, command: int, tree: AvpTree) -> None:
        end_to_end = random.getrandbits(32)
        self.write(wire_message.encode_request(command, BASE, self.next_hop_by_hop(), end_to_end, tree))

    def _receive(self, message: bytes) -> None:
        header = read_header(message)
        self._watchdog_pending = False
        if self.state is State.OPEN:
            self._watch()
        if header.command == CREDIT_CONTROL_COMMAND and self.loses_next_answer:
            return self.abort("the line was cut before the answer was read")
        upkeep = UPKEEP.get((header.command, header.is_request))
        if upkeep is not None:
            return upkeep(self, header, message)
        if self.state in (State.OPEN, State.CLOSING):
            return self.owner.received(self, header, message)
        return self.abort("the server sent something before its CEA")

    def _capabilities_answer(self, header: Header, message: bytes) -> None:
        answer = _decoded(message)
        code = answer.value("Result-Code") if answer else None
        if self.state is not State.WAIT_CEA or code != SUCCESS:
            return self.abort(f"the server refused the connection with Result-Code {code!r}")
        self.server_host = str(answer.value("Origin-Host")) if answer else ""
        self.state = State.OPEN
        self._watch()
        return self.owner.opened(self)

    def _watchdog_request(self, header: Header, message: bytes) -> None:
        self.write(wire_message.encode_answer(header, wire_message.success(self.origin)))

    def _watchdog_answer(self, header: Header, message: bytes) -> None:
        """Any message is a sign of life, so this one has done its work by coming."""

    def _disconnect_request(self, header: Header, message: bytes) -> None:
        """Answer and let the server close; what is unanswered then goes elsewhere."""
        request = _decoded(message)
        cause = request.value("Disconnect-Cause") if request else None
        self.may_reconnect = cause == REBOOTING
        self._reason = f"the server disconnected with cause {cause!r}"
        self.write(wire_message.encode_answer(header, wire_message.success(self.origin)))
        self.state = State.CLOSING
        self._arm(self.settings.disconnect_seconds, lambda: self.abort(self._reason))

    def _disconnect_answer(self, header: Header, message: bytes) -> None:
        self._reason = "disconnected in order"
        if self._transport is not None:
            self._transport.close()

    # Watchdog ------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Restart Tw with its jitter of at most two seconds, on every message (RFC 3539 §3.4.1)."""
        tw = self.settings.watchdog_seconds
        jitter = random.uniform(-1, 1) * min(2.0, tw / 5)  # noqa: S311
        self._arm(tw + jitter, self._silence)

    def _silence(self) -> None:
        """Tw is over: ask once; a second silence ends the connection, which moves its requests elsewhere.

        RFC 3539 §3.4.1 would move them now and close after a third; closing does both at once.
        """
        if self._watchdog_pending:
            return self.abort("no answer to the DWR")
        self._watchdog_pending = True
        self._request(DEVICE_WATCHDOG, wire_message.watchdog(self.origin))
        return self._watch()

    def _arm(self, seconds: float, call: Callable[[], None]) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, call)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


UPKEEP: dict[tuple[int, bool], Callable[[Connection, Header, bytes], None]] = {
    (CAPABILITIES_EXCHANGE, False): Connection._capabilities_answer,
    (DEVICE_WATCHDOG, True): Connection._watchdog_request,
    (DEVICE_WATCHDOG, False): Connection._watchdog_answer,
    (DISCONNECT_PEER, True): Connection._disconnect_request,
    (DISCONNECT_PEER, False): Connection._disconnect_answer,
}
"""Messages by which a connection keeps itself alive: command code and "is a request"."""


def _decoded(message: bytes) -> Message | None:
    """None for what the strict codec refuses: the caller then has no values, which is refusal enough."""
    try:
        return wire_message.decode(message)
    except MessageError:
        return None


class Link:
    """Keeps one connection to one server up: connects, waits and connects again until stopped."""

    def __init__(self, address: Address, connect: Callable[[], Connection], settings: LinkSettings) -> None:
        self.address = address
        self.connection: Connection | None = None
        self.failures = 0
        """Attempts in a row that brought no open connection."""
        self.reason = "not yet connected"
        self._connect = connect
        self._settings = settings
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=f"link to {self.address[0]}:{self.address[1]}")

    async def stop(self) -> None:
        """Disconnect in order and stop reconnecting."""
        self._stopping.set()
        if self.connection is not None:
            await self.connection.disconnect()
        if self._task is not None:
            await self._task

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            was_open = await self._once()
            self.failures = 0 if was_open else self.failures + 1
            if self.connection is not None and not self.connection.may_reconnect:
                return
            await self._pause()

    async def _once(self) -> bool:
        """One connection from beginning to end; whether it was ever open."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.handshake_seconds):
                _, self.connection = await loop.create_connection(self._connect, *self.address)
        except OSError as error:
            self.reason = f"cannot connect to {self.address[0]}:{self.address[1]}: {error or 'timed out'}"
            return False
        if self._stopping.is_set():
            await self.connection.disconnect()
        self.reason = await self.connection.over
        return bool(self.connection.server_host)

    async def _pause(self) -> None:
        """Exponential back-off, cut short by `stop`."""
        settings = self._settings
        pause = min(settings.reconnect_first_seconds * 2 ** min(self.failures, 20), settings.reconnect_most_seconds)
        try:
            async with asyncio.timeout(pause):
                await self._stopping.wait()
        except TimeoutError:
            return
