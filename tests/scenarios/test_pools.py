"""Credit pools over the wire: the references of an answer, any mix of use, and a re-authorisation of a pool."""

import contextlib

import pytest
import pytest_asyncio

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.ledger.journal import Action
from diameter_ocs.peer.answers import answer, origin
from diameter_ocs.peer.avps import AvpCode, text, unsigned32
from diameter_ocs.peer.messages import Command
from diameter_ocs.simulator.conservation import consumed_by_session, differences
from diameter_ocs.simulator.credit import Subscriber
from diameter_ocs.simulator.dialect import THREE_GPP, Origin
from diameter_ocs.simulator.gateway import Gateway
from diameter_ocs.simulator.group import Habits
from diameter_ocs.simulator.live_session import LiveSession
from diameter_ocs.simulator.message import RE_AUTH
from diameter_ocs.simulator.session import Phase
from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.catalogue import written
from tests.support.engines import until
from tests.support.gy import INITIAL, TERMINATION, UPDATE, Line, granted, group_codes, postings, stored_session
from tests.support.ocs import MB, PGW, PGW_HOST, PGW_REALM, code_of, gateway, groups, money, mscc, running_ocs, value
from tests.support.pools import TEXT

SEVERAL = ("Multiple-Services-Indicator", 1)
POOL_EXHAUSTED, VALIDITY_TIME = 8, 4


@pytest_asyncio.fixture
async def line(tmp_path):
    async with running_ocs(tmp_path, **written(tmp_path, TEXT)) as node, gateway(node) as peer:
        yield Line(node, peer)


def references(said):
    """Pool, CC-Unit-Type, Value-Digits and Exponent of every MSCC."""
    path = ("G-S-U-Pool-Reference", "Unit-Value")
    return [
        (
            value(each, path[0], "G-S-U-Pool-Identifier"),
            value(each, path[0], "CC-Unit-Type"),
            value(each, *path, "Value-Digits"),
            value(each, *path, "Exponent"),
        )
        for each in groups(said)
    ]


def wish(octets):
    return (("CC-Total-Octets", octets),)


async def test_the_worked_example_of_the_standard(line):
    session = (await line.open(money(5_000_000), offer="pooled")).session()
    opened = await session.ask(INITIAL, SEVERAL, mscc(10, wants=wish(4 * MB)), mscc(20, wants=wish(2 * MB)))
    assert granted(opened) == [4 * MB, 2 * MB]
    assert references(opened) == [(1, 2, 14, None), (1, 2, 7, None)]
    assert await line.buckets() == {"money": (5_000_000, 500_000)}
    both = (mscc(10, used=3 * MB, reason=POOL_EXHAUSTED), mscc(20, used=4 * MB, reason=POOL_EXHAUSTED))
    used = await session.ask(UPDATE, *both)
    assert granted(used) == [10 * MB, 10 * MB]
    assert await line.buckets() == {"money": (4_500_000, 1_500_000)}
    assert {mark for _, mark in postings(await line.entries(), Action.DEBIT)} == {""}


async def test_a_unit_of_time_has_its_type_and_an_exponent(line):
    """0.03 for 7 seconds beside 0.05 for 1 MB: 600,000 octets cost what 7 seconds do."""
    session = (await line.open(money(5_000_000), offer="pooled")).session()
    opened = await session.ask(INITIAL, SEVERAL, mscc(20), mscc(30))
    assert references(opened) == [(1, 2, 7, None), (1, 0, 6, 5)]


async def test_members_join_leave_and_go_on_with_what_is_left(line):
    session = (await line.open(money(700_000), offer="pooled")).session()
    await session.ask(INITIAL, SEVERAL, mscc(10, wants=wish(6 * MB)))
    await session.ask(UPDATE, mscc(20))
    last = await session.ask(UPDATE, mscc(21))
    assert value(groups(last)[0], "Final-Unit-Indication", "Final-Unit-Action") == 0
    more = await session.ask(UPDATE, mscc(10, used=MB, reason=VALIDITY_TIME))
    assert (granted(more), references(more)) == ([0], [(1, 2, 14, None)])
    assert value(groups(more)[0], "Validity-Time") == 3600
    first = session.received
    await session.repeat()
    assert session.received == first
    gone = await session.ask(UPDATE, mscc(21, wants=None, used=0, reason=2))
    assert (group_codes(gone), granted(gone)) == ([(21, 2001)], [None])
    assert await line.buckets() == {"money": (600_000, 600_000)}
    done = await session.ask(TERMINATION, mscc(10, wants=None, used=MB), mscc(20, wants=None, used=10 * MB))
    assert code_of(done) == 2001
    assert await line.buckets() == {"money": (0, 0)}


async def test_without_multiple_services_there_is_no_pool(line):
    session = (await line.open(money(5_000_000), offer="pooled")).session()
    opened = await session.ask(INITIAL, mscc(10), mscc(20))
    assert references(opened) == [(None,) * 4] * 2


