"""Recorded usage rated again: alike under the same offer, and as the new one says under another."""

from hypothesis import given, settings
from msgspec.structs import replace

from diameter_ocs.charging.basis import plan
from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.event import Action
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.whatif import Change, Comparison, OfAccount
from diameter_ocs.charging.why import explain
from diameter_ocs.rating.catalogue import Offer
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.values.units import UnitType
from tests.charging.test_tariff_switch import EIGHT, HOUR_MS
from tests.charging.test_tariff_switch import TEXT as SWITCHING
from tests.properties.test_explanations import lives, played
from tests.support.charging import AT_MS, MB, Line, ask, money, octets, report, request
from tests.support.events import EventLine, messages

FOREVER = 1 << 60
OTHERS = """
version = "next"
currency = "EUR"
[quota.standard]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[quota.seconds]
unit = "seconds"
default = "300 s"
minimum = "10 s"
maximum = "1 h"
validity = "30 min"
[quota.messages]
unit = "events"
default = 1
minimum = 1
maximum = 100
validity = "1 h"
[networks.home]
plmns = ["26201"]
[offers.dearer]
default_rating_group = 10
[[offers.dearer.groups]]
rating_groups = [10]
price = "0.05"
per = "1 MB"
quota = "standard"
[[offers.dearer.groups.when]]
network = "home"
price = "0.01"
per = "1 MB"
[[offers.dearer.groups]]
rating_groups = [20]
treatment = "free"
quota = "standard"
[[offers.dearer.groups]]
rating_groups = [30]
price = "0.10"
per = "1 MB"
quota = "standard"
[[offers.dearer.groups]]
rating_groups = [60]
price = "0.01"
per = "1 MB"
quota = "standard"
[[offers.dearer.groups]]
service = "sms"
rating_groups = [100]
price = "0.10"
per = 1
quota = "messages"
[offers.tiered]
[[offers.tiered.groups]]
rating_groups = [10]
tiers = [{up_to = "5 MB", price = "0.02"}, {price = "0.01"}]
per = "1 MB"
quota = "standard"
[offers.timed]
[[offers.timed.groups]]
rating_groups = [10]
prices = [{from = "00:00", to = "20:00", price = "0.10"}, {from = "20:00", to = "24:00", price = "0.20"}]
per = "1 MB"
quota = "standard"
"""


def other(name: str) -> Offer:
    return parse_catalogue(OTHERS, "next.toml").offers[name]


def rerate(entries, subscriber, offer: Offer, of: str, since: int = 0, until: int = FOREVER) -> list[Change]:
    account = OfAccount((subscriber,), offer, of, since, until)
    for entry in entries:
        account.take(entry)
    return account.changes


def change(line: Line, offer: Offer, of: str = "standard", since: int = 0, until: int = FOREVER) -> Change:
    (found,) = rerate(line.entries, line.subscriber, offer, of, since, until)
    return found


def session(line: Line, *reports: ServiceCredit, group: int = 10, session_id: str = "s;1;1") -> None:
    line.initial(ask(group), session_id=session_id)
    for number, each in enumerate(reports[:-1], 1):
        line.update(number, each, session_id=session_id)
    line.terminate(len(reports), replace(reports[-1], requested=None), session_id=session_id)


NEVER_GRANTED = (40, 50)
"""Groups that are barred or not included: a gateway may report use of them all the same."""


@settings(max_examples=150, deadline=None)
@given(lives)
def test_the_same_offer_brings_the_same_revenue(life):
    line, _ = played(*life)
    name = line.subscriber.offer
    told = [replace(each, plan=each.plan or plan("test", name, "data")) for each in line.entries]
    found = rerate(told, line.subscriber, line.terms.catalogue.offers[name], name)
    shares = [share for each in explain(told, ()) for share in each.usage]
    assert sum(each.before for each in found) == sum(each.amount for each in shares if each.paid_in is UnitType.MONEY)
    assert [each.after for each in found] == [each.before for each in found]
    assert all(each.left_out == 0 for each in found)
    barred = [share for share in shares if share.rating_group in NEVER_GRANTED]
    assert sum(each.refused for each in found) <= len(barred)


