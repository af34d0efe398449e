"""Gateways that misbehave as a mix says, and the books of what a correct server must have debited all the same.

Every CCR that is new counts once, in whatever order, unit or amount; copies of it never count. Of a request that
was refused as a whole because it could not be processed (3xxx, 5012) nothing counts.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.errors import OcsError
from diameter_ocs.simulator.connection import Address
from diameter_ocs.simulator.credit import (
    SUCCESS,
    Answer,
    Books,
    Report,
    Request,
    SessionBooks,
    Subscriber,
    TerminationCause,
)
from diameter_ocs.simulator.dialect import THREE_GPP, Dialect, Origin, sister_host, write_3gpp
from diameter_ocs.simulator.gateway import Gateway, NoAnswer, Scope, Transaction
from diameter_ocs.simulator.message import ABORT_SESSION
from diameter_ocs.simulator.misdeeds import Misdeed, Mix, UpdatePlan, session_plan
from diameter_ocs.simulator.packet_data import AvpTree
from diameter_ocs.wire.header import RETRANSMIT
from diameter_ocs.wire.result_code import ResultCode

FLAGS_AT = 4
GATEWAYS = 2
FIRST_NUMBER_BITS = 31
USUAL_OCTETS = 1_000_000
"""Used of a group that was granted nothing, by a gateway that does not care."""
MOST_OVERUSE, MOST_SKIPPED, STRANGE_GROUPS = 5, 1000, 5
STRANGE_GROUP = 4_000_000_000
HUGE = (1 << 64) - 1, 1 << 63, (1 << 63) - 1, 1 << 62, (1 << 53) + 1, 1 << 32
MAX_FAULTS = 20
MSCC = "Multiple-Services-Credit-Control"
TAKEN = frozenset(
    {
        SUCCESS,
        ResultCode.END_USER_SERVICE_DENIED,
        ResultCode.CREDIT_CONTROL_NOT_APPLICABLE,
        ResultCode.CREDIT_LIMIT_REACHED,
        ResultCode.UNKNOWN_SESSION_ID,
        ResultCode.RATING_FAILED,
    }
)
"""The server has processed the request and keeps its usage on record, whatever it thinks of it."""
REQUESTS_REFUSED = frozenset({Misdeed.IGNORE_REQUESTS, Misdeed.REFUSE_REQUESTS})

PATIENCE_SECONDS = 3.0
"""For the ASR that follows a block: a running node looks once a second for what other programs wrote."""

SetBlocked = Callable[[Subscriber, bool], Awaitable[None]]
"""Blocks or unblocks the account of a subscriber, which makes the server abort its sessions (ASR). Raises OcsError."""


class MisdeedCount(Struct, frozen=True):
    """How often something was done, and the Result-Codes of the answers. misdeed empty: requests that were right."""

    misdeed: str
    done: int
    result_codes: Mapping[int, int]

    def __str__(self) -> str:
        codes = ", ".join(f"{code}: {count:,}" for code, count in sorted(self.result_codes.items()))
        return f"{self.misdeed or 'as it should be'}: {self.done:,}" + (f" ({codes})" if codes else "")


class MixReport(Struct, frozen=True):
    """What came of a mix. faults: where the server was wrong, in words. books: for the conservation check."""

    sessions: int
    requests: int
    counts: tuple[MisdeedCount, ...]
    faults: tuple[str, ...]
    books: SessionBooks


async def run_mix(
    mix: Mix,
    subscribers: Sequence[Subscriber],
    servers: Sequence[Address],
    origin: Origin | None = None,
    set_blocked: SetBlocked | None = None,
    before_late: Callable[[], Awaitable[None]] | None = None,
) -> MixReport:
    """Play a mix on two gateways. Raises NoAnswer when no server takes a connection.

    before_late: called when all sessions are over but for those that end late: lets time pass. Without
    `set_blocked` nobody's ASR is ignored or refused, because there is none.
    """
    first = origin or Origin()
    origins = [replace(first, host=sister_host(first.host, number)) for number in range(GATEWAYS)]
    run = _Run(mix, [Gateway(servers, each) for each in origins], set_blocked)
    try:
        for gateway in run.gateways:
            await gateway.start()
        await run.play(subscribers)
        if before_late is not None:
            await before_late()
        await asyncio.gather(*(session.end_late() for session in run.late))
    finally:
        await asyncio.gather(*(gateway.stop() for gateway in run.gateways))
    return run.report()


class _Run:
    """The sessions of a mix and what is counted over all of them."""

    def __init__(self, mix: Mix, gateways: Sequence[Gateway], set_blocked: SetBlocked | None) -> None:
        self.mix = mix
        self.gateways = gateways
        self.set_blocked = set_blocked
        self.sessions: dict[str, _Session] = {}
        self.late: list[_Session] = []
        self.done: Counter[Misdeed] = Counter()
        self.codes: dict[Misdeed | None, Counter[int]] = {}
        self.faults: list[str] = []
        self._first_number = random.getrandbits(FIRST_NUMBER_BITS)
        for gateway in gateways:
            gateway.on_server_request = self._asked

    async def play(self, subscribers: Sequence[Subscriber]) -> None:
        """Every session but for late ends."""
        slots = asyncio.Semaphore(self.mix.at_once)

        async def play_one(number: int) -> None:
            async with slots:
                session = _Session(self, number, subscribers[number % len(subscribers)], self._first_number + number)
                self.sessions[session.session_id] = session
                await session.play()

        await asyncio.gather(*(play_one(number) for number in range(self.mix.sessions)))

    def count(self, misdeed: Misdeed | None, code: int) -> None:
        self.codes.setdefault(misdeed, Counter())[code] += 1

    def fault(self, words: str) -> None:
        """The first of them tell enough."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(words)

    def report(self) -> MixReport:
        codes = {kind: dict(self.codes.get(kind, {})) for kind in (None, *Misdeed)}
        counts = [MisdeedCount("", sum(codes[None].values()), codes[None])]
        counts += [MisdeedCount(kind.value, self.done[kind], codes[kind]) for kind in Misdeed if self.done[kind]]
        requests = sum(gateway.counters.requests for gateway in self.gateways)
        books = {session.session_id: session.books.groups for session in self.sessions.values()}
        return MixReport(len(self.sessions), requests, tuple(counts), tuple(self.faults), books)

    def _asked(self, command: int, session_id: str, scope: Scope) -> ResultCode | None:
        session = self.sessions.get(session_id)
        return session.asked(command) if session is not None else ResultCode.UNKNOWN_SESSION_ID


