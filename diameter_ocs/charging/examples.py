"""Tests inside a catalogue: examples of use, tried on books that nobody keeps, that must cost what is expected."""

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.decide import Terms
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.charging.sentence import sentence
from diameter_ocs.charging.trial import Trial, Tried, somebody, try_out
from diameter_ocs.charging.why import explain
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.ledger.journal import Action, Entry
from diameter_ocs.rating.catalogue import Catalogue, GroupRule
from diameter_ocs.rating.choice import chosen
from diameter_ocs.rating.examples_file import ExampleFile, examples_in
from diameter_ocs.rating.local_time import MS_PER_DAY, MS_PER_SECOND, day_of, instant_of, time_zone
from diameter_ocs.rating.mistakes import Mistakes
from diameter_ocs.rating.selection import RatingInput
from diameter_ocs.values.money import format_money, parse_money
from diameter_ocs.values.portal_link import PortalKey
from diameter_ocs.values.units import UnitType, parse_quantity
from diameter_ocs.values.verdict import Verdict

PORTAL = PortalKey(b"of an example that nobody is sent", 900)
WORDS = {
    Verdict.SERVICE_DENIED: "barred",
    Verdict.GROUP_NOT_ALLOWED: "not included",
    Verdict.NOT_CHARGED: "not controlled",
    Verdict.CREDIT_LIMIT_REACHED: "no credit",
    Verdict.RATING_FAILED: "no price",
    Verdict.SERVICE_NOT_SOLD: "no price",
}
"""How an operator calls what an answer says."""


class Unusable(ValueError):
    """An example that cannot be tried. key: the one that is wrong."""

    def __init__(self, key: str, rule: str) -> None:
        super().__init__(rule)
        self.key = key


class Result(Struct, frozen=True):
    """What an example came to. charged: micro-units of money. taken: by bucket, in its unit. refused, why: in words."""

    charged: int
    taken: dict[str, int]
    refused: str
    why: str


class Checked(Struct, frozen=True):
    """The examples of a catalogue. failures: lines with file, line, key, what was expected and why it is not so."""

    count: int
    failures: list[str]


def check_examples(catalogue: Catalogue, text: str, origin: str) -> Checked:
    """Try every example of a catalogue. text: the one that it was read from; origin: its file."""
    mistakes, examples = Mistakes(origin, text), examples_in(text)
    for place, example in enumerate(examples):
        try:
            result = try_example(catalogue, example)
            wrong = differences(example, result, catalogue.currency)
        except Unusable as error:
            mistakes.tell(f"tests.{place}.{error.key}", str(error))
            continue
        for key, rule in wrong:
            mistakes.tell(f"tests.{place}.{key}", f"{example.name!r}: {rule}", result.why)
    return Checked(len(examples), mistakes.found)


def try_example(catalogue: Catalogue, example: ExampleFile) -> Result:
    """Play an example as a session of a faithful gateway. Raises Unusable."""
    account, subscriber = _who(catalogue, example)
    unknown = sorted(set(example.taken or ()) - {bucket.bucket_id for bucket in account.buckets})
    if unknown:
        raise Unusable("taken", f"there is no bucket {unknown[0]!r} in this example")
    at_ms = instant_on(catalogue.zone, example.at)
    rule = _rule(catalogue, example)
    reports = tuple(_amount("used", each, rule.unit) for each in example.used) if rule is not None else ()
    trial = Trial(
        at_ms,
        rule.unit if rule is not None else UnitType.OCTETS,
        reports or (1,),
        example.rating_group,
        _services(example),
        example.rated_as,
        _conditions(example),
        (example.lasting or 0) * MS_PER_SECOND,
    )
    tried = try_out(trial, account, subscriber, Terms(catalogue, ChargingRules(), PORTAL))
    return _result(tried, account, catalogue, _held(rule, example, at_ms))


def _result(tried: Tried, account: Account, catalogue: Catalogue, rule: str) -> Result:
    units = {bucket.bucket_id: bucket.unit for bucket in account.buckets}
    taken: Counter[str] = Counter()
    for entry in tried.entries:
        for posting in entry.postings:
            if posting.action is Action.DEBIT:
                taken[posting.bucket_id] += posting.amount
    charged = sum(amount for name, amount in taken.items() if units[name] is UnitType.MONEY)
    explained = explain(map(_without_rest, tried.entries), account.buckets)
    told = sentence(explained, catalogue.currency, catalogue.zone) if explained else "nothing was charged"
    return Result(charged, dict(taken), _refusal(tried), f"{rule}: {told}")


