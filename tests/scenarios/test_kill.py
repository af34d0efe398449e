"""A server that is killed under load, again and again: what was answered is on disk, what was not is charged once."""

import asyncio
import contextlib
import random
from collections import Counter

import pytest
from msgspec import structs

from diameter_ocs.storage import open_store
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.wire.codec import decode_lenient
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.gy import (
    INITIAL,
    TERMINATION,
    UPDATE,
    GySession,
    assert_digestible,
    debited,
    session_name,
    with_header,
)
from tests.support.ocs import PGW, add_line, code_of, data, money, mscc, running_ocs, value
from tests.support.server_process import server_process
from tests.support.wire_peer import WirePeer

SEED = 4711
KILLS = 20
GATEWAYS = 3
SESSIONS_PER_GATEWAY = 6
ACCOUNTS = 5
MOST_ANSWERS = 300
"""Answers between a start and its kill, at most."""
OCTETS = 10**15


class Book:
    """One session as its gateway remembers it: what was sent, what is unanswered, how much was reported."""

    def __init__(self, msisdn, session_id, chance):
        self.session = GySession(None, msisdn, session_id)
        self.chance = chance
        self.unanswered = {}
        self.answered = set()
        self.reported = 0
        self.is_over = False

    def next_requests(self):
        """What the gateway sends now: the beginning, one or two reports, or the end."""
        session = self.session
        if session.next == 0:
            return [self.made(INITIAL, mscc(10), mscc(20))]
        if self.chance.random() < 0.03:
            self.is_over = True
            return [self.made(TERMINATION, self.report(10, more=False), self.report(20, more=False))]
        return [
            self.made(UPDATE, self.report(self.chance.choice((10, 20)))) for _ in range(self.chance.choice((1, 1, 2)))
        ]

    def made(self, kind, *members):
        number = self.session.next
        self.unanswered[number] = self.session.request(kind, *members)
        return self.unanswered[number]

    def report(self, group, more=True):
        units = self.chance.randrange(3_000_000)
        self.reported += units
        return mscc(group, wants=() if more else None, used=units, reason=0 if more else 2)

    def took(self, answer):
        number = value(answer, "CC-Request-Number")
        assert code_of(answer) == 2001, answer
        assert self.unanswered.pop(number, None) is not None, "an answer that nobody waits for"
        self.answered.add(number)


class Gateway:
    """One connection that carries several sessions, each with one or two requests on their way."""

    def __init__(self, index, chance):
        self.node = structs.replace(PGW, origin_host=PGW.origin_host.replace("pgw01", f"pgw{index:02d}"))
        self.index = index
        self.chance = chance
        self.books = []
        self.running = {}

    def open_books(self):
        """As many sessions as it carries; those that are over make room for new ones."""
        self.running = {name: book for name, book in self.running.items() if not book.is_over or book.unanswered}
        while len(self.running) < SESSIONS_PER_GATEWAY:
            name = session_name(f"{self.index};{len(self.books)}")
            book = Book(msisdn_of(self.chance.randrange(ACCOUNTS)), name, self.chance)
            self.books.append(book)
            self.running[name] = book

    async def connect(self, address):
        peer = await WirePeer(self.node).connect(*address)
        assert code_of(await peer.introduce()) == 2001
        return peer

    async def resend(self, peer):
        """Everything unanswered, with the T flag, in its order."""
        left = [(book, octets) for book in self.running.values() for octets in list(book.unanswered.values())]
        for _, octets in left:
            peer.send(with_header(octets, flags=0xD0))
        for _ in left:
            await self.take_one(peer)
        assert not any(book.unanswered for book in self.running.values())

    async def take_one(self, peer):
        octets = await peer.receive_bytes()
        answer = decode_lenient(octets, default_dictionary())
        book = self.running[value(answer, "Session-Id")]
        assert_digestible(book.unanswered[value(answer, "CC-Request-Number")], octets)
        book.took(answer)
        return book

    async def load(self, peer, answered):
        """Work until the connection is gone."""
        self.open_books()
        for book in self.running.values():
            self.send_next(peer, book)
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                book = await self.take_one(peer)
                answered()
                if book.is_over and not book.unanswered:
                    self.open_books()
                    book = list(self.running.values())[-1]
                if not book.unanswered:
                    self.send_next(peer, book)

    def send_next(self, peer, book):
        for octets in book.next_requests():
            peer.send(octets)


