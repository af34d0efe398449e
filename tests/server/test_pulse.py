"""What is known of the arrival of octets, when the loop went on and when it stood still."""

import pytest

from diameter_ocs.server.pulse import BEAT_SECONDS, DOUBT_SECONDS, PAUSE_SECONDS, Pulse


class Now:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def now():
    return Now()


@pytest.fixture
async def pulse(now):
    made = Pulse(now)
    made.start()
    yield made
    made.stop()


async def test_in_a_running_loop_octets_come_when_they_are_read(pulse, now):
    now.seconds += BEAT_SECONDS
    assert pulse.arrival() == now.seconds


async def test_after_a_pause_octets_may_be_as_old_as_the_pause(pulse, now):
    began = now.seconds
    now.seconds += 9.0
    assert pulse.arrival() == began
    now.seconds += DOUBT_SECONDS / 2
    assert pulse.arrival() == began


async def test_the_doubt_ends(pulse, now):
    now.seconds += 9.0
    pulse.arrival()
    now.seconds += min(DOUBT_SECONDS, PAUSE_SECONDS)
    assert pulse.arrival() == now.seconds


async def test_nothing_is_doubted_before_the_start_and_after_the_stop(now):
    pulse = Pulse(now)
    now.seconds += 9.0
    assert pulse.arrival() == now.seconds
    pulse.start()
    pulse.stop()
    now.seconds += 9.0
    assert pulse.arrival() == now.seconds
