"""Result codes and grants read out of CCAs at known places, for the load generator.

A server lays out its answers the same way again and again. The first answer of a layout is walked
AVP by AVP; what was learned (where the values stand, which octets never change) then reads the
next one with two calls of C code. An answer that fits no known layout is walked again, so nothing
is ever guessed.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from diameter_ocs.errors import InvalidAvpLength

HEADER_OCTETS = 20
MAX_LAYOUTS = 64
"""Layouts remembered at most; a server has about one per request type and kind of grant."""
RESULT_CODE, REQUEST_NUMBER, MSCC, RATING_GROUP, GRANTED, FINAL_UNITS = 268, 415, 456, 432, 431, 430
TOTAL_OCTETS = 421
GROUPED = frozenset({MSCC, GRANTED})
VENDOR_FLAG = 0x80
ABSENT = -1
"""Stands for a value that the answer does not have."""

_HEADER = Struct(">II")


class GroupResult(NamedTuple):
    """What an answer says of one rating group. granted: CC-Total-Octets or ABSENT."""

    result_code: int
    granted: int
    is_final: bool


class AnswerResult(NamedTuple):
    """What an answer says. number: CC-Request-Number or ABSENT; groups in the order of the reader's rating groups."""

    result_code: int
    number: int
    groups: tuple[GroupResult, ...]


class Place(NamedTuple):
    """An AVP inside a message: its data begins `offset` octets after the message and is `length` octets long."""

    path: tuple[int, ...]
    offset: int
    length: int


def places(
    message: bytes,
    start: int = HEADER_OCTETS,
    end: int = 0,
    path: tuple[int, ...] = (),
    groups: frozenset[int] = GROUPED,
) -> Iterator[Place]:
    """Every AVP of a message; after one of `groups` (AVP codes of the IETF) what is inside.

    Raises InvalidAvpLength where the lengths do not add up.
    """
    end = end or len(message)
    while start < end:
        if end - start < _HEADER.size:
            raise InvalidAvpLength(f"{end - start} octets left over at octet {start}")
        code, word = _HEADER.unpack_from(message, start)
        size, head = word & 0xFFFFFF, 12 if word >> 24 & VENDOR_FLAG else 8
        if size < head or start + size > end:
            raise InvalidAvpLength(f"AVP {code} at octet {start} says it has {size} octets")
        place = Place((*path, code), start + head, size - head)
        yield place
        if code in groups and head == 8 and size > head:
            yield from places(message, place.offset, start + size, place.path, groups)
        start += size + 3 & ~3


class _Layout(NamedTuple):
    """One learned layout: octets under `mask` are always `constant`, `pick` orders what `values` reads."""

    mask: int
    constant: int
    values: Struct
    pick: Callable[[tuple[Any, ...]], Any]
    constants: tuple[int, ...]

    def read(self, message: bytes) -> tuple[int, ...]:
        picked: tuple[int, ...] = self.pick(self.values.unpack_from(message) + self.constants)
        return picked


class AnswerReader:
    """Reads CCAs of a server that answers for `rating_groups` (None: MSCC without Rating-Group).

    `read` returns a flat row: result code, request number, then for every group its result code, its
    granted octets and 1 for final units. A group the answer leaves out has ABSENT thrice.
    """

    def __init__(self, rating_groups: Sequence[int | None]) -> None:
        self.rating_groups = tuple(rating_groups)
        self.walked = 0
        """Answers that fitted no known layout."""
        self._layouts: dict[int, list[_Layout]] = {}
        self._known = 0

    def read(self, message: bytes) -> tuple[int, ...]:
        """The row of an answer. Raises InvalidAvpLength when it cannot be walked."""
        number = int.from_bytes(message, "big")
        for layout in self._layouts.get(len(message), ()):
            if number & layout.mask == layout.constant:
                return layout.read(message)
        self.walked += 1
        layout = self._learn(message)
        if self._known < MAX_LAYOUTS:
            self._known += 1
            self._layouts.setdefault(len(message), []).append(layout)
        return layout.read(message)

    def result(self, message: bytes) -> AnswerResult:
        """The row by name."""
        row = self.read(message)
        groups = tuple(GroupResult(row[i], row[i + 1], row[i + 2] == 1) for i in range(2, len(row), 3))
        return AnswerResult(row[0], row[1], groups)

    def _learn(self, message: bytes) -> _Layout:
        walk = list(places(message))
        wanted = [_first(walk, (RESULT_CODE,)), _first(walk, (REQUEST_NUMBER,))]
        finals = []
        for place in self._groups(message, walk):
            inside = _within(walk, place) if place else []
            wanted += [_first(inside, (MSCC, RESULT_CODE)), _first(inside, (MSCC, GRANTED, TOTAL_OCTETS))]
            finals.append(_first(inside, (MSCC, FINAL_UNITS)) is not None)
            if place is not None and wanted[-2] is None:
                wanted[-2] = wanted[0]
        return _layout(message, walk, wanted, finals)

    def _groups(self, message: bytes, walk: list[Place]) -> list[Place | None]:
        """The MSCC of every rating group, in the order of `rating_groups`."""
        found: dict[int | None, Place] = {}
        for mscc in (place for place in walk if place.path == (MSCC,)):
            named = _first(_within(walk, mscc), (MSCC, RATING_GROUP))
            found[_number_at(message, named) if named else None] = mscc
        return [found.get(rating_group) for rating_group in self.rating_groups]


def _first(walk: Sequence[Place], path: tuple[int, ...]) -> Place | None:
    return next((place for place in walk if place.path == path), None)


def _within(walk: Sequence[Place], outer: Place) -> list[Place]:
    return [place for place in walk if outer.offset < place.offset <= outer.offset + outer.length]


def _number_at(message: bytes, place: Place) -> int:
    return int.from_bytes(message[place.offset : place.offset + place.length], "big")


def _layout(message: bytes, walk: Sequence[Place], wanted: Sequence[Place | None], finals: list[bool]) -> _Layout:
    """Everything but the data of AVPs is fixed in a layout, and so are the Rating-Groups."""
    mask = bytearray(b"\xff" * len(message))
    mask[4] = mask[12] = 0
    mask[12:HEADER_OCTETS] = bytes(8)
    inner = [place for place in walk if not (place.path[-1] in GROUPED and place.length)]
    for place in inner:
        if place.path[-1] != RATING_GROUP:
            mask[place.offset : place.offset + place.length] = bytes(place.length)
    ordered = sorted({place for place in wanted if place is not None}, key=lambda place: place.offset)
    index = {place: number for number, place in enumerate(ordered)}
    absent, final, plain = len(ordered), len(ordered) + 1, len(ordered) + 2
    picks = [absent if place is None else index[place] for place in wanted]
    row = picks[:2]
    for number, is_final in enumerate(finals):
        code, granted = picks[2 + 2 * number : 4 + 2 * number]
        row += [code, granted, absent if code == absent else final if is_final else plain]
    fixed = int.from_bytes(mask, "big")
    constant = int.from_bytes(message, "big") & fixed
    return _Layout(fixed, constant, _values(ordered), itemgetter(*row), (ABSENT, 1, 0))


def _values(ordered: Sequence[Place]) -> Struct:
    """A struct that skips to each place and reads a 32- or 64-bit number there."""
    text, at = ">", 0
    for place in ordered:
        if place.length not in (4, 8):
            raise InvalidAvpLength(f"AVP {place.path[-1]} holds {place.length} octets, not a number")
        text += f"{place.offset - at}x{'Q' if place.length == 8 else 'I'}"
        at = place.offset + place.length
    return Struct(text)
