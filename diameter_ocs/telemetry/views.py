"""What telemetry reads from the running parts at scrape time. All are cheap looks, never I/O."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from diameter_ocs.storage.protocol import StoreTotals


class PeerView(Protocol):
    """One peer, connected or remembered: server.peer_status.PeerStatus."""

    @property
    def host(self) -> str:
        """Origin-Host."""

    @property
    def state(self) -> str:
        """State of the peer machine (RFC 6733 §5.6), such as 'r-open'."""

    @property
    def watchdog(self) -> str:
        """State of the watchdog (RFC 3539 §3.4), such as 'okay'."""


class CacheView(Protocol):
    """The account cache of the engine."""

    def __len__(self) -> int:
        """Accounts in memory."""

    @property
    def hits(self) -> int:
        """Commands whose account was in memory."""

    @property
    def misses(self) -> int:
        """Commands whose account had to be loaded."""


class SweeperView(Protocol):
    """The housekeeping loop."""

    @property
    def closed(self) -> int:
        """Silent sessions closed."""

    @property
    def forgotten(self) -> int:
        """Closed sessions deleted after their retention."""

    @property
    def failures(self) -> int:
        """Sweeps the store cut short."""

    @property
    def last_run_ms(self) -> int:
        """When the last whole sweep ended, milliseconds since 1970 UTC; 0 before the first."""


class RequestsView(Protocol):
    """Who asks gateways."""

    @property
    def waiting(self) -> int:
        """Requests that are not finished."""

    @property
    def results(self) -> Mapping[tuple[str, str], int]:
        """(kind, result) -> requests."""


@dataclass(slots=True, kw_only=True)
class Sources:
    """Where each gauge is read; what is not bound has no series.

    inflight: requests taken and not answered. queue_length: commands waiting in the engine;
    queue_limit: where it begins to refuse. sessions_open: sessions under supervision.
    reserved_units: label of the rating group -> units out at gateways. peers and refused_peers: what the
    peer table shows of each, shown whole on the status page. database_bytes: size on disk.
    """

    inflight: Callable[[], int] | None = None
    queue_length: Callable[[], int] | None = None
    queue_limit: int | None = None
    sessions_open: Callable[[], int | None] | None = None
    reserved_units: Callable[[], Mapping[str, int]] | None = None
    cache: CacheView | None = None
    peers: Callable[[], Iterable[PeerView]] | None = None
    refused_peers: Callable[[], Iterable[Any]] | None = None
    sweeper: SweeperView | None = None
    requests: RequestsView | None = None
    store_totals: Callable[[], StoreTotals | None] | None = None
    database_bytes: Callable[[], int | None] | None = None
