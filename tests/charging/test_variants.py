"""Prices that depend on the use: what was granted costs what held then, the next grant what holds now."""

from msgspec.structs import replace

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.decide import expire_session
from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.request import ReportingReason, RequestType, ServiceUnits
from diameter_ocs.charging.rules import ChargingRules, Silence
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.ledger.journal import Action
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import CATALOGUE_TEXT, MB, Line, ask, money, report, request

VARIANTS = """
[networks.home]
plmns = ["26201"]
[networks.eu]
plmns = ["208*"]
[networks.barred]
plmns = ["9*"]
[quota.long]
extends = "standard"
validity = "3 h"
[offers.roaming]
default_rating_group = 10
[[offers.roaming.groups]]
name = "internet"
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "standard"
[[offers.roaming.groups.when]]
name = "eu"
network = "eu"
price = "0.10"
per = "1 MB"
quota = "long"
[[offers.roaming.groups.when]]
name = "barred"
network = "barred"
treatment = "barred"
[[offers.roaming.groups.when]]
name = "staff"
segment = "staff"
treatment = "free"
"""
HOME, EU, BARRED = (Conditions(serving_plmn=plmn) for plmn in ("26201", "20801", "99901"))
CHANGED = ReportingReason.RATING_CONDITION_CHANGE
CENT = 10_000


def line_at(money_micros=10 * 100 * CENT, **rules):
    return Line(money(money_micros), offer="roaming", text=CATALOGUE_TEXT + VARIANTS, **rules)


def send(line, told, kind, number, *asked):
    return line.send(replace(request(kind, number, *asked), conditions=told))


def opened(told=HOME, line=None):
    line = line or line_at()
    return line, send(line, told, RequestType.INITIAL, 0, ask(wanted=10 * MB)).outcome.credits[0]


def spent(line):
    return 1000 * CENT - line.bucket("money").remaining


def reserved(line):
    return line.bucket("money").reserved


def test_a_change_of_network_debits_the_old_price_and_grants_at_the_new():
    line, first = opened()
    assert (first.granted, first.validity_seconds, reserved(line)) == (10 * MB, 3600, 20 * CENT)
    changed = report(used=4 * MB, reason=CHANGED)
    answer = send(line, EU, RequestType.UPDATE, 1, changed).outcome.credits[0]
    assert spent(line) == 8 * CENT
    assert (answer.granted, answer.validity_seconds, reserved(line)) == (10 * MB, 3 * 3600, 100 * CENT)
    send(line, HOME, RequestType.UPDATE, 2, report(used=5 * MB, reason=CHANGED))
    assert (spent(line), reserved(line)) == (58 * CENT, 20 * CENT)
    send(line, HOME, RequestType.TERMINATION, 3, report(used=1 * MB, more=False))
    assert (spent(line), reserved(line)) == (60 * CENT, 0)


def test_a_change_that_no_reason_is_given_for():
    line, _ = opened()
    send(line, EU, RequestType.UPDATE, 1, report(used=4 * MB))
    assert (spent(line), reserved(line)) == (8 * CENT, 100 * CENT)


def test_another_group_tells_the_change_first():
    """What a group was granted counts for it, whatever the session has learnt meanwhile."""
    line, _ = opened()
    send(line, EU, RequestType.UPDATE, 1, ask(99))
    assert line.sessions["s;1;1"].conditions == EU
    send(line, EU, RequestType.TERMINATION, 2, report(used=4 * MB, more=False))
    assert spent(line) == 8 * CENT


def test_a_network_that_is_barred():
    line, _ = opened()
    answer = send(line, BARRED, RequestType.UPDATE, 1, report(used=4 * MB, reason=CHANGED)).outcome.credits[0]
    assert answer.verdict is Verdict.SERVICE_DENIED
    assert (spent(line), reserved(line)) == (8 * CENT, 0)


def test_usage_without_a_grant_costs_what_holds_now():
    line = line_at()
    send(line, EU, RequestType.INITIAL, 0)
    send(line, EU, RequestType.UPDATE, 1, report(used=2 * MB))
    assert spent(line) == 20 * CENT


