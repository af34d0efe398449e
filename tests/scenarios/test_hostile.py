"""Peers that mean harm, or are broken: the node serves others, says why in one line, and its books stay right."""

import asyncio
import contextlib
import random
import tracemalloc

import pytest
import structlog.testing
from msgspec import structs

from diameter_ocs.storage.audit import audit_store
from tests.support.engines import until
from tests.support.gy import (
    INITIAL,
    TERMINATION,
    UPDATE,
    Line,
    assert_digestible,
    avp,
    debited,
    e164,
    exchange,
    extended,
    failed_avp,
    granted,
    group_codes,
    walk,
    with_header,
)
from tests.support.ocs import MB, PGW, ccr, code_of, data, gateway, groups, money, mscc, value
from tests.support.wire_peer import WirePeer

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {
    "log__level": "info",
    "diameter__cer_timeout_seconds": 0.5,
    "diameter__stalled_reader_seconds": 0.3,
    "diameter__write_buffer_bytes": 65_536,
    "diameter__max_connections": 64,
    "sessions__largest_report_octets": 0,
}
HUGE = 2**64 - 1
DEVICE_WATCHDOG = b"\0\1\x18"
SEED = 20_260_801
MUTATIONS = 1500


@pytest.fixture
def capture_log(caplog):
    """Lines that the node writes, with their facts."""
    with structlog.testing.capture_logs() as lines:
        yield lines


def causes_in(lines):
    """Of everything that an operator sees."""
    return [line["cause"] for line in lines if line["log_level"] != "debug" and "cause" in line]


def enemy_named(name="pgw66"):
    return structs.replace(PGW, origin_host=PGW.origin_host.replace("pgw01", name))


@contextlib.asynccontextmanager
async def stranger(node):
    """A connection that has not introduced itself."""
    async with WirePeer(enemy_named()) as peer:
        await peer.connect(*node.transport.addresses[0])
        yield peer


async def assert_others_are_served(line):
    """A subscriber opens, uses and closes a session on another connection."""
    other = await Line(line.node, line.peer).open(data(100 * MB))
    session = other.session()
    assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
    assert code_of(await session.ask(TERMINATION, mscc(10, wants=None, used=1 * MB))) == 2001
    assert await other.buckets() == {"data-1": (99 * MB, 0)}


# Bytes that are no messages ----------------------------------------------------------------------

NO_MESSAGES = {
    "text of another protocol": b"GET / HTTP/1.1\r\nHost: ocs\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "octets by chance": random.Random(SEED).randbytes(5000),
    "all zero": bytes(5000),
    "a length of 16 MB": bytes.fromhex("01fffffcc0000110000000040000000100000001") + bytes(70_000),
    "a length below the header": bytes.fromhex("01000010c0000110000000040000000100000001"),
}


@pytest.mark.parametrize("introduced", [False, True], ids=["stranger", "peer"])
@pytest.mark.parametrize("case", NO_MESSAGES)
async def test_no_messages(line, case, introduced, capture_log):
    """The connection ends without a word, one line says why."""
    opened = gateway(line.node, enemy_named()) if introduced else stranger(line.node)
    async with opened as enemy:
        capture_log.clear()
        enemy.send(NO_MESSAGES[case])
        assert await enemy.ended() == []
    (cause,) = causes_in(capture_log)
    assert "Message Length" in cause
    await assert_others_are_served(line)


async def test_half_a_message_then_silence(line):
    """Of a stranger: closed when the time for a CER is over. Of a peer: the watchdog's matter; others are served."""
    async with stranger(line.node) as enemy, gateway(line.node, enemy_named("pgw67")) as half:
        enemy.send(enemy.cer()[:30])
        half.send(ccr(INITIAL, 0)[:100])
        await assert_others_are_served(line)
        assert await enemy.ended() == []


async def test_octet_by_octet(line):
    session = (await line.open(data(100 * MB))).session()
    session.sent = session.request(INITIAL, mscc(10))
    for position in range(len(session.sent)):
        line.peer.send(session.sent[position : position + 1])
        await asyncio.sleep(0)
    octets = await line.peer.receive_bytes()
    assert_digestible(session.sent, octets)


# Out of turn -------------------------------------------------------------------------------------


