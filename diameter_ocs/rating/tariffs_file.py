"""Prices of a catalogue file: of a group itself, or of a tariff [tariffs.NAME] that groups name."""

from itertools import pairwise
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from diameter_ocs.rating.file_values import Money, Quantity, Table
from diameter_ocs.rating.mistakes import Tell
from diameter_ocs.rating.period_tiers import Counter
from diameter_ocs.rating.periods import parse_period
from diameter_ocs.rating.prices_file import PriceFile
from diameter_ocs.rating.quota_file import Parse
from diameter_ocs.rating.rate import CallTerms, Rate, cheaper_beyond
from diameter_ocs.rating.special_terms import SpecialTerms, Tier
from diameter_ocs.values.money import Rounding
from diameter_ocs.values.units import UnitType, parse_quantity


class TierFile(Table):
    """One of `tiers`: {up_to = "1 GB", price = "0.02"}, or {from = "1 GB", price = "0.01"}."""

    up_to: Quantity | None = None
    begins: Annotated[Quantity | None, Field(alias="from")] = None
    price: Money


class PricesFile(Table):
    """What can be said of a price, in a group or in a tariff."""

    price: Money | None = None
    per: Quantity | None = None
    prices: Annotated[list[PriceFile], Field(min_length=1)] | None = None
    time_zone: Literal["operator", "subscriber"] | None = None
    connect_fee: Money | None = None
    first_step: Quantity | None = None
    next_step: Quantity | None = None
    minimum_charge: Money | None = None
    maximum_charge: Money | None = None
    free_below: Quantity | None = None
    rounding: Literal["up", "down", "half up"] | None = None
    round_to: Annotated[Money, Field(gt=0)] | None = None
    tiers: Annotated[list[TierFile], Field(min_length=1)] | None = None
    whole: bool | None = None
    tiers_per: str | None = None

    @property
    def has_price(self) -> bool:
        return self.price is not None or self.prices is not None or self.tiers is not None

    @property
    def says_something(self) -> bool:
        return any(getattr(self, name) is not None for name in PricesFile.model_fields)


class TariffFile(PricesFile):
    """[tariffs.NAME]. Its unit is that of the group that names it.

    csv: a rate sheet, with a price for each prefix of numbers; what a row does not say is as it is said here.
    """

    csv: str | None = None

    @property
    def has_price(self) -> bool:
        return super().has_price or self.csv is not None


STEPS = ("connect_fee", "first_step", "next_step", "minimum_charge")
SPECIAL = ("maximum_charge", "free_below", "rounding", "round_to", "tiers", "tiers_per")


def rate_of(key: str, file: PricesFile, unit: UnitType, quantity: Parse, tell: Tell) -> Rate | None:
    """The price of a group; None when it has none, or one by the time of day. What does not fit together is told."""
    has_one = file.price is not None or file.tiers is not None
    if file.prices is None and has_one != (file.per is not None):
        tell(key, "price and per belong together: price = '0.02', per = '1 MB'")
    if file.prices is not None:
        for name in (*SPECIAL, "whole"):
            if getattr(file, name) is not None:
                tell(f"{key}.{name}", "belongs to one price, not to prices by the time")
        return None
    if not has_one or file.per is None:
        if any(getattr(file, name) is not None for name in (*STEPS, *SPECIAL, "whole")):
            tell(key, "connect_fee, steps, bounds, rounding and minimum_charge belong to a price")
        return None
    per = _step(key, file, "per", 1, unit, quantity, tell)
    special = _special_terms(key, file, unit, quantity, tell)
    price = special.tiers[0].step_micros if special is not None and special.tiers else file.price or 0
    rate = Rate(per, price, call_terms(key, file, per, unit, quantity, tell, special))
    if file.maximum_charge is not None and file.maximum_charge < (file.minimum_charge or 0):
        tell(f"{key}.maximum_charge", "must not be less than minimum_charge")
    falls_at = cheaper_beyond(rate)
    if falls_at is not None:
        rule = f"{falls_at + 1} {unit.value} would cost less than {falls_at}: more usage must never cost less"
        tell(f"{key}.whole", rule, "leave whole out, and each unit costs what its own tier says")
    return rate


