"""`ocs config` and `ocs version`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import WRONG_USAGE, Failure
from diameter_ocs.cli.output import console, print_json

if TYPE_CHECKING:
    from diameter_ocs.rating.selection import Geography

PREFIXES_LISTED = 20
SAMPLES = ("ocs.toml", "catalogue/demo.toml", "catalogue/schema.json", "catalogue/examples/*")

app = typer.Typer(help="The configuration: check it, show what holds.", no_args_is_help=True)


@app.command()
def check(context: typer.Context, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """List every mistake in the configuration, its catalogue and its dictionaries. Exit code 2 when there is one."""
    from diameter_ocs.errors import ConfigurationError

    try:
        facts = _checked(context, config)
    except ConfigurationError as error:
        if not as_json:
            raise
        print_json({"ok": False, "problems": error.problems})
        raise typer.Exit(2) from None
    if as_json:
        print_json({"ok": True, "problems": [], **facts})
    else:
        console().print(
            f"{facts['file'] or 'defaults'} is right: catalogue {facts['catalogue']}, "
            f"offers {', '.join(facts['offers'])}",
            soft_wrap=True,
        )
        if facts["destinations"]["prefixes"]:
            console().print(_told(facts["destinations"]), soft_wrap=True)


def _told(found: dict[str, Any]) -> str:
    idle = found["without_effect"]
    listed = ", ".join(idle[:PREFIXES_LISTED]) + (" ..." if len(idle) > PREFIXES_LISTED else "")
    same = f"; without effect, as a shorter one says the same: {listed}" if idle else ""
    return f"{found['prefixes']} prefixes of destinations, {found['overlapping']} inside of shorter ones{same}"


def _checked(context: typer.Context, config: options.ConfigFile) -> dict[str, Any]:
    from diameter_ocs.assemble import load_catalogue, portal_of
    from diameter_ocs.server.clock import Clock
    from diameter_ocs.wire.dictionary import load_dictionary

    loaded = node.settings(context, config)
    catalogue = load_catalogue(loaded)
    portal_of(loaded, catalogue)
    load_dictionary([loaded.resolve(path) for path in loaded.diameter.dictionaries])
    return {
        "file": str(loaded.file) if loaded.file else None,
        "catalogue": catalogue.version,
        "offers": sorted(catalogue.offers),
        "destinations": _prefixes(catalogue.geography, Clock().at_ms()),
    }


def _prefixes(where: "Geography", at_ms: int) -> dict[str, Any]:
    """How many prefixes there are, how many stand inside a shorter one, and which of those say nothing new."""
    known = where.destinations
    overlaps = list(known.overlaps())
    idle = [prefix for prefix, shorter in overlaps if known.find(prefix, at_ms) == known.find(shorter, at_ms)]
    return {"prefixes": len(known), "overlapping": len(overlaps), "without_effect": idle}


@app.command()
def show(context: typer.Context, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """Show every setting, its value and where it comes from. Passwords are hidden."""
    from diameter_ocs.cli.output import table
    from diameter_ocs.config import describe
    from diameter_ocs.config.problems import toml_value

    facts = describe(node.settings(context, config))
    if as_json:
        print_json(facts)
        return
    made = table(str(facts["file"] or "no file"), "key", "value", "from", "meaning")
    for each in facts["settings"]:
        value = "" if each["value"] is None else toml_value(each["value"])
        made.add_row(each["key"], value, each["origin"], each["meaning"] or "")
    console().print(made)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to put ocs.toml and the catalogues.")],
) -> None:
    """Write the sample configuration and catalogues into a folder. What is there is never overwritten."""
    import shutil

    from diameter_ocs.server.resources import config_dir

    root = config_dir()
    samples = [sample for pattern in SAMPLES for sample in sorted(root.glob(pattern))]
    wanted = {folder / sample.relative_to(root): sample for sample in samples}
    if there := [str(path) for path in wanted if path.exists()]:
        raise Failure(f"FOLDER: {', '.join(there)} is there already", WRONG_USAGE)
    for path, sample in wanted.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sample, path)
        except OSError as error:
            raise Failure(f"FOLDER: {path} cannot be written: {error.strerror}", WRONG_USAGE) from None
        typer.echo(path)


def version(as_json: options.AsJson = False) -> None:
    """Print the version."""
    import platform
    import sqlite3

    from diameter_ocs import __version__

    facts = {"version": __version__, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    if as_json:
        print_json(facts)
    else:
        typer.echo(f"diameter_ocs {__version__} (Python {facts['python']}, SQLite {facts['sqlite']})")
