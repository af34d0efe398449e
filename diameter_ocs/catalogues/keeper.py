"""Has the engine of a node decide by the version of the catalogue that holds by the database, exactly in time.

Activations are looked for again and again. What is to come is read and checked before its time and given to the
engine, which changes over by the clock and not when this happens to look.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from msgspec.structs import replace

from diameter_ocs.catalogues.files import read_source
from diameter_ocs.charging.decide import FormerOffer, Terms
from diameter_ocs.errors import ConfigurationError, StoreError
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.rating.versions import Activation, held_since, in_force, to_come
from diameter_ocs.storage.catalogues import CatalogueStore

log = structlog.get_logger("ocs.catalogue")

AHEAD = 4
"""Versions to come that are kept ready; the next ones follow."""
RECENT = 8
RECENT_MS = 7 * 86_400_000
"""Versions that ended so long ago are kept ready too, so many at most: what was granted by them is paid by them."""


class Deciding(Protocol):
    """What is asked of the engine."""

    terms: Terms

    def plan_terms(self, planned: Sequence[tuple[int, Terms]]) -> None: ...

    def keep_time(self, at_ms: int) -> None: ...


class CatalogueKeeper:
    """make: from a catalogue to terms; raises ConfigurationError. at_ms: the clock of the engine.

    on_change: called with the catalogues before and after, once another one holds. problem: why what holds by the
    database is not what is decided by; None when it is.
    """

    def __init__(
        self,
        store: CatalogueStore,
        engine: Deciding,
        make: Callable[[Catalogue], Terms],
        at_ms: Callable[[], int],
        poll_seconds: float,
        on_change: Callable[[Catalogue, Catalogue], None],
    ) -> None:
        self._store = store
        self._engine = engine
        self._make = make
        self._at_ms = at_ms
        self._poll_seconds = poll_seconds
        self._on_change = on_change
        self._ready: dict[str, Terms | None] = {}
        """By version; None: it cannot be read."""
        self._planned: list[Activation] = []
        self._told: Catalogue | None = None
        """The one that was in force when this looked last."""
        self._is_failing = False
        self.problem: str | None = None

    async def start(self) -> None:
        """Read what holds, or the last that can be read. Raises ConfigurationError when nothing can, StoreError."""
        said, at_ms = await self._store.activations(), self._at_ms()
        current = in_force(said, at_ms)
        wanted = ([current.version] if current is not None else []) + held_since(said, 0, at_ms)
        for version in wanted:
            terms = await self._terms(version)
            if terms is not None:
                self._engine.terms, self._told = terms, terms.catalogue
                await self.look()
                return
        raise ConfigurationError(
            [self.problem or "no version of the catalogue is active — `ocs catalogue activate` it"]
        )

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self.look()
                self._is_failing = False
            except StoreError as error:
                if not self._is_failing:
                    log.error("changes of the catalogue are not noticed until this works again", error=str(error))
                self._is_failing = True

    async def look(self) -> None:
        """Bring the engine up to date. Raises StoreError."""
        said, at_ms = await self._store.activations(), self._at_ms()
        current = in_force(said, at_ms)
        planned = ([current] if current is not None else []) + to_come(said, at_ms)[:AHEAD]
        recent = held_since(said, at_ms - RECENT_MS, at_ms)[:RECENT]
        if planned != self._planned:
            await self._plan(planned, recent, at_ms)
        self._engine.keep_time(at_ms)
        before, self._told = self._told, self._engine.terms.catalogue
        if before is not None and before is not self._told:
            self._on_change(before, self._told)

    async def _plan(self, planned: list[Activation], recent: Sequence[str], at_ms: int) -> None:
        """Get ready what holds and will hold. recent: versions before it, which quotas may still refer to."""
        for each in planned:
            is_new = each.from_ms > at_ms and each not in self._planned
            if await self._terms(each.version) is not None and is_new:
                log.info("catalogue planned", version=each.version, from_ms=each.from_ms)
        before = [terms for version in reversed(recent) if (terms := await self._terms(version)) is not None]
        self._planned = planned
        self._ready = {version: self._ready[version] for version in (*recent, *(each.version for each in planned))}
        held = planned[0].version if planned and planned[0].from_ms <= at_ms else None
        is_bad = held is not None and self._ready[held] is None
        self.problem = f"version {held} holds by the database and cannot be read" if is_bad else None
        self._engine.plan_terms(self._changes(before))

    def _changes(self, before: Sequence[Terms]) -> list[tuple[int, Terms]]:
        """What is planned, each with the offers that were sold before it."""
        sold = _offers(*before)
        made = []
        for each in self._planned:
            terms = self._ready[each.version]
            if terms is not None:
                own = _offers(terms)
                made.append((each.from_ms, replace(terms, former={key: sold[key] for key in sold if key not in own})))
                sold |= own
        return made

    async def _terms(self, version: str) -> Terms | None:
        """A version as terms, read once; None after telling what is wrong with it."""
        if version not in self._ready:
            source = await self._store.catalogue_source(version)
            assert source is not None, "activations name versions that are kept"
            try:
                self._ready[version] = await asyncio.to_thread(lambda: self._make(read_source(source)))
            except ConfigurationError as error:
                self._ready[version] = None
                self.problem = f"version {version} cannot be read: {error.problems[0]}"
                log.error("a version of the catalogue cannot be read", version=version, mistakes=error.problems)
        return self._ready[version]


def _offers(*sold: Terms) -> dict[tuple[str, int], FormerOffer]:
    """Offers by name and fingerprint: whatever is told apart by them is charged in another way."""
    catalogues = [terms.catalogue for terms in sold]
    return {
        (name, offer.fingerprint): FormerOffer(each.version, offer)
        for each in catalogues
        for name, offer in each.offers.items()
    }
