"""What a simulated gateway says and hears, without AVPs: requests, answers and the books it keeps on them.

Units are octets, for a packet gateway counts traffic; for calls they are seconds, for events messages.
`rating_group` None stands for a Multiple-Services-Credit-Control without Rating-Group, as Open5GS sends it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum

from msgspec import Struct

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator.pool import PoolReference
from diameter_ocs.wire.result_code import ResultCode, is_protocol_error

SUCCESS = int(ResultCode.SUCCESS)


class TerminationCause(IntEnum):
    """Termination-Cause values a gateway uses (RFC 6733 §8.15)."""

    LOGOUT = 1
    ADMINISTRATIVE = 4


class Subscriber(Struct, frozen=True):
    """Who the gateway's user is: the two Subscription-Ids of a data session."""

    msisdn: str
    imsi: str


class Report(Struct, frozen=True):
    """One Multiple-Services-Credit-Control of a CCR.

    used None: no Used-Service-Unit. asks: a Requested-Service-Unit is there. seconds: CC-Time of the report.
    """

    rating_group: int | None
    asks: bool
    used: int | None = None
    reason: ReportingReason | None = None
    seconds: int = 0


class Request(Struct, frozen=True):
    """A CCR to send. destination_host is empty until the first answer named a server."""

    session_id: str
    request_type: RequestType
    number: int
    subscriber: Subscriber
    reports: tuple[Report, ...] = ()
    destination_host: str = ""
    termination_cause: TerminationCause | None = None

    @property
    def used(self) -> int:
        """Octets reported by the whole request."""
        return sum(report.used or 0 for report in self.reports)


class GroupAnswer(Struct, frozen=True):
    """One Multiple-Services-Credit-Control of a CCA. granted None: no Granted-Service-Unit with octets.

    redirect_address, filters: where a redirect leads, and the Filter-Ids and rules of what stays allowed.
    """

    rating_group: int | None
    result_code: int = SUCCESS
    granted: int | None = None
    validity_seconds: int | None = None
    threshold: int = 0
    holding_seconds: int = 0
    final_action: int | None = None
    redirect_address: str = ""
    filters: tuple[str, ...] = ()
    reference: bytes = b""
    """Refund-Information."""
    pool: PoolReference | None = None


class Answer(Struct, frozen=True):
    """A CCA as the gateway understands it."""

    session_id: str
    request_type: int
    number: int
    result_code: int
    origin_host: str = ""
    groups: tuple[GroupAnswer, ...] = ()
    has_enough: bool | None = None
    """Check-Balance-Result."""
    cost_micros: int | None = None
    """Of Cost-Information."""

    def group(self, rating_group: int | None) -> GroupAnswer | None:
        """The part that answers a rating group, or None when the server left it out."""
        return next((group for group in self.groups if group.rating_group == rating_group), None)


@dataclass(slots=True)
class Reported:
    """Octets of one rating group as the gateway saw them.

    answered: in requests answered with success, so the server must have debited them.
    unanswered: in requests without an answer: debited or not. refused: in requests refused with a
    protocol error (3xxx), so never debited. doubtful: in requests answered with another error.
    granted: all grants added up.
    """

    granted: int = 0
    answered: int = 0
    unanswered: int = 0
    refused: int = 0
    doubtful: int = 0

    def __iadd__(self, other: "Reported") -> "Reported":
        for name in (each.name for each in fields(self)):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def at_most(self) -> int:
        """The most a correct server can have debited."""
        return self.answered + self.unanswered + self.doubtful


SessionBooks = Mapping[str, Mapping[int | None, Reported]]
"""By Session-Id and rating group."""


@dataclass(slots=True)
class Books:
    """What one session reported, group by group."""

    groups: dict[int | None, Reported] = field(default_factory=dict)

    def of(self, rating_group: int | None) -> Reported:
        return self.groups.setdefault(rating_group, Reported())

    def sent(self, request: Request) -> None:
        """A request leaves for the first time; resends are the same request and do not count again."""
        for report in request.reports:
            self.of(report.rating_group).unanswered += report.used or 0

    def took(self, request: Request, *, is_taken: bool) -> None:
        """It was answered, and the server has processed it or not."""
        for report in request.reports:
            book, used = self.of(report.rating_group), report.used or 0
            book.unanswered -= used
            if is_taken:
                book.answered += used
            else:
                book.refused += used

    def heard(self, request: Request, answer: Answer) -> None:
        """Its answer came."""
        for report in request.reports:
            book, used = self.of(report.rating_group), report.used or 0
            book.unanswered -= used
            if answer.result_code == SUCCESS:
                book.answered += used
            elif is_protocol_error(answer.result_code):
                book.refused += used
            else:
                book.doubtful += used
        for group in answer.groups if answer.result_code == SUCCESS else ():
            self.of(group.rating_group).granted += group.granted or 0


def total(books: Iterable[Reported]) -> Reported:
    """The sum of many books."""
    summed = Reported()
    for book in books:
        summed += book
    return summed
