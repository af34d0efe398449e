"""Error answers, from whole and from damaged requests (RFC 6733 §6.2, §7.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.peer.answers import MAX_ERROR_MESSAGE, MAX_PROXY_INFOS, error_answer
from diameter_ocs.peer.avps import AvpCode, octets, readable_avps, text, unsigned32
from diameter_ocs.peer.node import Node
from diameter_ocs.wire.codec import decode_lenient, decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import ERROR, PROXIABLE, read_header
from tests.support.vectors import FAULTY, VALID, octets_of

DICTIONARY = default_dictionary()
OCS = Node(origin_host="ocs01.ocs.mnc001.mcc001.3gppnetwork.org", origin_realm="ocs.mnc001.mcc001.3gppnetwork.org")


def test_an_unknown_user_is_told_in_a_cca_as_clients_need_it() -> None:
    request = octets_of("gy_ccr_i")
    answer = decode_message(error_answer(request, 5030, OCS), DICTIONARY)
    assert [(avp.name, avp.value) for avp in answer.avps] == [
        ("Session-Id", "pgw01.epc.mnc001.mcc001.3gppnetwork.org;3976250400;1;gy"),
        ("Result-Code", 5030),
        ("Origin-Host", OCS.origin_host),
        ("Origin-Realm", OCS.origin_realm),
        ("Auth-Application-Id", 4),
        ("CC-Request-Type", 1),
        ("CC-Request-Number", 0),
    ]
    assert answer.header.flags == PROXIABLE


def test_it_is_the_answer_of_the_vectors() -> None:
    """Byte for byte; the 5005 answer is to bad_missing_cc_request_type."""
    missing = bytes.fromhex("000001a04000000c00000000")
    built = error_answer(octets_of("bad_missing_cc_request_type"), 5005, OCS, "CC-Request-Type missing", missing)
    assert built == octets_of("cca_missing_avp")


@pytest.mark.parametrize(("code", "e_bit"), [(3004, ERROR), (4012, 0), (5012, 0)])
def test_only_protocol_errors_have_the_e_bit(code: int, e_bit: int) -> None:
    answer = read_header(error_answer(octets_of("gy_ccr_i"), code, OCS))
    assert answer.flags == PROXIABLE | e_bit


def test_proxy_infos_come_back_unchanged_and_in_order_and_routes_do_not() -> None:
    request = octets_of("gy_ccr_i_proxied")
    asked = decode_lenient(request, DICTIONARY)
    answer = decode_message(error_answer(request, 3002, OCS), DICTIONARY)
    assert [avp.raw for avp in answer.all("Proxy-Info")] == [avp.raw for avp in asked.all("Proxy-Info")]
    assert len(answer.all("Proxy-Info")) == 2
    assert not {avp.name for avp in answer.avps} & {"Route-Record", "Destination-Host", "Destination-Realm"}


@pytest.mark.parametrize("vector", VALID + FAULTY, ids=lambda vector: vector["name"])
def test_any_request_gets_an_answer_that_can_be_read(vector: dict[str, str]) -> None:
    request = bytes.fromhex(vector["hex"])
    answer = error_answer(request, 5012, OCS, "reason", unsigned32(AvpCode.RESULT_CODE, 0))
    decoded = decode_message(answer, DICTIONARY)
    assert decoded.header[3:] == read_header(request)[3:]
    session = decode_lenient(request, DICTIONARY).first("Session-Id")
    assert [avp.value for avp in decoded.all("Session-Id")] == ([session.value] if session else [])


@given(st.data())
def test_damage_anywhere_never_breaks_the_answer(data: st.DataObject) -> None:
    request = bytearray(octets_of("gy_ccr_i_proxied"))
    for _ in range(data.draw(st.integers(1, 8))):
        request[data.draw(st.integers(20, len(request) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(20, len(request)))
    answer = error_answer(bytes(request[:cut]), 5014, OCS)
    assert len(answer) == read_header(answer).length
    assert len(answer) % 4 == 0


def test_a_flood_of_proxy_infos_and_a_long_reason_stay_bounded() -> None:
    head = octets_of("gy_ccr_i")[:20]
    answer = error_answer(head + octets(AvpCode.PROXY_INFO, bytes(8)) * 1000, 5012, OCS, "x" * 1000)
    avps = list(readable_avps(answer))
    assert sum(avp.code == AvpCode.PROXY_INFO for avp in avps) == MAX_PROXY_INFOS
    assert [len(avp.data) for avp in avps if avp.code == AvpCode.ERROR_MESSAGE] == [MAX_ERROR_MESSAGE]


def test_vendor_avps_with_the_same_code_are_not_taken_for_ours() -> None:
    foreign = bytes.fromhex("00000107 c0000010 000028af 61616161".replace(" ", ""))
    answer = error_answer(octets_of("gy_ccr_i")[:20] + foreign + text(AvpCode.SESSION_ID, "s"), 5012, OCS)
    assert next(readable_avps(answer)).data == b"s"
