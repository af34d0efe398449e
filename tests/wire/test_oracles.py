"""python-diameter and tshark read the valid messages as our codec does; where they are known to be wrong is listed."""

import struct
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

import pytest
from diameter.message import Message
from diameter.message.avp import AvpGrouped
from diameter.message.avp.avp import AvpAddress, AvpInteger32, AvpTime, AvpUtf8String, get_avp_dictionary_entry

from diameter_ocs.wire.codec import Avp, decode_message
from diameter_ocs.wire.definition import AvpType
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.oracle import LIBRARY_TYPES, encode_base, register_missing
from tests.support.vectors import VALID, flat, octets_of, rows

DICTIONARY = default_dictionary()
NAMES = [vector["name"] for vector in VALID]

LIBRARY_LACKS = {
    "Subscription-Id-Extension",
    "Subscription-Id-E164",
    "Subscription-Id-IMSI",
    "Subscription-Id-SIP-URI",
    "Subscription-Id-NAI",
    "Subscription-Id-Private",
    "3GPP-OC-Specific-Reduction",
    "3GPP-OC-Rating-Group",
    "3GPP-OC-Request-Type",
    "PSCell-Info",
}
LIBRARY_NAMES = {
    "Acct-Multi-Session-Id": "Accounting-Multi-Session-Id",
    "Reporting-Reason": "3GPP-Reporting-Reason",
    "SIP-Method": "3GPP-SIP-Method",
    "User-Session-Id": "User-Session-ID",
    "MMTel-SService-Type": "MMTel-Service-Type",
    "Number-Of-Messages-Sent": "Number-of-Messages-Sent",
}
LIBRARY_TYPES_IT_MISTAKES = {
    "Result-Code": AvpInteger32,
    "Session-Binding": AvpInteger32,
    "Authorization-Lifetime": AvpInteger32,
    "Inband-Security-Id": AvpInteger32,
    "3GPP-Session-Stop-Indicator": AvpUtf8String,
    "Access-Network-Information": AvpUtf8String,
    "From-Address": AvpAddress,
    "MMTel-SService-Type": AvpInteger32,
}
LIBRARY_SEES_TEXT = {"Access-Network-Information", "3GPP-Session-Stop-Indicator"}
"""AVPs of type OctetString that python-diameter takes for text."""

TSHARK_NAMES = {
    "Reporting-Reason": "3GPP-Reporting-Reason",
    "SIP-Method": "3GPP-SIP-Method",
    "User-Session-Id": "User-Session-ID",
}
TSHARK_SHOWS_TEXT = {"3GPP-NSAPI"}
"""AVPs of type OctetString that tshark takes for text."""


@pytest.fixture(scope="module", autouse=True)
def library():
    """Whatever another test registered before, nothing but the known gaps can be missing."""
    assert set(register_missing(DICTIONARY)) <= LIBRARY_LACKS
    assert register_missing(DICTIONARY) == ()


# python-diameter ------------------------------------------------------------------------------


def library_flat(avps):
    return [found for avp in avps for found in (avp, *(library_flat(avp.value) if isinstance(avp, AvpGrouped) else ()))]


def library_rows(avps, depth=0):
    found = []
    for avp in avps:
        found.append((depth, avp.code, avp.vendor_id, avp.flags, avp.length))
        if isinstance(avp, AvpGrouped):
            found += library_rows(avp.value, depth + 1)
    return found


def as_library_value(avp: Avp):
    """Our value in the form python-diameter has it."""
    assert avp.definition is not None
    if avp.definition.type in (AvpType.DIAMETER_IDENTITY, AvpType.IP_FILTER_RULE):
        return avp.data
    return avp.data.decode() if avp.name in LIBRARY_SEES_TEXT else avp.value


def library_value(avp):
    if isinstance(avp, AvpTime):
        return int(avp.value.astimezone().timestamp())
    if isinstance(avp, AvpAddress):
        family, text = avp.value
        return {1: IPv4Address, 2: IPv6Address, 8: str}[family](text)
    return avp.value


def test_python_diameter_defines_every_avp_alike():
    for definition in DICTIONARY.by_key.values():
        entry = get_avp_dictionary_entry(definition.code, definition.vendor)
        assert entry["name"] == LIBRARY_NAMES.get(definition.name, definition.name)
        expected = LIBRARY_TYPES_IT_MISTAKES.get(definition.name, LIBRARY_TYPES[definition.type])
        assert entry["type"] is expected, definition.name


