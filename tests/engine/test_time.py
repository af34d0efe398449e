"""Time as an engine lets it pass on accounts: in order, once, before anything else that happens to them."""

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.request import RequestType
from diameter_ocs.ledger.journal import Action
from diameter_ocs.recharge.commands import AdvanceAccount, Credit
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, MB, ask, money, octets, report, request
from tests.support.engines import GatedStore, ManualClock, engine_on, msisdn, open_account

HOUR_MS = 3_600_000


@pytest.fixture
async def store():
    made = GatedStore()
    await made.open()
    yield made
    assert (await audit_store(made)).is_clean
    await made.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def engine(store, clock):
    made = engine_on(store, clock)
    await made.start()
    yield made
    await made.stop()


def ccr(kind, number, *asked, session_id="s;1;1"):
    return replace(request(kind, number, *asked, session_id=session_id), identities=(msisdn(1),))


async def journal(store, account_id="acc-1"):
    return [entry.kind for entry in await store.entries(account_id)]


async def test_a_bucket_ends_when_its_time_is_over_although_nobody_asks(engine, store, clock):
    await open_account(engine, 1, octets(5 * MB, valid_until_ms=AT_MS + HOUR_MS), money(1_000_000))
    assert await store.due_accounts(AT_MS + HOUR_MS - 1, 10) == []
    assert await store.due_accounts(AT_MS + HOUR_MS, 10) == ["acc-1"]
    assert (await engine.execute(AdvanceAccount("acc-1"))).verdict is Verdict.SUCCESS
    assert await journal(store) == ["account_created"]
    clock.seconds += 3600
    assert (await engine.execute(AdvanceAccount("acc-1"))).verdict is Verdict.SUCCESS
    last = (await store.entries("acc-1"))[-1]
    assert (last.kind, last.at_ms) == ("buckets_expired", AT_MS + HOUR_MS)
    assert [(each.action, each.bucket_id, each.amount) for each in last.postings] == [(Action.EXPIRE, "data", 5 * MB)]
    assert await store.due_accounts(AT_MS + 9 * HOUR_MS, 10) == []


async def test_an_account_left_alone_catches_up_in_order_before_the_next_request(engine, store, clock):
    ends = {"second": 2, "first": 1, "third": 3, "also first": 1}
    buckets = [octets(MB, name, valid_until_ms=AT_MS + hours * HOUR_MS) for name, hours in ends.items()]
    await open_account(engine, 1, *buckets, money(1_000_000))
    clock.seconds += 2 * 3600 + 5
    answer = await engine.execute(ccr(RequestType.INITIAL, 0, ask()))
    assert answer.verdict is Verdict.SUCCESS
    entries = await store.entries("acc-1")
    assert [entry.kind for entry in entries] == ["account_created", "buckets_expired", "buckets_expired", "ccr_initial"]
    assert [{each.bucket_id for each in entry.postings} for entry in entries[1:3]] == [
        {"first", "also first"},
        {"second"},
    ]
    assert await store.due_accounts(AT_MS + 9 * HOUR_MS, 10) == []  # what is left is promised to the session


async def test_a_bucket_that_is_promised_waits_for_its_session_and_ends_right_after(engine, store, clock):
    await open_account(engine, 1, octets(5 * MB, valid_until_ms=AT_MS + HOUR_MS))
    await engine.execute(ccr(RequestType.INITIAL, 0, ask()))
    clock.seconds += 3601
    assert await store.due_accounts(clock.at_ms(), 10) == []
    await engine.execute(ccr(RequestType.TERMINATION, 1, report(10, MB, more=False)))
    assert await store.due_accounts(clock.at_ms(), 10) in ([], ["acc-1"])
    await engine.execute(AdvanceAccount("acc-1"))
    postings = [posting for entry in await store.entries("acc-1") for posting in entry.postings]
    assert sum(each.amount for each in postings if each.action is Action.DEBIT) == MB
    assert sum(each.amount for each in postings if each.action is Action.EXPIRE) == 4 * MB
    assert await store.due_accounts(AT_MS + 9 * HOUR_MS, 10) == []


async def test_what_is_due_is_done_once_when_the_disk_fails_in_between(engine, store, clock):
    await open_account(engine, 1, octets(5 * MB, valid_until_ms=AT_MS + HOUR_MS))
    clock.seconds += 3600
    store.fail_commits = 1
    assert (await engine.execute(Credit("acc-1", money(1_000_000)))).verdict is Verdict.STORE_UNAVAILABLE
    assert await journal(store) == ["account_created"]
    assert (await engine.execute(Credit("acc-1", money(1_000_000)))).verdict is Verdict.SUCCESS
    assert await journal(store) == ["account_created", "buckets_expired", "credit"]


async def test_a_late_account_is_advanced_with_all_its_sessions_at_hand(engine, store, clock):
    """A second engine knows neither account nor sessions; its first request is for one session only."""
    await open_account(engine, 1, octets(50 * MB), octets(MB, "pack", valid_until_ms=AT_MS + 2 * HOUR_MS, priority=200))
    await engine.execute(ccr(RequestType.INITIAL, 0, ask()))
    await engine.execute(ccr(RequestType.INITIAL, 0, ask(), session_id="s;1;2"))
    clock.seconds += 2 * 3600
    second = engine_on(store, clock)
    await second.start()
    answer = await second.execute(ccr(RequestType.UPDATE, 1, report(10, MB)))
    assert answer.verdict is Verdict.SUCCESS
    assert (await journal(store))[-2:] == ["buckets_expired", "ccr_update"]
    assert len((await store.load(Wanted(open_sessions_of=["acc-1"]))).sessions) == 2
    await second.stop()
