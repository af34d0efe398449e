"""An account while one command is decided: a working copy that turns movements into postings.

Spend order: unit buckets before money, then priority, then earlier expiry, then id. Accounts keep
their buckets in this order, so choosing what pays is one walk.
"""

from msgspec import Raw
from msgspec.structs import replace

from diameter_ocs.ledger.account import Account, Bucket, next_due_ms
from diameter_ocs.ledger.journal import NO_BASIS, Action, Posting
from diameter_ocs.ledger.terms import NOBODY, BucketTerms, Limit, Use
from diameter_ocs.values.units import UnitType

NEVER_MS = 1 << 62
OVERUSE = "overuse"
FAIR_USE = "fair use"
LATE = "late"
ASSUMED = "assumed"
PRICE = "price"
CARRIED = "carried over"
FORFEITED = "forfeited"
IMPLAUSIBLE = "implausible"
OTHER_UNIT = "other unit"
"""Marks of unrated usage: more than anybody can have used; in units that its group has no price for."""


def spend_key(bucket: Bucket) -> tuple[bool, int, int, str]:
    """Sorts buckets into spend order."""
    expiry = NEVER_MS if bucket.valid_until_ms is None else bucket.valid_until_ms
    return (bucket.unit is UnitType.MONEY, bucket.priority, expiry, bucket.bucket_id)