async def test_a_gateway_is_asked_about_one_pool(line):
    session = (await line.open(money(5_000_000), offer="pooled")).session()
    await session.ask(INITIAL, SEVERAL, mscc(10), mscc(20))
    command = AskGateway(line.account_id, session.session_id, RequestKind.REAUTHORIZE, pool=1)
    assert (await line.node.engine.execute(command)).verdict.name == "SUCCESS"
    octets = await line.peer.receive_bytes()
    asked = decode_message(octets, default_dictionary())
    assert asked.header.command == Command.RE_AUTH
    assert (asked.value("G-S-U-Pool-Identifier"), asked.value("Rating-Group")) == (1, None)
    body = text(AvpCode.SESSION_ID, session.session_id) + unsigned32(AvpCode.RESULT_CODE, 2002) + origin(PGW)
    line.peer.send(answer(octets, body))
    both = (mscc(10, used=MB, reason=7), mscc(20, used=MB, reason=7))
    assert granted(await session.ask(UPDATE, *both)) == [10 * MB, 10 * MB]
    await until(lambda: line.node.reauthorizer.results["reauthorize", "ccr_seen"])


# A gateway that keeps pools ---------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def playing(node, line, dialect=THREE_GPP, **habits):
    """A simulated gateway with one session of the line; at the end its books and the journal must agree."""
    packet_gateway = Gateway([node.transport.addresses[0]], Origin(PGW_HOST, PGW_REALM))
    await packet_gateway.start()
    live = LiveSession(packet_gateway, Subscriber(line.msisdn, line.imsi), 1, dialect, Habits(**habits))
    packet_gateway.on_server_request = lambda command, _, scope: live.server_request(command, scope)
    try:
        yield live
        await live.end()
        books = {live.session_id: dict(live.model.books.groups)}
        assert differences(books, await consumed_by_session(node.store)) == []
    finally:
        await packet_gateway.stop()


@pytest_asyncio.fixture
async def node(tmp_path):
    async with running_ocs(tmp_path, **written(tmp_path, TEXT)) as made:
        yield made


def requests_of(live):
    return live.gateway.counters.requests


async def test_one_group_uses_what_another_was_granted(node):
    line = await Line(node, None).open(money(5_000_000), offer="pooled")
    async with playing(node, line, obeys_threshold=False) as live:
        await live.start((10, 20))
        assert await live.use({20: 29 * MB}) == {20: 29 * MB}
        assert requests_of(live) == 1
        await live.use({20: 2 * MB})
        assert requests_of(live) == 2
        assert live.model.groups[10].quota == live.model.groups[20].quota == 10 * MB
    assert (await line.buckets())["money"] == (5_000_000 - 31 * 50_000, 0)
    marks = {mark for _, mark in postings(await line.entries(), Action.DEBIT)}
    assert marks == {""}


@pytest.mark.parametrize("merges", [True, False])
async def test_a_balance_is_used_to_the_end_by_groups_of_different_prices(node, merges):
    line = await Line(node, None).open(money(3_333_333), offer="pooled")
    async with playing(node, line, merges=merges) as live:
        await live.start((10, 20, 21))
        passed = await live.use({10: 20 * MB, 20: 9 * MB, 21: 100 * MB})
        await live.idle(4000)
        assert passed[10] == 20 * MB
        assert live.model.phase is Phase.CLOSED
    remaining, reserved = (await line.buckets())["money"]
    points = passed[10] * 2 + passed[20] + passed[21]
    assert (remaining, reserved) == (3_333_333 - -(-points // 20), 0)
    assert 0 <= remaining < 100_000
    assert {mark for _, mark in postings(await line.entries(), Action.DEBIT)} == {""}


async def test_a_gateway_that_does_not_stop_at_the_pool_pays_for_all_of_it(node):
    line = await Line(node, None).open(money(1_500_000), offer="pooled")
    async with playing(node, line, overuses=True) as live:
        await live.start((10, 20))
        await live.use({10: 20 * MB, 20: 20 * MB})
    assert (await line.buckets())["money"] == (1_500_000 - 3_000_000, 0)


async def test_a_pool_is_asked_for_again_as_a_whole(node):
    line = await Line(node, None).open(money(5_000_000), offer="pooled")
    async with playing(node, line) as live:
        await live.start((10, 20, 40))
        await live.use({10: MB, 40: MB})
        command = AskGateway(line.account_id, live.session_id, RequestKind.REAUTHORIZE, pool=1)
        await node.engine.execute(command)
        await live.await_request(RE_AUTH, 10)
        assert (await stored_session(node, live.session_id)).pools[0].promised == 7 * 30 * MB
        assert live.model.groups[40].used == MB
        assert live.model.groups[10].used == 0
