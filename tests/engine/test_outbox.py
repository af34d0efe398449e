"""Requests to gateways on the one road: written with their cause, for every open session, told when on disk."""

from collections.abc import Container

import pytest
from msgspec import structs

from diameter_ocs.charging.commands import AbortSession, AskGateway
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.charging.request import RequestType
from diameter_ocs.ledger.account import Status
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.recharge.commands import Credit, SetAccountStatus
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import MB, ask, octets, report, request
from tests.support.engines import GatedStore, collect, engine_on, msisdn, open_account, until


class Listener:
    """Remembers what the engine tells who delivers."""

    def __init__(self, *awaited: str) -> None:
        self.awaited: Container[str] = awaited
        self.entries: list[str] = []
        self.writes = 0

    def came(self, entry: Entry) -> None:
        self.entries.append(entry.kind)

    def written(self) -> None:
        self.writes += 1


@pytest.fixture
async def store():
    made = GatedStore()
    await made.open()
    yield made
    await made.close()


def ccr(kind, number, *asked, session):
    made = request(kind, number, *asked, session_id=f"s;{session}")
    return structs.replace(made, identities=(msisdn(1),))


async def dry_sessions(store, count=3):
    """Sessions of one account without credit, in a store that no engine has in memory."""
    engine = engine_on(store)
    await engine.start()
    await open_account(engine, 1, octets(500 * MB, rating_groups=(20,)))
    for session in range(count):
        await engine.execute(ccr(RequestType.INITIAL, 0, ask(10), ask(20), session=session))
    await engine.stop()


@pytest.fixture
async def engine(store):
    await dry_sessions(store)
    made = engine_on(store)
    await made.start()
    yield made
    await made.stop()
    assert (await audit_store(store)).is_clean


async def pending(store):
    return {row.session_id for row in await store.pending_requests(100)}


async def test_every_open_session_is_looked_at_although_none_is_in_memory(engine, store):
    engine.outbox = Listener()
    assert (await engine.execute(Credit("acc-1", octets(MB, "more")))).verdict is Verdict.SUCCESS
    assert await pending(store) == {"s;0", "s;1", "s;2"}
    assert engine.outbox.writes == 1


async def test_sessions_partly_in_memory(engine, store):
    await engine.execute(ccr(RequestType.TERMINATION, 1, report(20, MB, more=False), session=0))
    await engine.execute(ccr(RequestType.UPDATE, 1, report(20, MB), session=1))
    await engine.execute(SetAccountStatus("acc-1", Status.BLOCKED))
    assert await pending(store) == {"s;1", "s;2"}


async def test_a_session_opened_in_the_same_batch_counts(engine, store):
    commands = [
        ccr(RequestType.INITIAL, 0, ask(10), ask(20), session=3),
        ccr(RequestType.TERMINATION, 1, session=0),
        Credit("acc-1", octets(MB, "more")),
    ]
    outcomes = collect(engine, commands)
    await until(lambda: len(outcomes) == 3)
    assert await pending(store) == {"s;1", "s;2", "s;3"}


async def test_nothing_is_asked_because_of_a_change_that_was_not_written(engine, store):
    engine.outbox = Listener()
    store.fail_commits = 1
    assert (await engine.execute(Credit("acc-1", octets(MB, "more")))).verdict is Verdict.STORE_UNAVAILABLE
    assert (await pending(store), engine.outbox.writes) == (set(), 0)
    await engine.execute(Credit("acc-1", octets(MB, "more")))
    assert len(await pending(store)) == 3


async def test_another_engine_changed_the_sessions_meanwhile(engine, store):
    """Decided on a state that is gone: decided again, with the sessions that are open now."""
    await engine.execute(ccr(RequestType.UPDATE, 1, report(20, MB), session=0))
    beside = engine_on(store)
    await beside.start()
    await beside.execute(ccr(RequestType.TERMINATION, 2, session=0))
    await beside.execute(ccr(RequestType.INITIAL, 0, ask(10), session=7))
    await beside.stop()
    await engine.execute(Credit("acc-1", octets(MB, "more")))
    assert await pending(store) == {"s;1", "s;2", "s;7"}


async def test_entries_of_awaited_sessions_are_told_when_they_are_on_disk(engine, store):
    engine.outbox = Listener("s;1")
    store.gate.clear()
    outcomes = collect(
        engine, [ccr(RequestType.UPDATE, 1, report(20, MB), session=0), ccr(RequestType.UPDATE, 1, session=1)]
    )
    await store.waiting.wait()
    assert engine.outbox.entries == []
    store.gate.set()
    await until(lambda: len(outcomes) == 2)
    assert engine.outbox.entries == ["ccr_update"]


async def test_commands_on_sessions_that_are_not_in_memory(engine, store):
    asked = await engine.execute(AskGateway("acc-1", "s;2", RequestKind.ABORT, reason="fraud"))
    assert asked.verdict is Verdict.SUCCESS
    (row,) = await store.session_requests("s;2")
    assert (row.kind, row.cause) == (RequestKind.ABORT, "fraud")
    assert (await engine.execute(AbortSession("acc-1", "s;1", "gone"))).verdict is Verdict.SUCCESS
    assert (await engine.execute(AbortSession("acc-1", "s;1", "gone"))).verdict is Verdict.NOT_FOUND
    for command in (AskGateway("acc-1", "s;9", RequestKind.ABORT), AbortSession("ghost", "s;0", "gone")):
        assert (await engine.execute(command)).verdict is Verdict.NOT_FOUND
