"""Commands on sessions that do not come from a gateway."""

from msgspec import Struct

from diameter_ocs.charging.outbox import RequestKind


class ExpireSession(Struct, frozen=True, gc=False):
    """Supervision of a silent session is over: close it and settle its reservations (RFC 8506 §13, Tcc)."""

    account_id: str
    session_id: str


class AbortSession(Struct, frozen=True, gc=False):
    """Close a session that its gateway does not have any more (RFC 6733 §8.5, §8.16).

    is_silent: what it used since its last report is unknown, so its reservation is settled as that of a
    silent session; otherwise it is released. unheard_since_ms: close it only if its last request is
    older, milliseconds since 1970 UTC.
    """

    account_id: str
    session_id: str
    reason: str
    is_silent: bool = False
    unheard_since_ms: int | None = None


class AskGateway(Struct, frozen=True, gc=False):
    """An operator wants the gateway of an open session to ask again, or to end it.

    rating_group and pool None: the whole session.
    """

    account_id: str
    session_id: str
    kind: RequestKind
    rating_group: int | None = None
    reason: str = ""
    pool: int | None = None
