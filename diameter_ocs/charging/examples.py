"""Tests inside a catalogue: examples are decided like the requests of a gateway, on books that nobody keeps. Pure."""

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.charging.decide import Terms, decide_session_request
from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits, SessionRequest
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.ledger.journal import Action, Posting
from diameter_ocs.rating.catalogue import Catalogue, GroupRule
from diameter_ocs.rating.choice import chosen
from diameter_ocs.rating.examples_file import ExampleFile, examples_in
from diameter_ocs.rating.local_time import MS_PER_DAY, MS_PER_SECOND, day_of, instant_of, time_zone
from diameter_ocs.rating.mistakes import Mistakes
from diameter_ocs.rating.selection import RatingInput
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.money import MICROS_PER_UNIT, format_money, parse_money
from diameter_ocs.values.portal_link import PortalKey
from diameter_ocs.values.units import UnitType, format_quantity, parse_quantity
from diameter_ocs.values.verdict import Verdict

WHO = Identity(IdentityKind.PRIVATE, "example")
MONEY = "money"
ENOUGH_MICROS = 1_000_000_000 * MICROS_PER_UNIT
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


class Trial(Struct, frozen=True):
    """What an example came to. charged: micro-units of money. taken: by bucket, in its unit. refused: in words.

    steps: what each request did, in words.
    """

    charged: int
    taken: dict[str, int]
    refused: str = ""
    steps: tuple[str, ...] = ()


class Checked(Struct, frozen=True):
    """The examples of a catalogue. failures: lines with file, line, key, what was expected and why it is not so."""

    count: int
    failures: list[str]


def check_examples(catalogue: Catalogue, text: str, origin: str) -> Checked:
    """Try every example of a catalogue. text: the one that it was read from; origin: its file."""
    mistakes, examples = Mistakes(origin, text), examples_in(text)
    for place, example in enumerate(examples):
        try:
            trial = try_example(catalogue, example)
            wrong = differences(example, trial, catalogue.currency)
        except Unusable as error:
            mistakes.tell(f"tests.{place}.{error.key}", str(error))
            continue
        for key, rule in wrong:
            mistakes.tell(f"tests.{place}.{key}", f"{example.name!r}: {rule}", "; ".join(trial.steps))
    return Checked(len(examples), mistakes.found)


def try_example(catalogue: Catalogue, example: ExampleFile) -> Trial:
    """Play an example as a session. Raises Unusable."""
    return _Play(catalogue, example).trial()


def differences(example: ExampleFile, trial: Trial, currency: str) -> list[tuple[str, str]]:
    """Expectations that were not met: key and rule."""
    found: list[tuple[str, str]] = []
    if trial.refused != (example.refused or ""):
        said = f"was refused ({trial.refused})" if trial.refused else "was not refused"
        wanted = f"expected {example.refused!r}" if example.refused else "expected quota"
        found.append(("refused", f"{said}, {wanted}"))
    if example.charge is not None and trial.charged != example.charge:
        cost, wanted = format_money(trial.charged, currency), format_money(example.charge, currency)
        found.append(("charge", f"cost {cost}, expected {wanted}"))
    for bucket in _buckets(example) if example.taken is not None else ():
        expected = _amount("taken", (example.taken or {}).get(bucket.bucket_id, 0), bucket.unit)
        took = trial.taken.get(bucket.bucket_id, 0)
        if took != expected:
            rule = f"took {_told(took, bucket.unit)} of {bucket.bucket_id}, expected {_told(expected, bucket.unit)}"
            found.append(("taken", rule))
    return found


