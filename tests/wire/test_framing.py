"""Messages come out of a stream whole, whatever the pieces it arrives in."""

import pytest

from diameter_ocs.errors import FramingLost
from diameter_ocs.wire.framing import MAX_MESSAGE_OCTETS, Framer
from tests.support.vectors import octets_of

DWR, CER, CCR = octets_of("dwr"), octets_of("cer"), octets_of("gy_ccr_i")


def length_field(length: int) -> bytes:
    return b"\x01" + length.to_bytes(3, "big")


def test_one_read_of_several_messages():
    assert Framer().feed(DWR + CER + CCR) == [DWR, CER, CCR]


def test_a_message_in_single_octets():
    framer = Framer()
    found = [message for octet in CCR for message in framer.feed(bytes([octet]))]
    assert found == [CCR]
    assert framer.pending == 0


def test_what_is_left_over_is_kept_for_the_next_read():
    framer = Framer()
    assert framer.feed(DWR + CER[:7]) == [DWR]
    assert framer.pending == 7
    assert framer.feed(CER[7:] + CCR[:3]) == [CER]
    assert framer.pending == 3
    assert framer.feed(CCR[3:]) == [CCR]


def test_messages_are_bytes_of_their_own():
    assert all(type(message) is bytes for message in Framer().feed(DWR + CER))


def test_the_version_is_nobody_s_business_here():
    assert Framer().feed(octets_of("bad_version")) == [octets_of("bad_version")]


@pytest.mark.parametrize(
    ("length", "cause"),
    [
        (0, "a Message Length of 0 octets is shorter than the header of 20"),
        (16, "shorter than the header"),
        (390, "not a multiple of 4"),
        (MAX_MESSAGE_OCTETS + 4, "above the limit of 65536"),
        (0xFFFFFF, "above the limit"),
    ],
)
def test_an_impossible_length_loses_the_framing(length, cause):
    with pytest.raises(FramingLost, match=cause) as caught:
        Framer().feed(length_field(length))
    assert caught.value.messages == ()


def test_the_longest_message_is_accepted():
    longest = length_field(MAX_MESSAGE_OCTETS) + bytes(MAX_MESSAGE_OCTETS - 4)
    assert Framer().feed(longest) == [longest]


def test_the_limit_can_be_chosen():
    with pytest.raises(FramingLost, match="above the limit of 100"):
        Framer(max_length=100).feed(DWR)


def test_messages_before_the_damage_are_not_lost():
    with pytest.raises(FramingLost) as caught:
        Framer().feed(DWR + CER + length_field(4))
    assert caught.value.messages == (DWR, CER)


def test_after_damage_nothing_is_read_any_more():
    framer = Framer()
    with pytest.raises(FramingLost):
        framer.feed(DWR + length_field(4))
    with pytest.raises(FramingLost, match="octets is shorter") as caught:
        framer.feed(CER)
    assert caught.value.messages == ()


def test_damage_is_seen_as_soon_as_the_length_is_there():
    framer = Framer()
    assert framer.feed(b"\x01\xff\xff") == []
    with pytest.raises(FramingLost):
        framer.feed(b"\xfc")


@pytest.mark.parametrize("name", ["bad_length_not_multiple_of_4", "bad_length_below_header"])
def test_faulty_vectors_lose_the_framing(name):
    with pytest.raises(FramingLost):
        Framer().feed(octets_of(name))
