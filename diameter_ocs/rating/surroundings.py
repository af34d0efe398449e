"""Where and when a service is used, in the names of the catalogue: for buckets that are bound to them."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.local_time import time_zone
from diameter_ocs.rating.selection import Circumstances


class Surroundings:
    """Looked up when somebody asks, by the clocks of the subscriber, else the operator's."""

    __slots__ = ("_at_ms", "_catalogue", "_told", "_zone")

    def __init__(self, catalogue: Catalogue, told: Circumstances, zone_name: str, at_ms: int) -> None:
        self._catalogue = catalogue
        self._told = told
        self._zone = _zone(zone_name, catalogue.zone)
        self._at_ms = at_ms

    def destination(self) -> str | None:
        """Name of what is called; None when it has none."""
        return self._catalogue.geography.destination(self._told.called_party, self._at_ms)

    def network(self) -> str | None:
        """Name of the visited network; None when it has none."""
        return self._catalogue.geography.network(self._told.visited_plmn)

    def holds(self, band: str) -> bool:
        """Is it a time of that band? Of one that the catalogue does not know, never."""
        known = self._catalogue.bands.get(band)
        return known is not None and known.holds(self._at_ms, self._zone)

    def next_change(self, bands: Iterable[str], until_ms: int) -> int | None:
        """The first instant from now and before `until_ms` at which one of these bands begins or ends."""
        known = [self._catalogue.bands[name] for name in bands if name in self._catalogue.bands]
        changes = [band.next_change(self._at_ms, self._zone, until_ms) for band in known]
        return min([change for change in changes if change is not None], default=None)


def _zone(name: str, otherwise: ZoneInfo) -> ZoneInfo:
    try:
        return time_zone(name) if name else otherwise
    except ValueError:
        return otherwise
