"""The API as a process of its own, beside a node."""

import asyncio
from functools import partial

import structlog

from diameter_ocs.assemble import api_server, engine_of, store_of, terms_of
from diameter_ocs.catalogues.keeper import CatalogueKeeper
from diameter_ocs.config import Config
from diameter_ocs.engine.engine import Engine
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.server.clock import Clock
from diameter_ocs.server.http import HttpServer

log = structlog.get_logger("ocs")


class ApiNode:
    """The API alone, on an engine of its own: whatever another process changes meanwhile, the store keeps them apart.

    What is sold is what the database says. `start` raises ConfigurationError or StoreError with nothing left running.
    """

    def __init__(self, config: Config) -> None:
        if config.api.listen is None:
            raise ConfigurationError(['api.listen — is not set — set it, or give --api, such as "127.0.0.1:8080"'])
        self.config = config
        self.store = store_of(config)
        self.api: HttpServer | None = None
        self._engine: Engine | None = None
        self._catalogues: CatalogueKeeper | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.store.open()
        try:
            await self._start_engine()
        except BaseException:
            await self.stop()
            raise
        assert self.api is not None
        log.info("node started", role="api", api=str(self.api.address), store=self.store.name)

    async def _start_engine(self) -> None:
        clock, poll_seconds = Clock(), self.config.catalogue.poll_seconds
        engine = self._engine = await engine_of(self.config, self.store)
        await engine.start()
        make = partial(terms_of, self.config)
        keeper = self._catalogues = CatalogueKeeper(
            self.store, engine, make, clock.at_ms, poll_seconds, lambda _, __: None
        )
        await keeper.look()
        self._keeping = asyncio.create_task(keeper.run(), name="ocs-catalogue")
        self.api = api_server(self.config, self.store, engine, clock)
        assert self.api is not None
        await self.api.start()

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        for part in (self.api, self._engine):
            if part is not None:
                await part.stop()
        await self.store.close()
        log.info("node stopped")

    async def reload_catalogue(self) -> None:
        """Look at once for what the database says is sold. Raises StoreError."""
        if self._catalogues is not None:
            await self._catalogues.look()
