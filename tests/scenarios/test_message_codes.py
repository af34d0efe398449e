"""Situations of messages and routing and their Result-Codes: rows 50 to 72 of docs/result-codes.md.

Code, E bit and Failed-AVP. Nothing is charged, the connection stays unless it says so, and others are served on.
"""

import itertools

import pytest
from msgspec import structs

from tests.support.engines import until
from tests.support.gy import INITIAL, UPDATE, avp, exchange, extended, failed_avp, granted, with_header
from tests.support.ocs import MB, OCS_HOST, OCS_REALM, PGW, ccr, code_of, data, gateway, mscc
from tests.support.wire_peer import WirePeer

pytestmark = pytest.mark.asyncio(loop_scope="module")


def unknown(flags="40"):
    return bytes.fromhex(f"0001869f{flags}00000cdeadbeef")


def inside_credit(octets):
    return bytes.fromhex("000001c8400000") + (8 + len(octets)).to_bytes(1, "big") + octets


NO_FAILED_AVP = b""
USED = inside_credit(bytes.fromhex("000001be40000014000001a54000000c00000001"))
BASE = {
    "50 command unknown": (lambda octets: with_header(octets, command=999), 3001, NO_FAILED_AVP),
    "51 another host": ({"Destination_Host": "ocs77.example.org"}, 3002, NO_FAILED_AVP),
    "52 realm not served": ({"Destination_Realm": "nowhere.example"}, 3003, NO_FAILED_AVP),
    "55 application unknown": (lambda octets: with_header(octets, application=77), 3007, NO_FAILED_AVP),
    "56 E bit": (lambda octets: with_header(octets, flags=0xE0), 3008, NO_FAILED_AVP),
    "57 V bit missing": (
        lambda octets: extended(octets, bytes.fromhex("000003684000000c00000000")),
        3009,
        bytes.fromhex("000003684000000c00000000"),
    ),
    "57 V bit and Vendor-Id 0": (
        lambda octets: extended(octets, bytes.fromhex("000001b0c0000010000000000000000a")),
        3009,
        bytes.fromhex("000001b0c0000010000000000000000a"),
    ),
    "57 V bit missing in an MSCC": (
        lambda octets: extended(octets, inside_credit(bytes.fromhex("000003684000000c00000000"))),
        3009,
        inside_credit(bytes.fromhex("000003684000000c00000000")),
    ),
    "59 unknown AVP with M": (lambda octets: extended(octets, unknown()), 5001, unknown()),
    "59 unknown AVP with M in an MSCC": (
        lambda octets: extended(octets, inside_credit(unknown())),
        5001,
        inside_credit(unknown()),
    ),
    "60 no value of its enumeration": (
        lambda octets: extended(octets, bytes.fromhex("000001c74000000c00000007")),
        5004,
        bytes.fromhex("000001c74000000c00000007"),
    ),
    "60 not UTF-8": (
        lambda octets: extended(octets, bytes.fromhex("000000014000000affff0000")),
        5004,
        bytes.fromhex("000000014000000affff0000"),
    ),
    "60 application contradicts the header": (
        {"Auth_Application_Id": 5},
        5004,
        bytes.fromhex("000001024000000c00000005"),
    ),
    "60 no value of its enumeration in a report": (
        lambda octets: extended(octets, inside_credit(bytes.fromhex("000001be40000014000001c44000000c00000009"))),
        5004,
        inside_credit(bytes.fromhex("000001be40000014000001c44000000c00000009")),
    ),
    "61 Subscription-Id-Data missing": (
        lambda octets: extended(octets, bytes.fromhex("000001bb40000014000001c24000000c00000000")),
        5005,
        bytes.fromhex("000001bb40000010000001bc40000008"),
    ),
    "61 Session-Id missing": ({"leave": ("Session-Id",)}, 5005, bytes.fromhex("0000010740000008")),
    "61 CC-Request-Number missing": (
        {"leave": ("CC-Request-Number",)},
        5005,
        bytes.fromhex("0000019f4000000c00000000"),
    ),
    "61 Service-Context-Id missing": ({"leave": ("Service-Context-Id",)}, 5005, bytes.fromhex("000001cd40000008")),
    "63 not allowed": (
        lambda octets: extended(octets, bytes.fromhex("0000010c4000000c000007d1")),
        5008,
        bytes.fromhex("0000010c4000000c000007d1"),
    ),
    "62 usage beside the groups": (
        lambda octets: extended(octets, bytes.fromhex("000001be40000018000001a54000001000000000004c4b40")),
        5007,
        bytes.fromhex("000001be40000018000001a54000001000000000004c4b40") + avp(*mscc(10)),
    ),
    "63 not allowed in a Subscription-Id": (
        lambda octets: extended(
            octets,
            bytes.fromhex("000001bb4000002c000001c24000000c00000000000001bc40000009310000000000019f4000000c00000001"),
        ),
        5008,
        bytes.fromhex("000001bb400000140000019f4000000c00000001"),
    ),
    "64 too often": (
        lambda octets: extended(octets, bytes.fromhex("0000019f4000000c00000009")),
        5009,
        bytes.fromhex("0000019f4000000c00000009"),
    ),
    "64 too often in an MSCC": (
        lambda octets: extended(
            octets, bytes.fromhex("000001c840000020000001b04000000c0000000a000001b04000000c0000000b")
        ),
        5009,
        bytes.fromhex("000001c840000014000001b04000000c0000000b"),
    ),
    "66 version": (lambda octets: with_header(octets, version=2), 5011, NO_FAILED_AVP),
    "68 length below the header": (
        lambda octets: extended(octets, bytes.fromhex("0000019f4000000700000001")),
        5014,
        bytes.fromhex("0000019f4000000c00000000"),
    ),
    "68 length beyond the message": (
        lambda octets: extended(octets, bytes.fromhex("000001c840000fff00000001")),
        5014,
        bytes.fromhex("000001c840000008"),
    ),
    "68 length of another type": (
        lambda octets: extended(octets, inside_credit(bytes.fromhex("000001b040000010000000000000000a"))),
        5014,
        inside_credit(bytes.fromhex("000001b040000010000000000000000a")),
    ),
    "68 length beyond the group": (
        lambda octets: extended(octets, inside_credit(bytes.fromhex("000001b04000001000000001"))),
        5014,
        inside_credit(bytes.fromhex("000001b04000000c00000000")),
    ),
}


