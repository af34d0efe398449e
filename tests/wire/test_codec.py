"""Order of checks, damage at every depth, what may be ignored, and the lenient reader."""

import pytest

from diameter_ocs import errors
from diameter_ocs.wire.codec import (
    MAX_DEPTH,
    avp_bytes,
    avp_group,
    avp_text,
    avp_u32,
    avp_u64,
    decode_avps,
    decode_lenient,
    decode_message,
    encode_avp,
    encode_group,
    encode_message,
    example_avp,
    failed_avp_for_length,
    wrap,
)
from diameter_ocs.wire.datatypes import WrongValueError
from diameter_ocs.wire.definition import pack_avp
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.vectors import octets_of

DICTIONARY = default_dictionary()
MSCC, USU = DICTIONARY["Multiple-Services-Credit-Control"], DICTIONARY["Used-Service-Unit"]
UNKNOWN_MUST = pack_avp(7, 99999, True, b"\x01")


def number_with(data: str) -> bytes:
    """A CC-Request-Number with any data."""
    return pack_avp(415, 0, True, bytes.fromhex(data))


def ccr_with(*avps: bytes) -> bytes:
    """A CCR with all that is required and these AVPs at its end."""
    message = decode_message(octets_of("bad_event_without_action"), DICTIONARY)
    return encode_message(*message.header[2:], [*(avp.raw for avp in message.avps), *avps])


def refusal(*avps: bytes) -> errors.MessageError:
    with pytest.raises(errors.MessageError) as caught:
        decode_message(ccr_with(*avps), DICTIONARY)
    return caught.value


class TestOrderOfChecks:
    """RFC 6733 §7: one error is reported, and it is always the same one."""

    LENGTH = number_with("000001")
    BITS = pack_avp(873, 0, True, b"")
    UNKNOWN = UNKNOWN_MUST
    MISSING = encode_avp("Subscription-Id", [("Subscription-Id-Type", 0)], DICTIONARY)
    FORBIDDEN = encode_avp("Result-Code", 2001, DICTIONARY)
    TWICE = encode_avp("CC-Request-Number", 0, DICTIONARY)
    VALUE = encode_avp("Multiple-Services-Indicator", 7, DICTIONARY)
    IN_ORDER = [
        (LENGTH, errors.InvalidAvpLength),
        (BITS, errors.InvalidAvpBits),
        (UNKNOWN, errors.AvpUnsupported),
        (MISSING, errors.MissingAvp),
        (FORBIDDEN, errors.AvpNotAllowed),
        (TWICE, errors.AvpOccursTooManyTimes),
        (VALUE, errors.InvalidAvpValue),
    ]

    @pytest.mark.parametrize("first", range(len(IN_ORDER)))
    def test_the_first_row_of_the_table_wins(self, first):
        mistakes = [octets for octets, _ in reversed(self.IN_ORDER[first:])]
        assert type(refusal(*mistakes)) is self.IN_ORDER[first][1]

    def test_of_two_alike_the_first_in_the_message_wins(self):
        other = pack_avp(8, 99999, True, b"\x02")
        assert refusal(other, UNKNOWN_MUST).failed_avp == other


class TestLengths:
    @pytest.mark.parametrize(
        ("octets", "failed"),
        [
            ("000001a4 40000007 00000001", "000001a4 4000000c 00000000"),  # below the header
            ("000001a5 40000100 00000000 00000001", "000001a5 40000010 00000000 00000000"),  # beyond the end
            ("000001bb 40000100 00000001", "000001bb 40000008"),  # a group: header only
            ("00000101 40000100 00000001", "00000101 4000000e 00000000 00000000"),  # an address: six octets
            ("000003e7 4000ffff", "000003e7 40000008"),  # unknown code
            ("00000366 c000000b 000028af", "00000366 c0000010 000028af 00000000"),  # V bit, 11 octets
            ("00000366 c0000014", "00000366 40000008"),  # V bit and no room for the Vendor-Id
            ("00000001", "00000001 00000008"),  # half a header
        ],
    )
    def test_an_impossible_length_gives_header_and_zero_data(self, octets, failed):
        error = refusal(bytes.fromhex(octets))
        assert type(error) is errors.InvalidAvpLength
        assert error.failed_avp == bytes.fromhex(failed).ljust(len(bytes.fromhex(failed)) + 3 & ~3, b"\0")

    def test_data_of_the_wrong_length_is_shown_as_received(self):
        assert refusal(number_with("0000000001")).failed_avp.hex() == "0000019f4000000d0000000001000000"

    def test_damage_in_groups_is_shown_in_its_groups(self):
        bad = pack_avp(420, 0, True, b"\x01")
        error = refusal(wrap([MSCC, USU], bad))
        assert type(error) is errors.InvalidAvpLength
        assert error.failed_avp.hex() == "000001c84000001c" + "000001be40000014" + "000001a44000000901000000"

    def test_a_member_longer_than_its_group(self):
        overrun = bytes.fromhex("000001a5 40000010 00000000")
        error = refusal(pack_avp(446, 0, True, overrun))
        assert error.failed_avp.hex() == "000001be40000018" + "000001a5400000100000000000000000"

    def test_a_group_of_uneven_length(self):
        error = refusal(pack_avp(446, 0, True, bytes(9)))
        assert type(error) is errors.InvalidAvpLength
        assert error.failed_avp == pack_avp(446, 0, True, bytes(9))


