"""Requests of the node to gateways over the wire: who is asked, on which connection, and what follows."""

import contextlib
from itertools import count

import pytest
from msgspec import structs

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.outbox import RequestKind, RequestState
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.ledger.account import Status
from diameter_ocs.peer import messages
from diameter_ocs.peer.answers import answer, origin
from diameter_ocs.peer.avps import AvpCode, text, unsigned32
from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import Credit, SetAccountStatus, SetSubscriberStatus
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import RETRANSMIT, read_header
from tests.support.catalogue import catalogue_in
from tests.support.engines import until
from tests.support.gy import INITIAL, TERMINATION, UPDATE, GySession, granted, group_codes, stored_session
from tests.support.ocs import (
    MB,
    MSISDN,
    OCS_HOST,
    PGW,
    PGW_HOST,
    PGW_REALM,
    add_line,
    bucket_of,
    code_of,
    data,
    gateway,
    money,
    mscc,
    running_ocs,
    value,
)
from tests.support.vectors import octets_of
from tests.support.wire_peer import WirePeer

FAST = {"requests.answer_seconds": 0.2, "requests.pause_seconds": 0.05, "requests.poll_seconds": 0.2}
_numbers = count(1)


@contextlib.asynccontextmanager
async def node_in(folder, **settings):
    async with running_ocs(folder, **(catalogue_in(folder) | FAST | settings)) as made:
        yield made


@pytest.fixture
async def node(tmp_path):
    async with node_in(tmp_path) as made:
        yield made


def named(host):
    return structs.replace(PGW, origin_host=host)


def session_on(peer, msisdn=MSISDN):
    return GySession(peer, msisdn, f"{PGW_HOST};7;{next(_numbers)}")


async def dry_session(node, peer, account_id="acc-1"):
    """Its only group was refused for lack of credit."""
    await add_line(node, account_id, data(5 * MB), offer="standard")
    session = session_on(peer)
    assert granted(await session.ask(INITIAL, mscc(10))) == [5 * MB]
    assert group_codes(await session.ask(UPDATE, mscc(10, used=5 * MB, reason=3))) == [(10, 4012)]
    return session


async def top_up(node, amount=50 * MB, account_id="acc-1", **more):
    outcome = await node.engine.execute(Credit(account_id, data(amount, "top-up", **more), "bought"))
    assert outcome.verdict is Verdict.SUCCESS


def reply(request, code, who=PGW):
    """RAA or ASA."""
    session_id = value(decode_message(request, default_dictionary()), "Session-Id")
    body = text(AvpCode.SESSION_ID, session_id) + unsigned32(AvpCode.RESULT_CODE, code) + origin(who)
    return answer(request, body)


async def asked(peer: WirePeer, command: Command):
    """The next request of the node: its octets and what they mean."""
    octets = await peer.receive_bytes()
    assert read_header(octets).command == command
    return octets, decode_message(octets, default_dictionary())


async def requests_of(node, session):
    return list(await node.store.session_requests(session.session_id))


async def reach(node, session, *states):
    """Wait until the requests of a session are on disk in these states."""

    async def states_now():
        return tuple(row.state for row in await requests_of(node, session))

    seen: list[tuple[RequestState, ...]] = [()]

    async def watch():
        while seen[-1] != states:
            seen.append(await states_now())

    import asyncio

    async with asyncio.timeout(10):
        await watch()
    return await requests_of(node, session)


async def test_a_dry_session_goes_on_after_a_top_up(node):
    """4012, credit, RAR for the group, RAA 2002, CCR-Update with the forced reason: quota again (RFC 8506 §5.5)."""
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
        await top_up(node)
        octets, rar = await asked(peer, Command.RE_AUTH)
        assert read_header(octets).flags == 0xC0
        assert value(rar, "Session-Id") == session.session_id
        assert value(rar, "Origin-Host") == OCS_HOST
        assert (value(rar, "Destination-Realm"), value(rar, "Destination-Host")) == (PGW_REALM, PGW_HOST)
        assert (value(rar, "Re-Auth-Request-Type"), value(rar, "Rating-Group")) == (0, 10)
        peer.send(reply(octets, 2002))
        assert granted(await session.ask(UPDATE, mscc(10, reason=7))) == [10 * MB]
        (row,) = await reach(node, session, RequestState.CCR_SEEN)
        assert (row.kind, row.cause, row.tries, row.result_code) == (RequestKind.REAUTHORIZE, "bought", 1, 2002)
