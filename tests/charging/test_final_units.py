"""Final units: terminate, redirect, restrict; at the last grant, at an empty balance, and on the way back."""

from msgspec import structs

from diameter_ocs.charging.request import ReportingReason, ServiceCredit
from diameter_ocs.ledger.book import Book
from diameter_ocs.rating.final_units import FinalUnitAction
from diameter_ocs.values.portal_link import verify
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, CATALOGUE_TEXT, MB, PORTAL_SECRET, Line, ask, money, octets, report

TEXT = """
version = "final"
currency = "EUR"
[quota.standard]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
threshold_percent = 20
[final.portal]
action = "redirect"
address = "https://topup.example.net/t/{token}"
filter_rules = ["permit out ip from 203.0.113.80 to assigned"]
validity = "10 min"
[final.portal-once]
action = "restrict"
filter_ids = ["portal-only"]
validity = "10 min"
afterwards = "refuse"
[final.stop]
action = "terminate"
announcement = 7
announcement_before_end = "30 s"
[offers.standard]
final = "portal"
[[offers.standard.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "standard"
[[offers.standard.groups]]
rating_groups = [20]
quota = "standard"
final = "portal-once"
[[offers.standard.groups]]
rating_groups = [30]
quota = "standard"
final = "stop"
"""


def line_with(*buckets):
    return Line(*buckets, text=TEXT)


def only(decision):
    (credit,) = decision.outcome.credits
    return credit


def top_up(line, amount, bucket_id="money"):
    """What a recharge does to the account."""
    changed = [
        structs.replace(each, remaining=each.remaining + amount) if each.bucket_id == bucket_id else each
        for each in line.account.buckets
    ]
    line.account = structs.replace(line.account, buckets=tuple(changed))


def last_grant(line):
    """A session whose last 5 MB are out."""
    return only(line.initial(ask(10)))


def test_the_last_grant_carries_the_redirect():
    line = line_with(money(100_000))
    credit = last_grant(line)
    assert (credit.granted, credit.final, credit.threshold) == (5 * MB, FinalUnitAction.REDIRECT, None)
    details = credit.extras.final
    assert details.address_type == 2
    assert details.filter_rules == ("permit out ip from 203.0.113.80 to assigned",)
    link = verify(PORTAL_SECRET, details.address.removeprefix("https://topup.example.net/t/"), AT_MS)
    assert (link.session_id, link.account_id, link.subscriber_id) == ("s;1;1", "acc-1", "sub-1")
    assert link.until_ms == AT_MS + 900_000


def test_used_up_without_a_wish_gives_time_and_reserves_nothing():
    line = line_with(money(100_000))
    last_grant(line)
    credit = only(line.update(1, report(10, 5 * MB, more=False, reason=ReportingReason.QUOTA_EXHAUSTED)))
    assert (credit.verdict, credit.granted, credit.final) == (Verdict.SUCCESS, None, None)
    assert credit.validity_seconds == 600
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (0, 0)
    assert line.sessions["s;1;1"].expires_ms == line.at_ms + (2 * 600 + 60) * 1000


def test_the_end_of_the_restricted_time_without_money_restricts_again():
    line = line_with(money(100_000))
    last_grant(line)
    line.update(1, report(10, 5 * MB, more=False, reason=3))
    line.at_ms += 600_000
    credit = only(line.update(2, ask(10)))
    assert (credit.verdict, credit.granted, credit.validity_seconds) == (Verdict.SUCCESS, None, 600)
    assert credit.final is FinalUnitAction.REDIRECT
    line.at_ms += 60_000
    early = only(line.update(3, ask(10)))
    assert (early.final, early.validity_seconds) == (FinalUnitAction.REDIRECT, 540)


def test_money_lifts_the_restriction():
    line = line_with(money(100_000))
    last_grant(line)
    line.update(1, report(10, 5 * MB, more=False, reason=3))
    top_up(line, 10_000_000)
    credit = only(line.update(2, ask(10)))
    assert (credit.granted, credit.final, credit.extras) == (10 * MB, None, None)
    assert line.sessions["s;1;1"].quotas[0].memory.restricted_until_ms == 0


def test_money_that_comes_before_the_report_needs_no_final_units():
    line = line_with(money(100_000))
    last_grant(line)
    top_up(line, 10_000_000)
    credit = only(line.update(1, report(10, 5 * MB, reason=3)))
    assert (credit.granted, credit.final) == (10 * MB, None)


def test_an_empty_balance_redirects_at_once():
    line = line_with(money(0))
    credit = only(line.initial(ask(10)))
    assert (credit.verdict, credit.granted, credit.final) == (Verdict.SUCCESS, None, FinalUnitAction.REDIRECT)
    assert credit.validity_seconds == 600
    assert line.account.open_sessions == 1


