"""`ocs session`: credit-control sessions and their history."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import WRONG_USAGE, Failure
from diameter_ocs.cli.output import console, instant, plain, print_json, when
from diameter_ocs.values.session_key import parts_of_key, session_key, told_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diameter_ocs.charging.outbox import GatewayRequest
    from diameter_ocs.charging.session import Session
    from diameter_ocs.config import Config
    from diameter_ocs.ledger.journal import Entry
    from diameter_ocs.storage.protocol import VersionedAccount

app = typer.Typer(help="Sessions: what gateways have open, and what happened in them.", no_args_is_help=True)

SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="The whole Session-Id, in quotes.")]


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
    sub_session: options.SubSession = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a session or one-time event and its history: what was debited, released, reserved and answered."""
    loaded = node.settings(context, config)
    key = session_key(session, sub_session) if session is not None else None
    event = node.run(_load_event(loaded, key)) if key is not None else None
    if event is not None:
        _print_event(str(key), *event, as_json)
        return
    found = node.run(_load(loaded, key))
    if as_json:
        _print_json(found)
    else:
        _print(found)


@app.command()
def reauthorize(
    context: typer.Context,
    session: SessionId,
    rating_group: Annotated[
        int | None, typer.Option("--rating-group", min=0, max=(1 << 32) - 1, help="Only this group of the session.")
    ] = None,
    sub_session: options.SubSession = None,
    pool: Annotated[
        int | None, typer.Option("--pool", min=0, max=(1 << 32) - 1, help="Only the groups of this credit pool.")
    ] = None,
    reason: options.Reason = "ocs session reauthorize",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Have the gateway report and ask again (RAR), as after a change of price or balance.

    The running node sends it; `ocs session show` tells what came of it.
    """
    if rating_group is not None and pool is not None:
        raise Failure("--rating-group and --pool: name one of them", WRONG_USAGE)
    _ask(context, session_key(session, sub_session), "reauthorize", rating_group, reason, config, as_json, pool)


@app.command()
def abort(
    context: typer.Context,
    session: SessionId,
    sub_session: options.SubSession = None,
    reason: options.Reason = "ocs session abort",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Have the gateway end a session (ASR); it reports the last usage first.

    The running node sends it; `ocs session show` tells what came of it. A gateway may refuse.
    """
    _ask(context, session_key(session, sub_session), "abort", None, reason, config, as_json)


@app.command()
def link(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="LINK", help="A redirect link in quotes, or only its token.")],
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Check the signature and age of a portal link and show whose session it names.

    For developers of a portal that verifies such links itself. Exit code 1 when a portal has to refuse the link.
    """
    from diameter_ocs.config.checks import portal_secret
    from diameter_ocs.server.clock import Clock
    from diameter_ocs.values.portal_link import LinkExpired, LinkRefused, token_in, verify

    secret = portal_secret(node.settings(context, config))
    if secret is None:
        raise Failure(
            "portal.secret — is not set, so no link can be verified — set it or portal.secret_file", WRONG_USAGE
        )
    now_ms = Clock().at_ms()
    try:
        found = verify(secret, token_in(text), now_ms)
    except LinkExpired as error:
        until, session = when(error.link.until_ms), plain(told_key(error.link.session_id))
        raise Failure(f"expired: it was good until {until} UTC, for session {session}") from None
    except LinkRefused as error:
        raise Failure(f"refused: {error}") from None
    session_id, sub_session = parts_of_key(found.session_id)
    facts = {
        "session_id": session_id,
        "sub_session_id": sub_session,
        "account_id": found.account_id,
        "subscriber_id": found.subscriber_id,
        "good_until": instant(found.until_ms),
        "seconds_left": (found.until_ms - now_ms) // 1000,
    }
    if as_json:
        print_json(facts)
        return
    console().print("signed with portal.secret, and not too old", style="green")
    for name, value in facts.items():
        if value is not None:
            console().print(f"{name.replace('_', ' '):15}{plain(str(value))}", soft_wrap=True)


def _ask(
    context: typer.Context,
    key: str,
    kind: str,
    rating_group: int | None,
    reason: str,
    config: options.ConfigFile,
    as_json: bool,
    pool: int | None = None,
) -> None:
    from diameter_ocs.charging.commands import AskGateway
    from diameter_ocs.charging.outbox import RequestKind

    loaded = node.settings(context, config)
    found = node.run(_load(loaded, key))
    command = AskGateway(found.session.account_id, key, RequestKind(kind), rating_group, reason, pool)
    node.succeeded(node.run(node.execute(loaded, command)))
    after = node.run(_load(loaded, key))
    if as_json:
        _print_json(after)
    else:
        from diameter_ocs.cli import views

        console().print(views.request_table(after.requests))


@dataclass(frozen=True, slots=True)
class _Found:
    """A session with all that belongs to it."""

    session: "Session"
    owner: "VersionedAccount"
    entries: "Sequence[Entry]"
    requests: "Sequence[GatewayRequest]"


async def _load_event(config: "Config", key: str) -> "tuple[VersionedAccount, list[Entry]] | None":
    """None: this is not the key of a one-time event."""
    from diameter_ocs.cli import lookup

    async with node.opened(config) as store:
        return await lookup.event(store, key)


async def _load(config: "Config", key: str | None) -> _Found:
    from diameter_ocs.cli import lookup

    async with node.opened(config) as store:
        found = await lookup.session(store, key)
        owner = await lookup.account(store, found.account_id)
        entries = await store.session_entries(found.session_id)
        return _Found(found, owner, entries, await store.session_requests(found.session_id))


def _print_event(key: str, owner: "VersionedAccount", entries: "list[Entry]", as_json: bool) -> None:
    from diameter_ocs.cli.history import History, entry_facts

    account = owner.account
    if as_json:
        history = [entry_facts(entry) for entry in entries]
        session_id, sub_session = parts_of_key(key)
        facts = {"session_id": session_id, "sub_session_id": sub_session, "account_id": account.account_id}
        print_json(facts | {"history": history})
        return
    out = console()
    out.print(plain(told_key(key)), style="bold")
    out.print(f"a one-time event of account {account.account_id}")
    out.print(History(account).table(entries))


def _print_json(found: _Found) -> None:
    from diameter_ocs.cli import views
    from diameter_ocs.cli.history import entry_facts

    history = [entry_facts(entry) for entry in found.entries]
    requests = [views.request_facts(request) for request in found.requests]
    print_json(views.session_facts(found.session) | {"history": history, "requests": requests})


def _print(found: _Found) -> None:
    from diameter_ocs.cli import views
    from diameter_ocs.cli.history import History

    out, session, account = console(), found.session, found.owner.account
    why = f" ({session.close_reason})" if session.close_reason else ""
    out.print(plain(told_key(session.session_id)), style="bold")
    out.print(f"account {session.account_id}, subscriber {session.subscriber_id}, from {plain(session.origin_host)}")
    out.print(f"{session.status.value}{why}, {plain(session.service_context)}")
    if conditions := views.condition_lines(session.conditions):
        out.print(conditions)
    out.print(views.quota_table(session, account.currency))
    if session.pools:
        out.print(views.pool_table(session, account.currency))
    units = {quota.rating_group: quota.unit for quota in session.quotas}
    out.print(History(account, units).table(found.entries))
    if found.requests:
        out.print(views.request_table(found.requests))
