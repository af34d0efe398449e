"""What a CCR tells of the conditions of use: from every place where gateways put it, and never a reason to refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.charging.conditions import UNKNOWN, Conditions
from diameter_ocs.gy.conditions import ConditionsReader, imei, time_zone
from diameter_ocs.simulator.packet_data import IMEISV
from diameter_ocs.wire.codec import encode_avp
from diameter_ocs.wire.dictionary import default_dictionary
from tests.gy.test_decode import ccr, decoder, slow
from tests.support.vectors import octets_of

ATTACHED = Conditions(
    apn="internet",
    rat="E-UTRAN",
    serving_plmn="00101",
    location="TAI 00101-1A2B ECGI 00101-1A2B3C4",
    imei="3534900698733190",
    charging_id="167821313",
    charging_characteristics="0400",
    time_zone="+01:00",
)


def told(*avps, kind=2):
    message = ccr(*avps, kind=kind, number=1)
    fast, strict = decoder().decode(message).session, slow(decoder()).decode(message).session
    assert fast == strict
    return fast.conditions


def packet(*members):
    return "Service-Information", [("PS-Information", list(members))]


def equipment(value, kind=0):
    return "User-Equipment-Info", [("User-Equipment-Info-Type", kind), ("User-Equipment-Info-Value", value)]


def test_an_attach_tells_everything():
    found = decoder().decode(octets_of("gy_ccr_i")).session.conditions
    assert found.apn == "internet"
    assert found.visited_plmn == "00101"
    assert found.location == ATTACHED.location
    assert found.imei == ATTACHED.imei


def test_every_member_of_ps_information_is_read():
    members = (
        ("Called-Station-Id", "internet"),
        ("3GPP-RAT-Type", b"\x06"),
        ("3GPP-SGSN-MCC-MNC", "00101"),
        ("3GPP-User-Location-Info", bytes.fromhex("8200f1101a2b00f11001a2b3c4")),
        equipment(IMEISV),
        ("3GPP-Charging-Id", (167821313).to_bytes(4, "big")),
        ("3GPP-Charging-Characteristics", "0400"),
        ("3GPP-MS-TimeZone", b"\x40\x00"),
    )
    assert told(packet(*members)) == ATTACHED


def test_a_change_tells_only_what_has_changed():
    assert told(packet(("3GPP-RAT-Type", b"\x33"))) == Conditions(rat="NR")


def test_nothing_told_is_nothing_known():
    assert told() is UNKNOWN


def test_equipment_may_stand_in_the_command():
    assert told(equipment(IMEISV)) == Conditions(imei="3534900698733190")
    assert told(equipment(IMEISV), packet(("Called-Station-Id", "ims"))) == Conditions(
        apn="ims", imei="3534900698733190"
    )


def test_equipment_by_another_kind_of_name_is_no_imei():
    assert told(equipment(b"\0\x1b\x44\x11\x3a\xb7", kind=1)) is UNKNOWN
    assert told(equipment(bytes.fromhex("5343094560789103"), kind=2)) is UNKNOWN


def test_terminal_information_and_the_bearers_first_id_stand_in_for_others():
    found = told(packet(("Terminal-Information", [("IMEI", "35349006987331")]), ("PDN-Connection-Charging-ID", 77)))
    assert found == Conditions(imei="35349006987331", charging_id="77")


def test_a_call_tells_its_parties_and_access_network():
    ims = [
        ("Calling-Party-Address", "unknown"),
        ("Calling-Party-Address", "tel:+4915100001"),
        ("Called-Party-Address", "sip:+4930123@ims.example"),
        ("Access-Network-Information", b"3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=001011a2b01a2b3c4"),
        ("Node-Functionality", 6),
    ]
    found = told(("Service-Information", [("IMS-Information", ims)]))
    assert found.calling_party == "tel:+4915100001"
    assert found.called_party == "sip:+4930123@ims.example"
    assert found.location.startswith("3GPP-E-UTRAN-FDD")
    assert found.visited_plmn == ""


def test_a_message_tells_its_first_recipient():
    def recipient(number):
        return "Recipient-Info", [("Recipient-Address", [("Address-Type", 1), ("Address-Data", number)])]

    sender = ("Originator-Received-Address", [("Address-Type", 1), ("Address-Data", "49151000")])
    sms = [("SMS-Node", 3), sender, recipient("33612345678"), recipient("4412345678")]
    assert told(("Service-Information", [("SMS-Information", sms)])) == Conditions(called_party="33612345678")
    event = decoder().decode(octets_of("sms_ccr_e_debit")).event
    assert event.conditions.called_party == "99955500202"
    mms = [("Recipient-Address", [("Address-Type", 1), ("Address-Data", "+33612345678")])]
    assert told(("Service-Information", [("MMS-Information", mms)])).called_party == "+33612345678"


@pytest.mark.parametrize(
    ("domain", "plmn"),
    [
        ("ims.mnc001.mcc262.3gppnetwork.org", "26201"),
        ("ims.mnc410.mcc310.3gppnetwork.org", "310410"),
        ("ims.mnc012.mcc310.3gppnetwork.org", "310012"),
        ("visited.example.org", ""),
    ],
)
def test_the_visited_network_of_a_call_by_its_domain(domain, plmn):
    ims = [("Node-Functionality", 6), ("IMS-Visited-Network-Identifier", domain)]
    assert told(("Service-Information", [("IMS-Information", ims)])).visited_plmn == plmn


def test_the_cell_says_the_visited_network_when_the_serving_node_does_not():
    found = told(packet(("3GPP-User-Location-Info", bytes.fromhex("80130062ffff"))))
    assert found.visited_plmn == "310260"


@pytest.mark.parametrize(
    "member",
    [
        ("3GPP-RAT-Type", b"\x06\x06"),
        ("3GPP-User-Location-Info", b"\x82\0"),
        ("3GPP-MS-TimeZone", b"\xff\0"),
        ("3GPP-SGSN-MCC-MNC", "nowhere"),
        ("3GPP-Charging-Id", b"\1"),
        ("3GPP-Charging-Characteristics", "prepaid"),
        ("Called-Station-Id", "a" * 129),
        ("Called-Station-Id", "bell\7"),
        equipment(b"none"),
    ],
)
def test_a_value_that_cannot_be_read_is_not_told_and_refuses_nothing(member):
    assert told(packet(member, ("3GPP-IMEISV", b"35349006987331\0"))) == Conditions(imei="35349006987331")


def test_damaged_equipment_refuses_nothing():
    whole = encode_avp(*equipment(IMEISV), default_dictionary())
    damaged = whole[:4] + b"\0" + whole[5:15] + b"\xff" + whole[16:]
    message = ccr(kind=2, number=1)
    body = message[20:] + damaged
    message = message[:1] + (len(body) + 20).to_bytes(3, "big") + message[4:20] + body
    assert decoder().decode(message).session.conditions is UNKNOWN


def test_a_content_that_comes_again_gives_the_same_value():
    made = decoder()
    first, again = (made.decode(octets_of("gy_ccr_u_rat_change")).session.conditions for _ in range(2))
    assert first is again
    assert first != UNKNOWN


@pytest.mark.parametrize(
    ("octets", "digits"),
    [
        (b"353490069873319", "353490069873319"),
        (b"353490069873319\0", "353490069873319"),
        (bytes.fromhex("53430960897813f0"), "353490069887310"),
        (bytes.fromhex("534309608978130f"), ""),
        (b"3534900", ""),
    ],
)
def test_an_imei_is_text_or_swapped_digits(octets, digits):
    assert imei(octets) == digits


@pytest.mark.parametrize(
    ("octets", "offset"),
    [("4000", "+01:00"), ("8001", "+02:00"), ("0a00", "-05:00"), ("0000", "+00:00"), ("2200", "+05:30"), ("40", "")],
)
def test_a_time_zone_is_an_offset(octets, offset):
    assert time_zone(bytes.fromhex(octets)) == offset


@given(st.binary(max_size=200))
def test_octets_of_any_kind_are_read_or_not(octets):
    ConditionsReader(default_dictionary()).read(b"\0\0\3\x69\0\0" + (len(octets) + 8).to_bytes(2, "big") + octets)
