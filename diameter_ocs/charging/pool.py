"""Credit pools: quotas of several groups that one promise of money stands behind (RFC 8506 §5.1.2).

A gateway may use any mix of the quotas of a pool as long as the sum of units x multiplier stays within S. So
usage of any member is drawn from the pool's promise, and priced on one running total for all of them: what
the members cost together depends on their sum alone, and is never more than was reserved. A report takes
out of S what was used; a grant adds to it. What a member leaves unused stays in S for the others; when none
of them has a quota the pool is over, and the next grant starts a new one.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from diameter_ocs.charging.basis import basis, basis_in_pool
from diameter_ocs.charging.extras import CreditExtras
from diameter_ocs.charging.final_units import without_credit
from diameter_ocs.charging.quota import affordable, amount_of, conversion, granted_quota, slice_of_balance
from diameter_ocs.charging.request import CreditOutcome, ServiceUnits, SessionRequest
from diameter_ocs.charging.session import Pool, Quota, Reservation, Session
from diameter_ocs.charging.sizing import MS_PER_SECOND, recent_use, size_steps
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.book import ASSUMED, OVERUSE, Book
from diameter_ocs.rating.catalogue import GroupRule
from diameter_ocs.rating.pool import PoolShare
from diameter_ocs.rating.rate import Rate, price_of_report
from diameter_ocs.values.units import UnitType


def may_pool(request: SessionRequest, session: Session | None) -> bool:
    """Does this gateway know credit pools? Only one that controls several services independently can."""
    return request.gateway.pools and (request.multiple_services if session is None else session.may_pool)


class Pools:
    """The pools of one session while a request is decided."""

    __slots__ = ("_book", "_pools")

    def __init__(self, book: Book, pools: Iterable[Pool] = ()) -> None:
        self._book = book
        self._pools = {pool.pool_id: pool for pool in pools}

    def kept(self) -> tuple[Pool, ...]:
        """The pools as they stand now."""
        return tuple(self._pools.values())

    def settle(
        self, quota: Quota, rule: GroupRule, group: int, used: int, at_ms: int, mark: str = "", *, late: bool = False
    ) -> Quota:
        """Take a member's report out of the pool: first from its promise, beyond that from the balance.

        More than the member's own grant is no over-use while it is within the pool. late: after the session
        was closed; the quota stays a member, so that it can report again.
        """
        assert quota.pool is not None
        spending = _Spending(self._book, self._pools[quota.pool.pool_id], quota.pool, quota, rule)
        if rule.treatment.costs_nothing:
            spending.draw_free(used, mark)
        else:
            if mark != ASSUMED:
                spending.take_prepaid(used)
            spending.take_promised(used, mark)
            spending.overuse(used, rule, group, at_ms, mark or OVERUSE)
        self._pools[quota.pool.pool_id] = spending.pool()
        tuning = rule.quota.tuning
        has_pace = tuning is not None and tuning.pace_seconds is not None
        memory = recent_use(quota, used, at_ms) if has_pace else quota.memory
        if spending.converted != memory.converted_units:
            memory = replace(memory, converted_units=spending.converted)
        return replace(
            quota,
            granted=0,
            charged_micros=quota.charged_micros + spending.charged,
            used_units=quota.used_units + used - spending.prepaid,
            memory=memory,
            pool=quota.pool if late else None,
        )

    def assume(self, quota: Quota, rule: GroupRule, group: int, at_ms: int, *, is_last: bool) -> Quota:
        """Charge what a silent gateway holds as used: of each member its grant, of the last one all that is left."""
        assert quota.pool is not None
        pool_id, multiplier = quota.pool.pool_id, quota.pool.multiplier
        within = self._pools[pool_id].promised // multiplier
        used = within if is_last else min(quota.granted, within)
        settled = self.settle(quota, rule, group, used, at_ms, ASSUMED, late=True)
        pool = self._pools[pool_id]
        self._pools[pool_id] = replace(pool, prepaid=pool.prepaid + used * multiplier)
        return replace(settled, final=False)

    def release_idle(self, quotas: Iterable[Quota]) -> None:
        """Give back what is promised to pools that no quota is a member of any more."""
        held = {quota.pool.pool_id for quota in quotas if quota.pool is not None}
        for pool_id, pool in self._pools.items():
            if pool_id not in held and pool.promised:
                self._pools[pool_id] = _released(self._book, pool)

    def release_all(self) -> None:
        """Give back every promise."""
        self.release_idle(())

    def takes(self, quota: Quota, rule: GroupRule, group: int, quotas: Iterable[Quota], at_ms: int) -> bool:
        """Is the next grant of this rule one of its pool?

        Not while a bucket of units pays for the group, whose units nobody else may use; nor while the pool is
        out at prices of an older catalogue.
        """
        if rule.pool is None:
            return False
        if any(share.per_micro != rule.pool.per_micro for _, share in members(quotas, rule.pool.pool_id)):
            return False
        sources = affordable(self._book, rule, group, quota.priced_units, 1, at_ms, quota.memory.converted_units)
        return not sources or sources[0][0].unit is UnitType.MONEY

    def wanted(self, quota: Quota, rule: GroupRule, wish: ServiceUnits, quotas: Iterable[Quota]) -> int:
        """Units by which the pool should grow: what the group wants, less what the pool has beyond the others'."""
        assert rule.pool is not None
        pool_id, multiplier = rule.pool.pool_id, rule.pool.multiplier
        full = size_steps(wish, rule.quota, rule.unit, quota)[-1].units
        promised = self._pools[pool_id].promised if pool_id in self._pools else 0
        spare = promised - sum(each.granted * share.multiplier for each, share in members(quotas, pool_id))
        return min(full, max((full * multiplier - spare) // multiplier, rule.quota.minimum_units))

    def grant(
        self,
        quota: Quota,
        rule: GroupRule,
        group: int,
        wish: ServiceUnits,
        claimants: int,
        quotas: Iterable[Quota],
        at_ms: int,
    ) -> tuple[Quota, CreditOutcome]:
        """Reserve more for the pool, and make the group a member with it.

        quotas: all of the session. With nothing left of the balance, a group may still go on with what is
        promised to the pool: it gets a grant of 0 units, which adds nothing to S.
        """
        if self._book.use.is_frozen:
            return without_credit(quota, rule, at_ms)
        share, policy = rule.pool, rule.quota
        assert share is not None
        pool = self._pools.get(share.pool_id)
        if pool is not None and pool.per_micro != share.per_micro:
            _released(self._book, pool)
            pool = None
        if pool is None:
            pool = Pool(share.pool_id, share.per_micro)
        wanted = self.wanted(quota, rule, wish, quotas)
        horizon = max(wanted * claimants, policy.maximum_units) + policy.minimum_units
        before = pool.paid + pool.promised
        sources = _money(self._book, rule, group, before, horizon * share.multiplier, at_ms)
        points = sum(each for _, each in sources)
        within_reach = points // share.multiplier if _price(pool, points, pool.promised) else 0
        if not within_reach and pool.promised < share.multiplier:
            return without_credit(quota, rule, at_ms)
        units = slice_of_balance(within_reach, wanted, claimants, policy)
        pool, until_ms = _reserve(self._book, pool, sources, share, units, quota.rating_group)
        self._pools[share.pool_id] = pool
        validity = policy.validity_seconds
        if until_ms is not None:
            validity = max(min(validity, (until_ms - at_ms) // MS_PER_SECOND), 1)
        is_final = units == within_reach > 0
        out, answer = granted_quota(quota, rule, units, (), validity, is_final=is_final)
        extras = replace(answer.extras or CreditExtras(), pool=share)
        return replace(out, pool=share), replace(answer, extras=extras)


def members(quotas: Iterable[Quota], pool_id: int) -> Iterator[tuple[Quota, PoolShare]]:
    """The quotas that draw on a pool, each with its share."""
    for quota in quotas:
        if quota.pool is not None and quota.pool.pool_id == pool_id:
            yield quota, quota.pool


def _price(pool: Pool, points: int, before: int = 0) -> int:
    """Micro-units for so many points more, `before` points after what is paid."""
    return price_of_report(Rate(pool.per_micro, 1), pool.paid + before, points)


def _money(book: Book, rule: GroupRule, group: int, before: int, wanted: int, at_ms: int) -> list[tuple[Bucket, int]]:
    """Buckets of money in spend order with the points each pays for, behind `before` others."""
    assert rule.pool is not None
    in_points = replace(rule, rate=Rate(rule.pool.per_micro, 1))
    found = affordable(book, in_points, group, before, wanted, at_ms)
    return [(bucket, points) for bucket, points in found if bucket.unit is UnitType.MONEY]


def _reserve(
    book: Book,
    pool: Pool,
    sources: Iterable[tuple[Bucket, int]],
    share: PoolShare,
    units: int,
    rating_group: int | None,
) -> tuple[Pool, int | None]:
    """Add `units` of a member to the promise; also says when the first bucket behind them expires."""
    held, until_ms = list(pool.reservations), None
    wanted, done = units * share.multiplier, 0
    for bucket, most in sources:
        points = min(wanted - done, most)
        if not points:
            break
        amount = _price(pool, points, pool.promised + done)
        book.reserve(bucket.bucket_id, amount, rating_group, _whole(done, points, share))
        held.append(Reservation(bucket.bucket_id, amount, points))
        done += points
        expiry = bucket.valid_until_ms
        if expiry is not None and (until_ms is None or expiry < until_ms):
            until_ms = expiry
    assert done == wanted
    return replace(pool, promised=pool.promised + done, reservations=tuple(held)), until_ms


def _whole(done: int, points: int, share: PoolShare) -> int:
    """Service units that are complete with these points; a unit may be paid from two buckets."""
    return (done + points) // share.multiplier - done // share.multiplier


def _released(book: Book, pool: Pool) -> Pool:
    """The pool with nothing promised."""
    for held in pool.reservations:
        book.release(held.bucket_id, held.amount, None, 0)
    return replace(pool, promised=0, reservations=())


class _Spending:
    """Debits of one report of a member: `done` of its units have been dealt with, of which `prepaid` were before."""

    __slots__ = ("_book", "_pool", "_rating_group", "_rule", "_share", "charged", "converted", "done", "prepaid")

    def __init__(self, book: Book, pool: Pool, share: PoolShare, quota: Quota, rule: GroupRule) -> None:
        self._book = book
        self._rule = rule
        self._pool = pool
        self._share = share
        self._rating_group = quota.rating_group
        self.converted = quota.memory.converted_units
        self.charged = 0
        self.done = 0
        self.prepaid = 0

    def pool(self) -> Pool:
        """The pool after the debits."""
        return self._pool

    def draw_free(self, units: int, mark: str) -> None:
        """Use that costs nothing."""
        if units:
            self._book.free(units, self._rating_group, mark, basis(self._rule.name, self._rule.unit))

    def take_prepaid(self, used: int) -> None:
        """What was charged on assumption is not charged again."""
        self.prepaid = min(used, self._pool.prepaid // self._share.multiplier)
        self._pool = replace(self._pool, prepaid=self._pool.prepaid - self.prepaid * self._share.multiplier)
        self.done += self.prepaid

    def take_promised(self, used: int, mark: str) -> None:
        """Draw on the promise, in the order in which it was made: so each part costs what was reserved for it."""
        pool = self._pool
        units = min(used - self.done, pool.promised // self._share.multiplier)
        wanted, drawn, kept = units * self._share.multiplier, 0, []
        for held in pool.reservations:
            points = min(wanted - drawn, held.units)
            if not points:
                kept.append(held)
                continue
            amount = self._pay(held.bucket_id, points, _whole(drawn, points, self._share), mark, release=True)
            if points < held.units:
                kept.append(Reservation(held.bucket_id, held.amount - amount, held.units - points))
            drawn += points
        self._pool = replace(self._pool, promised=pool.promised - drawn, reservations=tuple(kept))
        self.done += units

    def overuse(self, used: int, rule: GroupRule, group: int, at_ms: int, mark: str) -> None:
        """What was used beyond the pool: it is empty, so from whatever the group may draw on, then below zero."""
        if used <= self.done:
            return
        self._pool = _released(self._book, self._pool)
        unpriced, multiplier = replace(rule, rate=None), self._share.multiplier
        for bucket, units in affordable(self._book, unpriced, group, 0, used - self.done, at_ms, self.converted):
            self._draw(bucket, rule, units, mark)
        priced = replace(rule, pool=self._share)
        for bucket, points in _money(
            self._book, priced, group, self._pool.paid, (used - self.done) * multiplier, at_ms
        ):
            self._draw(bucket, rule, min(points // multiplier, used - self.done), mark)
        if used == self.done:
            return
        resort = self._book.last_resort(rule.unit, group, with_money=True)
        if resort is None:
            self._book.unrated(used - self.done, self._rating_group, mark, basis(rule.name, rule.unit))
            self.done = used
        else:
            self._draw(resort, rule, used - self.done, mark)

    def _draw(self, bucket: Bucket, rule: GroupRule, units: int, mark: str) -> None:
        if bucket.unit is UnitType.MONEY:
            self._pay(bucket.bucket_id, units * self._share.multiplier, units, mark)
        else:
            why, before = basis(rule.name, rule.unit), 0
            amount = amount_of(bucket, rule, units, 0, self.converted)
            if bucket.unit is not rule.unit:
                assert bucket.terms is not None
                why, before = basis(rule.name, rule.unit, conversion(bucket.terms), bucket.unit), self.converted
                self.converted += units
            self._book.debit(bucket.bucket_id, amount, self._rating_group, units, mark, why, before)
        self.done += units

    def _pay(self, bucket_id: str, points: int, units: int, mark: str, *, release: bool = False) -> int:
        """Debit points at the running total of the pool, after giving back what was reserved for them."""
        amount, before, rule = _price(self._pool, points), self._pool.paid, self._rule
        rate, multiplier = Rate(self._pool.per_micro, 1), self._share.multiplier
        why = basis_in_pool(rule.name, rule.unit, rate, multiplier, 0 if points == units * multiplier else points)
        self._pool = replace(self._pool, paid=(self._pool.paid + points) % self._pool.per_micro)
        self.charged += amount
        if not self._book.has(bucket_id):
            assert not amount, "a bucket with a promise stays"
            self.draw_free(units, mark)
            return 0
        if release:
            self._book.release(bucket_id, amount, self._rating_group, units)
        self._book.debit(bucket_id, amount, self._rating_group, units, mark, why, before)
        return amount
