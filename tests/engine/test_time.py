"""Time as an engine lets it pass on accounts: in order, once, before anything else that happens to them."""

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.request import RequestType
from diameter_ocs.ledger.journal import Action
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.recharge.commands import AdvanceAccount, Buy, Credit
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, CATALOGUE_TEXT, MB, ask, money, octets, report, request, terms
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


# products -----------------------------------------------------------------------------------------


MONTHLY = """
[products.monthly]
price = "2.00"
renews = "30 days"
[[products.monthly.allowances]]
name = "internet"
amount = "3 MB"
"""


@pytest.fixture
async def shop(store, clock):
    made = engine_on(store, clock)
    made.terms = terms(CATALOGUE_TEXT + MONTHLY)
    await made.start()
    yield made
    await made.stop()


async def test_buying_wakes_a_session_that_had_run_dry(shop, store, clock):
    for_products = replace(money(2_000_000), terms=BucketTerms(services=("product",)))
    await open_account(shop, 1, for_products)
    denied = await shop.execute(ccr(RequestType.INITIAL, 0, ask(10, MB)))
    assert [each.verdict for each in denied.credits] == [Verdict.CREDIT_LIMIT_REACHED]
    assert (await shop.execute(Buy("acc-1", "monthly"))).verdict is Verdict.SUCCESS
    assert [each.session_id for each in await store.pending_requests(10)] == ["s;1;1"]
    answer = await shop.execute(ccr(RequestType.UPDATE, 2, ask(10, MB)))
    assert [each.granted for each in answer.credits] == [MB]


async def test_a_top_up_pays_what_is_unpaid_before_the_next_request(shop, store, clock):
    await open_account(shop, 1, money(2_000_000))
    await shop.execute(Buy("acc-1", "monthly"))
    clock.seconds += 30 * 86_400
    await shop.execute(AdvanceAccount("acc-1"))
    assert (await journal(store))[-1] == "product_unpaid"
    await shop.execute(Credit("acc-1", money(5_000_000)))
    assert (await journal(store))[-2:] == ["credit", "product_renewed"]
    assert await store.due_accounts(clock.at_ms() + 30 * 24 * HOUR_MS, 10) == ["acc-1"]


async def test_a_renewal_at_midnight_serves_the_request_just_after_it(shop, store, clock):
    await open_account(shop, 1, money(4_000_000), offer="bundle")
    await shop.execute(Buy("acc-1", "monthly"))
    clock.seconds += 30 * 86_400
    answer = await shop.execute(ccr(RequestType.INITIAL, 0, ask(10, 2 * MB)))
    assert [each.granted for each in answer.credits] == [2 * MB]
    assert (await journal(store))[-2:] == ["product_renewed", "ccr_initial"]
