"""Values as they are written in a catalogue file."""

import re
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
_BIT_RATE = re.compile(r"(\d{1,6})(?:\.(\d{1,3}))? (k|M|G)?bit/s")
_STEPS = {None: 0, "k": 1, "M": 2, "G": 3}


def _bit_rate(value: Any) -> int:
    match = _BIT_RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a speed such as '512 kbit/s' or '1.5 Mbit/s'")
    thousandths = int(match[1]) * 1000 + int((match[2] or "0").ljust(3, "0"))
    return int(thousandths * 1000 ** _STEPS[match[3]] // 1000)


BitRate = Annotated[int, BeforeValidator(_bit_rate), Field(gt=0, le=0xFFFFFFFF)]
"""Bits per second."""
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
