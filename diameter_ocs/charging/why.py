"""Why an entry of the journal moved what it moved: each posting with rule, price, lines, its bucket before and after.

Worked out from what the journal keeps, with the functions that charge; no catalogue is needed, old ones neither.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.basis import Basis, Plan, read_basis, read_plan
from diameter_ocs.charging.conditions import UNKNOWN, Conditions, read_conditions
from diameter_ocs.charging.decision import decode_outcome
from diameter_ocs.charging.request import Outcome
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.journal import NO_BASIS, Action, Entry, Posting
from diameter_ocs.rating.breakdown import Line, added_up, lines_of
from diameter_ocs.rating.rate import Rate
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict

USAGE = frozenset({Action.DEBIT, Action.FREE, Action.RATED, Action.UNRATED})
PRICED = frozenset({Action.DEBIT, Action.RATED})
PROMISES = frozenset({Action.RESERVE, Action.RELEASE})


class Share(Struct, frozen=True, gc=False):
    """What one posting did, or several that are alike did together.

    bucket: its name for people, where it has one. amount in `paid_in`, for `units` of `counted`. paid_before: units
    of the session at prices when this began. lines: add up to `amount` where there is a price (`rate`). had, left:
    what remained in the bucket before and after; None: not kept. why: the reason that usage has no price.
    """

    action: Action
    amount: int
    paid_in: UnitType | None
    bucket_id: str = ""
    bucket: str = ""
    units: int = 0
    counted: UnitType | None = None
    rating_group: int | None = None
    mark: str = ""
    rule: str = ""
    band: str = ""
    rate: Rate | None = None
    paid_before: int = 0
    lines: tuple[Line, ...] = ()
    had: int | None = None
    left: int | None = None
    why: str = ""

    @property
    def is_usage(self) -> bool:
        return self.action in USAGE and self.units > 0


class Explained(Struct, frozen=True, gc=False):
    """One entry. plan None: of a time when this was not kept, or nothing was rated. conditions: as told with it."""

    account_id: str
    seq: int
    at_ms: int
    kind: str
    reason: str
    subscriber_id: str
    session_id: str
    request_number: int | None
    plan: Plan | None
    conditions: Conditions
    verdict: Verdict
    detail: str
    shares: tuple[Share, ...]

    @property
    def usage(self) -> list[Share]:
        return [share for share in self.shares if share.is_usage]


def explain(entries: Iterable[Entry], buckets: Iterable[Bucket]) -> list[Explained]:
    """Entries of one account in order. buckets: those that it has, for their names and units.

    Conditions hold on in their session until others are told.
    """
    known = {bucket.bucket_id: bucket for bucket in buckets}
    conditions: dict[str, Conditions] = {}
    told = []
    for entry in entries:
        if entry.conditions is not None:
            conditions[entry.session_id] = read_conditions(entry.conditions)
        told.append(_explained(entry, known, conditions.get(entry.session_id, UNKNOWN)))
    return told


def in_all(explained: Sequence[Explained]) -> list[Share]:
    """The usage of several entries, shares of the same bucket, rule and price as one."""
    sums: dict[tuple[object, ...], Share] = {}
    for entry in explained:
        for share in entry.usage:
            alike = (
                share.action,
                share.bucket_id,
                share.counted,
                share.rating_group,
                share.mark,
                share.rule,
                share.band,
                (share.rate.step_units, share.rate.step_micros) if share.rate is not None else None,
                share.why,
            )
            known = sums.get(alike)
            sums[alike] = share if known is None else _sum(known, share)
    return list(sums.values())


def _sum(first: Share, second: Share) -> Share:
    return replace(
        first,
        amount=first.amount + second.amount,
        units=first.units + second.units,
        lines=tuple(added_up((*first.lines, *second.lines))),
        left=second.left,
    )


def _explained(entry: Entry, known: Mapping[str, Bucket], conditions: Conditions) -> Explained:
    outcome = decode_outcome(entry.outcome) if entry.outcome is not None else Outcome()
    return Explained(
        entry.account_id,
        entry.seq,
        entry.at_ms,
        entry.kind,
        entry.reason,
        entry.subscriber_id,
        entry.session_id,
        entry.request_number,
        read_plan(entry.plan) if entry.plan else None,
        conditions,
        outcome.verdict,
        outcome.detail,
        tuple(_share(posting, known, outcome) for posting in entry.postings),
    )


def _share(posting: Posting, known: Mapping[str, Bucket], outcome: Outcome) -> Share:
    bucket = known.get(posting.bucket_id)
    unit = posting.unit or (bucket.unit if bucket is not None else None)
    basis = read_basis(posting.basis) if posting.basis != NO_BASIS else None
    lines: tuple[Line, ...] = ()
    if basis is not None and posting.action in PRICED:
        unit = basis.unit if basis.rate is None else basis.paid_in
        lines = tuple(lines_of(basis.rate, posting.before, posting.units)) if basis.rate is not None else ()
    basis = basis or Basis("", _counted(posting, unit))
    is_priced = posting.action in PRICED
    return Share(
        posting.action,
        posting.amount,
        unit,
        posting.bucket_id,
        bucket.name if bucket is not None else "",
        posting.units,
        basis.unit,
        posting.rating_group,
        posting.mark,
        basis.rule,
        basis.band,
        basis.rate if is_priced else None,
        posting.before,
        lines,
        _had(posting),
        posting.left,
        _reason(posting, outcome) if posting.action is Action.UNRATED else "",
    )


def _counted(posting: Posting, unit: UnitType | None) -> UnitType:
    """Of usage whose rule was not kept: what the posting says, or its bucket holds; else most likely octets."""
    if posting.action is Action.UNRATED and posting.unit is not None:
        return posting.unit
    is_alike = posting.units == posting.amount and unit is not None
    return unit if is_alike and unit is not None else UnitType.OCTETS


def _had(posting: Posting) -> int | None:
    if posting.left is None or posting.action in PROMISES:
        return None
    return posting.left - posting.amount if posting.action is Action.CREDIT else posting.left + posting.amount


REASONS = {
    Verdict.RATING_FAILED: "the offer has no price for it",
    Verdict.CURRENCY_UNKNOWN: "it was reported in another currency than the account's",
    Verdict.SESSION_UNKNOWN: "its session was never opened here",
    Verdict.SERVICE_DENIED: "the service was not allowed",
}
MARKS = {
    "implausible": "more than anybody can have used",
    "other unit": "reported in units that have no price",
    "overuse": "no bucket is there that could pay for it",
}


def _reason(posting: Posting, outcome: Outcome) -> str:
    """Why usage has no price: the report itself, else what its group was answered, else the whole request."""
    if posting.mark in MARKS:
        return MARKS[posting.mark]
    answered = [each.verdict for each in outcome.credits if each.rating_group == posting.rating_group]
    for verdict in (*answered, outcome.verdict):
        if verdict in REASONS:
            return REASONS[verdict]
    return outcome.detail or "no rule of the offer fits"
