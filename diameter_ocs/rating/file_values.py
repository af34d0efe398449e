"""Values as they are written in a catalogue file."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from diameter_ocs.values.money import parse_money
from diameter_ocs.values.units import UnitType, parse_quantity


def _seconds(value: Any) -> int:
    return parse_quantity(value, UnitType.SECONDS)


def _money(value: Any) -> int:
    return parse_money(value)


Seconds = Annotated[int, BeforeValidator(_seconds), Field(gt=0, le=0x7FFFFFFF)]
SecondsOrNone = Annotated[int, BeforeValidator(_seconds), Field(ge=0, le=0x7FFFFFFF)]
"""0 is a value of its own."""
Money = Annotated[int, BeforeValidator(_money), Field(ge=0)]
Quantity = str | int
Unsigned32 = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]


class Table(BaseModel):
    """A table of the file: no key that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)
