"""`ocs api`: keys of the programs that use the REST API, and its description."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import Failure, wrong_option
from diameter_ocs.cli.output import console, print_json, table, when

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diameter_ocs.values.api_key import ApiKey

app = typer.Typer(help="The REST API: its keys, and its description.", no_args_is_help=True)
key_app = typer.Typer(help="Keys: who may use the API, and for what.", no_args_is_help=True)
app.add_typer(key_app, name="key")

CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
MS_PER_DAY = 86_400_000
MS_PER_HOUR = 3_600_000

Client = Annotated[str, typer.Argument(metavar="CLIENT", help="The program that has the key, as shop or crm.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Id of the key, as `ocs api key list` tells it.")]


@key_app.command()
def create(
    context: typer.Context,
    client: Client,
    role: Annotated[str, typer.Option("--role", help="read, care, finance, operator, channel or admin.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="Only this of what the role may, as topups:write; may repeat.")
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, max=36_500, help="Days until it expires.")] = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Make a key. It is shown now and never again: only a digest is kept.

    Example: ocs api key create shop --role channel --days 365
    """
    from diameter_ocs.api.keys import new_key
    from diameter_ocs.server.clock import Clock

    if not CLIENT.match(client):
        raise wrong_option("CLIENT", f"{client!r} must be 1 to 64 letters, digits, dots, dashes or underscores")
    scopes = _scopes(role, scope or ())
    loaded = node.settings(context, config)
    at_ms = Clock().at_ms()
    made, text = new_key(client, role, scopes, at_ms, None if days is None else at_ms + days * MS_PER_DAY)

    async def write() -> None:
        async with node.opened(loaded, must_exist=False) as store:
            for each in await store.api_keys():
                if each.client == client and each.is_good(at_ms):
                    raise Failure(f"{client} has the key {each.key_id}: rotate or revoke it, or name another client", 1)
            await store.write_api_keys([made])

    node.run(write())
    _tell_new(made, text, as_json)


@key_app.command("list")
def list_keys(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Those that have expired or are revoked too.")] = False,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List keys with what they may do and when they were used. The last use lags behind by some minutes."""
    from diameter_ocs.server.clock import Clock

    at_ms = Clock().at_ms()
    found = [each for each in _all(context, config) if everything or each.is_good(at_ms)]
    if as_json:
        print_json([_facts(each) for each in found])
        return
    made = table("Keys of the API (UTC)", "client", "key", "role", "scopes", "made", "expires", "last used", "state")
    for each in found:
        state = "revoked" if each.revoked_ms is not None else "good" if each.is_good(at_ms) else "expired"
        scopes = ", ".join(each.scopes) or "all of the role"
        times = (when(each.created_ms), when(each.expires_ms), when(each.used_ms))
        made.add_row(each.client, each.key_id, each.role, scopes, *times, state)
    console().print(made)


@key_app.command()
def rotate(
    context: typer.Context,
    key: KeyId,
    grace_hours: Annotated[
        int, typer.Option("--grace-hours", min=0, max=8760, help="How long the old key is still good.")
    ] = 24,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Replace a key by a new one with the same rights; the old one is good for some hours more.

    Example: ocs api key rotate 4f0c1d2e3a4b --grace-hours 48
    """
    from diameter_ocs.api.keys import rotated
    from diameter_ocs.server.clock import Clock

    loaded = node.settings(context, config)
    at_ms = Clock().at_ms()

    async def replace() -> "tuple[ApiKey, str]":
        async with node.opened(loaded) as store:
            old = await store.api_key(key)
            if old is None or not old.is_good(at_ms):
                raise Failure(f"there is no good key {key}; see `ocs api key list --all`", 1)
            ending, new, text = rotated(old, at_ms, grace_hours * MS_PER_HOUR)
            await store.write_api_keys([ending, new])
            return new, text

    _tell_new(*node.run(replace()), as_json)


@key_app.command()
def revoke(
    context: typer.Context, key: KeyId, config: options.ConfigFile = None, as_json: options.AsJson = False
) -> None:
    """Take a key back: it is good for nothing from now on, on every node."""
    from diameter_ocs.api.keys import revoked
    from diameter_ocs.server.clock import Clock

    loaded = node.settings(context, config)

    async def take_back() -> "ApiKey":
        async with node.opened(loaded) as store:
            old = await store.api_key(key)
            if old is None:
                raise Failure(f"there is no key {key}; see `ocs api key list --all`", 1)
            done = revoked(old, Clock().at_ms())
            await store.write_api_keys([done])
            return done

    done = node.run(take_back())
    if as_json:
        print_json(_facts(done))
    else:
        console().print(f"key {done.key_id} of {done.client} is revoked")


@app.command()
def roles(as_json: options.AsJson = False) -> None:
    """Show what each role may do."""
    from diameter_ocs.api.roles import ROLES, SCOPES

    if as_json:
        print_json({role: sorted(scopes) for role, scopes in ROLES.items()})
        return
    made = table("Roles", "scope", *ROLES, "meaning")
    for scope, meaning in SCOPES.items():
        made.add_row(scope, *("x" if scope in scopes else "" for scopes in ROLES.values()), meaning)
    console().print(made)


@app.command()
def openapi() -> None:
    """Print the OpenAPI description of the API."""
    from diameter_ocs.api.describe import description

    print_json(description())


def _scopes(role: str, scopes: "Sequence[str]") -> tuple[str, ...]:
    from diameter_ocs.api.problems import nearest
    from diameter_ocs.api.roles import ROLES

    if role not in ROLES:
        raise wrong_option("--role", f"{role!r} is no role; {nearest(role, ROLES)}")
    for scope in scopes:
        if scope not in ROLES[role]:
            raise wrong_option("--scope", f"{scope!r} is not in role {role}; {nearest(scope, ROLES[role])}")
    return tuple(dict.fromkeys(scopes))


def _all(context: typer.Context, config: options.ConfigFile) -> "Sequence[ApiKey]":
    loaded = node.settings(context, config)

    async def read() -> "Sequence[ApiKey]":
        async with node.opened(loaded) as store:
            return await store.api_keys()

    return node.run(read())


def _tell_new(made: "ApiKey", text: str, as_json: bool) -> None:
    if as_json:
        print_json(_facts(made) | {"secret_key": text})
        return
    typer.echo(text)
    typer.echo(f"Key {made.key_id} of {made.client}, role {made.role}. Keep it now: it is not shown again.", err=True)


def _facts(key: "ApiKey") -> dict[str, object]:
    from diameter_ocs.values.instant import instant

    return {
        "key_id": key.key_id,
        "client": key.client,
        "role": key.role,
        "scopes": list(key.scopes),
        "created": instant(key.created_ms),
        "expires": instant(key.expires_ms),
        "revoked": instant(key.revoked_ms),
        "last_used": instant(key.used_ms),
    }
