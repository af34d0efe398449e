"""Catalogues of the store in dictionaries."""

from collections.abc import Sequence

from msgspec.structs import replace

from diameter_ocs.rating.versions import Activation, CatalogueSource, VersionFacts


class MemoryCatalogues:
    """See CatalogueStore."""

    def __init__(self) -> None:
        self._sources: dict[str, CatalogueSource] = {}
        self._facts: dict[str, VersionFacts] = {}
        self._activations: list[Activation] = []

    def _require_open(self) -> None:
        raise NotImplementedError

    async def keep_catalogue(self, source: CatalogueSource, loaded_ms: int, who: str, reason: str) -> VersionFacts:
        self._require_open()
        self._sources.setdefault(source.version, source)
        facts = VersionFacts(source.version, source.checksum, loaded_ms, who, reason)
        return self._facts.setdefault(source.version, facts)

    async def catalogue_source(self, version: str) -> CatalogueSource | None:
        self._require_open()
        return self._sources.get(version)

    async def catalogue_versions(self) -> Sequence[VersionFacts]:
        self._require_open()
        return list(self._facts.values())

    async def activate_catalogue(
        self, version: str, from_ms: int, said_ms: int, who: str, reason: str
    ) -> Activation | None:
        self._require_open()
        if version not in self._sources:
            return None
        said = Activation(len(self._activations) + 1, version, from_ms, said_ms, who, reason)
        self._activations.append(said)
        return said

    async def cancel_activation(self, number: int, said_ms: int, who: str) -> bool:
        self._require_open()
        if not 0 < number <= len(self._activations) or self._activations[number - 1].cancelled_ms:
            return False
        said = self._activations[number - 1]
        self._activations[number - 1] = replace(said, cancelled_ms=said_ms, cancelled_by=who)
        return True

    async def activations(self) -> Sequence[Activation]:
        self._require_open()
        return list(self._activations)
