"""Stores that are locked, full, slow or late: nothing is lost, nothing charged twice, nothing answered late.

Every node here recovers without a restart.
"""

import asyncio
import contextlib
import resource
import sys
import threading

import pytest

from diameter_ocs.engine.engine import DECIDE_BESIDE_COMMIT
from diameter_ocs.recharge.commands import Credit
from diameter_ocs.values.verdict import Verdict
from tests.support.catalogue import catalogue_in
from tests.support.engines import until
from tests.support.gy import INITIAL, UPDATE, Line, assert_digestible, debited, granted, group_codes
from tests.support.ocs import MB, OCS_HOST, code_of, data, gateway, mscc, running_ocs

DEADLINE_SECONDS = 1.0
"""Short, but long enough for a machine that is busy with other tests."""
DEADLINE = {"diameter__answer_deadline_seconds": DEADLINE_SECONDS, "store__busy_timeout_seconds": 0.1}
LOCKER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""
ASK_ANOTHER, TOO_BUSY, UNABLE_TO_COMPLY = 3002, 3004, 5012
"""The first where the request names no server: a relay may try another one."""


@contextlib.asynccontextmanager
async def line_on(folder, *buckets, **settings):
    """A subscriber on a node of its own, with a connected gateway. Readiness is looked at afresh every time."""
    async with running_ocs(folder, **catalogue_in(folder), **settings) as node, gateway(node) as peer:
        node.readiness.KEPT_SECONDS = 0.0
        node.readiness.CHECK_SECONDS = 0.2
        yield await Line(node, peer).open(*(buckets or (data(1000 * MB),)))


async def ready(node):
    """Status and text of /readyz."""
    reader, writer = await asyncio.open_connection(*node.http.address)
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: ocs\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode()
    writer.close()
    return int(answer.split()[1]), answer


@contextlib.asynccontextmanager
async def locked_by_another_process(node):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCKER, node.store.path, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await process.stdout.readline() == b"locked\n"
        yield
    finally:
        process.stdin.close()
        await process.wait()


@contextlib.asynccontextmanager
async def busy(thread):
    """One thread of the store is at work on something else for as long as this lasts."""
    gate = threading.Event()
    work = asyncio.create_task(thread.run(lambda _: gate.wait(60)))
    try:
        yield
    finally:
        gate.set()
        await work


async def line_up(line, first, *others):
    """Send requests so that the first is being written, and the others wait, or are decided if they are many.

    They must be about sessions in memory: what has to be read first is not written yet.
    """
    node = line.node
    line.peer.send(first)
    await until(lambda: (node.application.pending, node.engine.queue_length) == (1, 0))
    line.peer.send(b"".join(others))
    waiting = len(others) if len(others) < DECIDE_BESIDE_COMMIT else 0
    await until(lambda: (node.application.pending, node.engine.queue_length) == (1 + len(others), waiting))


async def assert_nothing_more_comes(peer):
    """What would have been sent before now is not there: the next message is the answer to a watchdog."""
    answer = await peer.ask(peer.dwr())
    assert answer.header.command == 280


# Locked and full ---------------------------------------------------------------------------------


@pytest.mark.row(38)
async def test_a_database_locked_by_another_process(tmp_path):
    """5012 and nothing charged while it lasts, /readyz says so; then everything goes on, resends included."""
    async with line_on(tmp_path, store__busy_timeout_seconds=0.1) as line:
        session = line.session()
        await session.ask(INITIAL, mscc(10))
        before = await line.account()
        async with locked_by_another_process(line.node):
            assert code_of(await session.ask(UPDATE, mscc(10, used=3 * MB))) == UNABLE_TO_COMPLY
            assert code_of(await session.repeat()) == UNABLE_TO_COMPLY
            assert await line.account() == before
            status, text = await ready(line.node)
            assert status == 503
            assert "locked" in text
        assert granted(await session.repeat()) == [10 * MB]
        assert granted(await session.repeat()) == [10 * MB]
        assert (await ready(line.node))[0] == 200
        assert await line.buckets() == {"data-1": (997 * MB, 10 * MB)}


