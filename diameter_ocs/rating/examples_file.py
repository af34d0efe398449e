"""[[tests]] of a catalogue file: examples of use, with the charge that the operator expects."""

import tomllib
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from diameter_ocs.rating.catalogue import DATA
from diameter_ocs.rating.file_values import Money, Quantity, Seconds, Table, Unsigned32
from diameter_ocs.values.rat import RAT_NAMES

Refused = Literal["barred", "not included", "not controlled", "no credit", "no price"]
RATS = {name.casefold(): name for name in RAT_NAMES.values()}
NOON = datetime(2027, 1, 4, 12)  # noqa: DTZ001
"""When an example is that says nothing: a Monday at noon on the operator's clocks."""


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a date and time such as '2027-01-04T22:30'") from None


def _rat(value: Any) -> Any:
    if isinstance(value, str) and value.casefold() not in RATS:
        raise ValueError(f"{value!r} is none of {', '.join(RATS.values())}")
    return RATS[value.casefold()] if isinstance(value, str) else value


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]


class BucketExample(Table):
    """One of `buckets`: what the account has, in the order in which it is spent. amount: of money as "1.00"."""

    name: Annotated[str, Field(min_length=1)]
    unit: Literal["octets", "seconds", "events", "money"] = "octets"
    amount: Quantity


class ExampleFile(Table):
    """One of [[tests]]: what is used under which conditions, and what that must cost.

    buckets: without them the account has more money than any use costs. used: one report after the other, of what
    is granted; the session ends with the last one. lasting: time over which all of it is used, evenly; seconds
    take their own time. charge: of money in all. taken: from buckets by name. refused: why quota was not granted
    for all of it.
    """

    name: Annotated[str, Field(min_length=1)]
    offer: str
    service: str = DATA
    direction: Literal["originating", "terminating", "forwarded"] | None = None
    rating_group: Unsigned32 | None = None
    service_identifier: Unsigned32 | None = None
    at: Moment = NOON
    time_zone: str = ""
    segment: str = ""
    destination: str = ""
    network: Annotated[str, Field(pattern=r"^(\d{5,6})?$")] = ""
    apn: str = ""
    rat: Annotated[str, BeforeValidator(_rat)] = ""
    location: str = ""
    buckets: Annotated[list[BucketExample], Field(min_length=1)] | None = None
    used: list[Quantity] = []
    lasting: Seconds | None = None
    charge: Money | None = None
    taken: dict[str, Quantity] | None = None
    refused: Refused | None = None

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.charge is None and self.taken is None and self.refused is None:
            raise ValueError("say what to expect: charge, taken or refused")
        return self

    @property
    def rated_as(self) -> str:
        return self.service if self.direction is None else f"{self.service}/{self.direction}"


def examples_in(text: str) -> list[ExampleFile]:
    """Those of a catalogue that was read without a mistake."""
    return [ExampleFile.model_validate(table) for table in tomllib.loads(text).get("tests", [])]