class Moment:
    """When the server is to die: after so many answers."""

    def __init__(self, answers):
        self.answers = answers
        self.come = asyncio.Event()

    def answered(self):
        self.answers -= 1
        if self.answers <= 0:
            self.come.set()


def msisdn_of(number):
    return f"99977{number:06d}"


async def load_until_killed(server, gateways, chance):
    """Resend what the last server left unanswered, then load, and kill at a moment by chance."""
    peers = [await gateway.connect(server.address) for gateway in gateways]
    await asyncio.gather(*(gateway.resend(peer) for gateway, peer in zip(gateways, peers, strict=True)))
    moment = Moment(chance.randint(1, MOST_ANSWERS))
    work = [
        asyncio.create_task(gateway.load(peer, moment.answered)) for gateway, peer in zip(gateways, peers, strict=True)
    ]
    async with asyncio.timeout(20):
        await moment.come.wait()
        await asyncio.wait(work, timeout=chance.random() / 200)
        await server.kill()
        await asyncio.gather(*work)
    for peer in peers:
        await peer.close()


async def assert_disk_agrees(database, gateways):
    """The books are right, every answer that was given is in the journal, and nothing is there twice."""
    store = open_store(f"sqlite:///{database}", busy_timeout_seconds=2.0)
    await store.open()
    try:
        report = await audit_store(store)
        assert report.is_clean, report.faulty
        kept, units = await journal_of(store)
    finally:
        await store.close()
    assert set(kept.values()) <= {1}, "a request was charged twice"
    for book in (book for gateway in gateways for book in gateway.books):
        name = book.session.session_id
        missing = {number for number in book.answered if (name, number) not in kept}
        assert not missing, f"answered, but not on disk: {name} {missing}"
        if not book.unanswered:
            assert units[name] == book.reported, name
    return sum(kept.values())


async def journal_of(store):
    """How often each request is in the journal, and the units debited by session."""
    kept, units = Counter(), Counter()
    for number in range(ACCOUNTS):
        entries = await store.entries(f"acc-{number}", limit=1_000_000)
        for entry in entries:
            if entry.request_number is not None:
                kept[entry.session_id, entry.request_number] += 1
                units[entry.session_id] += debited([entry])
    return kept, units


@pytest.mark.timeout(110)
async def test_killed_under_load(tmp_path):
    chance = random.Random(SEED)
    database = tmp_path / "ocs.db"
    async with running_ocs(tmp_path) as node:
        for number in range(ACCOUNTS):
            buckets = (data(OCTETS),) if number % 2 else (data(OCTETS // 10**7), money(10**15))
            await add_line(node, f"acc-{number}", *buckets, msisdn=msisdn_of(number), imsi=f"00101{number:010d}")
    gateways = [Gateway(number, chance) for number in range(1, GATEWAYS + 1)]
    cut_off = 0
    for _ in range(KILLS):
        async with server_process(database) as server:
            await load_until_killed(server, gateways, chance)
        cut_off += sum(len(book.unanswered) for gateway in gateways for book in gateway.running.values())
        await assert_disk_agrees(database, gateways)
    assert cut_off > KILLS, "no request was on its way when the server died"
    async with server_process(database) as server:
        for gateway in gateways:
            peer = await gateway.connect(server.address)
            await gateway.resend(peer)
            await peer.close()
        assert await server.stop() == 0
    assert not any(book.unanswered for gateway in gateways for book in gateway.books)
    assert await assert_disk_agrees(database, gateways) == sum(
        len(book.answered) for gateway in gateways for book in gateway.books
    )
