"""Grants that end where somebody has to be told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.request import ServiceUnits
from diameter_ocs.charging.sizing import until_level
from tests.support.charging import AT_MS, CATALOGUE_TEXT, MB, Line, ask, money, octets, report

LEVELS = CATALOGUE_TEXT.replace("[quota.standard]", '[quota.standard]\nnotice_levels = ["4 MB", "20 MB"]')
OF_CAP = CATALOGUE_TEXT.replace("[quota.standard]", '[quota.standard]\nsession_cap = "40 MB"\nnotice_levels = ["20 %"]')


def sizes(line):
    """Grants of a session that uses up each one, with their thresholds."""
    found, number = [], 0
    answers = line.initial(ask()).outcome.credits
    while answers and answers[0].granted:
        units, threshold = answers[0].granted, answers[0].threshold or 0
        found.append((units / MB, threshold / MB))
        number += 1
        answers = line.update(number, report(used=units)).outcome.credits
    return found


def test_grants_end_at_each_level_without_a_threshold():
    line = Line(octets(37 * MB), offer="bundle", text=LEVELS)
    assert sizes(line) == [(10, 2), (7, 0), (10, 2), (6, 0), (4, 0)]


def test_money_counts_as_what_it_pays_for():
    line = Line(money(500_000), text=LEVELS)
    assert sizes(line) == [(5, 0), (10, 2), (6, 0), (4, 0)]


def test_a_part_of_a_cap():
    line = Line(money(100_000_000), text=OF_CAP)
    assert sizes(line) == [(10, 2), (10, 2), (10, 2), (2, 0), (8, 0)]


def test_a_level_is_passed_rather_than_granting_less_than_the_minimum():
    line = Line(octets(20 * MB + 10), offer="bundle", text=LEVELS)
    assert line.initial(ask()).outcome.credits[0].granted == MB


def test_explained():
    line = Line(octets(26 * MB), offer="bundle", text=LEVELS)
    offer = line.terms.catalogue.offers["bundle"]
    found = explain_grant(line.account, line.subscriber, offer, 10, (), ServiceUnits(), AT_MS)
    assert [(step.rule, step.units) for step in found.steps] == [
        ("default", 10 * MB),
        ("up to the notice level 20 MB", 6 * MB),
    ]


@pytest.mark.parametrize(
    ("remaining", "units", "expected"), [(100, 10, 10), (55, 10, 5), (50, 10, 10), (51, 10, 2), (60, 45, 10), (9, 9, 9)]
)
def test_the_next_level_decides(remaining, units, expected):
    assert until_level((50, 20), remaining, units, 2) == expected


@given(
    st.lists(st.integers(1, 100), max_size=4).map(lambda found: tuple(sorted(set(found), reverse=True))),
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 20),
)
def test_no_level_is_passed_by_more_than_the_minimum(levels, remaining, units, least):
    units = min(units, remaining)
    size = until_level(levels, remaining, units, least)
    assert min(units, 1) <= size <= units
    assert all(size <= least or remaining - size >= level for level in levels if level < remaining)
