"""CCRs read by the table and by the strict codec: the same, or an error with its Failed-AVP."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.errors import InvalidAvpLength, InvalidAvpValue, MessageError, MissingAvp, ServiceContextUnknown
from diameter_ocs.gy.decode import CcrDecoder
from diameter_ocs.gy.services import ALL_SERVICES
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.session_key import parts_of_key
from diameter_ocs.wire.codec import decode_message, encode_avp, encode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import HEADER_OCTETS
from diameter_ocs.wire.layout import Odd
from tests.support.vectors import octets_of

MSISDN = Identity(IdentityKind.E164, "99955500101")
IMSI = Identity(IdentityKind.IMSI, "001010000000101")
SESSION_VECTORS = (
    "gy_ccr_i",
    "gy_ccr_u_threshold",
    "gy_ccr_u_threshold_T",
    "gy_ccr_u_final_consumed",
    "gy_ccr_u_tariff",
    "gy_ccr_u_rat_change",
    "gy_ccr_t",
    "gy_ccr_i_no_rg",
    "gy_ccr_i_proxied",
    "gy_ccr_u_rar",
    "ok_unknown_non_m_avp",
)


def decoder(**more):
    return CcrDecoder(default_dictionary(), ALL_SERVICES, **more)


def slow(made: CcrDecoder) -> CcrDecoder:
    """The same decoder when the table never vouches for anything."""

    def odd(message):
        raise Odd

    made._fast = odd
    return made


def ccr(*avps, kind=1, number=0, context="32251@3gpp.org", subscription=True):
    """A CCR built name by name."""
    who = [("Subscription-Id", [("Subscription-Id-Type", 0), ("Subscription-Id-Data", "99955500101")])]
    tree = [
        ("Session-Id", "pgw;1;2"),
        ("Origin-Host", "pgw01.epc.example.org"),
        ("Origin-Realm", "epc.example.org"),
        ("Destination-Realm", "ocs.example.org"),
        ("Auth-Application-Id", 4),
        ("Service-Context-Id", context),
        ("CC-Request-Type", kind),
        ("CC-Request-Number", number),
        *(who if subscription else []),
        *avps,
    ]
    avps = (encode_avp(name, value, default_dictionary()) for name, value in tree)
    return encode_message(0xC0, 272, 4, 1, 1, avps)


@pytest.mark.parametrize("name", SESSION_VECTORS)
def test_table_and_strict_codec_read_the_same(name):
    message = octets_of(name)
    fast = decoder()
    fast._fast(message)
    assert fast.decode(message) == slow(decoder()).decode(message)


def test_what_charging_gets_of_a_threshold_report():
    read = decoder().decode(octets_of("gy_ccr_u_threshold"))
    assert read.session.request_type is RequestType.UPDATE
    assert read.session.identities == (MSISDN, IMSI)
    assert read.session.session_id == "pgw01.epc.mnc001.mcc001.3gppnetwork.org;3976250400;1;gy"
    used = ServiceUnits(octets=8_000_100, seconds=900)
    assert read.session.credits == (ServiceCredit(10, (), ServiceUnits(), (used,), 0),)


def test_no_rating_group_and_zero_wish_of_an_open_source_smf():
    read = decoder().decode(octets_of("gy_ccr_i_no_rg"))
    assert read.session.credits == (ServiceCredit(None, (), ServiceUnits(octets=0)),)
    assert read.session.identities == (MSISDN, IMSI)


def test_the_operator_says_which_identity_counts():
    read = decoder(preference=(IdentityKind.IMSI,)).decode(octets_of("gy_ccr_i"))
    assert read.session.identities == (IMSI, MSISDN)


def test_a_resend_has_the_same_fingerprint_and_another_report_has_not():
    made = decoder()
    first, again, other = (
        made.decode(octets_of(name)).session.fingerprint
        for name in ("gy_ccr_u_threshold", "gy_ccr_u_threshold_T", "gy_ccr_u_rar")
    )
    assert first == again != other


def test_octets_come_from_the_total_or_from_both_directions():
    def mscc(*units):
        return ("Multiple-Services-Credit-Control", [("Rating-Group", 10), ("Used-Service-Unit", list(units))])

    total = ccr(mscc(("CC-Total-Octets", 7), ("CC-Input-Octets", 3), ("CC-Output-Octets", 9)), kind=2)
    split = ccr(mscc(("CC-Input-Octets", 3), ("CC-Output-Octets", 9)), kind=2)
    one_way = ccr(mscc(("CC-Output-Octets", 9)), kind=2)
    none = ccr(mscc(), kind=2)
    read = [decoder().decode(message).session.credits[0].used[0].octets for message in (total, split, one_way, none)]
    assert read == [7, 12, 9, None]


def test_units_outside_of_any_service():
    read = decoder().decode(ccr(("Requested-Service-Unit", [("CC-Total-Octets", 5)])))
    assert read.is_command_level
    assert read.session.credits == (ServiceCredit(None, (), ServiceUnits(octets=5)),)


@pytest.mark.parametrize(
    "context",
    ["32251@3gpp.org", "8.32251@3gpp.org", "01.001.8.32251@3gpp.org", "pcef.01.001.8.32251@3gpp.org", "32251@3GPP.org"],
)
def test_every_spelling_of_the_context(context):
    assert decoder().decode(ccr(context=context)).session is not None


def test_an_unknown_context_is_a_rating_failure_at_the_start_only():
    with pytest.raises(ServiceContextUnknown) as caught:
        decoder().decode(ccr(context="32999@3gpp.org"))
    assert caught.value.failed_avp.startswith(b"\0\0\1\xcd")
    assert decoder().decode(ccr(context="32999@3gpp.org", kind=2)).session is not None


def test_identities_from_elsewhere():
    inside = (
        "Service-Information",
        [("Subscription-Id", [("Subscription-Id-Type", 1), ("Subscription-Id-Data", IMSI.value)])],
    )
    extension = ("Subscription-Id-Extension", [("Subscription-Id-E164", MSISDN.value)])
    name = ("User-Name", f"{IMSI.value}@epc.example.org")
    found = [
        decoder().decode(ccr(each, subscription=False)).session.identities[0] for each in (inside, extension, name)
    ]
    assert found == [IMSI, MSISDN, IMSI]


def test_no_identity_at_all():
    with pytest.raises(MissingAvp) as caught:
        decoder().decode(ccr(subscription=False))
    assert caught.value.failed_avp == bytes.fromhex("000001bb40000008")
    assert decoder().decode(ccr(subscription=False, kind=2)).session.identities == ()


def test_only_identities_of_unknown_type():
    strange = ("Subscription-Id", [("Subscription-Id-Type", 77), ("Subscription-Id-Data", "x")])
    with pytest.raises(InvalidAvpValue) as caught:
        decoder().decode(ccr(strange, subscription=False))
    assert caught.value.failed_avp[:4] == b"\0\0\1\xbb"
    assert decoder().decode(ccr(strange)).session.identities == (MSISDN,)


def test_damage_without_m_bit_never_hides_usage():
    message = bytearray(octets_of("gy_ccr_u_threshold"))
    at = message.index(bytes.fromhex("000001be40"))
    message[at + 4] &= ~0x40
    inner = message.index(bytes.fromhex("000001a540000010"), at)
    message[inner + 4] &= ~0x40
    message[inner + 7] = 0x0C
    with pytest.raises(MessageError):
        decoder().decode(bytes(message))


def test_a_foreign_application_inside():
    with pytest.raises(InvalidAvpValue, match="16777238"):
        decoder().decode(
            ccr().replace(bytes.fromhex("0000010240 00000c00000004"), bytes.fromhex("0000010240 00000c01000016"))
        )


def test_a_forbidden_avp_is_not_overlooked():
    with pytest.raises(MessageError, match="Granted-Service-Unit must not be there"):
        decoder().decode(octets_of("bad_avp_not_allowed"))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(SESSION_VECTORS), st.integers(0, 2**32), st.integers(1, 4))
def test_damaged_messages_are_read_alike_or_refused_alike(name, seed, flips):
    """What the table accepts the strict codec accepts with the same values; nothing but MessageError comes out."""
    chance = random.Random(seed)
    message = bytearray(octets_of(name))
    for _ in range(flips):
        message[chance.randrange(20, len(message))] = chance.choice(
            (0, 1, 4, 8, 0x40, 0x80, 0xC0, 0xFF, chance.randrange(256))
        )
    octets = bytes(message)
    assert outcome(decoder(), octets) == outcome(slow(decoder()), octets)


def outcome(made, octets):
    try:
        return made.decode(octets)
    except MessageError as error:
        return type(error), error.failed_avp


def test_a_broken_length_is_told_with_the_avp():
    with pytest.raises(InvalidAvpLength) as caught:
        decoder().decode(octets_of("bad_u32_length"))
    assert caught.value.failed_avp == bytes.fromhex("0000019f4000000b00000100")


def test_decoded_strictly_it_is_a_ccr():
    assert decode_message(ccr(), default_dictionary()).grammar.short == "CCR"


def euros(amount):
    return ("CC-Money", [("Unit-Value", [("Value-Digits", amount)]), ("Currency-Code", 978)])


@pytest.mark.parametrize(
    ("wish", "used"),
    [
        ([], [euros(2)]),
        ([euros(1)], [euros(2), ("CC-Time", 30)]),
        (None, [euros(2)]),
    ],
)
def test_reported_money_is_money_whatever_stands_beside_it(wish, used):
    asked = [] if wish is None else [("Requested-Service-Unit", wish)]
    credit = [*asked, ("Used-Service-Unit", used), ("Rating-Group", 10)]
    message = ccr(("Multiple-Services-Credit-Control", credit), kind=2, number=1)
    assert decoder().decode(message).session.credits[0].in_money


def test_more_messages_than_anything_can_cost_are_refused():
    credit = [("Requested-Service-Unit", [("CC-Service-Specific-Units", 1 << 32)]), ("Rating-Group", 10)]
    with pytest.raises(InvalidAvpValue):
        decoder().decode(ccr(("Multiple-Services-Credit-Control", credit)))


def test_a_request_without_its_application_is_refused():
    message = ccr(("Multiple-Services-Credit-Control", [("Rating-Group", 10)]))
    application = encode_avp("Auth-Application-Id", 4, default_dictionary())
    assert application in message
    foreign = bytes((*application[:4], 0x80, *application[5:]))
    with pytest.raises(MissingAvp) as caught:
        decoder().decode(message.replace(application, foreign))
    assert caught.value.failed_avp[:4] == application[:4]


@pytest.mark.parametrize("number", [0, 7, 2**64 - 1])
def test_a_sub_session_has_a_key_of_its_own(number):
    """Read by the table and by the strict codec alike; the answer repeats the AVP as it came."""
    message = ccr(("CC-Sub-Session-Id", number))
    read = decoder().decode(message)
    assert parts_of_key(read.session.session_id) == ("pgw;1;2", number)
    assert read.sub_session == encode_avp("CC-Sub-Session-Id", number, default_dictionary())
    assert slow(decoder()).decode(message) == read


def test_an_event_of_a_sub_session_has_a_key_of_its_own():
    read = decoder().decode(ccr(("CC-Sub-Session-Id", 7), ("Requested-Action", 0), kind=4))
    assert parts_of_key(read.event.session_id) == ("pgw;1;2", 7)


def test_an_empty_session_id_names_no_session():
    message = ccr()
    start = HEADER_OCTETS
    length = int.from_bytes(message[start + 5 : start + 8], "big")
    padded = length + (-length % 4)
    empty = message[: start + 5] + (8).to_bytes(3, "big") + message[start + padded :]
    empty = empty[:1] + len(empty).to_bytes(3, "big") + empty[4:]
    with pytest.raises(InvalidAvpValue) as caught:
        decoder().decode(empty)
    assert caught.value.failed_avp == message[start : start + 5] + b"\0\0\x08"
