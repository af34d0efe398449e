"""The sweeper closes what is due through the engine, forgets what is old, and outlives a failing store."""

import asyncio

import pytest
from structlog.testing import capture_logs

from diameter_ocs.charging.commands import ExpireSession
from diameter_ocs.charging.request import Outcome
from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.recharge.commands import AdvanceAccount
from diameter_ocs.server.sweeper import ADVANCED_TOGETHER, CLOSED_TOGETHER, LONGEST_PAUSE_SECONDS, Sweeper, Swept
from diameter_ocs.storage.protocol import SessionRef, StoreTotals
from diameter_ocs.values.verdict import Verdict


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def at_ms(self) -> int:
        return int(self.seconds * 1000)


class Store:
    """Sessions with the time they are due; those expired leave the list, as in a real store."""

    def __init__(self) -> None:
        self.due: dict[str, int] = {}
        self.late: dict[str, int] = {}
        self.old = 0
        self.old_events = 0
        self.fails = False
        self.countings = 0
        self.swept_clean = asyncio.Event()

    async def due_sessions(self, at_ms: int, limit: int) -> list[SessionRef]:
        if self.fails:
            raise StoreUnavailable("database is locked")
        return [SessionRef(f"acc-{name}", name) for name, due in self.due.items() if due <= at_ms][:limit]

    async def due_accounts(self, at_ms: int, limit: int) -> list[str]:
        return [account_id for account_id, due in self.late.items() if due <= at_ms][:limit]

    async def forget_sessions(self, at_ms: int, limit: int) -> int:
        if not self.due:
            self.swept_clean.set()
        deleted = min(self.old, limit)
        self.old -= deleted
        return deleted

    async def forget_kept(self, at_ms: int, limit: int) -> int:
        deleted = min(self.old_events, limit)
        self.old_events -= deleted
        return deleted

    async def totals(self) -> StoreTotals:
        self.countings += 1
        return StoreTotals(1, 1, len(self.due), 1)


class House:
    """A sweeper with everything around it replaced."""

    def __init__(self, **settings: object) -> None:
        self.store, self.clock = Store(), Clock()
        self.executed: list[ExpireSession | AdvanceAccount] = []
        self.verdict = Verdict.SUCCESS
        self.sweeper = Sweeper(self.store, self.execute, self.clock, **{"interval_seconds": 5} | settings)

    async def execute(self, command: ExpireSession | AdvanceAccount) -> Outcome:
        self.executed.append(command)
        if self.verdict is Verdict.SUCCESS and isinstance(command, AdvanceAccount):
            del self.store.late[command.account_id]
        elif self.verdict is Verdict.SUCCESS:
            del self.store.due[command.session_id]
        return Outcome(self.verdict)


async def test_due_sessions_are_closed_by_the_engine():
    house = House()
    house.store.due = {"pgw;1": 0, "pgw;2": 0, "pgw;3": 60_000}
    assert await house.sweeper.sweep_once() == Swept(closed=2)
    assert house.executed == [ExpireSession("acc-pgw;1", "pgw;1"), ExpireSession("acc-pgw;2", "pgw;2")]
    house.clock.seconds = 60
    assert await house.sweeper.sweep_once() == Swept(closed=1)
    assert house.sweeper.closed == 3
    assert house.sweeper.last_run_ms == 60_000


async def test_many_due_sessions_are_closed_in_one_sweep():
    house = House()
    house.store.due = {f"pgw;{number}": 0 for number in range(3 * CLOSED_TOGETHER + 7)}
    assert (await house.sweeper.sweep_once()).closed == 3 * CLOSED_TOGETHER + 7
    assert house.store.due == {}


async def test_accounts_of_which_time_wants_something_are_advanced_by_the_engine():
    house = House()
    house.store.late = {f"acc-{number}": 0 for number in range(ADVANCED_TOGETHER + 1)} | {"acc-later": 60_000}
    assert await house.sweeper.sweep_once() == Swept(advanced=ADVANCED_TOGETHER + 1)
    assert house.executed[0] == AdvanceAccount("acc-0")
    assert house.store.late == {"acc-later": 60_000}


