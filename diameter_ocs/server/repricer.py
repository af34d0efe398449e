"""After a change of the catalogue: has gateways come back for open sessions that were rated by other rules.

A session remembers the fingerprint of the offer it was rated by last, so that changes are found as well after
a restart. Every request is a command like an operator's, with an entry in the journal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.charging.request import Outcome
from diameter_ocs.errors import StoreError
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.storage.protocol import SessionRef
from diameter_ocs.values.verdict import Verdict

log = structlog.get_logger("ocs.catalogue")

PARTS_OF_A_SECOND = 10
"""Requests of one second are made in so many portions."""


class PricedSessions(Protocol):
    """What it asks of a store, see storage.protocol.Store."""

    async def sessions_priced_otherwise(
        self, tariffs: Mapping[str, int], after: str = "", limit: int = 1000
    ) -> Sequence[SessionRef]: ...


class Repricer:
    """per_second: sessions whose gateways are asked, at most; 0: none, they learn of it with their next request."""

    def __init__(
        self, store: PricedSessions, execute: Callable[[AskGateway], Awaitable[Outcome]], per_second: int
    ) -> None:
        self._store = store
        self._execute = execute
        self._per_second = per_second
        self._portion = max(per_second // PARTS_OF_A_SECOND, 1)

    async def run(self, catalogue: Catalogue) -> None:
        """Ask for every open session that was rated by something else than this catalogue, once."""
        if not self._per_second:
            return
        tariffs = {name: offer.fingerprint for name, offer in catalogue.offers.items()}
        asked, after = 0, ""
        try:
            while page := await self._store.sessions_priced_otherwise(tariffs, after, self._portion):
                asked += await self._ask(page, f"price change: catalogue {catalogue.version}")
                after = page[-1].session_id
                await asyncio.sleep(len(page) / self._per_second)
        except StoreError as error:
            log.error("open sessions learn of the new prices with their next request", error=str(error))
        if asked:
            log.info("gateways are asked to come back after a change of prices", sessions=asked)

    async def _ask(self, page: Sequence[SessionRef], reason: str) -> int:
        commands = (AskGateway(ref.account_id, ref.session_id, RequestKind.REAUTHORIZE, None, reason) for ref in page)
        outcomes = await asyncio.gather(*map(self._execute, commands))
        return sum(outcome.verdict is Verdict.SUCCESS for outcome in outcomes)
