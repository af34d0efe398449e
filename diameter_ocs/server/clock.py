"""The only module that reads time. Everything else gets it as an argument."""

import time


class Clock:
    """Two clocks that are never mixed. Tests put their own in its place."""

    def now(self) -> float:
        """Monotonic seconds from an arbitrary start: for timers, deadlines and latencies."""
        return time.monotonic()

    def at_ms(self) -> int:
        """Milliseconds since 1970 UTC: for money, expiry and the journal."""
        return time.time_ns() // 1_000_000
