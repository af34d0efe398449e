"""Commands that may be repeated: done once, whatever happens between the effect and its answer."""

import asyncio

import pytest
from msgspec import structs

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.engine.cache import AccountCache
from diameter_ocs.ledger.account import Status
from diameter_ocs.recharge.commands import (
    AddSubscriber,
    Credit,
    NewSubscriber,
    OpenAccount,
    SetAccountStatus,
    SetSubscriberStatus,
    Withdraw,
)
from diameter_ocs.recharge.once import Once, account_tag, subscriber_tag
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import money
from tests.support.engines import GatedStore, ManualClock, collect, engine_on, msisdn, open_account, until

DAY_MS = 86_400_000


def once(command, key="shop k1", fingerprint=7, **more):
    return Once(command, key, fingerprint, DAY_MS, **more)


def top_up(amount=500, account=1):
    return Credit(f"acc-{account}", money(amount), "top-up")


@pytest.fixture
async def store():
    made = GatedStore()
    await made.open()
    yield made
    assert (await audit_store(made)).is_clean
    await made.close()


@pytest.fixture
async def engine(store):
    made = engine_on(store)
    await made.start()
    await open_account(made, 1, money(1_000))
    yield made
    await made.stop()


async def balance(store, account=1):
    loaded = await store.snapshot(f"acc-{account}")
    return sum(bucket.remaining for bucket in loaded[0].account.buckets)


async def test_a_repeat_gets_the_first_outcome(store, engine):
    first = await engine.execute(once(top_up()))
    await engine.execute(top_up(1))
    again = await engine.execute(once(top_up()))
    assert (first.repeated, again.repeated) == (False, True)
    assert again.data == first.data
    assert first.data["account"]["buckets"][0]["remaining"] == 1_500
    assert await balance(store) == 1_501


async def test_the_key_of_another_command_is_refused(store, engine):
    await engine.execute(once(top_up()))
    assert (await engine.execute(once(top_up(), fingerprint=8))).verdict is Verdict.REPEAT_CONTRADICTS
    assert (await engine.execute(once(top_up(), "care k1"))).verdict is Verdict.SUCCESS
    assert await balance(store) == 2_000


async def test_repeats_beside_the_first_one(store, engine):
    store.gate.clear()
    outcomes = collect(engine, [once(top_up())] * 3)
    await until(store.waiting.is_set)
    outcomes_later = collect(engine, [once(top_up())] * 40)
    await asyncio.sleep(0)
    assert outcomes == outcomes_later == []
    store.gate.set()
    await until(lambda: len(outcomes_later) == 40)
    assert sorted(each.repeated for each in outcomes) == [False, True, True]
    assert {each.repeated for each in outcomes_later} == {True}
    assert await balance(store) == 1_500


async def test_on_another_node_and_after_a_restart(store, engine):
    """A second engine on the same store, both at the same time and one after the other."""
    other = engine_on(store)
    await other.start()
    both = await asyncio.gather(engine.execute(once(top_up())), other.execute(once(top_up())))
    assert sorted(each.repeated for each in both) == [False, True]
    await other.execute(top_up(1))
    assert (await engine.execute(once(top_up()))).repeated
    await other.stop()
    fresh = engine_on(store)
    await fresh.start()
    assert (await fresh.execute(once(top_up()))).repeated
    await fresh.stop()
    assert await balance(store) == 1_501


async def test_a_failed_commit_leaves_nothing_behind(store, engine):
    store.fail_commits = 1
    assert (await engine.execute(once(top_up()))).verdict is Verdict.STORE_UNAVAILABLE
    done = await engine.execute(once(top_up()))
    assert (done.verdict, done.repeated, await balance(store)) == (Verdict.SUCCESS, False, 1_500)


