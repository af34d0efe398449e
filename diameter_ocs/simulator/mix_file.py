"""[misbehave] of a scenario file: how many sessions misbehave in which ways, and how often."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from diameter_ocs.simulator.misdeeds import ENDINGS, OF_UPDATES, TRAITS, WHOLE, Misdeed, Mix
from diameter_ocs.simulator.spelling import suggestion

KEYS = ("seed", "sessions", "at_once", "updates", "groups", "percent")
HIGHEST = {"seed": (1 << 63) - 1, "sessions": 1_000_000, "at_once": 10_000, "updates": 1000}
DEFAULTS = {"seed": 1, "sessions": 100, "at_once": 10, "updates": 6}
HIGHEST_GROUP = (1 << 32) - 1
Tell = Callable[[str, str], None]
"""Takes key and rule of a mistake."""


def parse_mix(table: Any, tell: Tell) -> Mix:
    """The mix in a table; a harmless one beside mistakes, which are told."""
    if not isinstance(table, dict):
        tell("misbehave", "must be a table, [misbehave]")
        return Mix(1, 1, {})
    _known("misbehave", table, KEYS, tell)
    numbers = {key: _number(f"misbehave.{key}", table.get(key, DEFAULTS[key]), HIGHEST[key], tell) for key in DEFAULTS}
    return Mix(
        percent=_percent(table.get("percent", {}), tell), groups=_groups(table.get("groups", [10]), tell), **numbers
    )


def _known(where: str, table: Mapping[str, Any], keys: Iterable[str], tell: Tell) -> None:
    names = tuple(keys)
    for key in table:
        if key not in names:
            tell(f"{where}.{key}", f"is unknown here{suggestion(key, names)}; known: {', '.join(names)}")


def _number(key: str, value: Any, highest: int, tell: Tell, lowest: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        tell(key, f"must be a whole number from {lowest} to {highest:,}, not {value!r}")
        return lowest
    return value


def _groups(value: Any, tell: Tell) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) < len(value):
        tell("misbehave.groups", "must be a list of different rating groups, such as [10, 20]")
        return (10,)
    return tuple(_number("misbehave.groups", group, HIGHEST_GROUP, tell, lowest=0) for group in value)


def _percent(table: Any, tell: Tell) -> Mapping[Misdeed, int]:
    """Of what a session or update does at most one of, there cannot be more than all."""
    if not isinstance(table, dict):
        tell("misbehave.percent", "must be a table, [misbehave.percent]")
        return {}
    _known("misbehave.percent", table, (kind.value for kind in Misdeed), tell)
    percent = {
        kind: _number(f"misbehave.percent.{kind.value}", table[kind.value], WHOLE, tell, lowest=0)
        for kind in Misdeed
        if kind.value in table
    }
    for kinds in (TRAITS, OF_UPDATES, ENDINGS):
        together = sum(percent.get(kind, 0) for kind in kinds)
        if together > WHOLE:
            names = ", ".join(kind.value for kind in kinds if kind in percent)
            tell("misbehave.percent", f"{names} exclude each other and are {together} percent together")
    return percent
