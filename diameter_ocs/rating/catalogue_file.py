"""The catalogue as an operator writes it: TOML text in, a Catalogue or every mistake at once out."""

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from errno import ENOENT
from functools import partial
from typing import Annotated, Any, Literal
from zlib import crc32
from zoneinfo import ZoneInfo

from msgspec import to_builtins
from msgspec.structs import replace
from pydantic import Field, ValidationError

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating import final_file, products_file
from diameter_ocs.rating.answers import AnswerPolicy
from diameter_ocs.rating.answers_file import AnswersFile, answer_policy
from diameter_ocs.rating.bands_file import BandFile, CalendarFile, time_bands
from diameter_ocs.rating.catalogue import DATA, Catalogue, Chooser, GroupRule, Offer, QuotaPolicy, Treatment
from diameter_ocs.rating.examples_file import BucketExample, ExampleFile
from diameter_ocs.rating.file_values import Quantity, Table, Unsigned32
from diameter_ocs.rating.final_units import FinalProfile
from diameter_ocs.rating.geography_file import (
    DestinationFile,
    LocationFile,
    NetworkFile,
    NumberingFile,
    Read,
    csv_rows,
    destinations,
    networks,
)
from diameter_ocs.rating.lifecycles_file import LifecycleFile, TopUpFile, lifecycles
from diameter_ocs.rating.local_time import time_zone
from diameter_ocs.rating.mistakes import Mistakes
from diameter_ocs.rating.pool_file import with_pools
from diameter_ocs.rating.prices_file import PriceFile, timed_rates
from diameter_ocs.rating.quota_file import QuotaFile, inherited, quota_policy
from diameter_ocs.rating.selection import Geography, RateSheet, Selection
from diameter_ocs.rating.service_names import mistake_in_service
from diameter_ocs.rating.sheet_file import rate_sheet
from diameter_ocs.rating.tariffs_file import PricesFile, TariffFile, TierFile, call_terms, counter_of, rate_of, unit_of
from diameter_ocs.rating.time_bands import TimeBand
from diameter_ocs.rating.timed_rates import TimedRates
from diameter_ocs.rating.when_file import Known, WhenFile, arming, case_of, triggers_of
from diameter_ocs.values.currency import NUMERIC_CODES
from diameter_ocs.values.units import UnitType, parse_quantity

NO_CHARGE = ("free", "not controlled")
"""Treatments that cost nothing."""


class GroupFile(PricesFile):
    """[[offers.NAME.groups]]: rating groups or services that are charged alike."""

    name: str = ""
    service: Annotated[str, Field(pattern="^[a-z][a-z0-9_-]*$")] = DATA
    direction: Literal["originating", "terminating", "forwarded"] | None = None
    rating_groups: list[Unsigned32] = []
    service_identifiers: list[Unsigned32] = []
    all_others: bool = False
    default: bool = False
    treatment: Literal["charge", "free", "not controlled", "barred", "not included"] = "charge"
    tariff: str | None = None
    partial_events: bool = False
    refund_without_reference: bool = False
    pool: Unsigned32 | None = None
    quota: str
    final: str | None = None
    when: list[WhenFile] = []


class OfferFile(Table):
    """[offers.NAME]"""

    default_rating_group: Unsigned32 | None = None
    when_empty: Literal["refuse group", "end session"] = "refuse group"
    credit_control: bool = True
    rate_only: bool = False
    final: str | None = None
    time_zone: Literal["operator", "subscriber"] = "operator"
    answers: AnswersFile | None = None
    products: list[str] = []
    lifecycle: str | None = None
    groups: Annotated[list[GroupFile], Field(min_length=1)]


