"""Counts what the engine does, for engine.observer.EngineObserver."""

from collections.abc import Iterator, Mapping

import structlog
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from diameter_ocs.gy.limits import Sparing
from diameter_ocs.ledger.book import IMPLAUSIBLE
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.telemetry.histogram import BATCH_COMMANDS, LATENCY_SECONDS, Histogram
from diameter_ocs.telemetry.labels import NO_RATING_GROUP, LabelBound

log = structlog.get_logger()
MS_PER_SECOND = 1000
UNRATED = Action.UNRATED
REFUSALS = ("queue_full", "deadline", "stopping", "store", "conflict", "internal")
"""Reasons that always have a series, so that an alert sees the first one."""

GIVEN_UP = ("session_expired", "session_aborted")
"""Entries that close a session without a last report."""


class EngineMetrics:
    """See engine.observer.EngineObserver for what each call means."""

    def __init__(self) -> None:
        self._batch_commands = Histogram(BATCH_COMMANDS)
        self._commit_seconds = Histogram(LATENCY_SECONDS)
        self._load_seconds = Histogram(LATENCY_SECONDS)
        self._accounts_written = 0
        self._accounts_loaded = 0
        self._commit_failures = 0
        self._decided_again = 0
        self._reasons = LabelBound()
        self._groups = LabelBound()
        self._units: dict[tuple[Action, str], int] = {}
        self._leaked_units = 0
        self._implausible_reports = 0
        self._sparing = Sparing()
        self._reserved_before: dict[str, int] = {}
        self._refused = dict.fromkeys(map(self._reasons.label, REFUSALS), 0)

    def batch_committed(self, commands: int, accounts: int, seconds: float) -> None:
        self._batch_commands.observe(commands)
        self._commit_seconds.observe(seconds)
        self._accounts_written += accounts

    def journaled(self, entry: Entry) -> None:
        if entry.kind in GIVEN_UP:
            self._leaked_units += sum(each.units for each in entry.postings if each.action is Action.RELEASE)
        units = self._units
        for posting in entry.postings:
            if posting.action is UNRATED and posting.mark == IMPLAUSIBLE:
                self._implausible(entry, posting)
            elif posting.units:
                group = posting.rating_group
                key = (posting.action, NO_RATING_GROUP if group is None else self._groups.label(group))
                units[key] = units.get(key, 0) + posting.units

    def _implausible(self, entry: Entry, posting: Posting) -> None:
        """Counted by itself: in the sum of units nothing else would be seen any more."""
        self._implausible_reports += 1
        untold = self._sparing.untold(entry.account_id, entry.at_ms / MS_PER_SECOND)
        if untold is not None:
            log.warning(
                "implausible usage not debited",
                account_id=entry.account_id,
                session_id=entry.session_id,
                rating_group=posting.rating_group,
                units=posting.units,
                untold_before=untold,
            )

    def reserved_units(self) -> dict[str, int]:
        """Units out at gateways by label of the rating group: what was out at the start and moved since."""
        net = dict(self._reserved_before)
        for (action, group), units in self._units.items():
            if action is Action.RESERVE:
                net[group] = net.get(group, 0) + units
            elif action is Action.RELEASE:
                net[group] = net.get(group, 0) - units
        return net

    def start_with(self, reserved: Mapping[int | None, int]) -> None:
        """Units that open sessions held when the node started, by rating group."""
        for group, units in reserved.items():
            label = NO_RATING_GROUP if group is None else self._groups.label(group)
            self._reserved_before[label] = self._reserved_before.get(label, 0) + units

    def commit_failed(self, commands: int, error: Exception) -> None:
        self._commit_failures += 1

    def accounts_loaded(self, accounts: int, seconds: float) -> None:
        self._load_seconds.observe(seconds)
        self._accounts_loaded += accounts

    def decided_again(self, commands: int) -> None:
        self._decided_again += commands

    def refused(self, commands: int, reason: str) -> None:
        label = self._reasons.label(reason)
        self._refused[label] = self._refused.get(label, 0) + commands

    @property
    def commit_failures_total(self) -> int:
        return self._commit_failures

    @property
    def refused_total(self) -> int:
        """Commands turned away, for whatever reason."""
        return sum(self._refused.values())

    def collect(self) -> Iterator[Metric]:
        for name, text, histogram in (
            ("ocs_engine_batch_commands", "Commands written to disk together.", self._batch_commands),
            ("ocs_engine_commit_seconds", "Time the store took to make a batch durable.", self._commit_seconds),
            ("ocs_engine_load_seconds", "Time the store took to load missing records.", self._load_seconds),
        ):
            yield HistogramMetricFamily(name, text, buckets=histogram.buckets(), sum_value=histogram.sum)
        for name, text, count in (
            ("ocs_engine_accounts_written", "Account rows written.", self._accounts_written),
            ("ocs_engine_accounts_loaded", "Accounts loaded from the store.", self._accounts_loaded),
            ("ocs_engine_commit_failures", "Batches the store could not write.", self._commit_failures),
            (
                "ocs_leaked_units",
                "Units granted to sessions that fell silent and were closed: delivered perhaps, never reported.",
                self._leaked_units,
            ),
            (
                "ocs_implausible_reports",
                "Reports of more than sessions.largest_report_...: on record, not debited.",
                self._implausible_reports,
            ),
            ("ocs_engine_decided_again", "Commands decided again on newer accounts.", self._decided_again),
        ):
            yield CounterMetricFamily(name, text, value=count)
        moved = CounterMetricFamily(
            "ocs_ledger_units",
            "Service units of journal postings: reserved, released, debited, free, unrated.",
            labels=("action", "rating_group"),
        )
        for (action, group), units in self._units.items():
            moved.add_metric((action.value, group), units)
        yield moved
        refused = CounterMetricFamily(
            "ocs_engine_refused", "Commands turned away before any decision.", labels=("reason",)
        )
        for reason, count in self._refused.items():
            refused.add_metric((reason,), count)
        yield refused
