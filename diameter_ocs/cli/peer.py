"""`ocs peer`: the peers of a running node, asked over its HTTP port."""

import json
from typing import TYPE_CHECKING, Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import WRONG_USAGE, Failure
from diameter_ocs.cli.output import console, plain, print_json, table, when
from diameter_ocs.server.control import Cause

if TYPE_CHECKING:
    from diameter_ocs.config import Config

PATIENCE_SECONDS = 5.0
HttpAddress = Annotated[
    str | None, typer.Option("--http", metavar="HOST:PORT", help="HTTP address of the node instead of http.listen.")
]

app = typer.Typer(help="Peers of a running node: who is connected, who was refused and why.", no_args_is_help=True)


@app.command("list")
def list_peers(
    context: typer.Context,
    http: HttpAddress = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List peers with their state, and refused ones with the lines of ocs.toml that admit them."""
    found = _ask(node.settings(context, config), http, "peers")
    if as_json:
        print_json(found)
        return
    out = console()
    columns = ("peer", "profile", "state", "address", "since", "in", "out", "watchdog")
    peers = table("Peers", *columns, right=("in", "out"))
    for peer in found["peers"]:
        where = (plain(peer["host"]), peer["profile"], peer["state"], peer["address"], when(peer["connected_since_ms"]))
        peers.add_row(*where, f"{peer['messages_in']:,}", f"{peer['messages_out']:,}", peer["watchdog"])
    out.print(peers)
    for refused in found["refused"]:
        out.print(f"\nrefused {when(refused['at_ms'])} {plain(refused['host'])} from {refused['address']}")
        out.print(f"{plain(refused['reason'])}; to admit it, add to ocs.toml and start again:")
        out.print(refused["hint"], markup=False)


@app.command()
def disconnect(
    context: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST", help="Origin-Host of the peer.")],
    cause: Annotated[Cause, typer.Option("--cause", help="Disconnect-Cause told to the peer.")] = Cause.REBOOTING,
    http: HttpAddress = None,
    config: options.ConfigFile = None,
) -> None:
    """Disconnect a peer in order (DPR). After 'rebooting' it may come back at once; after the others it should not."""
    _ask(node.settings(context, config), http, f"peers/{quote(host, safe='')}/disconnect", {"cause": cause.value})
    console().print(f"{host} is being disconnected, cause {cause.value}")


def _ask(config: "Config", http: str | None, path: str, order: dict[str, Any] | None = None) -> Any:
    """What the node answers. Raises Failure with what it says, or that it does not answer."""
    address = http or str(config.http.listen)
    body = None if order is None else json.dumps(order).encode()
    request = Request(f"http://{address}/api/v1/{path}", body, {"content-type": "application/json"})
    try:
        with urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return json.load(answer)
    except HTTPError as error:
        raise Failure(_detail(error), 1) from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Failure(f"no node answers at http://{address}: {reason}; is `ocs serve` running?", WRONG_USAGE) from None


def _detail(error: HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError):
        return f"the node answered {error.code}"