def test_triggers_are_armed_with_the_first_grant_only():
    line, first = opened()
    assert first.extras.triggers == (30, 31)
    second = send(line, EU, RequestType.UPDATE, 1, report(used=MB)).outcome.credits[0]
    assert second.extras is None
    assert Line(money(1000 * CENT)).initial(ask()).outcome.credits[0].extras is None


def test_a_segment_of_subscribers():
    line = line_at()
    line.subscriber = replace(line.subscriber, segment="staff")
    send(line, HOME, RequestType.INITIAL, 0, ask())
    send(line, HOME, RequestType.TERMINATION, 1, report(used=9 * MB, more=False))
    assert spent(line) == 0
    assert Action.FREE in [posting.action for posting in line.entries[-1].postings]


def test_a_silent_session_is_charged_as_it_was_granted():
    line, _ = opened(EU)
    rules, session = ChargingRules(silence=Silence.CHARGE_GRANTED), line.sessions["s;1;1"]
    offer = line.terms.catalogue.offers["roaming"]
    decision = expire_session(line.account, session, offer, rules, session.expires_ms)
    assert decision.session.status is SessionStatus.CLOSED
    assert decision.account.buckets[0].remaining == 900 * CENT


def test_a_late_report_costs_what_held_for_its_grant():
    line, _ = opened(EU)
    send(line, HOME, RequestType.TERMINATION, 1)
    late = send(line, HOME, RequestType.UPDATE, 2, report(used=3 * MB))
    assert late.outcome.verdict is Verdict.SESSION_UNKNOWN
    assert spent(line) == 30 * CENT


def test_a_variant_that_the_catalogue_has_no_more():
    line, _ = opened(EU)
    text = (CATALOGUE_TEXT + VARIANTS).replace('name = "eu"\n', 'name = "europe"\n')
    line.terms = Line(offer="roaming", text=text).terms
    send(line, EU, RequestType.TERMINATION, 1, report(used=3 * MB, more=False))
    assert spent(line) == 30 * CENT


def test_a_dry_run_shows_the_variant():
    line, _ = opened()
    offer, session = line.terms.catalogue.offers["roaming"], line.sessions["s;1;1"]
    asked = (line.account, line.subscriber, offer, 10, (), ServiceUnits(), line.at_ms)
    assert explain_grant(*asked).rule.name == "internet"
    assert explain_grant(*asked, told=EU).rule.name == "eu"
    assert explain_grant(*asked, session, told=EU).rule.name == "eu"
    assert explain_grant(*asked, session).rule.name == "internet"
    assert explain_grant(*asked, told=BARRED).outcome.verdict is Verdict.SERVICE_DENIED


def test_a_highest_price_holds_for_the_session():
    """Beyond it more costs nothing, even an empty balance grants on."""
    text = CATALOGUE_TEXT.replace('per = "1 MB"', 'per = "1 MB"\nmaximum_charge = "0.10"', 1)
    line = Line(money(10 * CENT), text=text)
    assert line.initial(ask(wanted=20 * MB)).outcome.credits[0].granted == 20 * MB
    line.update(1, report(used=20 * MB))
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (0, 0)
    line.terminate(2, report(used=50 * MB, more=False))
    assert line.bucket("money").remaining == 0


def test_tiers_go_on_from_report_to_report():
    tiers = 'tiers = [{up_to = "5 MB", price = "0.02"}, {price = "0.01"}]\nper = "1 MB"'
    text = CATALOGUE_TEXT.replace('price = "0.02"\nper = "1 MB"', tiers, 1)
    line = Line(money(1000 * CENT), text=text)
    line.initial(ask(wanted=10 * MB))
    assert reserved(line) == 15 * CENT
    line.update(1, report(used=3 * MB))
    assert spent(line) == 6 * CENT
    line.terminate(2, report(used=4 * MB, more=False))
    assert spent(line) == 12 * CENT
