"""The catalogue as an operator writes it: TOML text in, a Catalogue or every mistake at once out."""

import difflib
import tomllib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue import Catalogue, GroupRule, Offer, QuotaPolicy, Treatment
from diameter_ocs.rating.rate import Rate
from diameter_ocs.values.money import parse_money
from diameter_ocs.values.units import UnitType, parse_quantity


def _seconds(value: Any) -> int:
    return parse_quantity(value, UnitType.SECONDS)


def _money(value: Any) -> int:
    return parse_money(value)


Seconds = Annotated[int, BeforeValidator(_seconds), Field(gt=0, le=0x7FFFFFFF)]
Money = Annotated[int, BeforeValidator(_money), Field(ge=0)]
Quantity = str | int
GroupNumber = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QuotaFile(_Strict):
    """[quota.NAME]: how grants are cut."""

    unit: Literal["octets", "seconds"] = "octets"
    default: Quantity
    minimum: Quantity
    maximum: Quantity
    validity: Seconds
    threshold_percent: Annotated[int, Field(ge=0, le=99)] = 0
    holding_time: Annotated[int, BeforeValidator(_seconds)] | None = None


class GroupFile(_Strict):
    """[[offers.NAME.groups]]: rating groups or services that are charged alike."""

    name: str = ""
    rating_groups: list[GroupNumber] = []
    service_identifiers: list[GroupNumber] = []
    all_others: bool = False
    treatment: Literal["charge", "free", "barred", "not included"] = "charge"
    price: Money | None = None
    per: Quantity | None = None
    quota: str


class OfferFile(_Strict):
    """[offers.NAME]"""

    default_rating_group: GroupNumber | None = None
    when_empty: Literal["refuse group", "end session"] = "refuse group"
    groups: Annotated[list[GroupFile], Field(min_length=1)]


