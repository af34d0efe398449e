"""A small credit-control server for tests: real sockets, one balance per IMSI, faults on command.

Not the product: it shares nothing with the server but the codec, so that a gateway can be tried without it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from diameter_ocs.simulator.message import decode, encode_answer, encode_request
from diameter_ocs.wire.codec import Avp, Message
from diameter_ocs.wire.framing import Framer
from diameter_ocs.wire.header import ERROR, RETRANSMIT, Header, read_header

HOST, REALM = "ocs01.ocs.mnc001.mcc001.3gppnetwork.org", "ocs.mnc001.mcc001.3gppnetwork.org"
TREE = list[tuple[str, Any]]


@dataclass
class Policy:
    """What the server decides by. Octets and seconds."""

    slice_octets: int = 1_000_000
    threshold: int = 0
    validity_seconds: int = 3600
    holding_seconds: int = 0
    denied_groups: dict[int | None, int] = field(default_factory=dict)
    command_code: Callable[["Ccr"], int] = lambda ccr: 2001
    final_action: int = 0


@dataclass
class Ccr:
    """A received CCR, decoded."""

    header: Header
    message: Message
    raw: bytes

    def number_of(self, name: str) -> int:
        value = self.message.value(name)
        assert isinstance(value, int)
        return value

    @property
    def session_id(self) -> str:
        return str(self.message.value("Session-Id"))

    @property
    def key(self) -> tuple[str, int]:
        return self.session_id, self.number_of("CC-Request-Number")

    @property
    def is_resent(self) -> bool:
        return bool(self.header.flags & RETRANSMIT)

    @property
    def imsi(self) -> str:
        for avp in self.message.all("Subscription-Id"):
            if number(avp.first("Subscription-Id-Type")) == 1:
                return str(avp.first("Subscription-Id-Data").value)  # type: ignore[union-attr]
        return ""

    @property
    def mscc(self) -> tuple[Avp, ...]:
        return self.message.all("Multiple-Services-Credit-Control")


def number(avp: Avp | None) -> int | None:
    return avp.value if avp is not None and isinstance(avp.value, int) else None


def used_octets(mscc: Avp) -> int:
    used = 0
    for unit in mscc.all("Used-Service-Unit"):
        total = number(unit.first("CC-Total-Octets"))
        both = [number(unit.first(name)) or 0 for name in ("CC-Input-Octets", "CC-Output-Octets")]
        used += sum(both) if total is None else total
    return used


class StubOcs:
    """Listens on 127.0.0.1. `balances` by IMSI in octets; an unknown IMSI gets 5030."""

    def __init__(self, balances: dict[str, int] | None = None, policy: Policy | None = None) -> None:
        self.balances = balances or {}
        self.policy = policy or Policy()
        self.received: list[Ccr] = []
        self.answers: dict[tuple[str, int], TREE] = {}
        self.consumed: dict[str, dict[int | None, int]] = {}
        self.base_messages: list[int] = []
        self.cea_code = 2001
        self.silent = False
        self.forgets = False
        """Every copy is decided anew."""
        self.answers_watchdog = True
        self.breaks_before_answer = 0
        """So many CCRs are processed and the line is cut instead of the answer."""
        self.ignores = 0
        """So many CCRs are neither processed nor answered, and the line is cut."""
        self.connections: list[StubConnection] = []
        self.arrived = asyncio.Condition()
        self.notifying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "StubOcs":
        await self.start()
        return self

    async def start(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: StubConnection(self), "127.0.0.1", port)

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self.connections:
            connection.abort()
        await self._server.wait_closed()

    @property
    def address(self) -> tuple[str, int]:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    # Deciding ------------------------------------------------------------------------------------

    def decide(self, ccr: Ccr) -> TREE:
        """The stored answer of a repeat, or a new one with its effect."""
        if self.forgets or ccr.key not in self.answers:
            self.answers[ccr.key] = self._decide(ccr)
        return self.answers[ccr.key]

    def _decide(self, ccr: Ccr) -> TREE:
        code = self.policy.command_code(ccr)
        if code == 2001 and ccr.imsi not in self.balances:
            code = 5030
        head: TREE = [
            ("Session-Id", ccr.session_id),
            ("Result-Code", code),
            ("Origin-Host", HOST),
            ("Origin-Realm", REALM),
            ("Auth-Application-Id", 4),
            ("CC-Request-Type", ccr.number_of("CC-Request-Type")),
            ("CC-Request-Number", ccr.number_of("CC-Request-Number")),
        ]
        if code != 2001:
            return head
        return head + [("Multiple-Services-Credit-Control", self._group(ccr, mscc)) for mscc in ccr.mscc]

    def _group(self, ccr: Ccr, mscc: Avp) -> TREE:
        group, used = number(mscc.first("Rating-Group")), used_octets(mscc)
        self.balances[ccr.imsi] -= used
        books = self.consumed.setdefault(ccr.session_id, {})
        books[group] = books.get(group, 0) + used
        named: TREE = [] if group is None else [("Rating-Group", group)]
        if mscc.first("Requested-Service-Unit") is None:
            return [*named, ("Result-Code", 2001)]
        if group in self.policy.denied_groups:
            return [*named, ("Result-Code", self.policy.denied_groups[group])]
        left = max(0, self.balances[ccr.imsi])
        if not left:
            return [*named, ("Result-Code", 4012)]
        return self._grant(named, min(left, self.policy.slice_octets), left <= self.policy.slice_octets)

    def _grant(self, named: TREE, granted: int, is_final: bool) -> TREE:
        policy = self.policy
        tree: TREE = [("Granted-Service-Unit", [("CC-Total-Octets", granted)]), *named]
        tree += [("Validity-Time", policy.validity_seconds), ("Result-Code", 2001)]
        if is_final:
            return [*tree, ("Final-Unit-Indication", [("Final-Unit-Action", policy.final_action)])]
        if policy.threshold:
            tree.append(("Volume-Quota-Threshold", policy.threshold))
        if policy.holding_seconds:
            tree.append(("Quota-Holding-Time", policy.holding_seconds))
        return tree

    # Waiting -------------------------------------------------------------------------------------

    async def wait_for(self, condition: Callable[["StubOcs"], bool], timeout_seconds: float = 5.0) -> None:
        """Until the condition holds; looked at after every message."""
        async with asyncio.timeout(timeout_seconds), self.arrived:
            await self.arrived.wait_for(lambda: condition(self))

    def numbers(self) -> list[tuple[int, int]]:
        """CC-Request-Type and -Number of all received CCRs, in order."""
        return [(ccr.number_of("CC-Request-Type"), ccr.number_of("CC-Request-Number")) for ccr in self.received]


class StubConnection(asyncio.Protocol):
    def __init__(self, ocs: StubOcs) -> None:
        self.ocs = ocs
        self.framer = Framer()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ocs.connections.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.ocs.connections.remove(self)
        self._tell()

    def data_received(self, data: bytes) -> None:
        for message in self.framer.feed(data):
            self._receive(read_header(message), message)
        self._tell()

    def _tell(self) -> None:
        async def notify() -> None:
            async with self.ocs.arrived:
                self.ocs.arrived.notify_all()

        task = asyncio.get_running_loop().create_task(notify())
        self.ocs.notifying.add(task)
        task.add_done_callback(self.ocs.notifying.discard)

    def abort(self) -> None:
        assert self.transport is not None
        self.transport.abort()

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def request(self, command: int, application: int, tree: TREE, hop_by_hop: int = 7) -> None:
        """A request of the server: DWR, DPR, RAR, ASR."""
        self.send(encode_request(command, application, hop_by_hop, hop_by_hop, tree))

    def _receive(self, header: Header, message: bytes) -> None:
        if header.command == 272:
            self._credit_control(Ccr(header, decode(message), message))
            return
        self.ocs.base_messages.append(header.command if header.is_request else -header.command)
        if not header.is_request:
            return
        origin: TREE = [("Origin-Host", HOST), ("Origin-Realm", REALM)]
        if header.command == 257:
            extra: TREE = [("Host-IP-Address", "127.0.0.1"), ("Vendor-Id", 10415), ("Product-Name", "stub")]
            extra.append(("Auth-Application-Id", 4))
            code = self.ocs.cea_code
            self.send(encode_answer(header, [("Result-Code", code), *origin, *extra], ERROR * (3000 <= code < 4000)))
        elif header.command == 280 and not self.ocs.answers_watchdog:
            return
        else:
            self.send(encode_answer(header, [("Result-Code", 2001), *origin]))

    def _credit_control(self, ccr: Ccr) -> None:
        ocs = self.ocs
        ocs.received.append(ccr)
        if ocs.ignores:
            ocs.ignores -= 1
            self.abort()
            return
        tree = ocs.decide(ccr)
        if ocs.breaks_before_answer:
            ocs.breaks_before_answer -= 1
            self.abort()
        elif not ocs.silent:
            code = tree[1][1]
            self.send(encode_answer(ccr.header, tree, ERROR if 3000 <= code < 4000 else 0))
