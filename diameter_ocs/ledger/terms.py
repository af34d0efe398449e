"""Who may draw on a bucket and for what, and what may be drawn in all: where that is out of the ordinary."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from diameter_ocs.values.units import UnitType


class Around(Protocol):
    """Where and when an account is drawn on, in the names of a catalogue."""

    def destination(self) -> str | None: ...
    def network(self) -> str | None: ...
    def holds(self, band: str) -> bool: ...
    def next_change(self, bands: Iterable[str], until_ms: int) -> int | None: ...


class Use(Struct, frozen=True, gc=False):
    """Who draws on an account, and for which service: 'data', 'sms', 'voice/originating'.

    is_frozen: nothing may be promised or sold to it, whatever there is. around: None where no bucket asks for it,
    and for what is used nowhere, such as a product.
    """

    subscriber_id: str = ""
    service: str = ""
    is_frozen: bool = False
    around: Around | None = None


NOBODY = Use()


class BucketTerms(Struct, frozen=True, omit_defaults=True, gc=False):
    """What binds a bucket beyond its rating groups; empty means everyone and everything.

    owners: subscriber_ids. services: with or without direction; 'voice' means its directions too. destinations,
    networks, bands: names of the catalogue, of which one is enough.
    is_blocking: while somebody may draw on it, nothing behind it in spend order pays, not even when it
    is empty. overdraft: how far below zero it may be spent (a credit limit). pays_for: another unit it
    pays for as well, `factor` of its own units for so many of the other: (100_000, 1) octets for a second.
    """

    owners: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    is_blocking: bool = False
    overdraft: int = 0
    pays_for: UnitType | None = None
    factor: tuple[int, int] = (1, 1)
    destinations: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()

    @property
    def is_placed(self) -> bool:
        """Is it bound to a place or a time of day?"""
        return bool(self.destinations or self.networks or self.bands)

    def allows(self, use: Use) -> bool:
        if self.owners and use.subscriber_id not in self.owners:
            return False
        if self.services and not (use.service in self.services or use.service.partition("/")[0] in self.services):
            return False
        return not self.is_placed or (use.around is not None and self._fits(use.around))

    def _fits(self, around: Around) -> bool:
        return (
            (not self.bands or any(map(around.holds, self.bands)))
            and (not self.networks or around.network() in self.networks)
            and (not self.destinations or around.destination() in self.destinations)
        )


class Limit(Struct, frozen=True, omit_defaults=True, gc=False):
    """Most that may be spent of one unit, by one subscriber or (subscriber_id empty) by all together.

    period: after which it starts anew, in words of rating/periods.py; empty: never. until_ms: when it does so next.
    used and reserved are of this period; what was used beyond `maximum` was delivered without asking.
    """

    name: str
    unit: UnitType
    maximum: int
    subscriber_id: str = ""
    period: str = ""
    used: int = 0
    reserved: int = 0
    since_ms: int = 0
    until_ms: int = 0

    @property
    def room(self) -> int:
        return self.maximum - self.used - self.reserved

    def binds(self, use: Use) -> bool:
        return not self.subscriber_id or self.subscriber_id == use.subscriber_id
