"""Options that several commands share, and their values: from what a person types to what the core takes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.cli.failure import wrong_option
from diameter_ocs.rating.local_time import MS_PER_SECOND, instant_of, time_zone
from diameter_ocs.values.identity import Identity, IdentityKind, identity
from diameter_ocs.values.money import MICROS_PER_UNIT, parse_money
from diameter_ocs.values.rat import RAT_NAMES
from diameter_ocs.values.units import UnitType, parse_quantity

LARGEST_MONEY_MICROS = 1_000_000_000 * MICROS_PER_UNIT
LARGEST_OCTETS = 10**18
LONGEST_TEXT = 24
"""Characters of an amount; more is a mistake, and slow to turn into a number."""
RECORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
HIGHEST_RATING_GROUP = 2**32 - 1
MS_PER_DAY = 86_400_000

ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="Configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
SubSession = Annotated[
    int | None,
    typer.Option(
        "--sub-session", metavar="NUMBER", min=0, max=(1 << 64) - 1, help="Its CC-Sub-Session-Id, if it has one."
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the journal.")]
Msisdn = Annotated[list[str] | None, typer.Option("--msisdn", metavar="DIGITS", help="Telephone number; may repeat.")]
Imsi = Annotated[list[str] | None, typer.Option("--imsi", metavar="DIGITS", help="IMSI; may repeat.")]
Nai = Annotated[list[str] | None, typer.Option("--nai", metavar="USER@REALM", help="NAI; may repeat.")]
Sip = Annotated[list[str] | None, typer.Option("--sip", metavar="URI", help="SIP URI; may repeat.")]
Private = Annotated[list[str] | None, typer.Option("--private", metavar="TEXT", help="Private identity; may repeat.")]
TimeZone = Annotated[
    str | None,
    typer.Option("--time-zone", metavar="ZONE", help="Where the subscriber is, as Europe/Berlin; the operator's."),
]
Balance = Annotated[str | None, typer.Option("--balance", metavar="AMOUNT", help="Money to start with, as 10.00.")]
Data = Annotated[list[str] | None, typer.Option("--data", metavar="SIZE", help="A data bucket, as '5 GB'; may repeat.")]
ValidDays = Annotated[
    int | None, typer.Option("--valid-days", min=1, max=36_500, help="Days until the data buckets expire.")
]
RatingGroups = Annotated[
    list[int] | None,
    typer.Option(
        "--rating-group",
        min=0,
        max=HIGHEST_RATING_GROUP,
        help="Only these may use the data buckets; may repeat. All when left out.",
    ),
]
DataPriority = Annotated[
    int, typer.Option("--priority", min=0, max=1_000_000, help="Of the data buckets: the smallest is spent first.")
]

Value = TypeVar("Value")


def _parsed(option: str, text: str, parse: Callable[[str], Value]) -> Value:
    if len(text) > LONGEST_TEXT:
        raise wrong_option(option, f"{text[:LONGEST_TEXT]!r}... is too long for an amount")
    try:
        return parse(text)
    except ValueError as error:
        raise wrong_option(option, error) from None
    except ArithmeticError:
        raise wrong_option(option, f"{text!r} is out of range") from None


def money(option: str, text: str) -> int:
    """'10.00' as micro-units, more than nothing and not absurd. Raises Failure that names the option."""
    micros = _parsed(option, text, parse_money)
    if not 0 < micros <= LARGEST_MONEY_MICROS:
        raise wrong_option(option, f"{text!r} must be above 0 and at most {LARGEST_MONEY_MICROS // MICROS_PER_UNIT:,}")
    return micros


def octets(option: str, text: str) -> int:
    """'5 GB' as octets. Raises Failure that names the option."""
    value = _parsed(option, text, lambda each: parse_quantity(each, UnitType.OCTETS))
    if not 0 < value <= LARGEST_OCTETS:
        raise wrong_option(option, f"{text!r} must be above 0 and at most {LARGEST_OCTETS:,} octets")
    return value


def quantity(option: str, text: str, unit: UnitType, *, least: int = 1) -> int:
    """An amount of any unit: money as 10.00, octets as '5 GB', seconds as '10 min'. Raises Failure."""
    if unit is UnitType.MONEY:
        value, most = _parsed(option, text, parse_money), LARGEST_MONEY_MICROS
    else:
        value, most = _parsed(option, text, lambda each: parse_quantity(each, unit)), LARGEST_OCTETS
    if not least <= value <= most:
        highest = f"{most // MICROS_PER_UNIT:,}" if unit is UnitType.MONEY else f"{most:,} {unit.value}"
        raise wrong_option(option, f"{text!r} must be at least {least} and at most {highest}")
    return value


def record_id(option: str, text: str | None, made_up: str = "") -> str:
    """A name for a record, the one made up when none is given. Raises Failure that names the option."""
    if text is None:
        return made_up
    if not RECORD_ID.match(text):
        raise wrong_option(option, f"{text!r} must be 1 to 64 letters, digits, dots, dashes or underscores")
    return text


Segment = Annotated[
    str | None,
    typer.Option("--segment", metavar="NAME", help="Which customers the subscriber is one of, for prices by segment."),
]


RatingGroup = Annotated[
    int | None, typer.Option("--rating-group", min=0, max=0xFFFFFFFF, help="None: that of the offer.")
]
Services = Annotated[list[int] | None, typer.Option("--service", min=0, max=0xFFFFFFFF, help="Service-Identifier.")]
OfService = Annotated[
    str | None, typer.Option("--of", metavar="SERVICE", help="sms, voice/originating ...; data when left out.")
]
Destination = Annotated[str | None, typer.Option("--destination", metavar="NUMBER", help="The number that is called.")]
Network = Annotated[str | None, typer.Option("--network", metavar="PLMN", help="MCC and MNC of the visited network.")]
Apn = Annotated[str | None, typer.Option("--apn", metavar="NAME", help="Access point name.")]
Rat = Annotated[str | None, typer.Option("--rat", metavar="NAME", help="Radio access, such as E-UTRAN or NR.")]
Location = Annotated[
    str | None, typer.Option("--location", metavar="AREAS", help="As 'TAI 00101-1A2B ECGI 00101-1A2B3C4'.")
]


def conditions(
    destination: str | None, network: str | None, apn: str | None, rat: str | None, location: str | None
) -> Conditions:
    """Conditions of use as options tell them. Raises Failure."""
    if network is not None and not (network.isascii() and network.isdigit() and len(network) in (5, 6)):
        raise wrong_option("--network", f"{network!r} is not MCC and MNC, such as 26201")
    names = {name.casefold(): name for name in RAT_NAMES.values()}
    if rat is not None and rat.casefold() not in names:
        raise wrong_option("--rat", f"{rat!r} is none of {', '.join(names.values())}")
    return Conditions(
        apn=apn or "",
        rat=names[rat.casefold()] if rat is not None else "",
        serving_plmn=network or "",
        location=location or "",
        called_party=destination or "",
    )


At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="As 2026-11-01T12:00, by the operator's clocks; now when left out."),
]


def moment(option: str, text: str, zone: ZoneInfo) -> int:
    """'2026-11-01T12:00', '2026-11-01' or with an offset such as '...Z', as milliseconds since 1970. Raises Failure.

    A time without an offset is that of the clocks of the zone.
    """
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        raise wrong_option(option, f"{text!r} is not a time such as 2026-11-01T12:00 or 2026-11-01") from None
    if told.tzinfo is None:
        return instant_of(zone, int(told.replace(tzinfo=UTC).timestamp()) * MS_PER_SECOND)
    return int(told.timestamp()) * MS_PER_SECOND


def zone_name(text: str | None) -> str:
    """The name of a time zone, '' when none is given. Raises Failure."""
    if text is None:
        return ""
    try:
        return time_zone(text).key
    except ValueError as error:
        raise wrong_option("--time-zone", error) from None


def identities(
    msisdn: list[str] | None,
    imsi: list[str] | None,
    nai: list[str] | None,
    sip: list[str] | None,
    private: list[str] | None,
) -> tuple[Identity, ...]:
    """Everything a subscriber is known by, in the spelling that is stored. Raises Failure."""
    given = (
        ("--msisdn", IdentityKind.E164, msisdn),
        ("--imsi", IdentityKind.IMSI, imsi),
        ("--nai", IdentityKind.NAI, nai),
        ("--sip", IdentityKind.SIP_URI, sip),
        ("--private", IdentityKind.PRIVATE, private),
    )
    return tuple(_identity(option, kind, text) for option, kind, texts in given for text in texts or ())


def _identity(option: str, kind: IdentityKind, text: str) -> Identity:
    try:
        return identity(kind, text)
    except ValueError as error:
        raise wrong_option(option, error) from None


def named_identities(text: str) -> tuple[Identity, ...]:
    """Who a person may mean by '99955500101', 'imsi:00101...', 'alice@example.org' or 'private:badge 7'.

    Digits alone may be a telephone number or an IMSI: both are returned. Empty when it can be neither.
    """
    kind, colon, value = text.partition(":")
    known = {each.value: each for each in IdentityKind}
    if colon and kind.lower() in known and kind.lower() != "sip":
        return (_identity(text, known[kind.lower()], value),)
    if text.lower().startswith(("sip:", "sips:", "tel:")):
        return (_identity(text, IdentityKind.SIP_URI, text),)
    kinds = [IdentityKind.NAI] if "@" in text else [IdentityKind.E164, IdentityKind.IMSI]
    found = []
    for each in kinds:
        try:
            found.append(identity(each, text))
        except ValueError:
            continue
    return tuple(found)
