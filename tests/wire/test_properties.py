"""Whatever arrives: what was encoded is decoded again, and nothing but a WireError ever leaves the codec."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from diameter_ocs.errors import FramingLost, WireError
from diameter_ocs.wire.codec import (
    MAX_DEPTH,
    Avp,
    decode_avps,
    decode_lenient,
    decode_message,
    encode_avp,
    encode_message,
)
from diameter_ocs.wire.dictionary import AvpDefinition, AvpType, default_dictionary
from diameter_ocs.wire.framing import Framer
from diameter_ocs.wire.header import read_header
from diameter_ocs.wire.tree import message_tree, tree_lines
from tests.support.vectors import VECTORS

DICTIONARY = default_dictionary()
MESSAGES = [bytes.fromhex(vector["hex"]) for vector in VECTORS]
ANYTHING_INSIDE = [
    definition
    for definition in DICTIONARY.by_key.values()
    if definition.type is AvpType.GROUPED and definition.key not in DICTIONARY.groups
]
SCALARS = [definition for definition in DICTIONARY.by_key.values() if definition.type is not AvpType.GROUPED]

patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No example may fail because the machine is busy."""

ascii_text = st.text(st.characters(max_codepoint=127), max_size=40)
VALUES = {
    AvpType.OCTET_STRING: st.binary(max_size=40),
    AvpType.UTF8_STRING: st.text(max_size=40),
    AvpType.DIAMETER_IDENTITY: ascii_text.filter(bool),
    AvpType.DIAMETER_URI: ascii_text.map("aaa://".__add__),
    AvpType.IP_FILTER_RULE: ascii_text,
    AvpType.INTEGER32: st.integers(-(2**31), 2**31 - 1),
    AvpType.INTEGER64: st.integers(-(2**63), 2**63 - 1),
    AvpType.UNSIGNED32: st.integers(0, 2**32 - 1),
    AvpType.UNSIGNED64: st.integers(0, 2**64 - 1),
    AvpType.FLOAT32: st.floats(width=32, allow_nan=False),
    AvpType.FLOAT64: st.floats(allow_nan=False),
    AvpType.TIME: st.integers(-61505152, 4_233_462_143),
    AvpType.ADDRESS: st.ip_addresses() | st.from_regex(r"[0-9]{5,15}", fullmatch=True),
    AvpType.ENUMERATED: st.integers(-(2**31), 2**31 - 1),
}


def value_of(definition: AvpDefinition):
    return st.sampled_from(sorted(definition.values)) if definition.closed else VALUES[definition.type]


def named(definition: AvpDefinition, values):
    return st.tuples(st.just(definition.name), values)


scalars = st.sampled_from(SCALARS).flatmap(lambda definition: named(definition, value_of(definition)))
trees = st.recursive(
    scalars,
    lambda inner: st.sampled_from(ANYTHING_INSIDE).flatmap(
        lambda group: named(group, st.lists(inner, max_size=4).filter(bool))
    ),
    max_leaves=20,
)


def depth(pair) -> int:
    return 1 + max(map(depth, pair[1])) if isinstance(pair[1], list) else 0


def pair_of(avp: Avp):
    return (avp.name, [pair_of(child) for child in avp.children] if avp.value is None else avp.value)


@patiently
@given(st.lists(trees.filter(lambda pair: depth(pair) <= MAX_DEPTH), max_size=6))
def test_trees_come_back_as_they_were(pairs):
    octets = b"".join(encode_avp(name, value, DICTIONARY) for name, value in pairs)
    avps = decode_avps(octets, DICTIONARY)
    assert [pair_of(avp) for avp in avps] == pairs
    assert b"".join(avp.raw for avp in avps) == octets


def outcome(pieces) -> tuple[list[bytes], bool]:
    """All messages, and whether the framing was lost."""
    framer, messages = Framer(max_length=2000), []
    try:
        for piece in pieces:
            messages += framer.feed(piece)
    except FramingLost as lost:
        return messages + list(lost.messages), True
    return messages, False


frames = st.builds(
    lambda body, version: bytes([version]) + (20 + len(body) * 4).to_bytes(3, "big") + bytes(16) + b"".join(body),
    st.lists(st.binary(min_size=4, max_size=4), max_size=8),
    st.integers(0, 255),
)


@patiently
@given(st.lists(frames | st.binary(max_size=30), max_size=6).map(b"".join), st.lists(st.integers(0, 300), max_size=8))
def test_framing_does_not_depend_on_the_pieces(stream, cuts):
    whole = outcome([stream])
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert outcome(stream[i : i + 1] for i in range(len(stream))) == whole
    assert outcome(stream[a:b] for a, b in pairwise(edges)) == whole


def only_wire_errors(octets: bytes) -> None:
    """What a peer may do with octets: never anything but a message or a WireError."""
    with suppress(WireError):
        decode_message(octets, DICTIONARY)
    try:
        lenient = decode_lenient(octets, DICTIONARY)
    except WireError:
        return
    for problem in lenient.problems:
        assert len(problem.failed_avp) % 4 == 0
    assert tree_lines(message_tree(octets, DICTIONARY))


@patiently
@given(st.binary(max_size=200))
@example(b"")
def test_any_octets(octets):
    only_wire_errors(octets)


@patiently
@given(st.binary(max_size=200))
def test_any_octets_behind_a_sound_header(body):
    only_wire_errors(encode_message(0xC0, 272, 4, 1, 2, [body]))


@patiently
@given(
    st.sampled_from(MESSAGES), st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_damaged_messages(message, changes):
    octets = bytearray(message)
    for place, octet in changes:
        octets[place % len(octets)] = octet
    only_wire_errors(bytes(octets))


@patiently
@given(st.sampled_from(MESSAGES), st.integers(0, 1100))
def test_messages_cut_short(message, end):
    octets = message[:end]
    only_wire_errors(octets)
    if len(octets) >= 20:
        shortened = b"\x01" + len(octets).to_bytes(3, "big") + octets[4:]
        assert read_header(shortened).length == len(octets)
        only_wire_errors(shortened)


@patiently
@given(st.sampled_from(MESSAGES), st.integers(0, 1100), st.integers(0, 255))
def test_strict_and_lenient_agree(message, place, octet):
    octets = bytearray(message)
    octets[place % len(octets)] = octet
    lenient = decode_lenient(bytes(octets), DICTIONARY)
    if not lenient.grammar:
        with pytest.raises(WireError):
            decode_message(bytes(octets), DICTIONARY)
    elif lenient.problems:
        with pytest.raises(type(lenient.problems[0])):
            decode_message(bytes(octets), DICTIONARY)
    else:
        strict = decode_message(bytes(octets), DICTIONARY)
        assert [avp.raw for avp in strict.avps] == [avp.raw for avp in lenient.avps]