async def test_a_request_before_the_introduction(line, capture_log):
    """RFC 6733 §5.3: closed at once, nothing is charged, nothing is answered."""
    await line.open(data(100 * MB))
    async with stranger(line.node) as enemy:
        enemy.send(line.session().request(INITIAL, mscc(10)) + enemy.cer())
        assert await enemy.ended() == []
    assert causes_in(capture_log) == ["command 272 came before a CER"]
    assert await line.sessions() == {}


async def test_a_second_introduction(line):
    """On an open connection: a CEA again or an error, but the connection and its sessions live on."""
    async with gateway(line.node, enemy_named()) as enemy:
        line.peer = enemy
        session = (await line.open(data(100 * MB))).session()
        await session.ask(INITIAL, mscc(10))
        answer = await enemy.ask(enemy.cer())
        assert value(answer, "Result-Code") in (2001, 5012)
        assert granted(await session.ask(UPDATE, mscc(10, used=1 * MB))) == [10 * MB]


async def test_answers_that_nobody_asked_for(line):
    """Discarded; also those that look like ours."""
    session = (await line.open(data(100 * MB))).session()
    octets = session.request(INITIAL, mscc(10))
    for flags in (0x00, 0x20, 0x40):
        line.peer.send(with_header(octets, flags=flags))
    assert granted(await session.ask(INITIAL, mscc(10), number=0)) == [10 * MB]


# Messages that lie ---------------------------------------------------------------------------------


def group(inside, code=456):
    return code.to_bytes(4, "big") + b"\x40" + (8 + len(inside)).to_bytes(3, "big") + inside


def nested(depth, innermost=b""):
    for _ in range(depth):
        innermost = group(innermost)
    return innermost


STRANGE = {
    "groups 100 deep": lambda octets: extended(octets, nested(100)),
    "groups 7,000 deep": lambda octets: extended(octets, nested(7000)),
    "8,000 unknown AVPs without data": lambda octets: extended(octets, bytes.fromhex("0001869f00000008") * 8000),
    "8,000 AVPs of length 0": lambda octets: extended(octets, bytes.fromhex("0001869f00000000") * 8000),
    "5,000 Service-Identifiers": lambda octets: extended(
        octets, group(b"".join(avp("Service-Identifier", number) for number in range(5000)))
    ),
    "2,500 Route-Records": lambda octets: extended(octets, avp("Route-Record", "a.example") * 2500),
    "1,200 Subscription-Ids": lambda octets: extended(octets, avp(*e164("1234567")) * 1200),
    "1,000 Proxy-Infos": lambda octets: extended(
        octets, avp("Proxy-Info", [("Proxy-Host", "a.example"), ("Proxy-State", b"1")]) * 1000
    ),
}


@pytest.mark.parametrize("case", STRANGE)
async def test_strange_messages_get_one_answer(line, case):
    """Within the size limit anything may come: one well-formed answer of bounded size, and the connection stays."""
    session = (await line.open(data(100 * MB))).session()
    request = STRANGE[case](session.request(INITIAL, mscc(10)))
    assert len(request) <= 65_536
    async with gateway(line.node, enemy_named()) as enemy:
        enemy.send(request)
        octets = await enemy.receive_bytes()
        assert list(walk(octets[20:]))
        assert len(octets) <= len(request) + 1000
        assert code_of(await enemy.ask(enemy.dwr())) == 2001
    await assert_others_are_served(line)


ARP = 1034
"""Its definition has no M bit, and so has what repeats it in a Failed-AVP."""
PATHS = {
    "command": [],
    "MSCC": [456],
    "RSU": [456, 437],
    "USU": [456, 446],
    "Subscription-Id": [443],
    "Service-Information": [(10415, 873)],
    "PS-Information": [(10415, 873), (10415, 874)],
    "QoS-Information": [456, (10415, 1016)],
    "ARP": [456, (10415, 1016), (10415, ARP)],
}


def at(path, innermost):
    for code in reversed(path):
        vendor, number = code if isinstance(code, tuple) else (0, code)
        head = 12 if vendor else 8
        flags = bytes([0x40 * (number != ARP) | 0x80 * bool(vendor)])
        octets = number.to_bytes(4, "big") + flags + (head + len(innermost)).to_bytes(3, "big")
        innermost = octets + (vendor.to_bytes(4, "big") if vendor else b"") + innermost
    return innermost


