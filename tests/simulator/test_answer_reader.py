"""The short road through an answer says the same as the strict codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.errors import InvalidAvpLength
from diameter_ocs.simulator.answer_reader import ABSENT, MAX_LAYOUTS, AnswerReader, AnswerResult, GroupResult
from diameter_ocs.simulator.message import decode, encode_answer, read_answer
from diameter_ocs.wire.header import ERROR, PROXIABLE, Header
from tests.simulator.support.stub_ocs import HOST, REALM, TREE

GROUPS = (10, 20)
REQUEST_HEADER = Header(1, 0, PROXIABLE, 272, 4, 7, 8)


def answer(code: int, number: int | None, groups: list[TREE], session_id: str = "pgw;1;1000000000;gy") -> bytes:
    """A CCA as a server writes it."""
    tree: TREE = [
        ("Session-Id", session_id),
        ("Result-Code", code),
        ("Origin-Host", HOST),
        ("Origin-Realm", REALM),
        ("Auth-Application-Id", 4),
        ("CC-Request-Type", 2),
    ]
    tree += [] if number is None else [("CC-Request-Number", number)]
    tree += [("Multiple-Services-Credit-Control", group) for group in groups]
    return encode_answer(REQUEST_HEADER, tree, ERROR if 3000 <= code < 4000 else 0)


def mscc(group: int, code: int | None, granted: int | None, final: bool, validity: int | None) -> TREE:
    tree: TREE = [] if granted is None else [("Granted-Service-Unit", [("CC-Total-Octets", granted)])]
    tree.append(("Rating-Group", group))
    tree += [] if validity is None else [("Validity-Time", validity)]
    tree += [] if code is None else [("Result-Code", code)]
    return tree + ([("Final-Unit-Indication", [("Final-Unit-Action", 0)])] if final else [])


MSCC = st.builds(
    mscc,
    st.sampled_from([10, 20, 30]),
    st.none() | st.sampled_from([2001, 4012]),
    st.none() | st.integers(0, 2**63),
    st.booleans(),
    st.none() | st.integers(1, 9999),
)
NUMBERS = st.integers(0, 2**32 - 1)
HEADS = st.tuples(st.just(2001), NUMBERS) | st.tuples(st.sampled_from([3004, 5030]), st.none() | NUMBERS)
ANSWER = st.builds(
    lambda head, groups: answer(*head, groups),
    HEADS,
    st.lists(MSCC, max_size=3, unique_by=lambda tree: dict(tree)["Rating-Group"]),
)


def expected(message: bytes) -> AnswerResult:
    """The same by the strict codec."""
    read = read_answer(decode(message))
    number = decode(message).first("CC-Request-Number")
    groups = []
    for rating_group in GROUPS:
        group = read.group(rating_group)
        if group is None:
            groups.append(GroupResult(ABSENT, ABSENT, False))
        else:
            granted = ABSENT if group.granted is None else group.granted
            groups.append(GroupResult(group.result_code, granted, group.final_action is not None))
    return AnswerResult(read.result_code, ABSENT if number is None else read.number, tuple(groups))


@given(st.lists(ANSWER, min_size=1, max_size=30))
def test_the_reader_agrees_with_the_codec_whatever_came_before(messages: list[bytes]) -> None:
    reader = AnswerReader(GROUPS)
    for message in messages:
        result = reader.result(message)
        if read_answer(decode(message)).result_code == 2001:
            assert result == expected(message)
        else:
            assert result[:2] == expected(message)[:2]


def test_a_known_layout_is_read_without_walking() -> None:
    reader = AnswerReader(GROUPS)
    for number, granted in ((1, 500), (2, 2**40), (3, 0)):
        message = answer(2001, number, [mscc(10, 2001, granted, False, 60), mscc(20, 4012, None, False, None)])
        assert reader.result(message) == expected(message)
    assert reader.walked == 1


def test_equal_length_does_not_mean_equal_layout() -> None:
    reader = AnswerReader(GROUPS)
    one = answer(2001, 1, [mscc(10, 2001, 5, False, 60), mscc(20, 2001, 6, False, 60)])
    other = answer(2001, 1, [mscc(20, 2001, 5, False, 60), mscc(10, 2001, 6, False, 60)])
    assert len(one) == len(other)
    assert [reader.result(message).groups[0].granted for message in (one, other, one)] == [5, 6, 5]


def test_endless_layouts_do_not_fill_the_memory() -> None:
    reader = AnswerReader((10,))
    for length in range(2 * MAX_LAYOUTS):
        message = answer(2001, 1, [mscc(10, 2001, length, False, None)], "x" * (4 * length + 1))
        assert reader.result(message).groups[0].granted == length
    assert reader.walked == 2 * MAX_LAYOUTS


@pytest.mark.parametrize("damage", [(25, b"\xff\xff\xff"), (25, b"\x00\x00\x01")])
def test_lengths_that_do_not_add_up_are_refused(damage: tuple[int, bytes]) -> None:
    place, octets = damage
    message = bytearray(answer(2001, 1, []))
    message[place : place + 3] = octets
    with pytest.raises(InvalidAvpLength):
        AnswerReader(GROUPS).read(bytes(message))


def test_a_number_of_a_wrong_size_is_refused() -> None:
    message = answer(2001, 1, [])
    cut = message.replace(
        b"\x00\x00\x01\x0c@\x00\x00\x0c\x00\x00\x07\xd1", b"\x00\x00\x01\x0c@\x00\x00\x0a\x00\x00\x07\xd1"
    )
    with pytest.raises(InvalidAvpLength):
        AnswerReader(GROUPS).read(cut)
