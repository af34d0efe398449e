"""The one road: order, group commit, repeats, failures, deadlines, bounds."""

import asyncio

import pytest
from msgspec import structs

from diameter_ocs.charging.commands import ExpireSession
from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.request import RequestType
from diameter_ocs.engine.engine import DECIDE_BESIDE_COMMIT
from diameter_ocs.ledger.account import Status
from diameter_ocs.recharge.commands import AddSubscriber, Credit, NewSubscriber, OpenAccount, SetAccountStatus
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import MB, ask, money, octets, report, request
from tests.support.engines import (
    Counts,
    GatedStore,
    ManualClock,
    collect,
    engine_on,
    msisdn,
    open_account,
    until,
)

MANY = DECIDE_BESIDE_COMMIT + 8
"""Enough commands to be decided while a commit is under way."""


def ccr(kind: RequestType, number: int, *asked, account: int = 1, session: int = 1):
    made = request(kind, number, *asked, session_id=f"s;{account};{session}")
    return structs.replace(made, identities=(msisdn(account),))


def initial(account=1, session=1, *asked):
    return ccr(RequestType.INITIAL, 0, *(asked or (ask(),)), account=account, session=session)


def update(number, used=MB, account=1, session=1):
    return ccr(RequestType.UPDATE, number, report(10, used), account=account, session=session)


def terminate(number, used=0, account=1, session=1):
    return ccr(RequestType.TERMINATION, number, report(10, used, more=False), account=account, session=session)


@pytest.fixture
async def store():
    made = GatedStore()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
async def engine(store, clock, counts):
    made = engine_on(store, clock, counts)
    await made.start()
    yield made
    store.gate.set()
    await made.stop()
    assert (await audit_store(store)).is_clean


async def remaining(store, account_id="acc-1", bucket="data"):
    found, _, _ = await store.snapshot(account_id)
    return next(each for each in found.account.buckets if each.bucket_id == bucket)


async def test_a_session_from_start_to_end(engine, store):
    await open_account(engine, 1, octets(100 * MB))
    opened = await engine.execute(initial())
    assert opened.credits[0].granted == 10 * MB
    await engine.execute(update(1, 4 * MB))
    ended = await engine.execute(terminate(2, 2 * MB))
    assert ended.verdict is Verdict.SUCCESS
    bucket = await remaining(store)
    assert (bucket.remaining, bucket.reserved) == (94 * MB, 0)
    assert [entry.kind for entry in await store.entries("acc-1")] == [
        "account_created",
        "ccr_initial",
        "ccr_update",
        "ccr_termination",
    ]


async def test_unknown_user(engine):
    assert (await engine.execute(initial(account=9))).verdict is Verdict.USER_UNKNOWN
    assert (await engine.execute(update(1, account=9))).verdict is Verdict.SESSION_UNKNOWN


async def test_the_first_known_identity_counts(engine):
    await open_account(engine, 1, octets(100 * MB))
    asked = structs.replace(initial(), identities=(msisdn(77), msisdn(1)))
    assert (await engine.execute(asked)).verdict is Verdict.SUCCESS


async def test_a_preferred_identity_counts_also_when_only_another_one_is_in_memory(engine, store):
    await open_account(engine, 2, octets(100 * MB))
    other = engine_on(store)
    await other.start()
    await open_account(other, 1, octets(100 * MB))
    await other.stop()
    asked = structs.replace(initial(), identities=(msisdn(1), msisdn(2)))
    await engine.execute(asked)
    await engine.execute(update(1, 3 * MB))
    assert (await remaining(store, "acc-1")).remaining == 97 * MB


async def test_updates_need_no_identity(engine):
    await open_account(engine, 1, octets(100 * MB))
    await engine.execute(initial())
    assert (await engine.execute(structs.replace(update(1), identities=()))).verdict is Verdict.SUCCESS


async def test_nothing_is_answered_before_it_is_on_disk_and_one_commit_serves_all(engine, store, counts):
    for number in range(1, 6):
        await open_account(engine, number, octets(100 * MB))
    store.gate.clear()
    store.waiting.clear()
    first = collect(engine, [initial(1)])
    await store.waiting.wait()
    rest = collect(engine, [initial(number) for number in range(2, 6)])
    assert first == rest == []
    counts.batches.clear()
    store.gate.set()
    await until(lambda: len(first) + len(rest) == 5)
    assert counts.batches == [1, 4]