class TestBits:
    def test_vendor_zero_with_v_bit(self):
        avp = bytes.fromhex("000001a4 c0000010 00000000 00000001")
        error = refusal(avp)
        assert type(error) is errors.InvalidAvpBits
        assert error.failed_avp == avp

    def test_a_vendor_avp_without_v_bit(self):
        assert type(refusal(pack_avp(872, 0, True, bytes(4)))) is errors.InvalidAvpBits

    def test_protected_and_reserved_bits_are_ignored(self):
        octets = bytearray(encode_avp("User-Name", "u", DICTIONARY))
        octets[4] |= 0x3F
        assert decode_message(ccr_with(bytes(octets)), DICTIONARY).value("User-Name") == "u"


class TestUnknown:
    def test_with_m_bit_inside_a_group(self):
        error = refusal(wrap([MSCC], UNKNOWN_MUST))
        assert type(error) is errors.AvpUnsupported
        assert error.failed_avp == wrap([MSCC], UNKNOWN_MUST)

    def test_without_m_bit_nothing_inside_matters(self):
        group = pack_avp(7, 99999, False, UNKNOWN_MUST)
        assert decode_message(ccr_with(group), DICTIONARY).avps[-1].raw == group


class TestForgiven:
    """What the sender does not insist on and we cannot read."""

    def test_a_scalar_without_m_bit(self):
        avp = decode_message(ccr_with(pack_avp(295, 0, False, b"\x01")), DICTIONARY).avps[-1]
        assert (avp.name, avp.value, avp.data) == ("Termination-Cause", None, b"\x01")
        assert isinstance(avp.fault, errors.InvalidAvpLength)

    def test_a_number_outside_of_its_enumeration(self):
        octets = encode_avp("Multiple-Services-Indicator", 7, DICTIONARY, mandatory=False)
        avp = decode_message(ccr_with(octets), DICTIONARY).avps[-1]
        assert avp.value == 7
        assert isinstance(avp.fault, errors.InvalidAvpValue)

    def test_an_open_enumeration_takes_every_number(self):
        reason = encode_avp("Reporting-Reason", 4711, DICTIONARY)
        message = decode_message(ccr_with(wrap([MSCC], reason)), DICTIONARY)
        assert message.avps[-1].first("Reporting-Reason").value == 4711

    def test_a_damaged_group_without_m_bit(self):
        group = pack_avp(458, 0, False, bytes.fromhex("000001cb 40000100"))
        avp = decode_message(ccr_with(group), DICTIONARY).avps[-1]
        assert avp.raw == group
        assert isinstance(avp.fault, errors.InvalidAvpLength)

    def test_what_is_understood_in_a_group_without_m_bit_is_still_checked(self):
        group = pack_avp(456, 0, False, wrap([USU], UNKNOWN_MUST))
        assert type(refusal(group)) is errors.AvpUnsupported

    def test_whatever_failed_avp_holds(self):
        damaged = bytes.fromhex("000001a4 40000100")
        answer = decode_message(octets_of("cca_missing_avp"), DICTIONARY)
        for content in (damaged, UNKNOWN_MUST, number_with("01"), encode_avp("CC-Request-Type", 9, DICTIONARY)):
            octets = encode_message(
                *answer.header[2:], [*(avp.raw for avp in answer.avps), pack_avp(279, 0, True, content)]
            )
            assert decode_message(octets, DICTIONARY).all("Failed-AVP")[1].raw.endswith(content)


def test_groups_nested_without_end_are_refused():
    octets = b""
    for _ in range(100):
        octets = pack_avp(456, 0, True, octets)
    error = refusal(octets)
    assert type(error) is errors.InvalidAvpValue
    assert f"deeper than {MAX_DEPTH}" in error.text


def test_as_many_levels_as_allowed():
    octets = b""
    for _ in range(MAX_DEPTH):
        octets = pack_avp(456, 0, True, octets)
    assert decode_message(ccr_with(octets), DICTIONARY)


def test_a_command_without_grammar():
    with pytest.raises(errors.CommandUnsupported, match="999"):
        decode_message(octets_of("bad_command"), DICTIONARY)


def test_a_message_shorter_than_its_length_field():
    with pytest.raises(errors.InvalidMessageLength, match="1020, 1016 octets"):
        decode_message(octets_of("gy_ccr_i")[:-4], DICTIONARY)


