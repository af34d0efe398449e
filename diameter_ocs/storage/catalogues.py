"""What a store keeps of catalogues: versions for good, and the list of their activations."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from diameter_ocs.rating.versions import Activation, CatalogueSource, VersionFacts


class CatalogueUse(Struct, frozen=True):
    """What accounts rely on, with how many of them: a catalogue without it would leave them with nothing.

    currencies: of accounts. offers: of subscribers. products: how many accounts own each.
    """

    currencies: Mapping[str, int] = {}
    offers: Mapping[str, int] = {}
    products: Mapping[str, int] = {}


class CatalogueStore(Protocol):
    """Part of Store. Nothing here is ever changed or deleted once it is written."""

    async def keep_catalogue(self, source: CatalogueSource, loaded_ms: int, who: str, reason: str) -> VersionFacts:
        """Keep a version, and tell what is kept under its name: with another checksum, the name was taken."""

    async def catalogue_source(self, version: str) -> CatalogueSource | None:
        """A version as it was written."""

    async def catalogue_versions(self) -> Sequence[VersionFacts]:
        """All versions, in the order in which they were kept."""

    async def activate_catalogue(
        self, version: str, from_ms: int, said_ms: int, who: str, reason: str
    ) -> Activation | None:
        """Write an activation; None when there is no such version."""

    async def cancel_activation(self, number: int, said_ms: int, who: str) -> bool:
        """False when there is no such activation or it is cancelled already."""

    async def activations(self) -> Sequence[Activation]:
        """Every activation ever said, in that order, cancelled ones too."""

    async def catalogue_use(self) -> CatalogueUse:
        """What accounts and subscribers rely on. Reads all of them."""
