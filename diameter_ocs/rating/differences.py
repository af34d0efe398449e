"""What is different between two catalogues, in words: of what is written in them, table by table."""

import csv
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from diameter_ocs.rating.versions import CatalogueSource

NOUNS = {
    "quota": "quota policy",
    "tariffs": "tariff",
    "bands": "band of time",
    "calendars": "calendar",
    "destinations": "destination",
    "networks": "network zone",
    "locations": "location",
    "final": "final units",
    "offers": "offer",
    "products": "product",
    "lifecycles": "life cycle",
    "groups": "group",
    "when": "variant",
    "allowances": "allowance",
}
NAMED_BY_GROUPS = {"quota": "quota", "tariffs": "tariff", "final": "final"}
"""Tables that groups name, and the key by which they do."""
ORDER_MATTERS = ("when",)
ROWS_TOLD = 20
TESTS = "tests"

Table = Mapping[str, Any]


class Change(Struct, frozen=True):
    """One table or file that is different. place: 'offer basic, group internet'."""

    place: str
    change: str


def differences(before: CatalogueSource, after: CatalogueSource) -> list[Change]:
    """Everything that is written otherwise, but for comments and the version. Both were read without a mistake."""
    old, new = tomllib.loads(before.text), tomllib.loads(after.text)
    found = list(_of_table("catalogue", _without(old, TESTS), _without(new, TESTS), {**old, **new}))
    found += _of_tests(old.get(TESTS, []), new.get(TESTS, []))
    for name in sorted({*before.files, *after.files}):
        found += _of_file(name, before.files.get(name), after.files.get(name))
    return found


def _without(tables: Table, key: str) -> Table:
    return {name: value for name, value in tables.items() if name not in (key, "version")}


def _of_table(place: str, before: Table, after: Table, whole: Table) -> Iterator[Change]:
    """Its values in one line, then the tables in it."""
    values: list[str] = []
    below: list[Change] = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if _has_names(key, old, new):
            below += _of_named(place, key, old or {}, new or {}, whole)
        elif isinstance(old or new, dict) and isinstance(new or old, dict):
            below += _of_table(_inside(place, key), old or {}, new or {}, whole)
        else:
            values.append(_of_value(key, old, new))
    if values:
        yield Change(place, ", ".join(values))
    yield from below


def _has_names(key: str, *values: Any) -> bool:
    return key in NOUNS and all(value is None or isinstance(value, dict | list) for value in values)


def _of_named(place: str, key: str, before: Any, after: Any, whole: Table) -> Iterator[Change]:
    """Tables with names of their own: those that are gone, new or different."""
    old, new = _by_name(before), _by_name(after)
    for name in dict.fromkeys((*old, *new)):
        where = _inside(place, f"{NOUNS[key]} {name}")
        used = _users(whole, key, name)
        if name not in new:
            yield Change(where, "removed")
        elif name not in old:
            yield Change(where, f"new: {_told(new[name])}")
        else:
            for change in _of_table(where, old[name], new[name], whole):
                is_own = change.place == where and used
                yield Change(f"{where} (of {', '.join(used)})", change.change) if is_own else change
    common = [name for name in old if name in new]
    if key in ORDER_MATTERS and common != [name for name in new if name in old]:
        yield Change(place, f"order of {NOUNS[key]}s {', '.join(old)} → {', '.join(new)}")


def _inside(place: str, name: str) -> str:
    return name if place == "catalogue" else f"{place}, {name}"


def _by_name(tables: Any) -> dict[str, Table]:
    """Tables by what people call them: their key, their name, or what they are for."""
    if isinstance(tables, dict):
        return tables
    named: dict[str, Table] = {}
    for table in tables:
        name = _name(table)
        count = sum(each == name or each.startswith(f"{name} #") for each in named)
        named[f"{name} #{count + 1}" if count else name] = table
    return named


def _name(table: Table) -> str:
    if "name" in table:
        return str(table["name"])
    service = "/".join(str(table[key]) for key in ("service", "direction") if key in table)
    numbers = [*table.get("rating_groups", ()), *table.get("service_identifiers", ())]
    others = ["default"] * bool(table.get("default")) + ["all others"] * bool(table.get("all_others"))
    told = " ".join(filter(None, (service, ", ".join(map(str, numbers)), *others)))
    return told or ", ".join(f"{key} {_told(value)}" for key, value in table.items() if key not in ("price", "per"))


def _users(whole: Table, key: str, name: str) -> list[str]:
    """Groups that name a table: where a change of it takes effect."""
    by = NAMED_BY_GROUPS.get(key)
    return [
        f"{offer}: {_name(group)}"
        for offer, table in whole.get("offers", {}).items()
        for group in table.get("groups", ())
        if by is not None and name in (each.get(by) for each in (group, *group.get("when", ())))
    ]


def _of_value(key: str, old: Any, new: Any) -> str:
    if old is None:
        return f"{key} {_told(new)} (was not said)"
    return f"{key} {_told(old)} → {'not said' if new is None else _told(new)}"


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_told(each)}" for key, each in value.items())
    if isinstance(value, list):
        return f"[{'; '.join(_told(each) for each in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _of_tests(before: Sequence[Table], after: Sequence[Table]) -> Iterator[Change]:
    if before != after:
        yield Change(TESTS, f"{sum(each not in before for each in after)} new or changed, {len(before)} → {len(after)}")


def _of_file(name: str, before: str | None, after: str | None) -> Iterator[Change]:
    if before is None or after is None:
        yield Change(f"file {name}", "new" if before is None else "not used any more")
        return
    old, new = _rows(before), _rows(after)
    gone, added = [key for key in old if key not in new], [key for key in new if key not in old]
    changed = [key for key in new if key in old and old[key] != new[key]]
    if not (gone or added or changed):
        return
    told = [f"{key}: new" for key in added] + [f"{key}: removed" for key in gone]
    told += [f"{key}: {', '.join(_cells(old[key], new[key]))}" for key in changed]
    more = [f"and {len(told) - ROWS_TOLD} more"] if len(told) > ROWS_TOLD else []
    counts = f"{len(added)} rows new, {len(gone)} removed, {len(changed)} changed"
    yield Change(f"file {name}", f"{counts} — {'; '.join([*told[:ROWS_TOLD], *more])}")


def _rows(text: str) -> dict[str, Table]:
    """The rows of a CSV file by what tells them apart: the prefix, and since when it holds."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    rows = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
    return {" since ".join(filter(None, (row.get("prefix"), row.get("valid_from")))): row for row in rows}


def _cells(old: Table, new: Table) -> list[str]:
    return [
        _of_value(str(key), old.get(key) or None, new.get(key) or None)
        for key in dict.fromkeys((*old, *new))
        if (old.get(key) or None) != (new.get(key) or None)
    ]
