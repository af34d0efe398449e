"""The schedule of an open loop: how many requests are due, and since when."""

from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.simulator.load_report import Schedule

RATES = st.integers(1, 100_000)
RAMPS = st.floats(0, 100)


@given(RATES, RAMPS, st.floats(0, 1000))
def test_every_request_that_is_due_has_had_its_moment(rate: int, ramp: float, elapsed: float) -> None:
    schedule = Schedule(rate, ramp)
    due = schedule.due(elapsed)
    assert due == 0 or schedule.moment(due - 1) <= elapsed + 1e-6
    assert schedule.moment(due + 1) >= elapsed - 1e-6


@given(RATES, RAMPS, st.integers(0, 10**6))
def test_moments_never_go_back(rate: int, ramp: float, number: int) -> None:
    schedule = Schedule(rate, ramp)
    assert 0 <= schedule.moment(number) <= schedule.moment(number + 1)


def test_half_of_the_rate_is_sent_during_the_ramp() -> None:
    schedule = Schedule(1000, 10.0)
    assert [schedule.due(seconds) for seconds in (0, 5, 10, 11)] == [0, 1250, 5000, 6000]


def test_without_a_rate_everything_is_due() -> None:
    assert Schedule(None, 0.0).due(0.0) > 10**12
