"""Which variant of a group holds: by destination, network, APN, access, place, segment or service.

Conditions that were never told fulfil nothing, so the values of the group itself hold then.
"""

import re
from functools import lru_cache
from typing import Protocol

from msgspec import Struct

from diameter_ocs.rating.numbers import Numbering
from diameter_ocs.rating.prefixes import Prefixes
from diameter_ocs.rating.rate import Rate

END = "$"
"""Stands behind a network, so that a whole one is a longest prefix of itself."""
APNS_REMEMBERED = 4096


class Circumstances(Protocol):
    """What a gateway told of a use. Each is empty when it never did."""

    @property
    def apn(self) -> str: ...
    @property
    def rat(self) -> str: ...
    @property
    def visited_plmn(self) -> str: ...
    @property
    def location(self) -> str: ...
    @property
    def called_party(self) -> str: ...


class RatingInput(Struct, frozen=True, gc=False):
    """What a tariff may depend on. service_identifiers: of the quota. segment: of the subscriber."""

    told: Circumstances
    service_identifiers: tuple[int, ...] = ()
    segment: str = ""


class Geography(Struct, frozen=True):
    """What the names of a catalogue mean: prefixes of numbers, and prefixes of MCC and MNC."""

    numbering: Numbering
    destinations: Prefixes[str]
    networks: Prefixes[str]

    def destination(self, address: str, at_ms: int) -> str | None:
        """Name of the destination of an address; None when no prefix fits."""
        return self.destinations.find(self.numbering.normal(address), at_ms) if address else None

    def network(self, plmn: str) -> str | None:
        """Name of the network zone of a PLMN."""
        return self.networks.find(plmn + END, 0) if plmn else None


NOWHERE = Geography(Numbering(), Prefixes(()), Prefixes(()))
"""Nothing has a name."""


class Pattern(Struct, frozen=True, gc=False):
    """Texts in any case, '*' standing for any part; none: everything fits."""

    texts: tuple[str, ...] = ()

    def fits(self, text: str) -> bool:
        return any(_compiled(pattern).fullmatch(text) for pattern in self.texts)


@lru_cache(APNS_REMEMBERED)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE)


class Case(Struct, frozen=True, gc=False):
    """One `when`: whatever is not empty must fit, and of several values one is enough."""

    destinations: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    apns: Pattern = Pattern()
    rats: frozenset[str] = frozenset()
    areas: Pattern = Pattern()
    segments: frozenset[str] = frozenset()
    service_identifiers: frozenset[int] = frozenset()

    def holds(self, use: RatingInput, where: "_Where") -> bool:
        told = use.told
        return (
            (not self.segments or use.segment in self.segments)
            and (not self.service_identifiers or not self.service_identifiers.isdisjoint(use.service_identifiers))
            and (not self.rats or told.rat in self.rats)
            and (not self.apns.texts or any(map(self.apns.fits, spellings(told.apn))))
            and (not self.networks or where.network() in self.networks)
            and (not self.destinations or where.destination() in self.destinations)
            and (not self.areas.texts or any(map(self.areas.fits, areas_of(told.location))))
        )


class Selection(Struct, frozen=True):
    """The cases of a group in order."""

    cases: tuple[Case, ...]
    geography: Geography

    def find(self, use: RatingInput, at_ms: int) -> int | None:
        """Place of the first case that holds; None when none does."""
        where = _Where(self.geography, use.told, at_ms)
        return next((place for place, case in enumerate(self.cases) if case.holds(use, where)), None)


class _Where:
    """Looks names of the catalogue up, each once and only when somebody asks."""

    __slots__ = ("_at_ms", "_destination", "_geography", "_network", "_told")

    def __init__(self, geography: Geography, told: Circumstances, at_ms: int) -> None:
        self._geography = geography
        self._told = told
        self._at_ms = at_ms
        self._destination: str | None = ""
        self._network: str | None = ""

    def destination(self) -> str | None:
        if self._destination == "":
            self._destination = self._geography.destination(self._told.called_party, self._at_ms)
        return self._destination

    def network(self) -> str | None:
        if self._network == "":
            self._network = self._geography.network(self._told.visited_plmn)
        return self._network


OPERATOR_IDENTIFIER = re.compile(r"\.mnc\d{2,3}\.mcc\d{3}\.(gprs|3gppnetwork\.org)$", re.IGNORECASE)


def spellings(apn: str) -> tuple[str, ...]:
    """An APN as it came, and without the operator identifier that some gateways put behind it (TS 23.003 §9.1)."""
    if not apn:
        return ()
    network = OPERATOR_IDENTIFIER.sub("", apn)
    return (apn,) if network == apn else (apn, network)


def areas_of(location: str) -> tuple[str, ...]:
    """'TAI 00101-1A2B ECGI 00101-1A2B3C4' as its two areas; of access network information the value of every part."""
    if ";" in location or "=" in location:
        return tuple(part.rpartition("=")[2].strip(' "') for part in location.split(";"))
    words = location.split(" ")
    return tuple(f"{kind} {place}" for kind, place in zip(words[::2], words[1::2], strict=False))


class RateSheet(Struct, frozen=True):
    """Prices by the number that is called."""

    numbering: Numbering
    rates: Prefixes[Rate]

    def rate(self, address: str, at_ms: int) -> Rate | None:
        """The price of the longest prefix; None when none fits."""
        return self.rates.find(self.numbering.normal(address), at_ms) if address else None