async def test_a_refusal_is_not_remembered(store, engine):
    taking = once(Withdraw("acc-1", "money", 1_200))
    assert (await engine.execute(taking)).verdict is Verdict.CREDIT_LIMIT_REACHED
    await engine.execute(top_up())
    assert (await engine.execute(taking)).verdict is Verdict.SUCCESS
    assert (await engine.execute(taking)).repeated
    assert await balance(store) == 300


async def test_outcomes_are_remembered_for_their_time(store):
    clock = ManualClock()
    engine = engine_on(store, clock)
    await engine.start()
    await open_account(engine, 1, money(1_000))
    await engine.execute(once(top_up()))
    clock.seconds += DAY_MS / 1000 - 1
    assert (await engine.execute(once(top_up()))).repeated
    clock.seconds += 1
    assert not (await engine.execute(once(top_up(), fingerprint=9))).repeated
    assert await store.forget_kept(clock.at_ms(), 10) == 0
    await engine.stop()


async def test_a_cache_that_forgets_at_once(store, engine):
    engine.cache = AccountCache(1, 0)
    await engine.execute(once(top_up()))
    await open_account(engine, 2, money(1))
    assert (await engine.execute(once(top_up()))).repeated
    assert not (await engine.execute(once(top_up(account=2)))).repeated


async def test_an_account_is_opened_once(store, engine):
    new = NewSubscriber("sub-9", (msisdn(9),), "standard")
    opening = once(OpenAccount("acc-9", "EUR", buckets=(money(5),), subscribers=(new,)))
    first, again = await engine.execute(opening), await engine.execute(opening)
    assert (again.repeated, again.data) == (True, first.data)
    assert [each["subscriber_id"] for each in first.data["subscribers"]] == ["sub-9"]
    unlike = structs.replace(opening, key="shop k2")
    assert (await engine.execute(unlike)).verdict is Verdict.CONFLICT


async def test_a_command_for_a_state_that_is_gone_is_refused(store, engine):
    loaded = await store.load(Wanted(accounts=["acc-1"]))
    tag = account_tag(loaded.accounts["acc-1"].account)
    assert (await engine.execute(once(top_up(), expected=("x", tag)))).verdict is Verdict.SUCCESS
    late = once(SetAccountStatus("acc-1", Status.BLOCKED), "shop k2", expected=(tag,))
    assert (await engine.execute(late)).verdict is Verdict.CHANGED_MEANWHILE
    assert (await engine.execute(once(top_up(), expected=("x", tag)))).repeated, "a repeat is no matter of states"


async def test_the_state_of_a_subscriber_is_its_own(store, engine):
    loaded = await store.load(Wanted(accounts=["acc-1"]))
    tag = subscriber_tag(loaded.accounts["acc-1"].subscribers[0])
    await engine.execute(top_up())
    block = SetSubscriberStatus("acc-1", "sub-1", Status.BLOCKED)
    meant = {"expected": (tag,), "of_subscriber": "sub-1"}
    assert (await engine.execute(once(block, **meant))).verdict is Verdict.SUCCESS
    assert (await engine.execute(once(block, "shop k2", **meant))).verdict is Verdict.CHANGED_MEANWHILE
    nobody = once(SetSubscriberStatus("acc-1", "sub-2", Status.BLOCKED), "k3", expected=(tag,), of_subscriber="sub-2")
    assert (await engine.execute(nobody)).verdict is Verdict.CHANGED_MEANWHILE


async def test_every_command_may_be_repeatable(store, engine):
    new = NewSubscriber("sub-7", (msisdn(7),), "standard")
    added = await engine.execute(once(AddSubscriber("acc-1", new)))
    assert (await engine.execute(once(AddSubscriber("acc-1", new)))).data == added.data
    nowhere = once(AskGateway("acc-1", "s", RequestKind.ABORT), "k")
    assert (await engine.execute(nowhere)).verdict is Verdict.NOT_FOUND
    assert (await engine.execute(once(top_up(account=5)))).verdict is Verdict.NOT_FOUND
