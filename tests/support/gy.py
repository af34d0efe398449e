"""What a gateway demands of an answer, and a session that holds every answer against it.

The octets are read by a walker of its own, so that the product's codec is no witness in its own case.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from diameter_ocs.assemble import Ocs
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account, Bucket
from diameter_ocs.ledger.journal import Action, Entry
from diameter_ocs.wire.codec import LenientMessage, decode_lenient, encode_avp
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import REQUEST
from tests.support.ocs import OCS_HOST, OCS_REALM, PGW_HOST, account_of, add_line, ccr, groups, value
from tests.support.wire_peer import WirePeer

INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4
VENDOR_3GPP = 10415
FAILED_AVP, PROXY_INFO = 279, 284
CREDIT, GRANT, FINAL = 456, 431, 430
REDIRECT_SERVER, TARIFF_TIME_CHANGE = 434, 451
COST, MONEY, UNIT_VALUE, CHECK_BALANCE_RESULT = 423, 413, 445, 422
POOL_REFERENCE = 457
LOW_BALANCE, BALANCE, TRIGGER, ANNOUNCEMENT = [(VENDOR_3GPP, code) for code in (2020, 2021, 1264, 3904)]
ALLOWED = {
    0: {263, 268, 264, 296, 258, 416, 415, 419, 456, 431, 430, 448, 281, 279, 284, 427, 418, 428, 278}
    | {COST, CHECK_BALANCE_RESULT, LOW_BALANCE, BALANCE, (VENDOR_3GPP, 873)},
    CREDIT: {431, 439, 432, 448, 268, 430, (VENDOR_3GPP, 868), (VENDOR_3GPP, 869), (VENDOR_3GPP, 871)}
    | {(VENDOR_3GPP, 1226), (VENDOR_3GPP, 2022), TRIGGER, ANNOUNCEMENT, (VENDOR_3GPP, 881), (VENDOR_3GPP, 1270)}
    | {POOL_REFERENCE, (VENDOR_3GPP, 1016)},
    POOL_REFERENCE: {453, 454, UNIT_VALUE},
    GRANT: {420, 421, 417, MONEY, TARIFF_TIME_CHANGE},
    FINAL: {449, REDIRECT_SERVER, 438, 11},
    REDIRECT_SERVER: {433, 435},
    COST: {UNIT_VALUE, 425, 424},
    MONEY: {UNIT_VALUE, 425},
    UNIT_VALUE: {447, 429},
}
"""AVPs with the M bit that gateways know, by the group they stand in: RFC 8506 §3.2, TS 32.299 §6.4.3 and §7.2."""
ONCE = {263: "Session-Id", 268: "Result-Code", 264: "Origin-Host", 296: "Origin-Realm", 258: "Auth-Application-Id"}
EXPERIMENTAL_RESULT = 297
ROUTING = {293: "Destination-Host", 283: "Destination-Realm", 282: "Route-Record"}


class Raw(NamedTuple):
    """An AVP as its octets say."""

    code: int
    vendor: int
    flags: int
    data: bytes
    octets: bytes

    @property
    def key(self) -> int | tuple[int, int]:
        return (self.vendor, self.code) if self.vendor else self.code

    @property
    def number(self) -> int:
        return int.from_bytes(self.data, "big")

    @property
    def members(self) -> list["Raw"]:
        return list(walk(self.data))


def walk(data: bytes) -> Iterator[Raw]:
    """The AVPs in `data`, each with its padding. Fails on any length that does not fit."""
    while data:
        assert len(data) >= 8, "octets left over behind the last AVP"
        code, length = int.from_bytes(data[:4], "big"), int.from_bytes(data[5:8], "big")
        start = 12 if data[4] & 0x80 else 8
        assert start <= length <= len(data), f"length {length} of AVP {code}"
        padded = length + 3 & ~3
        assert padded <= len(data), f"AVP {code} is not padded"
        assert data[length:padded].strip(b"\0") == b"", f"padding of AVP {code}"
        vendor = int.from_bytes(data[8:12], "big") if start == 12 else 0
        yield Raw(code, vendor, data[4], data[start:length], data[:padded])
        data = data[padded:]


def of(avps: Sequence[Raw], code: int, vendor: int = 0) -> list[Raw]:
    return [avp for avp in avps if avp.code == code and avp.vendor == vendor]


def assert_digestible(request: bytes, answer: bytes) -> None:
    """Every rule that a known gateway dies of, or hangs on, when an answer breaks it."""
    _assert_header(request, answer)
    asked, said = list(walk(request[20:])), list(walk(answer[20:]))
    codes = [avp.key for avp in said]
    assert codes[0] == 263, "Session-Id comes first"
    assert said[0].octets == asked[0].octets, "the Session-Id is that of the request"
    for code, name in ONCE.items():
        assert codes.count(code) == 1, f"{name} comes {codes.count(code)} times"
    assert EXPERIMENTAL_RESULT not in codes
    assert not ROUTING.keys() & set(codes)
    assert of(said, 264)[0].data.decode() == OCS_HOST
    assert of(said, 296)[0].data.decode() == OCS_REALM
    assert of(said, 258)[0].number == 4
    for code in (416, 415):
        assert [avp.data for avp in of(said, code)] == [avp.data for avp in of(asked, code)], f"AVP {code} is echoed"
    assert [avp.octets for avp in of(said, PROXY_INFO)] == [avp.octets for avp in of(asked, PROXY_INFO)]
    _assert_known(said, 0)
    code = of(said, 268)[0].number
    assert bool(answer[4] & 0x20) is (3000 <= code < 4000), f"E bit of {code}"
    assert code != 2002, "any code but exactly 2001 is a failure for some gateways"
    if code == 2001:
        _assert_credits(asked, said)
    else:
        named = of(said, CREDIT)
        assert not named or of(asked, 416)[0].number == EVENT, "only a refused event says which service it was"
        granted = [grant for credit in named for grant in of(credit.members, GRANT)]
        assert not granted + of(said, GRANT), "a refusal grants nothing"


def _assert_header(request: bytes, answer: bytes) -> None:
    assert answer[0] == 1
    assert int.from_bytes(answer[1:4], "big") == len(answer)
    assert answer[4] & 0x9F == 0, "R, T and reserved bits are clear"
    assert answer[4] & 0x40 == request[4] & 0x40, "P is copied"
    assert answer[5:20] == request[5:20], "command, application and both ids are copied"


def _assert_known(avps: Sequence[Raw], parent: int) -> None:
    for avp in avps:
        if avp.flags & 0x40:
            assert avp.key in ALLOWED[parent], f"AVP {avp.key} with the M bit in {parent or 'the answer'}"
        if avp.code in ALLOWED and not avp.vendor:
            _assert_known(avp.members, avp.code)


def _assert_credits(asked: Sequence[Raw], said: Sequence[Raw]) -> None:
    wanted, given = of(asked, CREDIT), of(said, CREDIT)
    if of(said, CHECK_BALANCE_RESULT) or (of(said, COST) and not given):
        return
    assert [_ids(each) for each in given] == [_ids(each) for each in wanted], "one answer per MSCC, with its ids"
    if wanted:
        assert not of(said, GRANT), "quota belongs into the MSCC"
    for credit in given:
        _assert_credit(credit.members)


def _ids(credit: Raw) -> tuple[list[int], list[int]]:
    return [each.number for each in of(credit.members, 432)], [each.number for each in of(credit.members, 439)]


def _assert_credit(members: Sequence[Raw]) -> None:
    (code,) = of(members, 268)
    grants, finals = of(members, GRANT), of(members, FINAL)
    thresholds = of(members, 868, VENDOR_3GPP) + of(members, 869, VENDOR_3GPP)
    assert all(each.number >= 1 for each in of(members, 448)), "Validity-Time is never 0"
    if not grants:
        for final in finals:
            assert of(final.members, 449)[0].number != 0, "FUI TERMINATE never comes without a grant"
            assert of(members, 448), "a restricted mode ends some time"
        assert not thresholds
        return
    assert code.number == 2001
    (grant,) = grants
    amounts = [
        of(each.members, UNIT_VALUE)[0].members[0].number if each.code == MONEY else each.number
        for each in grant.members
        if each.code != TARIFF_TIME_CHANGE
    ]
    assert len(amounts) == 1
    assert amounts[0] > 0 or of(members, POOL_REFERENCE), "only a pool goes on without more"
    assert all(each.number <= amounts[0] for each in thresholds)
    assert not (finals and thresholds), "no threshold with final units"


def avp(name: str, value: Any) -> bytes:
    return encode_avp(name, value, default_dictionary())


def extended(message: bytes, *octets: bytes) -> bytes:
    """A message with more AVPs behind the others, as they are."""
    body = b"".join((message[20:], *octets))
    return message[:1] + (len(body) + 20).to_bytes(3, "big") + message[4:20] + body


def with_header(message: bytes, **change: int) -> bytes:
    """A message with another version, flags, command or application."""
    octets = bytearray(message)
    places = {"version": slice(0, 1), "flags": slice(4, 5), "command": slice(5, 8), "application": slice(8, 12)}
    for name, number in change.items():
        place = places[name]
        octets[place] = number.to_bytes(place.stop - place.start, "big")
    return bytes(octets)


def e164(number: str) -> tuple[str, Any]:
    return "Subscription-Id", [("Subscription-Id-Type", 0), ("Subscription-Id-Data", number)]


def imsi(number: str) -> tuple[str, Any]:
    return "Subscription-Id", [("Subscription-Id-Type", 1), ("Subscription-Id-Data", number)]


async def exchange(peer: WirePeer, request: bytes) -> tuple[bytes, LenientMessage]:
    """Send a CCR and hold its answer against the rules: its octets and what they mean.

    Requests of the node that come before it (RAR, ASR) are left unanswered, as some gateways do.
    """
    peer.send(request)
    octets = await peer.receive_bytes()
    while octets[4] & REQUEST:
        octets = await peer.receive_bytes()
    assert_digestible(request, octets)
    return octets, decode_lenient(octets, default_dictionary())


class GySession:
    """A session of a gateway that numbers its requests itself."""

    def __init__(self, peer: WirePeer, msisdn: str, session_id: str, first: int = 0) -> None:
        self.peer = peer
        self.msisdn = msisdn
        self.session_id = session_id
        self.next = first
        self.sent = b""
        self.received = b""

    def request(self, kind: int, *more: tuple[str, Any], number: int | None = None, **change: Any) -> bytes:
        """The octets of a CCR; takes the next number unless one is given."""
        if number is None:
            number, self.next = self.next, self.next + 1
        change.setdefault("Subscription_Id", e164(self.msisdn)[1])
        return ccr(kind, number, *more, session=self.session_id, **change)

    async def ask(self, kind: int, *more: tuple[str, Any], **change: Any) -> LenientMessage:
        self.sent = self.request(kind, *more, **change)
        return await self.repeat()

    async def repeat(self) -> LenientMessage:
        """Send the last request again."""
        self.received, answer = await exchange(self.peer, self.sent)
        return answer


async def stored_session(node: Ocs, session_id: str) -> Session | None:
    """As it is on disk, open or closed."""
    found = await node.store.sessions(open_only=False, limit=1_000_000)
    return next((each for each in found if each.session_id == session_id), None)


def debited(entries: Sequence[Entry], session_id: str | None = None) -> int:
    """Service units that the journal says were consumed, charged or free, by one session or all."""
    consumed = {Action.DEBIT, Action.FREE}
    chosen = [entry for entry in entries if session_id in (None, entry.session_id)]
    return sum(posting.units for entry in chosen for posting in entry.postings if posting.action in consumed)


def postings(entries: Sequence[Entry], action: Action) -> list[tuple[int, str]]:
    """Service units and mark of every posting of one kind."""
    return [(each.units, each.mark) for entry in entries for each in entry.postings if each.action is action]


def session_name(number: int | str) -> str:
    return f"{PGW_HOST};1790000000;{number};gy"


def move_clock(node: Ocs, seconds: float) -> None:
    """Let the time of money and expiry run ahead; the time of timers stays."""
    real = node.clock.at_ms
    node.clock.at_ms = lambda: real() + int(seconds * 1000)  # type: ignore[method-assign]


class Line:
    """One subscriber with an account of its own, on a node that serves many."""

    numbers = count(1000)

    def __init__(self, node: Ocs, peer: WirePeer) -> None:
        self.node = node
        self.peer = peer
        self.number = next(self.numbers)
        self.account_id = f"acc-{self.number}"
        self.msisdn = f"99955{self.number:06d}"
        self.imsi = f"00101{self.number:010d}"

    async def open(self, *buckets: Bucket, offer: str = "standard") -> "Line":
        await add_line(self.node, self.account_id, *buckets, msisdn=self.msisdn, imsi=self.imsi, offer=offer)
        return self

    def session(self, name: str = "a", first: int = 0) -> GySession:
        return GySession(self.peer, self.msisdn, session_name(f"{self.number}{name}"), first)

    async def account(self) -> Account:
        return await account_of(self.node, self.account_id)

    async def buckets(self) -> dict[str, tuple[int, int]]:
        """Remaining and reserved, by bucket, on disk."""
        return {each.bucket_id: (each.remaining, each.reserved) for each in (await self.account()).buckets}

    async def entries(self) -> Sequence[Entry]:
        return await self.node.store.entries(self.account_id)

    async def sessions(self) -> dict[str, str]:
        """Status by name, on disk."""
        found = await self.node.store.sessions(account_id=self.account_id, open_only=False)
        return {each.session_id: each.status.value for each in found}


def failed_avp(answer: LenientMessage) -> bytes | None:
    """Content of the Failed-AVP."""
    found = answer.first("Failed-AVP")
    return found.data if found is not None else None


def group_codes(answer: LenientMessage) -> list[tuple[int | None, int]]:
    """Rating-Group and Result-Code of every MSCC."""
    return [(value(each, "Rating-Group"), value(each, "Result-Code")) for each in groups(answer)]


def granted(answer: LenientMessage) -> list[int | None]:
    """Octets granted by every MSCC."""
    return [value(each, "Granted-Service-Unit", "CC-Total-Octets") for each in groups(answer)]
