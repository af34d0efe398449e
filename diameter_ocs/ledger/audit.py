"""Proof that balances are right: all postings of an account, folded, must give its buckets exactly.

And conservation, per unit: what came in = what is available + reserved + consumed + expired + taken
out. Pure; the records to compare come as arguments, those of sessions as plain numbers.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from diameter_ocs.ledger.account import Account, Bucket
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.values.units import UnitType

UNKNOWN_UNIT = "unknown unit"
"""Where a bucket is counted whose unit neither the account nor a credit tells."""

MOVES_NOTHING = frozenset({Action.FREE, Action.RATED, Action.UNRATED})
MAY_BE_NEGATIVE = frozenset({Action.EXPIRE})


class UnitTotals(Struct, frozen=True):
    """What happened to one unit, over any number of buckets and accounts. `remaining` includes `reserved`."""

    credited: int = 0
    consumed: int = 0
    expired: int = 0
    withdrawn: int = 0
    remaining: int = 0
    reserved: int = 0

    @property
    def available(self) -> int:
        return self.remaining - self.reserved

    @property
    def missing(self) -> int:
        """What came in and is nowhere; 0 when everything is conserved."""
        return self.credited - (self.available + self.reserved + self.consumed + self.expired + self.withdrawn)

    def __add__(self, other: "UnitTotals") -> "UnitTotals":
        return UnitTotals(
            self.credited + other.credited,
            self.consumed + other.consumed,
            self.expired + other.expired,
            self.withdrawn + other.withdrawn,
            self.remaining + other.remaining,
            self.reserved + other.reserved,
        )


Conservation = dict[str, UnitTotals]
"""Totals by unit: 'octets', 'seconds', 'events', 'money EUR'."""


class AccountAudit(Struct, frozen=True):
    """What is wrong with one account, in words (nothing when it is right), and its totals."""

    account_id: str
    discrepancies: tuple[str, ...]
    totals: Conservation


class Folded(Struct):
    """One bucket as its postings tell it."""

    unit: UnitType | None = None
    credited: int = 0
    consumed: int = 0
    expired: int = 0
    withdrawn: int = 0
    reserved: int = 0

    @property
    def remaining(self) -> int:
        return self.credited - self.consumed - self.expired - self.withdrawn

    def apply(self, posting: Posting) -> None:
        if posting.action is Action.CREDIT:
            self.credited += posting.amount
            self.unit = posting.unit or self.unit
        elif posting.action is Action.DEBIT:
            self.consumed += posting.amount
        elif posting.action is Action.EXPIRE:
            self.expired += posting.amount
        elif posting.action is Action.WITHDRAW:
            self.withdrawn += posting.amount
        elif posting.action is Action.RESERVE:
            self.reserved += posting.amount
        elif posting.action is Action.RELEASE:
            self.reserved -= posting.amount


def fold(entries: Iterable[Entry]) -> dict[str, Folded]:
    """Every bucket that ever was, by its id."""
    buckets: dict[str, Folded] = {}
    for entry in entries:
        for posting in entry.postings:
            if posting.action not in MOVES_NOTHING:
                buckets.setdefault(posting.bucket_id, Folded()).apply(posting)
    return buckets


def audit_account(
    account: Account,
    open_sessions: int,
    reservations: Mapping[str, int],
    entries: Sequence[Entry],
) -> AccountAudit:
    """Compare an account with its journal and its open sessions, all of one moment.

    reservations: per bucket_id, what the open sessions hold together. entries: the whole journal in
    order of seq.
    """
    folded = fold(entries)
    problems = [
        *_journal_problems(account, entries),
        *_posting_problems(entries),
        *_bucket_problems(account, folded),
        *_reservation_problems(account, reservations),
    ]
    if account.open_sessions != open_sessions:
        problems.append(f"the account counts {account.open_sessions} open sessions, there are {open_sessions}")
    totals = _totals(account, folded)
    problems += [f"{unit}: {each.missing} came in and is nowhere" for unit, each in totals.items() if each.missing]
    return AccountAudit(account.account_id, tuple(problems), totals)


def add_up(totals: Iterable[Conservation]) -> Conservation:
    """The totals of many accounts as one."""
    everything: Conservation = {}
    for each in totals:
        for unit, amounts in each.items():
            everything[unit] = everything.get(unit, UnitTotals()) + amounts
    return everything


def _journal_problems(account: Account, entries: Sequence[Entry]) -> Iterable[str]:
    """Numbers run from 1 to last_seq without gap or repeat."""
    expected = 1
    for entry in entries:
        if entry.seq != expected:
            yield f"the journal goes on with entry {entry.seq} where {expected} should be"
        if entry.account_id != account.account_id:
            yield f"entry {entry.seq} belongs to account {entry.account_id}"
        expected = entry.seq + 1
    if expected - 1 != account.last_seq:
        yield f"the journal ends with entry {expected - 1}, the account says {account.last_seq}"


def _posting_problems(entries: Sequence[Entry]) -> Iterable[str]:
    for entry in entries:
        for posting in entry.postings:
            problem = _problem_of(posting)
            if problem:
                yield f"entry {entry.seq} ({entry.kind}): {problem}"


def _problem_of(posting: Posting) -> str:
    action, amount = posting.action, posting.amount
    if action in MOVES_NOTHING and action is not Action.RATED:
        return f"{action.value} moves {amount}, but must move nothing" if amount else ""
    if amount < 0 and action not in MAY_BE_NEGATIVE:
        return f"{action.value} of {amount} on bucket {posting.bucket_id} is below zero"
    if action is Action.RATED:
        return f"rated of {amount} names bucket {posting.bucket_id}" if posting.bucket_id else ""
    return "" if posting.bucket_id else f"{action.value} of {amount} names no bucket"


def _bucket_problems(account: Account, folded: Mapping[str, Folded]) -> Iterable[str]:
    """Each bucket is what its postings say; one that is gone from the account has nothing left."""
    kept = {bucket.bucket_id: bucket for bucket in account.buckets}
    if len(kept) != len(account.buckets):
        yield "two buckets have the same id"
    for bucket_id in sorted(kept.keys() | folded.keys()):
        told = folded.get(bucket_id, Folded())
        bucket = kept.get(bucket_id)
        if bucket is None:
            yield from _gone_problems(bucket_id, told)
        else:
            yield from _difference(bucket, told)


def _gone_problems(bucket_id: str, told: Folded) -> Iterable[str]:
    if told.remaining or told.reserved:
        yield (
            f"bucket {bucket_id} is gone, but its entries leave {told.remaining} remaining and {told.reserved} reserved"
        )


def _difference(bucket: Bucket, told: Folded) -> Iterable[str]:
    if bucket.remaining != told.remaining:
        yield f"bucket {bucket.bucket_id}: {bucket.remaining} remaining, its entries say {told.remaining}"
    if bucket.reserved != told.reserved:
        yield f"bucket {bucket.bucket_id}: {bucket.reserved} reserved, its entries say {told.reserved}"
    if told.unit is not None and told.unit is not bucket.unit:
        yield f"bucket {bucket.bucket_id} holds {bucket.unit.value}, but {told.unit.value} were credited"


def _reservation_problems(account: Account, reservations: Mapping[str, int]) -> Iterable[str]:
    """What a bucket has promised is what open sessions hold."""
    promised = {bucket.bucket_id: bucket.reserved for bucket in account.buckets}
    for bucket_id in sorted(promised.keys() | reservations.keys()):
        reserved, held = promised.get(bucket_id, 0), reservations.get(bucket_id, 0)
        if reserved != held:
            yield f"bucket {bucket_id}: {reserved} reserved, open sessions hold {held}"


def _totals(account: Account, folded: Mapping[str, Folded]) -> Conservation:
    """What came in and went out is the journal's word, what is left is the account's."""
    kept = {bucket.bucket_id: bucket for bucket in account.buckets}
    parts = []
    for bucket_id in kept.keys() | folded.keys():
        told, bucket = folded.get(bucket_id, Folded()), kept.get(bucket_id)
        unit = told.unit if bucket is None else bucket.unit
        remaining, reserved = (0, 0) if bucket is None else (bucket.remaining, bucket.reserved)
        flows = UnitTotals(told.credited, told.consumed, told.expired, told.withdrawn, remaining, reserved)
        parts.append({_unit_name(unit, account.currency): flows})
    return add_up(parts)


def _unit_name(unit: UnitType | None, currency: str) -> str:
    if unit is None:
        return UNKNOWN_UNIT
    return f"money {currency}" if unit is UnitType.MONEY else unit.value
