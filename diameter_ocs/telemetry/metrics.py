"""The one thing the node holds of telemetry: counters to hand out, gauges to bind, a page to render."""

import platform
from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import to_builtins
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from diameter_ocs import __version__
from diameter_ocs.telemetry.engine_metrics import EngineMetrics
from diameter_ocs.telemetry.histogram import quantile
from diameter_ocs.telemetry.meter import CreditControlMeter
from diameter_ocs.telemetry.peer_metrics import PeerMetrics
from diameter_ocs.telemetry.state_metrics import MS_PER_SECOND, StateMetrics, is_up
from diameter_ocs.telemetry.views import Sources

RATE_WINDOW_SECONDS = 10.0
"""The rate shown is the mean over this time, or over the time since the last look when that is longer."""
SAMPLE_SECONDS = 0.5
"""Looks closer together than this share one sample."""
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Telemetry:
    """Metrics of one node.

    now: monotonic seconds. started_ms: when the node started, milliseconds since 1970 UTC.
    """

    def __init__(self, now: Callable[[], float], started_ms: int) -> None:
        self._now = now
        self._started = now()
        self._started_ms = started_ms
        self._samples: deque[tuple[float, int]] = deque([(self._started, 0)])
        self.sources = Sources()
        self.meter = CreditControlMeter()
        self.engine_observer = EngineMetrics()
        self.peer_observer = PeerMetrics()
        self.registry = CollectorRegistry(auto_describe=False)
        for collector in (self, self.meter, self.engine_observer, self.peer_observer, StateMetrics(self.sources)):
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)

    def bind(self, **sources: Any) -> None:
        """Name where gauges are read: the fields of views.Sources. Raises TypeError for any other name."""
        for name, source in sources.items():
            if name not in Sources.__slots__:
                raise TypeError(f"{name} is no source; known: {', '.join(Sources.__slots__)}")
            setattr(self.sources, name, source)

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """(Content-Type, page) in the format the scraper accepts; plain Prometheus text by default."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)

    def collect(self) -> list[Metric]:
        """Build and start of this process."""
        build = GaugeMetricFamily("ocs_build_info", "Always 1; what is running.", labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        started = GaugeMetricFamily("ocs_start_time_seconds", "Start of the node, seconds since 1970 UTC.")
        started.add_metric((), self._started_ms / MS_PER_SECOND)
        return [build, started]

    # For the status page -----------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What happens on this node in numbers, JSON-able; None where a source is not bound."""
        return {
            "uptime_seconds": round(self._now() - self._started, 3),
            "sessions_open": _look(self.sources.sessions_open),
            "requests_inflight": _look(self.sources.inflight),
            "answers": self._answers(),
            "latency_seconds": self._latency(),
            "queue": {"length": _look(self.sources.queue_length), "limit": self.sources.queue_limit},
            "commit_failures_total": self.engine_observer.commit_failures_total,
            "refused_total": self.engine_observer.refused_total,
            "peers": {"known": len(peers := self.peers()), "up": sum(peer["up"] for peer in peers)},
        }

    def peers(self) -> list[dict[str, Any]]:
        """Every peer, JSON-able."""
        return [to_builtins(peer) | {"up": is_up(peer)} for peer in _look(self.sources.peers) or ()]

    def refused_peers(self) -> list[dict[str, Any]]:
        """Peers that were turned away, and how to admit them, JSON-able."""
        return [to_builtins(peer) for peer in _look(self.sources.refused_peers) or ()]

    def _answers(self) -> dict[str, Any]:
        total = self.meter.answers_total
        return {
            "total": total,
            "per_second": round(self._rate(total), 3),
            "by_request_type": self.meter.answers_by_type(),
            "by_result_code": {str(code): count for code, count in sorted(self.meter.answers_by_result().items())},
            "repeated_total": self.meter.repeats_total,
            "dropped_late_total": self.meter.dropped_late_total,
        }

    def _rate(self, total: int) -> float:
        now = self._now()
        while len(self._samples) > 1 and self._samples[1][0] <= now - RATE_WINDOW_SECONDS:
            self._samples.popleft()
        since, before = self._samples[0]
        if now - self._samples[-1][0] >= SAMPLE_SECONDS:
            self._samples.append((now, total))
        return (total - before) / (now - since) if now > since else 0.0

    def _latency(self) -> dict[str, float | None]:
        histogram = self.meter.latency()
        return {name: quantile(histogram, share) for name, share in PERCENTILES.items()}


def _look(source: Callable[[], Any] | None) -> Any:
    return source() if source is not None else None