def call_terms(
    key: str,
    file: PricesFile,
    per: int,
    unit: UnitType,
    quantity: Parse,
    tell: Tell,
    special: SpecialTerms | None = None,
) -> CallTerms | None:
    """Connect fee, steps and bounds beside a price per `per`, or beside each of several; None: nothing of that."""
    if special is None and all(getattr(file, name) is None for name in STEPS):
        return None
    first = _step(key, file, "first_step", per, unit, quantity, tell)
    after = _step(key, file, "next_step", per, unit, quantity, tell)
    return CallTerms(file.connect_fee or 0, first, after, file.minimum_charge or 0, special)


def _step(key: str, file: PricesFile, name: str, otherwise: int, unit: UnitType, quantity: Parse, tell: Tell) -> int:
    value = getattr(file, name)
    units = otherwise if value is None else quantity(f"{key}.{name}", value, unit)
    if units < 1:
        tell(f"{key}.{name}", "a step is at least 1 unit")
    return max(units, 1)


def counter_of(key: str, name: str, file: PricesFile, zone: ZoneInfo, tell: Tell) -> Counter | None:
    """By what tiers are counted when that is not the session."""
    if file.tiers_per is None:
        return None
    try:
        return Counter(name, parse_period(file.tiers_per), zone)
    except ValueError as error:
        tell(f"{key}.tiers_per", str(error))
        return None


def unit_of(file: PricesFile) -> UnitType:
    """The unit that `per` can be a number of, for a tariff that no group names."""
    for unit in (UnitType.OCTETS, UnitType.SECONDS):
        try:
            parse_quantity(file.per or 1, unit)
        except ValueError:
            continue
        return unit
    return UnitType.EVENTS


def _special_terms(key: str, file: PricesFile, unit: UnitType, quantity: Parse, tell: Tell) -> SpecialTerms | None:
    for name in ("whole", "tiers_per"):
        if getattr(file, name) is not None and file.tiers is None:
            tell(f"{key}.{name}", "is said of tiers, and there are none")
    if file.whole and file.tiers_per is not None:
        tell(f"{key}.whole", "is for tiers of a session: the price of what is paid already would change")
    free_below = 0 if file.free_below is None else quantity(f"{key}.free_below", file.free_below, unit)
    terms = SpecialTerms(
        free_below,
        file.maximum_charge,
        _tiers(key, file, unit, quantity, tell),
        bool(file.whole),
        Rounding(file.rounding or "up"),
        file.round_to or 1,
    )
    return terms if terms != SpecialTerms() else None


def _tiers(key: str, file: PricesFile, unit: UnitType, quantity: Parse, tell: Tell) -> tuple[Tier, ...]:
    """The tiers in order, the first above 0 units; what is said as `up_to` is the bound of the next one."""
    if file.tiers is None:
        return ()
    bounds: list[int] = []
    is_by_start = file.tiers[-1].begins is not None
    for index, tier in enumerate(file.tiers):
        is_last = index == len(file.tiers) - 1
        said = tier.begins if is_by_start else tier.up_to
        other = tier.up_to if is_by_start else tier.begins
        if other is not None or (said is None) != (is_last and not is_by_start):
            rule = "say up_to in every tier but the last one, which is the rest; or say from in every tier"
            tell(f"{key}.tiers.{index}", rule)
            return ()
        if said is not None:
            bounds.append(quantity(f"{key}.tiers.{index}.{'from' if is_by_start else 'up_to'}", said, unit))
    prices = [tier.price for tier in file.tiers]
    if file.price is not None and is_by_start:
        prices.insert(0, file.price)
    elif file.price is not None:
        tell(f"{key}.price", "each tier with up_to has its own price: leave this one out")
    if len(bounds) < len(prices):
        bounds.insert(0, 0)
    if bounds[0] != 0:
        tell(f"{key}.tiers.0.from", "the first tier begins at 0, or price says what is below it")
    if any(later <= earlier for earlier, later in pairwise(bounds)):
        tell(f"{key}.tiers", "each tier must begin above the one before it")
    return tuple(Tier(bound, price) for bound, price in zip(bounds, prices, strict=True))
