"""Sessions decided one request at a time: what is granted, debited, released, and what a repeat gets."""

import pytest
from msgspec import structs

from diameter_ocs.charging.decide import expire_session
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import ChargingRules, Silence, UnknownSession
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.ledger.account import Account, Status, Subscriber
from diameter_ocs.ledger.book import spend_key
from diameter_ocs.ledger.journal import Action
from diameter_ocs.rating.final_units import FinalUnitAction
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, MB, Line, ask, catalogue, money, octets, report, request

HOUR_MS = 3_600_000


def only(decision):
    (credit,) = decision.outcome.credits
    return credit


# Opening ------------------------------------------------------------------------------------------


def test_an_empty_wish_gets_the_default_with_its_terms():
    line = Line(money(1_000_000))
    granted = only(line.initial(ask()))
    assert (granted.granted, granted.validity_seconds, granted.threshold, granted.holding_seconds) == (
        10 * MB,
        3600,
        2 * MB,
        600,
    )
    assert granted.final is None
    assert line.bucket("money").reserved == 200_000
    assert line.account.open_sessions == 1


def test_a_wish_is_honoured_between_minimum_and_maximum():
    line = Line(money(10_000_000))
    decision = line.initial(ask(10, 5 * MB), ask(20, 1), ask(10, 10**12, services=(7,)), ask(None, 0))
    assert [credit.granted for credit in decision.outcome.credits] == [5 * MB, MB, 50 * MB, 10 * MB]


def test_ids_are_echoed_as_they_came():
    line = Line(money(10_000_000))
    decision = line.initial(
        ask(None), ask(20), ServiceCredit(None, (7,), ServiceUnits()), ServiceCredit(10, (7, 8), None)
    )
    assert [(each.rating_group, each.service_identifiers) for each in decision.outcome.credits] == [
        (None, ()),
        (20, ()),
        (None, (7,)),
        (10, (7, 8)),
    ]


def test_opening_without_services_reserves_nothing():
    line = Line(money(0))
    decision = line.initial()
    assert decision.outcome.verdict is Verdict.SUCCESS
    assert decision.outcome.credits == ()
    assert decision.session.status is SessionStatus.OPEN


def test_a_service_without_wish_or_report_gets_a_result_only():
    granted = only(Line(money(1_000_000)).initial(ServiceCredit(10)))
    assert (granted.verdict, granted.granted) == (Verdict.SUCCESS, None)


def test_octets_are_spent_before_money_in_order_of_priority_and_expiry():
    line = Line(
        octets(3 * MB, "b-late", priority=10, valid_until_ms=AT_MS + 2 * HOUR_MS),
        octets(3 * MB, "a-soon", priority=10, valid_until_ms=AT_MS + HOUR_MS),
        octets(3 * MB, "last", priority=20),
        money(1_000_000),
    )
    line.account = Account("acc-1", buckets=tuple(sorted(line.account.buckets, key=spend_key)))
    line.initial(ask(10, 10 * MB))
    reserved = {bucket.bucket_id: bucket.reserved for bucket in line.account.buckets}
    assert reserved == {"a-soon": 3 * MB, "b-late": 3 * MB, "last": 3 * MB, "money": 20_000}


def test_a_bucket_serves_only_its_rating_groups():
    line = Line(octets(10 * MB, rating_groups=(20,)))
    assert only(line.initial(ask(10))).verdict is Verdict.CREDIT_LIMIT_REACHED
    assert only(line.update(1, ask(20))).granted == 10 * MB


def test_validity_ends_with_the_bucket_and_is_never_zero():
    line = Line(octets(10 * MB, valid_until_ms=AT_MS + 90_000))
    assert only(line.initial(ask())).validity_seconds == 90
    line = Line(octets(10 * MB, valid_until_ms=AT_MS + 1))
    assert only(line.initial(ask())).validity_seconds == 1


