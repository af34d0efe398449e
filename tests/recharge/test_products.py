"""Products of an account: bought, renewed on the stated days, unpaid and retried, carried over, cancelled."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.ledger.account import Account, Bucket, Status, Subscriber
from diameter_ocs.ledger.audit import audit_account
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Action, Entry
from diameter_ocs.ledger.owned import OwnedState
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.recharge.commands import Buy, CancelProduct, Credit, NewSubscriber, OpenAccount, SetLimit
from diameter_ocs.recharge.decide import credit, open_account
from diameter_ocs.recharge.due import next_due
from diameter_ocs.recharge.limits import set_limit
from diameter_ocs.recharge.products import buy, cancel, include
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import CATALOGUE_TEXT, MB, Line, ask, money, octets, report

EURO = 1_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

PRODUCTS = """
[products.monthly]
title = "3 MB a month"
price = "2.00"
renews = "1 month"
retry = "1 d"
grace = "3 d"
[[products.monthly.allowances]]
name = "internet"
amount = "3 MB"
rating_groups = [10]
priority = 20
carry_over = "1 MB"
[products.day]
price = "0.50"
lasts = "1 day"
[[products.day.allowances]]
name = "pass"
amount = "1 MB"
[products.forever]
[[products.forever.allowances]]
name = "gift"
amount = "1.00"
unit = "money"
[products.bundle]
price = "5.00"
renews = "1 month"
includes = ["monthly", "talk"]
[products.talk]
renews = "1 month"
shared = true
[[products.talk.allowances]]
name = "minutes"
unit = "seconds"
amount = "100 min"
services = ["voice"]
carry_over = "all"
carry_periods = 2
[offers.plan]
default_rating_group = 10
products = ["monthly"]
[[offers.plan.groups]]
all_others = true
price = "0.02"
per = "1 MB"
quota = "standard"
"""


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


class Wallet:
    """One account over time, with every entry of its journal."""

    def __init__(self, *buckets: Bucket, start: str = "2027-01-31T12:00", zone: str = "UTC", text: str = "") -> None:
        self.catalogue = parse_catalogue(f'time_zone = "{zone}"\n' + CATALOGUE_TEXT + PRODUCTS + text, "test.toml")
        self.at_ms = at(start, zone)
        self.entries: list[Entry] = []
        self.subscribers: dict[str, Subscriber] = {}
        name = Identity(IdentityKind.E164, "491511000001")
        new = OpenAccount("acc-1", "EUR", "", buckets, (NewSubscriber("sub-1", (name,), "standard"),))
        self.account = Account("acc-1")
        self.take(open_account(new, None, (), self.at_ms))

    def take(self, decision):
        if decision.account is not None:
            self.account = decision.account
            self.subscribers.update((each.subscriber_id, each) for each in decision.subscribers)
        if decision.entry is not None:
            self.entries.append(decision.entry)
        return decision

    def until(self, text: str, zone: str = "UTC") -> list[str]:
        """Let time pass; what it brought, in order."""
        return self.until_ms(at(text, zone))

    def until_ms(self, at_ms: int) -> list[str]:
        self.at_ms = max(at_ms, self.at_ms)
        kinds = []
        while (decision := next_due(self.account, self.subscribers, self.catalogue, self.at_ms)) is not None:
            before = self.account
            self.take(decision)
            assert decision.entry is not None
            kinds.append(decision.entry.kind)
            assert self.account != before, "nothing was done, so it would be done for ever"
        return kinds

    def buy(self, product: str, **more: str) -> Verdict:
        command = Buy("acc-1", product, **more)
        return self.take(buy(command, self.account, self.subscribers, self.catalogue, self.at_ms)).outcome.verdict

    def top_up(self, micros: int) -> list[str]:
        self.take(credit(Credit("acc-1", money(micros)), self.account, self.at_ms))
        return self.until_ms(self.at_ms)

    def use(self, bucket_id: str, amount: int) -> None:
        book = Book(self.account)
        book.debit(bucket_id, amount, 10, amount)
        self.account = book.account()
        self.entries.append(Entry("acc-1", self.account.last_seq, self.at_ms, "ccr_update", tuple(book.postings)))

    def left(self) -> dict[str, int]:
        return {bucket.bucket_id: bucket.remaining for bucket in self.account.buckets}

    @property
    def owned(self):
        return self.account.owned[0]

    def assert_right(self) -> None:
        assert audit_account(self.account, 0, {}, self.entries).discrepancies == ()


def test_a_product_is_paid_and_brings_its_allowances():
    wallet = Wallet(money(5 * EURO))
    assert wallet.buy("monthly", reason="shop") is Verdict.SUCCESS
    assert wallet.left() == {"monthly-2/internet/0": 3 * MB, "money": 3 * EURO}
    (bucket,) = [each for each in wallet.account.buckets if each.unit is UnitType.OCTETS]
    assert (bucket.rating_groups, bucket.priority, bucket.name) == ((10,), 20, "3 MB a month: internet")
    assert bucket.valid_until_ms == at("2027-02-28T12:00")
    entry = wallet.entries[-1]
    assert (entry.kind, entry.reason) == ("product_bought", "monthly-2: shop")
    assert [(each.action, each.amount, each.mark) for each in entry.postings] == [
        (Action.DEBIT, 2 * EURO, "price"),
        (Action.CREDIT, 3 * MB, ""),
    ]
    wallet.assert_right()


@pytest.mark.parametrize(
    ("buckets", "product", "subscriber", "verdict"),
    [
        ((money(1_999_999),), "monthly", "", Verdict.CREDIT_LIMIT_REACHED),
        ((octets(9 * MB),), "monthly", "", Verdict.CREDIT_LIMIT_REACHED),
        ((money(5 * EURO),), "yearly", "", Verdict.NOT_FOUND),
        ((money(5 * EURO),), "monthly", "ghost", Verdict.NOT_FOUND),
        ((replace(money(5 * EURO), terms=BucketTerms(services=("voice",))),), "day", "", Verdict.CREDIT_LIMIT_REACHED),
        ((replace(money(5 * EURO), terms=BucketTerms(owners=("sub-2",))),), "day", "", Verdict.CREDIT_LIMIT_REACHED),
        ((replace(money(5 * EURO), reserved=4 * EURO),), "monthly", "", Verdict.CREDIT_LIMIT_REACHED),
    ],
)
def test_what_cannot_be_bought_changes_nothing(buckets, product, subscriber, verdict):
    wallet = Wallet(*(replace(bucket, reserved=0) for bucket in buckets))
    wallet.account = replace(wallet.account, buckets=buckets)
    before = wallet.account
    assert wallet.buy(product, subscriber_id=subscriber) is verdict
    assert wallet.account == before


def test_a_blocked_account_buys_nothing():
    wallet = Wallet(money(5 * EURO))
    wallet.account = replace(wallet.account, status=Status.BLOCKED)
    assert wallet.buy("day") is Verdict.SERVICE_DENIED


def test_a_product_may_be_paid_from_the_credit_limit():
    wallet = Wallet(replace(money(0), terms=BucketTerms(overdraft=2 * EURO)))
    assert wallet.buy("monthly") is Verdict.SUCCESS
    assert wallet.left()["money"] == -2 * EURO


def test_a_product_that_lasts_ends_and_what_never_ends_is_no_product_of_the_account():
    wallet = Wallet(money(5 * EURO))
    wallet.buy("day")
    wallet.buy("forever")
    assert wallet.left() == {"day-2/pass/0": MB, "forever-3/gift/0": EURO, "money": 4_500_000}
    assert [each.owned_id for each in wallet.account.owned] == ["day-2"]
    assert wallet.until("2027-02-01T11:59:59") == []
    assert wallet.until("2027-02-01T12:00") == ["product_ended"]
    assert wallet.left() == {"forever-3/gift/0": EURO, "money": 4_500_000}
    assert (wallet.account.owned, wallet.account.due_ms) == ((), 0)
    wallet.assert_right()


# renewal ------------------------------------------------------------------------------------------


def test_a_renewal_carries_over_what_may_be_carried_once():
    wallet = Wallet(money(20 * EURO))
    wallet.buy("monthly")
    wallet.use("monthly-2/internet/0", 500_000)
    assert wallet.until("2027-02-28T12:00") == ["product_renewed"]
    assert wallet.left() == {
        "monthly-2/internet/1": 3 * MB,
        "monthly-2/internet/1+": MB,
        "money": 16 * EURO,
    }
    assert wallet.until("2027-03-31T12:00") == ["product_renewed"]
    assert wallet.left() == {"monthly-2/internet/2": 3 * MB, "monthly-2/internet/2+": MB, "money": 14 * EURO}
    wallet.assert_right()


def test_what_is_carried_may_live_for_more_than_one_period():
    wallet = Wallet()
    wallet.buy("talk")
    wallet.use("talk-2/minutes/0", 1000)
    assert wallet.until("2027-02-28T12:00") == ["product_renewed"]
    wallet.use("talk-2/minutes/1", 6000)
    assert wallet.until("2027-03-31T12:00") == ["product_renewed"]
    assert wallet.left() == {"talk-2/minutes/1+": 5000, "talk-2/minutes/2": 6000}
    assert wallet.until("2027-04-30T12:00") == ["product_renewed"]
    assert wallet.left() == {"talk-2/minutes/3": 6000, "talk-2/minutes/3+": 6000}
    wallet.assert_right()


def test_months_that_nobody_looked_at_are_caught_up_one_by_one():
    wallet = Wallet(money(5 * EURO))
    wallet.buy("monthly")
    assert wallet.until("2027-03-01T00:00") == ["product_renewed"]
    late = Wallet(money(5 * EURO))
    late.buy("monthly")
    assert late.until("2027-06-01T00:00") == ["product_renewed", "product_unpaid"] + ["product_unpaid"] * 2 + [
        "product_ended"
    ]
    assert late.left() == {"money": EURO}
    late.assert_right()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_renewals_over_ten_years_land_on_the_stated_days(zone):
    wallet = Wallet(money(1000 * EURO), start="2027-01-31T02:30", zone=zone)
    wallet.buy("monthly")
    days = []
    for _ in range(120):
        days.append(datetime.fromtimestamp(wallet.owned.next_ms / 1000, ZoneInfo(zone)))
        assert wallet.until_ms(wallet.owned.next_ms - 1) == []
        assert wallet.until_ms(wallet.owned.next_ms) == ["product_renewed"]
    last_days = {1: 31, 2: 28, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}
    for day in days:
        leap = day.month == 2 and day.year % 4 == 0
        assert day.day == last_days[day.month] + leap
        assert (day.hour, day.minute) in {(2, 30), (3, 0), (3, 30)}
    assert days[-1].year == 2037
    wallet.assert_right()


def test_periods_are_counted_by_the_clocks_of_the_subscriber():
    wallet = Wallet(money(5 * EURO), start="2027-03-27T12:00")
    wallet.subscribers["sub-1"] = replace(wallet.subscribers["sub-1"], time_zone="Europe/Berlin")
    wallet.buy("day", subscriber_id="sub-1")
    wallet.buy("day")
    assert [each.next_ms for each in wallet.account.owned] == [at("2027-03-28T11:00"), at("2027-03-28T12:00")]


def test_a_bucket_that_is_promised_at_the_renewal_is_left_to_its_session():
    line = Line(text=CATALOGUE_TEXT + PRODUCTS)
    members = {"sub-1": line.subscriber}
    line.account = replace(line.account, buckets=(money(10 * EURO),))
    bought = buy(Buy("acc-1", "monthly"), line.account, members, line.terms.catalogue, line.at_ms)
    assert bought.account is not None
    line.account = bought.account
    line.initial(ask(10, 2 * MB))
    line.at_ms = line.account.owned[0].next_ms
    while (step := next_due(line.account, members, line.terms.catalogue, line.at_ms)) is not None:
        assert step.account is not None
        line.account = step.account
    old = line.bucket("monthly-1/internet/0")
    assert (old.remaining, old.reserved) == (2 * MB, 2 * MB)
    assert line.bucket("monthly-1/internet/1+").remaining == MB
    line.terminate(1, report(10, 2 * MB, more=False))
    assert "monthly-1/internet/0" not in {each.bucket_id for each in line.account.buckets}


@pytest.mark.parametrize(
    ("before", "after", "end"),
    [("1 month", "1 week", "2028-01-07T12:00"), ("1 week", "1 month", "2028-01-12T12:00")],
)
def test_a_product_that_is_sold_for_another_time_is_paid_once_and_lasts_that_time(before, after, end):
    def sold(length):
        text = CATALOGUE_TEXT + PRODUCTS.replace('renews = "1 month"\nretry', f'renews = "{length}"\nretry')
        return parse_catalogue('time_zone = "UTC"\n' + text, "test.toml")

    wallet = Wallet(money(200 * EURO))
    wallet.catalogue = sold(before)
    wallet.buy("monthly")
    wallet.until("2027-12-05T12:00")
    money_before, due_ms = wallet.left()["money"], wallet.owned.next_ms
    wallet.catalogue = sold(after)
    assert wallet.until_ms(due_ms) == ["product_renewed"]
    assert wallet.left()["money"] == money_before - 2 * EURO
    assert wallet.owned.next_ms == at(end)
    assert wallet.until("2028-01-13T00:00") == ["product_renewed"]
    wallet.assert_right()


# unpaid -------------------------------------------------------------------------------------------


def test_an_unpaid_product_is_tried_again_and_then_gone():
    wallet = Wallet(money(2 * EURO))
    wallet.buy("monthly")
    assert wallet.until("2027-02-28T12:00") == ["product_unpaid"]
    assert (wallet.owned.state, wallet.left()) == (OwnedState.UNPAID, {"money": 0})
    assert wallet.until("2027-03-03T11:59:59") == ["product_unpaid"] * 2
    assert wallet.until("2027-03-03T12:00") == ["product_ended"]
    assert wallet.entries[-1].reason == "monthly-2: not paid"
    assert wallet.account.owned == ()
    wallet.assert_right()


def test_money_pays_what_is_unpaid_at_once_and_its_period_begins_then():
    wallet = Wallet(money(2 * EURO))
    wallet.buy("monthly")
    wallet.until("2027-03-01T18:00")
    assert wallet.top_up(EURO) == ["product_unpaid"]
    assert wallet.top_up(EURO) == ["product_renewed"]
    assert wallet.owned.state is OwnedState.ACTIVE
    assert wallet.owned.next_ms == at("2027-04-01T18:00")
    assert wallet.left() == {f"{wallet.owned.owned_id}/internet/1": 3 * MB, "money": 0}
    wallet.assert_right()


def test_a_late_payment_brings_a_bucket_of_its_own_when_a_session_holds_the_old_one():
    line = Line(text=CATALOGUE_TEXT + PRODUCTS)
    members = {"sub-1": line.subscriber}
    line.account = replace(line.account, buckets=(money(2 * EURO),))
    bought = buy(Buy("acc-1", "monthly"), line.account, members, line.terms.catalogue, line.at_ms)
    assert bought.account is not None
    line.account = bought.account
    line.initial(ask(10, 2 * MB))
    line.at_ms = line.account.owned[0].next_ms
    unpaid = next_due(line.account, members, line.terms.catalogue, line.at_ms)
    assert unpaid is not None
    assert unpaid.account is not None
    line.at_ms += HOUR_MS
    paid = credit(Credit("acc-1", money(2 * EURO)), unpaid.account, line.at_ms)
    assert paid.account is not None
    renewed = next_due(paid.account, members, line.terms.catalogue, line.at_ms)
    assert renewed is not None
    assert renewed.account is not None
    line.account = renewed.account
    old, new = line.bucket("monthly-1/internet/0"), line.bucket("monthly-1/internet/1")
    assert (old.remaining, old.reserved) == (3 * MB, 2 * MB)
    assert (new.remaining, new.valid_until_ms) == (3 * MB, line.account.owned[0].next_ms)
    assert {each.bucket_id for each in line.account.buckets} == {old.bucket_id, new.bucket_id, "money"}


# cancel -------------------------------------------------------------------------------------------


def cancelled(wallet: Wallet, owned_id: str, *, at_once: bool = False) -> Verdict:
    return wallet.take(cancel(CancelProduct("acc-1", owned_id, at_once), wallet.account, wallet.at_ms)).outcome.verdict


def test_a_cancelled_product_runs_until_what_is_paid_is_over():
    wallet = Wallet(money(5 * EURO))
    wallet.buy("monthly")
    assert cancelled(wallet, "monthly-2") is Verdict.SUCCESS
    assert wallet.left()["monthly-2/internet/0"] == 3 * MB
    assert wallet.until("2028-01-01T00:00") == ["product_ended"]
    assert wallet.left() == {"money": 3 * EURO}


def test_a_product_that_is_cancelled_again_keeps_what_is_paid():
    wallet = Wallet(money(5 * EURO))
    wallet.buy("monthly")
    cancelled(wallet, "monthly-2")
    before = wallet.account
    assert cancelled(wallet, "monthly-2") is Verdict.CONFLICT
    assert wallet.account == before
    assert cancelled(wallet, "monthly-2", at_once=True) is Verdict.SUCCESS
    assert wallet.left() == {"money": 3 * EURO}


def test_a_product_cancelled_at_once_takes_its_buckets_along():
    wallet = Wallet(money(5 * EURO))
    wallet.buy("monthly")
    assert cancelled(wallet, "monthly-2", at_once=True) is Verdict.SUCCESS
    assert (wallet.left(), wallet.account.owned) == ({"money": 3 * EURO}, ())
    assert cancelled(wallet, "monthly-2") is Verdict.NOT_FOUND
    wallet.assert_right()


def test_a_product_that_is_no_longer_sold_ends_with_its_period():
    wallet = Wallet(money(5 * EURO))
    wallet.buy("monthly")
    wallet.catalogue = parse_catalogue(CATALOGUE_TEXT, "later.toml")
    assert wallet.until("2027-02-28T12:00") == ["product_ended"]
    assert wallet.entries[-1].reason == "monthly-2: no longer sold"


# bundles and offers -------------------------------------------------------------------------------


def test_a_bundle_brings_everything_in_it_for_one_price():
    wallet = Wallet(money(5 * EURO))
    wallet.buy("bundle", subscriber_id="sub-1")
    assert wallet.left() == {"bundle-2/internet/0": 3 * MB, "bundle-2/minutes/0": 6000, "money": 0}
    terms = {each.name: each.terms for each in wallet.account.buckets}
    assert terms["bundle: internet"] == BucketTerms(owners=("sub-1",))


def test_products_of_an_offer_come_with_the_subscriber_and_wait_for_money():
    wallet = Wallet()
    name = Identity(IdentityKind.E164, "491511000002")
    opened = open_account(
        OpenAccount("acc-1", "EUR", subscribers=(NewSubscriber("sub-9", (name,), "plan"),)), None, (), wallet.at_ms
    )
    wallet.entries.clear()
    wallet.take(include(opened, opened.subscribers, wallet.catalogue, wallet.at_ms))
    assert wallet.until_ms(wallet.at_ms) == ["product_unpaid"]
    assert wallet.top_up(3 * EURO) == ["product_renewed"]
    (bucket, _) = wallet.account.buckets
    assert bucket.terms == BucketTerms(owners=("sub-9",))
    assert (bucket.remaining, wallet.left()["money"]) == (3 * MB, EURO)
    wallet.assert_right()


# limits -------------------------------------------------------------------------------------------


def test_a_limit_starts_anew_with_its_period_and_keeps_what_is_promised():
    line = Line(money(10 * EURO))
    members = {"sub-1": line.subscriber}
    line.at_ms = at("2027-01-15T10:00")
    command = SetLimit("acc-1", "cap", 300_000, period="calendar month")
    decision = set_limit(command, line.account, members, line.terms.catalogue, line.at_ms)
    assert decision.account is not None
    line.account = decision.account
    line.initial(ask(10, 5 * MB))
    line.update(1, report(10, 5 * MB))
    (limit,) = line.account.limits
    assert (limit.used, limit.reserved, limit.until_ms) == (100_000, 200_000, at("2027-02-01T00:00"))
    line.at_ms = at("2027-02-01T00:00")
    step = next_due(line.account, members, line.terms.catalogue, line.at_ms)
    assert step is not None
    assert step.account is not None
    assert step.entry is not None
    assert (step.entry.kind, step.entry.reason) == ("limits_restarted", "cap")
    (limit,) = step.account.limits
    assert (limit.used, limit.reserved, limit.until_ms) == (0, 200_000, at("2027-03-01T00:00"))
    assert next_due(step.account, members, line.terms.catalogue, line.at_ms) is None


# properties ---------------------------------------------------------------------------------------


STEP = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from(["monthly", "day", "bundle", "forever", "talk"])),
    st.tuples(st.just("wait"), st.integers(1, 40 * 24)),
    st.tuples(st.just("top up"), st.integers(1, 5)),
    st.tuples(st.just("cancel"), st.booleans()),
)


@given(st.lists(STEP, max_size=25))
def test_whatever_is_bought_paid_and_cancelled_the_books_are_right(steps):
    wallet = Wallet(money(10 * EURO), start="2027-01-31T12:00")
    for what, value in steps:
        if what == "buy":
            wallet.buy(value)
        elif what == "wait":
            wallet.until_ms(wallet.at_ms + value * HOUR_MS)
        elif what == "top up":
            wallet.top_up(value * EURO)
        elif wallet.account.owned:
            cancelled(wallet, wallet.owned.owned_id, at_once=value)
        wallet.until_ms(wallet.at_ms)
        wallet.assert_right()
        assert wallet.account.due_ms == 0 or wallet.account.due_ms > wallet.at_ms
        assert all(bucket.remaining >= 0 for bucket in wallet.account.buckets)


@given(st.lists(st.integers(1, 60 * 24), min_size=1, max_size=12))
def test_looking_more_often_changes_nothing(pauses):
    """Time in many small steps does what it does in one."""
    often, once = (Wallet(money(30 * EURO)) for _ in range(2))
    for wallet in (often, once):
        wallet.buy("monthly")
        wallet.buy("talk")
    kinds = [kind for hours in pauses for kind in often.until_ms(often.at_ms + hours * HOUR_MS)]
    assert once.until_ms(once.at_ms + sum(pauses) * HOUR_MS) == kinds
    assert once.left() == often.left()
    assert once.account.owned == often.account.owned
