"""Requests of a node to gateways (RAR, ASR), as a test sees and answers them."""

import asyncio

from diameter_ocs.peer.answers import answer, origin
from diameter_ocs.peer.avps import AvpCode, text, unsigned32
from diameter_ocs.peer.messages import Command
from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import read_header
from tests.support.ocs import PGW, value
from tests.support.wire_peer import WirePeer

FAST = {"requests.answer_seconds": 0.2, "requests.pause_seconds": 0.05, "requests.poll_seconds": 0.2}


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
    async with asyncio.timeout(10):
        while tuple(row.state for row in await requests_of(node, session)) != states:  # noqa: ASYNC110
            await asyncio.sleep(0)
    return await requests_of(node, session)
