"""What the journal keeps beside a debit: rule, price, band of time, what was paid before, what was left."""

from msgspec.structs import replace

from diameter_ocs.charging.basis import Basis, Plan, read_basis, read_plan
from diameter_ocs.charging.conditions import Conditions, read_conditions
from diameter_ocs.charging.decide import expire_session
from diameter_ocs.charging.event import Action as EventAction
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import Silence
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.journal import Action
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.rating.rate import Rate
from diameter_ocs.values.units import UnitType
from tests.charging.test_tariff_switch import AT_MS, SIX, TEXT
from tests.support.charging import MB, Line, ask, money, octets, report, request
from tests.support.events import EventLine, messages

PER_MB = Rate(1_000_000, 20_000)


def reasons(entry):
    """Of every debit: bucket, units, what was paid before, what was left, and the basis."""
    return [
        (posting.bucket_id, posting.units, posting.before, posting.left, read_basis(posting.basis))
        for posting in entry.postings
        if posting.action is Action.DEBIT
    ]


def test_each_bucket_tells_what_it_paid_for_at_which_price():
    line = Line(octets(6 * MB), money(1_000_000))
    line.initial(ask())
    name = "offers.standard.groups.0"
    in_units, in_money = Basis(name, UnitType.OCTETS), Basis(name, UnitType.OCTETS, PER_MB)
    first = line.update(1, report(10, 8 * MB)).entry
    assert reasons(first) == [("data", 6 * MB, 0, 0, in_units), ("money", 2 * MB, 0, 960_000, in_money)]
    second = line.terminate(2, report(10, MB, more=False)).entry
    assert reasons(second) == [("money", MB, 2 * MB, 940_000, in_money)]


def test_usage_that_costs_nothing_tells_its_rule():
    line = Line(money(1_000_000))
    line.initial(ask(30))
    (free,) = line.terminate(1, report(30, MB, more=False)).entry.postings
    assert (free.action, free.bucket_id) == (Action.FREE, "")
    assert read_basis(free.basis).unit is UnitType.OCTETS


def test_a_bucket_of_another_unit_tells_its_factor():
    data = replace(octets(10 * MB), terms=BucketTerms(pays_for=UnitType.SECONDS, factor=(100_000, 1)))
    line = Line(data)
    line.initial(ServiceCredit(60, (), ServiceUnits()))
    line.update(1, ServiceCredit(60, (), ServiceUnits(), (ServiceUnits(seconds=3),)))
    entry = line.terminate(2, ServiceCredit(60, (), None, (ServiceUnits(seconds=2),))).entry
    ((bucket, units, before, left, why),) = reasons(entry)
    assert (bucket, units, before, left) == ("data", 2, 3, 9_500_000)
    assert (why.rate, why.paid_in, why.unit) == (Rate(1, 100_000), UnitType.OCTETS, UnitType.SECONDS)


def test_a_price_by_the_time_of_day_tells_its_band():
    line = Line(money(10_000_000), text=TEXT)
    line.at_ms = SIX
    line.initial(ask())
    line.at_ms = SIX + 3 * 3_600_000
    used = (ServiceUnits(2 * MB, side=0), ServiceUnits(MB, side=1))
    entry = line.terminate(1, ServiceCredit(10, (), None, used)).entry
    assert [(units, why.band, why.rate.step_micros) for _, units, _, _, why in reasons(entry)] == [
        (2 * MB, "00:00-20:00", 100_000),
        (MB, "20:00-24:00", 200_000),
    ]


def test_an_event_tells_the_same():
    line = EventLine(money(1_000_000))
    entry = line.event(EventAction.DIRECT_DEBITING, messages(3)).entry
    ((bucket, units, before, left, why),) = reasons(entry)
    assert (bucket, units, before, why.unit) == ("money", 3, 0, UnitType.EVENTS)
    assert 1_000_000 - left == 3 * why.rate.step_micros
    assert read_plan(entry.plan) == Plan(line.terms.catalogue.version, line.subscriber.offer, "sms")


def test_what_is_assumed_to_be_used_tells_it_too():
    line = Line(money(1_000_000), silence=Silence.CHARGE_GRANTED)
    session = line.initial(ask(10, MB)).session
    offer = line.terms.catalogue.offers["standard"]
    entry = expire_session(line.account, session, offer, line.terms.rules, session.expires_ms).entry
    ((_, units, _, left, why),) = reasons(entry)
    assert (units, left, why.rate) == (MB, 980_000, PER_MB)


def test_an_entry_tells_the_plan_and_the_conditions_that_are_new():
    line = Line(money(1_000_000))
    at_home = Conditions(apn="internet", rat="E-UTRAN")
    asked = replace(request(RequestType.INITIAL, 0, ask()), conditions=at_home)
    first = line.send(asked).entry
    assert read_plan(first.plan) == Plan("test", "standard", "data")
    assert read_conditions(first.conditions) == at_home
    same = line.send(replace(request(RequestType.UPDATE, 1, report(10, MB)), conditions=at_home)).entry
    assert same.conditions is None
    assert same.plan is first.plan
    moved = line.send(replace(request(RequestType.UPDATE, 2, report(10, 1)), conditions=Conditions(rat="NR"))).entry
    assert read_conditions(moved.conditions) == Conditions(apn="internet", rat="NR")


def test_credits_and_expiries_tell_what_was_left():
    line = Line(Bucket("data", UnitType.OCTETS, 5, valid_until_ms=AT_MS + 1), money(1_000_000))
    line.at_ms = AT_MS + 1
    (gone, *_) = line.initial(ask()).entry.postings
    assert (gone.action, gone.amount, gone.left) == (Action.EXPIRE, 5, 0)
