"""`ocs account`: wallets with their buckets and subscribers."""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import wrong_option
from diameter_ocs.cli.output import console, plain, print_json, when

if TYPE_CHECKING:
    from diameter_ocs.config import Config
    from diameter_ocs.ledger.account import Bucket
    from diameter_ocs.ledger.journal import Entry
    from diameter_ocs.recharge.commands import OnAccount, OpenAccount
    from diameter_ocs.storage.past import PastBalance
    from diameter_ocs.storage.protocol import VersionedAccount

app = typer.Typer(help="Accounts: balances, and the subscribers that spend them.", no_args_is_help=True)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.")]


@app.command()
def create(
    context: typer.Context,
    account: Annotated[str | None, typer.Argument(metavar="ACCOUNT", help="Its id; made up when left out.")] = None,
    name: Annotated[str, typer.Option("--name", help="A name for people.")] = "",
    balance: options.Balance = None,
    data: options.Data = None,
    valid_days: options.ValidDays = None,
    rating_group: options.RatingGroups = None,
    priority: options.DataPriority = 100,
    msisdn: options.Msisdn = None,
    imsi: options.Imsi = None,
    nai: options.Nai = None,
    sip: options.Sip = None,
    private: options.Private = None,
    offer: Annotated[str | None, typer.Option("--offer", help="Offer of the first subscriber.")] = None,
    time_zone: options.TimeZone = None,
    segment: options.Segment = None,
    reason: options.Reason = "ocs account create",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Open an account, with a balance and a first subscriber if you like.

    Example: ocs account create acme --balance 10.00 --data "5 GB" --valid-days 30
    --msisdn 49151000001 --offer prepaid-data
    """
    from diameter_ocs.cli.recharging import buckets, new_subscriber
    from diameter_ocs.recharge.commands import OpenAccount
    from diameter_ocs.server.clock import Clock
    from diameter_ocs.values.identity import new_id

    loaded = node.settings(context, config)
    catalogue, at_ms = node.catalogue(loaded), Clock().at_ms()
    names = options.identities(msisdn, imsi, nai, sip, private)
    is_alone = not (names or offer or time_zone or segment)
    command = OpenAccount(
        account_id=options.record_id("ACCOUNT", account)
        if account is not None
        else new_id("acc", at_ms, secrets.randbits(64)),
        currency=catalogue.currency,
        name=name,
        buckets=buckets(balance, data, valid_days, rating_group, priority, at_ms),
        subscribers=()
        if is_alone
        else (new_subscriber(names, offer, catalogue, at_ms, time_zone=time_zone, segment=segment),),
        reason=reason,
    )
    execute_and_print(loaded, command, as_json)


@app.command()
def show(
    context: typer.Context, account: AccountId, config: options.ConfigFile = None, as_json: options.AsJson = False
) -> None:
    """Show an account: its buckets, its subscribers and its latest one-time events."""
    from diameter_ocs.cli.history import History, entry_facts

    loaded = node.settings(context, config)
    found, events = node.run(_load_with_events(loaded, account))
    if as_json:
        from diameter_ocs.cli import views

        print_json(views.account_facts(found) | {"latest_events": [entry_facts(entry) for entry in events]})
        return
    print_account(found, as_json)
    if events:
        console().print(History(found.account).table(events, "Latest one-time events (UTC)"))


@app.command("list")
def list_accounts(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="How many to show at most.")] = 100,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List accounts by id."""
    from diameter_ocs.cli import lookup, views

    loaded = node.settings(context, config)

    async def load_all() -> "list[VersionedAccount]":
        async with node.opened(loaded) as store:
            return await lookup.accounts(store, limit)

    found = node.run(load_all())
    if as_json:
        print_json([views.account_facts(each) for each in found])
    else:
        console().print(views.account_table(found))


@app.command()
def credit(
    context: typer.Context,
    account: AccountId,
    balance: options.Balance = None,
    data: options.Data = None,
    valid_days: options.ValidDays = None,
    rating_group: options.RatingGroups = None,
    priority: options.DataPriority = 100,
    reason: options.Reason = "ocs account credit",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Add money or data. Every --data makes a bucket of its own. Sessions that had run dry go on.

    Example: ocs account credit acme --balance 5.00
    """
    from diameter_ocs.cli.recharging import buckets
    from diameter_ocs.server.clock import Clock

    if balance is None and not data:
        raise wrong_option("--balance", "say what to add: --balance or --data")
    loaded = node.settings(context, config)
    before = node.run(load(loaded, account))
    taken = [bucket.bucket_id for bucket in before.account.buckets]
    added = buckets(balance, data, valid_days, rating_group, priority, Clock().at_ms(), taken)
    node.run(_credit(loaded, account, added, reason))
    print_account(node.run(load(loaded, account)), as_json)


@app.command()
def balance(
    context: typer.Context,
    account: AccountId,
    at: options.At = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what an account held at a moment, bucket by bucket, as its journal tells it.

    What was promised to sessions then is part of what remained. A bucket whose time was over but that nobody had
    written off yet is still there.

    Example: ocs account balance acme --at 2026-11-01T12:00
    """
    from diameter_ocs.cli import views
    from diameter_ocs.server.clock import Clock

    loaded = node.settings(context, config)
    at_ms = Clock().at_ms() if at is None else options.moment("--at", at, node.catalogue(loaded).zone)
    found, past = node.run(_load_past(loaded, account, at_ms))
    if as_json:
        print_json(views.past_facts(found.account, past))
        return
    out = console()
    since = f"after entry {past.seq}" if past.seq else "before its first entry"
    out.print(f"account {found.account.account_id} at {when(past.at_ms)} UTC, {since}")
    out.print(views.past_table(found.account, past))


@app.command()
def block(
    context: typer.Context,
    account: AccountId,
    reason: options.Reason = "ocs account block",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Refuse service to every subscriber of an account; gateways are asked to end open sessions."""
    _set_status(context, account, "blocked", reason, config, as_json)


@app.command()
def unblock(
    context: typer.Context,
    account: AccountId,
    reason: options.Reason = "ocs account unblock",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Serve a blocked account again."""
    _set_status(context, account, "active", reason, config, as_json)


@app.command()
def seed(context: typer.Context, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """Open the 20 demo accounts, or bring their balances back to where the demo starts.

    Their subscribers are 99955500101 to 99955500120, those of the scenarios in config/scenarios.
    """
    from diameter_ocs.cli import views

    found = node.run(_seed(node.settings(context, config)))
    if as_json:
        print_json([views.account_facts(each) for each in found])
    else:
        console().print(views.account_table(found))


async def _seed(config: "Config") -> "list[VersionedAccount]":
    from diameter_ocs.assemble import engine_of
    from diameter_ocs.cli import lookup
    from diameter_ocs.demo.subscribers import ACCOUNT_IDS
    from diameter_ocs.demo.subscribers import seed as seed_accounts
    from diameter_ocs.server.clock import Clock

    async with node.opened(config, must_exist=False) as store:
        engine = await engine_of(config, store)
        await engine.start()
        try:
            await seed_accounts(engine, store, engine.terms.catalogue.currency, Clock().at_ms())
        finally:
            await engine.stop()
        return [await lookup.account(store, account_id) for account_id in ACCOUNT_IDS]


def _set_status(
    context: typer.Context,
    account: str,
    status: str,
    reason: str,
    config: options.ConfigFile,
    as_json: bool,
) -> None:
    from diameter_ocs.ledger.account import Status
    from diameter_ocs.recharge.commands import SetAccountStatus

    loaded = node.settings(context, config)
    command = SetAccountStatus(account, Status(status), reason)
    execute_and_print(loaded, command, as_json)


def execute_and_print(config: "Config", command: "OpenAccount | OnAccount", as_json: bool) -> None:
    """Do what a command says and show the account after it. Raises Failure when it was refused."""
    node.succeeded(node.run(node.execute(config, command)))
    print_account(node.run(load(config, command.account_id)), as_json)


async def load(config: "Config", account_id: str) -> "VersionedAccount":
    """One account. Raises Failure when it is not there."""
    from diameter_ocs.cli import lookup

    async with node.opened(config) as store:
        return await lookup.account(store, account_id)


async def _load_with_events(config: "Config", account_id: str) -> "tuple[VersionedAccount, list[Entry]]":
    from diameter_ocs.cli import lookup

    async with node.opened(config) as store:
        found = await lookup.account(store, account_id)
        return found, await lookup.latest_events(store, found)


async def _load_past(config: "Config", account_id: str, at_ms: int) -> "tuple[VersionedAccount, PastBalance]":
    from diameter_ocs.cli import lookup
    from diameter_ocs.storage.past import balance_at

    async with node.opened(config) as store:
        found = await lookup.account(store, account_id)
        return found, await balance_at(store, found.account, at_ms)


async def _credit(config: "Config", account_id: str, added: "tuple[Bucket, ...]", reason: str) -> None:
    from diameter_ocs.recharge.commands import Credit

    for bucket in added:
        node.succeeded(await node.execute(config, Credit(account_id, bucket, reason)))


def print_account(loaded: "VersionedAccount", as_json: bool) -> None:
    """An account for people, or for programs."""
    from diameter_ocs.cli import views

    if as_json:
        print_json(views.account_facts(loaded))
        return
    out, account = console(), loaded.account
    out.print(account.account_id, style="bold", end=" ")
    out.print(views.status_text(account.status), f" {account.open_sessions} open sessions  {plain(account.name)}")
    out.print(views.bucket_table(account))
    if account.owned:
        out.print(views.owned_table(account))
    if account.limits:
        out.print(views.limit_table(account))
    out.print(views.subscriber_table(loaded.subscribers, account=account))
    if any(subscriber.day_use for subscriber in loaded.subscribers):
        out.print(views.day_use_table(loaded.subscribers))