class Book:
    """Movements on one account. The account itself is never touched; `account()` gives the new one.

    use: who draws on it and for what, where that is so. owned: its products, to be replaced.
    """

    __slots__ = ("_account", "_binding", "_buckets", "_limits", "owned", "postings", "use")

    def __init__(self, account: Account, use: Use = NOBODY) -> None:
        self._account = account
        self.use = use
        self.owned = account.owned
        self._limits: dict[str, Limit] | None = None
        if account.limits:
            self._limits = {limit.name: limit for limit in account.limits}
            self._binding = [limit.name for limit in account.limits if limit.binds(use)]
        self._buckets: dict[str, Bucket] = {bucket.bucket_id: bucket for bucket in account.buckets}
        self.postings: list[Posting] = []

    def bucket(self, bucket_id: str) -> Bucket:
        return self._buckets[bucket_id]

    def has(self, bucket_id: str) -> bool:
        return bucket_id in self._buckets

    def buckets(self) -> tuple[Bucket, ...]:
        """In spend order, as they stand now."""
        return tuple(self._buckets.values())

    def expire(self, at_ms: int) -> None:
        """Write off buckets whose time is over. A bucket with an open reservation waits for its session."""
        for bucket in tuple(self._buckets.values()):
            if bucket.valid_until_ms is not None and at_ms >= bucket.valid_until_ms and not bucket.reserved:
                if bucket.remaining:
                    self.postings.append(Posting(Action.EXPIRE, bucket.bucket_id, bucket.remaining, left=0))
                del self._buckets[bucket.bucket_id]

    def add(self, bucket: Bucket) -> None:
        """Credit a new bucket, or more of the same to one that is there (its terms then stay as they were)."""
        assert bucket.remaining >= 0
        assert not bucket.reserved
        old = self._buckets.get(bucket.bucket_id)
        if old is None:
            self._buckets[bucket.bucket_id] = bucket
            ordered = sorted(self._buckets.values(), key=spend_key)
            self._buckets = {each.bucket_id: each for each in ordered}
        else:
            self._move(old, bucket.remaining, 0)
        if bucket.remaining:
            left = bucket.remaining + (old.remaining if old is not None else 0)
            self.postings.append(
                Posting(Action.CREDIT, bucket.bucket_id, bucket.remaining, unit=bucket.unit, left=left)
            )

    def give_back(self, bucket_id: str, amount: int) -> None:
        """Credit what a debit took: it was not spent after all, for limits neither."""
        bucket = self._buckets[bucket_id]
        self.add(Bucket(bucket_id, bucket.unit, amount))
        if self._limits is not None:
            self._count(bucket.unit, -amount, 0)

    def bind(self, bucket_id: str, terms: BucketTerms | None) -> None:
        """Give a bucket other terms."""
        self._buckets[bucket_id] = replace(self._buckets[bucket_id], terms=terms)

    def reserve(self, bucket_id: str, amount: int, rating_group: int | None, units: int) -> None:
        """Promise, do not spend. Never more than is available."""
        bucket = self._buckets[bucket_id]
        assert 0 <= amount <= bucket.spendable or amount == 0
        if amount or units:
            self._move(bucket, 0, amount)
            if self._limits is not None:
                self._count(bucket.unit, 0, amount)
            self.postings.append(Posting(Action.RESERVE, bucket_id, amount, rating_group, units))

    def release(self, bucket_id: str, amount: int, rating_group: int | None, units: int) -> None:
        """Give a promise back. One of no amount (the rest of a paid step) held no bucket and may outlive it."""
        bucket = self._buckets.get(bucket_id)
        assert amount == 0 if bucket is None else 0 <= amount <= bucket.reserved
        if amount or units:
            if bucket is not None:
                self._move(bucket, 0, -amount)
                if self._limits is not None:
                    self._count(bucket.unit, 0, -amount)
            self.postings.append(Posting(Action.RELEASE, bucket_id, amount, rating_group, units))

    def debit(
        self,
        bucket_id: str,
        amount: int,
        rating_group: int | None,
        units: int,
        mark: str = "",
        basis: Raw = NO_BASIS,
        before: int = 0,
    ) -> None:
        """Spend. The service is gone, so the bucket may end below zero. basis, before: see Posting."""
        assert amount >= 0
        if amount or units:
            bucket = self._buckets[bucket_id]
            self._move(bucket, -amount, 0)
            if self._limits is not None:
                self._count(bucket.unit, amount, 0)
            left = bucket.remaining - amount
            self.postings.append(
                Posting(Action.DEBIT, bucket_id, amount, rating_group, units, mark, None, left, basis, before)
            )

    def withdraw(self, bucket_id: str, amount: int) -> None:
        """Take out what nobody has used: it counts for no limit. The bucket may end below zero."""
        assert amount > 0
        self._move(self._buckets[bucket_id], -amount, 0)
        self.postings.append(Posting(Action.WITHDRAW, bucket_id, amount))

    def pay(self, price: int, at_ms: int) -> bool:
        """Take the price of something from money, in spend order; nothing at all when there is too little.

        Limits are about what is used, not about what is bought.
        """
        parts, left = [], price
        for bucket in self._buckets.values():
            is_bound = bucket.terms is not None and not bucket.terms.allows(self.use)
            if bucket.unit is UnitType.MONEY and not is_bound and bucket.is_running(at_ms):
                part = max(min(bucket.spendable, left), 0)
                parts.append((bucket, part))
                left -= part
        if left:
            return False
        for bucket, part in parts:
            if part:
                self._move(bucket, -part, 0)
                self.postings.append(
                    Posting(Action.DEBIT, bucket.bucket_id, part, mark=PRICE, left=bucket.remaining - part)
                )
        return True

    def carry(self, bucket_id: str, most: int | None) -> int:
        """Write off what is left of a bucket and promised to nobody; how much of it may go on, up to `most`."""
        bucket = self._buckets.get(bucket_id)
        left = 0 if bucket is None else max(bucket.available, 0)
        if bucket is not None and left:
            self._move(bucket, -left, 0)
            mark = CARRIED if most != 0 else ""
            self.postings.append(Posting(Action.EXPIRE, bucket_id, left, mark=mark, left=bucket.remaining - left))
        return left if most is None else min(left, most)

    def forfeit(self, bucket_id: str, at_ms: int) -> None:
        """Write off what a bucket has, a debt too. What is promised of it ends with its session."""
        bucket = self._buckets[bucket_id]
        if bucket.reserved:
            self.end(bucket_id, at_ms)
            return
        if bucket.remaining:
            self.postings.append(Posting(Action.EXPIRE, bucket_id, bucket.remaining, mark=FORFEITED))
        del self._buckets[bucket_id]

    def end(self, bucket_id: str, at_ms: int) -> None:
        """Let a bucket end now; what is promised of it ends with its session."""
        self._buckets[bucket_id] = replace(self._buckets[bucket_id], valid_until_ms=at_ms)

    def limits(self) -> tuple[Limit, ...]:
        return self._account.limits if self._limits is None else tuple(self._limits.values())

    def set_limit(self, limit: Limit) -> None:
        """Put a limit in the place of the one of its name."""
        assert self._limits is not None
        self._limits[limit.name] = limit

    def free(self, units: int, rating_group: int | None, mark: str = "", basis: Raw = NO_BASIS) -> None:
        """Record usage that costs nothing."""
        self.postings.append(Posting(Action.FREE, "", 0, rating_group, units, mark, basis=basis))

    def rated(
        self, amount: int, units: int, rating_group: int | None, mark: str, basis: Raw = NO_BASIS, before: int = 0
    ) -> None:
        """Record what usage costs that is paid for elsewhere. basis, before: see Posting."""
        self.postings.append(Posting(Action.RATED, "", amount, rating_group, units, mark, basis=basis, before=before))

    def unrated(
        self,
        units: int,
        rating_group: int | None,
        mark: str = "",
        basis: Raw = NO_BASIS,
        unit: UnitType | None = None,
    ) -> None:
        """Keep usage that no tariff could price. unit: of what, where the basis does not say it."""
        self.postings.append(Posting(Action.UNRATED, "", 0, rating_group, units, mark, unit, basis=basis))

    def last_resort(self, unit: UnitType, rating_group: int, with_money: bool) -> Bucket | None:
        """Where over-use goes when nothing is left: money if it pays for this group, else the last unit bucket."""
        fits = [
            bucket
            for bucket in self._buckets.values()
            if (
                (bucket.unit is unit and (not bucket.rating_groups or rating_group in bucket.rating_groups))
                or (with_money and bucket.unit is UnitType.MONEY)
            )
            and (bucket.terms is None or bucket.terms.allows(self.use))
        ]
        return fits[-1] if fits else None

    def account(self, *, opened_sessions: int = 0, entries: int = 1) -> Account:
        """The account after all movements, `entries` journal entries later."""
        old = self._account
        buckets = tuple(self._buckets.values())
        limits = old.limits if self._limits is None else tuple(self._limits.values())
        return Account(
            old.account_id,
            old.currency,
            old.status,
            buckets,
            old.last_seq + entries,
            old.open_sessions + opened_sessions,
            old.created_ms,
            old.name,
            next_due_ms(buckets, limits, self.owned, old.stages_ms),
            limits,
            self.owned,
            old.stages_ms,
        )

    def _move(self, old: Bucket, remaining: int, reserved: int) -> None:
        self._buckets[old.bucket_id] = Bucket(
            old.bucket_id,
            old.unit,
            old.remaining + remaining,
            old.reserved + reserved,
            old.priority,
            old.valid_from_ms,
            old.valid_until_ms,
            old.rating_groups,
            old.name,
            old.terms,
        )

    @property
    def is_limited(self) -> bool:
        return self._limits is not None

    def room(self, unit: UnitType) -> int | None:
        """How much of a unit the limits still let the user spend; None: as much as there is."""
        if self._limits is None:
            return None
        rooms = [self._limits[name].room for name in self._binding if self._limits[name].unit is unit]
        return max(min(rooms), 0) if rooms else None

    def _count(self, unit: UnitType, used: int, reserved: int) -> None:
        assert self._limits is not None
        for name in self._binding:
            limit = self._limits[name]
            if limit.unit is unit:
                spent, promised = max(limit.used + used, 0), max(limit.reserved + reserved, 0)
                self._limits[name] = replace(limit, used=spent, reserved=promised)
