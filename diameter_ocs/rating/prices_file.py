"""`prices` of a group in a catalogue file: bands of the day, each with its price."""

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from diameter_ocs.rating.daily_rates import MINUTES_PER_DAY, DailyRates
from diameter_ocs.rating.file_values import Money, Table
from diameter_ocs.rating.rate import Rate

_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


class PriceBand(Table):
    """One of `prices`: {from = "06:00", to = "20:00", price = "0.02"}; it may go on beyond midnight."""

    begins: Annotated[str, Field(alias="from")]
    ends: Annotated[str, Field(alias="to")]
    price: Money


def daily_rates(bands: list[PriceBand], step: int, zone: ZoneInfo) -> DailyRates:
    """The tariff of a day. Raises ValueError that says what is wrong: each minute has exactly one price."""
    pieces: list[tuple[int, int, int]] = []
    for band in bands:
        begins, ends = _minute(band.begins), _minute(band.ends)
        if begins == ends:
            raise ValueError(f"from {band.begins} to {band.ends} is no time at all")
        if begins < ends:
            pieces.append((begins, ends, band.price))
        else:
            pieces += [(begins, MINUTES_PER_DAY, band.price), (0, ends, band.price)]
    pieces = sorted(piece for piece in pieces if piece[0] < piece[1])
    expected = 0
    for begins, ends, _ in pieces:
        if begins != expected:
            what = "two prices" if begins < expected else "no price"
            raise ValueError(f"{_text(min(begins, expected))} has {what}: the bands must fill the day once")
        expected = ends
    if expected != MINUTES_PER_DAY:
        raise ValueError(f"{_text(expected)} has no price: the bands must fill the day once")
    return DailyRates(zone, tuple(piece[0] for piece in pieces), tuple(Rate(step, piece[2]) for piece in pieces))


def _minute(text: str) -> int:
    match = _TIME.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match is not None else -1
    if not 0 <= minute <= MINUTES_PER_DAY:
        raise ValueError(f"{text!r} is not a time of day such as '20:00', at most '24:00'")
    return minute


def _text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
