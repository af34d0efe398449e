"""The housekeeping of a node: closes silent sessions, brings accounts up to date, forgets what is old.

Closing a session and advancing an account are commands like any other and take the engine's road; only
finding them and deleting closed rows are the store's own work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from msgspec import Struct

from diameter_ocs.charging.commands import ExpireSession
from diameter_ocs.charging.request import Outcome
from diameter_ocs.errors import StoreError
from diameter_ocs.recharge.commands import AdvanceAccount
from diameter_ocs.server.clock import Clock
from diameter_ocs.storage.protocol import SessionRef, StoreTotals
from diameter_ocs.values.verdict import Verdict

log = structlog.get_logger("ocs.sweeper")

CLOSED_TOGETHER = 256
"""Sessions looked for in one go: they are closed in one or two batches of the engine."""
ADVANCED_TOGETHER = 256
ROUNDS_PER_SWEEP = 40
"""Then the rest waits for the next sweep."""
FORGOTTEN_TOGETHER = 1_000
FORGOTTEN_PER_SWEEP = 50_000
LONGEST_PAUSE_SECONDS = 60.0
"""Between attempts while the store fails."""
TOTALS_SECONDS = 15.0
"""Between countings of what is stored."""


class SweptStore(Protocol):
    """What the sweeper asks of a store, see storage.protocol.Store."""

    async def due_sessions(self, at_ms: int, limit: int) -> Sequence[SessionRef]: ...

    async def due_accounts(self, at_ms: int, limit: int) -> Sequence[str]: ...

    async def forget_sessions(self, at_ms: int, limit: int) -> int: ...

    async def forget_kept(self, at_ms: int, limit: int) -> int: ...

    async def totals(self) -> StoreTotals: ...


class Swept(Struct, frozen=True):
    """What one sweep did. refused: due sessions and accounts the engine had no time for; they stay due.

    advanced: accounts on which something was due.
    """

    closed: int = 0
    refused: int = 0
    forgotten: int = 0
    advanced: int = 0


class Sweeper:
    """Counters and the loop around `sweep_once`.

    execute: the engine's door for commands. checkpoint: the store's own tidying, if it has any.
    """

    def __init__(
        self,
        store: SweptStore,
        execute: Callable[[ExpireSession | AdvanceAccount], Awaitable[Outcome]],
        clock: Clock,
        *,
        interval_seconds: float = 5.0,
        checkpoint: Callable[[], Awaitable[None]] | None = None,
        checkpoint_seconds: float = 10.0,
    ) -> None:
        self._store = store
        self._execute = execute
        self._clock = clock
        self._interval = interval_seconds
        self._checkpoint = checkpoint
        self._checkpoint_seconds = checkpoint_seconds
        self._checkpointed = clock.now()
        self._counted = float("-inf")
        self._failures_in_a_row = 0
        self.closed = 0
        self.forgotten = 0
        self.advanced = 0
        self.failures = 0
        self.last_run_ms = 0
        self.totals: StoreTotals | None = None

    async def run(self) -> None:
        """Sweep until cancelled. A store that fails is tried again after growing pauses."""
        while True:
            await self.sweep_safely()
            await asyncio.sleep(self.pause_seconds)

    async def sweep_safely(self) -> Swept | None:
        """One sweep; trouble is told once, and once more when it is over. None when it was cut short."""
        try:
            swept = await self.sweep_once()
        except StoreError as error:
            self._failed(str(error))
            return None
        except Exception:
            log.exception("sweep failed by a mistake of ours")
            self._failed("see the traceback above")
            return None
        if swept.refused:
            self._failed(f"the engine refused to close {swept.refused} sessions")
        elif self._failures_in_a_row:
            log.info("sweep works again", failed_sweeps=self._failures_in_a_row)
            self._failures_in_a_row = 0
        return swept

    def _failed(self, why: str) -> None:
        self.failures += 1
        self._failures_in_a_row += 1
        if self._failures_in_a_row == 1:
            log.error("sweep failed; silent sessions stay open until it works again", error=why)

    @property
    def pause_seconds(self) -> float:
        """Until the next sweep: the interval, doubled for every failure in a row."""
        doubled = self._interval * (1 << min(self._failures_in_a_row, 16))
        return min(doubled, max(self._interval, LONGEST_PAUSE_SECONDS))

    async def sweep_once(self) -> Swept:
        """Close what is due, forget what is old, tidy the store. Raises StoreError; what was done stays done."""
        at_ms = self._clock.at_ms()
        closed, refused = await self._close_due(at_ms)
        advanced, left = await self._advance_due(at_ms)
        forgotten = await self._forget(at_ms)
        await self._tidy()
        self.last_run_ms = self._clock.at_ms()
        if closed:
            log.info("silent sessions closed", closed=closed)
        return Swept(closed, refused + left, forgotten, advanced)

    async def _close_due(self, at_ms: int) -> tuple[int, int]:
        closed = 0
        for _ in range(ROUNDS_PER_SWEEP):
            due = await self._store.due_sessions(at_ms, CLOSED_TOGETHER)
            verdicts = await asyncio.gather(*map(self._close, due))
            done = verdicts.count(Verdict.SUCCESS)
            closed += done
            self.closed += done
            refused = sum(verdict not in DONE for verdict in verdicts)
            if refused or not done or len(due) < CLOSED_TOGETHER:
                return closed, refused
        return closed, 0

    async def _close(self, ref: SessionRef) -> Verdict:
        outcome = await self._execute(ExpireSession(account_id=ref.account_id, session_id=ref.session_id))
        return outcome.verdict

    async def _advance_due(self, at_ms: int) -> tuple[int, int]:
        """Accounts of which time wants something; how many are done, and how many have to wait."""
        advanced = 0
        for _ in range(ROUNDS_PER_SWEEP):
            due = await self._store.due_accounts(at_ms, ADVANCED_TOGETHER)
            outcomes = await asyncio.gather(*(self._execute(AdvanceAccount(account_id)) for account_id in due))
            refused = sum(outcome.verdict not in DONE for outcome in outcomes)
            done = len(due) - refused
            advanced += done
            self.advanced += done
            if refused or len(due) < ADVANCED_TOGETHER:
                return advanced, refused
        return advanced, 0

    async def _forget(self, at_ms: int) -> int:
        """Closed sessions and outcomes of events that nobody has to remember any more; how many sessions."""
        forgotten = 0
        while forgotten < FORGOTTEN_PER_SWEEP:
            deleted = await self._store.forget_sessions(at_ms, FORGOTTEN_TOGETHER)
            forgotten += deleted
            self.forgotten += deleted
            if deleted < FORGOTTEN_TOGETHER:
                break
        for _ in range(FORGOTTEN_PER_SWEEP // FORGOTTEN_TOGETHER):
            if await self._store.forget_kept(at_ms, FORGOTTEN_TOGETHER) < FORGOTTEN_TOGETHER:
                break
        return forgotten

    async def _tidy(self) -> None:
        now = self._clock.now()
        if self._checkpoint is not None and now - self._checkpointed >= self._checkpoint_seconds:
            self._checkpointed = now
            await self._checkpoint()
        if now - self._counted >= TOTALS_SECONDS:
            self._counted = now
            self.totals = await self._store.totals()


DONE = frozenset({Verdict.SUCCESS, Verdict.NOT_FOUND})
"""The session is closed, or its gateway spoke in the meantime and it is not due any more."""
