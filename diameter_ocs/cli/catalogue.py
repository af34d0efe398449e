"""`ocs catalogue`: check, compare, try and activate versions of what is sold."""

import getpass
import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options, running
from diameter_ocs.cli.failure import CHECK_FAILED, Failure, wrong_option
from diameter_ocs.cli.output import console, instant, print_json, table, when
from diameter_ocs.errors import ConfigurationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from diameter_ocs.config import Config
    from diameter_ocs.rating.catalogue import Catalogue
    from diameter_ocs.rating.versions import Activation, CatalogueSource
    from diameter_ocs.storage import Store

app = typer.Typer(help="What is sold: versions of the catalogue, checked, tried and activated.", no_args_is_help=True)

ACTIVE = "active"
MS_PER_SECOND = 1000
POLLS = 2
"""Looks for activations that every running node has taken before an activation without a time holds."""

File = Annotated[Path, typer.Argument(metavar="FILE", help="A catalogue file.")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="A version that was loaded: `ocs catalogue history`.")]
Either = Annotated[
    str, typer.Argument(metavar="VERSION|FILE", help="A version, 'active' for the one in force, a file.")
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="From when, as 2027-01-01T00:00 on the operator's clocks, or with Z."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Even if it lacks offers that subscribers have or products that accounts own.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the history.")]


@app.command()
def check(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A catalogue file; that of the configuration when left out.")
    ] = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List every mistake in a catalogue, and run the tests that stand in it. Exit code 1 when anything is wrong.

    Example: ocs catalogue check config/catalogue/demo.toml
    """
    loaded = node.settings(context, config)
    where = file or loaded.resolve(loaded.catalogue.file)
    try:
        source, catalogue, count = _checked(loaded, where)
    except Failure as failure:
        if not as_json:
            raise
        print_json({"ok": False, "problems": failure.lines})
        raise typer.Exit(CHECK_FAILED) from None
    facts = {"version": source.version, "offers": sorted(catalogue.offers), "products": sorted(catalogue.products)}
    if as_json:
        print_json({"ok": True, "problems": [], **facts, "tests": count})
    else:
        counts = (len(catalogue.offers), "offer"), (len(catalogue.products), "product"), (count, "test")
        said = ", ".join(f"{number} {noun}{'s' * (number != 1)}" for number, noun in counts)
        console().print(f"{where} is right: version {source.version}, {said} passed", soft_wrap=True)


def _checked(config: "Config", file: Path) -> "tuple[CatalogueSource, Catalogue, int]":
    """What stands in a file, and how many tests it has. Raises Failure with everything that is wrong."""
    from diameter_ocs.assemble import terms_of
    from diameter_ocs.catalogues.files import read_catalogue
    from diameter_ocs.charging.examples import check_examples

    try:
        source, catalogue = read_catalogue(file)
        terms_of(config, catalogue)
    except ConfigurationError as error:
        raise Failure(error.problems) from None
    checked = check_examples(catalogue, source.text, str(file))
    if checked.failures:
        raise Failure(checked.failures)
    return source, catalogue, checked.count


@app.command()
def diff(
    context: typer.Context,
    before: Either,
    after: Either,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Tell in words what is different between two catalogues: prices, quota, treatment, products, rows of files.

    Example: ocs catalogue diff active next.toml
    """
    from diameter_ocs.rating.differences import differences

    loaded = node.settings(context, config)
    one, other = source_of(loaded, before), source_of(loaded, after)
    changes = differences(one, other)
    if as_json:
        print_json(changes)
        return
    out = console()
    out.print(f"{one.version} → {other.version}: {len(changes) or 'no'} change{'s' * (len(changes) != 1)}")
    for each in changes:
        out.print(f"  {each.place}: {each.change}", soft_wrap=True)


def source_of(config: "Config", name: str) -> "CatalogueSource":
    """A file, the version in force or another one. Raises Failure."""
    from diameter_ocs.catalogues.files import read_catalogue

    if Path(name).is_file() or name.endswith(".toml"):
        try:
            return read_catalogue(Path(name))[0]
        except ConfigurationError as error:
            raise Failure(error.problems) from None
    return node.run(_kept_source(config, name))


async def _kept_source(config: "Config", name: str) -> "CatalogueSource":
    async with node.opened(config) as store:
        return await _version(store, (await _current(store)).version if name == ACTIVE else name)


async def _version(store: "Store", name: str) -> "CatalogueSource":
    """Raises Failure with the versions that there are."""
    found = await store.catalogue_source(name)
    if found is None:
        known = ", ".join(each.version for each in await store.catalogue_versions()) or "none yet: `ocs catalogue load`"
        raise Failure(f"there is no version {name!r}; known: {known}")
    return found


async def _current(store: "Store") -> "Activation":
    """Raises Failure when nothing was ever activated."""
    from diameter_ocs.rating.versions import in_force
    from diameter_ocs.server.clock import Clock

    current = in_force(await store.activations(), Clock().at_ms())
    if current is None:
        raise Failure("no version is in force yet: `ocs serve` takes the configured file, or activate one")
    return current


@app.command()
def load(
    context: typer.Context,
    file: File,
    activate: Annotated[bool, typer.Option("--activate", help="Have it hold, at once or from --at.")] = False,
    at: At = None,
    force: Force = False,
    reason: Reason = "",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Keep a catalogue as a version in the database, after all checks. It holds once it is activated.

    Example: ocs catalogue load next.toml --activate --at 2027-01-01T00:00 --reason 'prices of 2027'
    """
    if at is not None and not activate:
        raise wrong_option("--at", "belongs to --activate")
    loaded = node.settings(context, config)
    source, catalogue, _ = _checked(loaded, file)
    said = node.run(_load(loaded, source, catalogue, reason, at if activate else None, activate, force))
    if as_json:
        print_json({"version": source.version, "checksum": source.checksum, "activation": _facts(said)})
    elif said is None:
        console().print(
            f"{source.version} is kept; `ocs catalogue activate {source.version}` has it hold", soft_wrap=True
        )
    else:
        _tell(said, catalogue.zone)


async def _load(
    config: "Config",
    source: "CatalogueSource",
    catalogue: "Catalogue",
    reason: str,
    at: str | None,
    activates: bool,
    force: bool,
) -> "Activation | None":
    from diameter_ocs.server.clock import Clock

    async with node.opened(config, must_exist=False) as store:
        kept = await store.keep_catalogue(source, Clock().at_ms(), _who(), reason)
        if kept.checksum != source.checksum:
            rule = (
                f"version {source.version!r} was loaded before ({when(kept.loaded_ms)} by {kept.who}) with another text"
            )
            raise Failure(f"{rule} — give this one a new version")
        return await _activate(config, store, source, catalogue, at, force, reason) if activates else None


@app.command()
def activate(
    context: typer.Context,
    version: Version,
    at: At = None,
    force: Force = False,
    reason: Reason = "",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Have a version hold, at once or from a moment on. Every node changes over at that moment.

    Example: ocs catalogue activate 2027-1 --at 2027-01-01T00:00
    """
    loaded = node.settings(context, config)
    said, catalogue = node.run(_activate_version(loaded, version, at, force, reason))
    _show_activation(said, catalogue, as_json)


async def _activate_version(
    config: "Config", version: str, at: str | None, force: bool, reason: str
) -> "tuple[Activation, Catalogue]":
    async with node.opened(config) as store:
        source = await _version(store, version)
        catalogue = _readable(config, source)
        return await _activate(config, store, source, catalogue, at, force, reason), catalogue


def _readable(config: "Config", source: "CatalogueSource") -> "Catalogue":
    """What a version means by this release and this configuration. Raises Failure with what is wrong."""
    from diameter_ocs.assemble import terms_of
    from diameter_ocs.catalogues.files import read_source

    try:
        catalogue = read_source(source)
        terms_of(config, catalogue)
    except ConfigurationError as error:
        raise Failure(error.problems) from None
    return catalogue


async def _activate(
    config: "Config",
    store: "Store",
    source: "CatalogueSource",
    catalogue: "Catalogue",
    at: str | None,
    force: bool,
    reason: str,
) -> "Activation":
    """Write the activation, if accounts can live with it. Raises Failure."""
    from diameter_ocs.catalogues.activation import objections
    from diameter_ocs.rating.versions import in_force
    from diameter_ocs.server.clock import Clock

    found = objections(catalogue, await store.catalogue_use())
    if found.money or (found.things and not force):
        lines = [f"{source.version} is not activated: {why}" for why in (*found.money, *found.things)]
        hint = (
            [] if found.money else ["--force activates it all the same: they get no service, and keep what they have"]
        )
        raise Failure(lines + hint)
    now_ms = Clock().at_ms()
    is_first = in_force(await store.activations(), now_ms) is None
    from_ms = now_ms if is_first else now_ms + _notice_ms(config)
    if at is not None:
        from_ms = options.moment("--at", at, catalogue.zone)
        if from_ms <= now_ms:
            raise wrong_option("--at", f"{at} is over — leave it out for at once")
    said = await store.activate_catalogue(source.version, from_ms, now_ms, _who(), reason)
    assert said is not None, "it is kept"
    return said


def _who() -> str:
    """The user of the operating system; its number where it has no name, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _notice_ms(config: "Config") -> int:
    return int(POLLS * config.catalogue.poll_seconds * MS_PER_SECOND)


@app.command()
def rollback(
    context: typer.Context,
    force: Force = False,
    reason: Reason = "rollback",
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Activate the version again that held before the one in force. What is planned for later stays planned."""
    loaded = node.settings(context, config)
    said, catalogue = node.run(_rollback(loaded, force, reason))
    _show_activation(said, catalogue, as_json)


async def _rollback(config: "Config", force: bool, reason: str) -> "tuple[Activation, Catalogue]":
    from diameter_ocs.rating.versions import before_it
    from diameter_ocs.server.clock import Clock

    async with node.opened(config) as store:
        former = before_it(await store.activations(), Clock().at_ms() + _notice_ms(config))
        if former is None:
            raise Failure(f"no other version held before {(await _current(store)).version}")
        source = await _version(store, former.version)
        catalogue = _readable(config, source)
        return await _activate(config, store, source, catalogue, None, force, reason), catalogue


@app.command()
def cancel(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of an activation to come: `ocs catalogue history`.")],
    config: options.ConfigFile = None,
) -> None:
    """Take back an activation that is still to come. It stays in the history."""
    loaded = node.settings(context, config)
    said = node.run(_cancel(loaded, number))
    told = f"activation {number} of {said.version} for {when(said.from_ms)} UTC is cancelled"
    console().print(told, soft_wrap=True)


async def _cancel(config: "Config", number: int) -> "Activation":
    from diameter_ocs.server.clock import Clock

    async with node.opened(config) as store:
        said = next((each for each in await store.activations() if each.number == number), None)
        now_ms = Clock().at_ms()
        if said is None or said.cancelled_ms:
            raise Failure(f"there is no activation {number} to cancel")
        if said.from_ms <= now_ms + _notice_ms(config):
            raise Failure(f"activation {number} has begun or is about to: roll back instead")
        await store.cancel_activation(number, now_ms, _who())
        return said


@app.command()
def history(context: typer.Context, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """List all versions and all activations: what holds, held and will hold, since when, by whom and why."""
    from diameter_ocs.rating.versions import in_force
    from diameter_ocs.server.clock import Clock

    loaded = node.settings(context, config)
    versions, said = node.run(_history(loaded))
    now_ms = Clock().at_ms()
    current = in_force(said, now_ms)
    states = {each.number: _state(each, current, now_ms) for each in said}
    if as_json:
        activations = [{**(_facts(each) or {}), "state": states[each.number]} for each in said]
        print_json({"versions": versions, "activations": activations})
        return
    out = console()
    kept = table("Versions", "version", "checksum", "loaded", "by", "why")
    for facts in versions:
        kept.add_row(facts.version, facts.checksum[:12], when(facts.loaded_ms), facts.who, facts.reason)
    out.print(kept)
    made = table("Activations (UTC)", "number", "version", "from", "state", "said", "by", "why", right=("number",))
    for each in said:
        told = (str(each.number), each.version, when(each.from_ms), states[each.number], when(each.said_ms))
        made.add_row(*told, each.who, each.reason)
    out.print(made)


async def _history(config: "Config") -> "tuple[Any, Any]":
    async with node.opened(config) as store:
        return await store.catalogue_versions(), await store.activations()


def _state(each: "Activation", current: "Activation | None", now_ms: int) -> str:
    if each.cancelled_ms:
        return f"cancelled {when(each.cancelled_ms)} by {each.cancelled_by}"
    if current is not None and each.number == current.number:
        return "in force"
    return "to come" if each.from_ms > now_ms else "over"


@app.command()
def show(
    context: typer.Context,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version, or 'active'.")] = ACTIVE,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Print a version as it was written, with its comments."""
    source = node.run(_kept_source(node.settings(context, config), version))
    if as_json:
        print_json(source)
    else:
        typer.echo(source.text, nl=not source.text.endswith("\n"))


@app.command()
def reload(
    context: typer.Context,
    http: running.HttpAddress = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Have a running node read its catalogue file again, as SIGHUP does.

    With any mistake in it the catalogue in force stays; every mistake is listed. Else the file is kept as a version
    and activated. Gateways are asked to come back for
    open sessions of offers that have changed.
    """
    found = running.ask(node.settings(context, config), http, "catalogue/reload", {})
    if as_json:
        print_json(found)
        return
    changed = ", ".join(found["changed_offers"]) or "none"
    console().print(f"catalogue {found['version']} is in force; changed offers: {changed}")


@app.command()
def schema() -> None:
    """Print the JSON schema of catalogue files, for editors (`#:schema schema.json` as the first line)."""
    typer.echo(schema_text(), nl=False)


def schema_text() -> str:
    """As it is published in config/catalogue/schema.json."""
    from diameter_ocs.rating.schema import catalogue_schema

    return json.dumps(catalogue_schema(), indent=1) + "\n"


def _show_activation(said: "Activation", catalogue: "Catalogue", as_json: bool) -> None:
    if as_json:
        print_json(_facts(said))
    else:
        _tell(said, catalogue.zone)


def _tell(said: "Activation", zone: "ZoneInfo") -> None:
    local = datetime.fromtimestamp(said.from_ms / MS_PER_SECOND, zone)
    utc = "" if zone.key == "UTC" else f" ({when(said.from_ms)} UTC)"
    console().print(f"{said.version} holds from {local:%Y-%m-%d %H:%M:%S} {zone.key}{utc} on", soft_wrap=True)


def _facts(said: "Activation | None") -> dict[str, Any] | None:
    if said is None:
        return None
    return {
        "number": said.number,
        "version": said.version,
        "from": instant(said.from_ms),
        "said": instant(said.said_ms),
        "by": said.who,
        "reason": said.reason,
        "cancelled": instant(said.cancelled_ms),
    }