@pytest.mark.row(38)
async def test_a_locked_database_with_sister_nodes(tmp_path):
    """3002 with the E bit: the gateway may ask there."""
    settings = {"store__busy_timeout_seconds": 0.1, "node__cluster_hosts": ["ocs02.example.org"]}
    async with line_on(tmp_path, **settings) as line:
        session = line.session()
        async with locked_by_another_process(line.node):
            answer = await session.ask(INITIAL, mscc(10))
            assert (code_of(answer), answer.header.flags & 0x20) == (3002, 0x20)
        assert granted(await session.repeat()) == [10 * MB]


@contextlib.contextmanager
def few_files_grow(_):
    """No file of this process may grow beyond what the write-ahead log has now: writing fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def pages(node, count):
    await node.store._writer.run(lambda db: db.execute(f"PRAGMA max_page_count = {count}").fetchone())


@pytest.mark.parametrize("how", ["few pages", "short files"])
async def test_the_disk_fills_up_under_load(tmp_path, how):
    """What was answered before is on disk, what was refused is not and is charged once when there is room again."""
    async with line_on(tmp_path) as line:
        sessions = [line.session(f"s{number}") for number in range(10)]
        for session in sessions:
            await session.ask(INITIAL, mscc(10))
        limit = few_files_grow(line.node) if how == "short files" else contextlib.nullcontext()
        if how == "few pages":
            await pages(line.node, 1)
        answered, refused = 0, []
        with limit:
            for _ in range(100):
                for session in sessions:
                    code = code_of(await session.ask(UPDATE, mscc(10, used=1000, reason=0)))
                    assert code in (2001, UNABLE_TO_COMPLY)
                    answered += code == 2001
                    if code != 2001:
                        refused.append((session, session.sent))
                if refused:
                    break
            assert refused, "the disk never filled up"
            assert debited(await line.entries()) == 1000 * answered
            status, text = await ready(line.node)
            assert status == 503
            assert "full" in text
        if how == "few pages":
            await pages(line.node, 2**30)
        for session, request in refused:
            session.sent = request
            assert code_of(await session.repeat()) == 2001
        assert (await ready(line.node))[0] == 200
        assert debited(await line.entries()) == 1000 * (answered + len(refused))
        assert (await line.buckets())["data-1"][0] == 1000 * MB - 1000 * (answered + len(refused))


# Slow --------------------------------------------------------------------------------------------


async def test_a_store_that_writes_too_late(tmp_path):
    """Undecided requests are refused in time; decided ones get no answer, and the stored one when they come again."""
    async with line_on(tmp_path, **DEADLINE) as line:
        node, peer = line.node, line.peer
        waiting = line.session("waiting")
        decided = [line.session(f"decided{number}") for number in range(1 + DECIDE_BESIDE_COMMIT)]
        for session in (waiting, *decided):
            await session.ask(INITIAL, mscc(10, wants=None))
        async with busy(node.store._writer):
            for session in decided:
                session.sent = session.request(UPDATE, mscc(10, wants=None, used=1 * MB))
            await line_up(line, *(session.sent for session in decided))
            assert code_of(await waiting.ask(UPDATE, mscc(10, wants=None, used=4 * MB))) == ASK_ANOTHER
            status, text = await ready(node)
            assert status == 503
            assert "store" in text
            await overdue(node)
        await until(lambda: node.application.pending == 0)
        await assert_nothing_more_comes(peer)
        left = 1000 * MB - len(decided) * MB
        assert await line.buckets() == {"data-1": (left, 0)}
        for session in decided:
            assert group_codes(await session.repeat()) == [(10, 2001)]
        assert await line.buckets() == {"data-1": (left, 0)}
        assert code_of(await waiting.repeat()) == 2001
        assert await line.buckets() == {"data-1": (left - 4 * MB, 0)}
        assert (await ready(node))[0] == 200


async def overdue(node):
    """Wait until whatever is under way now has missed its deadline."""
    end = node.clock.now() + DEADLINE_SECONDS
    await until(lambda: node.clock.now() > end)


async def test_a_store_that_reads_too_late(tmp_path):
    """Nobody knows the subscriber yet, so nothing is decided: refused in time, and never charged behind its back."""
    async with line_on(tmp_path, **DEADLINE) as line:
        node = line.node
        session = line.session()
        node.engine.cache.evict(line.account_id)
        async with busy(node.store._loader):
            assert code_of(await session.ask(INITIAL, mscc(10))) == ASK_ANOTHER
            assert code_of(await session.repeat()) == ASK_ANOTHER
        await until(lambda: node.application.pending == 0)
        await assert_nothing_more_comes(line.peer)
        assert (await line.sessions(), await line.buckets()) == ({}, {"data-1": (1000 * MB, 0)})
        assert granted(await session.repeat()) == [10 * MB]


async def test_a_journal_that_is_read_too_late(tmp_path):
    """A repeat of long ago needs the journal: undecided, so refused in time; the next one gets the stored answer."""
    async with line_on(tmp_path, **DEADLINE) as line:
        session = line.session()
        await session.ask(INITIAL, mscc(10))
        first = session.sent, session.received
        for _ in range(6):
            await session.ask(UPDATE, mscc(10, used=1 * MB))
        session.sent = first[0]
        async with busy(line.node.store._loader):
            assert code_of(await session.repeat()) == ASK_ANOTHER
        await until(lambda: line.node.application.pending == 0)
        await assert_nothing_more_comes(line.peer)
        await session.repeat()
        assert session.received == first[1]
        assert await line.buckets() == {"data-1": (994 * MB, 10 * MB)}


async def test_commands_without_deadline_shield_nobody(tmp_path):
    """A top-up that waits patiently at the head of the queue does not keep those behind it from their refusal."""
    async with line_on(tmp_path, **DEADLINE) as line:
        node = line.node
        first, second = (line.session(name) for name in "ab")
        await first.ask(INITIAL)
        async with busy(node.store._writer):
            await line_up(line, first.request(UPDATE, mscc(10)))
            top_up = asyncio.create_task(node.engine.execute(Credit(line.account_id, data(5 * MB), "shop")))
            await until(lambda: node.engine.queue_length == 1)
            assert code_of(await second.ask(INITIAL, mscc(10))) == ASK_ANOTHER
        assert (await top_up).verdict is Verdict.SUCCESS


async def test_a_refusal_that_would_be_late_is_not_sent(tmp_path):
    """After a standstill of the whole node nobody waits any more; some gateways die of an answer then."""
    async with line_on(tmp_path, diameter__answer_deadline_seconds=4.5) as line:
        node = line.node
        sessions = [line.session(name) for name in "abc"]
        for session in sessions:
            await session.ask(INITIAL)
            session.sent = session.request(UPDATE, mscc(10, used=1 * MB))
        real = node.clock.now
        async with busy(node.store._writer):
            await line_up(line, *(session.sent for session in sessions))
            node.clock.now = lambda: real() + 60
            await until(lambda: node.engine.queue_length == 0)
        await until(lambda: node.application.pending == 0)
        await assert_nothing_more_comes(line.peer)
        node.clock.now = real
        assert debited(await line.entries()) == 1 * MB
        for session in sessions:
            assert granted(await session.repeat()) == [10 * MB]
        assert debited(await line.entries()) == 3 * MB


@pytest.mark.row(53)
@pytest.mark.parametrize("names_us", [False, True])
async def test_overload_is_told_in_time(tmp_path, names_us):
    """A full queue refuses at once: 3004 if the request names this node, else 3002; what waited before is served."""
    async with line_on(tmp_path, engine__queue_limit=1, engine__batch_limit=1) as line:
        node = line.node
        sessions = [line.session(name) for name in "abcd"]
        host = {"Destination_Host": OCS_HOST} if names_us else {}
        for session in sessions:
            await session.ask(INITIAL)
        async with busy(node.store._writer):
            for session in sessions[:2]:
                session.sent = session.request(UPDATE, mscc(10, used=1 * MB), **host)
            await line_up(line, *(session.sent for session in sessions[:2]))
            for session in sessions[2:]:
                answer = await session.ask(UPDATE, mscc(10, used=1 * MB), **host)
                code = TOO_BUSY if names_us else ASK_ANOTHER
                assert (code_of(answer), answer.header.flags & 0x20) == (code, 0x20)
        for session in sessions[:2]:
            octets = await line.peer.receive_bytes()
            assert_digestible(session.sent, octets)
        assert debited(await line.entries()) == 2 * MB
        for session in sessions[2:]:
            assert granted(await session.repeat()) == [10 * MB]
