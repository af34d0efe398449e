"""Every message of a client in the example messages, sent to a real node: the reaction written beside it."""

import pytest
from msgspec import structs

from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import read_header
from tests.support.ocs import (
    MB,
    PGW,
    account_of,
    add_line,
    bucket_of,
    code_of,
    data,
    gateway,
    groups,
    money,
    running_ocs,
    value,
)
from tests.support.vectors import VECTORS, octets_of
from tests.support.wire_peer import WirePeer

CLOSED = "closed"
FAILED = "Failed-AVP"
REACTIONS = {
    "bad_missing_cc_request_type": (5005, "000001a04000000c00000000"),
    "bad_unknown_m_avp": (5001, "00000007c00000100001869fdeadbeef"),
    "ok_unknown_non_m_avp": (2001, None),
    "bad_avp_length_small": (5014, "000001164000000c00000000"),
    "bad_avp_length_overrun": (5014, "0000000140000008"),
    "bad_u32_length": (5014, "0000019f4000000b00000100"),
    "bad_duplicate_avp": (5009, "0000019f4000000c00000001"),
    "bad_enum_value": (5004, "000001a04000000c00000009"),
    "bad_event_without_action": (5005, "000001b44000000c00000000"),
    "bad_version": (5011, None),
    "bad_request_with_E": (3008, None),
    "bad_command": (3001, None),
    "bad_application": (3007, None),
    "bad_realm": (3003, None),
    "bad_destination_host": (3002, None),
    "bad_avp_not_allowed": (5008, "000001af40000014000001a44000000c00000001"),
}
FRAMING_LOST = ("bad_length_not_multiple_of_4", "bad_length_below_header")


@pytest.fixture
async def node(tmp_path):
    async with running_ocs(tmp_path) as made:
        await add_line(made, "acc-1", data(100 * MB), money(1_000_000))
        yield made


def test_every_faulty_message_has_its_reaction_here():
    faulty = {vector["name"] for vector in VECTORS if vector["kind"] == "malformed"}
    assert faulty <= REACTIONS.keys() | set(FRAMING_LOST)


@pytest.mark.parametrize("name", REACTIONS)
async def test_faulty_messages(node, name):
    before = await account_of(node)
    code, failed = REACTIONS[name]
    request = octets_of(name)
    async with gateway(node) as peer:
        peer.send(request)
        octets = await peer.receive_bytes()
        answer = decode_message(octets, default_dictionary())
        assert code_of(answer) == code
        header, asked = read_header(octets), read_header(request)
        assert header[3:] == asked[3:]
        assert header.version == 1
        assert bool(header.flags & 0x20) is (3000 <= code < 4000)
        assert header.flags & 0x90 == 0
        if failed is not None:
            assert answer.first(FAILED).data.hex() == failed
        assert code_of(await peer.ask(peer.dwr())) == 2001
    if code != 2001:
        assert await account_of(node) == before


@pytest.mark.parametrize("name", FRAMING_LOST)
async def test_messages_that_lose_the_framing_close_only_their_connection(node, name):
    async with gateway(node) as other:
        async with gateway(node, second()) as peer:
            peer.send(octets_of(name))
            assert await peer.ended() == []
        assert code_of(await other.ask(octets_of("gy_ccr_i"))) == 2001


def second():
    return structs.replace(PGW, origin_host=PGW.origin_host.replace("pgw01", "pgw02"))


def shape(avps):
    """Names of all AVPs, with what is inside of them, but without what differs from node to node."""
    optional = {"Direct-Debiting-Failure-Handling", "Remaining-Balance"}
    return [(avp.name, shape(avp.children)) for avp in avps if avp.name not in optional]


def answer_like(name):
    return decode_message(octets_of(name), default_dictionary())


async def test_messages_as_events(node):
    """One is debited at once and refunded once, however often either is asked for; no session is left."""
    async with gateway(node) as peer:
        for _ in range(2):
            answer = await peer.ask(octets_of("sms_ccr_e_debit"))
            expected = shape(answer_like("sms_cca_e_debit").avps)
            assert [each for each in shape(answer.avps) if each[0] != "Cost-Information"] == expected
            assert (await bucket_of(node, "money")).remaining == 930_000
        reference = value(groups(answer)[0], "Refund-Information")
        refund = octets_of("sms_ccr_e_refund")
        token = bytes.fromhex("0badcafe00000001")
        assert code_of(await peer.ask(refund.replace(b";9;2", b";9;9"))) == 5031
        ours = refund_of(refund, token, reference)
        for _ in range(2):
            answer = await peer.ask(ours)
            assert code_of(answer) == 2001
            assert value(groups(answer)[0], "Granted-Service-Unit", "CC-Service-Specific-Units") == 1
            assert (await bucket_of(node, "money")).remaining == 1_000_000
    assert (await account_of(node)).open_sessions == 0


