"""Credit pools: several groups draw on one promise of money, and together cost what they used."""

import pytest
from msgspec import structs

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.decide import expire_session
from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.gateway_profile import GENERIC
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.charging.request import ReportingReason, RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import Silence
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.journal import Action
from diameter_ocs.ledger.terms import BucketTerms, Limit
from diameter_ocs.rating.final_units import FinalUnitAction
from diameter_ocs.recharge.decide import ask_gateway
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import MB, Line, ask, money, octets, report, request
from tests.support.pools import TEXT, PoolLine, multipliers, pool_of, reference

EXHAUSTED = ReportingReason.POOL_EXHAUSTED


def granted(decision):
    return [credit.granted for credit in decision.outcome.credits]


def verdicts(decision):
    return [credit.verdict for credit in decision.outcome.credits]


def marks(decision):
    return {posting.mark for posting in decision.entry.postings}


def promised_mb(line):
    """S as megabytes of group 20."""
    return pool_of(line).promised / multipliers(line)[20] / MB


def test_the_worked_example_of_the_standard():
    """4 MB of group 10 count double those 2 MB of group 20: after 3 MB of the former, 4 MB of the latter are left."""
    line = PoolLine(money(50_000_000))
    opened = line.initial(ask(10, 4 * MB), ask(20, 2 * MB))
    assert granted(opened) == [4 * MB, 2 * MB]
    ten, twenty = (reference(credit) for credit in opened.outcome.credits)
    assert ten == (1, 2 * twenty[1])
    assert line.bucket("money").reserved == 400_000 + 100_000
    both = line.update(1, report(10, 3 * MB, reason=EXHAUSTED), report(20, 4 * MB, reason=EXHAUSTED))
    assert marks(both) == {""}
    assert line.bucket("money").remaining == 50_000_000 - 300_000 - 200_000
    assert granted(both) == [10 * MB, 10 * MB]
    assert line.bucket("money").reserved == 1_000_000 + 500_000


def test_multipliers_are_the_smallest_whole_numbers_at_which_every_price_is_exact():
    line = PoolLine()
    of = multipliers(line)
    per_micro = line.terms.catalogue.offers["pooled"].by_group[10].pool.per_micro
    assert [of[10] * 10, of[20] * 20, of[30] * 7] == [per_micro, per_micro, 30_000 * per_micro]


def test_no_started_step_is_charged_in_a_pool():
    line = PoolLine(money(1_000_000))
    line.initial(ask(10), ask(20))
    line.terminate(1, report(10, 5, more=False), report(20, 10, more=False))
    assert line.bucket("money").remaining == 1_000_000 - 1


def test_a_report_takes_its_use_out_of_the_pool_and_a_grant_fills_it_up():
    line = PoolLine(money(50_000_000))
    line.initial(ask(10), ask(20))
    assert promised_mb(line) == 30
    early = line.update(1, report(20, 4 * MB))
    assert granted(early) == [4 * MB], "6 MB are left of the last grant: they stay in the pool"
    assert early.outcome.credits[0].sized_by == "what the credit pool lacks, and the balance leaves"
    assert promised_mb(line) == 30
    borrowed = line.update(2, report(20, 14 * MB))
    assert granted(borrowed) == [10 * MB], "a grant never pays back more than the group itself asks for"
    assert promised_mb(line) == 26
    assert marks(borrowed) == {""}


def test_a_report_of_no_use_adds_no_more_than_the_minimum():
    line = PoolLine(money(50_000_000))
    line.initial(ask(10), ask(20))
    assert granted(line.update(1, report(20, 0, reason=ReportingReason.VALIDITY_TIME))) == [MB]
    assert promised_mb(line) == 31


def test_quotas_that_are_granted_together_are_a_new_pool():
    line = PoolLine(money(50_000_000))
    line.initial(ask(10), ask(20))
    line.update(1, report(10, 1 * MB), report(20, 2 * MB))
    assert promised_mb(line) == 30
    assert line.bucket("money").reserved == 1_500_000


