"""Events on the engine's road: decided once, whatever the store does, and remembered where sessions are not."""

import asyncio

import pytest
from msgspec import structs

from diameter_ocs.charging.decide import Terms
from diameter_ocs.charging.decision import Kept
from diameter_ocs.charging.event import Action, EventRequest
from diameter_ocs.charging.request import RequestType
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.engine.cache import AccountCache, Holding
from diameter_ocs.engine.engine import Engine, EngineSettings
from diameter_ocs.ledger.account import Account
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.events import event_entries
from diameter_ocs.storage.protocol import VersionedAccount
from diameter_ocs.values.verdict import Verdict
from tests.support.catalogue import TEXT
from tests.support.charging import ask, money, request
from tests.support.engines import GatedStore, ManualClock, collect, msisdn, open_account, until
from tests.support.events import messages
from tests.support.stores import outcome


def event(number=1, *asked, account=1, action=Action.DIRECT_DEBITING, fingerprint=5):
    return EventRequest(
        f"e;{number}",
        0,
        action,
        fingerprint,
        "32274@3gpp.org",
        "smsc",
        "realm",
        (msisdn(account),),
        asked or (messages(1),),
        "sms",
    )


@pytest.fixture
async def store():
    made = GatedStore()
    await made.open()
    yield made
    await made.close()


async def started(store, **settings):
    made = Engine(
        store, Terms(parse_catalogue(TEXT, "test"), ChargingRules()), ManualClock(), EngineSettings(**settings)
    )
    await made.start()
    return made


async def balance(store, account=1):
    loaded = await store.snapshot(f"acc-{account}")
    return loaded[0].account.buckets[0].remaining


async def test_a_repeat_while_the_first_is_being_written(store):
    engine = await started(store)
    await open_account(engine, 1, money(1_000_000))
    store.gate.clear()
    outcomes = collect(engine, [event()])
    await until(lambda: store.waiting.is_set())
    outcomes_of_repeats = collect(engine, [event()] * 40)
    await asyncio.sleep(0)
    assert outcomes == outcomes_of_repeats == []
    store.gate.set()
    await until(lambda: len(outcomes_of_repeats) == 40)
    assert {each.repeated for each in outcomes_of_repeats} == {True}
    assert {each.event for each in (*outcomes, *outcomes_of_repeats)} == {outcomes[0].event}
    assert await balance(store) == 930_000
    await engine.stop()
    assert (await audit_store(store)).is_clean


async def test_a_failed_commit_leaves_nothing_behind(store):
    """The event is refused; the same event is charged once when the store works again."""
    engine = await started(store)
    await open_account(engine, 1, money(1_000_000))
    store.fail_commits = 1
    assert (await engine.execute(event())).verdict is Verdict.STORE_UNAVAILABLE
    assert await balance(store) == 1_000_000
    done = await engine.execute(event())
    assert (done.verdict, done.repeated) == (Verdict.SUCCESS, False)
    assert (await engine.execute(event())).repeated
    assert await balance(store) == 930_000
    await engine.stop()


async def test_a_store_that_cannot_say_whether_it_is_a_repeat(store):
    engine = await started(store)
    await open_account(engine, 1, money(1_000_000))
    store.fail_loads = 1
    assert (await engine.execute(event())).verdict is Verdict.STORE_UNAVAILABLE
    assert (await engine.execute(event())).verdict is Verdict.SUCCESS
    await engine.stop()


async def test_events_survive_a_cache_that_forgets_at_once(store):
    """One account in memory: every repeat and refund comes from the store."""
    engine = await started(store, cache_accounts=1)
    engine.cache = AccountCache(1, 0)
    for number in range(1, 5):
        await open_account(engine, number, money(1_000_000))
    first = {number: await engine.execute(event(account=number)) for number in range(1, 5)}
    for number in range(1, 5):
        assert await balance(store, number) == 930_000
        again = await engine.execute(event(account=number))
        assert (again.repeated, again.event) == (True, first[number].event)
    for number in range(1, 5):
        back = event(
            2, messages(refund=first[number].event.references[0]), account=number, action=Action.REFUND_ACCOUNT
        )
        for _ in range(2):
            assert (await engine.execute(back)).verdict is Verdict.SUCCESS
        assert await balance(store, number) == 1_000_000
    await engine.stop()
    assert (await audit_store(store)).is_clean


