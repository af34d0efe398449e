"""What makes a service: the contexts it answers to, and what of Service-Information its tariffs depend on."""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from diameter_ocs.wire.codec import Avp

MEMO_LIMIT = 1024
"""Contexts remembered; a full memo starts anew."""


def by_name_alone(name: str, information: Avp) -> str:
    """For services whose tariffs do not depend on Service-Information."""
    return name


class Service(Struct, frozen=True):
    """A kind of service. `name` is what a group of the catalogue names as its `service`.

    specifications: numbers of the 3GPP charging specifications whose contexts are this service, unless
    configured otherwise. rated_as: name and Service-Information to what Offer.part takes. changed_to: from
    Service-Information to the service that a running session has become, empty when it does not say; it says
    so only where the octets of `change_marker` are in it.
    """

    name: str
    specifications: tuple[str, ...]
    rated_as: Callable[[str, Avp], str] = by_name_alone
    change_marker: bytes = b""
    changed_to: Callable[[Avp], str] | None = None

    @property
    def contexts(self) -> tuple[str, ...]:
        """Service-Context-Ids, as in '32251@3gpp.org'."""
        return tuple(f"{number}@3gpp.org" for number in self.specifications)

    @property
    def reads_information(self) -> bool:
        return self.rated_as is not by_name_alone


class Services:
    """Finds the service of a Service-Context-Id in any spelling: with or without extensions, MNC.MCC and release.

    contexts: by name of the service, in place of those of its specifications.
    """

    def __init__(self, services: Iterable[Service], contexts: Mapping[str, Iterable[str]] | None = None) -> None:
        self._by_key: dict[tuple[str, str], Service] = {}
        self._memo: dict[str, Service | None] = {}
        for service in services:
            for context in service.contexts if contexts is None else contexts[service.name]:
                self._by_key[_key(context)] = service

    def find(self, service_context: str) -> Service | None:
        """'01.001.8.32251@3gpp.org' and '32251@3gpp.org' are the same service."""
        try:
            return self._memo[service_context]
        except KeyError:
            pass
        if len(self._memo) >= MEMO_LIMIT:
            self._memo.clear()
        found = self._memo[service_context] = self._by_key.get(_key(service_context))
        return found


def _key(service_context: str) -> tuple[str, str]:
    """The last number before the domain, and the domain (TS 32.299 §7.1.12)."""
    name, _, domain = service_context.strip().rpartition("@")
    return name.rpartition(".")[2], domain.lower()
