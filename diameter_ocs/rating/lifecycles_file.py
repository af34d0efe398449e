"""[lifecycles.NAME] of a catalogue: how long subscribers stay in each stage of their life."""

from collections.abc import Mapping
from typing import Literal

from diameter_ocs.rating.file_values import Money, Table
from diameter_ocs.rating.lifecycles import Lifecycle, TopUp
from diameter_ocs.rating.mistakes import Tell
from diameter_ocs.rating.periods import PeriodLength, parse_period


class TopUpFile(Table):
    """[[lifecycles.NAME.top_ups]]"""

    at_least: Money
    active_for: str


class LifecycleFile(Table):
    """[lifecycles.NAME]"""

    start: Literal["pre-active", "active"] = "active"
    unused_for: str | None = None
    active_for: str | None = None
    grace: str | None = None
    expired_for: str | None = None
    top_ups: list[TopUpFile] = []
    expired_returns: bool = True


def lifecycles(tables: Mapping[str, LifecycleFile], tell: Tell) -> dict[str, Lifecycle]:
    """All life cycles; what does not fit together is told."""
    return {name: _lifecycle(name, file, tell) for name, file in tables.items()}


def _lifecycle(name: str, file: LifecycleFile, tell: Tell) -> Lifecycle:
    key = f"lifecycles.{name}"
    starts_active = file.start == "active"
    if file.unused_for is not None and starts_active:
        tell(f"{key}.unused_for", 'belongs to start = "pre-active"')
    if file.active_for is None:
        for each in ("grace", "top_ups"):
            if getattr(file, each):
                tell(f"{key}.{each}", "belongs to active_for: without it a subscriber is active for good")
    sums = [each.at_least for each in file.top_ups]
    if sums != sorted(set(sums)):
        tell(f"{key}.top_ups", "stand in rising order of at_least")
    top_ups = [
        (each.at_least, _length(f"{key}.top_ups.{index}.active_for", each.active_for, tell))
        for index, each in enumerate(file.top_ups)
    ]
    return Lifecycle(
        name,
        starts_active,
        _length(f"{key}.unused_for", file.unused_for, tell),
        _length(f"{key}.active_for", file.active_for, tell),
        _length(f"{key}.grace", file.grace, tell),
        _length(f"{key}.expired_for", file.expired_for, tell),
        tuple(TopUp(micros, length) for micros, length in top_ups if length is not None),
        file.expired_returns,
    )


def _length(key: str, text: str | None, tell: Tell) -> PeriodLength | None:
    try:
        return parse_period(text) if text is not None else None
    except ValueError as error:
        tell(key, str(error))
        return None
