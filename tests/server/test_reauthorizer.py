"""The loop behind requests to gateways, with a courier that does as told and a store that may fail."""

import asyncio
import contextlib

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from diameter_ocs.charging.commands import AbortSession
from diameter_ocs.charging.gateway_profile import GENERIC
from diameter_ocs.charging.outbox import GatewayRequest, RequestKind, RequestState
from diameter_ocs.charging.request import Outcome
from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.server import reauthorizer as module
from diameter_ocs.server.courier import Fate, Report
from diameter_ocs.server.reauthorizer import Patience, Reauthorizer
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.storage.protocol import AccountWrite, Wanted
from diameter_ocs.values.verdict import Verdict
from tests.support.engines import until
from tests.support.stores import account, creation, session

OWN = {"is_from_gateway": True}
TOLD = "sessions of a restarted peer closed"


class FaultyStore(MemoryStore):
    failing = 0

    async def pending_requests(self, limit):
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("locked")
        return await super().pending_requests(limit)


class ScriptedCourier:
    """Gives the same report about everything; remembers what it was asked to deliver."""

    def __init__(self, report):
        self.report = report
        self.delivered = []
        self.reachable = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.gateway = GENERIC

    def gateway_of(self, session):
        return self.gateway

    def can_reach(self, host, realm):
        return self.reachable

    async def deliver(self, request, session, on_sent, is_moot):
        self.delivered.append(request)
        on_sent(1)
        await self.gate.wait()
        return self.report


class Bench:
    """A reauthorizer that runs, and what it did."""

    def __init__(self, report=None, verdict=Verdict.SUCCESS):
        self.store = FaultyStore()
        self.courier = ScriptedCourier(report or Report(Fate.ANSWERED, 1, 2002, **OWN))
        self.verdict = verdict
        self.commands: list[AbortSession] = []
        self.now = 0.0
        self.asks = Reauthorizer(
            self.store, self.execute, lambda: self.now, Patience(guard_seconds=0.05, poll_seconds=0.05)
        )
        self.versions: dict[str, int] = {}

    async def execute(self, command):
        self.commands.append(command)
        return Outcome(self.verdict)

    async def put(self, *rows, account_id="acc-1"):
        """Write rows with a session for each."""
        if account_id not in self.versions:
            await self.store.commit([creation(account_id)])
            self.versions[account_id] = 1
        version = self.versions[account_id]
        sessions = {row.session_id: session(row.session_id, account_id) for row in rows}
        write = AccountWrite(account_id, version, account(account_id), sessions=tuple(sessions.values()), outbox=rows)
        assert await self.store.commit([write]) == frozenset()
        self.versions[account_id] += 1

    async def states(self, session_id="s"):
        return [(row.state, row.result_code) for row in await self.store.session_requests(session_id)]

    async def reach(self, *states, session_id="s"):
        async with asyncio.timeout(10):
            while await self.states(session_id) != list(states):  # noqa: ASYNC110
                await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def running(self):
        await self.store.open()
        task = asyncio.create_task(self.asks.run(self.courier))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])


def rar(request_id="2-0", session_id="s", **more):
    return GatewayRequest("acc-1", request_id, session_id, RequestKind.REAUTHORIZE, "top-up", 10, **more)


def asr(request_id="2-0", session_id="s", **more):
    return replace(rar(request_id, session_id, **more), kind=RequestKind.ABORT)


async def test_rows_of_another_process_are_found_by_looking():
    async with Bench().running() as bench:
        await bench.put(rar())
        await bench.reach((RequestState.ANSWERED, 2002))


async def test_rows_of_one_session_go_together_and_name_what_they_share():
    async with Bench().running() as bench:
        await bench.put(rar("2-0", rating_group=10), rar("2-1", rating_group=10), rar("2-2", "t", rating_group=10),
                        rar("2-3", "t", rating_group=20))  # fmt: skip
        bench.asks.written()
        await bench.reach(*[(RequestState.ANSWERED, 2002)] * 2)
        await bench.reach(*[(RequestState.ANSWERED, 2002)] * 2, session_id="t")
    assert {(each.session_id, each.rating_group) for each in bench.courier.delivered} == {("s", 10), ("t", None)}


async def test_an_abort_goes_before_a_re_authorisation_of_the_same_session():
    async with Bench(Report(Fate.ANSWERED, 1, 5005, **OWN)).running() as bench:
        await bench.put(rar("2-0"), asr("2-1"))
        await bench.reach((RequestState.ANSWERED, 5005), (RequestState.ANSWERED, 5005))
    assert [each.kind for each in bench.courier.delivered] == [RequestKind.ABORT, RequestKind.REAUTHORIZE]


