"""When requests are due in an open loop: a ramp up to the rate, then the rate, steady or swaying about it."""

import random
from bisect import bisect_right
from math import sqrt

SLOT_SECONDS = 0.1
"""How long one pace lasts when the rate sways."""
SLOWEST_PACE = 0.05


class Schedule:
    """The n-th request, counted from zero, is due at `moment(n)` seconds after the start.

    rate: requests per second, None for no schedule. deviation: standard deviation of the rate from tenth
    to tenth of a second, as a part of it; its mean stays the rate. The same seed gives the same schedule.
    """

    def __init__(self, rate: int | None, ramp_seconds: float, deviation: float = 0.0, seed: int = 0) -> None:
        self.rate = rate
        self.ramp = ramp_seconds
        self.in_ramp = (rate or 0) * ramp_seconds / 2
        self._deviation = deviation
        self._chance = random.Random(seed)  # noqa: S311
        self._paces: list[float] = []
        self._worked = [0.0]
        """Seconds of steady work done at the start of each slot."""

    def due(self, elapsed: float) -> int:
        """How many requests should have been sent by now."""
        if self.rate is None:
            return 1 << 62
        work = self._work_at(elapsed)
        if work < self.ramp:
            return int(self.rate * work * work / (2 * self.ramp))
        return int(self.in_ramp + self.rate * (work - self.ramp))

    def moment(self, number: int) -> float:
        """When `due` has grown to include request `number`."""
        assert self.rate is not None
        count = number + 1
        if count < self.in_ramp:
            return self._time_of(sqrt(2 * self.ramp * count / self.rate))
        return self._time_of(self.ramp + (count - self.in_ramp) / self.rate)

    def _work_at(self, elapsed: float) -> float:
        if not self._deviation:
            return elapsed
        slot = int(elapsed / SLOT_SECONDS)
        while len(self._paces) <= slot:
            self._next_slot()
        return self._worked[slot] + self._paces[slot] * (elapsed - slot * SLOT_SECONDS)

    def _time_of(self, work: float) -> float:
        if not self._deviation:
            return work
        while self._worked[-1] <= work:
            self._next_slot()
        slot = bisect_right(self._worked, work) - 1
        return slot * SLOT_SECONDS + (work - self._worked[slot]) / self._paces[slot]

    def _next_slot(self) -> None:
        pace = max(SLOWEST_PACE, self._chance.gauss(1.0, self._deviation))
        self._paces.append(pace)
        self._worked.append(self._worked[-1] + pace * SLOT_SECONDS)
