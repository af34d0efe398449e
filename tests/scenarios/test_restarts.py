"""Gateways that restart, over the wire: the Origin-State-Id in a CCR or DWR closes what their host had open before."""

import asyncio
import contextlib
from itertools import count

import pytest
from msgspec import structs

from diameter_ocs.charging.session import SessionStatus
from tests.support.catalogue import catalogue_in
from tests.support.gy import INITIAL, TERMINATION, UPDATE, Line, granted, stored_session
from tests.support.ocs import (
    MB,
    PGW,
    PGW_HOST,
    PGW_REALM,
    bucket_of,
    code_of,
    data,
    gateway,
    mscc,
    running_ocs,
    value,
)
from tests.support.wire_peer import WirePeer

RELAY = structs.replace(
    PGW,
    origin_host=f"dra01.{PGW_REALM}",
    applications=frozenset({0xFFFFFFFF}),
    origin_state_id=5,
)
BEFORE, AFTER = 100, 101
_names = count(1)


@contextlib.asynccontextmanager
async def node_in(folder):
    async with running_ocs(folder, **catalogue_in(folder)) as made:
        yield made


@pytest.fixture
async def node(tmp_path):
    async with node_in(tmp_path) as made:
        yield made


async def opened(node, peer, host=PGW_HOST, state=BEFORE):
    """A session of a subscriber of its own, opened by that host under that state."""
    session = (await Line(node, peer).open(data(50 * MB))).session(str(next(_names)))
    session.session_id = session.session_id.replace(PGW_HOST, host)
    said = await session.ask(INITIAL, mscc(10), Origin_Host=host, Origin_State_Id=state)
    assert granted(said) == [10 * MB]
    return session


async def closed(node, session):
    async with asyncio.timeout(10):
        while (await stored_session(node, session.session_id)).status is SessionStatus.OPEN:  # noqa: ASYNC110
            await asyncio.sleep(0)
    return (await stored_session(node, session.session_id)).close_reason


async def is_open(node, session):
    return (await stored_session(node, session.session_id)).status is SessionStatus.OPEN


async def test_behind_a_relay_a_restart_shows_in_the_ccr_of_its_host(node):
    """The connection to the relay stays: neither it nor another host behind it has restarted."""
    other = f"pgw02.{PGW_REALM}"
    async with gateway(node, RELAY) as relay:
        lost = [await opened(node, relay) for _ in range(3)]
        kept = await opened(node, relay, other, AFTER)
        new = await opened(node, relay, state=AFTER)
        assert {await closed(node, each) for each in lost} == {"peer restarted"}
        assert (await bucket_of(node, account_id=f"acc-{lost[0].msisdn[-4:]}")).reserved == 0
        for session, host in ((kept, other), (new, PGW_HOST)):
            said = await session.ask(UPDATE, mscc(10, used=MB, reason=3), Origin_Host=host, Origin_State_Id=AFTER)
            assert granted(said) == [10 * MB]
        late = await lost[0].ask(TERMINATION, mscc(10, wants=None, used=2 * MB), Origin_State_Id=AFTER)
        assert code_of(late) == 5002
        assert (await bucket_of(node, account_id=f"acc-{lost[0].msisdn[-4:]}")).remaining == 48 * MB


async def test_sessions_opened_together_after_the_restart_survive_it(node):
    async with gateway(node) as peer:
        lost = await opened(node, peer)
        new = [(await Line(node, peer).open(data(50 * MB))).session("n") for _ in range(20)]
        peer.send(b"".join(each.request(INITIAL, mscc(10), Origin_State_Id=AFTER) for each in new))
        assert [code_of(await peer.receive()) for _ in new] == [2001] * 20
        assert await closed(node, lost) == "peer restarted"
        for each in new:
            assert code_of(await each.ask(UPDATE, mscc(10, used=MB, reason=3), Origin_State_Id=AFTER)) == 2001


async def test_a_restart_shows_in_a_dwr(node):
    async with gateway(node, structs.replace(PGW, origin_state_id=BEFORE)) as peer:
        lost = await opened(node, peer, state=0)
        peer.node = structs.replace(PGW, origin_state_id=AFTER)
        assert code_of(await peer.ask(peer.dwr())) == 2001
        assert await closed(node, lost) == "peer restarted"


@pytest.mark.parametrize("later", [BEFORE, BEFORE - 1, 0])
async def test_a_state_that_did_not_rise_proves_nothing(node, later):
    """Also over a second way to the same host; a smaller one is late, 0 says nothing."""
    async with gateway(node, structs.replace(PGW, origin_state_id=BEFORE)) as peer, gateway(node, RELAY) as relay:
        old = await opened(node, peer)
        new = await opened(node, relay, state=later)
        assert not node.reauthorizer._cleanups
        for each in (old, new):
            said = await each.ask(UPDATE, mscc(10, used=MB, reason=3), Origin_State_Id=BEFORE)
            assert granted(said) == [10 * MB]


async def test_a_session_that_is_spoken_of_after_the_restart_is_not_lost(node):
    async with gateway(node, structs.replace(PGW, origin_state_id=BEFORE)) as peer:
        kept, lost = await opened(node, peer), await opened(node, peer)
        said = await kept.ask(UPDATE, mscc(10, used=MB, reason=3), Origin_State_Id=AFTER)
        assert granted(said) == [10 * MB]
        assert await closed(node, lost) == "peer restarted"
        assert await is_open(node, kept)


async def test_our_own_state_is_that_of_the_database(tmp_path):
    """Sessions survive a restart of the node, so its state must not rise; a CCA has none (TS 32.299 §6.4.3)."""
    states = set()
    for _ in range(2):
        async with node_in(tmp_path) as node, gateway(node) as peer:
            dwa = await peer.ask(peer.dwr())
            born_ms = await node.store.born_ms()
            states |= {value(dwa, "Origin-State-Id"), born_ms // 1000}
            other = structs.replace(PGW, origin_host=f"pgw09.{PGW_REALM}")
            async with WirePeer(other) as second:
                await second.connect(*node.transport.addresses[0])
                states.add(value(await second.introduce(), "Origin-State-Id"))
            cca = await (await Line(node, peer).open(data(50 * MB))).session().ask(INITIAL, mscc(10))
            assert value(cca, "Origin-State-Id") is None
    assert len(states) == 1
    assert 0 not in states
