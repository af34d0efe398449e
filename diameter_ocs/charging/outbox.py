"""What this node wants to ask of a gateway: requests that are stored with the change that caused them.

A row is written in the transaction of its cause and delivered afterwards, so that neither a crash
nor a lost connection loses it (RFC 8506 §5.5: re-authorisation; RFC 6733 §8.5: abort).
"""

from collections.abc import Collection, Iterable, Iterator
from enum import Enum

from msgspec import Struct

from diameter_ocs.charging.session import Quota, Session, SessionStatus
from diameter_ocs.ledger.account import Bucket


class RequestKind(Enum):
    """REAUTHORIZE is sent as Re-Auth-Request, ABORT as Abort-Session-Request."""

    REAUTHORIZE = "reauthorize"
    ABORT = "abort"


class RequestState(Enum):
    """How far a request is.

    WAITING: not sent yet, or no way to the gateway. SENT: sent, no answer yet. ANSWERED: with the
    result code of the row. CCR_SEEN: the gateway sent the request it was asked for. CLOSED: the
    session is over, nothing is left to ask. GAVE_UP: no answer after all tries, or its profile says that the
    gateway would not do it.
    """

    WAITING = "waiting"
    SENT = "sent"
    ANSWERED = "answered"
    CCR_SEEN = "ccr_seen"
    CLOSED = "closed"
    GAVE_UP = "gave_up"


STOPPING = (2001, 2002)
"""Answers to an ASR after which the gateway ends the session (RFC 6733 §8.5.2; some answer 2002)."""


class GatewayRequest(Struct, frozen=True, omit_defaults=True, gc=False):
    """One request about one session.

    request_id: unique in the account; begins with the number of the journal entry that caused it.
    rating_group, service_identifier, pool: None for the whole session. tries: how often it was sent.
    result_code: of the last answer, 0 before the first.
    """

    account_id: str
    request_id: str
    session_id: str
    kind: RequestKind
    cause: str
    created_ms: int
    rating_group: int | None = None
    service_identifier: int | None = None
    state: RequestState = RequestState.WAITING
    tries: int = 0
    result_code: int = 0
    pool: int | None = None

    @property
    def is_pending(self) -> bool:
        """Something is left to do: to send it, or to see that an aborted session really ends."""
        if self.state is RequestState.ANSWERED:
            return self.kind is RequestKind.ABORT and self.result_code in STOPPING
        return self.state in (RequestState.WAITING, RequestState.SENT)


def requests_after_credit(
    sessions: Iterable[Session], bucket: Bucket, entry_seq: int, cause: str, at_ms: int
) -> tuple[GatewayRequest, ...]:
    """A re-authorisation for every open session that ran dry or is about to, and can use the bucket.

    Limited to the rating group or service when only one of the session is concerned: a message names
    one (RFC 8506 §5.5). Sessions that have credit are left alone.
    """
    return tuple(_reauthorisations(sessions, bucket, entry_seq, cause, at_ms))


def _reauthorisations(
    sessions: Iterable[Session], bucket: Bucket, entry_seq: int, cause: str, at_ms: int
) -> Iterator[GatewayRequest]:
    for number, session in enumerate(_open(sessions)):
        dry = [quota for quota in session.quotas if _wants(quota, bucket)]
        if not dry:
            continue
        group, service = _scope(dry[0]) if len(dry) == 1 else (None, None)
        yield GatewayRequest(
            session.account_id,
            f"{entry_seq}-{number}",
            session.session_id,
            RequestKind.REAUTHORIZE,
            cause,
            at_ms,
            group,
            service,
        )


def _wants(quota: Quota, bucket: Bucket) -> bool:
    """Would more in this bucket help? A gateway without rating groups draws on what its offer names."""
    is_dry = quota.dry or quota.final
    group = quota.rating_group
    return is_dry and (not bucket.rating_groups or group is None or group in bucket.rating_groups)


def _scope(quota: Quota) -> tuple[int | None, int | None]:
    if quota.rating_group is not None or len(quota.service_identifiers) != 1:
        return quota.rating_group, None
    return None, quota.service_identifiers[0]


def aborts(
    sessions: Iterable[Session], entry_seq: int, cause: str, at_ms: int, subscribers: Collection[str] | None = None
) -> tuple[GatewayRequest, ...]:
    """An abort for every open session, or for those of some subscribers."""
    return _of_all(RequestKind.ABORT, sessions, entry_seq, cause, at_ms, subscribers)


def reauthorisations(
    sessions: Iterable[Session], entry_seq: int, cause: str, at_ms: int, subscribers: Collection[str] | None = None
) -> tuple[GatewayRequest, ...]:
    """The same, to re-authorise: those sessions are rated anew as a whole."""
    return _of_all(RequestKind.REAUTHORIZE, sessions, entry_seq, cause, at_ms, subscribers)


def _of_all(
    kind: RequestKind,
    sessions: Iterable[Session],
    entry_seq: int,
    cause: str,
    at_ms: int,
    subscribers: Collection[str] | None,
) -> tuple[GatewayRequest, ...]:
    return tuple(
        GatewayRequest(session.account_id, f"{entry_seq}-{number}", session.session_id, kind, cause, at_ms)
        for number, session in enumerate(_open(sessions))
        if subscribers is None or session.subscriber_id in subscribers
    )


def _open(sessions: Iterable[Session]) -> list[Session]:
    found = [session for session in sessions if session.status is SessionStatus.OPEN]
    return sorted(found, key=lambda session: session.session_id)
