"""The credit of one rating group in a gateway: what may pass, when to report, what an answer means.

TS 32.299 §6.5 (quota management), RFC 8506 §5.6 (final units), TS 32.299 §7.1 (refusals per group).
"""

from dataclasses import dataclass
from enum import Enum

from diameter_ocs.charging.request import ReportingReason
from diameter_ocs.rating.final_units import FinalUnitAction
from diameter_ocs.simulator.credit import SUCCESS, GroupAnswer, Report
from diameter_ocs.simulator.pool import Share
from diameter_ocs.wire.result_code import ResultCode

TX_SECONDS = 10.0
"""How long a request may stay unanswered (RFC 8506 §13, recommended value of Tx)."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What differs between gateways.

    obeys_threshold: False reports only when the quota is used up. exhausted_percent: the part of a
    grant after which it counts as used up (Magma: 80). overuses: traffic does not stop at the quota.
    merges: what is due at the same moment goes into one CCR; False sends one CCR per group, in parallel.
    """

    obeys_threshold: bool = True
    exhausted_percent: int = 100
    overuses: bool = False
    merges: bool = True
    tx_seconds: float = TX_SECONDS


class GroupPhase(Enum):
    """Where the credit of one rating group stands.

    IDLE: no quota, the next traffic asks. WAITING: asked, only the rest of the old quota may flow.
    RESTRICTED: redirected or restricted after final units. FREE: passes without quota.
    """

    IDLE = "idle"
    WAITING = "waiting"
    ACTIVE = "active"
    RESTRICTED = "restricted"
    FREE = "free"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Due:
    """A report that will go out with the next request of its group."""

    asks: bool
    reason: ReportingReason | None
    reports: bool = True
    then: GroupPhase = GroupPhase.WAITING


