"""Counts credit-control answers for gy.meter.Meter: plain integers on the road, metric families at scrape."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.telemetry.histogram import LATENCY_SECONDS, Histogram, merged
from diameter_ocs.telemetry.labels import NO_RATING_GROUP, LabelBound
from diameter_ocs.values.units import UnitType

REQUEST_TYPES = ("unreadable", "initial", "update", "termination", "event")
"""Label of each CC-Request-Type (RFC 8506 §8.3); 0 when it could not be read."""
UNREADABLE = 0


class CreditControlMeter:
    """See gy.meter.Meter for what each call means."""

    def __init__(self) -> None:
        self._peers = LabelBound()
        self._groups = LabelBound()
        self._answers: dict[tuple[int, int, str], int] = {}
        self._results: dict[tuple[int, str], int] = {}
        self._granted: dict[tuple[str, UnitType], int] = {}
        self._used: dict[tuple[str, UnitType], int] = {}
        self._latency = [Histogram(LATENCY_SECONDS) for _ in REQUEST_TYPES]
        self._repeated = 0
        self._dropped_late = 0
        self._unknown_units = 0

    # The road ----------------------------------------------------------------------------------

    def answered(self, client: str, request_type: int, result_code: int, seconds: float) -> None:
        if not 0 <= request_type < len(REQUEST_TYPES):
            request_type = UNREADABLE
        key = (request_type, result_code, self._peers.label(client))
        self._answers[key] = self._answers.get(key, 0) + 1
        self._latency[request_type].observe(seconds)

    def credit(self, outcome: CreditOutcome, result_code: int) -> None:
        group = outcome.rating_group
        label = NO_RATING_GROUP if group is None else self._groups.label(group)
        result = (result_code, label)
        self._results[result] = self._results.get(result, 0) + 1
        if outcome.granted or outcome.used:
            units = (label, outcome.unit)
            self._granted[units] = self._granted.get(units, 0) + (outcome.granted or 0)
            self._used[units] = self._used.get(units, 0) + outcome.used

    def repeated(self) -> None:
        self._repeated += 1

    def dropped_late(self) -> None:
        self._dropped_late += 1

    def unknown_usage(self, units: int) -> None:
        self._unknown_units += units

    # What was counted --------------------------------------------------------------------------

    @property
    def answers_total(self) -> int:
        """Answers so far, of every kind."""
        return sum(self._answers.values())

    def answers_by_result(self) -> dict[int, int]:
        """Result-Code -> answers."""
        totals: dict[int, int] = {}
        for (_, result_code, _), count in self._answers.items():
            totals[result_code] = totals.get(result_code, 0) + count
        return totals

    def answers_by_type(self) -> dict[str, int]:
        """Request type -> answers."""
        totals: dict[str, int] = {}
        for (request_type, _, _), count in self._answers.items():
            name = REQUEST_TYPES[request_type]
            totals[name] = totals.get(name, 0) + count
        return totals

    def latency(self) -> Histogram:
        """Seconds from arrival to answer, all request types."""
        return merged(self._latency)

    @property
    def repeats_total(self) -> int:
        return self._repeated

    @property
    def dropped_late_total(self) -> int:
        return self._dropped_late

    def collect(self) -> Iterator[Metric]:
        yield from self._answer_metrics()
        yield from self._unit_metrics()
        yield _counter("ocs_repeated_requests", "Repeated requests that got their stored answer.", self._repeated)
        yield _counter(
            "ocs_late_answers_dropped", "Answers not sent because their deadline had passed.", self._dropped_late
        )
        yield _counter(
            "ocs_unknown_session_units",
            "Units reported for sessions that nobody knows; they could not be charged.",
            self._unknown_units,
        )

    def _answer_metrics(self) -> Iterator[Metric]:
        answers = CounterMetricFamily(
            "ocs_ccr_answers", "Credit-control answers sent.", labels=("request_type", "result_code", "peer")
        )
        for (request_type, result_code, peer), count in self._answers.items():
            answers.add_metric((REQUEST_TYPES[request_type], str(result_code), peer), count)
        yield answers
        latency = HistogramMetricFamily(
            "ocs_ccr_latency_seconds", "Time from arrival of a request to its answer.", labels=("request_type",)
        )
        for name, histogram in zip(REQUEST_TYPES, self._latency, strict=True):
            latency.add_metric((name,), histogram.buckets(), histogram.sum)
        yield latency

    def _unit_metrics(self) -> Iterator[Metric]:
        results = CounterMetricFamily(
            "ocs_mscc_results",
            "Multiple-Services-Credit-Control groups answered.",
            labels=("result_code", "rating_group"),
        )
        for (result_code, group), count in self._results.items():
            results.add_metric((str(result_code), group), count)
        yield results
        for name, text, units in (
            ("ocs_granted_units", "Service units granted to gateways.", self._granted),
            ("ocs_used_units", "Service units reported by gateways and charged.", self._used),
        ):
            family = CounterMetricFamily(name, text, labels=("rating_group", "unit"))
            for (group, unit), count in units.items():
                family.add_metric((group, unit.value), count)
            yield family


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)