class TestAccess:
    def test_by_name(self):
        message = decode_message(octets_of("gy_ccr_i"), DICTIONARY)
        assert message.value("CC-Request-Type") == 1
        assert [group.first("Rating-Group").value for group in message.all(MSCC.name)] == [10, 20]
        assert message.first("Used-Service-Unit") is None
        assert message.value("Used-Service-Unit") is None
        assert message.first("Service-Information").all("IMS-Information") == ()

    def test_avps_without_a_message(self):
        octets = encode_avp("User-Name", "u", DICTIONARY) + encode_avp("CC-Time", 1, DICTIONARY)
        assert [avp.value for avp in decode_avps(octets, DICTIONARY)] == ["u", 1]
        with pytest.raises(errors.AvpUnsupported):
            decode_avps(UNKNOWN_MUST, DICTIONARY)


class TestLenient:
    def test_a_sound_message_has_no_problems(self):
        assert decode_lenient(octets_of("gy_ccr_i"), DICTIONARY).problems == ()

    def test_everything_before_the_damage_can_be_read(self):
        message = decode_lenient(octets_of("bad_avp_length_overrun"), DICTIONARY)
        assert message.first("Session-Id").value.endswith(";gy")
        assert len(message.all("Subscription-Id")) == 2
        assert isinstance(message.avps[-1].fault, errors.InvalidAvpLength)
        assert [type(problem) for problem in message.problems] == [errors.InvalidAvpLength]

    def test_every_mistake_is_noted_in_the_order_of_checks(self):
        octets = ccr_with(*(octets for octets, _ in reversed(TestOrderOfChecks.IN_ORDER)))
        found = [type(problem) for problem in decode_lenient(octets, DICTIONARY).problems]
        assert found[:5] == [error for _, error in TestOrderOfChecks.IN_ORDER[:5]]
        assert found[-1] is errors.InvalidAvpValue

    def test_a_wrong_message_length_is_noted(self):
        message = decode_lenient(octets_of("bad_length_not_multiple_of_4"), DICTIONARY)
        assert [type(problem) for problem in message.problems] == [errors.InvalidMessageLength]
        assert message.first("CC-Request-Number").value == 0

    def test_an_unknown_command_is_read_without_grammar(self):
        message = decode_lenient(octets_of("bad_command"), DICTIONARY)
        assert message.grammar is None
        assert message.first("Session-Id")

    def test_without_a_header_there_is_nothing(self):
        with pytest.raises(errors.InvalidMessageLength):
            decode_lenient(b"\x01", DICTIONARY)


class TestEncoding:
    def test_flags_follow_the_dictionary_or_the_caller(self):
        assert encode_avp("Product-Name", "x", DICTIONARY)[4] == 0
        assert encode_avp("Reporting-Reason", 0, DICTIONARY)[4] == 0xC0
        assert encode_avp("Reporting-Reason", 0, DICTIONARY, mandatory=False)[4] == 0x80
        assert encode_avp("Product-Name", "x", DICTIONARY, mandatory=True)[4] == 0x40

    def test_a_group_from_names_or_from_encoded_members(self):
        tree = [("Unit-Value", [("Value-Digits", 5)]), ("Currency-Code", 978)]
        members = [encode_avp(name, value, DICTIONARY) for name, value in tree]
        octets = encode_avp("CC-Money", tree, DICTIONARY)
        assert octets == encode_group("CC-Money", members, DICTIONARY)
        assert octets == encode_avp(DICTIONARY["CC-Money"], b"".join(members), DICTIONARY)

    @pytest.mark.parametrize(("name", "value"), [("CC-Money", 5), ("CC-Money", "5"), ("CC-Time", -1), ("CC-Time", "5")])
    def test_a_value_of_another_type(self, name, value):
        with pytest.raises(WrongValueError):
            encode_avp(name, value, DICTIONARY)

    def test_an_unknown_name(self):
        with pytest.raises(KeyError):
            encode_avp("No-Such-AVP", 1, DICTIONARY)

    @pytest.mark.parametrize(
        "name", ["CC-Time", "Volume-Quota-Threshold", "3GPP-OC-Rating-Group", "OC-Validity-Duration"]
    )
    def test_fast_u32(self, name):
        assert avp_u32(DICTIONARY[name], 2**32 - 1) == encode_avp(name, 2**32 - 1, DICTIONARY)

    @pytest.mark.parametrize("name", ["CC-Total-Octets", "API-Size", "Load-Value"])
    def test_fast_u64(self, name):
        assert avp_u64(DICTIONARY[name], 2**64 - 1) == encode_avp(name, 2**64 - 1, DICTIONARY)

    def test_fast_text_octets_and_groups(self):
        assert avp_text(DICTIONARY["Session-Id"], "a;1;2") == encode_avp("Session-Id", "a;1;2", DICTIONARY)
        assert avp_bytes(DICTIONARY["Class"], b"abc") == encode_avp("Class", b"abc", DICTIONARY)
        member = avp_u32(DICTIONARY["CC-Time"], 1)
        assert avp_group(USU, [member, member]) == encode_group(USU, [member, member], DICTIONARY)

    def test_what_a_failed_avp_is_made_of(self):
        threshold = DICTIONARY["Volume-Quota-Threshold"]
        assert example_avp(threshold).hex() == "00000365c0000010000028af00000000"
        assert failed_avp_for_length(869, 10415, False, threshold).hex() == "0000036580000010000028af00000000"
        assert wrap([], b"abcd") == b"abcd"