def test_time_is_charged_by_the_second():
    line = Line(money(1_000_000))
    granted = only(line.initial(ServiceCredit(60, (), ServiceUnits(seconds=60))))
    assert (granted.granted, granted.unit) == (60, UnitType.SECONDS)
    line.terminate(1, ServiceCredit(60, (), None, (ServiceUnits(seconds=11, octets=999),)))
    assert line.bucket("money").remaining == 1_000_000 - 20_000


# Refusals ------------------------------------------------------------------------------------------


def test_each_group_has_its_own_result():
    line = Line(octets(5 * MB, rating_groups=(10,)))
    decision = line.initial(ask(10), ask(20), ask(30), ask(40), ask(50), ask(99))
    assert decision.outcome.verdict is Verdict.SUCCESS
    assert [credit.verdict for credit in decision.outcome.credits] == [
        Verdict.SUCCESS,
        Verdict.CREDIT_LIMIT_REACHED,
        Verdict.SUCCESS,
        Verdict.SERVICE_DENIED,
        Verdict.GROUP_NOT_ALLOWED,
        Verdict.RATING_FAILED,
    ]


def test_a_free_group_is_granted_without_money_and_kept_on_record():
    line = Line(money(0))
    assert only(line.initial(ask(30))).granted == 10 * MB
    line.terminate(1, report(30, 7 * MB, more=False))
    (posting,) = line.entries[-1].postings
    assert (posting.action, posting.units) == (Action.FREE, 7 * MB)


def test_units_that_have_no_price_here():
    line = Line(money(1_000_000))
    assert only(line.initial(ServiceCredit(10, (), ServiceUnits(events=5)))).verdict is Verdict.UNIT_TYPE_UNSUPPORTED
    line = Line(money(1_000_000))
    assert only(line.initial(ServiceCredit(10, (), ServiceUnits(octets=MB, events=5)))).granted == MB


def test_offer_that_ends_sessions_refuses_the_whole_session():
    line = Line(offer="bundle")
    decision = line.initial(ask(10), ask(20))
    assert (decision.outcome.verdict, decision.account) == (Verdict.CREDIT_LIMIT_REACHED, None)


def test_offer_that_ends_sessions_closes_when_everything_is_used():
    line = Line(octets(10 * MB), offer="bundle")
    assert only(line.initial(ask())).final is FinalUnitAction.TERMINATE
    decision = line.update(1, report(used=10 * MB))
    assert decision.outcome.verdict is Verdict.CREDIT_LIMIT_REACHED
    assert decision.session.status is SessionStatus.CLOSED
    assert (line.bucket("data").remaining, line.bucket("data").reserved, line.account.open_sessions) == (0, 0, 0)


def test_blocked_account_is_refused_and_a_running_session_ends():
    line = Line(money(1_000_000))
    line.initial(ask())
    line.account = Account("acc-1", status=Status.BLOCKED, buckets=line.account.buckets, last_seq=1, open_sessions=1)
    decision = line.update(1, report(used=3 * MB))
    assert decision.outcome.verdict is Verdict.SERVICE_DENIED
    assert decision.session.status is SessionStatus.CLOSED
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (940_000, 0)
    assert line.initial(ask(), session_id="s;1;2").outcome.verdict is Verdict.SERVICE_DENIED


def test_blocked_subscriber_is_refused():
    line = Line(money(1_000_000))
    old = line.subscriber
    line.subscriber = Subscriber(old.account_id, old.subscriber_id, old.identities, old.offer, Status.BLOCKED)
    decision = line.initial(ask())
    assert (decision.outcome.verdict, decision.account) == (Verdict.SERVICE_DENIED, None)


def test_too_many_sessions():
    line = Line(money(1_000_000), max_open_sessions=1)
    line.initial(ask())
    assert line.initial(ask(), session_id="s;1;2").outcome.verdict is Verdict.TOO_MANY_SESSIONS


def test_an_offer_that_is_not_sold():
    assert Line(money(1), offer="gone").initial(ask()).outcome.verdict is Verdict.SERVICE_NOT_SOLD


# Reporting -----------------------------------------------------------------------------------------