def refund_of(message, token, reference):
    """The same message with another reference, which is longer."""
    more = len(reference) - len(token)
    avp = message.index(token) - 12
    length = 12 + len(reference)
    message = message[: avp + 5] + length.to_bytes(3, "big") + message[avp + 8 :]
    outer = message.index(bytes.fromhex("000001c84000"))
    old = int.from_bytes(message[outer + 5 : outer + 8], "big")
    message = message[: outer + 5] + (old + more).to_bytes(3, "big") + message[outer + 8 :]
    message = message.replace(token, reference)
    return message[:1] + len(message).to_bytes(3, "big") + message[4:]


@pytest.mark.parametrize("name", ["balance", "price"])
async def test_balance_and_price(node, name):
    """The answers of the examples; nothing moves."""
    before = await account_of(node)
    async with gateway(node) as peer:
        answer = await peer.ask(octets_of(f"ccr_e_{name}"))
    expected = answer_like(f"cca_e_{name}")
    assert shape(answer.avps) == shape(expected.avps)
    assert value(answer, "Check-Balance-Result") == value(expected, "Check-Balance-Result")
    told = answer.first("Cost-Information")
    assert (told and told.raw) == (told and expected.first("Cost-Information").raw)
    assert await account_of(node) == before


async def test_a_call(node):
    """60 s are asked for, reserved with the connect fee, and granted in CC-Time."""
    async with gateway(node) as peer:
        answer = await peer.ask(octets_of("ims_ccr_i"))
    assert code_of(answer) == 2001
    assert value(groups(answer)[0], "Granted-Service-Unit", "CC-Time") == 60
    assert value(groups(answer)[0], "Service-Identifier") == 1
    bucket = await bucket_of(node, "money")
    assert (bucket.remaining, bucket.reserved) == (1_000_000, 140_000)


async def test_a_session_of_example_messages(node):
    """gy_ccr_i, its updates and its end: 2 groups, threshold, resend with T, final units, RAT change."""
    async with gateway(node) as peer:
        opened = await peer.ask(octets_of("gy_ccr_i"))
        assert [value(each, "Rating-Group") for each in groups(opened)] == [10, 20]
        assert [value(each, "Granted-Service-Unit", "CC-Total-Octets") for each in groups(opened)] == [10 * MB, 5 * MB]
        peer.send(octets_of("gy_ccr_u_threshold"))
        first = await peer.receive_bytes()
        peer.send(octets_of("gy_ccr_u_threshold_T"))
        again = await peer.receive_bytes()
        assert first[20:] == again[20:]
        assert read_header(again).hop_by_hop == 0x1F1
        for name in ("gy_ccr_u_final_consumed", "gy_ccr_u_tariff", "gy_ccr_u_rat_change"):
            assert code_of(await peer.ask(octets_of(name))) == 2001, name
        ended = await peer.ask(octets_of("gy_ccr_t"))
        assert code_of(ended) == 2001
    account = await account_of(node)
    used = 8_000_100 + 1_500_000 + 4_000_000 + 120_000 + 2_000
    assert {bucket.bucket_id: (bucket.remaining, bucket.reserved) for bucket in account.buckets} == {
        "data-1": (100 * MB - used, 0),
        "money": (1_000_000, 0),
    }


async def test_the_proxied_request_gets_its_proxy_infos_back_in_order(node):
    request = octets_of("gy_ccr_i_proxied")
    async with gateway(node) as peer:
        peer.send(request)
        answer = decode_message(await peer.receive_bytes(), default_dictionary())
    asked = decode_message(request, default_dictionary())
    assert [avp.raw for avp in answer.all("Proxy-Info")] == [avp.raw for avp in asked.all("Proxy-Info")]
    assert answer.first("Route-Record") is None


async def test_no_common_application(node):
    async with WirePeer(PGW) as peer:
        await peer.connect(*node.transport.addresses[0])
        answer = await peer.ask(octets_of("cer_no_common_app"))
        assert code_of(answer) == 5010
        assert not answer.header.flags & 0x20
        assert await peer.ended() == []


async def test_watchdog_and_disconnect_vectors(node):
    async with WirePeer(PGW) as peer:
        await peer.connect(*node.transport.addresses[0])
        assert code_of(await peer.ask(octets_of("cer"))) == 2001
        assert code_of(await peer.ask(octets_of("dwr"))) == 2001
        assert code_of(await peer.ask(octets_of("dpr"))) == 2001
