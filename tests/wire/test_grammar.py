"""The notation of RFC 6733 §3.2, and what its checks say of messages that break it."""

import pytest

from diameter_ocs import errors
from diameter_ocs.wire.codec import Avp, decode_message, encode_avp, encode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.grammar import UNBOUNDED, Element, GrammarError, parse_command, parse_elements
from tests.support.vectors import octets_of

DICTIONARY = default_dictionary()


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("< Session-Id >", Element(("Session-Id",), 1, 1, True)),
        ("0*1 < Session-Id >", Element(("Session-Id",), 0, 1, True)),
        ("{ Origin-Host }", Element(("Origin-Host",), 1, 1, False)),
        ("[User-Name]", Element(("User-Name",), 0, 1, False)),
        ("* [ AVP ]", Element(("AVP",), 0, UNBOUNDED, False)),
        ("1* { Host-IP-Address }", Element(("Host-IP-Address",), 1, UNBOUNDED, False)),
        ("* { Host-IP-Address }", Element(("Host-IP-Address",), 1, UNBOUNDED, False)),
        ("2*5{ Host-IP-Address }", Element(("Host-IP-Address",), 2, 5, False)),
        ("*0 [ Result-Code ]", Element(("Result-Code",), 0, 0, False)),
        ("{ A / B-C/D }", Element(("A", "B-C", "D"), 1, 1, False)),
    ],
)
def test_elements(text, element):
    assert parse_elements(text) == (element,)


@pytest.mark.parametrize("text", ["Session-Id", "{ Session-Id", "3 { Session-Id }", "2*1 { Session-Id }", "{ A } x"])
def test_unreadable_elements(text):
    with pytest.raises(GrammarError):
        parse_elements(text)


def test_the_head_of_a_command():
    assert parse_command("< Diameter Header: 272, REQ, PXY, 4 > { A }")[0] == (272, True, True, 4)
    assert parse_command("< Diameter Header: 280 > { A }")[0] == (280, False, False, 0)
    assert parse_command("< Diameter Header: code, ERR > { A }")[0] == (None, False, False, 0)


def as_tree(avp: Avp):
    return (avp.name, [as_tree(child) for child in avp.children] if avp.value is None else avp.value)


def changed(name: str, *, without=(), plus=()) -> bytes:
    """An example message without the AVPs of some names and with other ones at its end."""
    message = decode_message(octets_of(name), DICTIONARY)
    avps = [(avp.raw) for avp in message.avps if avp.name not in without]
    return encode_message(*message.header[2:], avps + [encode_avp(*pair, DICTIONARY) for pair in plus])


REQUIRED = [
    ("gy_ccr_i", "Session-Id", "0000010740000008"),
    ("gy_ccr_i", "Origin-Host", "0000010840000008"),
    ("gy_ccr_i", "Origin-Realm", "0000012840000008"),
    ("gy_ccr_i", "Destination-Realm", "0000011b40000008"),
    ("gy_ccr_i", "Auth-Application-Id", "000001024000000c00000000"),
    ("gy_ccr_i", "Service-Context-Id", "000001cd40000008"),
    ("gy_ccr_i", "CC-Request-Type", "000001a04000000c00000000"),
    ("gy_ccr_i", "CC-Request-Number", "0000019f4000000c00000000"),
    ("cer", "Host-IP-Address", "000001014000000e0000000000000000"),
    ("cer", "Product-Name", "0000010d00000008"),
    ("dpr", "Disconnect-Cause", "000001114000000c00000000"),
    ("rar_rg", "Re-Auth-Request-Type", "0000011d4000000c00000000"),
    ("gy_cca_i", "Result-Code", "0000010c4000000c00000000"),
]


@pytest.mark.parametrize(("message", "name", "example"), REQUIRED)
def test_a_missing_avp_is_shown_as_zero_filled_example(message, name, example):
    with pytest.raises(errors.MissingAvp, match=name) as caught:
        decode_message(changed(message, without={name}), DICTIONARY)
    assert caught.value.failed_avp.hex() == example


FORBIDDEN = [
    ("Result-Code", 2001),
    ("CC-Session-Failover", 1),
    ("Check-Balance-Result", 0),
    ("Validity-Time", 60),
    ("Credit-Control-Failure-Handling", 1),
    ("Direct-Debiting-Failure-Handling", 1),
    ("Low-Balance-Indication", 1),
    ("Final-Unit-Indication", [("Final-Unit-Action", 0)]),
    ("Cost-Information", [("Unit-Value", [("Value-Digits", 1)]), ("Currency-Code", 978)]),
    ("Redirect-Host", "aaa://ocs.example"),
    ("Failed-AVP", [("CC-Time", 0)]),
]


