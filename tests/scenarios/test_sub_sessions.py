"""Sub-sessions over the wire (RFC 8506 §8.5): one Session-Id, and under it sessions that know nothing of each other."""

import pytest

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.ledger.account import Status
from diameter_ocs.peer.answers import answer, origin
from diameter_ocs.peer.avps import AvpCode, text, unsigned32
from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import SetAccountStatus
from diameter_ocs.values.session_key import session_key
from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import read_header
from tests.support.engines import until
from tests.support.gy import EVENT, INITIAL, TERMINATION, UPDATE, Line, granted
from tests.support.ocs import MB, PGW, code_of, data, mscc, value

pytestmark = pytest.mark.asyncio(loop_scope="module")
LARGEST = 2**64 - 1


class SubSession:
    """A session of the line with a CC-Sub-Session-Id; None: the one without."""

    def __init__(self, line: Line, number: int | None, name: str = "a") -> None:
        self.gy = line.session(name)
        self.number = number
        self.key = session_key(self.gy.session_id, number)

    async def ask(self, kind, *more, **change):
        if self.number is not None:
            change["CC_Sub_Session_Id"] = self.number
        said = await self.gy.ask(kind, *more, **change)
        assert value(said, "CC-Sub-Session-Id") == self.number
        return said

    async def repeat(self):
        return await self.gy.repeat()


async def opened(line, *numbers):
    """Sub-sessions of one session, each with its first grant."""
    made = [SubSession(line, number) for number in numbers]
    for each in made:
        assert code_of(await each.ask(INITIAL, mscc(10))) == 2001
    return made


async def test_every_sub_session_has_its_own_numbers_quota_and_end(line):
    await line.open(data(1000 * MB))
    main, one, two = await opened(line, None, 1, LARGEST)
    for each, used in ((one, 3 * MB), (two, 5 * MB), (main, 7 * MB)):
        assert code_of(await each.ask(UPDATE, mscc(10, used=used, reason=3))) == 2001
    remaining, reserved = (await line.buckets())["data-1"]
    assert remaining == 1000 * MB - 15 * MB
    assert await line.sessions() == {main.key: "open", one.key: "open", two.key: "open"}
    assert code_of(await one.ask(TERMINATION, mscc(10, wants=None, used=MB))) == 2001
    remaining, still_reserved = (await line.buckets())["data-1"]
    assert (remaining, still_reserved) == (1000 * MB - 16 * MB, reserved * 2 // 3)
    assert await line.sessions() == {main.key: "open", one.key: "closed", two.key: "open"}


async def test_a_number_used_in_one_sub_session_is_new_in_another(line):
    """The key of a repeat is Session-Id, CC-Sub-Session-Id and CC-Request-Number."""
    await line.open(data(1000 * MB))
    one, two = await opened(line, 1, 2)
    first = await one.ask(UPDATE, mscc(10, used=MB, reason=3))
    await two.ask(UPDATE, mscc(10, used=MB, reason=3))
    assert (await line.buckets())["data-1"][0] == 998 * MB
    assert granted(await one.repeat()) == granted(first)
    await two.repeat()
    assert (await line.buckets())["data-1"][0] == 998 * MB


async def test_a_sub_session_that_was_never_opened_is_unknown_although_its_session_is_open(line):
    await line.open(data(1000 * MB))
    await opened(line, None, 1)
    stranger = SubSession(line, 2)
    assert code_of(await stranger.ask(UPDATE, mscc(10, used=MB, reason=3), number=1)) == 5002
    assert code_of(await stranger.ask(TERMINATION, mscc(10, wants=None, used=MB), number=2)) == 5002
    assert (await line.buckets())["data-1"][0] == 1000 * MB


async def test_the_end_of_the_session_leaves_its_sub_sessions_to_their_own_end(line):
    """A gateway closes them first; one that does not may still report them, and supervision ends them."""
    await line.open(data(1000 * MB))
    main, one = await opened(line, None, 1)
    assert code_of(await main.ask(TERMINATION, mscc(10, wants=None, used=MB))) == 2001
    assert await line.sessions() == {main.key: "closed", one.key: "open"}
    assert code_of(await one.ask(UPDATE, mscc(10, used=2 * MB, reason=3))) == 2001
    assert code_of(await one.ask(TERMINATION, mscc(10, wants=None, used=3 * MB))) == 2001
    assert (await line.buckets())["data-1"] == (994 * MB, 0)


async def test_a_session_id_that_looks_like_a_sub_session_is_another_session(line):
    await line.open(data(1000 * MB))
    (one,) = await opened(line, 7)
    plain = SubSession(line, None)
    plain.gy.session_id += "#7"
    assert code_of(await plain.ask(INITIAL, mscc(10))) == 2001
    assert code_of(await plain.ask(TERMINATION, mscc(10, wants=None, used=MB))) == 2001
    assert (await line.sessions())[one.key] == "open"
    assert code_of(await one.ask(TERMINATION, mscc(10, wants=None, used=MB))) == 2001
    assert (await line.buckets())["data-1"] == (998 * MB, 0)


async def test_an_event_of_a_sub_session_is_debited_once(line):
    await line.open(data(10 * MB))
    one, two, none = (SubSession(line, number) for number in (1, 2, None))
    for each in (one, two, none):
        said = await each.ask(EVENT, mscc(10, wants=[("CC-Total-Octets", MB)]), Requested_Action=0)
        assert code_of(said) == 2001
        await each.repeat()
    assert (await line.buckets())["data-1"] == (7 * MB, 0)


async def next_request(peer, command):
    octets = await peer.receive_bytes()
    assert read_header(octets).command == command
    return octets, decode_message(octets, default_dictionary())


def reply(octets, session_id, code):
    body = text(AvpCode.SESSION_ID, session_id) + unsigned32(AvpCode.RESULT_CODE, code) + origin(PGW)
    return answer(octets, body)


async def test_a_sub_session_that_the_gateway_does_not_know_is_closed_alone(line, shared_node):
    await line.open(data(1000 * MB))
    main, one, two = await opened(line, None, 1, 2)
    command = AskGateway(line.account_id, one.key, RequestKind.REAUTHORIZE, 10)
    await shared_node.engine.execute(command)
    octets, rar = await next_request(line.peer, Command.RE_AUTH)
    named = [rar.value(name) for name in ("Session-Id", "CC-Sub-Session-Id", "Rating-Group")]
    assert named == [one.gy.session_id, 1, 10]
    line.peer.send(reply(octets, one.gy.session_id, 5002))
    await until(lambda: shared_node.reauthorizer.results["reauthorize", "closed"])
    assert await line.sessions() == {main.key: "open", one.key: "closed", two.key: "open"}


async def test_a_block_aborts_every_sub_session_by_its_own_name(line, shared_node):
    await line.open(data(1000 * MB))
    main, one = await opened(line, None, 1)
    await shared_node.engine.execute(SetAccountStatus(line.account_id, Status.BLOCKED, "fraud"))
    aborted = set()
    for _ in range(2):
        octets, asr = await next_request(line.peer, Command.ABORT_SESSION)
        aborted.add((asr.value("Session-Id"), asr.value("CC-Sub-Session-Id")))
        line.peer.send(reply(octets, main.gy.session_id, 2001))
    assert aborted == {(main.gy.session_id, None), (one.gy.session_id, 1)}
    for each in (main, one):
        assert code_of(await each.ask(TERMINATION, mscc(10, wants=None, used=MB))) == 4010
    assert (await line.buckets())["data-1"] == (998 * MB, 0)
