"""The description of the API without a node: for generators of clients."""

from typing import Any

from diameter_ocs.api.app import create_api
from diameter_ocs.api.service import Service
from diameter_ocs.charging.request import Outcome
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.recharge.once import Once
from diameter_ocs.storage.memory import MemoryStore


async def _nothing(command: Once) -> Outcome:
    return Outcome()


def description() -> dict[str, Any]:
    """The OpenAPI document, as a node with peers gives it."""
    catalogue = Catalogue("", "", {})
    service = Service(MemoryStore(), _nothing, lambda: catalogue, lambda: 0, 0, list)
    return create_api(service, 1.0, lambda: 0.0).openapi()
