"""The schedule of an open loop: how many requests are due, and since when."""

from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.simulator.schedule import Schedule

RATES = st.integers(1, 100_000)
RAMPS = st.floats(0, 100)
DEVIATIONS = st.sampled_from((0.0, 0.2, 1.0))


@given(RATES, RAMPS, st.floats(0, 100), DEVIATIONS)
def test_every_request_that_is_due_has_had_its_moment(rate: int, ramp: float, elapsed: float, deviation: float) -> None:
    schedule = Schedule(rate, ramp, deviation)
    due = schedule.due(elapsed)
    assert due == 0 or schedule.moment(due - 1) <= elapsed + 1e-6
    assert schedule.moment(due + 1) >= elapsed - 1e-6


@given(st.integers(1000, 100_000), RAMPS, st.integers(0, 10**5), DEVIATIONS)
def test_moments_never_go_back(rate: int, ramp: float, number: int, deviation: float) -> None:
    schedule = Schedule(rate, ramp, deviation)
    assert 0 <= schedule.moment(number) <= schedule.moment(number + 1)


def test_half_of_the_rate_is_sent_during_the_ramp() -> None:
    schedule = Schedule(1000, 10.0)
    assert [schedule.due(seconds) for seconds in (0, 5, 10, 11)] == [0, 1250, 5000, 6000]


def test_a_lone_request_is_due_when_it_may_be_sent() -> None:
    schedule = Schedule(50, 0.0)
    assert [schedule.moment(number) for number in (0, 1, 49)] == [0.02, 0.04, 1.0]


def test_a_swaying_rate_keeps_its_mean_and_can_be_repeated() -> None:
    swaying, again = Schedule(1000, 0.0, 0.3, seed=7), Schedule(1000, 0.0, 0.3, seed=7)
    counts = [swaying.due(second + 1) - swaying.due(second) for second in range(200)]
    assert len(set(counts)) > 50
    assert abs(sum(counts) - 200_000) < 5_000
    assert swaying.moment(12_345) == again.moment(12_345)


def test_without_a_rate_everything_is_due() -> None:
    assert Schedule(None, 0.0).due(0.0) > 10**12
