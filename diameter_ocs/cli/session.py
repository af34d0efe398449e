"""`ocs session`: credit-control sessions and their history."""

from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.output import console, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diameter_ocs.charging.session import Session
    from diameter_ocs.config import Config
    from diameter_ocs.ledger.journal import Entry
    from diameter_ocs.storage.protocol import VersionedAccount

app = typer.Typer(help="Sessions: what gateways have open, and what happened in them.", no_args_is_help=True)


@app.command("list")
def list_sessions(
    context: typer.Context,
    account: Annotated[str | None, typer.Option("--account", help="Only those of this account.")] = None,
    closed: Annotated[bool, typer.Option("--all", help="Closed ones too, as long as they are remembered.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="How many to show at most.")] = 100,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List sessions, the latest first."""
    from diameter_ocs.cli import lookup, views

    loaded = node.settings(context, config)

    async def load() -> "Sequence[Session]":
        async with node.opened(loaded) as store:
            return await lookup.sessions(store, account, open_only=not closed, limit=limit)

    found = node.run(load())
    if as_json:
        print_json([views.session_facts(each) for each in found])
    else:
        console().print(views.session_table(found))


@app.command()
def show(
    context: typer.Context,
    session: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="The whole Session-Id, in quotes; the latest when left out.")
    ] = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a session or one-time event and its history: what was debited, released, reserved and answered."""
    loaded = node.settings(context, config)
    found, owner, entries = node.run(_load(loaded, session))
    if found is None:
        _print_event(str(session), owner, entries, as_json)
    elif as_json:
        _print_json(found, entries)
    else:
        _print(found, owner, entries)


async def _load(config: "Config", session_id: str | None) -> "tuple[Session | None, VersionedAccount, list[Entry]]":
    """No session: it is the Session-Id of a one-time event."""
    from diameter_ocs.cli import lookup

    async with node.opened(config) as store:
        event = await lookup.event(store, session_id) if session_id is not None else None
        if event is not None:
            return None, *event
        found = await lookup.session(store, session_id)
        owner = await lookup.account(store, found.account_id)
        return found, owner, list(await store.session_entries(found.session_id))


def _print_event(session_id: str, owner: "VersionedAccount", entries: "list[Entry]", as_json: bool) -> None:
    from diameter_ocs.cli.history import History, entry_facts

    account = owner.account
    if as_json:
        history = [entry_facts(entry) for entry in entries]
        print_json({"session_id": session_id, "account_id": account.account_id, "history": history})
        return
    out = console()
    out.print(plain(session_id), style="bold")
    out.print(f"a one-time event of account {account.account_id}")
    out.print(History(account).table(entries))


def _print_json(session: "Session", entries: "list[Entry]") -> None:
    from diameter_ocs.cli import views
    from diameter_ocs.cli.history import entry_facts

    print_json(views.session_facts(session) | {"history": [entry_facts(entry) for entry in entries]})


def _print(session: "Session", owner: "VersionedAccount", entries: "list[Entry]") -> None:
    from diameter_ocs.cli import views
    from diameter_ocs.cli.history import History

    out = console()
    why = f" ({session.close_reason})" if session.close_reason else ""
    out.print(plain(session.session_id), style="bold")
    out.print(f"account {session.account_id}, subscriber {session.subscriber_id}, from {plain(session.origin_host)}")
    out.print(f"{session.status.value}{why}, {plain(session.service_context)}")
    out.print(views.quota_table(session, owner.account.currency))
    units = {quota.rating_group: quota.unit for quota in session.quotas}
    out.print(History(owner.account, units).table(entries))
