"""Values as they are written in a catalogue file."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from diameter_ocs.values.money import parse_money
from diameter_ocs.values.units import UnitType, parse_quantity

AMOUNT = r"^\s*[0-9]*\.?[0-9]*\s*$"
PERIOD = r"^\s*[0-9_,]+\s*([sSmMhHdD]|[mM][iI][nN])?\s*$"


def _seconds(value: Any) -> int:
    return parse_quantity(value, UnitType.SECONDS)


def _money(value: Any) -> int:
    return parse_money(value)


DURATION = WithJsonSchema({"type": ["string", "integer"], "pattern": PERIOD, "description": "Such as '90 s', '1 h'."})
Seconds = Annotated[int, BeforeValidator(_seconds), Field(gt=0, le=0x7FFFFFFF), DURATION]
SecondsOrNone = Annotated[int, BeforeValidator(_seconds), Field(ge=0, le=0x7FFFFFFF), DURATION]
"""0 is a value of its own."""
Money = Annotated[
    int,
    BeforeValidator(_money),
    Field(ge=0),
    WithJsonSchema({"type": ["string", "integer"], "pattern": AMOUNT, "description": "Such as '0.02', in quotes."}),
]
Quantity = str | int
Unsigned32 = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]


class Table(BaseModel):
    """A table of the file: no key that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)