@pytest.mark.row(59)
@pytest.mark.parametrize("vendor", [0, 10415, 99_999])
@pytest.mark.parametrize("where", PATHS)
async def test_an_unknown_avp_that_must_be_understood_at_any_depth(line, where, vendor):
    """5001 with the AVP in the groups it came in; without the M bit it is ignored."""
    await line.open(data(100 * MB))
    head = (70_123).to_bytes(4, "big")
    unknown = head + (b"\xc0\0\0\x10" + vendor.to_bytes(4, "big") if vendor else b"\x40\0\0\x0c") + b"\xde\xad\xbe\xef"
    required = {"Subscription-Id": avp(*e164(line.msisdn))[8:], "ARP": avp("Priority-Level", 1)}.get(where, b"")
    request = line.session().request(INITIAL, leave=("Subscription-Id",) if where == "Subscription-Id" else ())
    answer = await line.peer.ask(extended(request, at(PATHS[where], required + unknown)))
    assert (code_of(answer), failed_avp(answer)) == (5001, at(PATHS[where], unknown))
    assert await line.sessions() == {}
    ignored = unknown[:4] + bytes([unknown[4] & 0x80]) + unknown[5:]
    _, answer = await exchange(line.peer, extended(request, at(PATHS[where], required + ignored)))
    assert code_of(answer) == 2001


def rich_request(line, number=1):
    """A CCR-U with everything a gateway sends."""
    information = ("PS-Information", [("3GPP-Charging-Id", b"\0\0\0\1"), ("Called-Station-Id", "internet")])
    return line.session().request(
        UPDATE,
        mscc(10, used=1000, reason=0, services=(7,)),
        mscc(20, wants=None, used=5, reason=2),
        ("Service-Information", [information]),
        ("Multiple-Services-Indicator", 1),
        User_Name=f"{line.imsi}@example.org",
        number=number,
    )


async def test_every_truncation(line):
    """Cut anywhere, length and all: an error answer, or what is left is a message; then the whole one is served."""
    await (await line.open(data(100 * MB))).session().ask(INITIAL, mscc(10))
    whole = rich_request(line)
    for end in range(20, len(whole), 4):
        cut = whole[:1] + end.to_bytes(3, "big") + whole[4:end]
        answer = await line.peer.ask(cut)
        assert code_of(answer) in (5014, 5005, 2001, 5012), end
    for end in range(len(whole) - 1, 20, -3):
        shorter = whole[:end] + bytes(len(whole) - end)
        answer = await line.peer.ask(shorter)
        assert 2001 <= code_of(answer) <= 5031
    await assert_others_are_served(line)