def test_the_worked_example_of_the_specification():
    """0.02 per started MB, 1.00 in the account, 20 MB slices: RFC 8506 §5.6 by numbers."""
    line = Line(money(1_000_000))
    line.initial(ask(10, 20 * MB))
    assert line.bucket("money").available == 600_000
    line.update(1, ServiceCredit(10, (), ServiceUnits(octets=20 * MB), (ServiceUnits(octets=18 * MB),)))
    assert (line.bucket("money").remaining, line.bucket("money").available) == (640_000, 240_000)
    last = only(line.update(2, ServiceCredit(10, (), ServiceUnits(octets=20 * MB), (ServiceUnits(octets=20 * MB),))))
    assert (last.granted, last.final) == (12 * MB, FinalUnitAction.TERMINATE)
    assert last.threshold is None
    line.terminate(3, report(used=5 * MB, more=False))
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (140_000, 0)


def test_what_was_not_used_comes_back_to_the_unit():
    line = Line(octets(100 * MB))
    line.initial(ask())
    line.terminate(1, report(used=1, more=False))
    assert (line.bucket("data").remaining, line.bucket("data").reserved) == (100 * MB - 1, 0)


def test_totals_win_over_split_and_all_reports_of_a_group_are_added():
    line = Line(octets(100 * MB))
    line.initial(ask())
    line.update(1, ServiceCredit(10, (), None, (ServiceUnits(octets=MB), ServiceUnits(octets=2 * MB))))
    assert line.bucket("data").remaining == 97 * MB


def test_a_report_without_wish_debits_releases_and_grants_nothing():
    line = Line(octets(100 * MB))
    line.initial(ask())
    answer = only(line.update(1, report(used=MB, more=False)))
    assert (answer.verdict, answer.granted, line.bucket("data").reserved) == (Verdict.SUCCESS, None, 0)


def test_a_final_report_gets_no_new_quota():
    line = Line(octets(100 * MB))
    line.initial(ask())
    assert only(line.update(1, report(used=MB, reason=2))).granted is None


def test_a_report_of_one_group_leaves_the_other_alone():
    line = Line(octets(100 * MB), money(1_000_000))
    line.initial(ask(10), ask(20))
    before = line.bucket("data").reserved
    line.update(1, report(10, MB))
    assert line.bucket("data").reserved == before
    line.update(2, ask(30))
    assert line.bucket("data").reserved == before


def test_use_beyond_the_grant_is_debited_and_marked():
    line = Line(octets(10 * MB), money(100_000))
    line.initial(ask(10, 5 * MB))
    line.update(1, report(used=12 * MB, more=False))
    assert (line.bucket("data").remaining, line.bucket("money").remaining) == (0, 60_000)
    marks = [(p.bucket_id, p.units, p.mark) for p in line.entries[-1].postings if p.action is Action.DEBIT]
    assert marks == [("data", 5 * MB, ""), ("data", 5 * MB, "overuse"), ("money", 2 * MB, "overuse")]


def test_use_beyond_the_balance_goes_below_zero():
    line = Line(money(20_000))
    line.initial(ask())
    line.update(1, report(used=3 * MB, more=False))
    assert line.bucket("money").remaining == -40_000
    line = Line(octets(MB), offer="bundle")
    line.initial(ask())
    line.terminate(1, report(used=3 * MB, more=False))
    assert line.bucket("data").remaining == -2 * MB


def test_use_that_was_never_granted_is_debited():
    line = Line(octets(100 * MB))
    line.initial()
    assert only(line.update(1, report(used=4 * MB))).granted == 10 * MB
    assert line.bucket("data").remaining == 96 * MB


def test_use_with_no_bucket_at_all_stays_on_record():
    line = Line(offer="bundle")
    line.initial()
    line.update(1, report(used=4 * MB, more=False))
    (posting,) = line.entries[-1].postings
    assert (posting.action, posting.units) == (Action.UNRATED, 4 * MB)


def test_usage_of_an_unknown_group_stays_on_record_and_gets_5031():
    line = Line(octets(100 * MB))
    line.initial()
    answer = only(line.update(1, report(99, 5 * MB)))
    assert (answer.verdict, answer.granted) == (Verdict.RATING_FAILED, None)
    assert [(p.action, p.units) for p in line.entries[-1].postings] == [(Action.UNRATED, 5 * MB)]


