"""Another offer in the middle of a session: what was granted under the old one is paid at its prices."""

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.commands import ExpireSession
from diameter_ocs.charging.decide import expire_session
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import ChargingRules, Silence
from diameter_ocs.engine.cache import Holding
from diameter_ocs.engine.commands import Subject, decide
from diameter_ocs.ledger.book import Book
from diameter_ocs.ledger.journal import Action
from diameter_ocs.recharge.commands import ChangeOffer
from diameter_ocs.recharge.decide import change_offer
from diameter_ocs.storage.protocol import VersionedAccount
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import (
    AT_MS,
    CATALOGUE_TEXT,
    MB,
    Line,
    account,
    ask,
    money,
    octets,
    report,
    subscriber,
    terms,
)

TEXT = (
    CATALOGUE_TEXT
    + """
[offers.dear]
[[offers.dear.groups]]
rating_groups = [10, 20]
price = "1.00"
per = "1 MB"
quota = "standard"
[offers.hours]
[[offers.hours.groups]]
rating_groups = [10]
price = "0.60"
per = "60 s"
quota = "seconds"
[offers.narrow]
[[offers.narrow.groups]]
rating_groups = [99]
quota = "standard"
"""
)
CENT = 10_000


def changed(offer="dear"):
    """A line of two groups with 10 MB out for each, whose subscriber has bought another offer since."""
    line = Line(money(100_000_000), text=TEXT)
    line.initial(ask(10), ask(20))
    line.subscriber = replace(line.subscriber, offer=offer)
    return line


def spent(line):
    return 100_000_000 - line.bucket("money").remaining


def test_the_first_report_costs_the_old_price_and_the_next_the_new_one():
    line = changed()
    answer = line.update(1, report(10, used=10 * MB)).outcome.credits[0]
    assert spent(line) == 20 * CENT
    assert answer.used == 10 * MB
    assert answer.granted == 10 * MB
    assert line.bucket("money").reserved == 10 * 100 * CENT + 10 * 5 * CENT
    line.update(2, report(10, used=10 * MB))
    assert spent(line) == 20 * CENT + 1000 * CENT


def test_every_group_has_its_own_last_report_at_the_old_price():
    line = changed()
    line.update(1, report(10, used=10 * MB))
    line.update(2, report(10, used=MB))
    before = spent(line)
    line.update(3, report(20, used=10 * MB))
    assert spent(line) - before == 50 * CENT
    line.update(4, report(20, used=MB))
    assert spent(line) - before == 50 * CENT + 100 * CENT


def test_the_end_of_the_session_costs_the_old_price():
    line = changed()
    line.terminate(1, report(10, used=MB, more=False), report(20, used=MB, more=False))
    assert spent(line) == 7 * CENT
    assert line.bucket("money").reserved == 0


def test_two_changes_before_a_report():
    line = changed()
    line.update(1, report(10, used=MB))
    line.subscriber = replace(line.subscriber, offer="standard")
    line.update(2, report(10, used=MB), report(20, used=MB))
    assert spent(line) == 2 * CENT + 100 * CENT + 5 * CENT


def test_another_unit():
    line = changed("hours")
    answer = line.update(1, report(10, used=10 * MB)).outcome.credits[0]
    assert spent(line) == 20 * CENT
    assert (answer.granted, answer.unit.value) == (300, "seconds")
    line.update(2, ServiceCredit(10, (), ServiceUnits(), (ServiceUnits(seconds=60),)))
    assert spent(line) == 20 * CENT + 60 * CENT


def test_a_group_that_the_new_offer_does_not_have():
    line = changed("narrow")
    answer = line.update(1, report(10, used=10 * MB)).outcome.credits[0]
    assert answer.verdict is Verdict.RATING_FAILED
    assert spent(line) == 20 * CENT
    assert line.bucket("money").reserved == 10 * 5 * CENT


def test_an_offer_that_is_not_sold_any_more_has_no_price_left():
    line = Line(money(100_000_000), offer="dear", text=TEXT)
    line.initial(ask(10))
    line.subscriber = replace(line.subscriber, offer="standard")
    offers = {name: offer for name, offer in line.terms.catalogue.offers.items() if name != "dear"}
    line.terms = replace(line.terms, catalogue=replace(line.terms.catalogue, offers=offers))
    line.update(1, report(10, used=MB))
    assert spent(line) == 2 * CENT


def test_what_a_silent_session_held_is_charged_at_the_old_price_and_so_is_its_late_report():
    line = Line(money(100_000_000), text=TEXT, silence=Silence.CHARGE_GRANTED)
    line.initial(ask(10))
    line.subscriber = replace(line.subscriber, offer="dear")
    line.at_ms = line.sessions["s;1;1"].expires_ms
    holding = Holding(VersionedAccount(1, line.account, (line.subscriber,)))
    holding.sessions["s;1;1"] = line.sessions["s;1;1"]
    decision = decide(ExpireSession("acc-1", "s;1;1"), Subject(holding), line.terms, line.at_ms)
    line.account, line.sessions["s;1;1"] = decision.account, decision.session
    assert spent(line) == 20 * CENT
    line.terminate(1, report(10, used=12 * MB, more=False))
    assert spent(line) == 24 * CENT