async def test_a_restart(store):
    engine = await started(store)
    await open_account(engine, 1, money(1_000_000))
    first = await engine.execute(event())
    await engine.stop()
    engine = await started(store)
    again = await engine.execute(event())
    assert (again.repeated, again.event, await balance(store)) == (True, first.event, 930_000)
    contradiction = await engine.execute(event(fingerprint=6))
    assert contradiction.verdict is Verdict.REPEAT_CONTRADICTS
    await engine.stop()


async def test_events_between_requests_of_a_session(store):
    """One account, one order: a batch holds both."""
    engine = await started(store)
    await open_account(engine, 1, money(1_000_000))
    opened = structs.replace(request(RequestType.INITIAL, 0, ask(10)), identities=(msisdn(1),))
    outcomes = collect(engine, [event(1), opened, event(2), event(1), event(3)])
    await until(lambda: len(outcomes) == 5)
    assert [each.verdict for each in outcomes] == [Verdict.SUCCESS] * 5
    assert await balance(store) == 1_000_000 - 3 * 70_000
    await engine.stop()
    assert (await audit_store(store)).is_clean
    assert [entry.kind for entry in await event_entries(store, "e;2")] == ["event_debit"]
    assert await event_entries(store, "never") == []


async def test_asking_changes_nothing(store):
    engine = await started(store)
    await open_account(engine, 1, money(1_000_000))
    for action in (Action.CHECK_BALANCE, Action.PRICE_ENQUIRY):
        assert (await engine.execute(event(action=action))).verdict is Verdict.SUCCESS
    known = await store.snapshot("acc-1")
    assert (known[0].version, known[0].account.last_seq) == (1, 1)
    nobody = event(account=9, action=Action.PRICE_ENQUIRY)
    assert (await engine.execute(nobody)).event.cost_micros == 70_000
    assert (await engine.execute(event(account=9))).verdict is Verdict.USER_UNKNOWN
    await engine.stop()


def test_memory_keeps_a_bounded_number_of_outcomes():
    cache = AccountCache(10, closed_limit=3)
    holding = Holding(VersionedAccount(1, Account("acc-1"), ()))
    holding.pins = 1
    for number in range(10):
        cache.put_kept(holding, Kept(f"event {number} s", 0, outcome(), 1))
    cache.shrink()
    assert len(holding.kept) == 10
    holding.pins = 0
    cache.shrink()
    assert len(holding.kept) == 3


async def test_the_first_name_decides_whichever_is_in_memory(store):
    """Names of two accounts in one event: a repeat after a restart finds the same account, and is not charged again."""
    both = structs.replace(event(1), identities=(msisdn(1), msisdn(2)))
    settings = EngineSettings()
    engine = Engine(store, Terms(parse_catalogue(TEXT, "test.toml"), ChargingRules()), ManualClock(), settings)
    await engine.start()
    await open_account(engine, 1, money(1_000_000))
    await open_account(engine, 2, money(1_000_000))
    await engine.stop()
    for warm in (2, 1):
        engine = Engine(store, Terms(parse_catalogue(TEXT, "test.toml"), ChargingRules()), ManualClock(), settings)
        await engine.start()
        assert (await engine.execute(event(10 + warm, account=warm))).verdict is Verdict.SUCCESS
        assert (await engine.execute(both)).verdict is Verdict.SUCCESS
        await engine.stop()
    left = []
    for name in ("acc-1", "acc-2"):
        found = await store.snapshot(name)
        left.append(found[0].account.buckets[0].remaining)
    assert left == [1_000_000 - 2 * 70_000, 1_000_000 - 70_000]