async def test_accounts_the_engine_has_no_time_for_stay_due():
    house = House()
    house.verdict = Verdict.TOO_BUSY
    house.store.late = {f"acc-{number}": 0 for number in range(ADVANCED_TOGETHER)}
    assert await house.sweeper.sweep_once() == Swept(refused=ADVANCED_TOGETHER)
    assert len(house.executed) == ADVANCED_TOGETHER


@pytest.mark.parametrize("verdict", [Verdict.NOT_FOUND, Verdict.TOO_BUSY, Verdict.STORE_UNAVAILABLE])
async def test_sessions_that_cannot_be_closed_do_not_hold_the_sweep(verdict):
    house = House()
    house.verdict = verdict
    house.store.due = {f"pgw;{number}": 0 for number in range(CLOSED_TOGETHER)}
    house.store.old = 3
    swept = await house.sweeper.sweep_once()
    assert swept.closed == 0
    assert swept.refused == (0 if verdict is Verdict.NOT_FOUND else CLOSED_TOGETHER)
    assert swept.forgotten == 3
    assert len(house.executed) == CLOSED_TOGETHER


async def test_old_sessions_are_forgotten_page_by_page():
    house = House()
    house.store.old = 2500
    assert (await house.sweeper.sweep_once()).forgotten == 2500
    assert house.sweeper.forgotten == 2500


async def test_the_store_tidies_up_at_its_own_pace():
    checkpoints = []

    async def checkpoint() -> None:
        checkpoints.append(house.clock.seconds)

    house = House(checkpoint=checkpoint, checkpoint_seconds=10)
    for seconds in (0, 5, 10, 15, 21):
        house.clock.seconds = seconds
        await house.sweeper.sweep_once()
    assert checkpoints == [10, 21]


async def test_totals_are_counted_now_and_then():
    house = House()
    for seconds in (0, 5, 10, 15):
        house.clock.seconds = seconds
        await house.sweeper.sweep_once()
    assert house.store.countings == 2
    assert house.sweeper.totals == StoreTotals(1, 1, 0, 1)


async def test_a_failing_store_is_told_once_and_tried_less_often():
    house = House()
    house.store.due = {"pgw;1": 0}
    house.store.fails = True
    with capture_logs() as logs:
        pauses = []
        for _ in range(8):
            assert await house.sweeper.sweep_safely() is None
            pauses.append(house.sweeper.pause_seconds)
        house.store.fails = False
        assert await house.sweeper.sweep_safely() == Swept(closed=1)
    assert pauses == [10, 20, 40, 60, 60, 60, 60, 60]
    assert max(pauses) == LONGEST_PAUSE_SECONDS
    assert house.sweeper.pause_seconds == 5
    assert house.sweeper.failures == 8
    errors = [line for line in logs if line["log_level"] == "error"]
    assert len(errors) == 1
    assert "locked" in errors[0]["error"]
    assert logs[-1]["event"] == "sweep works again"


async def test_an_engine_that_refuses_counts_as_trouble():
    house = House()
    house.store.due = {"pgw;1": 0}
    house.verdict = Verdict.TOO_BUSY
    assert await house.sweeper.sweep_safely() == Swept(refused=1)
    assert house.sweeper.failures == 1
    assert house.sweeper.pause_seconds == 10


async def test_a_mistake_of_ours_does_not_end_housekeeping():
    async def checkpoint() -> None:
        raise ValueError("a bug")

    house = House(checkpoint=checkpoint, checkpoint_seconds=0)
    with capture_logs() as logs:
        assert await house.sweeper.sweep_safely() is None
    assert house.sweeper.failures == 1
    assert logs[0]["exc_info"] is True


async def test_the_loop_sweeps_until_it_is_cancelled():
    house = House(interval_seconds=0)
    task = asyncio.create_task(house.sweeper.run())
    async with asyncio.timeout(5):
        for name in ("pgw;1", "pgw;2"):
            house.store.swept_clean.clear()
            house.store.due[name] = 0
            await house.store.swept_clean.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert house.sweeper.closed == 2