class _Session:
    """One session that does what its plan says."""

    def __init__(self, run: _Run, number: int, subscriber: Subscriber, name: int) -> None:
        self.run = run
        self.plan = session_plan(run.mix, number)
        self.subscriber = subscriber
        self.gateway = run.gateways[number % GATEWAYS]
        self.elsewhere = run.gateways[(number + 1) % GATEWAYS]
        self.session_id = THREE_GPP.session_id(self.gateway.origin, name, subscriber)
        self.books = Books()
        self.granted: dict[int, int] = {}
        self.is_closed = False
        """The server has no session any more."""
        self.is_aborted = False
        self._was_asked = asyncio.Event()
        self._server = ""
        self._number = 0

    # The plan ------------------------------------------------------------------------------------

    async def play(self) -> None:
        """From the first request to the end that was planned."""
        await self._open()
        for number, update in enumerate(self.plan.updates):
            if not (self._ignores or self._may_go_on):
                break
            is_half = number == len(self.plan.updates) // 2
            if is_half and self.plan.trait in REQUESTS_REFUSED and self.run.set_blocked is not None:
                await self._provoke(self.run.set_blocked)
            await self._update(update)
        if self._ignores or not self.is_closed:
            await self._end()

    @property
    def _ignores(self) -> bool:
        return self.plan.trait is Misdeed.IGNORE_ANSWERS

    @property
    def _may_go_on(self) -> bool:
        return any(self.granted.values()) and not (self.is_closed or self.is_aborted)

    async def _open(self) -> None:
        reports = tuple(Report(group, asks=True) for group in self.run.mix.groups)
        request = self._request(RequestType.INITIAL, reports)
        message = self.gateway.encode(request)
        first = await self._answer(self.gateway.send(request, message), None)
        if first is not None:
            self._obey(request, first)
        if self.plan.trait is Misdeed.OPEN_AGAIN and first is not None:
            self.run.done[Misdeed.OPEN_AGAIN] += 1
            again = await self._answer(self.gateway.send(request, message), Misdeed.OPEN_AGAIN)
            if first.result_code == SUCCESS:
                self._same(first, again)
        if self.plan.trait is Misdeed.OPEN_ANEW:
            self.run.done[Misdeed.OPEN_ANEW] += 1
            anew = self._request(RequestType.INITIAL, reports)
            answer = await self._answer(self.gateway.send(anew, self.gateway.encode(anew)), Misdeed.OPEN_ANEW)
            if answer is not None and answer.result_code == SUCCESS and not self.is_closed:
                self.run.fault(f"session {self.session_id} was opened twice")
        self.run.done[Misdeed.IGNORE_ANSWERS] += self._ignores

    async def _update(self, plan: UpdatePlan) -> None:
        if plan.misdeed is not None:
            self.run.done[plan.misdeed] += 1
        if plan.misdeed is Misdeed.SKIP_NUMBERS:
            self._number += 1 + plan.chance % MOST_SKIPPED
        if plan.misdeed is Misdeed.REORDER:
            return await self._reorder(plan)
        if plan.misdeed is Misdeed.DROP_LINE:
            self.gateway.lose_next_answer()
        reports, units = self._usage(plan)
        request = self._request(RequestType.UPDATE, reports)
        copies_at = self._copies(plan)
        if copies_at is None:
            await self._ask(request, plan.misdeed, units)
        else:
            await self._resend(request, plan, copies_at)
        if plan.misdeed is Misdeed.CONTRADICT:
            await self._contradict(request)
        return None

    async def _end(self) -> None:
        ending = self.plan.ending
        if ending is not None:
            self.run.done[ending] += 1
        if ending is Misdeed.VANISH:
            self.gateway.drop_connections()
        elif ending is Misdeed.LEAVE:
            await self.gateway.leave()
        elif ending is Misdeed.END_LATE:
            self.run.late.append(self)
        elif ending is Misdeed.END_EARLY:
            update = self._request(RequestType.UPDATE, self._reports(asks=True))
            await self._in_order([self._termination(), update], ending)
        else:
            await self._ask(self._termination())
        if ending is Misdeed.UPDATE_AFTER_END:
            await self._ask(self._request(RequestType.UPDATE, self._reports(asks=True, used=USUAL_OCTETS)), ending)

    async def end_late(self) -> None:
        """What was left out at the end."""
        await self._ask(self._termination(), Misdeed.END_LATE)

    async def _provoke(self, set_blocked: SetBlocked) -> None:
        """Have the server abort this session; what comes of it is up to `asked`."""
        try:
            await set_blocked(self.subscriber, True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._was_asked.wait()
            await set_blocked(self.subscriber, False)
        except OcsError as error:
            self.run.fault(f"nobody could make the server ask: {error}")

    def asked(self, command: int) -> ResultCode | None:
        """What a RAR or ASR is answered; an ASR ends a session that cares."""
        self._was_asked.set()
        if self.plan.trait in REQUESTS_REFUSED:
            self.run.done[self.plan.trait] += 1
            return None if self.plan.trait is Misdeed.IGNORE_REQUESTS else ResultCode.UNABLE_TO_COMPLY
        if self.is_closed:
            return ResultCode.UNKNOWN_SESSION_ID
        self.is_aborted = self.is_aborted or command == ABORT_SESSION
        return ResultCode.SUCCESS

    # Usage ---------------------------------------------------------------------------------------

    def _reports(self, *, asks: bool, share_percent: int = 100, used: int | None = None) -> tuple[Report, ...]:
        """Every group that may have traffic. used: so much, whatever was granted."""
        reason = ReportingReason.THRESHOLD if asks else ReportingReason.FINAL
        reports = []
        for group in self.run.mix.groups:
            granted = self.granted.get(group, 0) or (USUAL_OCTETS if self._ignores else 0)
            octets = granted * share_percent // 100 if used is None else used
            if granted or used is not None:
                reports.append(Report(group, asks, octets, reason))
        return tuple(reports)

    def _usage(self, plan: UpdatePlan) -> tuple[tuple[Report, ...], Mapping[int, AvpTree]]:
        """What is reported, and the Used-Service-Units by rating group that are not written as they should be."""
        reports = self._reports(asks=True, share_percent=plan.share_percent)
        units: dict[int, AvpTree] = {}
        if plan.misdeed is Misdeed.OVERUSE:
            reports = self._reports(asks=True, share_percent=100 * (2 + plan.chance % (MOST_OVERUSE - 1)))
        elif plan.misdeed is Misdeed.UNKNOWN_GROUP:
            group = STRANGE_GROUP + plan.chance % STRANGE_GROUPS
            reports += (Report(group, True, USUAL_OCTETS, ReportingReason.THRESHOLD),)
        elif reports and reports[0].rating_group is not None:
            told = _told(plan, reports[0])
            if told is not None:
                used, units[reports[0].rating_group] = told
                reports = (replace(reports[0], used=used), *reports[1:])
        return reports, units

    def _copies(self, plan: UpdatePlan) -> Gateway | None:
        """Where the same octets go out again."""
        if plan.misdeed is Misdeed.RESEND:
            return self.gateway
        return self.elsewhere if plan.misdeed is Misdeed.RESEND_ELSEWHERE else None

    # Requests ------------------------------------------------------------------------------------

    def _request(
        self, kind: RequestType, reports: tuple[Report, ...], cause: TerminationCause | None = None
    ) -> Request:
        request = Request(self.session_id, kind, self._number, self.subscriber, reports, self._server, cause)
        self._number += 1
        return request

    def _termination(self) -> Request:
        return self._request(RequestType.TERMINATION, self._reports(asks=False), TerminationCause.LOGOUT)

    async def _ask(
        self, request: Request, misdeed: Misdeed | None = None, units: Mapping[int, AvpTree] | None = None
    ) -> None:
        """Send what is new, put it into the books, and obey the answer."""
        message = self.gateway.encode(request, Dialect("rogue", partial(write_rogue, units or {})))
        self.books.sent(request)
        answer = await self._answer(self.gateway.send(request, message), misdeed)
        self._book(request, answer)
        if answer is not None:
            self._obey(request, answer)

    async def _in_order(self, requests: Sequence[Request], misdeed: Misdeed) -> None:
        """Several new requests, one behind the other without waiting."""
        sent = []
        for request in requests:
            self.books.sent(request)
            sent.append(self.gateway.send(request, self.gateway.encode(request)))
        for request, transaction in zip(requests, sent, strict=True):
            answer = await self._answer(transaction, misdeed)
            self._book(request, answer)
            if answer is not None:
                self._obey(request, answer)

    async def _reorder(self, plan: UpdatePlan) -> None:
        earlier = self._request(RequestType.UPDATE, self._reports(asks=True, share_percent=plan.share_percent // 2))
        later = self._request(RequestType.UPDATE, self._reports(asks=True, share_percent=plan.share_percent // 2))
        await self._in_order([later, earlier], Misdeed.REORDER)

    async def _resend(self, request: Request, plan: UpdatePlan, gateway: Gateway) -> None:
        """The same octets twice: the second time before or after the first was answered."""
        misdeed = plan.misdeed
        self.books.sent(request)
        message = self.gateway.encode(request)
        first = self.gateway.send(request, message)
        if plan.chance % 2:
            copy = self._copy(request, message, gateway)
            answer = await self._answer(first, misdeed)
        else:
            answer = await self._answer(first, misdeed)
            copy = self._copy(request, message, gateway)
        again = await self._answer(copy, misdeed, gateway)
        self._book(request, answer or again)
        if answer is not None:
            self._obey(request, answer)
            self._same(answer, again)

    async def _contradict(self, request: Request) -> None:
        """The number of the last request with other content; such a thing must never be processed."""
        changed = replace(request, reports=tuple(replace(each, used=(each.used or 0) + 1) for each in request.reports))
        if not changed.reports:
            return
        self.books.sent(changed)
        answer = await self._answer(self._copy(changed, self.gateway.encode(changed), self.gateway), Misdeed.CONTRADICT)
        self._book(changed, answer)
        if answer is not None and answer.result_code == SUCCESS:
            self.run.fault(f"request {request.number} of {self.session_id} was answered 2001 with two contents")

    def _copy(self, request: Request, message: bytes, gateway: Gateway) -> Transaction:
        """Send it with the T flag (RFC 6733 §3)."""
        flagged = message[FLAGS_AT] | RETRANSMIT
        return gateway.send(request, message[:FLAGS_AT] + bytes([flagged]) + message[FLAGS_AT + 1 :])

    # Answers -------------------------------------------------------------------------------------

    async def _answer(
        self, transaction: Transaction, misdeed: Misdeed | None, gateway: Gateway | None = None
    ) -> Answer | None:
        request = transaction.request
        try:
            answer = await (gateway or self.gateway).answer_to(transaction)
        except NoAnswer as error:
            self.run.fault(f"request {request.number} of {self.session_id} stayed unanswered: {error}")
            return None
        self.run.count(misdeed, answer.result_code)
        return answer

    def _book(self, request: Request, answer: Answer | None) -> None:
        if answer is not None:
            self.books.took(request, is_taken=answer.result_code in TAKEN)

    def _obey(self, request: Request, answer: Answer) -> None:
        self._server = answer.origin_host or self._server
        if answer.result_code != SUCCESS or request.request_type is RequestType.TERMINATION:
            self.is_closed = True
        for report in request.reports:
            heard = answer.group(report.rating_group)
            if report.asks and report.rating_group in self.run.mix.groups:
                self.granted[report.rating_group or 0] = (heard.granted or 0) if heard is not None else 0

    def _same(self, first: Answer, again: Answer | None) -> None:
        """A copy is answered as the first one was (RFC 8506 §5.7)."""
        if again is not None and (again.result_code, again.groups) != (first.result_code, first.groups):
            number = first.number
            self.run.fault(f"a copy of request {number} of {self.session_id} was answered in another way")


def _told(plan: UpdatePlan, report: Report) -> tuple[int, AvpTree] | None:
    """Units that count, and how a gateway that lies about them writes them; None when it does not lie."""
    used, chance = report.used or 0, plan.chance
    if plan.misdeed is Misdeed.HUGE:
        huge = HUGE[chance % len(HUGE)]
        return huge, [("CC-Total-Octets", huge)]
    if plan.misdeed is Misdeed.WRONG_SUM:
        return used, [("CC-Total-Octets", used), ("CC-Input-Octets", chance), ("CC-Output-Octets", HUGE[0] - chance)]
    if plan.misdeed is not Misdeed.WRONG_UNIT:
        return None
    count = 1 + chance % 1000
    kinds: list[AvpTree] = [
        [("CC-Time", count)],
        [("CC-Service-Specific-Units", count)],
        [("CC-Money", [("Unit-Value", [("Value-Digits", count), ("Exponent", -6)])])],
    ]
    return count, kinds[chance % len(kinds)]


def write_rogue(units: Mapping[int, AvpTree], request: Request, origin: Origin, at: int) -> AvpTree:
    """A CCR as TS 32.299 lays it out, with other Used-Service-Units for some rating groups."""
    tree = write_3gpp(request, origin, at)
    return [(name, _altered(value, units) if name == MSCC else value) for name, value in tree]


def _altered(mscc: AvpTree, units: Mapping[int, AvpTree]) -> AvpTree:
    told = units.get(dict(mscc).get("Rating-Group", -1))
    if told is None:
        return mscc
    return [(name, told if name == "Used-Service-Unit" else value) for name, value in mscc]