async def test_a_gateway_that_does_not_end_sessions_is_not_asked_to():
    """The abort is given up at once, the re-authorisation behind it goes out."""
    bench = Bench()
    bench.courier.gateway = replace(GENERIC, aborts=False)
    async with bench.running():
        await bench.put(asr("2-0"), rar("2-1"))
        await bench.reach((RequestState.GAVE_UP, 0), (RequestState.ANSWERED, 2002))
    assert [each.kind for each in bench.courier.delivered] == [RequestKind.REAUTHORIZE]
    assert bench.asks.results["abort", "gave_up"] == 1


@pytest.mark.parametrize(
    ("mode", "group", "is_awaited"), [("group", 10, True), ("session", None, True), ("ignored", None, False)]
)
async def test_what_a_re_authorisation_names_and_whether_it_is_awaited(mode, group, is_awaited):
    bench = Bench(Report(Fate.ANSWERED, 1, 2001, **OWN))
    bench.courier.gateway = replace(GENERIC, reauthorisation=mode)
    async with bench.running():
        await bench.put(rar(rating_group=10))
        await bench.reach((RequestState.ANSWERED, 2001))
        assert ("s" in bench.asks.awaited) is is_awaited
    assert [each.rating_group for each in bench.courier.delivered] == [group]


async def test_what_comes_during_a_delivery_is_delivered_after_it():
    async with Bench().running() as bench:
        bench.courier.gate.clear()
        await bench.put(rar("2-0"))
        await until(lambda: bench.courier.delivered)
        await bench.put(rar("3-0"))
        bench.asks.written()
        bench.courier.gate.set()
        await bench.reach((RequestState.ANSWERED, 2002), (RequestState.ANSWERED, 2002))
    assert [each.request_id for each in bench.courier.delivered] == ["2-0", "3-0"]


async def test_a_store_that_fails_is_asked_again():
    bench = Bench()
    bench.store.failing = 3
    async with bench.running():
        await bench.put(rar())
        await bench.reach((RequestState.ANSWERED, 2002))


async def test_a_gateway_out_of_reach_is_waited_for():
    bench = Bench()
    bench.courier.reachable = False
    async with bench.running():
        await bench.put(rar())
        bench.asks.written()
        await until(lambda: bench.asks.waiting == 1)
        assert await bench.states() == [(RequestState.WAITING, 0)]
        assert bench.courier.delivered == []
        bench.courier.reachable = True
        bench.asks.peer_opened("pgw.example.net")
        await bench.reach((RequestState.ANSWERED, 2002))


async def test_a_delivery_that_lost_its_way_waits_again():
    async with Bench(Report(Fate.NO_ROUTE, 1)).running() as bench:
        await bench.put(rar())
        await until(lambda: len(bench.courier.delivered) > 1)
        bench.courier.report = Report(Fate.ANSWERED, 1, 2001, **OWN)
        await bench.reach((RequestState.ANSWERED, 2001))
    assert bench.courier.delivered[1].tries == 1


async def test_an_end_in_the_middle_keeps_what_is_known():
    bench = Bench()
    bench.courier.gate.clear()
    async with bench.running():
        await bench.put(rar())
        await until(lambda: bench.courier.delivered)
    (row,) = await bench.store.pending_requests(10)
    assert (row.state, row.tries) == (RequestState.SENT, 1)


async def test_a_session_that_cannot_be_closed_is_left_to_supervision():
    async with Bench(Report(Fate.ANSWERED, 1, 5002, **OWN), Verdict.TOO_BUSY).running() as bench:
        await bench.put(rar())
        await bench.reach((RequestState.GAVE_UP, 5002))
    assert [(each.session_id, each.is_silent) for each in bench.commands] == [("s", False)]


async def test_an_aborted_session_that_does_not_end_is_closed_as_silent():
    async with Bench(Report(Fate.ANSWERED, 1, 2002, **OWN)).running() as bench:
        await bench.put(asr())
        await bench.reach((RequestState.CLOSED, 2002))
    assert [(each.session_id, each.is_silent) for each in bench.commands] == [("s", True)]


async def test_an_update_is_not_the_end_that_an_abort_waits_for():
    async with Bench(Report(Fate.ANSWERED, 1, 2001, **OWN)).running() as bench:
        bench.courier.gate.clear()
        await bench.put(asr())
        await until(lambda: bench.courier.delivered)
        bench.asks.came(Entry("acc-1", 9, 0, "ccr_update", session_id="s"))
        bench.courier.gate.set()
        await bench.reach((RequestState.CLOSED, 2001))