@pytest.mark.parametrize("reason", [ReportingReason.FINAL, ReportingReason.QHT])
def test_what_a_member_leaves_unused_is_for_the_others_until_the_last_has_left(reason):
    line = PoolLine(money(50_000_000))
    line.initial(ask(10), ask(20))
    gone = line.update(1, report(10, 1 * MB, more=False, reason=reason))
    assert granted(gone) == [None]
    assert promised_mb(line) == 28
    assert line.bucket("money").reserved == 1_400_000
    last = line.update(2, report(20, 28 * MB, more=False, reason=reason))
    assert marks(last) == {""}
    assert (pool_of(line).promised, pool_of(line).reservations) == (0, ())
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (50_000_000 - 1_500_000, 0)


def test_a_group_that_comes_later_joins_and_one_of_another_kind_stays_outside():
    line = PoolLine(money(50_000_000))
    line.initial(ask(10))
    joined = line.update(1, ask(20), ServiceCredit(30, (), ServiceUnits(seconds=60)), ask(40))
    assert [reference(credit) and reference(credit)[0] for credit in joined.outcome.credits] == [1, 1, None]
    assert line.bucket("money").reserved == 1_000_000 + 500_000 + 257_143 + 200_000


def test_ordinary_updates_of_other_groups_leave_the_pool_as_it_is():
    line = PoolLine(money(50_000_000))
    line.initial(ask(10), ask(40))
    before = line.sessions["s;1;1"].pools
    line.update(1, report(40, MB))
    session = line.sessions["s;1;1"]
    assert (session.pools, session.may_pool) == (before, True)
    assert line.bucket("money").reserved == 1_000_000 + 200_000


def test_what_goes_beyond_the_pool_is_over_use_and_is_debited():
    line = PoolLine(money(1_500_000))
    line.initial(ask(10), ask(20))
    over = line.update(1, report(10, 12 * MB), report(20, 10 * MB))
    assert "overuse" in marks(over)
    assert line.bucket("money").remaining == 1_500_000 - 1_200_000 - 500_000
    assert verdicts(over) == [Verdict.CREDIT_LIMIT_REACHED] * 2


def test_over_use_takes_units_before_money():
    line = PoolLine(money(1_500_000))
    line.initial(ask(10))
    line.account = structs.replace(line.account, buckets=(octets(1 * MB), *line.account.buckets))
    line.update(1, report(10, 12 * MB, more=False))
    assert (line.bucket("data").remaining, line.bucket("money").remaining) == (0, 400_000)


def test_use_of_a_group_that_nothing_pays_for_is_kept_as_unrated():
    line = PoolLine(money(100_000))
    line.initial(ask(10, MB))
    line.account = structs.replace(line.account, buckets=())
    session = line.sessions["s;1;1"]
    (pool,) = session.pools
    line.sessions["s;1;1"] = structs.replace(session, pools=(structs.replace(pool, promised=0, reservations=()),))
    line.update(1, report(10, 2 * MB, more=False))
    assert [posting.action for posting in line.entries[-1].postings] == [Action.UNRATED]


def test_the_last_grant_is_final_and_a_member_may_go_on_with_what_the_pool_has():
    line = PoolLine(money(700_000))
    first = line.initial(ask(10, 6 * MB))
    line.update(1, ask(20))
    last = line.update(2, ask(21))
    assert (granted(first), granted(last)) == ([6 * MB], [MB])
    assert (first.outcome.credits[0].final, last.outcome.credits[0].final) == (None, FinalUnitAction.TERMINATE)
    assert line.bucket("money").available == 0
    more = line.update(3, report(10, 1 * MB, reason=ReportingReason.VALIDITY_TIME))
    assert granted(more) == [0], "nothing is added: the group draws on what is there"
    assert (more.outcome.credits[0].final, more.outcome.credits[0].validity_seconds) == (None, 3600)
    assert reference(more.outcome.credits[0]) == reference(first.outcome.credits[0])
    line.update(4, report(20, 0, more=False), report(21, 0, more=False))
    assert line.sessions["s;1;1"].supervised_seconds == 7260, "it still holds what the pool has"
    empty = line.update(5, report(10, 6 * MB, reason=EXHAUSTED))
    assert (marks(empty), verdicts(empty)) == ({""}, [Verdict.CREDIT_LIMIT_REACHED])
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (0, 0)


