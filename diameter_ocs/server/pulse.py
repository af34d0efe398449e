"""When did the event loop last look at its sockets? Octets that are read after a pause may be as old as the pause."""

import asyncio
from collections.abc import Callable

BEAT_SECONDS = 0.1
PAUSE_SECONDS = 0.5
"""Between two beats this long, the loop (or the whole machine) stood still."""
DOUBT_SECONDS = 0.5
"""After a pause, for what has piled up in the kernel meanwhile to be read."""


class Pulse:
    """Beats while the loop runs. Between `start` and `stop`; before and after it has no doubts."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = float("inf")
        self._pause = (0.0, 0.0)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._last = self._now()
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._last = float("inf")

    def arrival(self) -> float:
        """The earliest time at which octets that are read now can have come, monotonic seconds."""
        now = self._now()
        if now - self._last > PAUSE_SECONDS:
            self._pause = self._last, now
            self._last = now
        began, ended = self._pause
        return began if now - ended < DOUBT_SECONDS else now

    def _beat(self) -> None:
        self.arrival()
        self._last = self._now()
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)
