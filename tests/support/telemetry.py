"""A telemetry that has seen everything at least once, and reading of metric pages."""

import re
from types import SimpleNamespace

from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.server.peer_status import PeerStatus, RefusedPeer
from diameter_ocs.storage.protocol import StoreTotals
from diameter_ocs.telemetry.metrics import Telemetry
from diameter_ocs.values.units import UnitType

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})? \S+$", re.MULTILINE)


class StoppedTime:
    """Monotonic seconds that move only by hand."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class FakeCache:
    hits, misses = 9, 1

    def __len__(self) -> int:
        return 5


def peer(host: str = "pgw01.example.org", **facts: object) -> PeerStatus:
    """A peer as the peer table shows it."""
    seen = {
        "host": host,
        "realm": "example.org",
        "state": "r-open",
        "direction": "accepted",
        "address": "127.0.0.1:40000",
        "connected_since_ms": 1_790_000_000_000,
        "last_message_ms": 1_790_000_001_000,
        "watchdog": "okay",
        "messages_in": 10,
        "messages_out": 9,
        "applications": (4,),
        "product_name": "pgw",
        "rule": "*.example.org",
        "profile": "generic",
        "detail": "",
    }
    return PeerStatus(**(seen | facts))


def exercised(now: StoppedTime | None = None) -> Telemetry:
    """Every counter counted and every gauge bound."""
    telemetry = Telemetry(now or StoppedTime(), 1_790_000_000_000)
    meter, engine = telemetry.meter, telemetry.engine_observer
    for request_type in range(5):
        meter.answered("pgw01.example.org", request_type, 2001, 0.003)
    meter.answered("pgw01.example.org", 2, 3004, 0.3)
    meter.credit(CreditOutcome(10, granted=1000, used=500), 2001)
    meter.credit(CreditOutcome(None, granted=60, used=30, unit=UnitType.SECONDS), 2001)
    meter.repeated()
    meter.dropped_late()
    meter.unknown_usage(7)
    engine.batch_committed(4, 3, 0.002)
    moved = (Posting(Action.RELEASE, "data-1", 1000, 10, 1000), Posting(Action.DEBIT, "data-1", 500, 10, 500))
    engine.journaled(Entry("acc-1", 1, 1_790_000_000_000, "session_expired", moved))
    engine.commit_failed(1, StoreUnavailable("locked"))
    engine.accounts_loaded(2, 0.001)
    engine.decided_again(1)
    engine.refused(2, "queue_full")
    peers = telemetry.peer_observer
    peers.received("pgw01.example.org", 272, 6)
    peers.sent("pgw01.example.org", 280, 1)
    peers.received("pgw01.example.org", 999, 1)
    peers.state_changed("pgw01.example.org", "r-open")
    peers.refused(3010)
    peers.error_answered("pgw01.example.org", 3001)
    telemetry.bind(
        inflight=lambda: 3,
        queue_length=lambda: 2,
        queue_limit=100,
        sessions_open=lambda: 4,
        reserved_units=lambda: {"10": 500, "none": 30},
        cache=FakeCache(),
        peers=lambda: [peer(), peer("pgw02.example.org", state="closed", watchdog="down")],
        refused_peers=lambda: [RefusedPeer(1_790_000_000_000, "x.y", "y", "192.0.2.1:1", "no rule", "[[peers]]")],
        sweeper=SimpleNamespace(closed=1, forgotten=2, failures=0, last_run_ms=1_790_000_005_000),
        requests=SimpleNamespace(waiting=2, results={("reauthorize", "2002"): 3, ("abort", "closed"): 1}),
        store_totals=lambda: StoreTotals(20, 21, 4, 99),
        database_bytes=lambda: 4096,
    )
    return telemetry


def names_on(page: str) -> set[str]:
    """The name of every series on a metrics page."""
    return set(SAMPLE.findall(page))
