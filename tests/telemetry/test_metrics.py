"""What is counted is what is published, within bounds, without names of people."""

import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from diameter_ocs import __version__
from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.telemetry.labels import LABELS_KEPT
from diameter_ocs.telemetry.metrics import Telemetry
from diameter_ocs.values.units import UnitType
from tests.support.telemetry import FakeCache, StoppedTime, exercised, peer


def samples(telemetry: Telemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, sorted labels) -> value, of the page a scraper reads."""
    _, page = telemetry.render()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def value(telemetry: Telemetry, name: str, **labels: str) -> float:
    return samples(telemetry)[name, tuple(sorted(labels.items()))]


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(StoppedTime(), 1_790_000_000_500)


def test_answers_are_counted_by_type_result_and_peer(telemetry):
    for _ in range(3):
        telemetry.meter.answered("pgw", 1, 2001, 0.001)
    telemetry.meter.answered("pgw", 2, 5030, 0.001)
    telemetry.meter.answered("pgw", 99, 3004, 0.001)
    name = "ocs_ccr_answers_total"
    assert value(telemetry, name, request_type="initial", result_code="2001", peer="pgw") == 3
    assert value(telemetry, name, request_type="update", result_code="5030", peer="pgw") == 1
    assert value(telemetry, name, request_type="unreadable", result_code="3004", peer="pgw") == 1


def test_latency_falls_into_the_bucket_it_closes(telemetry):
    for seconds in (0.0005, 0.00051, 9.0):
        telemetry.meter.answered("pgw", 2, 2001, seconds)
    name = "ocs_ccr_latency_seconds"
    assert value(telemetry, f"{name}_bucket", request_type="update", le="0.0005") == 1
    assert value(telemetry, f"{name}_bucket", request_type="update", le="0.001") == 2
    assert value(telemetry, f"{name}_bucket", request_type="update", le="5.0") == 2
    assert value(telemetry, f"{name}_bucket", request_type="update", le="+Inf") == 3
    assert value(telemetry, f"{name}_count", request_type="update") == 3
    assert value(telemetry, f"{name}_sum", request_type="update") == pytest.approx(9.00101)


def test_units_are_counted_by_rating_group(telemetry):
    telemetry.meter.credit(CreditOutcome(10, granted=1000), 2001)
    telemetry.meter.credit(CreditOutcome(10, granted=500, used=1000), 2001)
    telemetry.meter.credit(CreditOutcome(10), 4012)
    telemetry.meter.credit(CreditOutcome(None, granted=60, unit=UnitType.SECONDS), 2001)
    assert value(telemetry, "ocs_granted_units_total", rating_group="10", unit="octets") == 1500
    assert value(telemetry, "ocs_used_units_total", rating_group="10", unit="octets") == 1000
    assert value(telemetry, "ocs_granted_units_total", rating_group="none", unit="seconds") == 60
    assert value(telemetry, "ocs_mscc_results_total", rating_group="10", result_code="2001") == 2
    assert value(telemetry, "ocs_mscc_results_total", rating_group="10", result_code="4012") == 1


def test_labels_are_bounded(telemetry):
    beyond = 5
    for number in range(LABELS_KEPT + beyond):
        telemetry.meter.answered(f"pgw{number}", 1, 2001, 0.001)
        telemetry.meter.credit(CreditOutcome(number, granted=1), 2001)
    telemetry.bind(
        peers=lambda: [
            peer(f"pgw{n}", state="closed" if n == LABELS_KEPT else "r-open") for n in range(LABELS_KEPT + beyond)
        ]
    )
    assert value(telemetry, "ocs_ccr_answers_total", request_type="initial", result_code="2001", peer="other") == beyond
    assert value(telemetry, "ocs_granted_units_total", rating_group="other", unit="octets") == beyond
    assert value(telemetry, "ocs_peer_up", peer="other") == 0
    assert value(telemetry, "ocs_peer_up", peer="pgw0") == 1
    assert value(telemetry, "ocs_peers", state="r-open") == LABELS_KEPT + beyond - 1
    for name in ("ocs_ccr_answers_total", "ocs_granted_units_total", "ocs_mscc_results_total", "ocs_peer_up"):
        assert sum(key[0] == name for key in samples(telemetry)) == LABELS_KEPT + 1


def test_gauges_are_read_where_they_are_bound():
    telemetry = exercised()
    assert value(telemetry, "ocs_engine_queue_commands") == 2
    assert value(telemetry, "ocs_cache_accounts") == 5
    assert value(telemetry, "ocs_cache_hits_total") == 9
    assert value(telemetry, "ocs_peers", state="r-open") == 1
    assert value(telemetry, "ocs_peers", state="closing") == 0
    assert value(telemetry, "ocs_peers_by_watchdog", state="okay") == 1
    assert value(telemetry, "ocs_peers_by_watchdog", state="down") == 0
    assert value(telemetry, "ocs_peer_up", peer="pgw02.example.org") == 0
    assert value(telemetry, "ocs_sweeper_last_run_timestamp_seconds") == 1_790_000_005
    assert value(telemetry, "ocs_store_entries") == 99
    assert value(telemetry, "ocs_reserved_units", rating_group="10") == 500
    assert value(telemetry, "ocs_engine_refused_total", reason="queue_full") == 2
    assert value(telemetry, "ocs_engine_refused_total", reason="store") == 0
    assert value(telemetry, "ocs_engine_batch_commands_count") == 1


def test_messages_are_counted_by_peer_direction_and_command():
    telemetry = exercised()
    name = "ocs_peer_messages_total"
    pgw = "pgw01.example.org"
    assert value(telemetry, name, peer=pgw, direction="in", command="credit_control") == 6
    assert value(telemetry, name, peer=pgw, direction="out", command="device_watchdog") == 1
    assert value(telemetry, name, peer=pgw, direction="in", command="other") == 1
    assert value(telemetry, "ocs_peer_state_changes_total", peer=pgw, state="r-open") == 1
    assert value(telemetry, "ocs_peer_errors_answered_total", peer=pgw, result_code="3001") == 1
    assert value(telemetry, "ocs_peers_refused_total", result_code="3010") == 1


def test_an_empty_cache_is_shown_as_empty(telemetry):
    class Empty(FakeCache):
        def __len__(self) -> int:
            return 0

    telemetry.bind(cache=Empty())
    assert value(telemetry, "ocs_cache_accounts") == 0


def test_build_and_start_are_published(telemetry):
    assert ("ocs_build_info", __version__) in [
        (name, dict(labels).get("version")) for name, labels in samples(telemetry)
    ]
    assert value(telemetry, "ocs_start_time_seconds") == 1_790_000_000.5
    assert value(telemetry, "process_cpu_seconds_total") > 0


def test_binding_an_unknown_source_is_refused(telemetry):
    with pytest.raises(TypeError, match="queue_size"):
        telemetry.bind(queue_size=lambda: 1)


def test_nothing_bound_still_renders(telemetry):
    assert b"ocs_ccr_latency_seconds_bucket" in telemetry.render()[1]


def test_the_format_is_the_one_the_scraper_accepts(telemetry):
    assert telemetry.render()[0].startswith("text/plain; version=0.0.4")
    content_type, page = telemetry.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert page.endswith(b"# EOF\n")


def test_no_created_series():
    assert b"_created" not in exercised().render()[1]


def test_promtool_finds_nothing_to_improve():
    _, page = exercised().render()
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, timeout=60)
    assert checked.returncode == 0, (checked.stdout + checked.stderr).decode()
    assert checked.stdout + checked.stderr == b""


def test_status_sums_up():
    now = StoppedTime()
    telemetry = exercised(now)
    now.seconds += 2
    status = telemetry.status()
    assert status["uptime_seconds"] == 2
    assert status["answers"]["total"] == 6
    assert status["answers"]["per_second"] == 3
    assert status["answers"]["by_result_code"] == {"2001": 5, "3004": 1}
    assert status["answers"]["by_request_type"]["update"] == 2
    assert status["latency_seconds"]["p50"] == pytest.approx(0.0038)
    assert status["queue"] == {"length": 2, "limit": 100}
    assert status["peers"] == {"known": 2, "up": 1}


def test_the_rate_is_that_of_the_last_seconds():
    now = StoppedTime()
    telemetry = Telemetry(now, 0)
    for second in range(60):
        now.seconds += 1
        for _ in range(5 if second < 30 else 20):
            telemetry.meter.answered("pgw", 1, 2001, 0.001)
        rate = telemetry.status()["answers"]["per_second"]
    assert rate == 20
    now.seconds += 100
    assert telemetry.status()["answers"]["per_second"] == 0
    for _ in range(300):
        telemetry.meter.answered("pgw", 1, 2001, 0.001)
    now.seconds += 100
    assert telemetry.status()["answers"]["per_second"] == 3


def test_percentiles_of_nothing_are_unknown(telemetry):
    assert telemetry.status()["latency_seconds"] == {"p50": None, "p95": None, "p99": None}


def test_a_latency_beyond_all_buckets_is_shown_as_the_last_bound(telemetry):
    telemetry.meter.answered("pgw", 1, 2001, 60)
    assert telemetry.status()["latency_seconds"]["p99"] == 5
