"""Percentiles of the histogram against sorted lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.simulator.histogram import LARGEST, SUB_COUNT, Histogram, bucket_of, highest_of

VALUES = st.one_of(st.integers(0, 2000), st.integers(0, 10**7), st.integers(0, 2 * LARGEST))
RANKS = [1, 50_000, 90_000, 99_000, 99_900, 100_000]


def exact(values: list[int], rank: int) -> int:
    return sorted(values)[max(0, -(-len(values) * rank // 100_000) - 1)]


@given(st.lists(VALUES, min_size=1, max_size=200), st.sampled_from(RANKS))
def test_percentiles_are_within_one_per_cent_of_the_sorted_list(values: list[int], rank: int) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    true, shown = exact(values, rank), histogram.percentile(rank)
    if true >= LARGEST:
        assert shown >= LARGEST
    else:
        assert true <= shown <= true + true * 2 // SUB_COUNT


@given(st.integers(0, LARGEST))
def test_every_value_lies_in_the_bucket_that_ends_at_or_above_it(value: int) -> None:
    bucket = bucket_of(value)
    assert highest_of(bucket) >= value
    assert bucket == 0 or highest_of(bucket - 1) < value


@given(st.lists(VALUES), st.lists(VALUES))
def test_two_histograms_added_are_one_of_all_values(some: list[int], others: list[int]) -> None:
    one, other, both = Histogram(), Histogram(), Histogram()
    for value in some:
        one.record(value)
        both.record(value)
    for value in others:
        other.record(value)
        both.record(value)
    one.add(other)
    assert (one.counts, one.total, one.largest) == (both.counts, both.total, both.largest)


def test_the_summary_names_what_people_ask_for() -> None:
    histogram = Histogram()
    for value in range(1, 101):
        histogram.record(value)
    assert histogram.summary() == {"p50": 50, "p90": 90, "p99": 99, "p99.9": 100, "max": 100}


@pytest.mark.parametrize("rank", RANKS)
def test_an_empty_histogram_has_only_zeros(rank: int) -> None:
    assert Histogram().percentile(rank) == 0
