"""`ocs subscriber`: the SIMs and users of accounts."""

from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import wrong_option
from diameter_ocs.cli.output import console, print_json

if TYPE_CHECKING:
    from diameter_ocs.config import Config
    from diameter_ocs.ledger.account import Subscriber
    from diameter_ocs.storage.protocol import VersionedAccount

app = typer.Typer(help="Subscribers: the SIMs and users that spend from accounts.", no_args_is_help=True)

Who = Annotated[
    str,
    typer.Argument(metavar="WHO", help="msisdn, imsi, kind:value such as nai:a@b.org, or ACCOUNT/SUBSCRIBER."),
]


@app.command()
def create(
    context: typer.Context,
    account: Annotated[str, typer.Option("--account", help="The account that pays.")],
    offer: Annotated[str, typer.Option("--offer", help="Offer of the catalogue.")],
    subscriber_id: Annotated[str | None, typer.Option("--id", help="Its id; made up when left out.")] = None,
    msisdn: options.Msisdn = None,
    imsi: options.Imsi = None,
    nai: options.Nai = None,
    sip: options.Sip = None,
    private: options.Private = None,
    time_zone: options.TimeZone = None,
    segment: options.Segment = None,
    reason: options.Reason = "ocs subscriber create",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Let one more subscriber spend from an account.

    Example: ocs subscriber create --account acme --offer prepaid-data --msisdn 49151000002 --imsi 001010000000002
    """
    from diameter_ocs.cli.recharging import new_subscriber
    from diameter_ocs.recharge.commands import AddSubscriber
    from diameter_ocs.server.clock import Clock

    loaded = node.settings(context, config)
    names = options.identities(msisdn, imsi, nai, sip, private)
    new = new_subscriber(names, offer, node.catalogue(loaded), Clock().at_ms(), subscriber_id, time_zone, segment)
    node.succeeded(node.run(node.execute(loaded, AddSubscriber(account, new, reason))))
    _print(*node.run(_load(loaded, f"{account}/{new.subscriber_id}")), as_json)


@app.command()
def show(context: typer.Context, who: Who, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """Show a subscriber and what it can spend."""
    loaded = node.settings(context, config)
    _print(*node.run(_load(loaded, who)), as_json)


@app.command("list")
def list_subscribers(
    context: typer.Context,
    account: Annotated[str | None, typer.Option("--account", help="Only those of this account.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="How many to show at most.")] = 100,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List subscribers by account."""
    from diameter_ocs.cli import lookup, views

    loaded = node.settings(context, config)

    async def load() -> "list[VersionedAccount]":
        async with node.opened(loaded) as store:
            return [await lookup.account(store, account)] if account else await lookup.accounts(store, limit)

    found = [each for owner in node.run(load()) for each in owner.subscribers][:limit]
    if as_json:
        print_json([views.subscriber_facts(each) for each in found])
    else:
        console().print(views.subscriber_table(found))


@app.command()
def block(
    context: typer.Context,
    who: Who,
    reason: options.Reason = "ocs subscriber block",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Refuse service to one subscriber; gateways are asked to end open sessions."""
    _set_status(context, who, "blocked", reason, config, as_json)


@app.command()
def unblock(
    context: typer.Context,
    who: Who,
    reason: options.Reason = "ocs subscriber unblock",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Serve a blocked subscriber again."""
    _set_status(context, who, "active", reason, config, as_json)


@app.command()
def offer(
    context: typer.Context,
    who: Who,
    name: Annotated[str, typer.Argument(metavar="OFFER", help="An offer of the catalogue.")],
    reason: options.Reason = "ocs subscriber offer",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Change a subscriber to another offer. What open sessions hold is paid at the old prices, what follows at the new.

    Gateways are asked to come back for open sessions (RAR).
    """
    from diameter_ocs.cli.recharging import known_offer
    from diameter_ocs.recharge.commands import ChangeOffer

    loaded = node.settings(context, config)
    chosen = known_offer(name, node.catalogue(loaded), "OFFER")
    _, found = node.run(_load(loaded, who))
    command = ChangeOffer(found.account_id, found.subscriber_id, chosen, reason)
    node.succeeded(node.run(node.execute(loaded, command)))
    _print(*node.run(_load(loaded, f"{found.account_id}/{found.subscriber_id}")), as_json)


@app.command()
def extend(
    context: typer.Context,
    who: Who,
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="How much longer, as '30 days' or '1 month'.")],
    reason: options.Reason = "ocs subscriber extend",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Let a subscriber with a life cycle be active for longer, whatever stage it is in.

    Example: ocs subscriber extend 49151000002 "30 days"
    """
    from diameter_ocs.rating.periods import parse_period
    from diameter_ocs.recharge.commands import ExtendSubscriber

    try:
        length = str(parse_period(period))
    except ValueError as error:
        raise wrong_option("PERIOD", error) from None
    loaded = node.settings(context, config)
    _, found = node.run(_load(loaded, who))
    command = ExtendSubscriber(found.account_id, found.subscriber_id, length, reason)
    node.succeeded(node.run(node.execute(loaded, command)))
    _print(*node.run(_load(loaded, f"{found.account_id}/{found.subscriber_id}")), as_json)


def _set_status(
    context: typer.Context, who: str, status: str, reason: str, config: options.ConfigFile, as_json: bool
) -> None:
    from diameter_ocs.ledger.account import Status
    from diameter_ocs.recharge.commands import SetSubscriberStatus

    loaded = node.settings(context, config)
    _, found = node.run(_load(loaded, who))
    command = SetSubscriberStatus(found.account_id, found.subscriber_id, Status(status), reason)
    node.succeeded(node.run(node.execute(loaded, command)))
    _print(*node.run(_load(loaded, f"{found.account_id}/{found.subscriber_id}")), as_json)


async def _load(config: "Config", who: str) -> "tuple[VersionedAccount, Subscriber]":
    from diameter_ocs.cli import lookup

    async with node.opened(config) as store:
        return await lookup.subscriber(store, who)


def _print(owner: "VersionedAccount", subscriber: "Subscriber", as_json: bool) -> None:
    from diameter_ocs.cli import views

    if as_json:
        facts = views.subscriber_facts(subscriber)
        buckets = [views.bucket_facts(bucket) for bucket in owner.account.buckets]
        print_json(facts | {"account_status": owner.account.status.value, "buckets": buckets})
        return
    out = console()
    out.print(views.subscriber_table([subscriber], title="Subscriber"))
    out.print("account", owner.account.account_id, views.status_text(owner.account.status))
    out.print(views.bucket_table(owner.account))
