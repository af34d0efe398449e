"""`ocs demo`: everything at once, to look at."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import CHECK_FAILED
from diameter_ocs.cli.output import console, print_json
from diameter_ocs.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from rich.console import Console

    from diameter_ocs.demo.folder import DemoFolder
    from diameter_ocs.demo.run import Demo
    from diameter_ocs.demo.summary import Summary

REFRESH_SECONDS = 0.25


def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where its files go.")] = Path("var/demo"),
    once: Annotated[bool, typer.Option("--once", help="Run 40 sessions, print the summary and end.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start with an empty database.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Start a node with 20 subscribers and three simulated gateways, and watch balances move.

    Ctrl-C ends in order and prints a summary. Exit code 1 when a check failed: an unanswered request,
    a balance the journal does not prove, an octet the gateways and the journal do not agree on.
    """
    from diameter_ocs.demo.folder import DemoFolder

    files = DemoFolder(folder, fresh=fresh)
    try:
        summary = node.run(_run(files, once=once, quiet=as_json))
    finally:
        files.close()
    if as_json:
        print_json(summary.as_json())
    else:
        console(markup=True).print(summary.render())
    if not summary.holds:
        raise typer.Exit(CHECK_FAILED)


async def _run(files: "DemoFolder", *, once: bool, quiet: bool) -> "Summary":
    """On other ports, should somebody take the chosen ones in the meantime."""
    from diameter_ocs.demo.run import Demo
    from diameter_ocs.errors import ConfigurationError
    from diameter_ocs.telemetry.logs import setup_logging

    with files.log_file.open("w", encoding="utf-8") as log:
        setup_logging("info", "json", log)
        stopping = stop_on_signals()
        try:
            return await _show(Demo(files, stopping, once=once), quiet=quiet)
        except ConfigurationError:
            files.choose_ports(usual=False)
            return await _show(Demo(files, stopping, once=once), quiet=quiet)


async def _show(running: "Demo", *, quiet: bool) -> "Summary":
    out = console(markup=True)
    await running.start()
    if quiet or not out.is_terminal:
        _announce(running, out, quiet=quiet)
        return await running.run()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_stop_drawing, asyncio.create_task(_draw(running, out), name="demo screen"))
        return await running.run()


def _announce(running: "Demo", out: "Console", *, quiet: bool) -> None:
    picture = running.picture()
    for line in () if quiet else (f"Diameter on {picture.diameter}, HTTP on {picture.http}", *picture.hints):
        out.print(line, markup=False, soft_wrap=True)


async def _draw(running: "Demo", out: "Console") -> None:
    from rich.live import Live

    from diameter_ocs.demo.screen import render

    with Live(console=out, auto_refresh=False, screen=True) as live:
        while True:
            live.update(render(running.picture(), out.height), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)


async def _stop_drawing(drawing: "asyncio.Task[None]") -> None:
    drawing.cancel()
    await asyncio.wait([drawing])