async def test_what_came_before_the_answer_counts_once_and_at_once():
    """Also when the node ends before the answer."""
    bench = Bench()
    async with bench.running():
        bench.courier.gate.clear()
        await bench.put(rar())
        await until(lambda: bench.courier.delivered)
        for _ in range(3):
            bench.asks.came(Entry("acc-1", 9, 0, "ccr_update", session_id="s"))
        await bench.reach((RequestState.CCR_SEEN, 0))
    assert await bench.store.pending_requests(10) == []
    assert bench.asks.results["reauthorize", "ccr_seen"] == 1


async def test_a_request_that_comes_long_after_is_not_the_one_that_was_promised():
    async with Bench().running() as bench:
        await bench.put(rar())
        await bench.reach((RequestState.ANSWERED, 2002))
        assert "s" in bench.asks.awaited
        bench.now = 1.0
        await until(lambda: not bench.asks.awaited)


async def test_a_mistake_of_ours_costs_one_request(monkeypatch):
    async with Bench().running() as bench:

        async def fail(*_):
            raise ZeroDivisionError

        monkeypatch.setattr(bench.courier, "deliver", fail)
        await bench.put(rar())
        await bench.reach((RequestState.GAVE_UP, 0))
        monkeypatch.undo()
        await bench.put(rar("3-0", "t"))
        await bench.reach((RequestState.ANSWERED, 2002), session_id="t")


async def test_deliveries_at_one_time_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_DELIVERIES", 3)
    async with Bench().running() as bench:
        bench.courier.gate.clear()
        await bench.put(*(rar(f"2-{number}", f"s{number}") for number in range(10)))
        bench.asks.written()
        await until(lambda: len(bench.courier.delivered) == 3)
        bench.courier.gate.set()
        await until(lambda: len(bench.courier.delivered) == 10)
        await bench.reach((RequestState.ANSWERED, 2002), session_id="s9")


async def test_sessions_of_a_restarted_gateway_page_by_page(monkeypatch):
    monkeypatch.setattr(module, "RESTART_PAGE", 2)
    async with Bench().running() as bench:
        await bench.store.commit([creation("acc-1")])
        sessions = tuple(session(f"s{number}", "acc-1") for number in range(5))
        await bench.store.commit([AccountWrite("acc-1", 1, account("acc-1"), sessions=sessions)])
        bench.asks.peer_restarted("PGW.example.net", 1000)
        with capture_logs() as logs:
            await until(lambda: len(bench.commands) == 5 and not bench.asks._cleanups)
    assert [each["closed"] for each in logs if each["event"] == TOLD] == [5]
    assert {(each.reason, each.is_silent, each.unheard_since_ms) for each in bench.commands} == {
        ("peer restarted", True, 1000)
    }


async def test_a_gateway_that_restarts_again_and_again_costs_one_search_at_a_time():
    searches = []

    class CountingStore(FaultyStore):
        async def sessions_of_host(self, origin_host, unheard_since_ms, after="", limit=1000):
            searches.append(unheard_since_ms)
            return await super().sessions_of_host(origin_host, unheard_since_ms, after, limit)

    async with Bench().running() as bench:
        bench.asks._store = store = CountingStore()
        await store.open()
        for at_ms in range(1000, 1100):
            bench.asks.peer_restarted("pgw.example.net", at_ms)
            if at_ms == 1000:
                await until(lambda: searches)
        await until(lambda: not bench.asks._cleanups)
    assert (searches[0], searches[-1]) == (1000, 1099)
    assert len(searches) <= 3


async def test_a_restarted_gateway_without_sessions_is_no_warning():
    async with Bench().running() as bench:
        bench.asks.peer_restarted("PGW.example.net", 1000)
        with capture_logs() as logs:
            await until(lambda: not bench.asks._cleanups)
    assert logs == []


@pytest.mark.parametrize("count", [3, 700])
async def test_many_sessions(count):
    async with Bench().running() as bench:
        await bench.put(*(rar(f"2-{number}", f"s{number}") for number in range(count)))
        bench.asks.written()
        await until(lambda: bench.asks.results.get(("reauthorize", "2002"), 0) == count)
        await until(lambda: bench.asks.waiting == 0)
        assert set((await bench.store.load(Wanted(session_ids=["s1"]))).sessions) == {"s1"}