def test_a_late_report_of_a_group_that_had_not_told_before_the_session_ended():
    line = changed()
    line.update(1, report(10, used=10 * MB))
    line.terminate(2)
    line.update(3, report(20, used=10 * MB))
    assert spent(line) == 20 * CENT + 50 * CENT


def without_price(line):
    """The operator has taken the price of group 10 out of the offer: only buckets of data pay from now on."""
    text = CATALOGUE_TEXT.replace(
        'service_identifiers = [7]\nprice = "0.02"\nper = "1 MB"', "service_identifiers = [7]", 1
    )
    line.terms = terms(text, silence=Silence.CHARGE_GRANTED)
    return line


def test_money_that_was_promised_is_given_back_where_the_group_has_no_price_in_money_any_more():
    line = Line(money(100_000_000))
    line.initial(ask(10))
    assert line.bucket("money").reserved
    without_price(line)
    answer = line.update(1, report(10, used=10 * MB)).outcome.credits[0]
    assert answer.verdict is Verdict.CREDIT_LIMIT_REACHED
    assert (line.bucket("money").reserved, spent(line)) == (0, 0)
    assert [each.action for each in line.entries[-1].postings if each.units == 10 * MB][-1] is Action.UNRATED


def test_data_is_debited_where_the_group_has_no_price_in_money_any_more():
    line = Line(money(100_000_000))
    line.initial(ask(10))
    book = Book(line.account)
    book.add(octets(25 * MB))
    line.account = book.account()
    without_price(line).terminate(1, report(10, used=10 * MB, more=False))
    assert (line.bucket("money").reserved, spent(line)) == (0, 0)
    assert line.bucket("data").remaining == 15 * MB


def test_a_silent_session_ends_where_its_group_has_no_price_in_money_any_more():
    line = Line(money(100_000_000))
    line.initial(ask(10))
    session = without_price(line).sessions["s;1;1"]
    offer = line.terms.catalogue.offers["standard"]
    decision = expire_session(line.account, session, offer, line.terms.rules, session.expires_ms)
    assert decision.session is not None
    assert [bucket.reserved for bucket in decision.account.buckets] == [0]


def test_a_silent_session_ends_where_its_group_is_counted_in_another_unit():
    line = Line(octets(25 * MB), silence=Silence.CHARGE_GRANTED)
    line.initial(ask(20))
    line.terms = terms(
        CATALOGUE_TEXT.replace('price = "0.05"\nper = "1 MB"\nquota = "standard"', 'quota = "seconds"', 1)
    )
    session = line.sessions["s;1;1"]
    offer = line.terms.catalogue.offers["standard"]
    decision = expire_session(
        line.account, session, offer, ChargingRules(silence=Silence.CHARGE_GRANTED), session.expires_ms
    )
    assert decision.session is not None
    assert [(bucket.reserved, bucket.remaining) for bucket in decision.account.buckets] == [(0, 25 * MB)]


def test_the_command_changes_the_offer_and_asks_the_gateways_of_that_subscriber():
    line = changed("standard")
    other = replace(line.sessions["s;1;1"], session_id="s;2", subscriber_id="sub-2")
    command = ChangeOffer("acc-1", "sub-1", "dear", "at the shop")
    decision = change_offer(command, account(), {"sub-1": subscriber()}, AT_MS, [*line.sessions.values(), other])
    assert decision.subscribers[0].offer == "dear"
    assert (decision.entry.kind, decision.entry.reason) == ("offer_changed", "standard -> dear: at the shop")
    (asked,) = decision.requests
    assert (asked.session_id, asked.kind, asked.rating_group) == ("s;1;1", RequestKind.REAUTHORIZE, None)
    assert asked.cause == "plan change standard -> dear"


@pytest.mark.parametrize(("who", "verdict"), [("sub-1", Verdict.CONFLICT), ("sub-9", Verdict.NOT_FOUND)])
def test_the_command_refused(who, verdict):
    command = ChangeOffer("acc-1", who, "standard")
    assert change_offer(command, account(), {"sub-1": subscriber()}, AT_MS).outcome.verdict is verdict


def test_a_session_knows_what_it_was_rated_by():
    line = changed()
    session = line.sessions["s;1;1"]
    offers = line.terms.catalogue.offers
    assert (session.offer, session.tariff) == ("standard", offers["standard"].fingerprint)
    line.update(1, report(10, used=MB))
    session = line.sessions["s;1;1"]
    assert (session.offer, session.tariff) == ("dear", offers["dear"].fingerprint)
    assert RequestType.UPDATE in [answer.request_type for answer in session.answers]
