"""Gifts from one member of an account to another: for the same use, until the same time, and nothing is lost."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.ledger.account import Account, Bucket, Status
from diameter_ocs.ledger.audit import audit_account
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.recharge.commands import MoveUnits
from diameter_ocs.recharge.move import move
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, MB, money, octets, subscriber

MEMBERS = {name: replace(subscriber(), subscriber_id=name) for name in ("ann", "tom")}
TERMS = BucketTerms(owners=("ann",), services=("data",), bands=("night",), is_blocking=True, overdraft=MB)
DATA = octets(10 * MB, priority=7, valid_until_ms=AT_MS + 1000, rating_groups=(10,), name="Pack", terms=TERMS)


class Family:
    def __init__(self, *buckets: Bucket) -> None:
        book = Book(Account("acc-1"))
        for bucket in buckets:
            book.add(bucket)
        self.account = book.account()
        self.entries = [Entry("acc-1", 1, AT_MS, "account_created", tuple(book.postings))]

    def give(self, bucket_id: str, amount: int, to: str = "", at_ms: int = AT_MS):
        decision = move(MoveUnits("acc-1", bucket_id, amount, to), self.account, MEMBERS, at_ms)
        if decision.account is not None:
            self.account = decision.account
            self.entries.append(decision.entry)
        return decision

    def left(self) -> dict[str, int]:
        return {bucket.bucket_id: bucket.remaining for bucket in self.account.buckets}

    def assert_right(self) -> None:
        assert audit_account(self.account, 0, {}, self.entries).discrepancies == ()


def test_a_gift_pays_for_the_same_until_the_same_time_for_its_new_owner():
    family = Family(DATA)
    decision = family.give("data", 3 * MB, "tom")
    assert decision.outcome.data == {"account_id": "acc-1", "seq": 2, "bucket_id": "data>tom"}
    given_bucket = next(each for each in family.account.buckets if each.bucket_id == "data>tom")
    terms = BucketTerms(owners=("tom",), services=("data",), bands=("night",))
    assert given_bucket == replace(DATA, bucket_id="data>tom", remaining=3 * MB, name="Pack, given", terms=terms)
    assert family.give("data", MB, "tom").outcome.verdict is Verdict.SUCCESS
    assert family.left() == {"data": 6 * MB, "data>tom": 4 * MB}
    assert family.give("data>tom", MB).outcome.verdict is Verdict.SUCCESS
    assert family.left() == {"data": 6 * MB, "data>tom": 3 * MB, "data>tom>all": MB}
    assert len(family.entries) == 4
    family.assert_right()


def test_what_is_promised_borrowed_or_over_is_not_given():
    family = Family(DATA, money(5))
    book = Book(family.account)
    book.reserve("data", 9 * MB, 10, 9 * MB)
    family.account = book.account()
    assert family.give("data", 2 * MB, "tom").outcome.verdict is Verdict.CREDIT_LIMIT_REACHED
    assert family.give("data", MB, "tom").outcome.verdict is Verdict.SUCCESS
    over = Family(DATA)
    assert over.give("data", MB, "tom", AT_MS + 1000).outcome.verdict is Verdict.NOT_FOUND


def test_nothing_is_given_from_or_into_a_bucket_that_has_ended_while_a_session_holds_it():
    ended = {"reserved": MB, "valid_until_ms": AT_MS}
    source, old_gift = replace(DATA, **ended), replace(DATA, bucket_id="data>tom", **ended)
    for buckets in ((source,), (old_gift, DATA)):
        family = Family()
        family.account = replace(family.account, buckets=buckets)
        refused = family.give("data", MB, "tom")
        assert refused.outcome.verdict is Verdict.CONFLICT
        assert "has ended" in refused.outcome.detail
        assert family.account.buckets == buckets


def test_gifts_to_nobody_and_of_nothing_are_refused():
    family = Family(DATA, money(5))
    assert family.give("data", MB, "eve").outcome.verdict is Verdict.NOT_FOUND
    assert family.give("time", MB, "tom").outcome.verdict is Verdict.NOT_FOUND
    assert family.give("data", MB, "ann").outcome.verdict is Verdict.CONFLICT
    assert family.give("money", 5).outcome.verdict is Verdict.CONFLICT
    assert len(family.entries) == 1


def test_a_blocked_account_asks_nobody():
    family = Family(DATA)
    family.account = replace(family.account, status=Status.BLOCKED)
    assert family.give("data", MB, "tom").requests == ()


GIFT = st.tuples(st.integers(0, 5), st.integers(1, 12 * MB), st.sampled_from(["", "ann", "tom"]))


@given(st.lists(GIFT, max_size=12))
def test_gifts_keep_the_sum(gifts):
    family = Family(DATA, octets(4 * MB, "other"), money(700))
    for which, amount, to in gifts:
        buckets = family.account.buckets
        family.give(buckets[which % len(buckets)].bucket_id, amount, to)
    assert sum(value for name, value in family.left().items() if not name.startswith("money")) == 14 * MB
    assert sum(value for name, value in family.left().items() if name.startswith("money")) == 700
    assert all(value >= 0 for value in family.left().values())
    family.assert_right()
