"""One data session in a packet gateway that obeys: quota, thresholds, timers, final units, result codes.

A machine of values: traffic, answers and the time go in, requests come out. It knows neither
sockets nor AVPs and reads no clock; `now` is monotonic seconds. Whoever drives it drains
`requests()` after every call and brings back each answer once.

RFC 8506 §4 (client side), TS 32.299 §6.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator.credit import SUCCESS, Answer, Books, GroupAnswer, Report, Request, Subscriber
from diameter_ocs.simulator.credit import TerminationCause as Cause
from diameter_ocs.simulator.group import Due, Group, GroupPhase, Habits, after
from diameter_ocs.simulator.pool import CreditPool, Share
from diameter_ocs.wire.result_code import ResultCode, is_protocol_error

CAN_ASK = (GroupPhase.ACTIVE, GroupPhase.RESTRICTED, GroupPhase.IDLE)


class Phase(Enum):
    """Where a session stands. CLOSED after its last answer, FAILED when the server did not answer."""

    NEW = "new"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"


@dataclass(slots=True)
class GatewaySession:
    """A session of one subscriber, from CCR-Initial to CCR-Termination."""

    session_id: str
    subscriber: Subscriber
    habits: Habits = field(default_factory=Habits)
    phase: Phase = Phase.NEW
    groups: dict[int | None, Group] = field(default_factory=dict)
    pools: dict[int, CreditPool] = field(default_factory=dict)
    books: Books = field(default_factory=Books)
    unanswered: dict[int, tuple[Request, float]] = field(default_factory=dict)
    result_code: int = 0
    """Of the answer that ended the session or came last."""
    ignored_answers: int = 0
    _server: str = field(default="", init=False)
    _next_number: int = field(default=0, init=False)
    _due: dict[int | None, Due] = field(default_factory=dict, init=False)
    _outgoing: list[Request] = field(default_factory=list, init=False)

    # What the world does to it -------------------------------------------------------------------

    def initial(self, rating_groups: tuple[int | None, ...], now: float) -> None:
        """Open the session, asking for quota for each of the groups (none: quota when traffic comes)."""
        assert self.phase is Phase.NEW
        for rating_group in rating_groups:
            self._group(rating_group, now).phase = GroupPhase.WAITING
        self.phase = Phase.OPEN
        self._send(RequestType.INITIAL, tuple(Report(each, asks=True) for each in rating_groups), now)

    def use(self, rating_group: int | None, octets: int, now: float) -> int:
        """Traffic of a group arrives; returns how many octets were let through."""
        assert octets >= 0
        group = self._group(rating_group, now)
        if self.phase is not Phase.OPEN:
            return octets if group.phase is GroupPhase.FREE else 0
        if group.phase is GroupPhase.IDLE and octets and not self._opening:
            self._due[rating_group] = Due(asks=True, reason=None, reports=False)
        passed = group.let_through(octets, now)
        self._note_use(group)
        return passed

    def due(self, now: float) -> None:
        """Time has passed: Validity-Time, Quota-Holding-Time, Tx."""
        if self.is_over:
            return None
        if any(now >= sent + self.habits.tx_seconds for _, sent in self.unanswered.values()):
            return self.fail()
        for group in self._open_groups():
            self._note(group, group.due_by_time(now))
        return None

    def fail(self) -> None:
        """No answer will come: Credit-Control-Failure-Handling TERMINATE, the default (RFC 8506 §5.7)."""
        if not self.is_over:
            self._stop(Phase.FAILED)

    def deadline(self) -> float | None:
        """When `due` next has something to do, unless traffic or an answer comes first."""
        if self.is_over:
            return None
        times = [sent + self.habits.tx_seconds for _, sent in self.unanswered.values()]
        times += [at for group in self._open_groups() if (at := group.deadline()) is not None]
        return min(times, default=None)

    def terminate(self, now: float, cause: Cause = Cause.LOGOUT) -> None:
        """The user goes: one last report of everything not yet reported."""
        if self.phase is not Phase.OPEN:
            return
        self._due.clear()
        self._close([], now, cause)

    def reauthorise(self, rating_group: int | None, pool_id: int | None = None) -> bool:
        """A RAR came for one group or pool or, with None, for all; False when nothing can be asked (RFC 8506 §5.5).

        A group that was stopped for lack of credit is asked for again.
        """
        named = [group for group in self._open_groups() if rating_group in (None, group.rating_group)]
        if pool_id is not None:
            named = [group for group in named if group.share and group.share.pool is self.pools.get(pool_id)]
        asked = [group for group in named if group.phase in CAN_ASK or group.lacks_credit]
        for group in asked:
            reports = group.phase is GroupPhase.ACTIVE
            self._due[group.rating_group] = Due(True, ReportingReason.FORCED_REAUTHORISATION, reports)
        return bool(asked)

    def change_conditions(self) -> None:
        """What the price depends on is another from now on: all that runs is reported and asked for again.

        Reporting-Reason RATING_CONDITION_CHANGE (TS 32.299 §7.2.175).
        """
        for group in self._open_groups():
            if group.phase is GroupPhase.ACTIVE:
                self._due[group.rating_group] = Due(True, ReportingReason.RATING_CONDITION_CHANGE)

    def answer(self, answer: Answer, now: float) -> None:
        """The answer to one of the requests; anything else is ignored and counted."""
        request, _ = self.unanswered.pop(answer.number, (None, 0.0))
        if request is None:
            self.ignored_answers += 1
            return
        self._account(request, answer)
        self.result_code = answer.result_code
        self._server = answer.origin_host or self._server
        if request.request_type is RequestType.TERMINATION:
            self.phase = Phase.CLOSED
        elif self.phase is not Phase.OPEN:
            return
        elif answer.result_code == SUCCESS:
            self._obey(request, answer, now)
        elif answer.result_code == ResultCode.CREDIT_CONTROL_NOT_APPLICABLE:
            self._go_free()
        else:
            self._refused(request, answer, now)

    # What it says --------------------------------------------------------------------------------

    def requests(self, now: float) -> tuple[Request, ...]:
        """Everything to send now; each is handed out once and has to be sent."""
        if self.phase is Phase.OPEN and self._due:
            due, self._due = self._due, {}
            self._send_reports([self.groups[each].report(what, now) for each, what in due.items()], now)
        if self._has_nothing_left:
            self.terminate(now)
        outgoing, self._outgoing = tuple(self._outgoing), []
        return outgoing

    @property
    def is_over(self) -> bool:
        return self.phase in (Phase.CLOSED, Phase.FAILED)

    @property
    def unreported(self) -> int:
        """Octets that passed and are in no request."""
        return sum(group.used for group in self.groups.values())

    # Requests ------------------------------------------------------------------------------------

    def _group(self, rating_group: int | None, now: float) -> Group:
        fresh = Group(rating_group, self.habits, last_traffic=now, reported_at=now)
        return self.groups.setdefault(rating_group, fresh)

    def _open_groups(self) -> Iterator[Group]:
        return iter(self.groups.values() if self.phase is Phase.OPEN else ())

    def _note(self, group: Group, due: Due | None) -> None:
        """Remember a report to be made; the first cause of it counts."""
        if due is not None:
            self._due.setdefault(group.rating_group, due)

    def _note_use(self, group: Group) -> None:
        """The same for what use makes due; an exhausted pool is reported by all its groups together."""
        due = group.due_by_use()
        self._note(group, due)
        if due is not None and due.reason is ReportingReason.POOL_EXHAUSTED:
            for other in self._open_groups():
                if other.phase is GroupPhase.ACTIVE and _same_pool(group, other):
                    self._note(other, other.due_by_use() or due)

    def _send_reports(self, reports: list[Report], now: float) -> None:
        """As updates; when the last group has just ended, in the CCR-Termination (RFC 8506 §5.6.1)."""
        if not any(group.is_alive for group in self.groups.values()):
            self._close(reports, now, Cause.LOGOUT)
        elif self.habits.merges:
            self._send(RequestType.UPDATE, tuple(reports), now)
        else:
            for report in reports:
                self._send(RequestType.UPDATE, (report,), now)

    def _close(self, reports: list[Report], now: float, cause: Cause) -> None:
        self.phase = Phase.CLOSING
        last = Due(False, ReportingReason.FINAL, then=GroupPhase.STOPPED)
        reports += [group.report(last, now) for group in self.groups.values() if group.owes_report]
        self._send(RequestType.TERMINATION, tuple(reports), now, cause)

    def _send(self, kind: RequestType, reports: tuple[Report, ...], now: float, cause: Cause | None = None) -> None:
        request = Request(
            session_id=self.session_id,
            request_type=kind,
            number=self._next_number,
            subscriber=self.subscriber,
            reports=reports,
            destination_host=self._server,
            termination_cause=cause,
        )
        self._next_number += 1
        self.unanswered[request.number] = (request, now)
        self.books.sent(request)
        self._outgoing.append(request)

    # Answers -------------------------------------------------------------------------------------

    @property
    def _opening(self) -> bool:
        return 0 in self.unanswered

    @property
    def _has_nothing_left(self) -> bool:
        """Every group has ended and nothing is under way, so the session itself ends."""
        alive = any(group.is_alive for group in self.groups.values())
        return self.phase is Phase.OPEN and bool(self.groups) and not alive and not self.unanswered

    def _account(self, request: Request, answer: Answer) -> None:
        """A 3xxx was not processed: its octets are unreported again (RFC 6733 §7.1.3)."""
        self.books.heard(request, answer)
        for report in request.reports if is_protocol_error(answer.result_code) else ():
            self.groups[report.rating_group].used += report.used or 0

    def _obey(self, request: Request, answer: Answer, now: float) -> None:
        """Group by group; a group the server says nothing about was not granted anything."""
        denied = ResultCode.END_USER_SERVICE_DENIED
        self._renew_pools(request)
        for report in request.reports:
            group, heard = self.groups[report.rating_group], answer.group(report.rating_group)
            if report.asks and group.phase is GroupPhase.WAITING:
                heard = heard or GroupAnswer(report.rating_group, denied)
                group.take(heard, now, self._share(heard))
                self._note_use(group)
            elif heard is not None and group.phase is GroupPhase.RESTRICTED:
                group.valid_until = after(now, heard.validity_seconds)
            group.result_code = heard.result_code if heard is not None else denied

    def _renew_pools(self, request: Request) -> None:
        """A pool that no other group holds starts anew; what flowed since the reports counts against it."""
        reported = {report.rating_group for report in request.reports}
        for pool in self.pools.values():
            members = [group for group in self.groups.values() if group.share and group.share.pool is pool]
            if all(group.rating_group in reported for group in members):
                pool.left = -sum((group.used * group.share.multiplier for group in members if group.share), Fraction())

    def _share(self, heard: GroupAnswer) -> Share | None:
        if heard.pool is None:
            return None
        return Share(self.pools.setdefault(heard.pool.pool_id, CreditPool()), heard.pool.multiplier)

    def _go_free(self) -> None:
        """4011 for the whole session: no credit control any more, the service goes on (RFC 8506 §9.1)."""
        self.phase = Phase.CLOSED
        for group in self.groups.values():
            group.phase = GroupPhase.FREE

    def _refused(self, request: Request, answer: Answer, now: float) -> None:
        """The service stops; the server has no session any more, unless it never processed the request."""
        if is_protocol_error(answer.result_code) and request.request_type is RequestType.UPDATE:
            self.terminate(now)
        else:
            self._stop(Phase.CLOSED)

    def _stop(self, phase: Phase) -> None:
        self.phase = phase
        self._due.clear()
        for group in self.groups.values():
            group.phase = GroupPhase.STOPPED


def _same_pool(one: Group, other: Group) -> bool:
    return one.share is not None and other.share is not None and one.share.pool is other.share.pool
