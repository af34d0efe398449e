"""Every example message decodes as it says, encodes to the same octets, or is refused as it says."""

import pytest

from diameter_ocs import errors
from diameter_ocs.wire.codec import Avp, decode_message, encode_avp, encode_group, encode_message
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.vectors import FAULTY, VALID, octets_of, plain

DICTIONARY = default_dictionary()

REFUSED_HERE = {
    "bad_missing_cc_request_type": (errors.MissingAvp, "000001a04000000c00000000"),
    "bad_unknown_m_avp": (errors.AvpUnsupported, "00000007c00000100001869fdeadbeef"),
    "bad_avp_length_small": (errors.InvalidAvpLength, "000001164000000c00000000"),
    "bad_avp_length_overrun": (errors.InvalidAvpLength, "0000000140000008"),
    "bad_u32_length": (errors.InvalidAvpLength, "0000019f4000000b00000100"),
    "bad_duplicate_avp": (errors.AvpOccursTooManyTimes, "0000019f4000000c00000001"),
    "bad_enum_value": (errors.InvalidAvpValue, "000001a04000000c00000009"),
    "bad_avp_not_allowed": (errors.AvpNotAllowed, "000001af40000014000001a44000000c00000001"),
    "bad_length_not_multiple_of_4": (errors.InvalidMessageLength, ""),
    "bad_length_below_header": (errors.InvalidMessageLength, ""),
}
"""Error and content of Failed-AVP for what the octets alone give away."""

REFUSED_LATER = {
    "bad_event_without_action",
    "bad_version",
    "bad_request_with_E",
    "bad_command",
    "bad_application",
    "bad_realm",
    "bad_destination_host",
}
"""Header, routing and the meaning of an event are checked by peer and gy."""


def stated(node):
    return (
        node["name"],
        node["code"],
        node["vendor"],
        int(node["flags"], 16),
        [stated(child) for child in node["avps"]] if "avps" in node else node["value"],
    )


def decoded(avp: Avp):
    value = [decoded(child) for child in avp.children] if avp.value is None else plain(avp)
    return (avp.name, avp.code, avp.vendor, avp.flags, value)


def encode_again(avp: Avp) -> bytes:
    if avp.definition is None:
        return avp.raw
    if avp.value is None:
        members = [encode_again(child) for child in avp.children]
        return encode_group(avp.definition, members, DICTIONARY, mandatory=avp.mandatory)
    return encode_avp(avp.definition, avp.value, DICTIONARY, mandatory=avp.mandatory)


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["name"])
class TestValid:
    def test_decodes_as_stated(self, vector):
        message = decode_message(bytes.fromhex(vector["hex"]), DICTIONARY)
        header = vector["header"]
        assert message.header == (
            header["version"],
            header["length"],
            int(header["flags"], 16),
            header["command"],
            header["application"],
            int(header["hop_by_hop"], 16),
            int(header["end_to_end"], 16),
        )
        known = [avp for avp in message.avps if avp.definition]
        expected = [node for node in vector["avps"] if "note" not in node]
        assert [decoded(avp) for avp in known] == [stated(node) for node in expected]

    def test_encodes_to_the_same_octets(self, vector):
        octets = bytes.fromhex(vector["hex"])
        message = decode_message(octets, DICTIONARY)
        assert octets == encode_message(*message.header[2:], map(encode_again, message.avps))


@pytest.mark.parametrize("name", REFUSED_HERE)
def test_faulty_message_is_refused_with_its_failed_avp(name):
    error, failed_avp = REFUSED_HERE[name]
    with pytest.raises(error) as caught:
        decode_message(octets_of(name), DICTIONARY)
    assert caught.value.failed_avp.hex() == failed_avp


def test_every_faulty_message_has_its_place():
    assert {vector["name"] for vector in FAULTY} == REFUSED_HERE.keys() | REFUSED_LATER


def test_an_unknown_avp_without_m_bit_keeps_its_octets():
    message = decode_message(octets_of("ok_unknown_non_m_avp"), DICTIONARY)
    [unknown] = [avp for avp in message.avps if avp.definition is None]
    assert unknown.value is None
    assert unknown.fault is None
    assert unknown.raw in octets_of("ok_unknown_non_m_avp")
