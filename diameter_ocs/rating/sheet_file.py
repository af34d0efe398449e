"""A rate sheet: the CSV file of a tariff, with a price for each prefix of numbers."""

from collections.abc import Iterable

from pydantic import ValidationError

from diameter_ocs.rating.file_values import Money, Quantity, Table
from diameter_ocs.rating.mistakes import Mistakes
from diameter_ocs.rating.prefixes import Prefixes
from diameter_ocs.rating.prefixes_csv import Prices, Row
from diameter_ocs.rating.rate import Rate
from diameter_ocs.rating.tariffs_file import TariffFile, rate_of
from diameter_ocs.values.units import UnitType, parse_quantity


class RowFile(Table):
    """What a row may say of its price."""

    price: Money | None = None
    per: Quantity | None = None
    connect_fee: Money | None = None
    first_step: Quantity | None = None
    next_step: Quantity | None = None
    minimum_charge: Money | None = None


def rate_sheet(tariff: TariffFile, rows: Iterable[Row], unit: UnitType, mistakes: Mistakes) -> Prefixes[Rate]:
    """The prices by prefix. Every row whose price is wrong is told."""
    known: dict[Prices, tuple[Rate | None, list[tuple[str, str]]]] = {}
    found: list[tuple[str, int, Rate]] = []
    for row in rows:
        if row.prices not in known:
            known[row.prices] = _rate_of_row(tariff, row.prices, unit)
        rate, wrong = known[row.prices]
        for column, rule in wrong:
            mistakes.add(f"{tariff.csv}:{row.line}: {column} — {rule}")
        if rate is not None:
            found.append((row.prefix, row.from_ms, rate))
    return Prefixes(found)


def _rate_of_row(tariff: TariffFile, prices: Prices, unit: UnitType) -> tuple[Rate | None, list[tuple[str, str]]]:
    """A price and what is wrong with it, by column."""
    wrong: list[tuple[str, str]] = []

    def tell(key: str, rule: str, suggestion: str = "") -> None:
        wrong.append((key.removeprefix(".") or "price", rule + (f" — {suggestion}" if suggestion else "")))

    def quantity(key: str, value: Quantity, unit: UnitType) -> int:
        try:
            return parse_quantity(value, unit)
        except ValueError as error:
            tell(key, str(error))
            return 1

    try:
        said = RowFile.model_validate(dict(prices))
    except ValidationError as error:
        for item in error.errors():
            tell(str(item["loc"][0]), item["msg"].removeprefix("Value error, "))
        return None, wrong
    merged = tariff.model_copy(update=said.model_dump(exclude_unset=True))
    if merged.price is None:
        tell("price", "is missing", "in this row, or for all rows in the tariff")
        return None, wrong
    return rate_of("", merged, unit, quantity, tell), wrong
