"""`prices` of a group in a catalogue file: which price holds when."""

import difflib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, model_validator

from diameter_ocs.rating.bands_file import Minute, StartMinute, over_midnight
from diameter_ocs.rating.file_values import Money, Table
from diameter_ocs.rating.local_time import date_of
from diameter_ocs.rating.quota_file import Tell
from diameter_ocs.rating.rate import CallTerms, Rate
from diameter_ocs.rating.time_bands import EVERY_WEEKDAY, DaySet, TimeBand, first_that_holds, kinds_of_days
from diameter_ocs.rating.timed_rates import TimedRates


class PriceFile(Table):
    """One of `prices`: {band = "night", price = "0.01"}, or a time of every day {from = "06:00", until = "20:00", ...}.

    `to` is another spelling of `until`.
    """

    band: str | None = None
    begins: Annotated[StartMinute | None, Field(alias="from")] = None
    ends: Annotated[Minute | None, Field(alias="until", validation_alias=AliasChoices("until", "to"))] = None
    price: Money

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.band is None and (self.begins is None or self.ends is None):
            raise ValueError("a price has a band, or from and until")
        if self.band is not None and (self.begins is not None or self.ends is not None):
            raise ValueError("a price has a band, or from and until: the times of a band stand in [bands.NAME]")
        return self

    def time_band(self, bands: Mapping[str, TimeBand]) -> TimeBand:
        """When it holds."""
        if self.band is not None:
            return bands[self.band]
        assert self.begins is not None
        assert self.ends is not None
        return TimeBand(
            f"{_text(self.begins)}-{_text(self.ends)}", begins=self.begins, ends=over_midnight(self.begins, self.ends)
        )


def timed_rates(
    key: str,
    prices: Sequence[PriceFile],
    otherwise: int | None,
    step: int,
    call: CallTerms | None,
    named: Mapping[str, TimeBand],
    zone: ZoneInfo,
    follows_subscriber: bool,
    tell: Tell,
) -> TimedRates | None:
    """The prices of a group, the first that holds wins; None after telling what is wrong with them.

    otherwise: the price when none holds; without it they leave no moment out. call: what holds beside each of them.
    """
    told: list[str] = []

    def note(place: int | None, rule: str) -> None:
        told.append(rule)
        tell(key if place is None else f"{key}.{place}", rule)

    for place, each in enumerate(prices):
        if each.band is not None and each.band not in named:
            near = difflib.get_close_matches(each.band, named, 1)
            note(place, f"there is no [bands.{each.band}]" + (f"; did you mean {near[0]!r}?" if near else ""))
        if each.begins is not None and each.begins == each.ends:
            note(place, f"from {_text(each.begins)} until {_text(each.begins)} is no time at all")
    if told:
        return None
    bands = tuple(each.time_band(named) for each in prices)
    twice = _overlap([band for band, each in zip(bands, prices, strict=True) if each.band is None])
    if twice is not None:
        note(None, f"{_text(twice)} has two prices: times of every day must not overlap; a band may come before them")
        return None
    reached: set[int] = set()
    for day in kinds_of_days(bands):
        for minute, place in first_that_holds(bands, day):
            if place == len(bands) and otherwise is None and place not in reached:
                note(None, f"{_when(minute, day, bands)} has no price: fill the time, or say price for the rest")
            reached.add(place)
    for place in set(range(len(bands))) - reached:
        note(place, "never holds: those before it leave it no time")
    if otherwise is not None and len(bands) not in reached:
        note(None, "leave price no time: prices that fill all time come without price")
    amounts = [each.price for each in prices] + ([otherwise] if otherwise is not None else [])
    return (
        None if told else TimedRates(zone, bands, tuple(Rate(step, each, call) for each in amounts), follows_subscriber)
    )


def _overlap(bands: Sequence[TimeBand]) -> int | None:
    """A minute that two bands of every day have in common."""
    parts = sorted(part for band in bands for part in band.minutes_on(0))
    return next((later[0] for earlier, later in pairwise(parts) if later[0] < earlier[1]), None)


def _when(minute: int, day: int, bands: Sequence[TimeBand]) -> str:
    is_daily = all(band.days.weekdays == EVERY_WEEKDAY and band.except_days == DaySet() for band in bands)
    return _text(minute) if is_daily else f"{date_of(day):%A} {_text(minute)}"


def _text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
