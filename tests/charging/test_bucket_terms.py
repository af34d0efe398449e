"""Buckets that are bound to owners and services, that block, convert, and go below zero; caps on what is spent."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.charging.decide import decide_session_request
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.terms import BucketTerms, Limit, Use
from diameter_ocs.recharge.commands import SetLimit, SetOverdraft
from diameter_ocs.recharge.limits import set_limit, set_overdraft
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import MB, Line, ask, money, octets, report, request
from tests.support.pools import PoolLine

SECONDS = 60
"""The rating group that is charged by time: 0.01 per 10 s."""


def granted(decision):
    return [answer.granted for answer in decision.outcome.credits]


def bound(bucket: Bucket, **terms: object) -> Bucket:
    return replace(bucket, terms=BucketTerms(**terms))  # type: ignore[arg-type]


def talk(group: int = SECONDS, used: int | None = None, *, more: bool = True) -> ServiceCredit:
    reported = () if used is None else (ServiceUnits(seconds=used),)
    return ServiceCredit(group, (), ServiceUnits() if more else None, reported)


# who and what for ---------------------------------------------------------------------------------


def test_a_bucket_of_somebody_else_is_not_touched_not_even_below_zero():
    line = Line(bound(octets(50 * MB, "tom"), owners=("sub-2",)), offer="bundle")
    assert line.initial(ask()).outcome.verdict is Verdict.CREDIT_LIMIT_REACHED
    line = Line(bound(octets(50 * MB, "tom"), owners=("sub-2",)), octets(2 * MB, "all"), offer="bundle")
    line.initial(ask())
    line.terminate(1, report(10, 5 * MB, more=False))
    assert (line.bucket("tom").remaining, line.bucket("all").remaining) == (50 * MB, -3 * MB)


def test_a_bucket_for_voice_pays_for_no_data_of_the_same_unit():
    minutes = bound(Bucket("minutes", UnitType.SECONDS, 3600), services=("voice",))
    line = Line(minutes, money(20_000))
    assert granted(line.initial(talk())) == [20]
    assert line.bucket("minutes").reserved == 0


def test_a_service_means_its_directions_too():
    terms = BucketTerms(services=("voice", "sms/terminating"))
    uses = {
        service: terms.allows(Use("sub-1", service))
        for service in ("voice", "voice/originating", "sms/terminating", "sms", "sms/originating", "data")
    }
    assert [service for service, is_allowed in uses.items() if is_allowed] == [
        "voice",
        "voice/originating",
        "sms/terminating",
    ]


# blocking -----------------------------------------------------------------------------------------


def test_behind_a_blocking_bucket_nothing_pays_even_when_it_is_empty():
    line = Line(bound(octets(3 * MB), is_blocking=True), money(10_000_000))
    assert granted(line.initial(ask(10, 10 * MB))) == [3 * MB]
    decision = line.update(1, report(10, 3 * MB))
    assert decision.outcome.credits[0].verdict is Verdict.CREDIT_LIMIT_REACHED
    assert line.bucket("money").remaining == 10_000_000


def test_a_blocking_bucket_blocks_only_what_may_draw_on_it():
    line = Line(bound(replace(octets(0), rating_groups=(20,)), is_blocking=True), money(10_000_000))
    assert granted(line.initial(ask(10, 10 * MB), ask(20, 10 * MB))) == [10 * MB, None]


# conversion ---------------------------------------------------------------------------------------


def test_a_data_bucket_pays_for_seconds_at_its_factor():
    line = Line(bound(octets(10 * MB), pays_for=UnitType.SECONDS, factor=(100_000, 1)))
    assert granted(line.initial(talk())) == [100]
    assert line.bucket("data").reserved == 10 * MB
    line.terminate(1, talk(used=37, more=False))
    assert line.bucket("data") == bound(octets(10 * MB - 3_700_000), pays_for=UnitType.SECONDS, factor=(100_000, 1))


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12))
def test_slicing_a_call_costs_a_converting_bucket_the_same(parts):
    def left(slices):
        line = Line(bound(Bucket("msg", UnitType.EVENTS, 500), pays_for=UnitType.SECONDS, factor=(1, 60)))
        line.initial(talk())
        for number, used in enumerate(slices, start=1):
            line.update(number, talk(used=used))
        line.terminate(len(slices) + 1)
        return line.bucket("msg").available

    assert left(parts) == left([sum(parts)])


def test_a_late_report_goes_on_with_the_step_that_was_paid():
    line = Line(bound(Bucket("msg", UnitType.EVENTS, 500), pays_for=UnitType.SECONDS, factor=(1, 60)))
    line.initial(talk())
    line.terminate(1, talk(used=30, more=False))
    line.update(2, talk(used=30, more=False))
    assert line.bucket("msg").remaining == 499


# credit limit -------------------------------------------------------------------------------------


def test_money_may_be_spent_down_to_the_credit_limit_and_no_further():
    line = Line(bound(money(100_000), overdraft=200_000))
    decision = line.initial(ask(10, 50 * MB))
    assert granted(decision) == [15 * MB]
    assert decision.outcome.credits[0].final is not None
    line.terminate(1, report(10, 15 * MB, more=False))
    assert line.bucket("money").remaining == -200_000
    again = line.initial(ask(), session_id="s;1;2")
    assert again.outcome.credits[0].verdict is Verdict.CREDIT_LIMIT_REACHED


def test_a_credit_limit_makes_the_money_bucket_and_wakes_what_ran_dry():
    line = Line(octets(MB))
    line.initial(ask())
    line.update(1, report(10, MB))
    decision = set_overdraft(
        SetOverdraft("acc-1", 1_000_000, reason="post-paid"), line.account, 5, line.sessions.values()
    )
    assert decision.account is not None
    line.account = decision.account
    assert (line.bucket("money").remaining, line.bucket("money").spendable) == (0, 1_000_000)
    assert [each.cause for each in decision.requests] == ["post-paid: 0 -> 1000000 on money"]
    assert granted(line.update(2, ask(10, 10 * MB))) == [10 * MB]
    ended = set_overdraft(SetOverdraft("acc-1", 0), line.account, 6)
    assert ended.account is not None
    assert ended.account.buckets[-1].terms is None
    assert not ended.requests


def test_a_credit_limit_of_a_bucket_that_is_not_there_is_refused():
    assert set_overdraft(SetOverdraft("acc-1", 5, "gold"), Line().account, 5).outcome.verdict is Verdict.NOT_FOUND


# caps ---------------------------------------------------------------------------------------------


def capped(line: Line, maximum: int | None, name: str = "cap", **more: object) -> list[object]:
    command = SetLimit("acc-1", name, maximum, **more)  # type: ignore[arg-type]
    members = dict.fromkeys(("sub-1", "sub-2"), line.subscriber)
    decision = set_limit(command, line.account, members, line.terms.catalogue, 5, line.sessions.values())
    assert decision.outcome.verdict is Verdict.SUCCESS, decision.outcome.detail
    assert decision.account is not None
    line.account = decision.account
    return list(decision.requests)


def limit_of(line: Line, name: str = "cap") -> Limit:
    return next(each for each in line.account.limits if each.name == name)


def test_a_cap_bounds_grants_of_all_sessions_together():
    line = Line(money(10_000_000))
    capped(line, 300_000)
    assert granted(line.initial(ask(10, 10 * MB))) == [10 * MB]
    second = line.initial(ask(10, 10 * MB), session_id="s;1;2")
    assert granted(second) == [2_500_000]  # its share of the 5 MB that the cap leaves
    assert (limit_of(line).used, limit_of(line).reserved, limit_of(line).room) == (0, 260_000, 40_000)
    line.terminate(1, report(10, 4 * MB, more=False))
    assert (limit_of(line).used, limit_of(line).reserved, limit_of(line).room) == (80_000, 60_000, 160_000)


def test_what_was_delivered_beyond_a_cap_is_debited_all_the_same():
    line = Line(money(10_000_000))
    capped(line, 100_000)
    line.initial(ask(10, 10 * MB))
    line.update(1, report(10, 20 * MB))
    assert (line.bucket("money").remaining, limit_of(line).used, limit_of(line).room) == (9_600_000, 400_000, -300_000)
    assert line.update(2, ask()).outcome.credits[0].verdict is Verdict.CREDIT_LIMIT_REACHED


def test_a_cap_of_a_member_binds_nobody_else():
    line = Line(money(10_000_000))
    capped(line, 100_000, subscriber_id="sub-2")
    assert granted(line.initial(ask(10, 50 * MB))) == [50 * MB]
    line.terminate(1)
    other = replace(line.subscriber, subscriber_id="sub-2")
    asked = request(RequestType.INITIAL, 0, ask(10, 50 * MB), session_id="s;2;1")
    assert granted(decide_session_request(asked, line.account, other, None, line.terms, line.at_ms)) == [5 * MB]


def test_a_cap_over_two_buckets_of_one_unit_is_not_used_twice():
    line = Line(octets(4 * MB, "a"), octets(40 * MB, "b"))
    capped(line, 6 * MB, unit=UnitType.OCTETS)
    assert granted(line.initial(ask(10, 50 * MB))) == [6 * MB]
    assert sum(bucket.reserved for bucket in line.account.buckets) == 6 * MB


def test_a_cap_set_in_mid_session_counts_what_is_held():
    line = Line(money(10_000_000))
    line.initial(ask(10, 10 * MB))
    capped(line, 200_000)
    assert (limit_of(line).reserved, limit_of(line).room) == (200_000, 0)
    line.terminate(1, report(10, 10 * MB, more=False))
    assert (limit_of(line).used, limit_of(line).reserved) == (200_000, 0)


def test_raising_or_removing_a_cap_wakes_what_it_had_stopped():
    line = Line(money(10_000_000))
    capped(line, 100_000)
    line.initial(ask(10, 10 * MB))
    line.update(1, report(10, 5 * MB))
    assert capped(line, 50_000) == []
    assert len(capped(line, 200_000)) == 1
    assert limit_of(line).used == 100_000
    assert len(capped(line, None)) == 1
    assert line.account.limits == ()


def test_a_cap_that_comes_later_counts_what_is_promised_to_a_pool():
    line = PoolLine(money(10_000_000))
    line.initial(ask(10), ask(20))
    promised = line.bucket("money").reserved
    capped(line, 2 * promised)
    assert (limit_of(line).reserved, limit_of(line).room) == (promised, promised)
    line.terminate(1, report(10, MB, more=False))
    assert (limit_of(line).reserved, limit_of(line).used) == (0, 10_000_000 - line.bucket("money").remaining)


def test_a_cap_that_names_nobody_or_is_not_there_is_refused():
    line = Line()
    for command in (SetLimit("acc-1", "cap", 5, subscriber_id="ghost"), SetLimit("acc-1", "cap", None)):
        decision = set_limit(command, line.account, {"sub-1": line.subscriber}, line.terms.catalogue, 5)
        assert decision.outcome.verdict is Verdict.NOT_FOUND


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30 * MB), st.booleans()), max_size=25))
def test_a_cap_always_knows_what_is_used_and_held(steps):
    line = Line(money(3_000_000), octets(9 * MB, "a"))
    capped(line, 1_000_000)
    numbers: dict[str, int] = {}
    for which, used, is_end in steps:
        session_id = f"s;1;{which}"
        number = numbers.get(session_id, -1) + 1
        numbers[session_id] = number
        if number == 0:
            line.initial(ask(), session_id=session_id)
        elif is_end:
            line.terminate(number, report(10, used, more=False), session_id=session_id)
        else:
            line.update(number, report(10, used), session_id=session_id)
        purse = line.bucket("money")
        assert limit_of(line).reserved == purse.reserved
        assert limit_of(line).used == 3_000_000 - purse.remaining
