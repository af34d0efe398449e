"""`ocs peer`: the peers of a running node, asked over its HTTP port."""

from typing import Annotated
from urllib.parse import quote

import typer

from diameter_ocs.cli import node, options, running
from diameter_ocs.cli.output import console, plain, print_json, table, when
from diameter_ocs.server.control import Cause

app = typer.Typer(help="Peers of a running node: who is connected, who was refused and why.", no_args_is_help=True)


@app.command("list")
def list_peers(
    context: typer.Context,
    http: running.HttpAddress = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List peers with their state, and refused ones with the lines of ocs.toml that admit them."""
    found = running.ask(node.settings(context, config), http, "peers")
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
    http: running.HttpAddress = None,
    config: options.ConfigFile = None,
) -> None:
    """Disconnect a peer in order (DPR). After 'rebooting' it may come back at once; after the others it should not."""
    running.ask(
        node.settings(context, config), http, f"peers/{quote(host, safe='')}/disconnect", {"cause": cause.value}
    )
    console().print(f"{host} is being disconnected, cause {cause.value}")