class CatalogueFile(Table):
    """The whole file."""

    version: Annotated[str, Field(min_length=1)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    enquiry_offer: str | None = None
    time_zone: str = "UTC"
    calendars: dict[str, CalendarFile] = {}
    bands: dict[str, BandFile] = {}
    quota: dict[str, QuotaFile]
    tariffs: dict[str, TariffFile] = {}
    numbering: NumberingFile = NumberingFile()
    destinations: dict[str, DestinationFile] = {}
    networks: dict[str, NetworkFile] = {}
    locations: dict[str, LocationFile] = {}
    final: dict[str, final_file.FinalFile] = {}
    answers: AnswersFile = AnswersFile()
    products: dict[Annotated[str, Field(pattern=products_file.NAME)], products_file.ProductFile] = {}
    lifecycles: dict[str, LifecycleFile] = {}
    offers: Annotated[dict[str, OfferFile], Field(min_length=1)]
    tests: list[ExampleFile] = []


def no_file(name: str) -> str:
    """For a catalogue that stands alone."""
    raise FileNotFoundError(ENOENT, "there are no files beside it")


def parse_catalogue(text: str, origin: str, read: Read = no_file) -> Catalogue:
    """The catalogue in `text`. read: gives the text of files that it names.

    Raises ConfigurationError listing every mistake with file, line, key and rule.
    """
    mistakes = Mistakes(origin, text)
    try:
        tables = tomllib.loads(text)
        if "quota" in tables:
            tables["quota"] = inherited(tables["quota"], mistakes.tell)
        parsed = CatalogueFile.model_validate(tables)
    except tomllib.TOMLDecodeError as error:
        mistakes.tell_syntax(str(error))
        raise ConfigurationError(mistakes.found) from None
    except ValidationError as error:
        for item in error.errors():
            _tell(mistakes, item)
        raise ConfigurationError(mistakes.found) from None
    return _Compiler(parsed, mistakes, read).catalogue()


def _tell(mistakes: Mistakes, item: Any) -> None:
    path, kind = item["loc"], item["type"]
    key = ".".join(map(str, path))
    example = EXAMPLES.get(path[-1]) if path else None
    if kind == "extra_forbidden":
        mistakes.tell(key, "is no key here", _nearest(str(path[-1]), _table_of(path)))
    elif kind == "missing":
        mistakes.tell(key, "is required", f"for example: {example or f'{path[-1]} = ...'}")
    else:
        rule = item["msg"].removeprefix("Value error, ").replace("Input should be", "must be", 1)
        mistakes.tell(key, rule, f"for example: {example}" if example else "")


def _table_of(path: tuple[str | int, ...]) -> type[Table]:
    """The table that a key of the file stands in."""
    if len(path) > 2 and isinstance(path[-2], int):
        return TABLES_OF_ARRAYS[str(path[-3])]
    if path[-2:-1] == ("answers",):
        return AnswersFile
    return TABLES.get(str(path[0]), CatalogueFile) if len(path) == 3 else CatalogueFile


TABLES: dict[str, type[Table]] = {
    "quota": QuotaFile,
    "final": final_file.FinalFile,
    "tariffs": TariffFile,
    "destinations": DestinationFile,
    "networks": NetworkFile,
    "locations": LocationFile,
    "calendars": CalendarFile,
    "bands": BandFile,
    "products": products_file.ProductFile,
    "lifecycles": LifecycleFile,
    "offers": OfferFile,
}
TABLES_OF_ARRAYS: dict[str, type[Table]] = {
    "groups": GroupFile,
    "when": WhenFile,
    "prices": PriceFile,
    "tiers": TierFile,
    "allowances": products_file.AllowanceFile,
    "top_ups": TopUpFile,
    "tests": ExampleFile,
    "buckets": BucketExample,
}


def _nearest(key: str, table: type[Table]) -> str:
    known = [field.alias or name for name, field in table.model_fields.items()]
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
    "pool": "pool = 1",
}
"""What a key may look like, by its name."""


def _as_text(value: object) -> str:
    """Time zones and tables of prefixes: values whose text tells them from others, in every process alike."""
    assert type(value).__str__ is not object.__str__, f"{type(value).__name__} has no text of its own"
    return str(value)


