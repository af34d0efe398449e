"""What a gateway asks, in words of charging: no AVPs, no bytes. gy/ builds these and answers them."""

from enum import IntEnum
from typing import Any

from msgspec import Struct

from diameter_ocs.charging.extras import CreditExtras, SessionNotices
from diameter_ocs.rating.final_units import FinalUnitAction
from diameter_ocs.values.identity import Identity
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict


class RequestType(IntEnum):
    """CC-Request-Type (RFC 8506 §8.3)."""

    INITIAL = 1
    UPDATE = 2
    TERMINATION = 3
    EVENT = 4


class ReportingReason(IntEnum):
    """Reporting-Reason (TS 32.299 §7.2.175)."""

    THRESHOLD = 0
    QHT = 1
    FINAL = 2
    QUOTA_EXHAUSTED = 3
    VALIDITY_TIME = 4
    OTHER_QUOTA_TYPE = 5
    RATING_CONDITION_CHANGE = 6
    FORCED_REAUTHORISATION = 7
    POOL_EXHAUSTED = 8
    UNUSED_QUOTA_TIMER = 9


class TariffChangeUsage(IntEnum):
    """Tariff-Change-Usage (RFC 8506 §8.27)."""

    BEFORE = 0
    AFTER = 1
    INDETERMINATE = 2


class ServiceUnits(Struct, frozen=True, omit_defaults=True, gc=False):
    """The content of a Requested- or Used-Service-Unit. None: that unit type is absent.

    octets is CC-Total-Octets, or input + output where the total is absent. other: a unit type
    that packet data charging does not have (money, service-specific units). side: Tariff-Change-Usage
    of used units; None: not said.
    """

    octets: int | None = None
    seconds: int | None = None
    events: int | None = None
    other: bool = False
    side: int | None = None


class ServiceCredit(Struct, frozen=True, omit_defaults=True, gc=False):
    """One Multiple-Services-Credit-Control of a request (RFC 8506 §8.16).

    requested None: no Requested-Service-Unit, so no new quota is wanted.
    """

    rating_group: int | None
    service_identifiers: tuple[int, ...] = ()
    requested: ServiceUnits | None = None
    used: tuple[ServiceUnits, ...] = ()
    reporting_reason: int | None = None


class SessionRequest(Struct, frozen=True, omit_defaults=True, gc=False):
    """A CCR-Initial, -Update or -Termination.

    identities: every usable Subscription-Id, in the order of preference of the operator.
    is_undivided: its one credit is that of the whole session, not of a group (RFC 8506 §5.1 without
    Multiple-Services-Credit-Control), so a refusal of it refuses the session.
    """

    session_id: str
    request_type: RequestType
    request_number: int
    fingerprint: int
    service_context: str
    origin_host: str
    origin_realm: str
    identities: tuple[Identity, ...] = ()
    credits: tuple[ServiceCredit, ...] = ()
    termination_cause: int | None = None
    is_undivided: bool = False


class CreditOutcome(Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """The answer to one ServiceCredit. granted None: no Granted-Service-Unit in the answer.

    final without a grant: the gateway redirects or restricts at once, for validity_seconds.
    """

    rating_group: int | None
    service_identifiers: tuple[int, ...] = ()
    verdict: Verdict = Verdict.SUCCESS
    granted: int | None = None
    unit: UnitType = UnitType.OCTETS
    validity_seconds: int | None = None
    threshold: int | None = None
    holding_seconds: int | None = None
    final: FinalUnitAction | None = None
    used: int = 0
    """Units debited by this report: for usage counters, not sent."""
    extras: CreditExtras | None = None


class Outcome(Struct, frozen=True, omit_defaults=True, gc=False):
    """The committed answer to a request or command. `detail` says in words what an operator should know.

    data: what an administrative command made (ids and the like).
    """

    verdict: Verdict = Verdict.SUCCESS
    credits: tuple[CreditOutcome, ...] = ()
    detail: str = ""
    data: dict[str, Any] | None = None
    repeated: bool = False
    """True for an answer given before: never stored so."""
    notices: SessionNotices | None = None
    """What the answer says of the whole session."""
