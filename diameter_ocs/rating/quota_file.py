"""[quota.NAME] of a catalogue file: how grants are cut, with inheritance."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from diameter_ocs.rating.catalogue import QuotaPolicy, QuotaTuning
from diameter_ocs.rating.day_cap import DayCap
from diameter_ocs.rating.file_values import Quantity, Seconds, SecondsOrNone, Table, Unsigned32
from diameter_ocs.rating.time_quota import TimeQuotaMechanism, TimeQuotaType
from diameter_ocs.values.units import UnitType

EXTENDS = "extends"
LARGEST_GRANTS = {
    UnitType.OCTETS: ("CC-Total-Octets", 0xFFFFFFFFFFFFFFFF),
    UnitType.SECONDS: ("CC-Time", 0xFFFFFFFF),
    UnitType.EVENTS: ("CC-Service-Specific-Units", 0xFFFFFFFFFFFFFFFF),
}
"""The AVP that tells a grant, and the most it holds."""
Tell = Callable[[str, str], None]
"""Takes key and rule of a mistake."""
Parse = Callable[[str, Quantity, UnitType], int]
"""From a key, what is written there and its unit to a number."""


class QuotaFile(Table):
    """[quota.NAME]"""

    unit: Literal["octets", "seconds", "events"] = "octets"
    default: Quantity
    minimum: Quantity
    maximum: Quantity
    first_default: Quantity | None = None
    first_maximum: Quantity | None = None
    requested: Literal["honour", "ignore"] = "honour"
    session_cap: Quantity | None = None
    pace: Seconds | None = None
    validity: Seconds
    threshold: Quantity | None = None
    threshold_percent: Annotated[int, Field(ge=0, le=99)] = 0
    holding_time: SecondsOrNone | None = None
    grant_after_holding: bool = True
    triggers: list[Unsigned32] | None = None
    day_cap: Quantity | None = None
    notice_levels: list[Quantity] = []
    consumption_time: SecondsOrNone | None = None
    time_periods: Literal["discrete", "continuous"] | None = None
    base_interval: Seconds | None = None


def inherited(tables: Any, tell: Tell) -> Any:
    """The same tables with what they inherit written out: the nearest value of a chain of `extends` wins."""
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        return tables
    return {name: _written_out(name, tables, tell) for name in tables}


def _written_out(name: str, tables: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    found: dict[str, Any] = {}
    seen: list[str] = []
    current: Any = name
    while current is not None:
        seen.append(current)
        table = tables[current]
        found = {**table, **found}
        found.pop(EXTENDS, None)
        current = table.get(EXTENDS)
        if current is not None and (not isinstance(current, str) or current not in tables):
            tell(f"quota.{seen[-1]}.{EXTENDS}", f"there is no [quota.{current}]")
            break
        if current in seen:
            tell(f"quota.{name}.{EXTENDS}", f"goes round in a circle: {' -> '.join([*seen, str(current)])}")
            break
    return found


def quota_policy(key: str, file: QuotaFile, quantity: Parse, tell: Tell, zone: ZoneInfo) -> QuotaPolicy:
    """The policy; what does not fit together is told. zone: whose days a day_cap is for."""
    unit = UnitType(file.unit)

    def amount(name: str) -> int | None:
        value = getattr(file, name)
        return None if value is None else quantity(f"{key}.{name}", value, unit)

    default, minimum, maximum = amount("default") or 0, amount("minimum") or 0, amount("maximum") or 0
    if not 1 <= minimum <= default <= maximum:
        tell(key, "sizes must be 1 <= minimum <= default <= maximum")
    avp, most = LARGEST_GRANTS[unit]
    if maximum > most:
        tell(f"{key}.maximum", f"{avp} holds at most {most} {unit.value}")
    first_default, first_maximum, cap, threshold, day_cap = map(
        amount, ("first_default", "first_maximum", "session_cap", "threshold", "day_cap")
    )
    first_most = maximum if first_maximum is None else first_maximum
    first_usual = min(default, first_most) if first_default is None else first_default
    has_first = first_default is not None or first_maximum is not None
    if has_first and not minimum <= first_usual <= first_most <= maximum:
        tell(key, "the first sizes must be minimum <= first_default <= first_maximum <= maximum")
    if cap is not None and cap < 1:
        tell(f"{key}.session_cap", "must be at least 1")
    if day_cap is not None and day_cap < 1:
        tell(f"{key}.day_cap", "must be at least 1")
    if threshold is not None and file.threshold_percent:
        tell(f"{key}.threshold", "say threshold or threshold_percent (0 ends an inherited one), not both")
    tuning = QuotaTuning(
        first_usual if has_first else None,
        first_most if has_first else None,
        file.requested == "honour",
        cap,
        file.pace,
        threshold,
        file.grant_after_holding,
        None if file.triggers is None else tuple(dict.fromkeys(file.triggers)),
        None if day_cap is None else DayCap(day_cap, zone),
        _levels(f"{key}.notice_levels", file, day_cap or cap, quantity, tell),
        file.consumption_time,
        _mechanism(key, file, (minimum, default, maximum), tell),
    )
    return QuotaPolicy(
        default,
        minimum,
        maximum,
        file.validity,
        file.threshold_percent,
        file.holding_time,
        tuning if tuning != QuotaTuning() else None,
    )


def _mechanism(key: str, file: QuotaFile, sizes: Iterable[int], tell: Tell) -> TimeQuotaMechanism | None:
    """How seconds are counted; what contradicts itself is told."""
    is_told = file.consumption_time is not None or file.time_periods is not None or file.base_interval is not None
    if is_told and file.unit != "seconds":
        tell(key, 'consumption_time, time_periods and base_interval are for unit = "seconds"')
    if (file.time_periods is None) != (file.base_interval is None):
        tell(f"{key}.time_periods", 'say both time_periods ("discrete" or "continuous") and base_interval ("60 s")')
    if file.time_periods is None or file.base_interval is None:
        return None
    if file.consumption_time is not None:
        tell(f"{key}.consumption_time", "say consumption_time or time_periods, not both")
    if any(size % file.base_interval for size in sizes):
        tell(f"{key}.base_interval", "minimum, default and maximum must be multiples of it")
    return TimeQuotaMechanism(TimeQuotaType[file.time_periods.upper()], file.base_interval)


def _levels(key: str, file: QuotaFile, cap: int | None, quantity: Parse, tell: Tell) -> tuple[int, ...]:
    """Amounts still left, from high to low. '20 %' is a part of day_cap, else of session_cap."""
    found = set()
    for value in file.notice_levels:
        text = str(value).strip()
        if not text.endswith("%"):
            found.add(quantity(key, value, UnitType(file.unit)))
            continue
        percent = text.removesuffix("%").strip()
        if cap is None:
            tell(key, f"{text!r} is a part of day_cap or session_cap: give one of them, or an amount")
        elif not percent.isdecimal() or not 0 < int(percent) < 100:
            tell(key, f"{text!r} must be a whole percentage between 1 % and 99 %")
        else:
            found.add(cap * int(percent) // 100)
    if any(level < 1 for level in found):
        tell(key, "a level is an amount still left, at least 1; the end of the balance needs none")
    return tuple(sorted(found, reverse=True))
