"""The journal: immutable entries that prove every balance.

An entry belongs to one command on one account; its postings say what moved. Folding all
postings of an account, in order of `seq`, gives its buckets exactly (ledger/audit.py).
"""

from enum import Enum

from msgspec import Raw, Struct

from diameter_ocs.values.units import UnitType


class Action(Enum):
    """What a posting does to its bucket. `remaining` and `reserved` are those of the bucket."""

    CREDIT = "credit"
    """remaining + amount: top-up, grant, correction upwards."""
    RESERVE = "reserve"
    """reserved + amount: promised to a session, not spent."""
    RELEASE = "release"
    """reserved - amount: the promise is given back, before its usage is debited."""
    DEBIT = "debit"
    """remaining - amount: consumed by the network."""
    EXPIRE = "expire"
    """remaining - amount: the bucket's time was over (a negative amount forgives a debt)."""
    WITHDRAW = "withdraw"
    """remaining - amount: taken out by a correction, refund or transfer."""
    FREE = "free"
    """No bucket moves: usage that costs nothing under its offer."""
    RATED = "rated"
    """No bucket moves: usage that is paid for elsewhere; `amount` is its price in money."""
    UNRATED = "unrated"
    """No bucket moves: usage that no tariff priced, kept for the operator."""

    __hash__ = object.__hash__  # members are singletons; the hash of Enum is a slow function


NO_BASIS = Raw(b"null")


class Posting(Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One movement.

    amount: in the bucket's own unit. units: service units (octets, seconds, events) the amount
    pays for; 0 where none. mark: 'overuse' when it took the bucket beyond what was granted or
    there, 'late' when the usage came after the session had been closed, 'implausible' or 'other unit'
    where the reason for unrated usage is the report itself. unit: of the bucket, said
    where money or units come in, so that an audit still knows it when the bucket is gone; of unrated usage that
    has no basis.
    left: what remained in the bucket after it (before it, `amount` more or less); None: nothing of it moved, or
    the entry is of a time when this was not kept. basis: by which rule at which price, as JSON (see
    charging/basis.py). before: units that the session had paid for at prices when this one began.
    """

    action: Action
    bucket_id: str
    amount: int
    rating_group: int | None = None
    units: int = 0
    mark: str = ""
    unit: UnitType | None = None
    left: int | None = None
    basis: Raw = NO_BASIS
    before: int = 0


class Entry(Struct, frozen=True, omit_defaults=True, gc=False):
    """Why an account changed: one per command that changed it.

    kind: 'ccr_initial', 'ccr_update', 'ccr_termination', 'session_expired', 'account_created',
    'credit', ... outcome: the committed answer as JSON, so that a repeat gets the same one.
    reason: who or what caused it, in words. fingerprint: of the request's credits, see Answer.
    plan: version, offer and service by which usage was rated, as JSON (see charging/basis.py); empty: none was, or
    the entry is of a time when this was not kept. conditions: of use from here on, as JSON (see
    charging/conditions.py), in the first entry of a session and where they change.
    """

    account_id: str
    seq: int
    at_ms: int
    kind: str
    postings: tuple[Posting, ...] = ()
    subscriber_id: str = ""
    session_id: str = ""
    request_number: int | None = None
    outcome: Raw | None = None
    reason: str = ""
    fingerprint: int = 0
    plan: str = ""
    conditions: Raw | None = None
