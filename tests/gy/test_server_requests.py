"""RAR and ASR octet for octet, and what their answers say."""

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.outbox import GatewayRequest, RequestKind
from diameter_ocs.charging.session import Session
from diameter_ocs.gy.server_requests import encode_request, result_of, sent_again, without_mark
from diameter_ocs.peer.messages import stamped
from diameter_ocs.peer.node import Node
from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import PROXIABLE, REQUEST, RETRANSMIT, read_header
from tests.support.ocs import OCS_HOST, OCS_REALM, PGW_HOST, PGW_REALM
from tests.support.vectors import octets_of

NODE = Node(origin_host=OCS_HOST, origin_realm=OCS_REALM)
SESSION = Session(f"{PGW_HOST};3976250400;1;gy", "acc", "sub", 1, 1, 1, PGW_HOST, PGW_REALM, "32251@3gpp.org")
RAR = GatewayRequest("acc", "2-0", SESSION.session_id, RequestKind.REAUTHORIZE, "top-up", 1, rating_group=10)
ASR = replace(RAR, kind=RequestKind.ABORT, rating_group=None)


def encoded(request, end_to_end=0x20000001):
    return encode_request(request, SESSION, NODE, default_dictionary(), end_to_end)


def test_the_example_messages_octet_for_octet():
    assert stamped(encoded(RAR), 0x30) == octets_of("rar_rg")
    assert stamped(encoded(ASR, 0x20000002), 0x31) == octets_of("asr")


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ({"rating_group": None}, set()),
        ({"rating_group": 0}, {"Rating-Group"}),
        ({"rating_group": None, "service_identifier": 7}, {"Service-Identifier"}),
        ({"rating_group": None, "pool": 1}, {"G-S-U-Pool-Identifier"}),
    ],
)
def test_what_is_to_be_authorised_again(scope, names):
    """RFC 8506 §5.5: the whole session, or one of its groups, services or pools."""
    message = decode_message(encoded(replace(RAR, **scope)), default_dictionary())
    assert {"Rating-Group", "Service-Identifier", "G-S-U-Pool-Identifier"} & {avp.name for avp in message.avps} == names


def test_the_mark_of_a_repeat():
    first = encoded(RAR)
    again = sent_again(first)
    assert read_header(again).flags == REQUEST | PROXIABLE | RETRANSMIT
    assert without_mark(again) == first
    assert sent_again(again) == again


def test_what_an_answer_says():
    assert result_of(octets_of("raa"), default_dictionary()) == (2002, PGW_HOST)
    assert result_of(octets_of("asa"), default_dictionary()) == (2001, PGW_HOST)
    assert result_of(octets_of("raa")[:20], default_dictionary()) == (0, "")
    assert result_of(b"\1", default_dictionary()) == (0, "")


@pytest.mark.parametrize(("request_row", "name"), [(RAR, "RAR"), (ASR, "ASR")])
def test_a_sub_session_is_named_beside_its_session(request_row, name):
    """RFC 8506 §5.5: CC-Sub-Session-Id in a RAR; an ASR has room for it."""
    session = replace(SESSION, session_id=f"{SESSION.session_id}#18446744073709551615")
    octets = encode_request(request_row, session, NODE, default_dictionary(), 1)
    message = decode_message(octets, default_dictionary())
    assert message.value("Session-Id") == SESSION.session_id
    assert message.value("CC-Sub-Session-Id") == 2**64 - 1, name
