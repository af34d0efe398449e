"""CCR-Terminations that are refused: their error is answered, and what they report is debited all the same (row 39)."""

import pytest

from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.ledger.account import Status
from diameter_ocs.ledger.journal import Action
from diameter_ocs.recharge.commands import SetAccountStatus
from tests.support.gy import INITIAL, TERMINATION, UPDATE, avp, extended, failed_avp, granted, group_codes, postings
from tests.support.ocs import MB, OCS_HOST, code_of, data, mscc, value

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.row(39)]
UNKNOWN = bytes.fromhex("0001869f4000000cdeadbeef")
PARAMETERS = bytes.fromhex("000001b840000020000001b94000000c0000000a000001ba4000000961000000")
SIDE = bytes.fromhex("000001c44000000c00000009")
BESIDE = ("Used-Service-Unit", [("CC-Total-Octets", 3 * MB)])


async def running(line, **more):
    """A session with 10 MB out in each of two groups, from a bundle of 100 MB."""
    session = (await line.open(data(100 * MB), **more)).session()
    await session.ask(INITIAL, mscc(10), mscc(20))
    assert await line.buckets() == {"data-1": (100 * MB, 20 * MB)}
    return session


def credit(*members):
    """An MSCC of members that are octets already."""
    body = b"".join(members)
    return bytes.fromhex("000001c840") + (8 + len(body)).to_bytes(3, "big") + body


def used(octets):
    return avp("Used-Service-Unit", [("CC-Total-Octets", octets)])


FOUR = mscc(10, wants=None, used=4 * MB, reason=2)
ERRORS = {
    "unknown AVP": (lambda octets: extended(octets, UNKNOWN), 5001, UNKNOWN),
    "unknown AVP in an MSCC": (
        lambda octets: extended(octets, credit(UNKNOWN, avp("Rating-Group", 20))),
        5001,
        credit(UNKNOWN),
    ),
    "no such indicator": (
        lambda octets: extended(octets, bytes.fromhex("000001c74000000c00000007")),
        5004,
        bytes.fromhex("000001c74000000c00000007"),
    ),
    "no such side in an MSCC": (
        lambda octets: extended(octets, credit(avp("Rating-Group", 20), SIDE)),
        5004,
        credit(SIDE),
    ),
    "application of another": ({"Auth_Application_Id": 5}, 5004, avp("Auth-Application-Id", 5)),
    "no Service-Context-Id": ({"leave": ("Service-Context-Id",)}, 5005, bytes.fromhex("000001cd40000008")),
    "no Origin-Host": ({"leave": ("Origin-Host",)}, 5005, bytes.fromhex("0000010840000008")),
    "not allowed": (lambda octets: extended(octets, avp("Result-Code", 2001)), 5008, avp("Result-Code", 2001)),
    "too often": (
        lambda octets: extended(octets, avp("Termination-Cause", 1), avp("Termination-Cause", 4)),
        5009,
        avp("Termination-Cause", 4),
    ),
    "V bit missing": (
        lambda octets: extended(octets, bytes.fromhex("000003684000000c00000000")),
        3009,
        bytes.fromhex("000003684000000c00000000"),
    ),
    "length beyond the message": (
        lambda octets: extended(octets, bytes.fromhex("000001c840000fff00000001")),
        5014,
        bytes.fromhex("000001c840000008"),
    ),
    "rating input": (lambda octets: extended(octets, PARAMETERS), 5031, PARAMETERS),
}


@pytest.mark.parametrize("case", ERRORS)
async def test_a_termination_with_an_error(line, case):
    """The error with its Failed-AVP; 4 MB debited, everything released, session closed; again for the repeat."""
    change, code, failed = ERRORS[case]
    session = await running(line)
    request = (
        change(session.request(TERMINATION, FOUR)) if callable(change) else session.request(TERMINATION, FOUR, **change)
    )
    for _ in range(2):
        answer = await line.peer.ask(request)
        assert (code_of(answer), failed_avp(answer)) == (code, failed)
        assert answer.header.flags == (0x60 if code == 3009 else 0x40)
        assert await line.buckets() == {"data-1": (96 * MB, 0)}
        assert await line.sessions() == {session.session_id: "closed"}
        assert (await line.account()).open_sessions == 0
    last = (await line.entries())[-1]
    assert (last.kind, last.request_number) == ("ccr_termination", 1)
    assert f"refused with {code}" in str(bytes(last.outcome))
    assert code_of(await session.ask(UPDATE, mscc(10))) == 5002


