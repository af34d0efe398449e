"""What a subscriber has used of a group with a daily cap, over all sessions."""

from msgspec import Struct

from diameter_ocs.values.units import UnitType


class DayUse(Struct, frozen=True, array_like=True, gc=False):
    """One local day of one group of the catalogue.

    day: its ordinal, as datetime.date.fromordinal takes it. used: reported units. promised: units that
    were granted in that day and are still out at gateways.
    """

    group: str
    unit: UnitType
    day: int
    used: int
    promised: int