async def test_parallel_updates_of_one_session_are_all_answered_in_order(engine, store):
    await open_account(engine, 1, octets(1000 * MB))
    await engine.execute(initial())
    outcomes = collect(engine, [update(number) for number in range(1, 21)])
    await until(lambda: len(outcomes) == 20)
    assert all(outcome.verdict is Verdict.SUCCESS for outcome in outcomes)
    assert (await remaining(store)).remaining == 980 * MB


# Repeats -------------------------------------------------------------------------------------------


async def test_ten_copies_at_once_debit_once(engine, store):
    await open_account(engine, 1, octets(1000 * MB))
    await engine.execute(initial())
    outcomes = collect(engine, [update(1)] * 10)
    await until(lambda: len(outcomes) == 10)
    assert len({outcome.credits for outcome in outcomes}) == 1
    assert (await remaining(store)).remaining == 999 * MB


async def test_a_repeat_that_is_older_than_the_kept_answers_is_recalled_from_the_journal(engine, store):
    await open_account(engine, 1, octets(1000 * MB))
    first = await engine.execute(initial())
    answers = [await engine.execute(update(number, number * MB)) for number in range(1, 11)]
    again = await engine.execute(update(2, 2 * MB))
    assert (again.repeated, again.credits) == (True, answers[1].credits)
    assert (await engine.execute(initial())).credits == first.credits
    assert (await remaining(store)).remaining == 945 * MB


async def test_repeats_of_a_number_that_was_used_again_and_again_are_told_apart_by_the_journal(engine, store):
    """Only four answers are kept with the session: the others are found by number and content."""
    await open_account(engine, 1, octets(1000 * MB))
    await engine.execute(initial())
    reports = [
        structs.replace(update(1, used * MB), gateway=GatewayProfile(reuses_numbers=True)) for used in range(1, 10)
    ]
    answers = [await engine.execute(each) for each in reports]
    assert {(each.verdict, each.repeated) for each in answers} == {(Verdict.SUCCESS, False)}
    again = collect(engine, reports * 3)
    await until(lambda: len(again) == 27)
    assert all(each.repeated for each in again)
    assert [each.credits for each in again] == [each.credits for each in answers] * 3
    assert (await remaining(store)).remaining == (1000 - 45) * MB
    new = structs.replace(terminate(1, 5 * MB), gateway=GatewayProfile(reuses_numbers=True))
    assert (await engine.execute(new)).verdict is Verdict.SUCCESS
    assert (await engine.execute(new)).repeated
    assert (await remaining(store)).remaining == (1000 - 50) * MB


async def test_a_late_first_copy_with_a_low_number_is_processed(engine, store):
    await open_account(engine, 1, octets(1000 * MB))
    await engine.execute(initial())
    for number in (1, 2, 3, 5, 6, 7, 8, 9, 10):
        await engine.execute(update(number))
    late = await engine.execute(update(4))
    assert (late.repeated, late.verdict) == (False, Verdict.SUCCESS)
    assert (await engine.execute(update(4))).repeated
    assert (await remaining(store)).remaining == 990 * MB


async def test_a_repeat_of_what_is_decided_but_not_on_disk_yet_waits_for_it(engine, store):
    """Its answer has left the session's window before the journal knows it."""
    await open_account(engine, 1, octets(1000 * MB))
    await engine.execute(initial())
    store.gate.clear()
    store.waiting.clear()
    first = collect(engine, [update(1)])
    await store.waiting.wait()
    rest = collect(engine, [update(number) for number in range(2, MANY)])
    await until(lambda: engine.queue_length == 0)
    again = collect(engine, [update(number) for number in range(2, MANY)] * 2)
    store.gate.set()
    await until(lambda: len(first) + len(rest) + len(again) == 1 + 3 * (MANY - 2))
    assert all(outcome.repeated for outcome in again)
    assert (await remaining(store)).remaining == (1000 - MANY + 1) * MB


