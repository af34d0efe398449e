"""Usage that is priced for somebody else's books: granted, journalled, never refused, and no bucket moves."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.event import Action as Asked
from diameter_ocs.charging.event import EventRequest, decide_event
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.sentence import sentence
from diameter_ocs.charging.why import explain
from diameter_ocs.ledger.account import Account
from diameter_ocs.ledger.audit import audit_account
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import CATALOGUE_TEXT, HOST, MB, REALM, Line, ask, money, octets, report, request

TEXT = (
    CATALOGUE_TEXT
    + """
[networks.eu]
plmns = ["208*"]
[offers.rated]
rate_only = true
[[offers.rated.groups]]
name = "internet"
rating_groups = [10]
price = "0.02"
per = "1 MB"
connect_fee = "0.10"
quota = "standard"
[[offers.rated.groups.when]]
name = "internet abroad"
network = "eu"
price = "0.50"
per = "1 MB"
[[offers.rated.groups]]
rating_groups = [20]
prices = [{ from = "00:00", until = "12:00", price = "0.10" }, { from = "12:00", until = "24:00", price = "0.20" }]
per = "1 MB"
quota = "standard"
[[offers.rated.groups]]
rating_groups = [30]
treatment = "free"
quota = "standard"
[[offers.rated.groups]]
rating_groups = [40]
treatment = "barred"
quota = "standard"
[[offers.rated.groups]]
service = "sms"
default = true
price = "0.07"
per = "10 s"
quota = "seconds"
"""
)


ABROAD = Conditions(serving_plmn="20801")


def line(*buckets):
    return Line(*buckets, offer="rated", text=TEXT)


def rated(served) -> list[tuple[int, int]]:
    """Price and units of every such posting."""
    postings = [posting for entry in served.entries for posting in entry.postings]
    return [(each.amount, each.units) for each in postings if each.action is Action.RATED]


def assert_untouched(served, *buckets) -> None:
    assert served.account.buckets == buckets
    others = {posting.action for entry in served.entries for posting in entry.postings}
    assert others <= {Action.RATED, Action.FREE, Action.UNRATED}


def test_an_empty_account_is_granted_everything_and_told_the_price():
    served = line()
    decision = served.initial(ask(10, 50 * MB), ask(30), ask(40))
    assert [each.granted for each in decision.outcome.credits] == [50 * MB, 10 * MB, None]
    assert decision.outcome.credits[0].final is None
    served.update(1, report(10, 10 * MB), report(30, MB))
    served.terminate(2, report(10, 5 * MB, more=False))
    assert rated(served) == [(300_000, 10 * MB), (100_000, 5 * MB)]
    assert served.sessions["s;1;1"].quotas[0].charged_micros == 400_000
    assert_untouched(served)


def test_buckets_are_left_alone():
    buckets = (octets(50 * MB), money(5_000_000))
    served = line(*buckets)
    served.initial(ask(10))
    served.update(1, report(10, 60 * MB))
    assert rated(served) == [(100_000 + 1_200_000, 60 * MB)]
    assert_untouched(served, *buckets)


def test_prices_by_place_and_time_hold():
    served = line()
    told = replace(request(RequestType.INITIAL, 0, ask(10), ask(20)), conditions=ABROAD)
    assert [each.granted for each in served.send(told).outcome.credits] == [10 * MB, 10 * MB]
    served.update(1, report(10, 2 * MB), report(20, MB))
    assert rated(served) == [(1_000_000, 2 * MB), (200_000, MB)]


def test_what_was_granted_before_a_change_of_plan_is_paid():
    served = Line(money(5_000_000), text=TEXT)
    served.initial(ask(10))
    served.subscriber = replace(served.subscriber, offer="rated")
    served.update(1, report(10, 10 * MB))
    assert served.bucket("money").remaining == 4_800_000
    served.update(2, report(10, 10 * MB))
    assert served.bucket("money").remaining == 4_800_000
    assert rated(served)[-1][1] == 10 * MB


def event(served, action=Asked.DIRECT_DEBITING):
    credit = ServiceCredit(None, (), ServiceUnits(seconds=20))
    asked = EventRequest("e;1", 0, action, 1, "32274@3gpp.org", HOST, REALM, (), (credit,), "sms")
    decision = decide_event(asked, served.account, served.subscriber, {}, served.terms, served.at_ms)
    if decision.entry is not None:
        served.entries.append(decision.entry)
    return decision.outcome


def test_an_event_is_rated_and_its_balance_check_is_always_enough():
    served = line()
    assert event(served, Asked.CHECK_BALANCE).event.is_enough
    assert event(served, Asked.PRICE_ENQUIRY).event.cost_micros == 140_000
    outcome = event(served)
    assert (outcome.verdict, outcome.event.cost_micros) == (Verdict.SUCCESS, 140_000)
    assert rated(served) == [(140_000, 20)]
    assert_untouched(served)


@given(st.lists(st.integers(0, 9 * MB), min_size=1, max_size=8))
def test_slicing_never_changes_the_price(parts):
    served = line(money(7))
    served.initial(ask(10))
    for number, used in enumerate(parts, start=1):
        served.update(number, report(10, used))
    whole = line()
    whole.initial(ask(10))
    whole.update(1, report(10, sum(parts)))
    assert sum(price for price, _ in rated(served)) == sum(price for price, _ in rated(whole))
    assert sum(units for _, units in rated(served)) == sum(parts)
    assert_untouched(served, money(7))


@pytest.mark.parametrize(
    ("posting", "told"),
    [
        (Posting(Action.RATED, "", 5, 10, 5), ""),
        (Posting(Action.RATED, "money", 5, 10, 5), "names bucket money"),
        (Posting(Action.RATED, "", -5, 10, 5), "is below zero"),
    ],
)
def test_the_audit_knows_what_is_only_rated(posting, told):
    found = audit_account(Account("acc-1", last_seq=1), 0, {}, [Entry("acc-1", 1, 0, "ccr_update", (posting,))])
    assert told in " ".join(found.discrepancies) if told else found.discrepancies == ()


def test_the_price_is_told_in_words():
    served = line()
    served.initial(ask(10))
    served.terminate(1, report(10, 6 * MB, more=False))
    told = sentence(explain(served.entries, ()), "EUR", ZoneInfo("UTC"))
    assert "connect fee 0.10 EUR + 6 MB at 0.02 EUR per MB = 0.22 EUR, paid elsewhere" in told
