"""What the engine lets others watch. Telemetry implements it; the engine works the same without."""

from collections.abc import Container
from typing import Protocol

from diameter_ocs.ledger.journal import Entry


class EngineObserver(Protocol):
    """Called on the event loop; must be cheap and must not raise."""

    def batch_committed(self, commands: int, accounts: int, seconds: float) -> None:
        """A batch is on disk. `seconds` from handing it to the store until it was durable."""

    def journaled(self, entry: Entry) -> None:
        """A journal entry of a committed batch is on disk."""

    def commit_failed(self, commands: int, error: Exception) -> None:
        """The store wrote nothing of a batch; its commands were refused or will be decided again."""

    def accounts_loaded(self, accounts: int, seconds: float) -> None:
        """Records missing in the cache came from the store in one round trip."""

    def decided_again(self, commands: int) -> None:
        """Somebody else had changed the accounts meanwhile."""

    def refused(self, commands: int, reason: str) -> None:
        """Commands turned away before any decision: 'queue_full', 'deadline', 'stopping', 'store'."""


class Unobserved:
    """Watches nothing."""

    def batch_committed(self, commands: int, accounts: int, seconds: float) -> None: ...

    def journaled(self, entry: Entry) -> None: ...

    def commit_failed(self, commands: int, error: Exception) -> None: ...

    def accounts_loaded(self, accounts: int, seconds: float) -> None: ...

    def decided_again(self, commands: int) -> None: ...

    def refused(self, commands: int, reason: str) -> None: ...


class OutboxObserver(Protocol):
    """Who delivers requests to gateways. Called on the event loop; must be cheap and must not raise."""

    @property
    def awaited(self) -> Container[str]:
        """Session-Ids whose journal entries are to be told; false when there are none."""

    def came(self, entry: Entry) -> None:
        """An entry of an awaited session is on disk."""

    def written(self) -> None:
        """Requests to gateways are on disk."""


class NobodyWaits:
    """Delivers nothing: the store keeps what is written for who does."""

    awaited: Container[str] = ()

    def came(self, entry: Entry) -> None: ...

    def written(self) -> None: ...
