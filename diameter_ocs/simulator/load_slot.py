"""One of the sessions the load generator keeps under way: what it sends next, what an answer means, its books.

A slot is used again for the next session when one has ended, so nothing is built per request.
"""

from array import array
from collections.abc import Iterator, Sequence

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator.credit import SUCCESS, Reported
from diameter_ocs.wire.result_code import is_protocol_error

INITIAL, UPDATE, TERMINATION = RequestType.INITIAL.value, RequestType.UPDATE.value, RequestType.TERMINATION.value
THRESHOLD, EXHAUSTED = ReportingReason.THRESHOLD.value, ReportingReason.QUOTA_EXHAUSTED.value
MAX_REFUSALS = 3
"""So many times in a row a report is repeated that was refused with a protocol error."""


class Slot:
    """The state of one session. `used`, `reasons`: what the request under way reports, by group."""

    __slots__ = (
        "answered",
        "at",
        "doubtful",
        "end_to_end",
        "granted",
        "imsi",
        "intended",
        "kind",
        "low",
        "low_digits",
        "measured",
        "msisdn",
        "number",
        "reasons",
        "refusals",
        "sends",
        "sent_at",
        "subscriber",
        "updates_left",
        "used",
    )

    def __init__(self, groups: int) -> None:
        self.used = [0] * groups
        self.reasons = [THRESHOLD] * groups
        self.granted = [0] * groups
        self.answered = [0] * groups
        self.doubtful = [0] * groups
        self.kind = INITIAL
        self.number = self.low = self.subscriber = self.updates_left = 0
        self.end_to_end = self.at = self.sends = self.refusals = 0
        self.low_digits = self.msisdn = self.imsi = b""
        self.intended = self.sent_at = 0.0
        self.measured = False

    def begin(self, low: int, subscriber: int, msisdn: bytes, imsi: bytes, updates: int) -> None:
        """A new session of a subscriber, told by the low part of its Session-Id."""
        groups = len(self.used)
        self.low, self.low_digits = low, b"%d" % low
        self.subscriber, self.msisdn, self.imsi = subscriber, msisdn, imsi
        self.updates_left, self.number, self.refusals = updates, 0, 0
        self.kind = INITIAL
        self.used, self.granted = [0] * groups, [0] * groups
        self.answered, self.doubtful = [0] * groups, [0] * groups

    def prepare(self, octets: int, overuse: bool) -> int:
        """Choose the next request and what it reports; its CC-Request-Type."""
        if self.number == 0:
            return INITIAL
        for group, granted in enumerate(self.granted):
            used = octets if (overuse and granted) or octets < granted else granted
            self.used[group] = used
            self.reasons[group] = THRESHOLD if used < granted else EXHAUSTED
        self.kind = UPDATE if self.updates_left > 0 else TERMINATION
        return self.kind

    def obey(self, row: Sequence[int]) -> bool:
        """Take an answer (a row of the AnswerReader) into the books and do what it says; True ends the session."""
        code = row[0]
        if code == SUCCESS:
            self.refusals = 0
            self.number += 1
            if self.kind == TERMINATION:
                self._add_used(self.answered)
                return True
            if self.kind == UPDATE:
                self._add_used(self.answered)
                self.updates_left -= 1
            self._take_grants(row)
            return False
        if is_protocol_error(code):
            return self._refused()
        self._add_used(self.doubtful)
        return True

    def give_up(self) -> None:
        """No answer came: what was reported may be debited or not."""
        self._add_used(self.doubtful)

    def leave(self) -> None:
        """End the session with the next request."""
        self.updates_left = 0

    def _add_used(self, books: list[int]) -> None:
        if self.kind != INITIAL:
            for group, used in enumerate(self.used):
                books[group] += used

    def _take_grants(self, row: Sequence[int]) -> None:
        """Grants of a row of the AnswerReader; a group without one, or with final units, ends the session next."""
        for group in range(len(self.granted)):
            granted, is_final = row[3 + 3 * group], row[4 + 3 * group]
            self.granted[group] = max(0, granted)
            if granted <= 0 or is_final == 1:
                self.updates_left = 0

    def _refused(self) -> bool:
        """3xxx: not processed, so the same usage goes into a CCR-Termination with the next number."""
        self.refusals += 1
        if self.kind == INITIAL or self.refusals > MAX_REFUSALS:
            return True
        self.number += 1
        self.updates_left = 0
        return False


class LoadBooks:
    """What all sessions of a run reported, in a few machine words each."""

    def __init__(self, rating_groups: Sequence[int], prefixes: Sequence[str], suffix: str) -> None:
        self.rating_groups = tuple(rating_groups)
        self.prefixes = tuple(prefixes)
        self.suffix = suffix
        self.sessions = 0
        self._rows = array("q")

    def add(self, line: int, slot: Slot) -> None:
        """A session has ended."""
        self.sessions += 1
        self._rows.extend((line, slot.low, slot.subscriber))
        for answered, doubtful in zip(slot.answered, slot.doubtful, strict=True):
            self._rows.extend((answered, doubtful))

    def by_session(self) -> dict[str, dict[int | None, Reported]]:
        """For the conservation check."""
        return {
            f"{self.prefixes[line]}{low}{self.suffix}": {
                group: Reported(answered=answered, unanswered=doubtful)
                for group, (answered, doubtful) in zip(self.rating_groups, pairs, strict=True)
            }
            for line, low, _, pairs in self._each()
        }

    def by_subscriber(self) -> dict[int, tuple[int, int]]:
        """Octets answered and octets in doubt, by the subscriber's place in the range."""
        totals: dict[int, tuple[int, int]] = {}
        for _, _, subscriber, pairs in self._each():
            answered, doubtful = totals.get(subscriber, (0, 0))
            totals[subscriber] = (
                answered + sum(pair[0] for pair in pairs),
                doubtful + sum(pair[1] for pair in pairs),
            )
        return totals

    def _each(self) -> Iterator[tuple[int, int, int, list[tuple[int, int]]]]:
        width = 3 + 2 * len(self.rating_groups)
        for start in range(0, len(self._rows), width):
            line, low, subscriber, *units = self._rows[start : start + width]
            yield line, low, subscriber, list(zip(units[::2], units[1::2], strict=True))
