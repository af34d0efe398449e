"""`ocs bucket`: what an account can spend, with everything that may bind it."""

from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import wrong_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diameter_ocs.ledger.terms import BucketTerms
    from diameter_ocs.rating.catalogue import Catalogue
    from diameter_ocs.values.units import UnitType

app = typer.Typer(help="Buckets: units and money of an account, and how far it may go.", no_args_is_help=True)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.")]
BucketId = Annotated[str, typer.Argument(metavar="BUCKET", help="Bucket id.")]
Unit = Annotated[str, typer.Option("--unit", help="octets, seconds, events or money.")]


@app.command()
def add(
    context: typer.Context,
    account: AccountId,
    bucket: BucketId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="As '5 GB', '100 min', '50' or '10.00'.")],
    unit: Unit = "octets",
    name: Annotated[str, typer.Option("--name", help="A name for people.")] = "",
    valid_days: Annotated[
        int | None, typer.Option("--valid-days", min=1, max=36_500, help="Days until it ends.")
    ] = None,
    rating_group: Annotated[
        list[int] | None,
        typer.Option("--rating-group", min=0, max=options.HIGHEST_RATING_GROUP, help="Only for these; may repeat."),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option("--service", help="Only for these, as data, sms, voice or voice/originating; may repeat."),
    ] = None,
    owner: Annotated[
        list[str] | None, typer.Option("--owner", metavar="SUBSCRIBER", help="Only for these subscribers; may repeat.")
    ] = None,
    destination: Annotated[
        list[str] | None, typer.Option("--destination", metavar="NAME", help="Only to these; may repeat.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option("--network", metavar="NAME", help="Only in these networks; may repeat.")
    ] = None,
    band: Annotated[
        list[str] | None, typer.Option("--band", metavar="NAME", help="Only in these bands of time; may repeat.")
    ] = None,
    priority: Annotated[
        int, typer.Option("--priority", min=0, max=1_000_000, help="The smallest is spent first.")
    ] = 100,
    blocking: Annotated[
        bool,
        typer.Option("--blocking", help="Nothing behind it pays for what it is meant for, not even when it is empty."),
    ] = False,
    pays_for: Annotated[
        str | None, typer.Option("--pays-for", metavar="UNIT", help="Another unit that it pays for as well.")
    ] = None,
    at: Annotated[
        str, typer.Option("--at", metavar="AMOUNT", help="What one such unit costs of its own, as '100 kB' or 1/60.")
    ] = "1",
    reason: options.Reason = "ocs bucket add",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Add a bucket to an account, or more to one that is there. Sessions that had run dry go on.

    Example: ocs bucket add acme minutes "100 min" --unit seconds --service voice --valid-days 30
    """
    from diameter_ocs.cli.account import execute_and_print, load
    from diameter_ocs.ledger.account import Bucket
    from diameter_ocs.recharge.commands import Credit
    from diameter_ocs.server.clock import Clock

    of_unit = _unit("--unit", unit)
    terms = _terms(owner, service, blocking, pays_for, at, of_unit)
    loaded = node.settings(context, config)
    places = (destination or (), network or (), band or ())
    if any(places):
        terms = _placed(terms, places, node.catalogue(loaded))
    members = {each.subscriber_id for each in node.run(load(loaded, account)).subscribers}
    for each in owner or ():
        if each not in members:
            raise wrong_option(
                "--owner", f"{each!r} is no subscriber of {account}: {', '.join(sorted(members)) or 'none'}"
            )
    made = Bucket(
        options.record_id("BUCKET", bucket),
        of_unit,
        options.quantity("AMOUNT", amount, of_unit),
        priority=priority,
        valid_until_ms=None if valid_days is None else Clock().at_ms() + valid_days * options.MS_PER_DAY,
        rating_groups=tuple(dict.fromkeys(rating_group or ())),
        name=name,
        terms=terms,
    )
    execute_and_print(loaded, Credit(account, made, reason), as_json)


@app.command()
def overdraft(
    context: typer.Context,
    account: AccountId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="How far below zero, as 20.00; 0, or unlimited.")],
    bucket: Annotated[str, typer.Option("--bucket", metavar="BUCKET", help="Which bucket.")] = "money",
    reason: options.Reason = "ocs bucket overdraft",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Let a bucket be spent below zero: a credit limit, or post-paid without one.

    Example: ocs bucket overdraft acme 20.00
    """
    from diameter_ocs.cli.account import execute_and_print, load
    from diameter_ocs.recharge.commands import MONEY_BUCKET, SetOverdraft
    from diameter_ocs.values.units import UnitType

    loaded = node.settings(context, config)
    found = {each.bucket_id: each.unit for each in node.run(load(loaded, account)).account.buckets}
    unit = found.get(bucket, UnitType.MONEY if bucket == MONEY_BUCKET else None)
    if unit is None:
        raise wrong_option("--bucket", f"account {account} has no bucket {bucket!r}: {', '.join(found) or 'none'}")
    limit = _overdraft(amount, unit)
    execute_and_print(loaded, SetOverdraft(account, limit, bucket, reason), as_json)


@app.command()
def limit(
    context: typer.Context,
    account: AccountId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the limit.")],
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help="As 10.00, '2 GB', '60 min'; none removes the limit.")
    ],
    unit: Unit = "money",
    subscriber: Annotated[
        str,
        typer.Option("--subscriber", metavar="SUBSCRIBER", help="Of this subscriber; of all together when left out."),
    ] = "",
    every: Annotated[
        str, typer.Option("--every", metavar="PERIOD", help="Start anew after each, as '1 day' or 'calendar month'.")
    ] = "",
    reason: options.Reason = "ocs bucket limit",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Cap what is spent of an account: by one subscriber of a family, or in all.

    Example: ocs bucket limit family tom 5.00 --subscriber tom --every "calendar month"
    """
    from diameter_ocs.cli.account import execute_and_print
    from diameter_ocs.recharge.commands import SetLimit

    of_unit = _unit("--unit", unit)
    maximum = None if amount == "none" else options.quantity("AMOUNT", amount, of_unit, least=0)
    loaded = node.settings(context, config)
    command = SetLimit(account, options.record_id("NAME", name), maximum, of_unit, subscriber, _period(every), reason)
    execute_and_print(loaded, command, as_json)


@app.command()
def move(
    context: typer.Context,
    account: AccountId,
    bucket: BucketId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="As '1 GB', '10 min' or '5.00'.")],
    to: Annotated[str, typer.Option("--to", metavar="SUBSCRIBER", help="To whom; to all when left out.")] = "",
    reason: options.Reason = "ocs bucket move",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Give some of a bucket to one member of its account: it pays for the same, until the same time.

    Example: ocs bucket move family data "1 GB" --to tom
    """
    from diameter_ocs.cli.account import execute_and_print, load
    from diameter_ocs.recharge.commands import MoveUnits

    loaded = node.settings(context, config)
    found = {each.bucket_id: each.unit for each in node.run(load(loaded, account)).account.buckets}
    if bucket not in found:
        raise wrong_option("BUCKET", f"account {account} has no bucket {bucket!r}: {', '.join(found) or 'none'}")
    command = MoveUnits(account, bucket, options.quantity("AMOUNT", amount, found[bucket]), to, reason)
    execute_and_print(loaded, command, as_json)