@dataclass(slots=True)
class Group:
    """Quota of one rating group. `used`: octets since the last report; `flown`: all octets that ever passed."""

    rating_group: int | None
    habits: Habits
    phase: GroupPhase = GroupPhase.IDLE
    quota: int = 0
    used: int = 0
    flown: int = 0
    threshold: int = 0
    holding_seconds: int = 0
    final: FinalUnitAction | None = None
    redirect_address: str = ""
    filters: tuple[str, ...] = ()
    valid_until: float | None = None
    last_traffic: float = 0.0
    reported_at: float = 0.0
    was_granted: bool = False
    share: Share | None = None
    """Its part in a credit pool, while what it holds is in one."""
    result_code: int = 0
    """Of the latest answer about this group."""

    @property
    def allowance(self) -> int | None:
        """Octets that may pass now; None: no limit."""
        if self.phase is GroupPhase.FREE:
            return None
        has_quota = self.phase in (GroupPhase.ACTIVE, GroupPhase.WAITING)
        if self.share is not None and has_quota:
            return self.share.units_left
        return max(0, self.quota - self.used) if has_quota else 0

    @property
    def is_alive(self) -> bool:
        return self.phase is not GroupPhase.STOPPED

    @property
    def lacks_credit(self) -> bool:
        """Stopped only because the balance was used up (TS 32.299 §7.1)."""
        return self.phase is GroupPhase.STOPPED and self.result_code == ResultCode.CREDIT_LIMIT_REACHED

    # Traffic and time ----------------------------------------------------------------------------

    def let_through(self, octets: int, now: float) -> int:
        """Count traffic; returns how much of it passed."""
        if self.phase is GroupPhase.FREE:
            return octets
        has_quota = self.phase in (GroupPhase.ACTIVE, GroupPhase.WAITING) and self.was_granted
        passed = octets if self.habits.overuses and has_quota else min(octets, self.allowance or 0)
        self.used += passed
        self.flown += passed
        if self.share is not None:
            self.share.draw(passed)
        if passed:
            self.last_traffic = now
        return passed

    def due_by_use(self) -> Due | None:
        """The report owed because of what was used (TS 32.299 §6.5.4, RFC 8506 §5.6)."""
        rest = self.quota - self.used if self.share is None else self.share.units_left
        if self.phase is not GroupPhase.ACTIVE:
            return None
        if self.final is not None:
            return after_final_units(self.final) if rest <= 0 else None
        if self.share is not None and not rest:
            return Due(True, ReportingReason.POOL_EXHAUSTED)
        if self.share is None and self.used * 100 >= self.quota * self.habits.exhausted_percent:
            return Due(True, ReportingReason.QUOTA_EXHAUSTED)
        if self.habits.obeys_threshold and rest < self.threshold <= self.quota:
            return Due(True, ReportingReason.THRESHOLD)
        return None

    def due_by_time(self, now: float) -> Due | None:
        """The report owed because time has passed: Validity-Time, Quota-Holding-Time."""
        times_out = self.valid_until is not None and now >= self.valid_until
        if self.phase is GroupPhase.RESTRICTED:
            return Due(True, None, reports=False) if times_out else None
        if self.phase is not GroupPhase.ACTIVE:
            return None
        if times_out:
            return Due(True, ReportingReason.VALIDITY_TIME)
        if self.holding_seconds and now >= self.last_traffic + self.holding_seconds:
            return Due(False, ReportingReason.QHT, then=GroupPhase.IDLE)
        return None

    def deadline(self) -> float | None:
        """When `due_by_time` next has something to say."""
        times = []
        if self.phase in (GroupPhase.ACTIVE, GroupPhase.RESTRICTED) and self.valid_until is not None:
            times.append(self.valid_until)
        if self.phase is GroupPhase.ACTIVE and self.holding_seconds:
            times.append(self.last_traffic + self.holding_seconds)
        return min(times, default=None)

    # Reports and answers -------------------------------------------------------------------------

    @property
    def owes_report(self) -> bool:
        """Whether the end of the session has to report this group."""
        return self.phase in (GroupPhase.ACTIVE, GroupPhase.WAITING) or self.used > 0

    def report(self, due: Due, now: float) -> Report:
        """Take the counted octets out of the group and into a report; what is left of the quota may flow on."""
        used, seconds = None, 0
        if due.reports:
            used, seconds = self.used, int(now - self.reported_at)
            self.used, self.reported_at = 0, now
        self.quota = max(0, self.quota - (used or 0)) if due.asks else 0
        self.share = self.share if due.asks else None
        self.phase = due.then
        return Report(self.rating_group, due.asks, used, due.reason, seconds)

    def take(self, heard: GroupAnswer, now: float, share: Share | None = None) -> None:
        """A new quota replaces what was left of the old one; octets since the report count against it.

        share: in the pool that the answer names; the quota is added to it.
        """
        self.share = share if heard.result_code == SUCCESS else None
        if self.share is not None:
            self.share.draw(-(heard.granted or 0))
        if heard.result_code == ResultCode.CREDIT_CONTROL_NOT_APPLICABLE:
            self.phase = GroupPhase.FREE
        elif heard.result_code != SUCCESS or not (heard.granted or heard.final_action is not None or share is not None):
            self.phase, self.quota = GroupPhase.STOPPED, 0
        else:
            self._start(heard, now)

    def _start(self, heard: GroupAnswer, now: float) -> None:
        """Use the new quota; final units of nothing at all act at once without a report (RFC 8506 §5.6)."""
        self.phase, self.quota, self.was_granted = GroupPhase.ACTIVE, heard.granted or 0, True
        self.threshold, self.holding_seconds = heard.threshold, heard.holding_seconds
        self.final = final_action(heard.final_action)
        self.redirect_address, self.filters = heard.redirect_address, heard.filters
        self.valid_until = after(now, heard.validity_seconds)
        if self.final is not None and not (self.quota or self.used):
            self.phase = after_final_units(self.final).then


def after_final_units(action: FinalUnitAction) -> Due:
    """The report that follows the last unit: no new quota is asked for."""
    if action is FinalUnitAction.TERMINATE:
        return Due(False, ReportingReason.FINAL, then=GroupPhase.STOPPED)
    return Due(False, ReportingReason.QUOTA_EXHAUSTED, then=GroupPhase.RESTRICTED)


def final_action(value: int | None) -> FinalUnitAction | None:
    """An action nobody knows means TERMINATE (RFC 8506 §8.34)."""
    if value is None:
        return None
    return FinalUnitAction(value) if value in FinalUnitAction.__members__.values() else FinalUnitAction.TERMINATE


def after(now: float, seconds: int | None) -> float | None:
    """The moment a Validity-Time ends; absent and 0 never end."""
    return now + seconds if seconds else None
