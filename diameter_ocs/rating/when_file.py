"""[[offers.NAME.groups.when]] of a catalogue file: other values for some uses of a group."""

import difflib
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BeforeValidator, Field, WithJsonSchema

from diameter_ocs.rating.catalogue import GroupRule, QuotaTuning
from diameter_ocs.rating.file_values import Unsigned32
from diameter_ocs.rating.geography_file import LocationFile
from diameter_ocs.rating.mistakes import Tell
from diameter_ocs.rating.selection import Case, Pattern
from diameter_ocs.rating.tariffs_file import PricesFile
from diameter_ocs.values.rat import RAT_NAMES


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


ONE_OR_MORE = WithJsonSchema({"type": ["string", "integer", "array"], "description": "One, or a list of them."})
Names = Annotated[list[str], BeforeValidator(_list), Field(min_length=1), ONE_OR_MORE]
"""One, or a list of which one is enough."""
Numbers = Annotated[list[Unsigned32], BeforeValidator(_list), Field(min_length=1), ONE_OR_MORE]
CONDITIONS = ("destination", "network", "apn", "rat", "location", "segment", "service_identifier")


class WhenFile(PricesFile):
    """One `when`: its conditions, and what it says in place of the group."""

    name: str | None = None
    destination: Names | None = None
    network: Names | None = None
    apn: Names | None = None
    rat: Names | None = None
    location: Names | None = None
    segment: Names | None = None
    service_identifier: Numbers | None = None
    tariff: str | None = None
    treatment: Literal["charge", "free", "not controlled", "barred", "not included"] | None = None
    quota: str | None = None
    final: str | None = None

    @property
    def conditions(self) -> str:
        """In words, for a rule without a name."""
        said = {name: getattr(self, name) for name in CONDITIONS}
        return ", ".join(
            f"{name.replace('_', ' ')} {' or '.join(map(str, values))}" for name, values in said.items() if values
        )

    def in_place_of(self, group: PricesFile) -> dict[str, Any]:
        """What changes in a group: a price of its own replaces all that the group says of prices."""
        told: dict[str, Any] = {name: getattr(self, name) for name in ("quota", "final") if getattr(self, name)}
        is_priced = self.says_something or self.tariff is not None
        treatment = self.treatment or ("charge" if is_priced else None)
        if is_priced or treatment not in (None, "charge"):
            told |= {name: getattr(self, name) for name in (*PricesFile.model_fields, "tariff")}
        if treatment is not None:
            told["treatment"] = treatment
        return told


class Known(Struct, frozen=True):
    """Names that conditions may say."""

    destinations: Collection[str]
    networks: Collection[str]
    locations: Mapping[str, LocationFile]


RATS = {name.casefold(): name for name in RAT_NAMES.values()}


def case_of(key: str, when: WhenFile, known: Known, tell: Tell) -> Case:
    """The conditions of one `when`; names that nothing has are told."""
    if not when.conditions:
        tell(key, "has no condition", f"use one of: {', '.join(CONDITIONS)}")
    _require(f"{key}.destination", "destinations", when.destination, known.destinations, tell)
    _require(f"{key}.network", "networks", when.network, known.networks, tell)
    _require(f"{key}.location", "locations", when.location, known.locations, tell)
    for rat in when.rat or ():
        if rat.casefold() not in RATS and not rat.isdigit():
            near = difflib.get_close_matches(rat.casefold(), RATS, 1)
            hint = f"did you mean {RATS[near[0]]!r}?" if near else f"use one of: {', '.join(RATS.values())}"
            tell(f"{key}.rat", f"{rat!r} is no radio access", hint)
    areas = [area for name in when.location or () if name in known.locations for area in known.locations[name].areas]
    return Case(
        frozenset(when.destination or ()),
        frozenset(when.network or ()),
        Pattern(tuple(when.apn or ())),
        frozenset(RATS.get(rat.casefold(), rat) for rat in when.rat or ()),
        Pattern(tuple(areas)),
        frozenset(when.segment or ()),
        frozenset(when.service_identifier or ()),
    )


def _require(key: str, table: str, names: list[str] | None, known: Collection[str], tell: Tell) -> None:
    for name in names or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            tell(key, f"there is no [{table}.{name}]", f"did you mean {near[0]!r}?" if near else "")


ANY_LOCATION, RAT, MCC, MNC = 3, 4, 30, 31
TRIGGER_OF_AREA = {"RAI": 32, "LAI": 33, "CGI": 34, "SAI": 34, "TAI": 35, "ECGI": 36, "NCGI": 36, "ENB": 36}


def triggers_of(cases: Collection[Case]) -> tuple[int, ...]:
    """Trigger-Types of the changes that a choice between cases depends on (TS 32.299 §7.2.236)."""
    found: set[int] = set()
    for case in cases:
        if case.rats:
            found.add(RAT)
        if case.networks:
            found.update((MCC, MNC))
        for area in case.areas.texts:
            found.add(TRIGGER_OF_AREA.get(area.partition(" ")[0].upper(), ANY_LOCATION))
    if ANY_LOCATION in found:
        found = found & {RAT} | {ANY_LOCATION}
    return tuple(sorted(found))


def arming(rule: GroupRule, triggers: tuple[int, ...]) -> GroupRule:
    """The rule with these triggers, unless its quota policy says which."""
    tuning = rule.quota.tuning or QuotaTuning()
    if not triggers or tuning.triggers is not None:
        return rule
    return replace(rule, quota=replace(rule.quota, tuning=replace(tuning, triggers=triggers)))
