"""A packet gateway on the network: keeps its links up, sends CCRs, resends what stayed unanswered.

A request belongs to a transaction with one End-to-End id. When its connection breaks, the same
octets go out again on another or the renewed connection, with the T flag and a new Hop-by-Hop id
(RFC 6733 §5.5.4).
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from diameter_ocs.errors import MessageError, OcsError
from diameter_ocs.simulator import message as wire_message
from diameter_ocs.simulator.connection import Address, Connection, Link, LinkSettings, State
from diameter_ocs.simulator.credit import Answer, Request
from diameter_ocs.simulator.dialect import THREE_GPP, Dialect, Origin
from diameter_ocs.simulator.message import ABORT_SESSION, CREDIT_CONTROL_COMMAND, RE_AUTH
from diameter_ocs.wire.header import ERROR, RETRANSMIT, Header
from diameter_ocs.wire.result_code import ResultCode

MAX_RESENDS = 8
"""After so many broken connections a request is given up."""
CLOCK_BITS, RANDOM_BITS = 12, 20
"""How an End-to-End id starts: low bits of the time above random ones (RFC 6733 §3)."""


class NoAnswer(OcsError):
    """A request stayed without an answer for Tx, or its connection broke too often."""


@dataclass(slots=True, eq=False)
class Transaction:
    """One request under way. `message` is what was sent, but for Hop-by-Hop id and T flag."""

    request: Request
    message: bytearray
    started: float
    answered: asyncio.Future[Answer]
    sends: int = 0


@dataclass(slots=True)
class Counters:
    """What a gateway counts."""

    requests: int = 0
    answers: int = 0
    resends: int = 0
    unmatched_answers: int = 0
    faulty_answers: int = 0
    connections: int = 0
    result_codes: dict[int, int] = field(default_factory=dict)


class Scope(msgspec.Struct, frozen=True):
    """What a RAR is about; the whole session when neither is named."""

    rating_group: int | None = None
    pool: int | None = None


ServerRequest = Callable[[int, str, Scope], ResultCode | None]
"""What to answer to a RAR or ASR: command, Session-Id and scope. None: nothing at all."""


class Gateway:
    """One Diameter node with a link to each server. `clock` is monotonic seconds, `wall` seconds since 1970."""

    def __init__(
        self,
        servers: Sequence[Address],
        origin: Origin | None = None,
        settings: LinkSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.origin = origin or Origin(state_id=int(wall()))
        self.clock = clock
        self.wall = wall
        self.counters = Counters()
        self.on_answer: Callable[[Request, Answer, float], None] | None = None
        """Called with every answer and the seconds it took."""
        self.on_server_request: ServerRequest = lambda command, session_id, scope: ResultCode.UNKNOWN_SESSION_ID
        settings = settings or LinkSettings()
        self.links = [
            Link(address, lambda: Connection(self.origin, self, settings), settings)
            for address in dict.fromkeys(servers)
        ]
        self._under_way: dict[tuple[Connection, int], Transaction] = {}
        self._waiting: list[Transaction] = []
        self._opened: list[Connection] = []
        self._ready = asyncio.Event()
        low = int(wall()) & (1 << CLOCK_BITS) - 1
        self._end_to_end = low << RANDOM_BITS | random.getrandbits(RANDOM_BITS)
        self._turn = 0

    # Life ----------------------------------------------------------------------------------------

    async def start(self, timeout_seconds: float = 10.0) -> None:
        """Connect; returns when the first link is open. Raises NoAnswer with every link's cause."""
        for link in self.links:
            link.start()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._ready.wait()
        except TimeoutError:
            reasons = "; ".join(link.reason for link in self.links)
            await self.stop()
            raise NoAnswer(f"no server took the connection: {reasons}") from None

    async def stop(self) -> None:
        """DPR to every server; what is still unanswered fails."""
        await asyncio.gather(*(link.stop() for link in self.links))
        for transaction in [*self._under_way.values(), *self._waiting]:
            self._give_up(transaction, "the gateway stopped")

    async def leave(self) -> None:
        """DPR on every connection, as before a restart; the links connect again."""
        await asyncio.gather(*(connection.disconnect() for connection in self.open_connections()))

    async def wait_open(self, timeout_seconds: float = 10.0) -> None:
        """Until a link is open again. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            await self._ready.wait()

    def open_connections(self) -> list[Connection]:
        return [connection for connection in self._opened if connection.state is State.OPEN]

    # Requests ------------------------------------------------------------------------------------

    async def exchange(self, request: Request, dialect: Dialect = THREE_GPP, timeout_seconds: float = 10.0) -> Answer:
        """Send a CCR and wait for its CCA. Raises NoAnswer."""
        return await self.answer_to(self.send(request, self.encode(request, dialect)), timeout_seconds)

    def encode(self, request: Request, dialect: Dialect = THREE_GPP) -> bytes:
        """The octets of a CCR with an End-to-End id of its own; its Hop-by-Hop id comes with its connection."""
        self._end_to_end = self._end_to_end + 1 & 0xFFFF_FFFF
        return wire_message.encode_ccr(request, dialect, self.origin, int(self.wall()), end_to_end=self._end_to_end)

    def send(self, request: Request, message: bytes) -> Transaction:
        """Send a CCR that is encoded already, now or as soon as there is a connection."""
        self.counters.requests += 1
        answered = asyncio.get_running_loop().create_future()
        transaction = Transaction(request, bytearray(message), self.clock(), answered)
        self._send(transaction)
        return transaction

    async def answer_to(self, transaction: Transaction, timeout_seconds: float = 10.0) -> Answer:
        """The CCA of what was sent. Raises NoAnswer."""
        request = transaction.request
        try:
            async with asyncio.timeout(timeout_seconds):
                return await transaction.answered
        except TimeoutError:
            self._forget(transaction)
            raise NoAnswer(f"no answer to request {request.number} of {request.session_id}") from None

    def _send(self, transaction: Transaction) -> None:
        connection = self._route(transaction.request.destination_host)
        if connection is None:
            self._waiting.append(transaction)
            return
        if transaction.sends:
            transaction.message[4] |= RETRANSMIT
            self.counters.resends += 1
        transaction.sends += 1
        hop_by_hop = connection.next_hop_by_hop()
        transaction.message[12:16] = hop_by_hop.to_bytes(4, "big")
        self._under_way[connection, hop_by_hop] = transaction
        connection.write(bytes(transaction.message))

    def _route(self, host: str) -> Connection | None:
        """To the server that is asked for if it is there, else to the next one (RFC 6733 §6.1)."""
        candidates = self.open_connections()
        named = [connection for connection in candidates if connection.server_host == host]
        choice = named or candidates
        self._turn += 1
        return choice[self._turn % len(choice)] if choice else None

    def _forget(self, transaction: Transaction) -> None:
        self._under_way = {key: value for key, value in self._under_way.items() if value is not transaction}
        self._waiting = [value for value in self._waiting if value is not transaction]

    def _give_up(self, transaction: Transaction, reason: str) -> None:
        self._forget(transaction)
        if not transaction.answered.done():
            transaction.answered.set_exception(NoAnswer(reason))

    # Connections ---------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """Owner: what waited for a connection goes out."""
        self.counters.connections += 1
        self._opened.append(connection)
        self._ready.set()
        waiting, self._waiting = self._waiting, []
        for transaction in waiting:
            self._send(transaction)

    def closed(self, connection: Connection, reason: str) -> None:
        """Owner: what was under way on this connection is sent again elsewhere (RFC 6733 §5.5.4)."""
        self._opened = [each for each in self._opened if each is not connection]
        if not self.open_connections():
            self._ready.clear()
        lost = [key for key in self._under_way if key[0] is connection]
        for transaction in [self._under_way.pop(key) for key in lost]:
            if transaction.sends > MAX_RESENDS:
                self._give_up(transaction, f"the connection broke {transaction.sends} times")
            else:
                self._send(transaction)

    def received(self, connection: Connection, header: Header, message: bytes) -> None:
        """Owner: an answer to one of ours, or a request of the server."""
        if header.is_request:
            self._server_request(connection, header, message)
        elif header.command == CREDIT_CONTROL_COMMAND:
            self._answer(connection, header, message)

    def drop_connections(self, reason: str = "dropped on purpose") -> None:
        """Cut every line, as a broken network does."""
        for connection in self.open_connections():
            connection.abort(reason)

    def lose_next_answer(self) -> None:
        """Cut the line at the moment the next answer arrives."""
        for connection in self.open_connections():
            connection.loses_next_answer = True

    # Answers and requests of the server ----------------------------------------------------------

    def _answer(self, connection: Connection, header: Header, message: bytes) -> None:
        transaction = self._under_way.pop((connection, header.hop_by_hop), None)
        if transaction is None or transaction.answered.done():
            self.counters.unmatched_answers += 1
            return
        request = transaction.request
        try:
            answer = wire_message.read_answer(wire_message.decode(message))
            if answer.session_id != request.session_id or answer.number not in (0, request.number):
                raise MessageError(f"an answer to request {answer.number} of {answer.session_id}")
        except MessageError:
            self.counters.faulty_answers += 1
            return
        answer = msgspec.structs.replace(answer, number=request.number)
        self.counters.answers += 1
        codes = self.counters.result_codes
        codes[answer.result_code] = codes.get(answer.result_code, 0) + 1
        if self.on_answer is not None:
            self.on_answer(request, answer, self.clock() - transaction.started)
        transaction.answered.set_result(answer)

    def _server_request(self, connection: Connection, header: Header, message: bytes) -> None:
        """RAR and ASR are for the sessions; anything else is not a gateway's business (RFC 6733 §7.1.3)."""
        try:
            request = wire_message.decode(message)
        except MessageError:
            request = None
        if request is None or header.command not in (RE_AUTH, ABORT_SESSION):
            tree = wire_message.success(self.origin, ResultCode.COMMAND_UNSUPPORTED)
            connection.write(wire_message.encode_answer(header, tree, ERROR))
            return
        session_id = str(request.value("Session-Id"))
        named = (request.value("Rating-Group"), request.value("G-S-U-Pool-Identifier"))
        scope = Scope(*(number if isinstance(number, int) else None for number in named))
        code = self.on_server_request(header.command, session_id, scope)
        if code is None:
            return
        tree = [("Session-Id", session_id), *wire_message.success(self.origin, code)]
        connection.write(wire_message.encode_answer(header, tree))
