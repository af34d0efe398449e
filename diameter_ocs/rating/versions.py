"""Versions of the catalogue, and which of them holds when. Moments are integer milliseconds since 1970 UTC."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise

from msgspec import Struct
from msgspec.json import encode
from msgspec.structs import replace

LONGEST_NAME = 100
CHECKSUM_SHOWN = 8


class CatalogueSource(Struct, frozen=True):
    """A catalogue as an operator wrote it, comments and all. files: texts of the files it names, by those names."""

    version: str
    text: str
    files: Mapping[str, str] = {}

    @property
    def checksum(self) -> str:
        """SHA-256 in hex of everything that was written."""
        return sha256(encode([self.text, sorted(self.files.items())])).hexdigest()

    def with_name_of_its_own(self) -> "CatalogueSource":
        """The same under a name that tells it from others of its version: '2027-1~3fa9c1d2'."""
        return replace(self, version=f"{self.version}~{self.checksum[:CHECKSUM_SHOWN]}")


class VersionFacts(Struct, frozen=True):
    """What is known of a version that is kept, beside its text."""

    version: str
    checksum: str
    loaded_ms: int
    who: str
    reason: str = ""


class Activation(Struct, frozen=True):
    """That a version holds from a moment on. Never changed once it is said; one that is still to come can be cancelled.

    number: in the order in which they were said, from 1. cancelled_ms: 0, or when that was said.
    """

    number: int
    version: str
    from_ms: int
    said_ms: int
    who: str
    reason: str = ""
    cancelled_ms: int = 0
    cancelled_by: str = ""


def in_force(activations: Iterable[Activation], at_ms: int) -> Activation | None:
    """What holds at a moment: the activation that began last; of two that begin together, the one said last."""
    begun = _by_time(each for each in activations if each.from_ms <= at_ms)
    return begun[-1] if begun else None


def to_come(activations: Iterable[Activation], at_ms: int) -> list[Activation]:
    """What is planned after a moment, the next one first."""
    return _by_time(each for each in activations if each.from_ms > at_ms)


def before_it(activations: Sequence[Activation], at_ms: int) -> Activation | None:
    """The latest activation of another version than the one that holds; None when there was never another."""
    current = in_force(activations, at_ms)
    others = [each for each in activations if current is not None and each.version != current.version]
    return in_force(others, at_ms)


def held_since(activations: Sequence[Activation], since_ms: int, at_ms: int) -> list[str]:
    """Versions that held at some time after `since_ms` and do not any more, the latest first, each once."""
    begun = _by_time(each for each in activations if each.from_ms <= at_ms)
    current = begun[-1].version if begun else None
    ends = [(each.version, after.from_ms) for each, after in pairwise(begun)]
    held = [version for version, end_ms in reversed(ends) if end_ms > since_ms and version != current]
    return list(dict.fromkeys(held))


def _by_time(activations: Iterable[Activation]) -> list[Activation]:
    planned = (each for each in activations if not each.cancelled_ms)
    return sorted(planned, key=lambda each: (each.from_ms, each.number))
