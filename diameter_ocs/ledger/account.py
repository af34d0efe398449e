"""The wallet: an account with its buckets and subscribers, as immutable values (3GPP ABMF).

All times are integer milliseconds since 1970 UTC (`_ms`), all amounts integers in the unit of
their bucket. Nothing here knows sessions, prices or messages.
"""

from enum import Enum

from msgspec import Struct

from diameter_ocs.ledger.day_use import DayUse
from diameter_ocs.ledger.life import Life, Stage
from diameter_ocs.ledger.owned import Owned
from diameter_ocs.ledger.period_use import PeriodUse
from diameter_ocs.ledger.terms import BucketTerms, Limit
from diameter_ocs.values.identity import Identity
from diameter_ocs.values.units import UnitType


class Status(Enum):
    """Life of an account or a subscriber."""

    ACTIVE = "active"
    BLOCKED = "blocked"


class Bucket(Struct, frozen=True, omit_defaults=True, gc=False):
    """Units or money that can be spent.

    available = remaining - reserved. `remaining` falls below zero only by over-use: the network
    delivered more than was granted. A smaller `priority` is spent first, then the earlier expiry.
    `rating_groups` empty means every rating group may draw on it. terms None: nothing else binds it.
    """

    bucket_id: str
    unit: UnitType
    remaining: int
    reserved: int = 0
    priority: int = 100
    valid_from_ms: int = 0
    valid_until_ms: int | None = None
    rating_groups: tuple[int, ...] = ()
    name: str = ""
    terms: BucketTerms | None = None

    @property
    def available(self) -> int:
        return self.remaining - self.reserved

    @property
    def spendable(self) -> int:
        """What may still be promised: available, and the credit limit below it."""
        return self.remaining - self.reserved + (self.terms.overdraft if self.terms is not None else 0)

    def is_expired(self, at_ms: int) -> bool:
        return self.valid_until_ms is not None and at_ms >= self.valid_until_ms

    def is_running(self, at_ms: int) -> bool:
        """Is this within its time?"""
        return self.valid_from_ms <= at_ms and not self.is_expired(at_ms)

    def is_usable(self, rating_group: int, at_ms: int) -> bool:
        """May this rating group start to draw on it now?"""
        return (
            (not self.rating_groups or rating_group in self.rating_groups)
            and self.valid_from_ms <= at_ms
            and not self.is_expired(at_ms)
        )


class Account(Struct, frozen=True, omit_defaults=True, gc=False):
    """What one version of an account holds. Buckets are kept in spend order (see ledger/book.py)."""

    account_id: str
    currency: str = "EUR"
    status: Status = Status.ACTIVE
    buckets: tuple[Bucket, ...] = ()
    last_seq: int = 0
    """Number of the newest journal entry."""
    open_sessions: int = 0
    created_ms: int = 0
    name: str = ""
    due_ms: int = 0
    """When time itself changes the account next, such as the end of a bucket; 0: never."""
    limits: tuple[Limit, ...] = ()
    owned: tuple[Owned, ...] = ()
    """Products it has bought."""
    stages_ms: int = 0
    """When the first of its subscribers enters another stage of its life; 0: none does."""


class Subscriber(Struct, frozen=True, omit_defaults=True, gc=False):
    """One SIM or user. Its offer decides tariff and quota policy.

    time_zone: where it is at home, such as 'Europe/Berlin'; '': where the operator is. segment: which customers
    it is one of, for prices that differ by it. life: None for one whose offer has no life cycle.
    """

    account_id: str
    subscriber_id: str
    identities: tuple[Identity, ...]
    offer: str
    status: Status = Status.ACTIVE
    created_ms: int = 0
    time_zone: str = ""
    segment: str = ""
    day_use: tuple[DayUse, ...] = ()
    """Of groups with a daily cap, on the last day with use."""
    period_use: tuple[PeriodUse, ...] = ()
    """Of tariffs whose tiers are those of a period."""
    life: Life | None = None

    @property
    def is_served(self) -> bool:
        """Neither blocked nor at the end of its life."""
        return self.status is Status.ACTIVE and (self.life is None or not self.is_ended)

    @property
    def is_ended(self) -> bool:
        return self.life is not None and self.life.stage in (Stage.EXPIRED, Stage.RECYCLED)

    @property
    def is_in_grace(self) -> bool:
        return self.life is not None and self.life.stage is Stage.GRACE


def next_due_ms(
    buckets: tuple[Bucket, ...], limits: tuple[Limit, ...], owned: tuple[Owned, ...], stages_ms: int
) -> int:
    """When time itself changes an account next; 0: never. A bucket that is promised waits for its session."""
    due_ms = stages_ms
    for bucket in buckets:
        end_ms = bucket.valid_until_ms
        if end_ms is not None and not bucket.reserved and (end_ms < due_ms or not due_ms):
            due_ms = end_ms
    if not limits and not owned:
        return due_ms
    times = [limit.until_ms for limit in limits if limit.until_ms]
    times += [each.next_ms for each in owned if each.next_ms]
    return min([due_ms, *times] if due_ms else times, default=0)
