"""Quotas of seconds: how they are counted, and grants of whole intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.gy.encode import encode_credit
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.time_quota import TimeQuotaMechanism, TimeQuotaType
from diameter_ocs.wire.codec import decode_avps
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.charging import AT_MS, CATALOGUE_TEXT, Line, money, request
from tests.support.ocs import value

SECONDS = 'unit = "seconds"\ndefault = "300 s"\nminimum = "10 s"\nmaximum = "1 h"'


def with_keys(*keys, sizes=SECONDS):
    return CATALOGUE_TEXT.replace(SECONDS, "\n".join((sizes, *keys)))


PERIODS = with_keys(
    'time_periods = "continuous"',
    'base_interval = "60 s"',
    "triggers = [4]",
    sizes=SECONDS.replace('minimum = "10 s"', 'minimum = "60 s"'),
)


def ask(seconds=None):
    return ServiceCredit(60, (), ServiceUnits(seconds=seconds))


def report(seconds):
    return ServiceCredit(60, (), ServiceUnits(), (ServiceUnits(seconds=seconds),))


def answer(decision):
    (credit,) = decision.outcome.credits
    (group,) = decode_avps(encode_credit(credit), default_dictionary())
    return credit, group


def test_every_grant_says_when_the_clock_stops():
    line = Line(money(10_000_000), text=with_keys('consumption_time = "20 s"'))
    for decision in (line.initial(ask()), line.update(1, report(100))):
        _, group = answer(decision)
        assert value(group, "Quota-Consumption-Time") == 20
        assert group.first("Time-Quota-Mechanism") is None


def test_a_clock_that_always_runs():
    _, group = answer(Line(money(10_000_000), text=with_keys('consumption_time = "0 s"')).initial(ask()))
    assert value(group, "Quota-Consumption-Time") == 0


def test_whole_intervals_are_granted():
    line = Line(money(10_000_000), text=PERIODS)
    credit, group = answer(line.initial(ask(150)))
    assert credit.granted == 120
    assert value(group, "Time-Quota-Mechanism", "Time-Quota-Type") == 1
    assert value(group, "Time-Quota-Mechanism", "Base-Time-Interval") == 60
    assert value(group, "Trigger", "Trigger-Type") == 4
    credit, group = answer(line.update(1, report(120)))
    assert (credit.granted, group.first("Trigger")) == (300, None)
    assert value(group, "Time-Quota-Mechanism", "Base-Time-Interval") == 60


def test_a_gateway_that_does_not_know_how_is_not_told():
    line = Line(money(10_000_000), text=PERIODS)
    knows_not = GatewayProfile(time_counting=False, triggers=False)
    credit, group = answer(line.send(replace(request(RequestType.INITIAL, 0, ask(150)), gateway=knows_not)))
    assert credit.granted == 120
    assert (group.first("Time-Quota-Mechanism"), group.first("Trigger")) == (None, None)


def test_the_rest_of_a_balance_is_granted_last():
    line = Line(money(160_000), text=PERIODS)
    credit, _ = answer(line.initial(ask()))
    assert (credit.granted, credit.final) == (120, None)
    credit, _ = answer(line.update(1, report(120)))
    assert credit.granted == 40
    assert credit.final is not None


def test_explained():
    line = Line(money(10_000_000), text=PERIODS)
    offer = line.terms.catalogue.offers["standard"]
    found = explain_grant(line.account, line.subscriber, offer, 60, (), ServiceUnits(seconds=150), AT_MS)
    assert [(step.rule, step.units) for step in found.steps] == [
        ("the gateway asks for", 150),
        ("whole base_intervals", 120),
    ]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (['consumption_time = "20 s"', 'time_periods = "discrete"', 'base_interval = "10 s"'], "not both"),
        (['time_periods = "discrete"'], "say both"),
        (['base_interval = "10 s"'], "say both"),
        (['time_periods = "discrete"', 'base_interval = "60 s"'], "must be multiples of it"),
    ],
)
def test_mistakes(keys, told):
    with pytest.raises(ConfigurationError, match=told):
        parse_catalogue(with_keys(*keys), "test.toml")


def test_octets_have_no_clock():
    text = CATALOGUE_TEXT.replace("[quota.standard]", '[quota.standard]\nconsumption_time = "20 s"')
    with pytest.raises(ConfigurationError, match="are for unit"):
        parse_catalogue(text, "test.toml")


@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(1, 100))
def test_a_size_is_whole_unless_it_is_all_that_remains(units, more, base):
    remaining = units + more
    size = TimeQuotaMechanism(TimeQuotaType.DISCRETE, base).whole(units, remaining)
    assert 0 < size <= remaining
    assert size % base == 0 or size == remaining
    assert size <= max(units, base)