def test_a_gateway_that_asks_after_its_last_units_is_redirected():
    line = line_with(money(100_000))
    last_grant(line)
    credit = only(line.update(1, report(10, 5 * MB, reason=3)))
    assert (credit.granted, credit.final) == (None, FinalUnitAction.REDIRECT)


def test_refuse_afterwards():
    line = line_with(octets(5 * MB))
    credit = only(line.initial(ask(20)))
    assert (credit.granted, credit.final) == (5 * MB, FinalUnitAction.RESTRICT_ACCESS)
    assert credit.extras.final.filter_ids == ("portal-only",)
    line.update(1, report(20, 5 * MB, more=False, reason=3))
    line.at_ms += 300_000
    assert only(line.update(2, ask(20))).final is FinalUnitAction.RESTRICT_ACCESS
    line.at_ms += 300_000
    assert only(line.update(3, ask(20))).verdict is Verdict.CREDIT_LIMIT_REACHED
    assert only(line.update(4, ask(20))).verdict is Verdict.CREDIT_LIMIT_REACHED
    top_up(line, 50 * MB, "data")
    assert only(line.update(5, ask(20))).granted == 10 * MB


def test_terminate_comes_with_units_only_and_with_its_announcement():
    line = line_with(octets(5 * MB))
    credit = only(line.initial(ask(30)))
    assert (credit.granted, credit.final) == (5 * MB, FinalUnitAction.TERMINATE)
    assert (credit.extras.announcement, credit.extras.announcement_seconds) == (7, 30)
    spent = only(line.update(1, report(30, 5 * MB, more=False, reason=3)))
    assert (spent.verdict, spent.validity_seconds) == (Verdict.SUCCESS, None)
    refused = only(line.update(2, ask(30)))
    assert (refused.verdict, refused.final) == (Verdict.CREDIT_LIMIT_REACHED, None)


def test_final_units_given_back_unused_restrict_nothing():
    for reason in (ReportingReason.QHT, ReportingReason.FINAL, ReportingReason.UNUSED_QUOTA_TIMER):
        line = line_with(money(100_000))
        last_grant(line)
        credit = only(line.update(1, report(10, MB, more=False, reason=reason)))
        assert (credit.validity_seconds, credit.final) == (None, None)


def test_a_group_that_is_only_named_keeps_its_final_units():
    line = line_with(money(100_000))
    last_grant(line)
    credit = only(line.update(1, ServiceCredit(10)))
    assert (credit.validity_seconds, credit.final) == (None, None)
    assert line.bucket("money").reserved == 100_000


def test_a_report_without_ids_is_about_the_only_restricted_group():
    """Some gateways name no group once they redirect; their answer names none either."""
    line = line_with(money(100_000))
    last_grant(line)
    credit = only(line.update(1, report(None, 5 * MB, more=False, reason=3)))
    assert (credit.rating_group, credit.verdict, credit.validity_seconds) == (None, Verdict.SUCCESS, 600)
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (0, 0)
    top_up(line, 1_000_000)
    again = only(line.update(2, ask(None)))
    assert (again.rating_group, again.granted) == (None, 10 * MB)
    assert [quota.rating_group for quota in line.sessions["s;1;1"].quotas] == [10]


def test_a_report_without_ids_is_not_guessed_at_when_two_groups_could_be_meant():
    line = line_with(money(0))
    line.initial(ask(10), ask(20))
    assert only(line.update(1, report(None, MB, more=False))).verdict is Verdict.RATING_FAILED


def test_other_groups_are_not_held_up():
    line = line_with(money(0), octets(100 * MB, rating_groups=(20,)))
    first, second = line.initial(ask(10), ask(20)).outcome.credits
    assert (first.final, second.granted) == (FinalUnitAction.REDIRECT, 10 * MB)


def test_a_balance_below_zero_redirects_too():
    line = line_with(money(100_000))
    last_grant(line)
    credit = only(line.update(1, report(10, 20 * MB, reason=3)))
    assert (credit.final, line.bucket("money").remaining) == (FinalUnitAction.REDIRECT, -300_000)


def test_the_books_of_a_restricted_session_are_closed_by_supervision():
    line = line_with(money(100_000))
    last_grant(line)
    line.update(1, report(10, 5 * MB, more=False, reason=3))
    ended = line.terminate(2)
    assert ended.outcome.verdict is Verdict.SUCCESS
    assert line.account.open_sessions == 0
    assert Book(line.account).bucket("money").reserved == 0


def test_without_a_profile_everything_is_as_it_was():
    line = Line(money(100_000), text=CATALOGUE_TEXT)
    credit = last_grant(line)
    assert (credit.final, credit.extras) == (FinalUnitAction.TERMINATE, None)
    assert only(line.update(1, report(10, 5 * MB, reason=3))).verdict is Verdict.CREDIT_LIMIT_REACHED
