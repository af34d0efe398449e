"""Before a version of the catalogue holds: what would go wrong for accounts that rely on something else."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog
from msgspec import Struct

from diameter_ocs.catalogues.files import read_catalogue
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.versions import Activation, CatalogueSource, in_force
from diameter_ocs.storage.catalogues import CatalogueStore, CatalogueUse

log = structlog.get_logger("ocs.catalogue")

FILE = "the configured file"
"""Who activates what stands in the file of the configuration."""
Check = Callable[[Catalogue], object]
"""Raises ConfigurationError when a catalogue does not fit the settings of this node."""


class Objections(Struct, frozen=True):
    """Why a version should not hold. money: never; things: only if the operator insists."""

    money: tuple[str, ...] = ()
    things: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.money + self.things


def objections(catalogue: Catalogue, use: CatalogueUse) -> Objections:
    """Accounts in another currency, and what subscribers and accounts have that the catalogue does not know."""
    foreign = {currency: count for currency, count in use.currencies.items() if currency != catalogue.currency}
    money = [
        f"its currency is {catalogue.currency}, but {count:,} accounts are in {currency}"
        for currency, count in foreign.items()
    ]
    lacking = {"offer": _lacking(use.offers, catalogue.offers), "product": _lacking(use.products, catalogue.products)}
    who = {"offer": "subscribers have", "product": "accounts own"}
    things = [
        f"it has no {what} {name}, which {count:,} {who[what]}"
        for what, names in lacking.items()
        for name, count in names.items()
    ]
    return Objections(tuple(money), tuple(things))


def _lacking(used: Mapping[str, int], known: Mapping[str, object]) -> dict[str, int]:
    """Those that most rely on, first."""
    missing = [(name, count) for name, count in used.items() if name not in known]
    return dict(sorted(missing, key=lambda each: -each[1]))


async def keep_file(store: CatalogueStore, source: CatalogueSource, file: Path, at_ms: int) -> CatalogueSource:
    """Keep what stands in the configured file; under a name of its own, if its version was something else before."""
    kept = await store.keep_catalogue(source, at_ms, FILE, str(file))
    if kept.checksum == source.checksum:
        return source
    own = source.with_name_of_its_own()
    log.warning("the catalogue file was changed without a new version", version=source.version, kept_as=own.version)
    await store.keep_catalogue(own, at_ms, FILE, str(file))
    return own


async def take_file_at_start(store: CatalogueStore, file: Path, at_ms: int, check: Check, *, activates: bool) -> None:
    """A database without any version takes that of the file. Later the file counts when it has changed.

    activates: a changed file holds from now on; else it is only kept, for a command to activate. A changed file that
    is wrong, or that accounts could not live with, is told and does not keep the node from starting. Raises
    ConfigurationError when there is nothing that could hold.
    """
    said = await store.activations()
    try:
        source, catalogue = read_catalogue(file)
        check(catalogue)
    except ConfigurationError as error:
        if not said:
            raise
        log.error("the catalogue file is wrong; what the database says holds", mistakes=error.problems)
        return
    source = await keep_file(store, source, file, at_ms)
    found = (
        objections(catalogue, await store.catalogue_use()) if not said or _is_changed(said, source) else Objections()
    )
    if not said:
        for why in found.all:
            log.warning("the first catalogue does not fit the accounts", why=why)
        await store.activate_catalogue(source.version, at_ms, at_ms, FILE, str(file))
    elif not _is_changed(said, source):
        return
    elif not activates:
        log.warning("the catalogue file has changed: a command activates it", version=source.version)
    elif found.all:
        log.error("the changed catalogue file is not activated", version=source.version, why=found.all)
    else:
        await store.activate_catalogue(source.version, at_ms, at_ms, FILE, str(file))


def _is_changed(said: Sequence[Activation], source: CatalogueSource) -> bool:
    """Is the file another one than when it was activated last? One that never was does not take over by itself."""
    from_file = [each for each in said if each.who == FILE]
    return bool(from_file) and from_file[-1].version != source.version


async def activate_file(store: CatalogueStore, file: Path, at_ms: int, check: Check) -> None:
    """Have what stands in the configured file hold from now on. Raises ConfigurationError."""
    source, catalogue = await asyncio.to_thread(read_catalogue, file)
    check(catalogue)
    found = objections(catalogue, await store.catalogue_use())
    if found.all:
        raise ConfigurationError([f"{file}: {why}" for why in found.all])
    source = await keep_file(store, source, file, at_ms)
    current = in_force(await store.activations(), at_ms)
    if current is None or current.version != source.version:
        await store.activate_catalogue(source.version, at_ms, at_ms, FILE, str(file))
