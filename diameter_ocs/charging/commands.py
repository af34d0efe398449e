"""Commands on sessions that do not come from a gateway."""

from msgspec import Struct


class ExpireSession(Struct, frozen=True, gc=False):
    """Supervision of a silent session is over: close it and settle its reservations (RFC 8506 §13, Tcc)."""

    account_id: str
    session_id: str
