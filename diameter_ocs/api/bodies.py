"""What clients send: models with examples; unknown fields are refused with the nearest known one."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from diameter_ocs.api.problems import nearest
from diameter_ocs.rating.local_time import time_zone
from diameter_ocs.rating.periods import parse_period
from diameter_ocs.rating.service_names import mistake_in_service
from diameter_ocs.values.identity import Identity, IdentityKind, identity
from diameter_ocs.values.money import MICROS_PER_UNIT, parse_money

LARGEST_MONEY_MICROS = 1_000_000_000 * MICROS_PER_UNIT
LARGEST_UNITS = 10**18
RECORD_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"


class Known(BaseModel):
    """Something with named parts, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for name in given:
                if name not in cls.model_fields:
                    hint = nearest(str(name), cls.model_fields)
                    raise PydanticCustomError("unknown_field", "is not known; {hint}", {"unknown": name, "hint": hint})
        return given


def _positive_money(text: str) -> str:
    if not 0 < parse_money(text) <= LARGEST_MONEY_MICROS:
        raise ValueError(f"must be above 0 and at most {LARGEST_MONEY_MICROS // MICROS_PER_UNIT}")
    return text


def _period(text: str) -> str:
    return str(parse_period(text)) if text else ""


def _service(text: str) -> str:
    wrong = mistake_in_service(text)
    if wrong:
        raise ValueError(wrong)
    return text


def _zone(text: str) -> str:
    return time_zone(text).key if text else ""


RecordId = Annotated[str, Field(pattern=RECORD_ID, examples=["acc-1"])]
Text = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{0,64}$")]
Decimals = Annotated[str, Field(pattern=r"^[0-9]{1,10}(\.[0-9]{1,6})?$", examples=["10.00"])]
PositiveDecimals = Annotated[Decimals, AfterValidator(_positive_money)]
Units = Annotated[int, Field(gt=0, le=LARGEST_UNITS, examples=[5_000_000_000])]
Period = Annotated[str, Field(max_length=40), AfterValidator(_period)]
RatingGroups = Annotated[list[Annotated[int, Field(ge=0, le=2**32 - 1)]], Field(max_length=100)]
CountedUnit = Literal["octets", "seconds", "events"]
AnyUnit = Literal["octets", "seconds", "events", "money"]
Status = Literal["active", "blocked"]


class Body(Known):
    """A request body, or a part of one."""

    model_config = ConfigDict(strict=True)


class Money(Body):
    """An amount of money."""

    amount: PositiveDecimals
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])]

    @property
    def micros(self) -> int:
        return parse_money(self.amount)


class NewBucket(Body):
    """Units to spend."""

    unit: CountedUnit = "octets"
    amount: Units
    """In whole octets, seconds or events."""
    bucket_id: RecordId | None = None
    """A bucket of that id that is there gets more of the same; one is made up when it is left out."""
    name: Text = ""
    valid_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Days until it ends; for good when left out."""
    rating_groups: RatingGroups = []
    """Only these may draw on it; all when empty."""
    services: Annotated[list[Annotated[Word, AfterValidator(_service)]], Field(max_length=20)] = []
    """Only these, as data, sms, voice or voice/originating; all when empty."""
    owners: Annotated[list[RecordId], Field(max_length=100)] = []
    """Only these subscribers of the account; all when empty."""
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """The smallest is spent first."""


class IdentityBody(Body):
    """One name by which the network knows a subscriber."""

    kind: Literal["msisdn", "imsi", "sip", "nai", "private"]
    value: Annotated[str, Field(min_length=1, max_length=255, pattern=PRINTABLE, examples=["49151000001"])]

    @model_validator(mode="after")
    def _possible(self) -> "IdentityBody":
        self.identity()
        return self

    def identity(self) -> Identity:
        """In the spelling that is stored. Raises ValueError."""
        return identity(IdentityKind(self.kind), self.value)


class NewSubscriberBody(Body):
    """A subscriber to be added."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "subscriber_id": "anna",
                "identities": [{"kind": "msisdn", "value": "49151000001"}],
                "offer": "prepaid-data",
            }
        }
    )

    subscriber_id: RecordId | None = None
    """Made up when left out."""
    identities: Annotated[list[IdentityBody], Field(min_length=1, max_length=20)]
    offer: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
    """An offer of the catalogue."""
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] = ""
    """Where the subscriber is, as Europe/Berlin; the operator's when empty."""
    segment: Word = ""
    """Which customers it is one of, for prices by segment."""
    reason: Text = ""


class OpenAccountBody(Body):
    """An account to be opened, with what it can spend and who may spend it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "account_id": "acme",
                "name": "Acme Ltd",
                "balance": {"amount": "10.00", "currency": "EUR"},
                "buckets": [{"unit": "octets", "amount": 5_000_000_000, "valid_days": 30}],
                "subscribers": [{"identities": [{"kind": "msisdn", "value": "49151000001"}], "offer": "prepaid-data"}],
            }
        }
    )

    account_id: RecordId | None = None
    """Made up when left out."""
    name: Text = ""
    balance: Money | None = None
    buckets: Annotated[list[NewBucket], Field(max_length=20)] = []
    subscribers: Annotated[list[NewSubscriberBody], Field(max_length=100)] = []
    reason: Text = ""


class StatusBody(Body):
    """Block an account, or serve it again."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "blocked", "reason": "stolen"}})

    status: Status
    reason: Text = ""


