"""What a load run is asked to do, how it goes, and what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.simulator.dialect import sister_host
from diameter_ocs.simulator.histogram import Histogram
from diameter_ocs.simulator.load_slot import LoadBooks

MAX_SESSIONS = 1_000_000
MAX_CONNECTIONS = 1000
KINDS = {1: "initial", 2: "update", 3: "termination"}


class LoadProfile(Struct, frozen=True):
    """An open-loop load: requests are due by the clock, whether or not the server keeps up.

    rate: CCRs per second; None sends whenever a session may (as much as the server takes).
    sessions: kept under way at once; each has at most one request unanswered. updates: CCR-Updates per
    session. octets: used per report and rating group, never more than was granted unless overuse.
    ramp_seconds: the rate grows evenly from zero. deviation: how much the rate sways, as a part of it
    (standard deviation from tenth to tenth of a second). connections: each is a gateway of its own name,
    because a server takes one connection of a peer (RFC 6733 §5.6).
    """

    rate: int | None = 1000
    duration_seconds: float = 10.0
    ramp_seconds: float = 0.0
    deviation: float = 0.0
    sessions: int = 1000
    subscribers: int = 20
    first_msisdn: str = "99955500101"
    first_imsi: str = "001010000000101"
    rating_groups: tuple[int, ...] = (10, 20)
    updates: int = 10
    octets: int = 10_000
    overuse: bool = False
    connections: int = 1
    timeout_seconds: float = 10.0
    drain_seconds: float = 15.0
    origin_host: str = "pgw01.epc.mnc001.mcc001.3gppnetwork.org"
    origin_realm: str = "epc.mnc001.mcc001.3gppnetwork.org"
    destination_realm: str = "ocs.mnc001.mcc001.3gppnetwork.org"

    def check(self) -> None:
        """Raises ConfigurationError that lists every wrong value."""
        rules = [
            (self.rate is None or self.rate > 0, "rate must be above zero, or none for the most the server takes"),
            (self.duration_seconds > 0, "duration must be above zero"),
            (0 <= self.ramp_seconds <= self.duration_seconds, "ramp must be between zero and the duration"),
            (0 <= self.deviation <= 1, "deviation must be between 0 and 1"),
            (1 <= self.sessions <= MAX_SESSIONS, f"sessions must be 1 to {MAX_SESSIONS:,}"),
            (self.subscribers > 0, "subscribers must be above zero"),
            (_fits(self.first_msisdn, self.subscribers), "the range of MSISDNs must keep its number of digits"),
            (_fits(self.first_imsi, self.subscribers), "the range of IMSIs must keep its number of digits"),
            (bool(self.rating_groups), "at least one rating group is needed"),
            (len(set(self.rating_groups)) == len(self.rating_groups), "a rating group is named twice"),
            (self.updates >= 0, "updates must not be below zero"),
            (self.octets >= 0, "octets must not be below zero"),
            (1 <= self.connections <= MAX_CONNECTIONS, f"connections must be 1 to {MAX_CONNECTIONS:,}"),
            (self.timeout_seconds > 0, "timeout must be above zero"),
        ]
        problems = [f"load: {rule}" for holds, rule in rules if not holds]
        if problems:
            raise ConfigurationError(problems)

    def host(self, connection: int) -> str:
        """Origin-Host of a connection: pgw01..., pgw02..., or with a number behind the first label."""
        return sister_host(self.origin_host, connection)


def _fits(first: str, count: int) -> bool:
    return first.isascii() and first.isdigit() and int(first) + count <= 10 ** len(first)


class LoadProgress(Struct, frozen=True):
    """How a run stands: for a progress bar. backlog: requests that are due and not yet sent."""

    elapsed_seconds: float
    sent: int
    answered: int
    unanswered: int
    backlog: int
    open_connections: int
    phase: str


@dataclass(slots=True)
class Tally:
    """What is counted while a run goes on. Latencies in microseconds, by CC-Request-Type."""

    sent: int = 0
    answered: int = 0
    unanswered: int = 0
    late: int = 0
    resends: int = 0
    faulty: int = 0
    connections: int = 0
    scheduled_answered: int = 0
    """Answers to requests of the schedule, without those sent to close sessions at the end."""
    latency: dict[int, Histogram] = field(default_factory=lambda: {kind: Histogram() for kind in KINDS})
    codes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Answers by CC-Request-Type and Result-Code."""
    group_codes: Counter[int] = field(default_factory=Counter)
    """MSCC Result-Codes; -1 where a group had no MSCC in the answer to a CCR-Initial or -Update."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What came of a run. seconds: of the schedule, without the closing of sessions."""

    profile: LoadProfile
    seconds: float
    tally: Tally
    books: LoadBooks
    cpu_seconds: float
    errors: Sequence[str]
    """Answers that answered nothing, in words."""
    notes: Sequence[str] = ()
    """What else is worth knowing, such as connections lost and renewed."""

    @property
    def all_answered(self) -> bool:
        return not (self.errors or self.tally.unanswered or self.tally.faulty) and self.tally.answered > 0

    @property
    def rate(self) -> float:
        """Answers per second while the schedule ran."""
        return self.tally.scheduled_answered / self.seconds if self.seconds else 0.0

    def latencies(self) -> dict[str, dict[str, int]]:
        """Microseconds from the moment a request was due until its answer, by kind of request."""
        every = Histogram()
        for histogram in self.tally.latency.values():
            every.add(histogram)
        named = {KINDS[kind]: histogram for kind, histogram in self.tally.latency.items() if histogram.total}
        return {name: histogram.summary() for name, histogram in ({"all": every} | named).items()}

    def as_json(self) -> dict[str, Any]:
        """Everything but the books of single sessions."""
        tally = self.tally
        first = int(self.profile.first_msisdn)
        width = len(self.profile.first_msisdn)
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "offered_per_second": self.profile.rate,
            "answered_per_second": round(self.rate, 1),
            "sent": tally.sent,
            "answered": tally.answered,
            "unanswered": tally.unanswered,
            "late": tally.late,
            "resends": tally.resends,
            "faulty": tally.faulty,
            "connections": tally.connections,
            "sessions": self.books.sessions,
            "latency_us": self.latencies(),
            "result_codes": {f"{KINDS[kind]} {code}": count for (kind, code), count in sorted(tally.codes.items())},
            "group_result_codes": {str(code): count for code, count in sorted(tally.group_codes.items())},
            "octets_by_subscriber": {
                str(first + number).zfill(width): {"answered": answered, "in_doubt": doubtful}
                for number, (answered, doubtful) in sorted(self.books.by_subscriber().items())
            },
            "errors": list(self.errors),
            "notes": list(self.notes),
        }
