"""Timers of the shell: the clock that is read and the calls that come later. Tests put their own in its place."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from diameter_ocs.server.clock import Clock
from diameter_ocs.server.pulse import Pulse


class TimerHandle(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None: ...


class Timers(Protocol):
    """now: monotonic seconds. at_ms: milliseconds since 1970 UTC.

    arrival: when octets that are read now have come, at the earliest, monotonic seconds.
    """

    def now(self) -> float: ...

    def arrival(self) -> float: ...

    def at_ms(self) -> int: ...

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> TimerHandle: ...


class LoopTimers:
    """Timers of the running event loop."""

    def __init__(self, clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = clock.now
        self.at_ms = clock.at_ms
        self.pulse = Pulse(clock.now)
        self.arrival = self.pulse.arrival

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """May come a little early where the loop counts in whole milliseconds: the callee looks at the clock."""
        return self._loop.call_later(delay_seconds, callback)
