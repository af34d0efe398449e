"""The catalogue as an operator writes it: TOML text in, a Catalogue or every mistake at once out."""

import difflib
import tomllib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue import DATA, Catalogue, GroupRule, Offer, QuotaPolicy, Treatment
from diameter_ocs.rating.rate import CallTerms, Rate
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

    unit: Literal["octets", "seconds", "events"] = "octets"
    default: Quantity
    minimum: Quantity
    maximum: Quantity
    validity: Seconds
    threshold_percent: Annotated[int, Field(ge=0, le=99)] = 0
    holding_time: Annotated[int, BeforeValidator(_seconds)] | None = None


class GroupFile(_Strict):
    """[[offers.NAME.groups]]: rating groups or services that are charged alike."""

    name: str = ""
    service: Annotated[str, Field(pattern="^[a-z][a-z0-9_-]*$")] = DATA
    direction: Literal["originating", "terminating", "forwarded"] | None = None
    rating_groups: list[GroupNumber] = []
    service_identifiers: list[GroupNumber] = []
    all_others: bool = False
    default: bool = False
    treatment: Literal["charge", "free", "barred", "not included", "not charged"] = "charge"
    price: Money | None = None
    per: Quantity | None = None
    connect_fee: Money | None = None
    first_step: Quantity | None = None
    next_step: Quantity | None = None
    minimum_charge: Money | None = None
    partial_events: bool = False
    refund_without_reference: bool = False
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
    enquiry_offer: str | None = None
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
    key = ".".join(str(part) for part in item["loc"])
    return f"{origin}: {key} — {item['msg'].removeprefix('Value error, ')}"


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
        enquiry_offer = self.file.enquiry_offer or ""
        if enquiry_offer and enquiry_offer not in offers:
            self._problem("enquiry_offer", f"there is no [offers.{enquiry_offer}]")
        if self.problems:
            raise ConfigurationError(self.problems)
        return Catalogue(self.file.version, self.file.currency, offers, enquiry_offer)

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
        parts: dict[str, _Part] = {DATA: _Part()}
        for index, group in enumerate(offer.groups):
            key = f"offers.{name}.groups.{index}"
            rule = self._rule(key, group, policies, units)
            if not (group.rating_groups or group.service_identifiers or group.all_others or group.default):
                self._problem(key, "name rating_groups or service_identifiers, or set all_others = true")
            part = group.service if group.direction is None else f"{group.service}/{group.direction}"
            self._add(key, group, rule, parts.setdefault(part, _Part()))
        data = parts.pop(DATA)
        if (
            offer.default_rating_group is not None
            and data.otherwise is None
            and offer.default_rating_group not in data.by_group
        ):
            self._problem(f"offers.{name}.default_rating_group", "no group of this offer serves it")
        for part, found in parts.items():
            general = parts.get(part.partition("/")[0])
            if general is not None and general is not found:
                found.inherit(general)
        ends = offer.when_empty == "end session"
        services = {part: found.offer(name, None, ends) for part, found in parts.items()}
        return data.offer(name, offer.default_rating_group, ends, services)

    def _add(self, key: str, group: GroupFile, rule: GroupRule, part: "_Part") -> None:
        for number in group.rating_groups:
            self._unique(f"{key}.rating_groups", "rating group", number, part.by_group)
            part.by_group[number] = rule
        for number in group.service_identifiers:
            self._unique(f"{key}.service_identifiers", "service identifier", number, part.by_service)
            part.by_service[number] = rule
        if group.all_others:
            if part.otherwise is not None:
                self._problem(f"{key}.all_others", "only one group of an offer may serve all others")
            part.otherwise = rule
        if group.default:
            if part.nameless is not None:
                self._problem(f"{key}.default", "only one group of a service may be its default")
            part.nameless = rule

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
        if group.direction is not None and group.service == DATA:
            self._problem(f"{key}.direction", "data has no direction: name the service it is meant for")
        return GroupRule(
            group.name or key,
            unit,
            Treatment(group.treatment),
            policy,
            self._rate(key, group, unit),
            group.partial_events,
            group.refund_without_reference,
        )

    def _rate(self, key: str, group: GroupFile, unit: UnitType) -> Rate | None:
        if (group.price is None) != (group.per is None):
            self._problem(key, "price and per belong together: price = '0.02', per = '1 MB'")
        terms = (group.connect_fee, group.first_step, group.next_step, group.minimum_charge)
        if group.price is None or group.per is None:
            if any(each is not None for each in terms):
                self._problem(key, "connect_fee, steps and minimum_charge belong to a price")
            return None
        if group.treatment != "charge":
            self._problem(f"{key}.price", f"a group that is {group.treatment!r} has no price")
        step = self._quantity(f"{key}.per", group.per, unit)
        if step < 1:
            self._problem(f"{key}.per", "a price step is at least 1 unit")
        step = max(step, 1)
        if all(each is None for each in terms):
            return Rate(step, group.price)
        first = self._step(f"{key}.first_step", group.first_step, unit, step)
        after = self._step(f"{key}.next_step", group.next_step, unit, step)
        return Rate(step, group.price, CallTerms(group.connect_fee or 0, first, after, group.minimum_charge or 0))

    def _step(self, key: str, value: Quantity | None, unit: UnitType, default: int) -> int:
        if value is None:
            return default
        step = self._quantity(key, value, unit)
        if step < 1:
            self._problem(key, "a step is at least 1 unit")
        return max(step, 1)


class _Part:
    """The rules of one service while they are collected."""

    def __init__(self) -> None:
        self.by_group: dict[int, GroupRule] = {}
        self.by_service: dict[int, GroupRule] = {}
        self.otherwise: GroupRule | None = None
        self.nameless: GroupRule | None = None

    def inherit(self, other: "_Part") -> None:
        """What a direction does not say itself holds as for all directions."""
        self.by_group = {**other.by_group, **self.by_group}
        self.by_service = {**other.by_service, **self.by_service}
        self.otherwise = self.otherwise or other.otherwise
        self.nameless = self.nameless or other.nameless

    def offer(
        self, name: str, default_rating_group: int | None, ends: bool, services: dict[str, Offer] | None = None
    ) -> Offer:
        return Offer(
            name,
            self.by_group,
            self.by_service,
            self.otherwise,
            default_rating_group,
            ends,
            self.nameless,
            services or {},
        )
