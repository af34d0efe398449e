"""What an operator sets for all sessions, whatever the offer."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from msgspec import Struct

from diameter_ocs.values.units import UnitType

NO_LIMIT = 1 << 96
"""More than any request can report."""
BELIEVE_ALL: Mapping[UnitType, int] = MappingProxyType(dict.fromkeys(UnitType, NO_LIMIT))


class Silence(Enum):
    """What becomes of the quota that a silent session still holds when supervision ends it."""

    RELEASE = "release"
    """Nothing more is charged; the reservation goes back to the balance."""
    CHARGE_GRANTED = "charge granted"
    """The whole grant counts as used; a late report is charged only for what goes beyond it."""


class UnknownSession(Enum):
    """What becomes of usage that a known subscriber's gateway reports for a session never opened here."""

    RECORD = "record"
    """No balance moves; the usage stays in the journal as unrated."""
    DEBIT = "debit"
    """It is charged as a late report is."""


class ChargingRules(Struct, frozen=True, gc=False):
    """Supervision of sessions (RFC 8506 §13, timer Tcc) and their bounds.

    A session is given up validity_factor x Validity-Time + grace after its last request, or after
    supervision_seconds when the gateway holds no quota. Closed sessions are remembered for
    closed_retention_seconds, for late repeats and reports. Outcomes of one-time events are remembered for
    event_retention_seconds, and their debits can be refunded for refund_retention_seconds.
    plausible: the most that one report of one group is believed, by its unit.
    """

    validity_factor: int = 2
    grace_seconds: int = 60
    supervision_seconds: int = 86_400
    closed_retention_seconds: int = 86_400
    max_open_sessions: int = 1000
    silence: Silence = Silence.RELEASE
    unknown_session: UnknownSession = UnknownSession.RECORD
    event_retention_seconds: int = 86_400
    refund_retention_seconds: int = 86_400
    plausible: Mapping[UnitType, int] = BELIEVE_ALL
