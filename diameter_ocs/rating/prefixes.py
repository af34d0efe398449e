"""Longest match: which of many prefixes a number begins with."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar
from zlib import crc32

Found = TypeVar("Found")


class Prefixes(Generic[Found]):
    """What prefixes stand for, each from its moment on; a later one replaces an earlier one.

    A lookup tries every length that a prefix has, the longest first: a few microseconds, however many there are.
    """

    __slots__ = ("_lengths", "_mark", "_timed", "_values")

    def __init__(self, rows: Iterable[tuple[str, int, Found]]) -> None:
        """rows: prefix, since when in milliseconds since 1970 (0: always), and what it stands for."""
        self._values: dict[str, Found] = {}
        self._timed: dict[str, list[tuple[int, Found]]] = {}
        for prefix, from_ms, value in rows:
            if from_ms:
                self._timed.setdefault(prefix, []).append((from_ms, value))
            else:
                self._values[prefix] = value
        for known in self._timed.values():
            known.sort(key=_newest_first)
        self._mark = ""
        self._lengths = sorted({len(prefix) for prefix in (*self._values, *self._timed)}, reverse=True)

    def __len__(self) -> int:
        return len(self._values.keys() | self._timed.keys())

    def __str__(self) -> str:
        """The same text for the same rows, and hardly ever for others."""
        if not self._mark:
            rows = repr((sorted(self._values.items()), sorted(self._timed.items())))
            self._mark = f"{len(self)} prefixes {crc32(rows.encode()):08x}"
        return self._mark

    def names(self) -> set[Found]:
        """Everything that some prefix stands for."""
        return {*self._values.values(), *(value for known in self._timed.values() for _, value in known)}

    def overlaps(self) -> Iterator[tuple[str, str]]:
        """Every prefix that begins with a shorter one, and the longest such."""
        known = self._values.keys() | self._timed.keys()
        for prefix in sorted(known):
            shorter = (prefix[:length] for length in self._lengths if length < len(prefix))
            found = next((each for each in shorter if each in known), None)
            if found is not None:
                yield prefix, found

    def find(self, number: str, at_ms: int) -> Found | None:
        """What the longest prefix of `number` stands for at that time; None when none fits."""
        return next((value for _, value in self.matches(number, at_ms)), None)

    def matches(self, number: str, at_ms: int) -> Iterator[tuple[str, Found]]:
        """Every prefix that fits, the longest first."""
        values, timed = self._values, self._timed
        for length in self._lengths:
            prefix = number[:length]
            if len(prefix) < length:
                continue
            if prefix in timed:
                found = next((value for from_ms, value in timed[prefix] if from_ms <= at_ms), None)
                if found is not None:
                    yield prefix, found
                    continue
            if prefix in values:
                yield prefix, values[prefix]


def _newest_first(known: "tuple[int, Found]") -> int:
    return -known[0]