class _Play:
    """One example while it is played."""

    def __init__(self, catalogue: Catalogue, example: ExampleFile) -> None:
        self.catalogue = catalogue
        self.example = example
        self.terms = Terms(catalogue, ChargingRules(), PORTAL)
        self.account = Account(WHO.value, catalogue.currency, buckets=_buckets(example))
        self.subscriber = Subscriber(
            WHO.value, WHO.value, (WHO,), example.offer, time_zone=_zone(example), segment=example.segment
        )
        self.at_ms = instant_on(catalogue.zone, example.at)
        self.session: Session | None = None
        self.number = 0
        self.charged = 0
        self.taken: Counter[str] = Counter()
        self.refused = ""
        self.steps: list[str] = []

    def trial(self) -> Trial:
        unknown = set(self.example.taken or ()) - {bucket.bucket_id for bucket in self.account.buckets}
        if unknown:
            raise Unusable("taken", f"there is no bucket {sorted(unknown)[0]!r} in this example")
        rule = self._rule()
        self._send(RequestType.INITIAL, None, "asks for quota")
        if self.session is not None and rule is not None:
            self._use(rule.unit)
        return Trial(self.charged, dict(self.taken), self.refused, tuple(self.steps))

    def _rule(self) -> GroupRule | None:
        """What holds for the use, for its unit and for those who ask why."""
        example = self.example
        offer = self.catalogue.offers.get(example.offer)
        if offer is None:
            raise Unusable("offer", f"there is no [offers.{example.offer}]")
        part = offer.part(example.rated_as)
        rule = part.rule_for(example.rating_group, self._services) if part is not None else None
        if rule is None:
            return None
        held = chosen(rule, RatingInput(self._conditions, self._services, example.segment), self.at_ms)
        self.steps.append(f"rule {held.name!r}" if held is not None else f"rule {rule.name!r} has no price for it")
        return rule

    def _use(self, unit: UnitType) -> None:
        used = [_amount("used", each, unit) for each in self.example.used]
        for place, units in enumerate(used):
            pause = self.example.every or (units if unit is UnitType.SECONDS else 0)
            self.at_ms += pause * MS_PER_SECOND
            is_last = place == len(used) - 1 and not self.example.refused
            kind = RequestType.TERMINATION if is_last else RequestType.UPDATE
            self._send(kind, _units(units, unit), f"reports {format_quantity(units, unit)}")

    def _send(self, kind: RequestType, used: ServiceUnits | None, what: str) -> None:
        example, is_over = self.example, kind is RequestType.TERMINATION
        credit = ServiceCredit(
            example.rating_group,
            self._services,
            None if is_over else ServiceUnits(),
            () if used is None else (used,),
        )
        request = SessionRequest(
            WHO.value,
            kind,
            self.number,
            self.number,
            "",
            "",
            "",
            (WHO,),
            (credit,),
            rated_as=example.rated_as,
            conditions=self._conditions,
        )
        decision = decide_session_request(request, self.account, self.subscriber, self.session, self.terms, self.at_ms)
        self.number += 1
        self._take(decision, what)

    def _take(self, decision: Decision, what: str) -> None:
        verdicts = [decision.outcome.verdict, *(credit.verdict for credit in decision.outcome.credits)]
        refusal = next((each for each in verdicts if each is not Verdict.SUCCESS), None)
        if refusal is not None and not self.refused:
            self.refused = WORDS.get(refusal, refusal.value)
        done = [
            f"granted {format_quantity(each.granted, each.unit)}" for each in decision.outcome.credits if each.granted
        ]
        if refusal is not None:
            done.append(f"refused ({WORDS.get(refusal, refusal.value)})")
        for posting in decision.entry.postings if decision.entry is not None else ():
            done += self._posted(posting)
        self.account = decision.account or self.account
        self.session = decision.session or self.session
        self.steps.append(f"{what}: {', '.join(done) or 'nothing'}")

    def _posted(self, posting: Posting) -> list[str]:
        if posting.action is not Action.DEBIT:
            is_told = posting.action in (Action.FREE, Action.UNRATED)
            return [f"{posting.action.value}: {posting.units} units"] if is_told else []
        bucket = next(each for each in self.account.buckets if each.bucket_id == posting.bucket_id)
        self.taken[bucket.bucket_id] += posting.amount
        self.charged += posting.amount if bucket.unit is UnitType.MONEY else 0
        return [f"{_told(posting.amount, bucket.unit)} of {bucket.bucket_id}"]

    @property
    def _services(self) -> tuple[int, ...]:
        named = self.example.service_identifier
        return () if named is None else (named,)

    @property
    def _conditions(self) -> Conditions:
        example = self.example
        return Conditions(
            apn=example.apn,
            rat=example.rat,
            serving_plmn=example.network,
            location=example.location,
            called_party=example.destination,
        )


def _buckets(example: ExampleFile) -> tuple[Bucket, ...]:
    if example.buckets is None:
        return (Bucket(MONEY, UnitType.MONEY, ENOUGH_MICROS),)
    return tuple(
        Bucket(each.name, UnitType(each.unit), _amount("buckets", each.amount, UnitType(each.unit)), priority=place)
        for place, each in enumerate(example.buckets)
    )


def _amount(key: str, value: str | int, unit: UnitType) -> int:
    try:
        return parse_money(value) if unit is UnitType.MONEY else parse_quantity(value, unit)
    except ValueError as error:
        raise Unusable(key, str(error)) from None


def _units(amount: int, unit: UnitType) -> ServiceUnits:
    if unit is UnitType.OCTETS:
        return ServiceUnits(octets=amount)
    return ServiceUnits(seconds=amount) if unit is UnitType.SECONDS else ServiceUnits(events=amount)


def _told(amount: int, unit: UnitType) -> str:
    if unit is UnitType.OCTETS:
        return f"{amount:,} octets"
    return format_money(amount) if unit is UnitType.MONEY else f"{amount} {unit.value}"


def _zone(example: ExampleFile) -> str:
    try:
        return time_zone(example.time_zone).key if example.time_zone else ""
    except ValueError as error:
        raise Unusable("time_zone", str(error)) from None


def instant_on(zone: ZoneInfo, at: datetime) -> int:
    """Milliseconds since 1970 of a moment on the clocks of a zone, unless it names its own offset."""
    if at.tzinfo is not None:
        return int(at.timestamp()) * MS_PER_SECOND
    seconds = at.hour * 3600 + at.minute * 60 + at.second
    return instant_of(zone, day_of(at.date()) * MS_PER_DAY + seconds * MS_PER_SECOND)
