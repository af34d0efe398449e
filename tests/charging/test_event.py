"""Events as values: what they move, what they leave for their repeats and refunds."""

import pytest
from msgspec import structs

from diameter_ocs.charging.decide import expire_session, offer_of
from diameter_ocs.charging.event import Action, EventRequest
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import Silence
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.terms import Limit
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.catalogue import TEXT
from tests.support.charging import AT_MS, money
from tests.support.events import EventLine, messages, session_request


def test_a_debit_and_its_refund_restore_exactly():
    line = EventLine(money(1_000_000))
    debit = line.event(Action.DIRECT_DEBITING, messages(3))
    assert (debit.outcome.event.cost_micros, line.bucket("money").remaining) == (210_000, 790_000)
    back = line.event(Action.REFUND_ACCOUNT, messages(refund=debit.outcome.event.references[0]))
    assert (back.outcome.credits[0].granted, line.bucket("money").remaining) == (3, 1_000_000)


def test_a_repeat_is_told_so_and_moves_nothing():
    line = EventLine(money(1_000_000))
    first = line.event(Action.DIRECT_DEBITING, messages(1), session_id="x")
    again = line.event(Action.DIRECT_DEBITING, messages(1), session_id="x")
    assert (again.outcome.repeated, again.account, again.kept) == (True, None, ())
    assert again.outcome.event == first.outcome.event


def test_an_outcome_and_a_reference_have_their_time():
    line = EventLine(money(1_000_000), event_retention_seconds=10, refund_retention_seconds=5)
    debit = line.event(Action.DIRECT_DEBITING, messages(1), session_id="x")
    assert [kept.expires_ms - AT_MS for kept in debit.kept] == [5_000, 10_000]
    line.at_ms += 5_000
    refund = messages(refund=debit.outcome.event.references[0])
    assert line.event(Action.REFUND_ACCOUNT, refund).outcome.verdict is Verdict.REFUND_UNKNOWN
    line.at_ms += 5_000
    assert not line.event(Action.DIRECT_DEBITING, messages(1), session_id="x").outcome.repeated


def test_what_came_from_a_bucket_that_is_gone_stays_gone():
    bundle = Bucket("bundle", UnitType.EVENTS, 2, priority=1, valid_until_ms=AT_MS + 1000)
    line = EventLine(bundle)
    debit = line.event(Action.DIRECT_DEBITING, messages(2))
    line.at_ms += 1000
    refund = messages(refund=debit.outcome.event.references[0])
    assert line.event(Action.REFUND_ACCOUNT, refund).outcome.verdict is Verdict.REFUND_UNKNOWN


def test_a_refund_leaves_as_much_of_a_limit_as_before():
    line = EventLine(money(1_000_000))
    line.account = structs.replace(line.account, limits=(Limit("cap", UnitType.MONEY, 210_000),))
    for _ in range(3):
        debit = line.event(Action.DIRECT_DEBITING, messages(3))
        assert (debit.outcome.verdict, line.account.limits[0].used) == (Verdict.SUCCESS, 210_000)
        line.event(Action.REFUND_ACCOUNT, messages(refund=debit.outcome.event.references[0]))
        assert line.account.limits[0].used == 0


def test_a_refund_in_another_period_leaves_no_more_of_a_limit_than_there_is():
    line = EventLine(money(1_000_000))
    line.account = structs.replace(line.account, limits=(Limit("cap", UnitType.MONEY, 210_000),))
    debit = line.event(Action.DIRECT_DEBITING, messages(3))
    line.account = structs.replace(line.account, limits=(Limit("cap", UnitType.MONEY, 210_000, used=70_000),))
    line.event(Action.REFUND_ACCOUNT, messages(refund=debit.outcome.event.references[0]))
    assert line.account.limits[0].used == 0


def test_references_differ():
    line = EventLine(money(1_000_000))
    found = [
        reference
        for number in range(5)
        for reference in line.event(
            Action.DIRECT_DEBITING, messages(1), messages(1), session_id=f"s{number}"
        ).outcome.event.references
    ]
    assert len(set(found)) == 10


@pytest.mark.parametrize("action", [Action.CHECK_BALANCE, Action.PRICE_ENQUIRY])
def test_asking_leaves_no_trace(action):
    line = EventLine(money(1_000_000))
    decision = line.event(action, messages(1))
    assert (decision.account, decision.entry, decision.kept) == (None, None, ())


def test_an_event_without_a_tariff():
    line = EventLine(money(1_000_000))
    unknown = ServiceCredit(999, (), ServiceUnits(events=1))
    refused = line.event(Action.DIRECT_DEBITING, messages(1), unknown)
    assert [credit.verdict for credit in refused.outcome.credits] == [Verdict.SUCCESS, Verdict.RATING_FAILED]
    assert (refused.account, line.bucket("money").remaining) == (None, 1_000_000)


NIGHTLY = TEXT.replace(
    'price = "0.07"\n', 'prices = [{from = "22:00", until = "06:00", price = "0.01"}]\nprice = "0.07"\n'
).replace("[offers.standard]\n", '[offers.standard]\ntime_zone = "subscriber"\n')


@pytest.mark.parametrize(
    ("zone", "hour", "cost"),
    [("", 12, 70_000), ("Asia/Tokyo", 12, 70_000), ("Asia/Tokyo", 13, 10_000), ("", 22, 10_000)],
)
def test_an_event_costs_the_price_of_its_hour_where_the_subscriber_is(zone, hour, cost):
    line = EventLine(money(1_000_000))
    line.terms = structs.replace(line.terms, catalogue=parse_catalogue(NIGHTLY, "test.toml"))
    line.subscriber = structs.replace(line.subscriber, time_zone=zone)
    line.at_ms = AT_MS - AT_MS % 86_400_000 + hour * 3_600_000
    assert line.event(Action.PRICE_ENQUIRY, messages(1)).outcome.event.cost_micros == cost
    debit = line.event(Action.DIRECT_DEBITING, messages(1))
    assert (debit.outcome.event.cost_micros, line.bucket("money").remaining) == (cost, 1_000_000 - cost)


def test_the_key_of_an_event_is_its_session_and_number():
    one = EventRequest("s", 0, Action.DIRECT_DEBITING, 1, "32274@3gpp.org", "h", "r")
    assert one.remembered_keys() == ("event 0 s",)
    refund = EventRequest("s", 1, Action.REFUND_ACCOUNT, 1, "", "h", "r", (), (messages(refund=b"\xff"),))
    assert refund.remembered_keys() == ("event 1 s", "debit ff")


def test_a_silent_call_is_charged_at_the_tariff_of_its_service():
    line = EventLine(money(1_000_000), silence=Silence.CHARGE_GRANTED)
    asked = ServiceCredit(200, (), ServiceUnits(seconds=60))
    line.send(session_request(RequestType.INITIAL, 0, asked, rated_as="voice/originating"))
    session = line.sessions["s;1;1"]
    assert session.rated_as == "voice/originating"
    offer = offer_of(line.terms.catalogue, line.subscriber, session.rated_as)
    closed = expire_session(line.account, session, offer, line.terms.rules, session.expires_ms)
    assert closed.account.buckets[0].remaining == 1_000_000 - 140_000
    assert closed.session.rated_as == "voice/originating"
