"""What every store promises (diameter_ocs/storage/protocol.py), whatever is below it."""

import asyncio

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.decision import Kept
from diameter_ocs.charging.outbox import GatewayRequest, RequestKind, RequestState
from diameter_ocs.charging.request import RequestType
from diameter_ocs.charging.session import Answer, Pool, Quota, Reservation, Session, SessionStatus
from diameter_ocs.errors import StoreError, StoreUnavailable
from diameter_ocs.rating.pool import PoolShare
from diameter_ocs.storage.protocol import AccountWrite, SessionRef, Store, StoreTotals, VersionedAccount, Wanted
from diameter_ocs.values.api_key import ApiKey, digest_of
from diameter_ocs.values.identity import Identity, IdentityKind, SubscriberRef
from tests.support.stores import (
    account,
    creation,
    identity_of,
    opening,
    outcome,
    request_entry,
    session,
    subscriber,
)

CLOSED = SessionStatus.CLOSED


async def version(store: Store, account_id: str) -> int:
    loaded = await store.load(Wanted(accounts=[account_id]))
    return loaded.accounts[account_id].version if account_id in loaded.accounts else 0


async def with_accounts(store: Store, *account_ids: str) -> None:
    assert await store.commit([creation(each) for each in account_ids]) == frozenset()


async def put_sessions(store: Store, account_id: str, *sessions: Session) -> None:
    held = (await store.load(Wanted(accounts=[account_id]))).accounts[account_id]
    write = AccountWrite(account_id, held.version, held.account, sessions=sessions)
    assert await store.commit([write]) == frozenset()


# load and commit ----------------------------------------------------------------------------------


async def test_what_was_committed_is_loaded_the_same(store: Store) -> None:
    await with_accounts(store, "acc-1")
    loaded = await store.load(Wanted(accounts=["acc-1"]))
    assert loaded.accounts == {"acc-1": VersionedAccount(1, account("acc-1"), (subscriber("acc-1"),))}
    assert list(await store.entries("acc-1")) == list(creation("acc-1").entries)


async def test_an_identity_brings_its_account(store: Store) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    loaded = await store.load(Wanted(identities=[identity_of("acc-2")]))
    assert loaded.identities == {identity_of("acc-2"): SubscriberRef("acc-2", "sub")}
    assert set(loaded.accounts) == {"acc-2"}


async def test_a_session_brings_its_account(store: Store) -> None:
    await with_accounts(store, "acc-1")
    write = opening("acc-1", "pgw;1;1")
    assert await store.commit([write]) == frozenset()
    loaded = await store.load(Wanted(session_ids=["pgw;1;1"]))
    assert loaded.sessions == {"pgw;1;1": write.sessions[0]}
    assert loaded.accounts["acc-1"].version == 2
    assert loaded.accounts["acc-1"].account == write.account


async def test_what_does_not_exist_is_absent(store: Store) -> None:
    loaded = await store.load(Wanted([identity_of("nobody")], ["no;session"], ["no-account"]))
    assert (loaded.identities, loaded.sessions, loaded.accounts) == ({}, {}, {})
    assert await store.load(Wanted()) == loaded


async def test_identities_of_one_value_and_two_kinds_are_two(store: Store) -> None:
    phone, imsi = Identity(IdentityKind.E164, "262011234567890"), Identity(IdentityKind.IMSI, "262011234567890")
    await store.commit([creation("acc-1", identities=(phone,)), creation("acc-2", identities=(imsi,))])
    loaded = await store.load(Wanted([phone, imsi]))
    assert loaded.identities == {phone: SubscriberRef("acc-1", "sub"), imsi: SubscriberRef("acc-2", "sub")}


async def test_all_subscribers_of_an_account_are_loaded(store: Store) -> None:
    await with_accounts(store, "acc-1")
    more = (subscriber("acc-1", "sub-b", "gold"), subscriber("acc-1", "sub-a"), subscriber("acc-1", "sub", "silver"))
    await store.commit([AccountWrite("acc-1", 1, account("acc-1"), more)])
    loaded = await store.load(Wanted(accounts=["acc-1"]))
    assert {each.subscriber_id: each.offer for each in loaded.accounts["acc-1"].subscribers} == {
        "sub": "silver",
        "sub-a": "basic",
        "sub-b": "gold",
    }


