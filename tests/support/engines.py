"""Engines on stores that behave, and on stores that do not."""

import asyncio
from collections.abc import Sequence

from diameter_ocs.charging.request import Outcome
from diameter_ocs.engine.commands import Command
from diameter_ocs.engine.engine import Engine, EngineSettings
from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.recharge.commands import NewSubscriber, OpenAccount
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.storage.protocol import AccountWrite, Loaded, Store, Wanted
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, terms


class ManualClock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def at_ms(self) -> int:
        return AT_MS + int((self.seconds - 1000.0) * 1000)


class GatedStore(MemoryStore):
    """A store whose commits wait at a gate, and fail when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.commits: list[int] = []
        self.fail_commits = 0
        self.fail_loads = 0
        self.waiting = asyncio.Event()

    async def commit(self, writes: Sequence[AccountWrite]) -> frozenset[str]:
        self.waiting.set()
        await self.gate.wait()
        if self.fail_commits:
            self.fail_commits -= 1
            raise StoreUnavailable("disk is full")
        self.commits.append(len(writes))
        return await super().commit(writes)

    async def load(self, wanted: Wanted) -> Loaded:
        if self.fail_loads:
            self.fail_loads -= 1
            raise StoreUnavailable("no answer")
        await asyncio.sleep(0)
        return await super().load(wanted)


class Counts:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.failed = 0
        self.again = 0
        self.refusals: dict[str, int] = {}

    def batch_committed(self, commands: int, accounts: int, seconds: float) -> None:
        self.batches.append(commands)

    def journaled(self, entry: Entry) -> None: ...

    def commit_failed(self, commands: int, error: Exception) -> None:
        self.failed += commands

    def accounts_loaded(self, accounts: int, seconds: float) -> None: ...

    def decided_again(self, commands: int) -> None:
        self.again += commands

    def refused(self, commands: int, reason: str) -> None:
        self.refusals[reason] = self.refusals.get(reason, 0) + commands


def msisdn(number: int) -> Identity:
    return Identity(IdentityKind.E164, f"999{number:08d}")


def engine_on(store: Store, clock: ManualClock | None = None, counts: Counts | None = None, **settings: int) -> Engine:
    return Engine(store, terms(), clock or ManualClock(), EngineSettings(**settings), counts)


async def open_account(engine: Engine, number: int, *buckets: Bucket, offer: str = "standard") -> str:
    account_id = f"acc-{number}"
    new = NewSubscriber(f"sub-{number}", (msisdn(number),), offer)
    outcome = await engine.execute(OpenAccount(account_id, "EUR", buckets=buckets, subscribers=(new,)))
    assert outcome.verdict is Verdict.SUCCESS, outcome.detail
    return account_id


def collect(engine: Engine, commands: Sequence[Command], deadline: float = float("inf")) -> list[Outcome]:
    """Submit all at once; the list fills as answers come."""
    outcomes: list[Outcome] = []
    for command in commands:
        engine.submit(command, outcomes.append, deadline)
    return outcomes


async def until(condition, seconds: float = 10.0) -> None:
    """Let the loop run until something is true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)
