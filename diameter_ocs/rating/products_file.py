"""[products.NAME] of a catalogue: packs, add-ons, bundles."""

import difflib
from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import Field

from diameter_ocs.rating.file_values import Money, Quantity, Seconds, SecondsOrNone, Table, Unsigned32
from diameter_ocs.rating.mistakes import Tell
from diameter_ocs.rating.periods import PeriodLength, parse_period
from diameter_ocs.rating.products import ALL_OF_IT, Allowance, Product
from diameter_ocs.rating.service_names import mistake_in_service
from diameter_ocs.values.money import parse_money
from diameter_ocs.values.units import UnitType, parse_quantity

Unit = Literal["octets", "seconds", "events", "money"]
NAME = "^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
"""Names become parts of bucket ids."""


class AllowanceFile(Table):
    """[[products.NAME.allowances]]"""

    name: Annotated[str, Field(pattern=NAME)]
    unit: Unit = "octets"
    amount: Quantity
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    rating_groups: list[Unsigned32] = []
    services: list[str] = []
    blocking: bool = False
    pays_for: Unit | None = None
    at: Quantity | None = None
    destinations: list[str] = []
    networks: list[str] = []
    bands: list[str] = []
    carry_over: Quantity | None = None
    carry_periods: Annotated[int, Field(ge=1, le=100)] = 1


class ProductFile(Table):
    """[products.NAME]"""

    title: str = ""
    price: Money = 0
    renews: str | None = None
    lasts: str | None = None
    retry: Seconds = 86_400
    grace: SecondsOrNone = 604_800
    shared: bool = False
    includes: list[str] = []
    allowances: list[AllowanceFile] = []


def products(tables: Mapping[str, ProductFile], names: Mapping[str, Collection[str]], tell: Tell) -> dict[str, Product]:
    """All products; what does not fit together is told. names: of destinations, networks and bands."""
    made = {name: _product(name, file, tables, tell) for name, file in tables.items()}
    for name, file in tables.items():
        for index, each in enumerate(file.allowances):
            _require_names(f"products.{name}.allowances.{index}", each, names, tell)
    for name in made:
        circle = _circle(name, tables)
        if circle:
            tell(f"products.{name}.includes", f"goes round in a circle: {' -> '.join(circle)}")
        else:
            _check_names(name, tables, tell)
    return made


def _require_names(key: str, file: AllowanceFile, names: Mapping[str, Collection[str]], tell: Tell) -> None:
    """What an allowance is bound to has to be there."""
    for table, known in names.items():
        for name in getattr(file, table):
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else ""
                tell(f"{key}.{table}", f"there is no [{table}.{name}]", hint)


def _check_names(name: str, tables: Mapping[str, ProductFile], tell: Tell) -> None:
    """Allowances of a bundle become buckets of one owner: their names must differ."""
    seen: dict[str, str] = {}
    names = [name]
    for each in names:
        names += [part for part in tables[each].includes if part in tables and part not in names]
        for allowance in tables[each].allowances:
            if allowance.name in seen and seen[allowance.name] != each:
                tell(f"products.{name}.includes", f"{seen[allowance.name]} and {each} both have {allowance.name!r}")
            seen[allowance.name] = each


def _product(name: str, file: ProductFile, tables: Mapping[str, ProductFile], tell: Tell) -> Product:
    key = f"products.{name}"
    if file.renews is not None and file.lasts is not None:
        tell(key, "say renews (it comes back) or lasts (it ends), not both")
    if not file.allowances and not file.includes:
        tell(key, "a product needs [[allowances]], or includes = [...] other products")
    for each in file.includes:
        if each not in tables:
            tell(f"{key}.includes", f"there is no [products.{each}]")
    names = [each.name for each in file.allowances]
    for index, each in enumerate(names):
        if each in names[:index]:
            tell(f"{key}.allowances.{index}.name", f"{each!r} is the name of another allowance of this product")
    text, where = (file.renews, "renews") if file.renews is not None else (file.lasts, "lasts")
    return Product(
        name,
        file.title or name,
        file.price,
        _period(f"{key}.{where}", text, tell) if text is not None else None,
        file.renews is not None,
        tuple(
            _allowance(f"{key}.allowances.{index}", each, file.renews is not None, tell)
            for index, each in enumerate(file.allowances)
        ),
        file.retry,
        file.grace,
        file.shared,
        tuple(dict.fromkeys(file.includes)),
    )


def _period(key: str, text: str, tell: Tell) -> PeriodLength | None:
    try:
        return parse_period(text)
    except ValueError as error:
        tell(key, str(error))
        return None


def _allowance(key: str, file: AllowanceFile, renews: bool, tell: Tell) -> Allowance:
    unit = UnitType(file.unit)
    other = None if file.pays_for is None else UnitType(file.pays_for)
    amount = _amount(f"{key}.amount", file.amount, unit, tell)
    if amount < 1:
        tell(f"{key}.amount", "must be more than nothing")
    if other is None and file.at is not None:
        tell(f"{key}.at", "belongs to pays_for")
    if other is not None and (other is unit or UnitType.MONEY in (other, unit)):
        tell(f"{key}.pays_for", "must be another unit than the allowance's, and neither may be money")
    if file.carry_over is not None and not renews:
        tell(f"{key}.carry_over", "belongs to a product that renews")
    for index, each in enumerate(file.services):
        wrong = mistake_in_service(each)
        if wrong:
            tell(f"{key}.services.{index}", wrong)
    carried = 0
    if file.carry_over is not None:
        whole = file.carry_over == "all"
        carried = ALL_OF_IT if whole else _amount(f"{key}.carry_over", file.carry_over, unit, tell)
    return Allowance(
        file.name,
        unit,
        amount,
        file.priority,
        tuple(dict.fromkeys(file.rating_groups)),
        tuple(dict.fromkeys(file.services)),
        file.blocking,
        other,
        _factor(f"{key}.at", file.at, unit, tell) if file.at is not None else (1, 1),
        carried,
        file.carry_periods,
        tuple(dict.fromkeys(file.destinations)),
        tuple(dict.fromkeys(file.networks)),
        tuple(dict.fromkeys(file.bands)),
    )


def _amount(key: str, value: Quantity, unit: UnitType, tell: Tell) -> int:
    try:
        return parse_money(value) if unit is UnitType.MONEY else parse_quantity(value, unit)
    except ValueError as error:
        tell(key, str(error))
        return 1


def _factor(key: str, value: Quantity, unit: UnitType, tell: Tell) -> tuple[int, int]:
    """'100 kB' of its own for one other unit, '1/60' of its own for sixty."""
    own, slash, others = str(value).partition("/")
    amount = _amount(key, own, unit, tell)
    count = _amount(key, others, UnitType.EVENTS, tell) if slash else 1
    if amount < 1 or count < 1:
        tell(key, "must be more than nothing")
        return 1, 1
    return amount, count


def _circle(name: str, tables: Mapping[str, ProductFile]) -> list[str]:
    """The way from a product back to itself through what it includes; empty when there is none."""
    ways = [[name]]
    while ways:
        way = ways.pop()
        for each in tables[way[-1]].includes:
            if each == name:
                return [*way, each]
            if each in tables and each not in way:
                ways.append([*way, each])
    return []