async def test_a_flood_of_repeats_and_late_copies_charges_each_number_once(engine, store):
    await open_account(engine, 1, octets(1000 * MB))
    await engine.execute(initial())
    await engine.execute(update(40))
    numbers = [number for number in range(1, 31) for _ in range(3)]
    outcomes = collect(engine, [update(number) for number in reversed(numbers)])
    await until(lambda: len(outcomes) == len(numbers))
    assert {outcome.verdict for outcome in outcomes} == {Verdict.SUCCESS}
    assert (await remaining(store)).remaining == (1000 - 31) * MB


async def test_a_repeat_after_a_restart_gets_the_stored_answer(store):
    engine = engine_on(store)
    await engine.start()
    await open_account(engine, 1, octets(1000 * MB))
    await engine.execute(initial())
    before = await engine.execute(update(1))
    ended = await engine.execute(terminate(2))
    await engine.stop()
    engine = engine_on(store)
    await engine.start()
    assert (await engine.execute(update(1))).credits == before.credits
    assert (await engine.execute(terminate(2))).credits == ended.credits
    assert (await engine.execute(initial())).repeated
    await engine.stop()
    assert (await remaining(store)).remaining == 999 * MB


# Failures ------------------------------------------------------------------------------------------


async def test_a_failed_commit_refuses_loses_nothing_and_leaves_no_ghost(engine, store, counts):
    await open_account(engine, 1, octets(100 * MB))
    await engine.execute(initial())
    store.fail_commits = 1
    failed = await engine.execute(update(1, 3 * MB))
    assert failed.verdict is Verdict.STORE_UNAVAILABLE
    assert counts.failed == 1
    again = await engine.execute(update(1, 3 * MB))
    assert (again.verdict, again.repeated) == (Verdict.SUCCESS, False)
    assert (await remaining(store)).remaining == 97 * MB


async def test_what_was_built_on_a_failed_commit_is_decided_again(engine, store, counts):
    await open_account(engine, 1, octets(1000 * MB))
    store.gate.clear()
    store.waiting.clear()
    first = collect(engine, [initial()])
    await store.waiting.wait()
    second = collect(engine, [initial(session=number) for number in range(2, MANY)] + [update(1)])
    await until(lambda: engine.queue_length == 0)
    store.fail_commits = 1
    store.gate.set()
    await until(lambda: len(first) + len(second) == MANY)
    assert first[0].verdict is Verdict.STORE_UNAVAILABLE
    assert {outcome.verdict for outcome in second[:-1]} == {Verdict.SUCCESS}
    assert second[-1].verdict is Verdict.SESSION_UNKNOWN
    assert counts.again == MANY - 1
    assert (await remaining(store)).remaining == 1000 * MB


async def test_a_store_that_cannot_be_read_refuses_only_what_needs_it(engine, store):
    await open_account(engine, 1, octets(100 * MB))
    await open_account(engine, 2, octets(100 * MB))
    await engine.execute(initial(1))
    engine.cache.evict("acc-2")
    store.fail_loads = 1
    outcomes = collect(engine, [initial(2), update(1)])
    await until(lambda: len(outcomes) == 2)
    assert sorted(outcome.verdict.value for outcome in outcomes) == ["store_unavailable", "success"]


async def test_a_change_by_somebody_else_is_decided_again(engine, store, counts):
    await open_account(engine, 1)
    assert (await engine.execute(initial())).credits[0].verdict is Verdict.CREDIT_LIMIT_REACHED
    other = engine_on(store)
    await other.start()
    assert (await other.execute(Credit("acc-1", money(1_000_000)))).verdict is Verdict.SUCCESS
    await other.stop()
    assert (await engine.execute(update(1, 0))).credits[0].granted == 10 * MB
    assert counts.again >= 1


async def test_a_subscriber_whom_somebody_else_added_to_an_account_in_memory_is_served(engine, store):
    await open_account(engine, 1, octets(100 * MB))
    await engine.execute(initial())
    other = engine_on(store)
    await other.start()
    await other.execute(AddSubscriber("acc-1", NewSubscriber("sub-new", (msisdn(5),), "standard")))
    await other.stop()
    asked = structs.replace(initial(session=2), identities=(msisdn(5),))
    assert (await engine.execute(asked)).verdict is Verdict.SUCCESS
    assert {each.subscriber_id for each in await store.sessions()} == {"sub-1", "sub-new"}