class _Compiler:
    """Turns the parsed file into rules, collecting what does not fit together."""

    def __init__(self, file: CatalogueFile, mistakes: Mistakes, read: Read) -> None:
        self.file = file
        self.read = read
        self.mistakes = mistakes
        self._problem = mistakes.tell
        self.finals: dict[str, FinalProfile] = {}
        self.zone = self._zone()
        self.bands: dict[str, TimeBand] = {}
        self.sheets: dict[tuple[str, UnitType], RateSheet] = {}
        prefixes, names = destinations(file.destinations, read, self.zone, mistakes)
        self.geography = Geography(file.numbering.numbering(), prefixes, networks(file.networks, mistakes))
        self.known = Known(names, file.networks, file.locations)

    def catalogue(self) -> Catalogue:
        units = {name: UnitType(quota.unit) for name, quota in self.file.quota.items()}
        policies = {
            name: quota_policy(f"quota.{name}", quota, self._quantity, self._problem, self.zone)
            for name, quota in self.file.quota.items()
        }
        self.finals = {name: self._final(name, final) for name, final in self.file.final.items()}
        self.bands = time_bands(self.file.bands, self.file.calendars, self._problem)
        offers = {name: self._offer(name, offer, policies, units) for name, offer in self.file.offers.items()}
        products = products_file.products(self.file.products, self._names(), self._problem)
        cycles = lifecycles(self.file.lifecycles, self._problem)
        self._check_tariffs()
        enquiry_offer = self.file.enquiry_offer or ""
        if enquiry_offer and enquiry_offer not in offers:
            self._problem("enquiry_offer", f"there is no [offers.{enquiry_offer}]")
        if self.mistakes.found:
            raise ConfigurationError(self.mistakes.found)
        return Catalogue(
            self.file.version,
            self.file.currency,
            offers,
            enquiry_offer,
            self.zone,
            self.bands,
            self.geography,
            products,
            cycles,
        )

    def _names(self) -> dict[str, Collection[str]]:
        """What the buckets of products may be bound to, by table."""
        return {"destinations": self.known.destinations, "networks": self.known.networks, "bands": self.bands}

    def _quantity(self, key: str, value: Quantity, unit: UnitType) -> int:
        try:
            return parse_quantity(value, unit)
        except ValueError as error:
            self._problem(key, str(error))
            return 1

    def _final(self, name: str, final: final_file.FinalFile) -> FinalProfile:
        for key, rule in final_file.mistakes(final):
            self._problem(f"final.{name}.{key}", rule)
        return final_file.final_profile(final)

    def _named_final(self, key: str, name: str | None) -> FinalProfile | None:
        if name is not None and name not in self.finals:
            self._missing(f"{key}.final", "final", name, self.finals)
        return self.finals.get(name) if name is not None else None

    def _offer(
        self, name: str, offer: OfferFile, policies: dict[str, QuotaPolicy], units: dict[str, UnitType]
    ) -> Offer:
        parts: dict[str, _Part] = {DATA: _Part()}
        final = self._named_final(f"offers.{name}", offer.final)
        make = partial(self._rule, policies=policies, units=units, otherwise=final, zone_of=offer.time_zone)
        rules = []
        for index, group in enumerate(offer.groups):
            key = f"offers.{name}.groups.{index}"
            rule = make(key, group)
            rules.append(self._with_variants(key, group, rule, make) if group.when else rule)
        if offer.rate_only:
            rules = [_rate_only(rule) for rule in rules]
        rules = with_pools(f"offers.{name}", offer.groups, rules, self._problem)
        for index, (group, rule) in enumerate(zip(offer.groups, rules, strict=True)):
            key = f"offers.{name}.groups.{index}"
            if not (group.rating_groups or group.service_identifiers or group.all_others or group.default):
                self._problem(key, "name rating_groups or service_identifiers, or set all_others = true")
            part = group.service if group.direction is None else f"{group.service}/{group.direction}"
            self._add(key, group, rule, parts.setdefault(part, _Part()))
        self._name_day_caps(f"offers.{name}.groups", offer.groups, policies)
        data = parts.pop(DATA)
        if (
            offer.default_rating_group is not None
            and data.otherwise is None
            and offer.default_rating_group not in data.by_group
        ):
            self._problem(f"offers.{name}.default_rating_group", "no group of this offer serves it")
        answers = answer_policy(self.file.answers, offer.answers)
        tells_money = answers is not None and (answers.tells_balance or answers.tells_cost)
        if tells_money and self.file.currency not in NUMERIC_CODES:
            self._problem("currency", f"{self.file.currency} has no known number for Currency-Code")
        if not offer.credit_control and any(group.treatment not in NO_CHARGE or group.when for group in offer.groups):
            self._problem(f"offers.{name}.credit_control", "without it every group must be 'free' or 'not controlled'")
        for part, found in parts.items():
            general = parts.get(part.partition("/")[0])
            if general is not None and general is not found:
                found.inherit(general)
        for product in offer.products:
            if product not in self.file.products:
                self._missing(f"offers.{name}.products", "products", product, self.file.products)
        if offer.lifecycle is not None and offer.lifecycle not in self.file.lifecycles:
            self._missing(f"offers.{name}.lifecycle", "lifecycles", offer.lifecycle, self.file.lifecycles)
        elsewhere = answers if answers is None else replace(answers, unused_quota_seconds=None)
        services = {part: found.offer(name, offer, elsewhere) for part, found in parts.items()}
        whole = data.offer(name, offer, answers, offer.default_rating_group, services)
        mark = crc32(repr(to_builtins(whole, str_keys=True, enc_hook=_as_text, order="deterministic")).encode())
        services = {part: replace(each, fingerprint=mark) for part, each in services.items()}
        return replace(whole, services=services, fingerprint=mark)

    def _name_day_caps(self, key: str, groups: Sequence[GroupFile], policies: Mapping[str, QuotaPolicy]) -> None:
        """What is used of a day's cap is counted by the name of its group."""
        seen: set[str] = set()
        for index, group in enumerate(groups):
            policy = policies.get(group.quota)
            if policy is None or policy.tuning is None or policy.tuning.day_cap is None:
                continue
            if group.name and group.name in seen:
                self._problem(f"{key}.{index}.name", f"another group with a day_cap is called {group.name!r} too")
            seen.add(group.name)

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

    def _missing(self, key: str, table: str, name: str, known: Collection[str]) -> None:
        close = difflib.get_close_matches(name, known, 1)
        self._problem(key, f"there is no [{table}.{name}]", f"did you mean {close[0]!r}?" if close else "")

    def _rule(
        self,
        key: str,
        group: GroupFile,
        policies: dict[str, QuotaPolicy],
        units: dict[str, UnitType],
        otherwise: FinalProfile | None,
        zone_of: str,
    ) -> GroupRule:
        policy = policies.get(group.quota)
        unit = units.get(group.quota, UnitType.OCTETS)
        if policy is None:
            self._missing(f"{key}.quota", "quota", group.quota, policies)
            policy = QuotaPolicy(1, 1, 1, 1)
        wrong = mistake_in_service(group.service)
        if wrong:
            self._problem(f"{key}.service", wrong)
        if group.direction is not None and group.service == DATA:
            self._problem(f"{key}.direction", "data has no direction: name the service it is meant for")
        final = self._named_final(key, group.final) or otherwise
        terms, said = self._prices(key, group)
        if terms.has_price and group.treatment != "charge":
            self._problem(f"{key}.price", f"a group that is {group.treatment!r} has no price")
        sheet = self._sheet(said, terms, unit) if isinstance(terms, TariffFile) and terms.csv is not None else None
        rate = timed = None
        if sheet is None or terms.price is not None:
            rate = rate_of(said, terms, unit, self._quantity, self._problem)
            timed = self._timed(said, terms, unit, zone_of)
        if timed is not None:
            rate = timed.dearest
        counter = counter_of(said, group.tariff or group.name or key, terms, self.zone, self._problem)
        return GroupRule(
            group.name or key,
            unit,
            Treatment(group.treatment),
            policy,
            rate,
            final,
            timed,
            group.partial_events,
            group.refund_without_reference,
            Chooser(sheet=sheet, counter=counter) if sheet is not None or counter is not None else None,
        )

    def _with_variants(
        self,
        key: str,
        group: GroupFile,
        own: GroupRule,
        make: Callable[[str, GroupFile], GroupRule],
    ) -> GroupRule:
        """The rule with what holds in place of it for some uses. make: from a key and what it says to a rule."""
        cases, variants, names = [], [], {own.name}
        for index, when in enumerate(group.when):
            at = f"{key}.when.{index}"
            name = when.name or f"{own.name}: {when.conditions}"
            case = case_of(at, when, self.known, self._problem)
            variant = group.model_copy(update={**when.in_place_of(group), "name": name, "when": []})
            rule = make(at, variant)
            if rule.unit is not own.unit:
                self._problem(f"{at}.quota", f"is in {rule.unit.value}, the group is in {own.unit.value}")
            if name in names:
                self._problem(f"{at}.name", f"{name!r} is another rule of this group")
            if case in cases:
                self._problem(at, "never holds: another one before it has the same conditions")
            if group.service == DATA and when.destination is not None:
                self._problem(f"{at}.destination", "data has no destination: name the service it is meant for")
            names.add(name)
            cases.append(case)
            variants.append(rule)
        triggers = triggers_of(cases) if group.service == DATA else ()
        chooser = own.chooser or Chooser()
        armed = tuple(arming(each, triggers) for each in variants)
        chosen_by = replace(chooser, selection=Selection(tuple(cases), self.geography), variants=armed)
        return replace(arming(own, triggers), chooser=chosen_by)

    def _sheet(self, key: str, tariff: TariffFile, unit: UnitType) -> RateSheet:
        """The prices of a tariff by number, read once."""
        if (key, unit) not in self.sheets:
            assert tariff.csv is not None
            if tariff.prices is not None or tariff.tiers is not None:
                self._problem(f"{key}.csv", "rows have one price each: no prices and no tiers")
            rows = csv_rows(f"{key}.csv", tariff.csv, self.read, self.zone, self.mistakes)
            rates = rate_sheet(tariff, rows, unit, self.mistakes)
            self.sheets[key, unit] = RateSheet(self.geography.numbering, rates)
        return self.sheets[key, unit]

    def _prices(self, key: str, group: GroupFile) -> tuple[PricesFile, str]:
        """What a group says of its price, and the key where it says so: its own, or that of its tariff."""
        if group.tariff is None:
            return group, key
        if group.says_something:
            self._problem(f"{key}.tariff", "prices stand in the group or in its tariff, not in both")
        if group.tariff not in self.file.tariffs:
            self._missing(f"{key}.tariff", "tariffs", group.tariff, self.file.tariffs)
            return PricesFile(), key
        return self.file.tariffs[group.tariff], f"tariffs.{group.tariff}"

    def _check_tariffs(self) -> None:
        """A tariff is checked in the unit of every group that names it; here those that nobody names yet."""
        groups = [group for offer in self.file.offers.values() for group in offer.groups]
        named = {group.tariff for group in groups} | {when.tariff for group in groups for when in group.when}
        for name, tariff in self.file.tariffs.items():
            if not tariff.has_price:
                self._problem(f"tariffs.{name}", "is no tariff without price, prices or tiers")
            elif name not in named:
                unit = unit_of(tariff)
                counter_of(f"tariffs.{name}", name, tariff, self.zone, self._problem)
                if tariff.csv is not None:
                    self._sheet(f"tariffs.{name}", tariff, unit)
                if tariff.csv is not None and tariff.price is None:
                    continue
                rate_of(f"tariffs.{name}", tariff, unit, self._quantity, self._problem)
                self._timed(f"tariffs.{name}", tariff, unit, "operator")

    def _timed(self, key: str, group: PricesFile, unit: UnitType, zone_of: str) -> TimedRates | None:
        if group.prices is None:
            if group.time_zone is not None:
                self._problem(f"{key}.time_zone", "belongs to prices")
            return None
        if group.per is None:
            self._problem(f"{key}.prices", "prices come with per")
            return None
        step = max(self._quantity(f"{key}.per", group.per, unit), 1)
        follows = (group.time_zone or zone_of) == "subscriber"
        where, tell = f"{key}.prices", self._problem
        call = call_terms(key, group, step, unit, self._quantity, tell)
        return timed_rates(where, group.prices, group.price, step, call, self.bands, self.zone, follows, tell)

    def _zone(self) -> ZoneInfo:
        try:
            return time_zone(self.file.time_zone)
        except ValueError as error:
            self._problem("time_zone", str(error))
            return time_zone("UTC")


