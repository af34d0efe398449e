"""`ocs serve`: one node until it is told to stop."""

import os
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.signals import reload_on_signal, stop_on_signals

if TYPE_CHECKING:
    from diameter_ocs.config import Config


class Role(Enum):
    """What a process does."""

    NODE = "node"
    API = "api"


def serve(
    context: typer.Context,
    listen: Annotated[
        list[str] | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Diameter address instead of diameter.listen; may repeat."),
    ] = None,
    http: Annotated[
        str | None, typer.Option("--http", metavar="HOST:PORT", help="HTTP address instead of http.listen.")
    ] = None,
    api: Annotated[
        str | None, typer.Option("--api", metavar="HOST:PORT", help="Address of the REST API instead of api.listen.")
    ] = None,
    role: Annotated[
        Role, typer.Option("--role", help="node: all of it; api: the REST API alone, beside a node on the same store.")
    ] = Role.NODE,
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Store instead of store.url, as sqlite:///var/ocs.db.")
    ] = None,
    config: options.ConfigFile = None,
) -> None:
    """Serve gateways until SIGINT or SIGTERM, then end in order: finish what runs, disconnect, close the store.

    A second signal ends at once; nothing that was answered is lost. SIGHUP has it read its catalogue again.
    """
    from diameter_ocs.config import load_config
    from diameter_ocs.telemetry.logs import setup_logging

    given: dict[str, Any] = {
        "diameter.listen": listen or None,
        "http.listen": http,
        "api.listen": api,
        "store.url": store,
    }
    overrides = {key: value for key, value in given.items() if value is not None}
    loaded = load_config(node.chosen_file(context, config), os.environ, overrides)
    setup_logging(loaded.log.level, loaded.log.format)
    node.run(_serve(loaded, role))


async def _serve(config: "Config", role: Role) -> None:
    from diameter_ocs.assemble import Ocs
    from diameter_ocs.assemble_api import ApiNode

    told = stop_on_signals()
    ocs = Ocs(config) if role is Role.NODE else ApiNode(config)
    reload_on_signal(ocs.reload_catalogue)
    await ocs.start()
    try:
        await told.wait()
    finally:
        await ocs.stop()