def test_usage_of_a_barred_group_is_debited():
    line = Line(octets(100 * MB))
    line.initial()
    assert only(line.update(1, report(40, 5 * MB))).verdict is Verdict.SERVICE_DENIED
    assert line.bucket("data").remaining == 95 * MB


def test_a_group_that_comes_twice_in_one_request_is_debited_twice_and_granted_once():
    line = Line(octets(100 * MB))
    line.initial(ask())
    first, second = line.update(1, report(used=MB), report(used=2 * MB)).outcome.credits
    assert (first.granted, second.granted, second.verdict) == (10 * MB, None, Verdict.SUCCESS)
    assert (line.bucket("data").remaining, line.bucket("data").reserved) == (97 * MB, 10 * MB)
    line.terminate(2, report(used=0, more=False))
    assert (line.bucket("data").remaining, line.bucket("data").reserved) == (97 * MB, 0)


def test_money_of_a_group_that_comes_twice_is_priced_on_one_running_total():
    line = Line(money(1_000_000))
    line.initial(ask())
    line.update(1, report(used=MB // 2), report(used=MB // 2))
    line.terminate(2)
    assert line.bucket("money").remaining == 980_000


# Low balances ---------------------------------------------------------------------------------------


def test_the_last_grant_is_final_and_then_there_is_no_credit():
    line = Line(octets(15 * MB))
    assert only(line.initial(ask())).final is None
    last = only(line.update(1, report(used=10 * MB)))
    assert (last.granted, last.final) == (5 * MB, FinalUnitAction.TERMINATE)
    assert only(line.update(2, report(used=5 * MB))).verdict is Verdict.CREDIT_LIMIT_REACHED


def test_a_rest_too_small_for_a_slice_goes_with_the_last_one():
    granted = only(Line(octets(10 * MB + 1)).initial(ask()))
    assert (granted.granted, granted.final) == (10 * MB + 1, FinalUnitAction.TERMINATE)


def test_parallel_sessions_share_what_is_left():
    line = Line(octets(12 * MB))
    line.account = Account("acc-1", buckets=line.account.buckets, open_sessions=3)
    grants = [only(line.initial(ask(), session_id=f"s;1;{n}")).granted for n in range(4)]
    assert all(grant is not None for grant in grants)
    assert grants[0] == 3 * MB
    assert sum(grants) <= 12 * MB


def test_money_arriving_in_time_takes_the_final_mark_away():
    line = Line(octets(5 * MB))
    assert only(line.initial(ask())).final is FinalUnitAction.TERMINATE
    line.account = Account("acc-1", buckets=(*line.account.buckets, money(10_000_000)), last_seq=1, open_sessions=1)
    assert only(line.update(1, report(used=5 * MB))).final is None


# Repeats ------------------------------------------------------------------------------------------


def test_a_repeat_gets_the_same_answer_and_nothing_moves():
    line = Line(octets(100 * MB))
    line.initial(ask())
    asked = request(RequestType.UPDATE, 1, report(used=MB))
    first = line.send(asked)
    account = line.account
    again = line.send(asked)
    assert again.outcome.credits == first.outcome.credits
    assert (again.outcome.repeated, again.account, line.account) == (True, None, account)


def test_the_same_number_with_other_content_is_refused():
    line = Line(octets(100 * MB))
    line.initial(ask())
    line.update(1, report(used=MB))
    assert line.update(1, report(used=2 * MB)).outcome.verdict is Verdict.REPEAT_CONTRADICTS
    assert line.terminate(1, report(used=MB)).outcome.verdict is Verdict.REPEAT_CONTRADICTS
    assert line.bucket("data").remaining == 99 * MB


def test_a_second_initial_with_another_number_is_refused():
    line = Line(octets(100 * MB))
    line.initial(ask())
    assert line.initial(ask(), number=1).outcome.verdict is Verdict.SESSION_ALREADY_OPEN


def test_gaps_and_late_numbers_are_processed():
    line = Line(octets(100 * MB))
    line.initial(ask(10), ask(20))
    line.update(5, report(10, MB))
    assert line.update(3, report(20, 2 * MB)).outcome.verdict is Verdict.SUCCESS
    assert line.bucket("data").remaining == 97 * MB


# The end ------------------------------------------------------------------------------------------


def test_termination_releases_groups_it_does_not_name():
    line = Line(octets(100 * MB), money(1_000_000))
    line.initial(ask(10), ask(20))
    decision = line.terminate(1, report(10, MB, more=False))
    assert decision.session.status is SessionStatus.CLOSED
    assert (line.bucket("data").reserved, line.bucket("money").reserved, line.account.open_sessions) == (0, 0, 0)


def test_a_report_after_the_end_is_debited_and_told_so():
    line = Line(octets(100 * MB))
    line.initial(ask())
    line.terminate(1)
    decision = line.update(2, report(used=MB))
    assert decision.outcome.verdict is Verdict.SESSION_UNKNOWN
    assert (line.bucket("data").remaining, line.bucket("data").reserved) == (99 * MB, 0)
    assert line.entries[-1].postings[-1].mark == "late"
    assert line.terminate(3, report(used=MB, more=False)).outcome.verdict is Verdict.SESSION_UNKNOWN
    assert line.account.open_sessions == 0


def test_a_session_never_opened_is_recorded_and_moves_no_balance():
    line = Line(octets(100 * MB))
    decision = line.update(7, report(used=MB))
    assert decision.outcome.verdict is Verdict.SESSION_UNKNOWN
    assert line.bucket("data").remaining == 100 * MB
    assert [(p.action, p.units) for p in line.entries[-1].postings] == [(Action.UNRATED, MB)]
    assert line.update(7, report(used=MB)).outcome.repeated
    assert line.terminate(8, report(used=MB, more=False)).outcome.verdict is Verdict.SESSION_UNKNOWN
    assert line.bucket("data").remaining == 100 * MB


def test_a_session_never_opened_is_debited_where_the_operator_says_so():
    line = Line(octets(100 * MB), unknown_session=UnknownSession.DEBIT)
    decision = line.update(7, report(used=MB))
    assert (decision.outcome.verdict, line.account.open_sessions) == (Verdict.SESSION_UNKNOWN, 0)
    assert (line.bucket("data").remaining, line.bucket("data").reserved) == (99 * MB, 0)
    assert line.update(7, report(used=MB)).outcome.repeated
    assert line.bucket("data").remaining == 99 * MB


# Supervision --------------------------------------------------------------------------------------


def expire(line: Line, after_seconds: int, **rules: object):
    session = line.sessions["s;1;1"]
    offer = catalogue().offers[line.subscriber.offer]
    at_ms = line.at_ms + after_seconds * 1000
    decision = expire_session(line.account, session, offer, ChargingRules(**rules), at_ms)
    if decision.account is not None:
        line.account, line.sessions["s;1;1"] = decision.account, decision.session
        line.entries.append(decision.entry)
    return decision


def test_a_silent_session_is_closed_after_twice_its_validity_and_grace():
    line = Line(octets(100 * MB))
    line.initial(ask())
    assert expire(line, 7259).outcome.verdict is Verdict.NOT_FOUND
    decision = expire(line, 7260)
    assert decision.session.status is SessionStatus.CLOSED
    assert (line.bucket("data").remaining, line.bucket("data").reserved, line.account.open_sessions) == (100 * MB, 0, 0)
    assert line.entries[-1].kind == "session_expired"
    assert "7260 s" in line.entries[-1].reason


def test_without_quota_supervision_is_the_configured_time():
    line = Line(octets(100 * MB))
    assert line.initial().session.expires_ms == AT_MS + 86_400_000


def test_any_request_restarts_supervision_and_the_longest_validity_counts():
    line = Line(octets(100 * MB), octets(MB, "short", valid_until_ms=AT_MS + 60_000, rating_groups=(20,)))
    line.initial(ask(10), ask(20))
    line.at_ms += 1000
    assert line.update(1, report(20, 1)).session.expires_ms == line.at_ms + 7_260_000


def test_charging_the_grant_of_a_silent_session_and_a_late_report():
    line = Line(octets(100 * MB))
    line.initial(ask())
    expire(line, 9000, silence=Silence.CHARGE_GRANTED)
    assert line.bucket("data").remaining == 90 * MB
    assert line.entries[-1].postings[-1].mark == "assumed"
    line.update(1, report(used=4 * MB, more=False))
    assert line.bucket("data").remaining == 90 * MB
    line.update(2, report(used=9 * MB, more=False))
    assert line.bucket("data").remaining == 87 * MB


def test_an_expired_bucket_waits_for_the_session_that_holds_it():
    line = Line(octets(10 * MB, valid_until_ms=AT_MS + 60_000), money(1_000_000))
    line.initial(ask(10, 10 * MB))
    line.at_ms += 120_000
    line.update(1, report(used=4 * MB))
    assert line.bucket("data").remaining == 6 * MB
    assert line.bucket("money").reserved == 200_000
    line.terminate(2, report(used=0, more=False))
    assert [bucket.bucket_id for bucket in line.account.buckets] == ["money"]
    assert (Action.EXPIRE, 6 * MB) in [(p.action, p.amount) for entry in line.entries for p in entry.postings]


def test_the_rest_of_a_paid_step_may_outlive_its_bucket():
    """A promise of no amount holds no bucket: its bucket expires, and the session ends in order all the same."""
    line = Line(structs.replace(money(20_000), valid_until_ms=AT_MS + 1000))
    line.initial(ask(10, MB))
    rest = only(line.update(1, ServiceCredit(10, (), ServiceUnits(), (ServiceUnits(octets=1),))))
    assert rest.granted == MB - 1
    line.at_ms += 1000
    line.update(2)
    assert line.account.buckets == ()
    assert line.terminate(3, report(10, 5, more=False)).outcome.verdict is Verdict.SUCCESS
    assert line.account.open_sessions == 0


# amounts that the gateway has rated -------------------------------------------------------------


def in_money(group, wanted, *used):
    wish = None if wanted is None else ServiceUnits(money=wanted)
    return ServiceCredit(group, (), wish, tuple(ServiceUnits(money=each) for each in used), in_money=True)


@pytest.mark.parametrize("group", [10, 99])
def test_a_service_that_reports_money_twice_in_one_request_pays_both(group):
    line = Line(money(10_000_000))
    line.initial(in_money(group, 2_000_000))
    decision = line.update(1, in_money(group, 2_000_000, 1_000_000), in_money(group, None, 500_000))
    assert [credit.used for credit in decision.outcome.credits] == [1_000_000, 500_000]
    assert line.account.buckets[0].remaining == 8_500_000


def test_a_second_report_in_other_units_is_debited_too():
    line = Line(money(10_000_000))
    line.initial(in_money(10, 2_000_000))
    line.update(1, in_money(10, 2_000_000, 1_000_000), report(10, MB, more=False))
    assert line.account.buckets[0].remaining == 10_000_000 - 1_000_000 - 20_000


def test_more_of_the_same_money_is_as_much_as_was_used():
    line = Line(money(10_000_000))
    line.initial(in_money(10, 2_000_000))
    more = ServiceCredit(10, (), ServiceUnits(), (ServiceUnits(money=1_500_000),), in_money=True)
    (answer,) = line.update(1, more).outcome.credits
    assert (answer.granted, answer.unit) == (1_500_000, UnitType.MONEY)
    assert line.account.buckets[0].remaining == 8_500_000


def test_usage_without_a_tariff_goes_on_record_with_its_unit():
    line = Line(money(1_000_000))
    line.initial(ask())
    talked = ServiceCredit(77, (), None, (ServiceUnits(octets=1, seconds=98),))
    line.update(1, talked)
    (posting,) = [each for each in line.entries[-1].postings if each.action is Action.UNRATED]
    assert (posting.units, posting.unit) == (98, UnitType.SECONDS)
