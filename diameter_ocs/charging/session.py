"""A credit-control session as the store keeps it (RFC 8506 §4, TS 32.299 SCUR)."""

from enum import Enum

from msgspec import Raw, Struct

from diameter_ocs.charging.conditions import UNKNOWN, Conditions
from diameter_ocs.rating.catalogue import DATA
from diameter_ocs.rating.pool import PoolShare
from diameter_ocs.values.units import UnitType

ANSWERS_KEPT = 4
"""Stored answers in the session itself; older ones are recalled from the journal."""


MAX_QUOTAS = 256
"""Rating groups and services of one session: all are stored with it at every request."""


class SessionStatus(Enum):
    OPEN = "open"
    CLOSED = "closed"


class Reservation(Struct, frozen=True, array_like=True, gc=False):
    """A promise of one bucket to one quota, in the bucket's unit; `units` are the service units it pays for."""

    bucket_id: str
    amount: int
    units: int


class QuotaMemory(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a quota remembers where its policy is out of the ordinary.

    restricted_until_ms: end of the time that the gateway was given in restricted mode after final
    units; 0: not restricted. is_opened: it had its first grant. since_ms: the last report or grant.
    recent_units, recent_ms: use of late and the time it took. switch_ms: when the price changes
    inside the time of what is granted; 0: it does not. converted_units: running total of the units paid
    with buckets of another unit than theirs and money.
    is_given_up: the session was closed while a grant was out, of which since_ms and switch_ms still tell, for a
    late report.
    is_slow: what is out at the gateway is for nothing, at a lower speed.
    variant: name of the rule that held for the last grant, where a group has more than one; '': it has one.
    former_offer, former_tariff: name and fingerprint of the offer under which the quota was granted, when the
    subscriber has changed to another one since or that one was changed; its use is still paid at those prices.
    """

    restricted_until_ms: int = 0
    is_opened: bool = False
    since_ms: int = 0
    recent_units: int = 0
    recent_ms: int = 0
    switch_ms: int = 0
    converted_units: int = 0
    is_given_up: bool = False
    variant: str = ""
    former_offer: str = ""
    former_tariff: int = 0
    is_slow: bool = False


NOTHING_SPECIAL = QuotaMemory()


class Quota(Struct, frozen=True, omit_defaults=True, gc=False):
    """Credit of one rating group or service in a session: what is out at the gateway and what it has cost.

    granted: service units out now (0 when none). priced_units: running total of the units paid
    with money, on which the next report is priced, so that slicing never changes the bill.
    charged_micros: money debited so far. used_units: every unit reported so far.
    """

    rating_group: int | None
    service_identifiers: tuple[int, ...] = ()
    unit: UnitType = UnitType.OCTETS
    granted: int = 0
    reservations: tuple[Reservation, ...] = ()
    priced_units: int = 0
    charged_micros: int = 0
    used_units: int = 0
    final: bool = False
    assumed_units: int = 0
    """Units charged as used when supervision ended the session without a report."""
    memory: QuotaMemory = NOTHING_SPECIAL
    dry: bool = False
    """The balance gave out: the last wish was refused for lack of credit, or a final grant was used."""
    pool: PoolShare | None = None
    """What is out at the gateway is part of a credit pool: the promise is the pool's, `reservations` are empty."""


class Pool(Struct, frozen=True, omit_defaults=True, gc=False):
    """A credit pool of a session, in points (see PoolShare): what all its quotas together may still use.

    promised: S of RFC 8506 §5.1.2, as the gateway has it when all it used is reported. `units` of the
    reservations are points, in the order in which they will be drawn. paid: points drawn so far beyond the
    last whole micro-unit; the rest of a started one is paid. prepaid: points charged as used when supervision
    ended the session without a report.
    """

    pool_id: int
    per_micro: int
    promised: int = 0
    reservations: tuple[Reservation, ...] = ()
    paid: int = 0
    prepaid: int = 0


class Answer(Struct, frozen=True, array_like=True, gc=False):
    """The committed outcome of one request: what a repeat gets again."""

    request_number: int
    request_type: int
    fingerprint: int
    """CRC-32 over the request's Multiple-Services-Credit-Control AVPs: tells a repeat from another request."""
    outcome: Raw


class Session(Struct, frozen=True, omit_defaults=True, gc=False):
    """One session of one subscriber. Closed sessions are kept for a stated time, for late repeats and reports.

    session_id: its key, see values.session_key: a sub-session is a session of its own.
    """

    session_id: str
    account_id: str
    subscriber_id: str
    opened_ms: int
    last_ms: int
    expires_ms: int
    """When supervision (Tcc) ends the session; for a closed session, when its row may be forgotten."""
    origin_host: str
    origin_realm: str
    service_context: str
    status: SessionStatus = SessionStatus.OPEN
    quotas: tuple[Quota, ...] = ()
    highest_number: int = 0
    opened_seq: int = 0
    """Journal number of the entry that opened it."""
    answers: tuple[Answer, ...] = ()
    closed_ms: int = 0
    close_reason: str = ""
    supervised_seconds: int = 0
    """How long the gateway may stay silent from its last request on."""
    rated_as: str = DATA
    """The service, and after a slash its direction, whose rules hold; see Offer.part."""
    conditions: Conditions = UNKNOWN
    """The last that its requests told."""
    offer: str = ""
    """Of the subscriber at its last request. Empty: of a time when sessions did not know."""
    tariff: int = 0
    """Fingerprint of that offer, see Offer.fingerprint; 0: unknown, or one that no catalogue changes."""
    may_pool: bool = False
    """Its gateway may be given credit pools."""
    pools: tuple[Pool, ...] = ()