def test_final_units_of_a_member_redirect_when_they_are_used():
    line = PoolLine(money(30_000))
    last = line.initial(ServiceCredit(30, (), ServiceUnits()))
    assert (granted(last), last.outcome.credits[0].final) == ([7], FinalUnitAction.REDIRECT)
    used = (ServiceUnits(seconds=7),)
    restricted = line.update(1, ServiceCredit(30, (), None, used, EXHAUSTED))
    assert restricted.outcome.credits[0].validity_seconds == 600
    again = line.update(2, ServiceCredit(30, (), ServiceUnits()))
    assert again.outcome.credits[0].final is FinalUnitAction.REDIRECT
    assert granted(again) == [None]


def test_a_nameless_report_of_final_units_is_that_of_the_member():
    line = PoolLine(money(30_000))
    line.initial(ServiceCredit(30, (), ServiceUnits()))
    line.update(1, ServiceCredit(None, (), None, (ServiceUnits(seconds=7),), EXHAUSTED))
    assert {posting.mark for posting in line.entries[-1].postings} == {""}
    assert (line.bucket("money").remaining, pool_of(line).promised) == (0, 0)


def test_money_of_several_buckets_stands_behind_a_pool_in_spend_order():
    soon = structs.replace(money(300_000, "soon"), valid_until_ms=line_ms() + 600_000, priority=1)
    line = PoolLine(soon, money(5_000_000))
    opened = line.initial(ask(10), ask(20))
    assert [credit.validity_seconds for credit in opened.outcome.credits] == [600, 3600]
    assert (line.bucket("soon").reserved, line.bucket("money").reserved) == (300_000, 1_200_000)
    line.update(1, report(20, 8 * MB, more=False))
    assert (line.bucket("soon").remaining, line.bucket("money").remaining) == (0, 4_900_000)


def line_ms():
    return PoolLine().at_ms


def test_while_units_pay_for_a_group_its_quota_is_its_own():
    line = PoolLine(octets(3 * MB, rating_groups=(10,)), money(5_000_000))
    opened = line.initial(ask(10), ask(20))
    assert [reference(credit) is None for credit in opened.outcome.credits] == [True, False]
    later = line.update(1, report(10, 10 * MB))
    assert line.bucket("data").remaining == 0
    assert reference(later.outcome.credits[0]) is not None
    assert line.bucket("money").remaining == 5_000_000 - 700_000


def test_what_binds_buckets_binds_pools():
    """A credit limit, a limit of an account, a bucket of seconds that pays for octets, and one that blocks."""
    credit = structs.replace(money(0), terms=BucketTerms(overdraft=700_000))
    line = PoolLine(credit)
    assert granted(line.initial(ask(10))) == [7 * MB]
    line.terminate(1, report(10, 7 * MB, more=False))
    assert line.bucket("money").remaining == -700_000
    line = PoolLine(money(5_000_000))
    line.account = structs.replace(line.account, limits=(Limit("month", UnitType.MONEY, 300_000),))
    assert granted(line.initial(ask(10), ask(20, MB))) == [1_500_000, MB]
    assert line.account.limits[0].reserved == 200_000
    seconds = Bucket("time", UnitType.SECONDS, 60, terms=BucketTerms(pays_for=UnitType.OCTETS, factor=(1, 100_000)))
    line = PoolLine(seconds, money(5_000_000))
    opened = line.initial(ask(10, MB), ask(20, 20 * MB))
    assert [reference(credit) is None for credit in opened.outcome.credits] == [True, True]
    opened = line.update(1, report(10, MB), report(20, 20 * MB))
    assert reference(opened.outcome.credits[0]) is not None
    blocking = octets(0, terms=BucketTerms(is_blocking=True))
    line = PoolLine(blocking, money(5_000_000))
    assert verdicts(line.initial(ask(10))) == [Verdict.CREDIT_LIMIT_REACHED]