async def test_an_empty_batch_is_fine(store: Store) -> None:
    assert await store.commit([]) == frozenset()


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
async def test_batches_of_any_size(store: Store, count: int) -> None:
    ids = [f"acc-{number:03d}" for number in range(count)]
    await with_accounts(store, *ids)
    assert await store.commit([opening(each, f"pgw;{each}") for each in ids]) == frozenset()
    loaded = await store.load(Wanted(session_ids=[f"pgw;{each}" for each in ids]))
    assert set(loaded.sessions) == {f"pgw;{each}" for each in ids}
    assert {held.version for held in loaded.accounts.values()} == {2}
    assert (await store.totals()).entries == 2 * count


async def test_an_open_session_can_be_updated_closed_and_opened_again(store: Store) -> None:
    await with_accounts(store, "acc-1")
    for step in (
        session("s", "acc-1", last_ms=100, expires_ms=1000),
        session("s", "acc-1", last_ms=200, expires_ms=1100),
        session("s", "acc-1", last_ms=300, expires_ms=400),
        session("s", "acc-1", last_ms=310, expires_ms=2000, status=CLOSED),
        session("s", "acc-1", last_ms=320, expires_ms=2000, status=CLOSED),
        session("s", "acc-1", last_ms=400, expires_ms=900),
    ):
        await put_sessions(store, "acc-1", step)
        assert (await store.load(Wanted(session_ids=["s"]))).sessions["s"] == step
        is_open = step.status is SessionStatus.OPEN
        assert (await store.totals()).open_sessions == is_open
        assert len(await store.sessions(account_id="acc-1")) == is_open
        assert len(await store.due_sessions(step.expires_ms - 1, 10)) == 0
        assert len(await store.due_sessions(step.expires_ms, 10)) == is_open


# versions -----------------------------------------------------------------------------------------