@pytest.mark.parametrize("name", NAMES)
def test_python_diameter_reads_the_same(name):
    ours = decode_message(octets_of(name), DICTIONARY)
    theirs = Message.from_bytes(octets_of(name), plain_msg=True)
    assert library_rows(theirs.avps) == rows(ours.avps)
    for mine, other in zip(flat(ours.avps), library_flat(theirs.avps), strict=True):
        if mine.definition and mine.definition.type is not AvpType.GROUPED:
            assert other.name in (mine.name, LIBRARY_NAMES.get(mine.name))
            assert as_library_value(mine) == library_value(other)


def test_python_diameter_builds_the_same_octets():
    for name in ("cer", "cea", "dwr", "dwa", "dpr", "dpa", "rar_rg", "raa", "asr", "asa"):
        message = decode_message(octets_of(name), DICTIONARY)
        built = encode_base(
            message.grammar.short,
            [as_pair(avp) for avp in message.avps],
            DICTIONARY,
            hop_by_hop=message.header.hop_by_hop,
            end_to_end=message.header.end_to_end,
        )
        assert built == octets_of(name)


def as_pair(avp: Avp):
    return (avp.name, [as_pair(child) for child in avp.children] if avp.value is None else avp.value)


def test_an_error_answer_gives_its_own_flags():
    message = decode_message(octets_of("cea_unknown_peer"), DICTIONARY)
    built = encode_base(
        "CEA",
        [as_pair(avp) for avp in message.avps],
        DICTIONARY,
        hop_by_hop=message.header.hop_by_hop,
        end_to_end=message.header.end_to_end,
        flags=0x20,
    )
    assert built == octets_of("cea_unknown_peer")


# tshark ---------------------------------------------------------------------------------------

LINK_TYPE_USER0 = 147
AS_DIAMETER = 'uat:user_dlts:"User 0 (DLT=147)","diameter","0","","0",""'


@pytest.fixture(scope="module")
def dissected(tmp_path_factory):
    """What tshark makes of every valid message, by name of the vector."""
    capture = tmp_path_factory.mktemp("tshark") / "vectors.pcap"
    records = [octets_of(name) for name in NAMES]
    capture.write_bytes(
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINK_TYPE_USER0)
        + b"".join(struct.pack("<IIII", 0, 0, len(octets), len(octets)) + octets for octets in records)
    )
    command = ["tshark", "-r", str(capture), "-o", AS_DIAMETER, "-T", "pdml"]
    pdml = subprocess.run(command, check=True, capture_output=True, timeout=60, env={"TZ": "UTC", "PATH": "/usr/bin"})
    packets = ET.fromstring(pdml.stdout).findall("packet")
    return dict(zip(NAMES, (packet.find("proto[@name='diameter']") for packet in packets), strict=True))


def shark_avps(node, depth=0):
    """Depth and element of every AVP in wire order; groups nest inside a field of their own name."""
    found = []
    for child in node:
        if child.get("name") == "diameter.avp":
            found.append((depth, child))
            found += shark_avps(child, depth + 1)
        elif not (child.get("name") or "").startswith("diameter.avp."):
            found += shark_avps(child, depth)
    return found


def shown(node, name):
    field = node.find(f"field[@name='{name}']")
    return "0" if field is None else field.get("show")


def shark_row(depth, node):
    vendor = int(shown(node, "diameter.avp.vendorId"))
    flags = int(shown(node, "diameter.avp.flags"), 16)
    return depth, int(shown(node, "diameter.avp.code")), vendor, flags, int(shown(node, "diameter.avp.len"))


def as_shown(avp: Avp) -> str:
    """Our value as tshark prints it."""
    assert avp.definition is not None
    if avp.definition.type is AvpType.TIME:
        moment = datetime.fromtimestamp(int(avp.value), UTC)
        return f"{moment:%b} {moment.day:2d}, {moment:%Y %H:%M:%S}.000000000 UTC"
    if avp.name in TSHARK_SHOWS_TEXT:
        return avp.data.decode()
    if avp.definition.type in (AvpType.OCTET_STRING, AvpType.ADDRESS):
        return avp.data.hex(":")
    return str(avp.value)


@pytest.mark.parametrize("name", NAMES)
def test_tshark_reads_the_same(name, dissected):
    ours = decode_message(octets_of(name), DICTIONARY)
    theirs = shark_avps(dissected[name])
    assert [shark_row(depth, node) for depth, node in theirs] == rows(ours.avps)
    for mine, (_, node) in zip(flat(ours.avps), theirs, strict=True):
        if mine.definition and mine.definition.type is not AvpType.GROUPED:
            field = node.find(f"field[@name='diameter.{TSHARK_NAMES.get(mine.name, mine.name)}']")
            assert field is not None, mine.name
            assert field.get("show") == as_shown(mine), mine.name