def test_another_price_on_the_running_total_of_the_session():
    line = Line(money(10_000_000))
    session(line, report(10, MB // 2), report(10, MB // 2), report(10, 2 * MB))
    found = change(line, other("dearer"))
    assert (found.before, found.after, found.difference) == (60_000, 150_000, 90_000)


def test_tiers_hold_on_the_whole_session():
    line = Line(money(10_000_000))
    session(line, report(10, 4 * MB), report(10, 4 * MB))
    assert change(line, other("tiered")).after == 5 * 20_000 + 3 * 10_000


def test_allowances_go_on_paying_and_free_use_costs_what_it_would():
    line = Line(octets(3 * MB), money(10_000_000))
    session(line, report(10, 5 * MB))
    session(line, report(30, MB), group=30, session_id="s;2;1")
    found = change(line, other("dearer"))
    assert (found.before, found.after) == (40_000, 2 * 50_000 + 100_000)


def test_what_becomes_free_is_barred_or_counted_otherwise():
    line = Line(money(10_000_000))
    session(line, report(20, 4 * MB), group=20)
    found = change(line, other("dearer"))
    assert (found.before, found.after, found.refused) == (200_000, 0, 0)
    line = Line(money(10_000_000))
    session(line, report(20, 4 * MB), group=20)
    found = change(line, other("tiered"))
    assert (found.before, found.after, found.refused) == (200_000, 0, 1)
    line = Line(money(10_000_000))
    used = ServiceCredit(60, (), None, (ServiceUnits(seconds=100),))
    line.initial(ServiceCredit(60, (), ServiceUnits()))
    line.terminate(1, used)
    found = change(line, other("dearer"))
    assert (found.before, found.after, found.left_out) == (0, 0, 100_000)


def test_conditions_that_were_told_choose_the_price():
    line = Line(money(10_000_000))
    at_home = Conditions(serving_plmn="26201")
    line.send(replace(request(RequestType.INITIAL, 0, ask()), conditions=at_home))
    line.update(1, report(10, MB))
    line.terminate(2, report(10, MB, more=False))
    assert change(line, other("dearer")).after == 20_000


def test_events():
    line = EventLine(money(10_000_000))
    line.event(Action.DIRECT_DEBITING, messages(3))
    line.event(Action.DIRECT_DEBITING, messages(1))
    found = change(line, other("dearer"))
    assert (found.before, found.after) == (280_000, 400_000)


def test_a_report_costs_what_holds_when_its_quota_was_granted():
    line = Line(money(10_000_000))
    line.at_ms = EIGHT - HOUR_MS // 2
    line.initial(ask())
    line.at_ms = EIGHT + HOUR_MS // 4
    line.update(1, report(10, MB))
    line.at_ms = EIGHT + HOUR_MS // 2
    line.terminate(2, report(10, MB, more=False))
    assert change(line, other("timed")).after == 100_000 + 200_000


def test_a_report_that_was_split_at_a_change_of_price_stays_split():
    line = Line(money(10_000_000), text=SWITCHING)
    line.at_ms = EIGHT - HOUR_MS
    line.initial(ask())
    line.at_ms = EIGHT + HOUR_MS
    used = (ServiceUnits(2 * MB, side=0), ServiceUnits(MB, side=1))
    line.terminate(1, ServiceCredit(10, (), None, used))
    found = change(line, other("timed"))
    assert found.after == found.before == 2 * 100_000 + 200_000


def test_only_the_time_and_offer_that_are_asked_for():
    line = Line(money(10_000_000))
    session(line, report(10, MB))
    line.at_ms = AT_MS + HOUR_MS
    session(line, report(10, 2 * MB), session_id="s;2;1")
    assert change(line, other("dearer"), since=AT_MS + 1).before == 40_000
    assert change(line, other("dearer"), until=AT_MS + 1).before == 20_000
    assert rerate(line.entries, line.subscriber, other("dearer"), "bundle") == []


def test_winners_losers_and_how_they_spread():
    changes = [Change("acc", str(number), 100, 100 + number) for number in range(-3, 7)]
    found = Comparison(changes)
    assert (found.before, found.after) == (1000, 1015)
    assert [each.difference for each in found.winners(2)] == [-3, -2]
    assert [each.difference for each in found.losers(99)] == [6, 5, 4, 3, 2, 1]
    assert found.percentiles(5, 50, 95) == {5: -3, 50: 1, 95: 6}
    assert Comparison().percentiles(50) == {}
