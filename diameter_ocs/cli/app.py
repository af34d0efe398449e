"""The root of the command line: all groups of commands, and how every failure is told."""

import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from diameter_ocs.cli import (
    account,
    api,
    audit,
    bucket,
    catalogue,
    decode,
    demo,
    gateway,
    load,
    peer,
    price,
    product,
    quota,
    serve,
    session,
    settings,
    simulate,
    subscriber,
    whatif,
    why,
)
from diameter_ocs.cli.failure import WRONG_USAGE, Failure
from diameter_ocs.errors import ConfigurationError, StoreError

EPILOG = (
    "Exit codes: 0 all is well; 1 a check failed, or what was asked for is not there or not possible; "
    "2 wrong usage, configuration or store. The configuration is the file named by --config or OCS_CONFIG, "
    "else the first of ocs.toml, config/ocs.toml, ~/.config/diameter_ocs/ocs.toml, /etc/diameter_ocs/ocs.toml."
)


class OcsGroup(TyperGroup):
    """Turns what goes wrong on purpose into lines on standard error and an exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Failure as failure:
            lines, code = failure.lines, failure.code
        except ConfigurationError as error:
            lines, code = error.problems, WRONG_USAGE
        except StoreError as error:
            lines, code = [f"store: {error}"], WRONG_USAGE
        for line in lines:
            typer.echo(f"ocs: {line}", err=True)
        raise typer.Exit(code)


app = typer.Typer(
    name="ocs",
    cls=OcsGroup,
    help="An online charging system: Diameter Gy/Ro credit control with prepaid balances.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Configuration file, for every command.")
    ] = None,
) -> None:
    """An online charging system: Diameter Gy/Ro credit control with prepaid balances."""
    context.obj = config


NODE, TRAFFIC, RECORDS, TOOLS = "Run", "Traffic", "Records", "Tools"
app.command("serve", rich_help_panel=NODE)(serve.serve)
app.command("demo", rich_help_panel=NODE)(demo.demo)
app.command("simulate", rich_help_panel=TRAFFIC)(simulate.simulate)
app.command("load", rich_help_panel=TRAFFIC)(load.load)
app.add_typer(account.app, name="account", rich_help_panel=RECORDS)
app.add_typer(bucket.app, name="bucket", rich_help_panel=RECORDS)
app.add_typer(product.app, name="product", rich_help_panel=RECORDS)
app.add_typer(subscriber.app, name="subscriber", rich_help_panel=RECORDS)
app.add_typer(session.app, name="session", rich_help_panel=RECORDS)
app.add_typer(peer.app, name="peer", rich_help_panel=RECORDS)
app.add_typer(gateway.app, name="gateway", rich_help_panel=RECORDS)
app.add_typer(catalogue.app, name="catalogue", rich_help_panel=RECORDS)
app.add_typer(quota.app, name="quota", rich_help_panel=RECORDS)
app.add_typer(api.app, name="api", rich_help_panel=RECORDS)
app.command("price", rich_help_panel=RECORDS)(price.price)
app.command("why", rich_help_panel=RECORDS)(why.why)
app.command("whatif", rich_help_panel=RECORDS)(whatif.whatif)
app.command("audit", rich_help_panel=RECORDS)(audit.audit)
app.command("decode", rich_help_panel=TOOLS)(decode.decode)
app.add_typer(settings.app, name="config", rich_help_panel=TOOLS)
app.command("version", rich_help_panel=TOOLS)(settings.version)


def main() -> None:
    """Entry point of the installed `ocs`. Characters that the terminal cannot show are written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
