"""`ocs catalogue`: what is sold, in a running node."""

import typer

from diameter_ocs.cli import node, options, running
from diameter_ocs.cli.output import console, print_json

app = typer.Typer(help="The catalogue of a running node.", no_args_is_help=True)


@app.command()
def reload(
    context: typer.Context,
    http: running.HttpAddress = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Have a running node read its catalogue file again, as SIGHUP does.

    With any mistake in it the catalogue in force stays; every mistake is listed. Gateways are asked to come back for
    open sessions of offers that have changed.
    """
    found = running.ask(node.settings(context, config), http, "catalogue/reload", {})
    if as_json:
        print_json(found)
        return
    changed = ", ".join(found["changed_offers"]) or "none"
    console().print(f"catalogue {found['version']} is in force; changed offers: {changed}")