def by_row(cases):
    """Each case marked with the row that its name begins with."""
    return [pytest.param(case, marks=pytest.mark.row(int(case.split()[0]))) for case in cases]


@pytest.mark.parametrize("case", by_row(BASE))
async def test_base_protocol(line, case):
    """Code, E bit for 3xxx only, Failed-AVP; the connection stays, nothing is charged."""
    await line.open(data(100 * MB))
    change, code, failed = BASE[case]
    session = line.session()
    plain = session.request(INITIAL, mscc(10))
    request = change(plain) if callable(change) else session.request(INITIAL, mscc(10), number=0, **change)
    answer = await line.peer.ask(request)
    assert code_of(answer) == code
    assert answer.header.flags == (0x60 if 3000 <= code < 4000 else 0x40)
    assert answer.header[3:] == (
        int.from_bytes(request[5:8], "big"),
        int.from_bytes(request[8:12], "big"),
        0x500,
        0x600,
    )
    assert failed_avp(answer) == (failed or None)
    assert (await line.sessions(), await line.buckets()) == ({}, {"data-1": (100 * MB, 0)})
    assert code_of(await line.peer.ask(line.peer.dwr())) == 2001
    assert code_of(await line.peer.ask(plain)) == 2001


FAULTS = {
    "version": lambda octets: with_header(octets, version=2),
    "E bit": lambda octets: with_header(octets, flags=0xE0),
    "application": lambda octets: with_header(octets, application=77),
    "command": lambda octets: with_header(octets, command=999),
    "length": lambda octets: extended(octets, bytes.fromhex("000001c84000000f")),
    "host": lambda octets: extended(octets, avp("Destination-Host", "ocs77.example.org")),
    "realm": lambda octets: octets.replace(OCS_REALM.encode() + b"\0", b"x" * len(OCS_REALM) + b"\0"),
    "V bit": lambda octets: extended(octets, bytes.fromhex("000003684000000c00000000")),
    "unknown": lambda octets: extended(octets, unknown()),
    "missing": lambda octets: octets.replace(avp("CC-Request-Number", 0), unknown("00")),
    "not allowed": lambda octets: extended(octets, bytes.fromhex("0000010c4000000c000007d1")),
    "too often": lambda octets: extended(octets, bytes.fromhex("000001a04000000c00000001")),
    "value": lambda octets: extended(octets, bytes.fromhex("000001c74000000c00000007")),
}
ORDER = {
    "version": 5011,
    "E bit": 3008,
    "application": 3007,
    "command": 3001,
    "length": 5014,
    "host": 3002,
    "realm": 3003,
    "V bit": 3009,
    "unknown": 5001,
    "missing": 5005,
    "not allowed": 5008,
    "too often": 5009,
    "value": 5004,
}


async def test_only_the_first_mistake_is_told(line):
    """Two at a time, in every combination: the one that is checked first decides (RFC 6733 §7)."""
    await line.open(data(100 * MB))
    plain = line.session().request(INITIAL, mscc(10))
    for first, second in itertools.combinations(ORDER, 2):
        answer = await line.peer.ask(FAULTS[first](FAULTS[second](plain)))
        assert code_of(answer) == ORDER[first], (first, second)
    assert await line.sessions() == {}


@pytest.mark.row(51)
async def test_a_host_without_a_realm(line):
    """3002: nobody could route it; without both the message is for us, but its grammar is broken."""
    session = (await line.open(data(100 * MB))).session()
    leave = ("Destination-Realm",)
    named = session.request(INITIAL, mscc(10), leave=leave, Destination_Host=OCS_HOST)
    assert code_of(await line.peer.ask(named)) == 3002
    answer = await line.peer.ask(session.request(INITIAL, mscc(10), leave=leave))
    assert (code_of(answer), failed_avp(answer).hex()) == (5005, "0000011b40000008")