def _without_rest(entry: Entry) -> Entry:
    """What is left of made-up buckets explains nothing."""
    return replace(entry, postings=tuple(replace(posting, left=None) for posting in entry.postings))


def _refusal(tried: Tried) -> str:
    """Why more was not granted, in words; empty: all that was to be used was."""
    if tried.refused is None:
        return ""
    verdicts = [tried.refused.verdict, *(credit.verdict for credit in tried.refused.credits)]
    verdict = next((each for each in verdicts if each is not Verdict.SUCCESS), Verdict.CREDIT_LIMIT_REACHED)
    return WORDS.get(verdict, verdict.value.replace("_", " "))


def differences(example: ExampleFile, result: Result, currency: str) -> list[tuple[str, str]]:
    """Expectations that were not met: key and rule."""
    found: list[tuple[str, str]] = []
    if result.refused != (example.refused or ""):
        said = f"was refused ({result.refused})" if result.refused else "was not refused"
        wanted = f"expected {example.refused!r}" if example.refused else "expected quota"
        found.append(("refused", f"{said}, {wanted}"))
    if example.charge is not None and result.charged != example.charge:
        cost, wanted = format_money(result.charged, currency), format_money(example.charge, currency)
        found.append(("charge", f"cost {cost}, expected {wanted}"))
    for bucket in _buckets(example) if example.taken is not None else ():
        expected = _amount("taken", (example.taken or {}).get(bucket.bucket_id, 0), bucket.unit)
        took = result.taken.get(bucket.bucket_id, 0)
        if took != expected:
            rule = f"took {_told(took, bucket.unit)} of {bucket.bucket_id}, expected {_told(expected, bucket.unit)}"
            found.append(("taken", rule))
    return found


def _who(catalogue: Catalogue, example: ExampleFile) -> tuple[Account, Subscriber]:
    account, subscriber = somebody(example.offer, catalogue.currency, example.segment)
    if example.buckets is not None:
        account = replace(account, buckets=_buckets(example))
    try:
        zone = time_zone(example.time_zone).key if example.time_zone else ""
    except ValueError as error:
        raise Unusable("time_zone", str(error)) from None
    return account, replace(subscriber, time_zone=zone)


def _rule(catalogue: Catalogue, example: ExampleFile) -> GroupRule | None:
    """The group of the offer that is used; None when there is none."""
    offer = catalogue.offers.get(example.offer)
    if offer is None:
        raise Unusable("offer", f"there is no [offers.{example.offer}]")
    part = offer.part(example.rated_as)
    return part.rule_for(example.rating_group, _services(example)) if part is not None else None


def _held(rule: GroupRule | None, example: ExampleFile, at_ms: int) -> str:
    """Which rule held, in words."""
    if rule is None:
        return "no group of the offer fits"
    held = chosen(rule, RatingInput(_conditions(example), _services(example), example.segment), at_ms)
    return f"rule {held.name!r}" if held is not None else f"rule {rule.name!r} has no price for it"


def _services(example: ExampleFile) -> tuple[int, ...]:
    return () if example.service_identifier is None else (example.service_identifier,)


def _conditions(example: ExampleFile) -> Conditions:
    return Conditions(
        apn=example.apn,
        rat=example.rat,
        serving_plmn=example.network,
        location=example.location,
        called_party=example.destination,
    )


def _buckets(example: ExampleFile) -> tuple[Bucket, ...]:
    return tuple(
        Bucket(each.name, UnitType(each.unit), _amount("buckets", each.amount, UnitType(each.unit)), priority=place)
        for place, each in enumerate(example.buckets or ())
    )


def _amount(key: str, value: str | int, unit: UnitType) -> int:
    try:
        return parse_money(value) if unit is UnitType.MONEY else parse_quantity(value, unit)
    except ValueError as error:
        raise Unusable(key, str(error)) from None


def _told(amount: int, unit: UnitType) -> str:
    if unit is UnitType.OCTETS:
        return f"{amount:,} octets"
    return format_money(amount) if unit is UnitType.MONEY else f"{amount} {unit.value}"


def instant_on(zone: ZoneInfo, at: datetime) -> int:
    """Milliseconds since 1970 of a moment on the clocks of a zone, unless it names its own offset."""
    if at.tzinfo is not None:
        return int(at.timestamp()) * MS_PER_SECOND
    seconds = at.hour * 3600 + at.minute * 60 + at.second
    return instant_of(zone, day_of(at.date()) * MS_PER_DAY + seconds * MS_PER_SECOND)