def _unit(option: str, text: str) -> "UnitType":
    from diameter_ocs.values.units import UnitType

    try:
        return UnitType(text)
    except ValueError:
        raise wrong_option(option, f"{text!r} is none of: {', '.join(each.value for each in UnitType)}") from None


def _period(text: str) -> str:
    from diameter_ocs.rating.periods import parse_period

    try:
        return str(parse_period(text)) if text else ""
    except ValueError as error:
        raise wrong_option("--every", error) from None


def _overdraft(text: str, unit: "UnitType") -> int:
    if text == "unlimited":
        return options.LARGEST_MONEY_MICROS if unit.value == "money" else options.LARGEST_OCTETS
    return options.quantity("AMOUNT", text, unit, least=0)


def _terms(
    owners: list[str] | None,
    services: list[str] | None,
    is_blocking: bool,
    pays_for: str | None,
    price: str,
    unit: "UnitType",
) -> "BucketTerms | None":
    """What binds the bucket; None: nothing does."""
    from diameter_ocs.ledger.terms import BucketTerms
    from diameter_ocs.rating.service_names import mistake_in_service

    for each in services or ():
        wrong = mistake_in_service(each)
        if wrong:
            raise wrong_option("--service", wrong)
    other = None if pays_for is None else _unit("--pays-for", pays_for)
    if other is None and price != "1":
        raise wrong_option("--at", "belongs to --pays-for")
    if other is not None and (other is unit or "money" in (other.value, unit.value)):
        raise wrong_option("--pays-for", "must be another unit than the bucket's, and neither may be money")
    made = BucketTerms(
        owners=tuple(dict.fromkeys(owners or ())),
        services=tuple(dict.fromkeys(services or ())),
        is_blocking=is_blocking,
        pays_for=other,
        factor=_factor(price, unit),
    )
    return made if made != BucketTerms() else None


def _placed(terms: "BucketTerms | None", places: "tuple[Sequence[str], ...]", catalogue: "Catalogue") -> "BucketTerms":
    """The terms, bound to names of the catalogue."""
    from msgspec.structs import replace

    from diameter_ocs.ledger.terms import BucketTerms

    geography = catalogue.geography
    known = (geography.destinations.names(), geography.networks.names(), set(catalogue.bands))
    for option, names, there in zip(("--destination", "--network", "--band"), places, known, strict=True):
        for name in names:
            if name not in there:
                raise wrong_option(option, f"the catalogue has no {name!r}: {', '.join(sorted(there)) or 'none'}")
    destinations, networks, bands = (tuple(dict.fromkeys(names)) for names in places)
    return replace(terms or BucketTerms(), destinations=destinations, networks=networks, bands=bands)


def _factor(text: str, unit: "UnitType") -> tuple[int, int]:
    own, slash, others = text.partition("/")
    amount = options.quantity("--at", own, unit)
    return amount, options.quantity("--at", others, unit) if slash else 1
