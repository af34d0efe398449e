"""However the groups of a pool use it, they cost what they used, within what was reserved, and nothing is lost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.charging.request import ReportingReason, RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import Silence
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.values.money import divide_up
from diameter_ocs.values.units import UnitType
from tests.properties.test_sessions import check_books, with_journal
from tests.support.charging import Line, request
from tests.support.pools import PoolLine, multipliers
from tests.support.reasons import check_reasons

GROUPS = (10, 20, 30)
UNITS = {10: UnitType.OCTETS, 20: UnitType.OCTETS, 30: UnitType.SECONDS}
moves = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.sampled_from(GROUPS), st.integers(0, 100)),
        st.tuples(st.just("report"), st.sets(st.sampled_from(GROUPS), min_size=1), st.integers(0, 60_000_000)),
        st.tuples(st.just("leave"), st.sets(st.sampled_from(GROUPS), min_size=1), st.just(0)),
        st.tuples(st.just("report all"), st.just(frozenset(GROUPS)), st.just(0)),
    ),
    max_size=25,
)
purses = st.lists(st.integers(0, 4_000_000), min_size=1, max_size=3)


class PoolGateway:
    """The client's side of RFC 8506 §5.1.2: S, what each member has used since its report, and in all."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.multipliers = multipliers(line)
        self.rest = 0
        self.members: set[int] = set()
        self.used = dict.fromkeys(GROUPS, 0)
        self.total = dict.fromkeys(GROUPS, 0)
        self.number = 0

    def use(self, group: int, percent: int) -> None:
        """Any part of what is left of the pool, by any member."""
        if group in self.members:
            units = self.rest * percent // 100 // self.multipliers[group]
            self.rest -= units * self.multipliers[group]
            self.used[group] += units
            self.total[group] += units

    def send(self, groups: set[int], wish: int, *, asks: bool) -> None:
        asked = tuple(self._credit(group, wish, asks) for group in sorted(groups))
        self.number += 1
        kind = RequestType.UPDATE if self.line.sessions else RequestType.INITIAL
        decision = self.line.send(request(kind, self.number, *asked))
        assert {posting.mark for posting in decision.entry.postings} <= {""}
        self.members -= groups
        if not self.members:
            self.rest = 0
        for answer in decision.outcome.credits:
            if answer.granted is not None:
                assert answer.extras.pool.multiplier == self.multipliers[answer.rating_group]
                self.rest += answer.granted * self.multipliers[answer.rating_group]
                self.members.add(answer.rating_group)

    def _credit(self, group: int, wish: int, asks: bool) -> ServiceCredit:
        used, self.used[group] = self.used[group], 0
        is_time = UNITS[group] is UnitType.SECONDS
        units = ServiceUnits(seconds=used) if is_time else ServiceUnits(octets=used)
        wanted = ServiceUnits(seconds=wish % 4000) if is_time else ServiceUnits(octets=wish)
        reported = (units,) if used else ()
        return ServiceCredit(group, (), wanted if asks else None, reported, None if asks else ReportingReason.FINAL)

    def end(self) -> None:
        asked = tuple(self._credit(group, 0, asks=False) for group in GROUPS)
        decision = self.line.terminate(self.number + 1, *asked)
        assert {posting.mark for posting in decision.entry.postings} <= {""}

    @property
    def unreported(self) -> int:
        return sum(self.used[group] * self.multipliers[group] for group in GROUPS)


def balance(line: Line) -> int:
    return sum(bucket.remaining for bucket in line.account.buckets)


def price(line: Line, gateway: PoolGateway) -> int:
    """Of everything that was used, rounded up to a micro-unit once."""
    points = sum(gateway.total[group] * gateway.multipliers[group] for group in GROUPS)
    rule = line.terms.catalogue.offers["pooled"].by_group[10]
    return divide_up(points, rule.pool.per_micro)


def play(line: Line, sequence: list[tuple]) -> PoolGateway:
    gateway = PoolGateway(line)
    gateway.send({10, 20}, 0, asks=True)
    for deed, what, amount in sequence:
        if deed == "use":
            gateway.use(what, amount)
        else:
            gateway.send(set(what), amount, asks=deed != "leave")
        check_books(line)
        session = line.sessions["s;1;1"]
        promised = sum(pool.promised for pool in session.pools)
        assert promised == gateway.rest + gateway.unreported
        assert all(bucket.available >= 0 for bucket in line.account.buckets)
    return gateway


def opened(purse: list[int], silence: Silence = Silence.RELEASE) -> Line:
    """A line with some buckets of money."""
    buckets = tuple(Bucket(f"b{index}", UnitType.MONEY, amount, priority=index) for index, amount in enumerate(purse))
    return with_journal(PoolLine(silence=silence), buckets)


@settings(max_examples=300, deadline=None)
@given(purses, moves)
def test_within_the_pool_nothing_is_overuse_and_all_of_it_is_exact(purse, sequence):
    line = opened(purse)
    started = balance(line)
    gateway = play(line, sequence)
    gateway.end()
    check_books(line)
    check_reasons(line.entries)
    assert started - balance(line) == price(line, gateway)
    assert all(bucket.reserved == 0 and bucket.remaining >= 0 for bucket in line.account.buckets)