@pytest.mark.row(56)
async def test_a_watchdog_with_the_p_bit(line):
    """Row 56, other way round: base commands must not be proxiable."""
    answer = await line.peer.ask(with_header(line.peer.dwr(), flags=0xC0))
    assert (code_of(answer), answer.header.flags & 0x20) == (3008, 0x20)


HARMLESS = {
    "our name in a Route-Record": lambda octets: extended(octets, avp("Route-Record", OCS_HOST)),
    "59 unknown AVP without M": lambda octets: extended(octets, unknown("00")),
    "60 undecodable AVP without M": lambda octets: extended(octets, bytes.fromhex("0000002c0000000bffffff00")),
    "67 reserved header bits": lambda octets: with_header(octets, flags=0xCF),
    "not proxiable": lambda octets: with_header(octets, flags=0x80),
    "Service-Parameter-Info without M": lambda octets: extended(
        octets, bytes.fromhex("000001b800000020000001b90000000c0000000a000001ba0000000961000000")
    ),
}


@pytest.mark.row(67)
@pytest.mark.parametrize("case", HARMLESS)
async def test_what_is_no_error(line, case):
    session = (await line.open(data(100 * MB))).session()
    _, answer = await exchange(line.peer, HARMLESS[case](session.request(INITIAL, mscc(10))))
    assert (code_of(answer), granted(answer)) == (2001, [10 * MB])


@pytest.mark.row(69)
@pytest.mark.parametrize("length", [19, 18, 0, 22, 0xFFFFFC])
async def test_a_wrong_message_length_closes_the_connection(line, length):
    """Row 69: nobody knows where the next message starts."""
    async with gateway(line.node, structs.replace(PGW, origin_host=PGW.origin_host.replace("pgw01", "pgw09"))) as other:
        message = ccr(INITIAL, 0)
        other.send(message[:1] + length.to_bytes(3, "big") + message[4:])
        assert await other.ended() == []
    assert code_of(await line.peer.ask(line.peer.dwr())) == 2001


INTRODUCTIONS = {
    "58 unknown peer": ({"origin_host": "pgw01.stranger.example"}, b"", 3010),
    "65 no common application": ({"applications": frozenset({16777238})}, b"", 5010),
    "70 no common security": ({}, bytes.fromhex("0000012b4000000c00000001"), 5017),
}


@pytest.mark.parametrize("case", by_row(INTRODUCTIONS))
async def test_refused_introductions(line, case):
    """A CEA with the code, E for 3xxx only, and the end of the connection; others stay."""
    change, more, code = INTRODUCTIONS[case]
    who = structs.replace(PGW, **({"origin_host": PGW.origin_host.replace("pgw01", "pgw08")} | change))
    async with WirePeer(who) as stranger:
        await stranger.connect(*line.node.transport.addresses[0])
        answer = await stranger.ask(extended(stranger.cer(), more))
        assert code_of(answer) == code
        assert bool(answer.header.flags & 0x20) is (3000 <= code < 4000)
        assert await stranger.ended() == []
    assert code_of(await line.peer.ask(line.peer.dwr())) == 2001


@pytest.mark.row(72)
async def test_a_second_introduction_is_told_and_forgotten(line):
    """Row 72: 5012 without E; the connection and its sessions go on."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    answer = await line.peer.ask(line.peer.cer())
    assert (code_of(answer), answer.header.command, answer.header.flags) == (5012, 257, 0)
    assert granted(await session.ask(UPDATE, mscc(10, used=1 * MB))) == [10 * MB]
    assert await line.buckets() == {"data-1": (99 * MB, 10 * MB)}


@pytest.mark.row(50)
async def test_commands_of_other_applications(line):
    """A CER of Gy, a CCR of the base protocol and an unknown base command: 3001, and the connection stays."""
    await line.open(data(100 * MB))
    ccr_of_base = with_header(line.session().request(INITIAL, mscc(10)), application=0)
    for request in (line.peer.request(257, b"", application=4), ccr_of_base, line.peer.request(999, b"")):
        answer = await line.peer.ask(request)
        assert (code_of(answer), answer.header.flags & 0x20) == (3001, 0x20)
    assert (await line.sessions(), await line.buckets()) == ({}, {"data-1": (100 * MB, 0)})


@pytest.mark.row(52)
async def test_the_realm_of_a_gateway_that_has_gone(line):
    """Row 52: a realm of peers is served while one of them is connected."""
    session = (await line.open(data(100 * MB))).session()
    realm = "roaming.mnc001.mcc001.3gppnetwork.org"
    addressed = session.request(INITIAL, mscc(10), Destination_Realm=realm)
    assert code_of(await line.peer.ask(addressed)) == 3003
    guest = structs.replace(PGW, origin_host=PGW.origin_host.replace("pgw01", "pgw07"), origin_realm=realm)
    async with gateway(line.node, guest):
        assert code_of(await line.peer.ask(addressed)) == 2001
    await until(lambda: realm not in line.node.transport.peers.realms)
    assert code_of(await line.peer.ask(addressed)) == 3003
    assert await line.buckets() == {"data-1": (100 * MB, 10 * MB)}
