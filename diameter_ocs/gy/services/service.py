"""What makes a service: the contexts it answers to."""

from collections.abc import Iterable

from msgspec import Struct


class Service(Struct, frozen=True):
    """specification: number of the 3GPP charging specification, such as '32251'. domain: who defines it."""

    name: str
    specification: str
    domain: str = "3gpp.org"


class Services:
    """Finds the service of a Service-Context-Id in any spelling: with or without extensions, MNC.MCC and release."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._by_key = {(service.specification, service.domain): service for service in services}

    def find(self, service_context: str) -> Service | None:
        """'01.001.8.32251@3gpp.org' and '32251@3gpp.org' are the same service."""
        name, _, domain = service_context.strip().rpartition("@")
        return self._by_key.get((name.rpartition(".")[2], domain.lower()))
