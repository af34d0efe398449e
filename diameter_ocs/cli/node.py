"""What commands need of a node: its settings, its store, its engine, an event loop."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from diameter_ocs.cli.failure import WRONG_USAGE, Failure

if TYPE_CHECKING:
    from diameter_ocs.charging.request import Outcome
    from diameter_ocs.config import Config
    from diameter_ocs.engine.commands import Command
    from diameter_ocs.rating.catalogue import Catalogue
    from diameter_ocs.storage import Store

Result = TypeVar("Result")
SQLITE = "sqlite:///"


def chosen_file(context: typer.Context, config: Path | None) -> Path | None:
    """The --config of the command itself, else the one given before its name."""
    before = context.find_root().obj
    return config or (before if isinstance(before, Path) else None)


def settings(context: typer.Context, config: Path | None, overrides: Mapping[str, Any] | None = None) -> "Config":
    """The checked configuration; from here on log lines go to standard error, problems only."""
    from diameter_ocs.config import load_config
    from diameter_ocs.telemetry.logs import setup_logging

    loaded = load_config(chosen_file(context, config), os.environ, overrides)
    setup_logging("error", loaded.log.format)
    return loaded


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end on uvloop where it is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


@asynccontextmanager
async def opened(config: "Config", *, must_exist: bool = True) -> "AsyncIterator[Store]":
    """The node's store, beside a running node or without one. Raises Failure, StoreError.

    must_exist: a look does not make a database.
    """
    from diameter_ocs.assemble import store_of

    if must_exist:
        _demand_database(config.store.url)
    store = store_of(config)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def _demand_database(url: str) -> None:
    path = Path(url.removeprefix(SQLITE))
    if url.startswith(SQLITE) and not path.exists():
        raise Failure(
            f"store.url — {path} does not exist — start `ocs serve` or create an account first, "
            "or name another configuration with --config",
            WRONG_USAGE,
        )


def catalogue(config: "Config") -> "Catalogue":
    """What is sold now: by the database, if there is one, else by the configured file. Raises ConfigurationError."""
    from diameter_ocs.assemble import load_catalogue

    path = Path(config.store.url.removeprefix(SQLITE))
    is_there = config.store.url.startswith(SQLITE) and path.exists()
    return run(_in_force(config)) if is_there else load_catalogue(config)


async def _in_force(config: "Config") -> "Catalogue":
    from diameter_ocs.assemble import catalogue_in_force

    async with opened(config) as store:
        return await catalogue_in_force(config, store)


async def execute(config: "Config", command: "Command") -> "Outcome":
    """Take a command on the one road, on an engine of our own beside the node's: the store keeps them apart."""
    from diameter_ocs.assemble import engine_of

    async with opened(config, must_exist=False) as store:
        engine = await engine_of(config, store)
        await engine.start()
        try:
            return await engine.execute(command)
        finally:
            await engine.stop()


def succeeded(outcome: "Outcome") -> "Outcome":
    """The same outcome, when the command was done. Raises Failure with the reason when not."""
    from diameter_ocs.values.verdict import Verdict

    if outcome.verdict is Verdict.SUCCESS:
        return outcome
    code = WRONG_USAGE if outcome.verdict in (Verdict.STORE_UNAVAILABLE, Verdict.INTERNAL_ERROR) else 1
    raise Failure(outcome.detail or outcome.verdict.value.replace("_", " "), code)
