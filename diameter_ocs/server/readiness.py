"""May this node get traffic? One answer from several checks, cheap to ask for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

Check = Callable[[], Awaitable[str | None]]
"""Looks at one part of the node; the reason why it is not ready, or None."""


class Readiness:
    """May this node get traffic? Asks its checks at most once a second, so that asking costs nothing."""

    KEPT_SECONDS = 1.0
    CHECK_SECONDS = 2.0

    def __init__(self, checks: Mapping[str, Check], now: Callable[[], float]) -> None:
        self._checks = dict(checks)
        self._now = now
        self._kept: tuple[float, list[str]] | None = None
        self._asking = asyncio.Lock()
        self.is_draining = False

    async def reasons(self) -> list[str]:
        """Why not, one line for each part that is not ready; empty when all are."""
        if self.is_draining:
            return ["draining: the node is about to stop"]
        async with self._asking:
            if self._kept is None or self._now() - self._kept[0] >= self.KEPT_SECONDS:
                answers = await asyncio.gather(*(self._ask(name) for name in self._checks))
                self._kept = self._now(), [answer for answer in answers if answer]
        return self._kept[1]

    async def _ask(self, name: str) -> str | None:
        try:
            async with asyncio.timeout(self.CHECK_SECONDS):
                reason = await self._checks[name]()
        except TimeoutError:
            reason = f"no answer within {self.CHECK_SECONDS:g} s"
        except Exception as error:
            reason = str(error) or type(error).__name__
        return f"{name}: {reason}" if reason else None