async def test_a_refusal_is_not_given_on_stale_knowledge(engine, store):
    """Nothing is written for a refused CCR-Initial, yet the version is checked."""
    await open_account(engine, 1, octets(10 * MB), offer="bundle")
    await engine.execute(initial())
    other = engine_on(store)
    await other.start()
    await other.execute(SetAccountStatus("acc-1", Status.BLOCKED))
    await other.stop()
    assert (await engine.execute(initial(session=2))).verdict is Verdict.SERVICE_DENIED


async def test_two_engines_on_one_store_never_lose_an_update(store):
    engines = [engine_on(store), engine_on(store)]
    for each in engines:
        await each.start()
    await open_account(engines[0], 1, octets(1000 * MB))
    await engines[0].execute(initial())
    outcomes = [collect(engines[n % 2], [update(n)]) for n in range(1, 41)]
    await until(lambda: all(outcomes))
    for each in engines:
        await each.stop()
    done = sum(outcome[0].verdict is Verdict.SUCCESS for outcome in outcomes)
    assert (await remaining(store)).remaining == (1000 - done) * MB
    assert done == 40
    assert (await audit_store(store)).is_clean


async def test_a_mistake_of_ours_in_one_command_does_not_stop_the_others(engine, monkeypatch):
    await open_account(engine, 1, octets(100 * MB))
    await open_account(engine, 2, octets(100 * MB))
    broken = structs.replace(initial(1), credits=(None,))
    outcomes = collect(engine, [broken, initial(2)])
    await until(lambda: len(outcomes) == 2)
    assert sorted(outcome.verdict.value for outcome in outcomes) == ["internal_error", "success"]


async def test_a_stumble_of_the_engine_refuses_what_it_met_and_the_engine_goes_on(engine, store, counts, monkeypatch):
    await open_account(engine, 1, octets(100 * MB))
    await engine.execute(initial())
    with monkeypatch.context() as broken:
        broken.setattr(engine.cache, "shrink", lambda: 1 / 0)
        assert (await engine.execute(update(1, 3 * MB))).verdict is Verdict.INTERNAL_ERROR
    assert counts.refusals == {"internal": 1}
    again = await engine.execute(update(1, 3 * MB))
    assert (again.verdict, again.repeated) == (Verdict.SUCCESS, False)
    assert (await remaining(store)).remaining == 97 * MB


async def test_an_observer_that_fails_costs_no_answer_and_does_not_stop_the_engine(engine, store, counts, monkeypatch):
    await open_account(engine, 1, octets(100 * MB))
    with monkeypatch.context() as broken:
        broken.setattr(counts, "batch_committed", lambda *_: 1 / 0)
        assert (await engine.execute(initial())).verdict is Verdict.SUCCESS
    assert (await engine.execute(update(1, 3 * MB))).verdict is Verdict.SUCCESS
    assert (await remaining(store)).remaining == 97 * MB


async def test_a_receiver_that_fails_does_not_stop_the_others(engine):
    await open_account(engine, 1, octets(100 * MB))

    def explode(outcome):
        raise RuntimeError("gone")

    engine.submit(initial(), explode)
    assert (await engine.execute(update(1))).verdict is Verdict.SUCCESS


# Bounds and deadlines ------------------------------------------------------------------------------


async def test_a_full_queue_refuses_at_once(store, counts):
    engine = engine_on(store, counts=counts, queue_limit=3)
    await engine.start()
    outcomes = collect(engine, [initial(number) for number in range(5)])
    assert [outcome.verdict for outcome in outcomes] == [Verdict.TOO_BUSY] * 2
    assert counts.refusals == {"queue_full": 2}
    await until(lambda: len(outcomes) == 5)
    await engine.stop()