def _rate_only(rule: GroupRule) -> GroupRule:
    """The same prices, for somebody else's books."""
    treatment = Treatment.RATE_ONLY if rule.treatment is Treatment.CHARGE else rule.treatment
    chooser = rule.chooser
    if chooser is not None:
        chooser = replace(chooser, variants=tuple(map(_rate_only, chooser.variants)))
    return replace(rule, treatment=treatment, chooser=chooser)


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
        self,
        name: str,
        file: OfferFile,
        answers: AnswerPolicy | None,
        default_rating_group: int | None = None,
        services: dict[str, Offer] | None = None,
    ) -> Offer:
        return Offer(
            name,
            self.by_group,
            self.by_service,
            self.otherwise,
            default_rating_group,
            file.when_empty == "end session",
            file.credit_control,
            answers,
            self.nameless,
            services or {},
            tuple(dict.fromkeys(file.products)),
            any(rule.quota.tuning is not None and rule.quota.tuning.day_cap is not None for rule in self._rules()),
            lifecycle=file.lifecycle or "",
            has_pools=any(rule.pool is not None for rule in self._rules()),
        )

    def _rules(self) -> Iterator[GroupRule]:
        yield from self.by_group.values()
        yield from self.by_service.values()
        yield from (rule for rule in (self.otherwise, self.nameless) if rule is not None)