async def test_every_connection_cut_short(line):
    """A CCR of which only a part ever comes: nothing is charged, nothing is left behind."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    whole = rich_request(line)
    for end in range(1, len(whole), 97):
        async with gateway(line.node, enemy_named()) as enemy:
            enemy.send(whole[:end])
    assert await line.buckets() == {"data-1": (100 * MB, 10 * MB)}


async def test_random_mutations(line):
    """Octets changed by chance behind the length field: always an answer with the ids of the request, or silence for an
    answer bit; never a lost connection. What was charged adds up."""
    await (await line.open(data(HUGE))).session().ask(INITIAL, mscc(10))
    chance = random.Random(SEED)
    async with gateway(line.node, enemy_named()) as enemy:
        for number in range(MUTATIONS):
            octets = bytearray(rich_request(line, number + 1))
            for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
                octets[chance.randrange(20, len(octets))] = chance.choice(
                    (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
                )
            answer = await enemy.ask(bytes(octets))
            assert 2001 <= code_of(answer) <= 5031
            assert answer.header.end_to_end == int.from_bytes(octets[16:20], "big")
    await assert_others_are_served(line)


async def test_random_mutations_of_headers(line):
    """Everything but the length: an answer, silence, or the end of that connection; others live on."""
    await line.open(data(100 * MB))
    chance = random.Random(SEED)
    request = line.session().request(INITIAL, mscc(10))
    for _ in range(60):
        octets = bytearray(request)
        place = chance.choice((0, *range(4, 20)))
        octets[place] = chance.randrange(256)
        async with gateway(line.node, enemy_named()) as enemy:
            enemy.send(bytes(octets) + enemy.dwr())
            with contextlib.suppress(EOFError, ConnectionError):
                while (await enemy.receive_bytes())[5:8] != DEVICE_WATCHDOG:
                    pass
    await assert_others_are_served(line)


# Absurd values -----------------------------------------------------------------------------------


async def test_absurd_usage(line):
    """2^64-1 octets, again and again: debited to the unit, far below zero, and the books still balance."""
    session = (await line.open(data(100 * MB), money(1_000_000))).session()
    await session.ask(INITIAL, mscc(10))
    for _ in range(5):
        answer = await session.ask(UPDATE, mscc(10, used=HUGE))
        assert (granted(answer)[0] or 0) < 1 * MB, "no more than the rest of a step that is paid already"
        assert code_of(await session.repeat()) == 2001
    assert debited(await line.entries()) == 5 * HUGE
    ended = await session.ask(TERMINATION, mscc(10, wants=None, used=HUGE), mscc(30, wants=None, used=HUGE))
    assert code_of(ended) == 2001
    assert debited(await line.entries()) == 7 * HUGE
    assert all(reserved == 0 for _, reserved in (await line.buckets()).values())
    await assert_others_are_served(line)


async def test_absurd_usage_of_octet_buckets_only(line):
    session = (await line.open(data(100 * MB), offer="bundle")).session()
    await session.ask(INITIAL, mscc(10))
    for _ in range(5):
        await session.ask(UPDATE, mscc(10, used=HUGE))
    assert await line.buckets() == {"data-1": (100 * MB - 5 * HUGE, 0)}
    await assert_others_are_served(line)


async def test_absurd_usage_in_both_directions(line):
    """Input + output is more than 64 bits: no wrap-around."""
    session = (await line.open(data(100 * MB), offer="bundle")).session()
    await session.ask(INITIAL, mscc(10))
    both = [("CC-Input-Octets", HUGE), ("CC-Output-Octets", HUGE)]
    credit = [("Used-Service-Unit", both)] * 3 + [("Rating-Group", 10)]
    await session.ask(UPDATE, ("Multiple-Services-Credit-Control", credit))
    assert await line.buckets() == {"data-1": (100 * MB - 6 * HUGE, 0)}
    wish = [("Requested-Service-Unit", both), ("Rating-Group", 30)]
    assert group_codes(await session.ask(UPDATE, ("Multiple-Services-Credit-Control", wish))) == [(30, 4012)]


async def test_absurd_balance(line):
    """An account with more than 64 bits of octets grants what it may."""
    session = (await line.open(data(HUGE * 3))).session()
    assert granted(await session.ask(INITIAL, mscc(10, wants=[("CC-Total-Octets", HUGE)]))) == [50 * MB]


@pytest.mark.parametrize("number", [0, 2**31 - 1, 2**31, 2**32 - 1])
async def test_absurd_numbers_of_groups_services_and_requests(line, number):
    session = (await line.open(data(100 * MB), offer="bundle")).session()
    services = (number, 0)
    first = await session.ask(INITIAL, mscc(number, services=services), number=number, end_to_end=0)
    assert (group_codes(first), granted(first)) == ([(number, 2001)], [10 * MB])
    report = mscc(number, services=services, used=1)
    assert granted(await session.ask(UPDATE, report, number=number ^ 1, end_to_end=0)) == [10 * MB]
    assert (await line.buckets())["data-1"][0] == 100 * MB - 1


@pytest.mark.row(64)
@pytest.mark.parametrize(("count", "code"), [(128, 2001), (129, 5009)])
async def test_many_groups_in_one_request(line, count, code):
    session = (await line.open(data(10_000 * MB), offer="bundle")).session()
    request = session.request(INITIAL, *(mscc(number) for number in range(count)))
    octets, answer = await exchange(line.peer, request)
    assert code_of(answer) == code
    if code == 2001:
        assert len(groups(answer)) == 128
        assert await line.buckets() == {"data-1": (10_000 * MB, 1280 * MB)}
    else:
        assert failed_avp(answer) == avp(*mscc(128))
        assert await line.sessions() == {}
    assert len(octets) < 65_536


@pytest.mark.row(40)
async def test_many_groups_in_one_session(line):
    """Usage of all of them is debited, but above a limit no more are kept: 5006 in the MSCC, the others go on."""
    session = (await line.open(data(100_000 * MB), offer="bundle")).session()
    await session.ask(INITIAL)
    for start in (0, 128):
        answer = await session.ask(UPDATE, *(mscc(number) for number in range(start, start + 128)))
        assert {code for _, code in group_codes(answer)} == {2001}
    answer = await session.ask(UPDATE, mscc(1000, used=5), mscc(0, used=7), mscc(1001))
    assert group_codes(answer) == [(1000, 5006), (0, 2001), (1001, 5006)]
    assert await line.buckets() == {"data-1": (100_000 * MB - 12, 2560 * MB)}
    assert code_of(await session.ask(TERMINATION, mscc(1000, wants=None, used=1))) == 2001
    assert await line.buckets() == {"data-1": (100_000 * MB - 13, 0)}


@pytest.mark.row(64)
@pytest.mark.parametrize(("count", "code"), [(64, 2001), (65, 5009)])
async def test_many_services_in_one_group(line, count, code):
    session = (await line.open(data(100 * MB), offer="bundle")).session()
    answer = await session.ask(INITIAL, mscc(10, services=tuple(range(count))))
    assert code_of(answer) == code
    if code == 5009:
        assert failed_avp(answer) == avp("Multiple-Services-Credit-Control", [("Service-Identifier", 64)])


TEXTS = {
    "Session-Id of 60,000 octets": ("Session-Id", "s" * 60_000),
    "Session-Id with control characters": ("Session-Id", "a\0b\n\x1b[31m"),
    "Session-Id in another script": ("Session-Id", "сессия;1;1"),
    "Session-Id of one octet": ("Session-Id", "x"),
    "empty Session-Id": ("Session-Id", ""),
    "User-Name of 60,000 octets": ("User-Name", "u" * 60_000),
    "Origin-Host with a line break": ("Origin-Host", "pgw\nevil=1"),
    "Origin-Host of 60,000 octets": ("Origin-Host", "h" * 60_000),
    "Service-Context-Id of 60,000 octets": ("Service-Context-Id", "c" * 60_000),
    "empty Service-Context-Id": ("Service-Context-Id", ""),
}


KEPT_FOR_LONG = ("Session-Id", "Origin-Host", "Service-Context-Id")


@pytest.mark.parametrize("case", TEXTS)
async def test_absurd_texts(line, case):
    """Served or refused, but answered, stored without harm and the same again for the repeat."""
    await line.open(data(100 * MB))
    name, text = TEXTS[case]
    request = line.session().request(INITIAL, mscc(10), **{name.replace("-", "_"): text})
    if name == "Session-Id":
        number = line.number.to_bytes(4, "big").hex() if len(text) > 1 else ""
        unique = text[: 60_000 - len(number)] + number
        request = ccr(INITIAL, 0, mscc(10), session=unique, Subscription_Id=e164(line.msisdn)[1])
    first = await line.peer.ask(request)
    again = await line.peer.ask(request)
    assert first == again
    assert code_of(first) in ((5004,) if name in KEPT_FOR_LONG and len(text) > 10_000 else (2001, 5004, 5031))
    assert len(await line.sessions()) == (code_of(first) == 2001)


@pytest.mark.parametrize("name", ["Destination-Host", "Destination-Realm", "Service-Context-Id"])
async def test_what_is_quoted_is_cut(line, name, capture_log):
    """Neither the log nor the Error-Message grows with what was sent."""
    await line.open(data(100 * MB))
    change = {name.replace("-", "_"): "\x1b[2J\n" + "x" * 50_000}
    answer = await line.session().ask(INITIAL, mscc(10), **change)
    assert code_of(answer) in (3002, 3003, 5004)
    (cause,) = causes_in(capture_log)
    assert len(cause) <= 200
    assert len(value(answer, "Error-Message")) <= 200


@pytest.mark.row(60)
@pytest.mark.parametrize(
    "place", ["Session-Id", "Origin-Host", "Service-Context-Id", "User-Name", "Subscription-Id-Data"]
)
async def test_octets_that_are_no_text(line, place):
    """5004 with the AVP where it had to be understood; nothing is stored."""
    await line.open(data(100 * MB))
    session = line.session()
    marker = "MARKER00"
    if place == "Subscription-Id-Data":
        request = session.request(INITIAL, mscc(10), Subscription_Id=e164(marker)[1])
    elif place == "Session-Id":
        session.session_id = marker
        request = session.request(INITIAL, mscc(10))
    else:
        request = session.request(INITIAL, mscc(10), **{place.replace("-", "_"): marker})
    wrong = request.replace(marker.encode(), b"\xff\xfe\x80\xc0\xc1\xf5\xed\xa0")
    answer = await line.peer.ask(wrong)
    assert code_of(answer) == 5004
    assert b"\xff\xfe\x80" in failed_avp(answer)
    assert await line.sessions() == {}


@pytest.mark.parametrize("value_of", ["{}\0", "{}\0\0\0", " {} ", "+{}"])
async def test_identities_with_trimmings(line, value_of):
    await line.open(data(100 * MB))
    answer = await line.session().ask(INITIAL, mscc(10), Subscription_Id=e164(value_of.format(line.msisdn))[1])
    assert code_of(answer) == 2001


@pytest.mark.parametrize(
    "wrong", ["12\x0034567", "'; DROP TABLE accounts; --", "", "9" * 5000, "\u0669\u0669\u0669\u0669\u0669"]
)
async def test_identities_of_nobody(line, wrong):
    await line.open(data(100 * MB))
    answer = await line.session().ask(INITIAL, mscc(10), Subscription_Id=e164(wrong)[1])
    assert code_of(answer) in (5004, 5030)
    assert await line.sessions() == {}


# Peers that take without giving -------------------------------------------------------------------


async def test_a_peer_that_never_reads_its_answers(line, capture_log):
    """Cut off after a time, with what it owes bounded; meanwhile others are served."""
    await line.open(data(HUGE))
    async with gateway(line.node, enemy_named()) as enemy:
        session = line.session()
        enemy._writer.transport.pause_reading()
        request = session.request(INITIAL, *(mscc(number) for number in range(100)))
        cut = asyncio.create_task(
            until(lambda: any("not read its answers" in str(e.get("cause")) for e in capture_log))
        )
        with contextlib.suppress(ConnectionError):
            while not cut.done():
                enemy.send(request * 20)
                await asyncio.wait([asyncio.create_task(enemy._writer.drain()), cut], return_when="FIRST_COMPLETED")
        await assert_others_are_served(line)
        await cut


async def test_connections_that_say_nothing(line):
    """More than the limit: peers that are in are served, the silent ones go when their time is over."""
    host, port = line.node.transport.addresses[0]
    opened = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(200)))
    await assert_others_are_served(line)
    async with asyncio.timeout(10):
        for reader, _ in opened:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
    for _, writer in opened:
        writer.close()
    async with gateway(line.node, enemy_named()) as late:
        assert code_of(await late.ask(late.dwr())) == 2001


async def test_memory_stays_bounded(line):
    """Thousands of contents never seen before, short and long, leave next to nothing behind."""
    session = (await line.open(data(100 * MB))).session()

    def small(number):
        return session.request(INITIAL, mscc(10), number=0, Subscription_Id=e164(f"888{number:09d}")[1])

    def large(number):
        text = f"{number:09d}".ljust(30_000, "x")
        name = [("Subscription-Id-Type", 4), ("Subscription-Id-Data", text)]
        wish = [("Requested-Service-Unit", [("CC-Total-Octets", number)])]
        return session.request(
            INITIAL,
            ("Multiple-Services-Credit-Control", wish),
            ("Service-Information", [("PS-Information", [("Called-Station-Id", text)])]),
            number=0,
            Subscription_Id=name,
        )

    async def flood(make, numbers):
        for number in numbers:
            line.peer.send(make(number))
            await line.peer.receive_bytes()

    await flood(small, range(1000))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    await flood(small, range(1000, 4000))
    await flood(large, range(400))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 6_000_000


async def test_the_books_are_right_after_all_this(shared_node):
    report = await audit_store(shared_node.store)
    assert report.is_clean, report.faulty
