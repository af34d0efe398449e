"""From a wish to the size of a grant, step by step; and the same steps explained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.request import ServiceUnits
from diameter_ocs.charging.session import Quota, QuotaMemory
from diameter_ocs.charging.sizing import LIMITED, recent_use, size_reason, size_steps, threshold_of, wished_units
from diameter_ocs.rating.catalogue import QuotaPolicy, QuotaTuning
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, MB, Line, ask, money, octets, report

PLAIN = QuotaPolicy(10, 2, 50, 60)


def size(policy, wish=None, used_units=0, **memory):
    quota = Quota(1, used_units=used_units, memory=QuotaMemory(**memory))
    return [(step.rule, step.units) for step in size_steps(ServiceUnits(wish), policy, UnitType.OCTETS, quota)]


def tuned(**tuning):
    return QuotaPolicy(10, 2, 50, 60, tuning=QuotaTuning(**tuning))


@given(st.one_of(st.none(), st.integers(0, 100)), st.integers(1, 20), st.integers(0, 20), st.integers(0, 20))
def test_without_tuning_both_ways_agree(wish, least, more, most):
    policy = QuotaPolicy(least + more, least, least + more + most, 60)
    asked = ServiceUnits(wish)
    last = size_steps(asked, policy, UnitType.OCTETS, Quota(1))[-1]
    assert last.units == wished_units(asked, policy, UnitType.OCTETS)
    assert size_reason(asked, policy, UnitType.OCTETS, Quota(1), last.units) == last.rule
    assert size_reason(asked, policy, UnitType.OCTETS, Quota(1), least - 1) == LIMITED


def test_the_reason_of_a_tuned_size_is_its_last_step():
    capped, held = tuned(session_cap_units=30), Quota(1, used_units=25)
    for granted, reason in ((5, "what is left of session_cap"), (4, LIMITED)):
        assert size_reason(ServiceUnits(None), capped, UnitType.OCTETS, held, granted) == reason


@pytest.mark.parametrize(
    ("policy", "wish", "quota", "expected"),
    [
        (PLAIN, None, {}, [("default", 10)]),
        (PLAIN, 0, {}, [("default", 10)]),
        (PLAIN, 60, {}, [("the gateway asks for", 60), ("no more than maximum", 50)]),
        (PLAIN, 1, {}, [("the gateway asks for", 1), ("no less than minimum", 2)]),
        (
            tuned(honours_wishes=False),
            60,
            {},
            [("the gateway asks, which the policy ignores", 60), ("default", 10)],
        ),
        (tuned(first_default_units=3, first_maximum_units=5), None, {}, [("first_default", 3)]),
        (
            tuned(first_default_units=3, first_maximum_units=5),
            9,
            {},
            [("the gateway asks for", 9), ("no more than first_maximum", 5)],
        ),
        (tuned(first_default_units=3, first_maximum_units=5), None, {"is_opened": True}, [("default", 10)]),
        (tuned(session_cap_units=30), None, {"used_units": 25}, [("default", 10), ("what is left of session_cap", 5)]),
        (tuned(session_cap_units=30), None, {"used_units": 31}, [("default", 10), ("what is left of session_cap", 0)]),
        (
            tuned(pace_seconds=60),
            None,
            {"recent_units": 4, "recent_ms": 8000},
            [("pace: 60 s at the recent rate", 30)],
        ),
        (tuned(pace_seconds=60), None, {}, [("default", 10)]),
        (
            tuned(pace_seconds=60),
            None,
            {"recent_units": 0, "recent_ms": 8000},
            [("pace: 60 s at the recent rate", 0), ("no less than minimum", 2)],
        ),
        (tuned(pace_seconds=60), 7, {"recent_units": 4, "recent_ms": 8000}, [("the gateway asks for", 7)]),
    ],
)
def test_steps(policy, wish, quota, expected):
    assert size(policy, wish, **quota) == expected


def test_an_absolute_threshold_is_never_more_than_half():
    assert threshold_of(tuned(threshold_units=3), 10) == 3
    assert threshold_of(tuned(threshold_units=30), 10) == 5
    assert threshold_of(PLAIN, 10) == 0


def test_pace_forgets_slowly_and_leaves_idle_time_out():
    fresh = Quota(1)
    assert recent_use(fresh, 0, 5000) == QuotaMemory(since_ms=5000)
    running = Quota(1, granted=10, memory=QuotaMemory(since_ms=5000, recent_units=100, recent_ms=1000))
    assert recent_use(running, 10, 6000) == QuotaMemory(since_ms=6000, recent_units=60, recent_ms=1500)
    assert recent_use(running, 10, 5000).recent_ms == 501


# Explained ------------------------------------------------------------------------------------------


def explained(line, group=10, wish=None, session=None):
    offer = line.terms.catalogue.offers[line.subscriber.offer]
    return explain_grant(line.account, line.subscriber, offer, group, (), ServiceUnits(wish), line.at_ms, session)


@given(
    st.integers(0, 30 * MB),
    st.integers(0, 1_000_000),
    st.sampled_from((10, 20, 30, 40, 50, 99)),
    st.one_of(st.none(), st.integers(0, 60 * MB)),
)
def test_an_explanation_is_what_the_gateway_gets(data, cash, group, wish):
    line = Line(octets(data), money(cash))
    before = line.account
    found = explained(line, group, wish)
    assert line.account is before
    told = line.initial(ask(group, wish)).outcome.credits[0]
    assert found.outcome == told
    if found.steps:
        assert found.steps[-1].units == (told.granted or 0)
    assert sum(each.units for each in found.reserved) in (told.granted or 0, 0)


def test_an_open_session_is_explained_with_what_it_holds():
    line = Line(octets(12 * MB))
    line.initial(ask(10))
    found = explained(line, session=line.sessions["s;1;1"])
    assert (found.outcome.granted, found.steps[-1].rule) == (10 * MB, "default")
    other = explained(line)
    assert other.outcome.granted == 1 * MB
    assert line.update(1, report(10, 0)).outcome.credits[0].granted == found.outcome.granted


def test_a_share_is_told():
    line = Line(octets(10 * MB))
    for number in range(3):
        line.initial(session_id=f"s;1;{number}")
    found = explained(line)
    assert found.steps[-1].rule == "share of one of 4 that may ask"
    assert found.outcome.verdict is Verdict.SUCCESS
    assert found.outcome.granted == 2_500_000
    assert line.at_ms == AT_MS