@pytest.mark.parametrize(("name", "value"), FORBIDDEN)
def test_what_only_an_answer_may_hold_is_not_allowed_in_a_ccr(name, value):
    with pytest.raises(errors.AvpNotAllowed, match=name) as caught:
        decode_message(changed("gy_ccr_i", plus=[(name, value)]), DICTIONARY)
    assert caught.value.failed_avp == encode_avp(name, value, DICTIONARY)


@pytest.mark.parametrize(
    "pair",
    [
        ("Requested-Action", 0),
        ("AoC-Request-Type", 1),
        ("Accounting-Record-Type", 2),
        ("Accounting-Record-Number", 0),
        ("3GPP-IMSI", "001010000000101"),
        ("Calling-Station-Id", "99955500101"),
        ("Route-Record", "dra.example"),
        ("CC-Correlation-Id", b"\x01"),
    ],
    ids=lambda pair: pair[0],
)
def test_what_real_clients_add_is_tolerated(pair):
    assert decode_message(changed("gy_ccr_i", plus=[pair]), DICTIONARY).first(pair[0])


@pytest.mark.parametrize("mandatory", [True, False])
def test_avps_of_ts_29_061_come_with_or_without_the_m_bit(mandatory):
    rat = encode_avp("3GPP-RAT-Type", b"\x06", DICTIONARY, mandatory=mandatory)
    packet = encode_avp("PS-Information", rat, DICTIONARY)
    message = decode_message(changed("gy_ccr_t", without={"Service-Information"}), DICTIONARY)
    service = encode_avp("Service-Information", packet, DICTIONARY)
    octets = encode_message(*message.header[2:], [*(avp.raw for avp in message.avps), service])
    assert decode_message(octets, DICTIONARY).first("Service-Information").children[0].children[0].value == b"\x06"


def test_the_application_may_be_named_by_the_vendor_specific_group_alone():
    group = ("Vendor-Specific-Application-Id", [("Vendor-Id", 10415), ("Auth-Application-Id", 4)])
    assert decode_message(changed("ims_ccr_i", without={"Auth-Application-Id"}, plus=[group]), DICTIONARY)
    assert decode_message(changed("ims_ccr_i", plus=[group]), DICTIONARY)


def test_a_vendor_specific_application_names_one_application():
    neither = ("Vendor-Specific-Application-Id", [("Vendor-Id", 10415)])
    with pytest.raises(errors.MissingAvp, match="Auth-Application-Id or Acct-Application-Id") as missing:
        decode_message(changed("cer", plus=[neither]), DICTIONARY)
    examples = "000001024000000c00000000" + "000001034000000c00000000"
    assert missing.value.failed_avp.hex() == "0000010440000020" + examples
    both = [("Auth-Application-Id", 4), ("Acct-Application-Id", 3)]
    group = ("Vendor-Specific-Application-Id", [("Vendor-Id", 10415), *both])
    with pytest.raises(errors.AvpOccursTooManyTimes) as too_many:
        decode_message(changed("cer", plus=[group]), DICTIONARY)
    assert too_many.value.failed_avp.hex() == (
        "0000010440000020" + "000001024000000c00000004" + "000001034000000c00000003"
    )


def test_a_mistake_inside_a_group_is_shown_inside_the_group():
    with pytest.raises(errors.MissingAvp, match="Subscription-Id-Type is missing in Subscription-Id") as caught:
        decode_message(changed("gy_ccr_i", plus=[("Subscription-Id", [("Subscription-Id-Data", "1")])]), DICTIONARY)
    assert caught.value.failed_avp.hex() == "000001bb40000014" + "000001c24000000c00000000"


def test_the_first_occurrence_above_the_limit_is_shown():
    groups = [("Rating-Group", 1), ("Rating-Group", 2), ("Rating-Group", 3)]
    with pytest.raises(errors.AvpOccursTooManyTimes, match="occurs 3 times in Multiple-Services") as caught:
        decode_message(changed("gy_ccr_i", plus=[("Multiple-Services-Credit-Control", groups)]), DICTIONARY)
    assert caught.value.failed_avp.hex() == "000001c840000014" + "000001b04000000c00000002"


def test_a_closed_group_allows_no_other_known_avp():
    money = ("Unit-Value", [("Value-Digits", 1), ("CC-Time", 5)])
    service = ("Requested-Service-Unit", [("CC-Money", [money])])
    with pytest.raises(errors.AvpNotAllowed, match="CC-Time must not be there in Unit-Value"):
        decode_message(changed("gy_ccr_i", plus=[("Multiple-Services-Credit-Control", [service])]), DICTIONARY)


def test_an_error_answer_follows_the_generic_form():
    for name in ("cca_too_busy", "cea_unknown_peer", "cca_missing_avp", "cea_no_common_app"):
        assert decode_message(octets_of(name), DICTIONARY).grammar is DICTIONARY.answer_message
    with pytest.raises(errors.MissingAvp, match="Result-Code"):
        decode_message(changed("cca_too_busy", without={"Result-Code"}), DICTIONARY)