class SubscriberChange(Body):
    """One change of a subscriber: its status or its offer."""

    model_config = ConfigDict(json_schema_extra={"example": {"offer": "prepaid-data", "reason": "asked by telephone"}})

    status: Status | None = None
    offer: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)] | None = None
    reason: Text = ""

    @model_validator(mode="after")
    def _one_change(self) -> "SubscriberChange":
        if (self.status is None) is (self.offer is None):
            raise ValueError("needs exactly one of status and offer")
        return self


class TopUpBody(Body):
    """More to spend: money, units, or a product that is paid from the money of the account."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "money": {"amount": "5.00", "currency": "EUR"},
                "channel": "app",
                "reason": "card payment 4711",
            }
        }
    )

    money: Money | None = None
    bucket: NewBucket | None = None
    product: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)] | None = None
    """A product of the catalogue."""
    subscriber_id: RecordId | None = None
    """For whom the product is; for all of the account when left out."""
    channel: Word = ""
    """By which way the subscriber recharged, as app, shop or ussd."""
    reason: Text = ""

    @model_validator(mode="after")
    def _one_thing(self) -> "TopUpBody":
        if sum(each is not None for each in (self.money, self.bucket, self.product)) != 1:
            raise ValueError("needs exactly one of money, bucket and product")
        if self.subscriber_id is not None and self.product is None:
            raise ValueError("subscriber_id belongs to product; a bucket has owners")
        return self


class AdjustmentBody(Body):
    """A correction: money or units, in or out of one bucket."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "direction": "out",
                "money": {"amount": "2.50", "currency": "EUR"},
                "code": "chargeback",
                "below_zero": True,
                "reason": "dispute 815",
            }
        }
    )

    direction: Literal["in", "out"]
    money: Money | None = None
    units: Units | None = None
    """Units of the bucket that bucket_id names."""
    bucket_id: Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)] = "money"
    """Any that the account has, also one that a product has brought."""
    code: Literal["correction", "goodwill", "refund", "chargeback", "fee", "transfer"]
    """Why, for reports."""
    below_zero: bool = False
    """Take all of it even when less is there: the account then owes the rest."""
    reason: Text = ""

    @model_validator(mode="after")
    def _one_amount(self) -> "AdjustmentBody":
        if (self.money is None) is (self.units is None):
            raise ValueError("needs exactly one of money and units")
        if self.below_zero and self.direction == "in":
            raise ValueError("below_zero belongs to direction out")
        return self


class PurchaseBody(Body):
    """A product to be bought from the money of the account."""

    model_config = ConfigDict(json_schema_extra={"example": {"product": "data-10gb"}})

    product: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
    subscriber_id: RecordId | None = None
    """For this one alone; for all of the account when left out."""
    reason: Text = ""


class CancelBody(Body):
    """How a product ends."""

    at_once: bool = False
    """Now, with whatever is left of it; with the period that is paid when false."""
    reason: Text = ""


class MoveBody(Body):
    """What one subscriber gives to another of the same account."""

    model_config = ConfigDict(json_schema_extra={"example": {"units": 1_000_000_000, "subscriber_id": "tom"}})

    money: PositiveDecimals | None = None
    units: Units | None = None
    subscriber_id: RecordId | None = None
    """Who gets it; all of the account when left out."""
    reason: Text = ""

    @model_validator(mode="after")
    def _one_amount(self) -> "MoveBody":
        if (self.money is None) is (self.units is None):
            raise ValueError("needs exactly one of money and units")
        return self


class OverdraftBody(Body):
    """How far below zero a bucket may be spent; 0 ends that."""

    model_config = ConfigDict(json_schema_extra={"example": {"money": "20.00"}})

    money: Decimals | None = None
    units: Annotated[int, Field(ge=0, le=LARGEST_UNITS)] | None = None
    reason: Text = ""

    @model_validator(mode="after")
    def _one_amount(self) -> "OverdraftBody":
        if (self.money is None) is (self.units is None):
            raise ValueError("needs exactly one of money and units")
        return self


class LimitBody(Body):
    """A cap on what is spent of one unit."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"money": "5.00", "subscriber_id": "tom", "period": "calendar month"}}
    )

    money: Decimals | None = None
    units: Annotated[int, Field(ge=0, le=LARGEST_UNITS)] | None = None
    unit: CountedUnit = "octets"
    """Which units."""
    subscriber_id: RecordId | None = None
    """Of this subscriber; of all together when left out."""
    period: Period = ""
    """After which it starts anew, as '1 day' or 'calendar month'; never when empty."""
    reason: Text = ""

    @model_validator(mode="after")
    def _one_amount(self) -> "LimitBody":
        if (self.money is None) is (self.units is None):
            raise ValueError("needs exactly one of money and units")
        return self


class SessionOrder(Body):
    """What the gateway of a session is asked."""

    rating_group: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Only this group is to be re-authorised; the whole session when left out."""
    reason: Text = ""


class ExtensionBody(Body):
    """How much longer a subscriber is active."""

    model_config = ConfigDict(json_schema_extra={"example": {"period": "30 days", "reason": "goodwill"}})

    period: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_period)]
    reason: Text = ""