def test_a_gateway_that_does_not_control_several_services_gets_no_pool_at_the_same_price():
    line = Line(money(5_000_000), offer="pooled", text=TEXT)
    opened = line.initial(ask(10), ask(20))
    assert [reference(credit) for credit in opened.outcome.credits] == [None, None]
    assert line.sessions["s;1;1"].pools == ()
    line.terminate(1, report(10, 5, more=False), report(20, 10 * MB, more=False))
    assert line.bucket("money").remaining == 5_000_000 - 1 - 500_000


def test_a_gateway_whose_profile_keeps_no_pools_gets_none():
    line = Line(money(5_000_000), offer="pooled", text=TEXT)
    first = request(RequestType.INITIAL, 0, ask(10), ask(20))
    profile = structs.replace(GENERIC, name="plain", pools=False)
    opened = line.send(structs.replace(first, multiple_services=True, gateway=profile))
    assert [reference(credit) for credit in opened.outcome.credits] == [None, None]


def test_use_that_nobody_can_have_made_stays_out_of_the_pool():
    line = PoolLine(money(5_000_000), plausible=dict.fromkeys(UnitType, 1000 * MB))
    line.initial(ask(10), ask(20))
    line.update(1, report(10, 1001 * MB))
    assert line.bucket("money").remaining == 5_000_000
    assert "implausible" in {posting.mark for posting in line.entries[-1].postings}
    assert promised_mb(line) == 32


def test_a_service_that_comes_twice_reports_twice_and_is_granted_once():
    line = PoolLine(money(5_000_000))
    line.initial(ask(10), ask(20))
    twice = line.update(1, report(10, 3 * MB), report(10, 4 * MB))
    assert [credit.used for credit in twice.outcome.credits] == [3 * MB, 4 * MB]
    assert granted(twice) == [7 * MB, None]
    assert marks(twice) == {""}
    assert promised_mb(line) == 30


def test_a_group_whose_tariff_is_gone_leaves_the_pool_to_the_others():
    line = PoolLine(money(5_000_000))
    line.initial(ask(10), ask(20))
    line.terms = PoolLine(text=TEXT.replace("rating_groups = [10]", "rating_groups = [11]")).terms
    gone = line.update(1, report(10, 1 * MB))
    assert verdicts(gone) == [Verdict.RATING_FAILED]
    assert line.bucket("money").reserved == 1_500_000
    line.update(2, report(20, 1 * MB, more=False))
    assert line.bucket("money").reserved == 0


def test_a_pool_keeps_its_prices_until_it_is_over():
    line = PoolLine(money(5_000_000))
    line.initial(ask(10), ask(20))
    line.terms = PoolLine(text=TEXT.replace('"0.05"', '"0.04"')).terms
    first = line.update(1, report(10, 10 * MB))
    assert reference(first.outcome.credits[0]) is None, "group 20 is out at the old price still"
    second = line.update(2, report(20, 10 * MB))
    assert line.bucket("money").remaining == 5_000_000 - 1_000_000 - 500_000
    assert reference(second.outcome.credits[0]) is not None


def test_a_member_that_becomes_free_leaves_its_use_unpaid():
    line = PoolLine(money(5_000_000))
    line.initial(ask(10), ask(20))
    free = TEXT.replace(
        'rating_groups = [10]\nprice = "0.10"\nper = "1 MB"\npool = 1', 'rating_groups = [10]\ntreatment = "free"'
    )
    line.terms = PoolLine(text=free).terms
    line.update(1, report(10, 10 * MB, more=False), report(20, 0, more=False))
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (5_000_000, 0)


def test_a_repeat_gets_the_stored_answer_with_its_pool():
    line = PoolLine(money(5_000_000))
    first = request(RequestType.INITIAL, 0, ask(10), ask(20))
    answer, again = line.send(first), line.send(first)
    assert again.outcome == structs.replace(answer.outcome, repeated=True)
    assert again.account is None