async def test_what_waits_too_long_is_refused_and_not_charged(engine, store, clock, counts):
    await open_account(engine, 1, octets(100 * MB))
    await open_account(engine, 2, octets(100 * MB))
    store.gate.clear()
    store.waiting.clear()
    first = collect(engine, [initial(1)])
    await store.waiting.wait()
    late = collect(engine, [initial(2)], deadline=clock.now() + 4.5)
    clock.seconds += 5
    await until(lambda: late)
    assert (late[0].verdict, first) == (Verdict.TOO_BUSY, [])
    assert counts.refusals == {"deadline": 1}
    store.gate.set()
    await until(lambda: first)
    assert (await remaining(store, "acc-2")).reserved == 0


async def test_what_could_only_be_answered_too_late_is_not_decided(engine, store, clock, counts):
    await open_account(engine, 1, octets(100 * MB))
    store.gate.clear()
    store.waiting.clear()
    slow = collect(engine, [initial()])
    await store.waiting.wait()
    clock.seconds += 0.8
    store.gate.set()
    await until(lambda: slow)
    late, in_time = (collect(engine, [update(n, 3 * MB)], clock.seconds + left) for n, left in ((1, 1.5), (2, 1.7)))
    await until(lambda: late and in_time)
    assert [late[0].verdict, in_time[0].verdict] == [Verdict.TOO_BUSY, Verdict.SUCCESS]
    assert counts.refusals == {"deadline": 1}
    assert (await remaining(store)).remaining == 97 * MB


async def test_stopping_finishes_what_was_taken_and_refuses_the_rest(store):
    engine = engine_on(store)
    await engine.start()
    await open_account(engine, 1, octets(100 * MB))
    outcomes = collect(engine, [initial(), update(1)])
    await engine.stop()
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SUCCESS] * 2
    assert (await engine.execute(update(2))).verdict is Verdict.TOO_BUSY


async def test_the_cache_is_bounded_and_an_evicted_account_goes_on(store):
    engine = engine_on(store, cache_accounts=3)
    await engine.start()
    for number in range(1, 11):
        await open_account(engine, number, octets(100 * MB))
        await engine.execute(initial(number))
    assert len(engine.cache) <= 4
    for number in range(1, 11):
        assert (await engine.execute(update(1, account=number))).verdict is Verdict.SUCCESS
    await engine.stop()
    assert engine.cache.sessions <= 4


# Commands that are not sessions ----------------------------------------------------------------------


async def test_names_belong_to_one_subscriber(engine):
    await open_account(engine, 1)
    taken = NewSubscriber("sub-x", (msisdn(1),), "standard")
    refused = await engine.execute(OpenAccount("acc-x", "EUR", subscribers=(taken,)))
    assert (refused.verdict, "belongs to another subscriber" in refused.detail) == (Verdict.CONFLICT, True)
    assert (await engine.execute(OpenAccount("acc-1", "EUR"))).verdict is Verdict.CONFLICT
    assert (await engine.execute(AddSubscriber("acc-1", taken))).verdict is Verdict.CONFLICT
    assert (await engine.execute(AddSubscriber("acc-9", taken))).verdict is Verdict.NOT_FOUND


async def test_a_name_taken_by_another_process_meanwhile_is_a_conflict():
    store = MemoryStore()
    await store.open()
    engines = [engine_on(store), engine_on(store)]
    for each in engines:
        await each.start()
    new = NewSubscriber("sub-1", (msisdn(1),), "standard")
    outcomes = await asyncio.gather(
        *(each.execute(OpenAccount(f"acc-{index}", "EUR", subscribers=(new,))) for index, each in enumerate(engines))
    )
    assert sorted(outcome.verdict.value for outcome in outcomes) == ["conflict", "success"]
    for each in engines:
        await each.stop()


async def test_a_silent_session_is_closed_by_command(engine, store, clock):
    await open_account(engine, 1, octets(100 * MB))
    await engine.execute(initial())
    expire = ExpireSession("acc-1", "s;1;1")
    assert (await engine.execute(expire)).verdict is Verdict.NOT_FOUND
    clock.seconds += 7261
    engine.cache.evict("acc-1")
    assert (await engine.execute(expire)).verdict is Verdict.SUCCESS
    assert (await remaining(store)).reserved == 0
    assert (await engine.execute(expire)).verdict is Verdict.NOT_FOUND