async def test_a_termination_of_a_blocked_account(line):
    """4010 without any MSCC; what every group used is debited."""
    session = await running(line)
    await line.node.engine.execute(SetAccountStatus(line.account_id, Status.BLOCKED, "test"))
    answer = await session.ask(TERMINATION, FOUR, mscc(20, wants=None, used=5 * MB), mscc(99, wants=None, used=MB))
    assert (code_of(answer), group_codes(answer), failed_avp(answer)) == (4010, [], None)
    assert await line.buckets() == {"data-1": (91 * MB, 0)}
    assert await line.sessions() == {session.session_id: "closed"}
    assert postings(await line.entries(), Action.UNRATED) == [(MB, "")]
    assert code_of(await session.repeat()) == 4010
    assert await line.buckets() == {"data-1": (91 * MB, 0)}


async def test_errors_of_single_groups_stay_with_them(line):
    """2001 as a whole: a group nobody sells is told in its MSCC, and so is nothing else."""
    session = await running(line)
    answer = await session.ask(TERMINATION, FOUR, mscc(99, wants=None, used=MB))
    assert (code_of(answer), group_codes(answer)) == (2001, [(10, 2001), (99, 5031)])
    assert await line.buckets() == {"data-1": (96 * MB, 0)}
    assert await line.sessions() == {session.session_id: "closed"}


async def test_a_service_of_another_kind(line):
    """The session knows its service: an unknown context is no error, and neither is a unit that nobody has to grant."""
    session = await running(line)
    odd = mscc(20, wants=[("CC-Service-Specific-Units", 1)], used=2 * MB)
    answer = await session.ask(TERMINATION, FOUR, odd, Service_Context_Id="99999@3gpp.org")
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(10, 2001), (20, 2001)], [None, None])
    assert await line.buckets() == {"data-1": (94 * MB, 0)}


@pytest.mark.row(62)
async def test_usage_beside_the_groups(line):
    """5007 with both; a CCR-U changes nothing by it, a CCR-T debits all that it reports."""
    session = await running(line)
    both = avp(*BESIDE) + avp(*FOUR)
    answer = await session.ask(UPDATE, FOUR, BESIDE)
    assert (code_of(answer), failed_avp(answer)) == (5007, both)
    assert await line.buckets() == {"data-1": (100 * MB, 20 * MB)}
    answer = await session.ask(TERMINATION, FOUR, BESIDE)
    assert (code_of(answer), failed_avp(answer)) == (5007, both)
    assert await line.buckets() == {"data-1": (93 * MB, 0)}
    assert await line.sessions() == {session.session_id: "closed"}


@pytest.mark.row(64)
async def test_more_groups_than_one_request_may_have(line):
    """5009 with the first one too many; each of them is debited."""
    session = await running(line, offer="bundle")
    reports = [mscc(number, wants=None, used=1000) for number in range(130)]
    answer = await session.ask(TERMINATION, *reports)
    assert (code_of(answer), failed_avp(answer)) == (5009, avp(*reports[128]))
    assert await line.buckets() == {"data-1": (100 * MB - 130_000, 0)}
    assert await line.sessions() == {session.session_id: "closed"}


PARTS = {
    "a wrong length inside": credit(avp("Rating-Group", 20), used(5 * MB), bytes.fromhex("000001b04000001000000001")),
    "an amount twice": credit(
        avp("Rating-Group", 20), avp("Used-Service-Unit", [("CC-Time", 1), ("CC-Total-Octets", MB)] * 2)
    ),
    "two groups": credit(avp("Rating-Group", 20), avp("Rating-Group", 10), used(5 * MB)),
    "an amount of another size": credit(
        avp("Rating-Group", 20), bytes.fromhex("000001be40000014000001a54000000c004c4b40")
    ),
}