@pytest.mark.parametrize("end", ["terminate", "block"])
def test_the_end_of_the_session_releases_the_pool(end):
    line = PoolLine(money(5_000_000))
    line.initial(ask(10), ask(20))
    if end == "terminate":
        line.terminate(1, report(10, 1 * MB, more=False))
    else:
        line.subscriber = structs.replace(line.subscriber, status=type(line.subscriber.status).BLOCKED)
        line.update(1, report(10, 1 * MB))
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (4_900_000, 0)
    assert pool_of(line).reservations == ()


def silent(line):
    session = line.sessions["s;1;1"]
    line.at_ms = session.expires_ms
    offer = line.terms.catalogue.offers["pooled"]
    decision = expire_session(line.account, session, offer, line.terms.rules, line.at_ms)
    line.account, line.sessions["s;1;1"] = decision.account, decision.session


def test_a_silent_session_gives_its_pool_back():
    line = PoolLine(money(5_000_000))
    line.initial(ask(10), ask(20))
    silent(line)
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (5_000_000, 0)


def test_a_silent_session_may_be_charged_for_its_whole_pool_and_late_reports_only_beyond_it():
    line = PoolLine(money(5_000_000), silence=Silence.CHARGE_GRANTED)
    line.initial(ask(10), ask(20), ask(40, MB))
    line.update(1, report(20, 4 * MB, more=False))
    silent(line)
    charged = 5_000_000 - 1_500_000 - 20_000
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (charged, 0)
    line.update(2, report(10, 11 * MB))
    assert line.bucket("money").remaining == charged
    line.terminate(3, report(10, 3 * MB, more=False))
    assert line.bucket("money").remaining == charged - 100_000
    used = {quota.rating_group: quota.used_units for quota in line.sessions["s;1;1"].quotas}
    assert used[10] == 14 * MB


def test_what_is_assumed_of_a_pool_is_shared_by_late_reports_of_its_members():
    line = PoolLine(money(5_000_000), silence=Silence.CHARGE_GRANTED)
    line.initial(ask(10), ask(20))
    silent(line)
    charged = 5_000_000 - 1_500_000
    assert line.bucket("money").remaining == charged
    used = {quota.rating_group: quota.used_units for quota in line.sessions["s;1;1"].quotas}
    assert used == {10: 10 * MB, 20: 10 * MB}
    line.update(1, report(20, 24 * MB, more=False))
    line.terminate(2, report(10, 4 * MB, more=False))
    assert line.bucket("money").remaining == charged - 100_000


def test_an_explanation_says_what_the_pool_lacks():
    line = PoolLine(money(50_000_000))
    line.initial(ask(10), ask(20))
    session, offer = line.sessions["s;1;1"], line.terms.catalogue.offers["pooled"]
    found = explain_grant(line.account, line.subscriber, offer, 20, (), ServiceUnits(), line.at_ms, session)
    assert (found.steps[-1].units, found.outcome.granted) == (MB, MB)
    assert "pool" in found.steps[-1].rule
    fresh = explain_grant(line.account, line.subscriber, offer, 20, (), ServiceUnits(), line.at_ms)
    assert (fresh.outcome.granted, fresh.reserved[0].amount) == (10 * MB, 500_000)
    poor = structs.replace(line.account, buckets=(money(90_000),))
    low = explain_grant(poor, line.subscriber, offer, 20, (), ServiceUnits(), line.at_ms)
    assert (low.outcome.granted, low.steps[-1].rule) == (1_800_000, "all that the balance pays for")


def test_only_a_pool_that_the_session_has_can_be_asked_for():
    line = PoolLine(money(5_000_000))
    session = line.initial(ask(10)).session
    command = AskGateway("acc-1", "s;1;1", RequestKind.REAUTHORIZE, pool=1)
    (row,) = ask_gateway(command, line.account, session, line.at_ms).requests
    assert (row.pool, row.rating_group) == (1, None)
    refused = ask_gateway(structs.replace(command, pool=2), line.account, session, line.at_ms)
    assert (refused.outcome.verdict, refused.outcome.detail) == (
        Verdict.NOT_FOUND,
        "session s;1;1 has no credit pool 2",
    )
