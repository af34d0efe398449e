"""By which rule and at which price usage was paid: kept with every debit, so that it can be explained for ever.

The price stands there itself, not the name of a place where it once stood: a catalogue may change under the
same version, or be lost.
"""

from functools import lru_cache

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from diameter_ocs.rating.rate import Rate
from diameter_ocs.values.units import UnitType

KEPT = 4096
"""Different prices and plans in use at a time that are made once only."""


class Basis(Struct, frozen=True, omit_defaults=True, gc=False):
    """How units became an amount.

    rule: its name in the offer. unit: what was counted. rate: the price, in `paid_in`; None: each unit cost one of
    its kind, from a bucket of that unit, or nothing. band: the band of time that made the price; '': none did.
    multiplier: of a group in a credit pool, whose price is that of points; 0: of no pool. points: those that were
    paid where they are not units x multiplier, as when two buckets pay for one unit.
    """

    rule: str
    unit: UnitType
    rate: Rate | None = None
    paid_in: UnitType = UnitType.MONEY
    band: str = ""
    multiplier: int = 0
    points: int = 0

    def paid_units(self, units: int) -> int:
        """What the price is for, when so many units were used."""
        return self.points or units * (self.multiplier or 1)


_encode = Encoder().encode
_decode = Decoder(Basis).decode


@lru_cache(KEPT)
def basis(
    rule: str, unit: UnitType, rate: Rate | None = None, paid_in: UnitType = UnitType.MONEY, band: str = ""
) -> Raw:
    """A Basis as the journal keeps it: one value for all postings that are alike."""
    return Raw(_encode(Basis(rule, unit, rate, paid_in, band)))


@lru_cache(KEPT)
def basis_in_pool(rule: str, unit: UnitType, rate: Rate, multiplier: int, points: int = 0) -> Raw:
    """The Basis of what was paid out of a credit pool. rate: of points."""
    return Raw(_encode(Basis(rule, unit, rate, multiplier=multiplier, points=points)))


def read_basis(raw: Raw) -> Basis:
    """What the journal kept."""
    return _decode(raw)


class Plan(Struct, frozen=True, array_like=True, gc=False):
    """What was sold: version of the catalogue, offer (or product), and the service as in Offer.part (or 'product')."""

    version: str
    offer: str
    service: str


_decode_plan = Decoder(Plan).decode


@lru_cache(KEPT)
def plan(version: str, offer: str, service: str) -> str:
    """A Plan as the journal keeps it: one value for all entries that are alike."""
    return _encode(Plan(version, offer, service)).decode()


def read_plan(text: str) -> Plan:
    """What the journal kept."""
    return _decode_plan(text)
