"""Time that only passes when a test says so."""

from collections.abc import Callable


class ManualTimer:
    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualTimers:
    """Timers of the server shell under the hand of a test."""

    def __init__(self) -> None:
        self._now = 1_000.0
        self._timers: list[ManualTimer] = []

    def now(self) -> float:
        return self._now

    def arrival(self) -> float:
        return self._now

    def at_ms(self) -> int:
        return 1_700_000_000_000 + int(self._now * 1000)

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(self._now + delay_seconds, callback)
        self._timers.append(timer)
        return timer

    @property
    def pending(self) -> list[ManualTimer]:
        return [timer for timer in self._timers if not timer.cancelled]

    def advance(self, seconds: float) -> None:
        """Let time pass; what falls due is called in its order, at its time."""
        until = self._now + seconds
        while due := sorted((timer for timer in self.pending if timer.due <= until), key=lambda timer: timer.due):
            timer = due[0]
            self._timers.remove(timer)
            self._now = max(self._now, timer.due)
            timer.callback()
        self._now = until