class CatalogueFile(_Strict):
    """The whole file."""

    version: Annotated[str, Field(min_length=1)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    quota: dict[str, QuotaFile]
    offers: Annotated[dict[str, OfferFile], Field(min_length=1)]


def parse_catalogue(text: str, origin: str) -> Catalogue:
    """The catalogue in `text`. Raises ConfigurationError listing every mistake with file, key and rule."""
    try:
        parsed = CatalogueFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{origin}: not valid TOML: {error}"]) from None
    except ValidationError as error:
        raise ConfigurationError([_problem(origin, item) for item in error.errors()]) from None
    return _Compiler(origin, parsed).catalogue()


def _problem(origin: str, item: Any) -> str:
    path, kind = item["loc"], item["type"]
    key = ".".join(map(str, path))
    if kind == "extra_forbidden":
        return f"{origin}: {key} — is no key here — {_nearest(str(path[-1]), _table_of(path))}"
    if kind == "missing":
        return f"{origin}: {key} — is required — for example: {EXAMPLES.get(path[-1], f'{path[-1]} = ...')}"
    rule = item["msg"].removeprefix("Value error, ").replace("Input should be", "must be", 1)
    example = EXAMPLES.get(path[-1])
    return f"{origin}: {key} — {rule}" + (f" — for example: {example}" if example else "")


def _table_of(path: tuple[str | int, ...]) -> type[_Strict]:
    """The table that a key of the file stands in."""
    if path[0] == "quota" and len(path) > 2:
        return QuotaFile
    if path[0] == "offers" and len(path) > 2:
        return GroupFile if len(path) > 4 else OfferFile
    return CatalogueFile


def _nearest(key: str, table: type[_Strict]) -> str:
    known = list(table.model_fields)
    near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
    return f"did you mean '{near[0]}'?" if near else f"remove it, or use one of: {', '.join(known)}"


EXAMPLES = {
    "version": 'version = "2024-1"',
    "currency": 'currency = "EUR"',
    "quota": 'a table [quota.NAME]; in a group: the name of one, quota = "NAME"',
    "offers": "a table [offers.NAME]",
    "groups": "a table [[offers.NAME.groups]]",
    "default": 'default = "10 MB"',
    "minimum": 'minimum = "1 MB"',
    "maximum": 'maximum = "100 MB"',
    "validity": 'validity = "1 h"',
    "holding_time": 'holding_time = "10 min"',
    "threshold_percent": "threshold_percent = 20",
    "default_rating_group": "default_rating_group = 10",
    "rating_groups": "rating_groups = [10, 20]",
    "price": 'price = "0.02"',
    "per": 'per = "1 MB"',
}
"""What a key may look like, by its name."""


class _Compiler:
    """Turns the parsed file into rules, collecting what does not fit together."""

    def __init__(self, origin: str, file: CatalogueFile) -> None:
        self.origin = origin
        self.file = file
        self.problems: list[str] = []

    def catalogue(self) -> Catalogue:
        units = {name: UnitType(quota.unit) for name, quota in self.file.quota.items()}
        policies = {name: self._policy(name, quota) for name, quota in self.file.quota.items()}
        offers = {name: self._offer(name, offer, policies, units) for name, offer in self.file.offers.items()}
        if self.problems:
            raise ConfigurationError(self.problems)
        return Catalogue(self.file.version, self.file.currency, offers)

    def _problem(self, key: str, rule: str) -> None:
        self.problems.append(f"{self.origin}: {key} — {rule}")

    def _quantity(self, key: str, value: Quantity, unit: UnitType) -> int:
        try:
            return parse_quantity(value, unit)
        except ValueError as error:
            self._problem(key, str(error))
            return 1

    def _policy(self, name: str, quota: QuotaFile) -> QuotaPolicy:
        unit, key = UnitType(quota.unit), f"quota.{name}"
        default = self._quantity(f"{key}.default", quota.default, unit)
        minimum = self._quantity(f"{key}.minimum", quota.minimum, unit)
        maximum = self._quantity(f"{key}.maximum", quota.maximum, unit)
        if not 1 <= minimum <= default <= maximum:
            self._problem(key, "sizes must be 1 <= minimum <= default <= maximum")
        if unit is UnitType.SECONDS and maximum > 0xFFFFFFFF:
            self._problem(f"{key}.maximum", "CC-Time holds at most 4294967295 seconds")
        return QuotaPolicy(default, minimum, maximum, quota.validity, quota.threshold_percent, quota.holding_time)

    def _offer(
        self, name: str, offer: OfferFile, policies: dict[str, QuotaPolicy], units: dict[str, UnitType]
    ) -> Offer:
        by_group: dict[int, GroupRule] = {}
        by_service: dict[int, GroupRule] = {}
        otherwise: GroupRule | None = None
        for index, group in enumerate(offer.groups):
            key = f"offers.{name}.groups.{index}"
            rule = self._rule(key, group, policies, units)
            for number in group.rating_groups:
                self._unique(f"{key}.rating_groups", "rating group", number, by_group)
                by_group[number] = rule
            for number in group.service_identifiers:
                self._unique(f"{key}.service_identifiers", "service identifier", number, by_service)
                by_service[number] = rule
            if group.all_others:
                if otherwise is not None:
                    self._problem(f"{key}.all_others", "only one group of an offer may serve all others")
                otherwise = rule
            if not (group.rating_groups or group.service_identifiers or group.all_others):
                self._problem(key, "name rating_groups or service_identifiers, or set all_others = true")
        if offer.default_rating_group is not None and otherwise is None and offer.default_rating_group not in by_group:
            self._problem(f"offers.{name}.default_rating_group", "no group of this offer serves it")
        ends = offer.when_empty == "end session"
        return Offer(name, by_group, by_service, otherwise, offer.default_rating_group, ends)

    def _unique(self, key: str, what: str, number: int, seen: dict[int, GroupRule]) -> None:
        if number in seen:
            self._problem(key, f"{what} {number} is already served by another group of this offer")

    def _rule(
        self, key: str, group: GroupFile, policies: dict[str, QuotaPolicy], units: dict[str, UnitType]
    ) -> GroupRule:
        policy = policies.get(group.quota)
        unit = units.get(group.quota, UnitType.OCTETS)
        if policy is None:
            close = difflib.get_close_matches(group.quota, policies, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            self._problem(f"{key}.quota", f"there is no [quota.{group.quota}]{hint}")
            policy = QuotaPolicy(1, 1, 1, 1)
        return GroupRule(group.name or key, unit, Treatment(group.treatment), policy, self._rate(key, group, unit))

    def _rate(self, key: str, group: GroupFile, unit: UnitType) -> Rate | None:
        if (group.price is None) != (group.per is None):
            self._problem(key, "price and per belong together: price = '0.02', per = '1 MB'")
        if group.price is None or group.per is None:
            return None
        if group.treatment != "charge":
            self._problem(f"{key}.price", f"a group that is {group.treatment!r} has no price")
        step = self._quantity(f"{key}.per", group.per, unit)
        if step < 1:
            self._problem(f"{key}.per", "a price step is at least 1 unit")
        return Rate(max(step, 1), group.price)
