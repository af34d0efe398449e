"""Gauges of the running node, read from its parts at scrape time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from diameter_ocs.peer.machine import OPEN, State
from diameter_ocs.peer.watchdog import WatchdogState
from diameter_ocs.telemetry.labels import LabelBound
from diameter_ocs.telemetry.views import PeerView, Sources

MS_PER_SECOND = 1000
OPEN_STATES = frozenset(state.value for state in OPEN)

Seen = TypeVar("Seen")


class StateMetrics:
    """Publishes what `sources` shows."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._peers = LabelBound()
        self._groups = LabelBound()
        self._results = LabelBound()

    def collect(self) -> Iterator[Metric]:
        yield from self._engine()
        yield from self._cache()
        yield self._reserved()
        yield from self._peer_states()
        yield from self._sweeper()
        yield from self._requests()
        yield from self._store()

    def _engine(self) -> Iterator[Metric]:
        source = self._sources
        for name, text, value in (
            ("ocs_requests_inflight", "Requests taken and not answered yet.", _read(source.inflight)),
            ("ocs_engine_queue_commands", "Commands waiting in the engine.", _read(source.queue_length)),
            ("ocs_engine_queue_limit_commands", "Queue length at which requests are refused.", source.queue_limit),
            ("ocs_sessions_open", "Credit-control sessions under supervision.", _read(source.sessions_open)),
            ("ocs_store_database_bytes", "Size of the database on disk.", _read(source.database_bytes)),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value)

    def _cache(self) -> Iterator[Metric]:
        cache = self._sources.cache
        if cache is None:
            return
        yield GaugeMetricFamily("ocs_cache_accounts", "Accounts in memory.", value=len(cache))
        yield CounterMetricFamily("ocs_cache_hits", "Commands whose account was in memory.", value=cache.hits)
        yield CounterMetricFamily("ocs_cache_misses", "Commands whose account had to be loaded.", value=cache.misses)

    def _reserved(self) -> Metric:
        family = GaugeMetricFamily(
            "ocs_reserved_units", "Service units out at gateways and not reported yet.", labels=("rating_group",)
        )
        for group, units in (_read(self._sources.reserved_units) or {}).items():
            family.add_metric((group,), units)
        return family

    def _peer_states(self) -> Iterator[Metric]:
        states = Counter({state.value: 0 for state in State})
        watchdogs = Counter({state.value: 0 for state in WatchdogState})
        up: dict[str, bool] = {}
        for peer in _read(self._sources.peers) or ():
            label = self._peers.label(peer.host)
            states[peer.state] += 1
            watchdogs[peer.watchdog] += is_up(peer)
            up[label] = is_up(peer) and up.get(label, True)
        yield _gauges("ocs_peers", "Peers by state (RFC 6733 section 5.6).", "state", states)
        yield _gauges("ocs_peers_by_watchdog", "Open peers by state of their watchdog (RFC 3539).", "state", watchdogs)
        yield _gauges("ocs_peer_up", "1 when the peer is open; for 'other' when all of them are.", "peer", up)

    def _sweeper(self) -> Iterator[Metric]:
        sweeper = self._sources.sweeper
        if sweeper is None:
            return
        for name, text, count in (
            ("ocs_sweeper_sessions_closed", "Silent sessions closed.", sweeper.closed),
            ("ocs_sweeper_sessions_forgotten", "Closed sessions deleted.", sweeper.forgotten),
            ("ocs_sweeper_failures", "Sweeps the store cut short.", sweeper.failures),
        ):
            yield CounterMetricFamily(name, text, value=count)
        yield GaugeMetricFamily(
            "ocs_sweeper_last_run_timestamp_seconds",
            "When the last whole sweep ended, seconds since 1970 UTC; 0 before the first.",
            value=sweeper.last_run_ms / MS_PER_SECOND,
        )

    def _requests(self) -> Iterator[Metric]:
        requests = self._sources.requests
        if requests is None:
            return
        yield GaugeMetricFamily(
            "ocs_server_requests_waiting", "Requests to gateways that are not finished.", value=requests.waiting
        )
        totals: Counter[tuple[str, str]] = Counter()
        for (kind, result), count in requests.results.items():
            totals[kind, self._results.label(result)] += count
        family = CounterMetricFamily(
            "ocs_server_requests",
            "Requests to gateways, by Result-Code of the answer and by how they ended.",
            labels=("kind", "result"),
        )
        for labels, count in totals.items():
            family.add_metric(labels, count)
        yield family

    def _store(self) -> Iterator[Metric]:
        if totals := _read(self._sources.store_totals):
            yield GaugeMetricFamily("ocs_store_accounts", "Accounts stored.", value=totals.accounts)
            yield GaugeMetricFamily("ocs_store_subscribers", "Subscribers stored.", value=totals.subscribers)
            yield GaugeMetricFamily("ocs_store_open_sessions", "Open sessions stored.", value=totals.open_sessions)
            yield GaugeMetricFamily("ocs_store_entries", "Journal entries stored.", value=totals.entries)


def _read(look: Callable[[], Seen] | None) -> Seen | None:
    return look() if look is not None else None


def is_up(peer: PeerView) -> bool:
    """May requests be exchanged?"""
    return peer.state in OPEN_STATES


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family