async def test_a_stale_version_writes_nothing_of_its_account(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await store.commit([opening("acc-1", "first")])
    before = await store.snapshot("acc-1")
    late = opening("acc-1", "second", version=1, seq=3)
    extra = AccountWrite(
        "acc-1",
        1,
        late.account,
        (subscriber("acc-1", "new"),),
        ((Identity(IdentityKind.NAI, "new"), SubscriberRef("acc-1", "new")),),
        late.sessions,
        late.entries,
    )
    assert await store.commit([extra]) == {"acc-1"}
    assert await store.snapshot("acc-1") == before
    loaded = await store.load(Wanted([Identity(IdentityKind.NAI, "new")], ["second"]))
    assert (loaded.identities, loaded.sessions) == ({}, {})


async def test_one_stale_account_among_many_does_not_hinder_the_others(store: Store) -> None:
    ids = [f"acc-{number}" for number in range(70)]
    await with_accounts(store, *ids)
    await store.commit([opening("acc-30", "before")])
    assert await store.commit([opening(each, f"s;{each}") for each in ids]) == {"acc-30"}
    loaded = await store.load(Wanted(session_ids=[f"s;{each}" for each in ids]))
    assert set(loaded.sessions) == {f"s;{each}" for each in ids if each != "acc-30"}
    assert (await store.totals()).entries == 70 + 1 + 69


async def test_an_account_is_created_once(store: Store) -> None:
    await with_accounts(store, "acc-1")
    again = creation("acc-1", identities=(Identity(IdentityKind.NAI, "other"),))
    assert await store.commit([again, creation("acc-2")]) == {"acc-1"}
    assert await version(store, "acc-1") == 1
    assert await version(store, "acc-2") == 1


async def test_an_account_that_does_not_exist_cannot_be_changed(store: Store) -> None:
    assert await store.commit([opening("ghost", "s")]) == {"ghost"}
    assert await store.account_ids() == []


@pytest.mark.parametrize(("expected", "is_stale"), [(0, True), (1, True), (2, False), (3, True)])
async def test_a_check_only_write_says_whether_the_version_holds(store: Store, expected: int, is_stale: bool) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    await store.commit([opening("acc-1", "s")])
    stale = await store.commit([AccountWrite("acc-1", expected), opening("acc-2", "t")])
    assert stale == ({"acc-1"} if is_stale else frozenset())
    assert await version(store, "acc-1") == 2
    assert await version(store, "acc-2") == 2


async def test_a_check_only_write_of_an_absent_account(store: Store) -> None:
    assert await store.commit([AccountWrite("ghost", 0)]) == frozenset()
    assert await store.commit([AccountWrite("ghost", 1)]) == {"ghost"}


async def test_an_identity_belongs_to_the_first_that_claims_it(store: Store) -> None:
    await with_accounts(store, "acc-1")
    thief = creation("acc-2", identities=(Identity(IdentityKind.NAI, "free"), identity_of("acc-1")))
    assert await store.commit([thief, creation("acc-3")]) == {"acc-2"}
    loaded = await store.load(Wanted([identity_of("acc-1"), Identity(IdentityKind.NAI, "free")]))
    assert loaded.identities == {identity_of("acc-1"): SubscriberRef("acc-1", "sub")}
    assert await store.account_ids() == ["acc-1", "acc-3"]


async def test_of_two_claims_in_one_batch_the_first_wins(store: Store) -> None:
    name = (Identity(IdentityKind.NAI, "both"),)
    writes = [creation("acc-1", identities=name), creation("acc-2", identities=name)]
    assert await store.commit(writes) == {"acc-2"}
    assert (await store.load(Wanted(name))).identities == {name[0]: SubscriberRef("acc-1", "sub")}


async def test_a_claim_of_a_stale_account_does_not_count(store: Store) -> None:
    await with_accounts(store, "acc-1")
    name = Identity(IdentityKind.NAI, "both")
    stale = AccountWrite("acc-1", 7, account("acc-1"), new_identities=((name, SubscriberRef("acc-1", "sub")),))
    assert await store.commit([stale, creation("acc-2", identities=(name,))]) == {"acc-1"}
    assert (await store.load(Wanted([name]))).identities == {name: SubscriberRef("acc-2", "sub")}


async def test_a_released_identity_is_free_for_others_and_only_its_owner_can_release_it(store: Store) -> None:
    await with_accounts(store, "acc-1")
    name = identity_of("acc-1")
    thief = creation("acc-2", identities=(Identity(IdentityKind.NAI, "x"),))
    assert await store.commit([replace(thief, released=(name,))]) == frozenset()
    assert (await store.load(Wanted([name]))).identities == {name: SubscriberRef("acc-1", "sub")}
    assert await store.commit([AccountWrite("acc-1", 1, account("acc-1"), released=(name,))]) == frozenset()
    assert (await store.load(Wanted([name]))).identities == {}
    assert await store.commit([creation("acc-3", identities=(name,))]) == frozenset()
    assert (await store.load(Wanted([name]))).identities == {name: SubscriberRef("acc-3", "sub")}


async def test_a_stale_release_does_not_count_and_one_write_may_release_and_claim(store: Store) -> None:
    await with_accounts(store, "acc-1")
    name = identity_of("acc-1")
    stale = AccountWrite("acc-1", 7, account("acc-1"), released=(name,))
    assert await store.commit([stale]) == {"acc-1"}
    assert (await store.load(Wanted([name]))).identities == {name: SubscriberRef("acc-1", "sub")}
    ref = SubscriberRef("acc-1", "sub")
    again = AccountWrite("acc-1", 1, account("acc-1"), new_identities=((name, ref),), released=(name,))
    assert await store.commit([again, AccountWrite("acc-9", 3)]) == {"acc-9"}
    assert (await store.load(Wanted([name]))).identities == {name: ref}


@pytest.mark.parametrize("status", list(SessionStatus))
async def test_a_session_of_another_account_is_not_taken_over(store: Store, status: SessionStatus) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    await put_sessions(store, "acc-1", session("s", "acc-1", status=status))
    assert await store.commit([opening("acc-2", "s")]) == {"acc-2"}
    assert (await store.load(Wanted(session_ids=["s"]))).sessions["s"].account_id == "acc-1"
    assert await version(store, "acc-2") == 1


async def test_a_second_entry_of_one_number_is_an_error_and_writes_nothing(store: Store) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    with pytest.raises(StoreError):
        await store.commit([opening("acc-1", "s"), opening("acc-2", "t", seq=1)])
    assert await version(store, "acc-1") == 1
    assert await store.totals() == StoreTotals(accounts=2, subscribers=2, open_sessions=0, entries=2)
    assert await store.commit([opening("acc-1", "s"), opening("acc-2", "t")]) == frozenset()


async def test_commits_at_the_same_time_on_one_version_succeed_once(store: Store) -> None:
    await with_accounts(store, "acc-1")
    results = await asyncio.gather(*(store.commit([opening("acc-1", f"s;{number}")]) for number in range(8)))
    assert sorted(map(len, results)) == [0, 1, 1, 1, 1, 1, 1, 1]
    assert (await store.totals()).open_sessions == 1


# repeats ------------------------------------------------------------------------------------------


async def test_an_old_answer_is_recalled_from_the_journal(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await store.commit([opening("acc-1", "s")])
    await store.commit(
        [
            AccountWrite(
                "acc-1",
                2,
                account("acc-1", reserved=100, last_seq=4, opened=1),
                entries=(request_entry("acc-1", 3, "s", 1), request_entry("acc-1", 4, "other", 2)),
            )
        ]
    )
    ref = SessionRef("acc-1", "s")
    first, second = await store.recall(ref, 0, 1), await store.recall(ref, 1, 1)
    assert (first, second) == (
        Answer(0, RequestType.INITIAL, 702, outcome()),
        Answer(1, RequestType.UPDATE, 703, outcome()),
    )
    assert await store.recall(ref, 2, 1) is None
    assert await store.recall(ref, 0, 2) is None
    assert await store.recall(SessionRef("ghost", "s"), 0, 0) is None
    assert await store.recall(ref, 1, 1, 703) == second
    assert await store.recall(ref, 1, 1, 702) is None


async def test_answers_kept_in_a_session_come_back(store: Store) -> None:
    await with_accounts(store, "acc-1")
    kept = (Answer(3, 2, 99, outcome("service_denied")), Answer(4, 2, 100, outcome()))
    await put_sessions(store, "acc-1", session("s", "acc-1", answers=kept))
    assert (await store.load(Wanted(session_ids=["s"]))).sessions["s"].answers == kept


# time ---------------------------------------------------------------------------------------------


async def test_due_sessions_are_the_open_ones_whose_time_is_over_oldest_first(store: Store) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    await put_sessions(
        store,
        "acc-1",
        session("late", "acc-1", expires_ms=3000),
        session("b", "acc-1", expires_ms=2000),
        session("gone", "acc-1", expires_ms=1000, status=CLOSED),
    )
    await put_sessions(store, "acc-2", session("a", "acc-2", expires_ms=1500))
    assert await store.due_sessions(1499, 10) == []
    assert await store.due_sessions(2000, 10) == [SessionRef("acc-2", "a"), SessionRef("acc-1", "b")]
    assert await store.due_sessions(2000, 1) == [SessionRef("acc-2", "a")]


async def test_activity_moves_the_due_time_in_both_directions(store: Store) -> None:
    await with_accounts(store, "acc-1")
    for expires_ms in (1000, 2000, 5000, 3000, 3500, 1200):
        await put_sessions(store, "acc-1", session("s", "acc-1", expires_ms=expires_ms))
        assert await store.due_sessions(expires_ms - 1, 10) == []
        assert await store.due_sessions(expires_ms, 10) == [SessionRef("acc-1", "s")]


async def test_due_accounts_are_those_whose_time_has_come_the_longest_due_first(store: Store) -> None:
    due = {"acc-1": 3000, "acc-2": 1500, "acc-3": 0, "acc-4": 1500}
    for account_id, due_ms in due.items():
        made = creation(account_id)
        assert made.account is not None
        made = replace(made, account=replace(made.account, due_ms=due_ms), is_rescheduled=bool(due_ms))
        assert await store.commit([made]) == frozenset()
    assert await store.due_accounts(1499, 10) == []
    assert await store.due_accounts(3000, 10) == ["acc-2", "acc-4", "acc-1"]
    assert await store.due_accounts(3000, 2) == ["acc-2", "acc-4"]


async def test_a_due_time_moves_in_both_directions_and_goes_away(store: Store) -> None:
    await with_accounts(store, "acc-1")
    for version, due_ms in enumerate((2000, 5000, 3000, 0, 1000), start=1):
        changed = replace(account("acc-1"), due_ms=due_ms)
        assert await store.commit([AccountWrite("acc-1", version, changed, is_rescheduled=True)]) == frozenset()
        assert await store.due_accounts(due_ms - 1, 10) == []
        assert await store.due_accounts(due_ms, 10) == (["acc-1"] if due_ms else [])


async def test_only_closed_sessions_whose_time_is_over_are_forgotten(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await put_sessions(store, "acc-1", session("x", "acc-1", expires_ms=9000))
    await put_sessions(
        store,
        "acc-1",
        session("x", "acc-1", expires_ms=100, status=CLOSED),
        session("y", "acc-1", expires_ms=150, status=CLOSED),
        session("young", "acc-1", expires_ms=500, status=CLOSED),
        session("open", "acc-1", expires_ms=100),
    )
    assert await store.forget_sessions(99, 10) == 0
    assert await store.forget_sessions(499, 1) == 1
    assert await store.forget_sessions(499, 10) == 1
    assert await store.forget_sessions(499, 10) == 0
    found = (await store.load(Wanted(session_ids=["x", "y", "young", "open"]))).sessions
    assert set(found) == {"young", "open"}


# lists --------------------------------------------------------------------------------------------


async def test_accounts_and_entries_are_listed_page_by_page(store: Store) -> None:
    await with_accounts(store, "acc-3", "acc-1", "acc-2")
    assert await store.account_ids(limit=2) == ["acc-1", "acc-2"]
    assert await store.account_ids(after="acc-2", limit=2) == ["acc-3"]
    assert await store.account_ids(after="acc-3") == []
    entries = tuple(request_entry("acc-1", seq, "s", seq) for seq in range(2, 12))
    await store.commit([AccountWrite("acc-1", 1, account("acc-1", last_seq=11), entries=entries)])
    assert [each.seq for each in await store.entries("acc-1", after_seq=3, limit=4)] == [4, 5, 6, 7]
    assert [each.seq for each in await store.entries("acc-1", after_seq=10)] == [11]
    assert list(await store.entries("ghost")) == []


async def test_sessions_are_listed_newest_first(store: Store) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    await put_sessions(
        store,
        "acc-1",
        session("old", "acc-1", last_ms=10),
        session("new", "acc-1", last_ms=30),
        session("closed", "acc-1", last_ms=40, status=CLOSED),
    )
    await put_sessions(store, "acc-2", session("other", "acc-2", last_ms=20))
    assert [each.session_id for each in await store.sessions()] == ["new", "other", "old"]
    assert [each.session_id for each in await store.sessions(limit=1)] == ["new"]
    assert [each.session_id for each in await store.sessions(account_id="acc-1")] == ["new", "old"]
    both = await store.sessions(account_id="acc-1", open_only=False)
    assert [each.session_id for each in both] == ["closed", "new", "old"]
    assert len(await store.sessions(open_only=False)) == 4


async def test_the_journal_of_one_session(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await store.commit([opening("acc-1", "s")])
    others = (request_entry("acc-1", 3, "t", 0), request_entry("acc-1", 4, "s", 1))
    await store.commit([AccountWrite("acc-1", 2, account("acc-1", reserved=100, last_seq=4), entries=others)])
    assert [each.seq for each in await store.session_entries("s")] == [2, 4]
    assert await store.session_entries("unknown") == []


async def test_a_snapshot_holds_account_open_sessions_and_journal(store: Store) -> None:
    assert await store.snapshot("acc-1") is None
    await with_accounts(store, "acc-1", "acc-2")
    write = opening("acc-1", "s")
    await store.commit([write, opening("acc-2", "t")])
    await put_sessions(store, "acc-1", session("closed", "acc-1", status=CLOSED))
    snapshot = await store.snapshot("acc-1")
    assert snapshot is not None
    held, sessions, entries = snapshot
    assert held == VersionedAccount(3, write.account, (subscriber("acc-1"),))
    assert list(sessions) == list(write.sessions)
    assert list(entries) == [*creation("acc-1").entries, *write.entries]


async def test_totals_count_what_is_stored(store: Store) -> None:
    assert await store.totals() == StoreTotals(accounts=0, subscribers=0, open_sessions=0, entries=0)
    await with_accounts(store, "acc-1", "acc-2")
    await store.commit([opening("acc-1", "s"), opening("acc-2", "t", version=9)])
    assert await store.totals() == StoreTotals(accounts=2, subscribers=2, open_sessions=1, entries=3)


async def test_reserved_units_are_those_of_open_sessions(store: Store) -> None:
    assert await store.reserved_units() == {}
    await with_accounts(store, "acc-1", "acc-2")
    await store.commit([opening("acc-1", "s", reserve=100), opening("acc-2", "t", reserve=30)])
    await put_sessions(store, "acc-2", session("u", "acc-2", reserved=7, status=CLOSED), session("none", "acc-2"))
    assert await store.reserved_units() == {10: 130}


async def test_reserved_units_of_members_of_a_pool_are_their_own_grants(store: Store) -> None:
    await with_accounts(store, "acc-1")
    share = PoolShare(1, 2, 100)
    members = (Quota(10, granted=60, pool=share), Quota(20, granted=7, pool=share), Quota(30, pool=share))
    pool = Pool(1, 100, 134, (Reservation("money", 2, 134),))
    await put_sessions(store, "acc-1", replace(session("s", "acc-1"), quotas=members, pools=(pool,)))
    assert await store.reserved_units() == {10: 60, 20: 7, 30: 0}


# life ---------------------------------------------------------------------------------------------


async def test_closing_and_opening_keeps_everything(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await store.commit([opening("acc-1", "s")])
    before = await store.snapshot("acc-1")
    await store.close()
    await store.close()
    await store.open()
    assert await store.snapshot("acc-1") == before
    assert (await store.load(Wanted([identity_of("acc-1")], ["s"]))).accounts["acc-1"].version == 2
    assert await store.due_sessions(1000, 10) == [SessionRef("acc-1", "s")]


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    for call in (store.load(Wanted()), store.commit([]), store.ping(), store.totals(), store.due_sessions(0, 1)):
        with pytest.raises(StoreUnavailable, match="closed"):
            await call


async def test_ping_and_checkpoint_change_nothing(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await store.ping()
    await store.checkpoint()
    assert await store.totals() == StoreTotals(accounts=1, subscribers=1, open_sessions=0, entries=1)
    assert await store.commit([opening("acc-1", "s")]) == frozenset()


async def test_loads_during_commits_see_whole_commits(store: Store) -> None:
    ids = [f"acc-{number}" for number in range(20)]
    await with_accounts(store, *ids)
    seen = asyncio.Event()

    async def watch() -> None:
        while not seen.is_set():
            held = (await store.load(Wanted(accounts=ids))).accounts
            assert len({each.version for each in held.values()}) == 1

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        for number in range(1, 21):
            await store.commit([AccountWrite(each, number, account(each)) for each in ids])
        seen.set()
    assert await version(store, "acc-0") == 21


# what is kept of events --------------------------------------------------------------------------


def kept(key: str, expires_ms: int = 1000, fingerprint: int = 7, text: str = "success") -> Kept:
    return Kept(key, fingerprint, outcome(text), expires_ms)


async def put_kept(store: Store, account_id: str, *records: Kept, version: int = 1) -> None:
    write = AccountWrite(account_id, version, account(account_id), kept=records)
    assert await store.commit([write]) == frozenset()


async def test_what_is_kept_is_found_by_key_and_account(store: Store) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    await put_kept(store, "acc-1", kept("event 0 s"), kept("debit ff"))
    await put_kept(store, "acc-2", kept("event 0 s", text="credit_limit_reached"))
    loaded = await store.load(Wanted(identities=[identity_of("acc-1")], kept_keys=["event 0 s", "event 1 s"]))
    assert loaded.kept[("acc-1", "event 0 s")] == kept("event 0 s")
    assert loaded.kept[("acc-2", "event 0 s")].content == kept("x", text="credit_limit_reached").content
    assert len(loaded.kept) == 2
    assert set(loaded.accounts) == {"acc-1"}


async def test_what_is_kept_is_written_over(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await put_kept(store, "acc-1", kept("debit ff"))
    await put_kept(store, "acc-1", kept("debit ff", text="success2", expires_ms=2000), version=2)
    loaded = await store.load(Wanted(kept_keys=["debit ff"]))
    assert loaded.kept == {("acc-1", "debit ff"): kept("debit ff", text="success2", expires_ms=2000)}


async def test_a_stale_write_keeps_nothing(store: Store) -> None:
    await with_accounts(store, "acc-1")
    write = AccountWrite("acc-1", 9, account("acc-1"), kept=(kept("event 0 s"),))
    assert await store.commit([write]) == {"acc-1"}
    assert (await store.load(Wanted(kept_keys=["event 0 s"]))).kept == {}


async def test_what_is_over_is_forgotten_page_by_page(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await put_kept(store, "acc-1", *(kept(f"event {n} s", expires_ms=1000 + n) for n in range(5)))
    assert await store.forget_kept(1003, 3) == 3
    assert await store.forget_kept(1003, 3) == 1
    assert await store.forget_kept(1003, 3) == 0
    loaded = await store.load(Wanted(kept_keys=[f"event {n} s" for n in range(5)]))
    assert [key for _, key in loaded.kept] == ["event 4 s"]


# requests to gateways -----------------------------------------------------------------------------


def asked(account_id: str, request_id: str, session_id: str, created_ms: int = 10, **more: object) -> GatewayRequest:
    return GatewayRequest(account_id, request_id, session_id, RequestKind.REAUTHORIZE, "top-up", created_ms, **more)  # type: ignore[arg-type]


async def test_open_sessions_of_an_account_are_loaded(store: Store) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    await put_sessions(store, "acc-1", session("a", "acc-1"), session("b", "acc-1"))
    await put_sessions(store, "acc-1", session("b", "acc-1", status=CLOSED))
    await put_sessions(store, "acc-2", session("c", "acc-2"))
    loaded = await store.load(Wanted(open_sessions_of=["acc-1", "ghost"]))
    assert set(loaded.sessions) == {"a"}
    assert set(loaded.accounts) == {"acc-1"}


async def test_requests_are_written_with_their_cause_or_not_at_all(store: Store) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    late = asked("acc-1", "2-0", "s", 20, rating_group=0, service_identifier=7)
    early = asked("acc-1", "2-1", "t", 10, pool=5)
    current = AccountWrite("acc-1", 1, account("acc-1"), outbox=(late, early))
    stale = AccountWrite("acc-2", 9, account("acc-2"), outbox=(asked("acc-2", "2-0", "u"),))
    assert await store.commit([current, stale]) == {"acc-2"}
    assert list(await store.pending_requests(10)) == [early, late]
    assert list(await store.pending_requests(1)) == [early]
    assert list(await store.session_requests("s")) == [late]
    assert list(await store.session_requests("u")) == []


async def test_the_progress_of_requests_is_noted(store: Store) -> None:
    await with_accounts(store, "acc-1")
    rows = tuple(asked("acc-1", f"2-{number}", "s", number) for number in range(70))
    await store.commit([AccountWrite("acc-1", 1, account("acc-1"), outbox=rows)])
    sent = replace(rows[1], state=RequestState.SENT, tries=1)
    done = [replace(row, state=RequestState.ANSWERED, tries=2, result_code=2002) for row in rows[2:]]
    await store.note_requests([sent, *done, asked("ghost", "1-0", "s")])
    await store.note_requests([])
    assert list(await store.pending_requests(100)) == [rows[0], sent]
    assert list(await store.session_requests("s")) == [rows[0], sent, *done]
    assert await version(store, "acc-1") == 2


async def test_requests_are_forgotten_with_their_session(store: Store) -> None:
    await with_accounts(store, "acc-1")
    await put_sessions(store, "acc-1", session("s", "acc-1", expires_ms=100, status=CLOSED), session("t", "acc-1"))
    held = (await store.load(Wanted(accounts=["acc-1"]))).accounts["acc-1"]
    rows = (asked("acc-1", "2-0", "s"), asked("acc-1", "2-1", "t"))
    await store.commit([AccountWrite("acc-1", held.version, held.account, outbox=rows)])
    assert await store.forget_sessions(100, 10) == 1
    assert list(await store.pending_requests(10)) == [rows[1]]


async def test_requests_survive_closing_and_opening(store: Store) -> None:
    await with_accounts(store, "acc-1")
    row = asked("acc-1", "2-0", "s")
    await store.commit([AccountWrite("acc-1", 1, account("acc-1"), outbox=(row,))])
    await store.close()
    await store.open()
    assert list(await store.pending_requests(10)) == [row]


async def test_sessions_of_a_host_that_were_not_heard_of_since(store: Store) -> None:
    await with_accounts(store, "acc-1", "acc-2")
    other = replace(session("other", "acc-1", last_ms=10), origin_host="pgw02.example.net")
    gone = session("gone", "acc-1", last_ms=10, status=CLOSED)
    await put_sessions(store, "acc-1", session("b", "acc-1", last_ms=10), session("new", "acc-1", last_ms=50), other)
    await put_sessions(store, "acc-1", gone)
    await put_sessions(store, "acc-2", session("a", "acc-2", last_ms=49))
    both = [SessionRef("acc-2", "a"), SessionRef("acc-1", "b")]
    assert list(await store.sessions_of_host("PGW.example.net", 50)) == both
    assert list(await store.sessions_of_host("pgw.example.net", 50, limit=1)) == both[:1]
    assert list(await store.sessions_of_host("pgw.example.net", 50, after="a")) == both[1:]
    assert list(await store.sessions_of_host("pgw", 50)) == []


async def test_sessions_that_were_priced_otherwise(store: Store) -> None:
    await with_accounts(store, "acc-1")

    def priced(session_id: str, offer: str, tariff: int, **more: object) -> Session:
        return replace(session(session_id, "acc-1", **more), offer=offer, tariff=tariff)

    await put_sessions(store, "acc-1", priced("a", "gold", 1), priced("b", "gold", 2), priced("c", "gone", 7))
    await put_sessions(store, "acc-1", priced("d", "gold", 0), priced("e", "gold", 1, status=CLOSED))
    await put_sessions(store, "acc-1", priced("f", "silver", 1))
    changed = [SessionRef("acc-1", each) for each in ("a", "c", "f")]
    tariffs = {"gold": 2, "silver": 3}
    assert list(await store.sessions_priced_otherwise(tariffs)) == changed
    assert list(await store.sessions_priced_otherwise(tariffs, limit=1)) == changed[:1]
    assert list(await store.sessions_priced_otherwise(tariffs, after="a")) == changed[1:]
    assert list(await store.sessions_priced_otherwise({"gold": 1, "gone": 7, "silver": 1})) == [
        SessionRef("acc-1", "b")
    ]


# keys of the API ----------------------------------------------------------------------------------


def api_key(key_id: str, client: str = "shop", **more: object) -> ApiKey:
    return ApiKey(key_id, client, "channel", digest_of(key_id, "secret"), 10, **more)  # type: ignore[arg-type]


async def test_keys_of_the_api_are_kept(store: Store) -> None:
    keys = [api_key("b"), api_key("c", scopes=("topups:write",), expires_ms=99), api_key("a", "care", used_ms=3)]
    await store.write_api_keys(keys)
    await store.close()
    await store.open()
    assert list(await store.api_keys()) == [keys[2], keys[0], keys[1]]
    assert await store.api_key("c") == keys[1]
    assert await store.api_key("ghost") is None


async def test_a_key_may_end_but_not_become_another(store: Store) -> None:
    await store.write_api_keys([api_key("a")])
    await store.note_key_use("a", 50)
    await store.note_key_use("a", 40)
    await store.note_key_use("ghost", 50)
    await store.write_api_keys([replace(api_key("a", "thief"), role="admin", expires_ms=70, revoked_ms=60)])
    assert await store.api_key("a") == api_key("a", used_ms=50, expires_ms=70, revoked_ms=60)


async def test_a_look_sees_what_a_load_sees(store: Store) -> None:
    await with_accounts(store, "acc-1")
    wanted = Wanted(accounts=["acc-1"], identities=[identity_of("acc-1")])
    assert await store.look(wanted) == await store.load(wanted)