@pytest.mark.parametrize("case", PARTS)
async def test_a_group_that_nobody_can_read_is_left_out(line, case):
    """The others are debited, also those behind it, and the session is closed."""
    session = await running(line)
    request = extended(session.request(TERMINATION, FOUR), PARTS[case], credit(avp("Rating-Group", 30), used(7)))
    assert code_of(await line.peer.ask(request)) in (5009, 5014)
    assert await line.buckets() == {"data-1": (96 * MB, 0)}
    assert postings(await line.entries(), Action.FREE) == [(7, "")]
    assert await line.sessions() == {session.session_id: "closed"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"leave": ("CC-Request-Number",)}, 5005),
        ({"leave": ("Session-Id",)}, 5005),
        ({"leave": ("CC-Request-Type",)}, 5005),
        (lambda octets: extended(octets, avp("CC-Request-Type", 2)), 5009),
        (lambda octets: extended(octets, avp("CC-Request-Number", 7)), 5009),
        ({"Destination_Host": "ocs77.example.org"}, 3002),
        ({"Destination_Realm": "nowhere.example"}, 3003),
    ],
)
async def test_a_termination_of_nobody_can_tell_which_session(line, change, code):
    """Or of one that another server is asked about: nothing happens; the session stays with its supervision."""
    session = await running(line)
    if callable(change):
        request = extended(change(session.request(TERMINATION, FOUR)), UNKNOWN)
        code = 5001
    else:
        request = extended(session.request(TERMINATION, FOUR, **change), UNKNOWN)
        code = code if code < 5000 else 5001
    assert code_of(await line.peer.ask(request)) == code
    assert await line.buckets() == {"data-1": (100 * MB, 20 * MB)}
    assert await line.sessions() == {session.session_id: "open"}


async def test_an_update_with_an_error_changes_nothing(line):
    """Its session goes on: the gateway reports again."""
    session = await running(line)
    request = extended(session.request(UPDATE, FOUR), UNKNOWN)
    assert code_of(await line.peer.ask(request)) == 5001
    assert await line.buckets() == {"data-1": (100 * MB, 20 * MB)}
    assert granted(await session.ask(UPDATE, mscc(10, used=4 * MB), number=1)) == [10 * MB]


async def test_a_faulty_termination_of_a_closed_or_unknown_session(line):
    """Of a closed one its usage is late and debited, of one that was never opened nothing is known."""
    session = await running(line)
    await session.ask(TERMINATION, FOUR)
    request = extended(session.request(TERMINATION, mscc(10, wants=None, used=2 * MB)), UNKNOWN)
    assert code_of(await line.peer.ask(request)) == 5001
    assert await line.buckets() == {"data-1": (94 * MB, 0)}
    assert (2 * MB, "late") in postings(await line.entries(), Action.DEBIT)
    before = await line.entries()
    stranger = line.session("never")
    assert code_of(await line.peer.ask(extended(stranger.request(TERMINATION, FOUR), UNKNOWN))) == 5001
    assert await line.entries() == before


async def test_only_the_sub_session_that_it_names_is_ended(line):
    """Its error leaves the others as they are; one whose CC-Sub-Session-Id cannot be read ends none."""
    session = await running(line)
    await session.ask(INITIAL, mscc(10), number=0, CC_Sub_Session_Id=5)
    assert await line.buckets() == {"data-1": (100 * MB, 30 * MB)}
    broken = bytes.fromhex("000001a34000000c00000005")
    request = session.request(TERMINATION, FOUR, number=1)
    assert code_of(await line.peer.ask(extended(request, broken))) == 5014
    assert await line.buckets() == {"data-1": (100 * MB, 30 * MB)}
    request = session.request(TERMINATION, FOUR, number=1, CC_Sub_Session_Id=5)
    answer = await line.peer.ask(extended(request, UNKNOWN))
    assert (code_of(answer), value(answer, "CC-Sub-Session-Id")) == (5001, 5)
    assert await line.buckets() == {"data-1": (96 * MB, 20 * MB)}
    assert sorted((await line.sessions()).values()) == ["closed", "open"]


@pytest.mark.row(38)
async def test_books_that_cannot_be_written_come_before_the_error(line, monkeypatch):
    """The gateway is told that nothing was done, so it sends the report again; then it is debited once."""

    async def refuse(*_):
        raise StoreUnavailable("out of order")

    session = await running(line)
    request = extended(session.request(TERMINATION, FOUR, Destination_Host=OCS_HOST), UNKNOWN)
    with monkeypatch.context() as broken:
        broken.setattr(line.node.store, "commit", refuse)
        answer = await line.peer.ask(request)
        assert (code_of(answer), failed_avp(answer)) == (5012, None)
    assert await line.sessions() == {session.session_id: "open"}
    assert [code_of(await line.peer.ask(request)) for _ in range(2)] == [5001, 5001]
    assert await line.buckets() == {"data-1": (96 * MB, 0)}
