"""Reports nobody believes, and reports in other units: on record, never debited, and the session goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.charging.request import ServiceCredit, ServiceUnits
from diameter_ocs.ledger.book import IMPLAUSIBLE, OTHER_UNIT
from diameter_ocs.ledger.journal import Action
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import CATALOGUE_TEXT, MB, Line, ask, money, octets, report

GB = 1000 * MB
PLAUSIBLE = {
    UnitType.OCTETS: 100 * GB,
    UnitType.SECONDS: 86_400,
    UnitType.EVENTS: 1000,
    UnitType.MONEY: 1 << 96,
}
PRICED = 'price = "0.02"\nper = "1 MB"'
BY_DAY = 'prices = [{from = "00:00", to = "12:00", price = "0.01"}, {from = "12:00", to = "00:00", price = "0.02"}]\n'


def unrated(line: Line) -> list[tuple[int, str]]:
    found = [each for entry in line.entries for each in entry.postings if each.action is Action.UNRATED]
    return [(each.units, each.mark) for each in found]


def used(group: int, **units: int) -> ServiceCredit:
    return ServiceCredit(group, (), ServiceUnits(), (ServiceUnits(**units),))


@pytest.mark.parametrize("text", [CATALOGUE_TEXT, CATALOGUE_TEXT.replace(PRICED, BY_DAY + 'per = "1 MB"', 1)])
@pytest.mark.parametrize("amount", [100 * GB + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_more_than_is_plausible_is_recorded_and_the_session_goes_on(text: str, amount: int):
    line = Line(money(1_000_000), text=text, plausible=PLAUSIBLE)
    line.initial(ask(10))
    (answer,) = line.update(1, report(10, amount)).outcome.credits
    assert (answer.verdict, answer.granted, answer.used) == (Verdict.SUCCESS, 10 * MB, 0)
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (1_000_000, 200_000)
    assert unrated(line) == [(amount, IMPLAUSIBLE)]
    line.terminate(2, report(10, amount, more=False))
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (1_000_000, 0)
    assert [quota.used_units for quota in line.sessions["s;1;1"].quotas] == [0]


def test_the_limit_itself_is_debited():
    line = Line(money(1_000_000), plausible=PLAUSIBLE)
    line.initial(ask(10))
    line.update(1, report(10, 100 * GB))
    assert line.bucket("money").remaining == 1_000_000 - 100_000 * 20_000
    assert unrated(line) == []


def test_without_a_limit_everything_is_debited():
    line = Line(octets(10 * MB))
    line.initial(ask(10))
    line.update(1, report(10, (1 << 64) - 1))
    assert line.bucket("data").remaining == 10 * MB - (1 << 64) + 1


def test_parts_of_one_report_count_together_and_groups_each_for_itself():
    line = Line(money(100_000_000), plausible=PLAUSIBLE)
    line.initial(ask(10), ask(20))
    half = ServiceUnits(octets=60 * GB)
    line.update(1, ServiceCredit(10, (), None, (half, half)), ServiceCredit(20, (), None, (half,)))
    assert unrated(line) == [(120 * GB, IMPLAUSIBLE)]


def test_seconds_have_a_limit_of_their_own():
    line = Line(money(100_000_000), plausible=PLAUSIBLE)
    line.initial(ask(60))
    line.update(1, used(60, seconds=86_401))
    line.update(2, used(60, seconds=86_400))
    assert unrated(line) == [(86_401, IMPLAUSIBLE)]
    assert line.bucket("money").remaining == 100_000_000 - 8640 * 10_000


def test_late_reports_and_second_reports_of_a_group_are_looked_at_too():
    line = Line(money(1_000_000), plausible=PLAUSIBLE)
    line.initial(ask(10))
    line.update(1, report(10, MB), report(10, 1 << 63))
    line.terminate(2)
    late = line.update(3, report(10, 1 << 62))
    assert late.outcome.verdict is Verdict.SESSION_UNKNOWN
    assert unrated(line) == [(1 << 63, IMPLAUSIBLE), (1 << 62, IMPLAUSIBLE)]
    assert line.bucket("money").remaining == 1_000_000 - 20_000


@pytest.mark.parametrize(
    ("units", "recorded"),
    [
        ({"seconds": 90}, 90),
        ({"events": 3}, 3),
        ({"seconds": 90, "events": 300}, 300),
        ({"money": 7, "seconds": 90}, 90),
        ({"octets": 0, "seconds": 90}, None),
        ({"seconds": 0}, None),
        ({}, None),
    ],
)
def test_units_of_another_type_are_recorded_where_there_are_no_others(units: dict[str, int], recorded: int | None):
    """Zero octets beside seconds is what an idle gateway reports."""
    line = Line(money(1_000_000))
    line.initial(ask(10))
    (answer,) = line.update(1, used(10, **units)).outcome.credits
    assert (answer.verdict, answer.granted) == (Verdict.SUCCESS, 10 * MB)
    assert unrated(line) == ([] if recorded is None else [(recorded, OTHER_UNIT)])
    assert line.bucket("money").remaining == 1_000_000


@given(st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=6))
def test_nothing_that_is_reported_gets_lost(amounts: list[int]):
    """Debited or recorded, octet by octet."""
    line = Line(octets(GB), plausible=PLAUSIBLE)
    line.initial(ask(10))
    for number, amount in enumerate(amounts, 1):
        line.update(number, report(10, amount))
    kept = [each for entry in line.entries for each in entry.postings]
    assert sum(each.units for each in kept if each.action in (Action.DEBIT, Action.UNRATED)) == sum(amounts)
    assert line.bucket("data").remaining == GB - sum(amount for amount in amounts if amount <= 100 * GB)
