"""What a gateway asks, in words of charging: no AVPs, no bytes. gy/ builds these and answers them."""

from enum import IntEnum
from typing import Any

from msgspec import Struct

from diameter_ocs.charging.conditions import UNKNOWN, Conditions
from diameter_ocs.charging.extras import CreditExtras, SessionNotices
from diameter_ocs.charging.gateway_profile import GENERIC, GatewayProfile
from diameter_ocs.rating.catalogue import DATA
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

    octets is CC-Total-Octets, or input + output where the total is absent. events: CC-Service-Specific-Units.
    money: CC-Money in micro-units of `currency`, or of the account's currency when that is empty.
    side: Tariff-Change-Usage of used units; None: not said.
    """

    octets: int | None = None
    seconds: int | None = None
    events: int | None = None
    money: int | None = None
    currency: str = ""
    side: int | None = None

    @property
    def is_money_only(self) -> bool:
        """The gateway has rated itself and asks for an amount ('decentralised rating', TS 32.299 §5.2.2)."""
        return self.money is not None and self.octets is None and self.seconds is None and self.events is None


class ServiceCredit(Struct, frozen=True, omit_defaults=True, gc=False):
    """One Multiple-Services-Credit-Control of a request (RFC 8506 §8.16).

    requested None: no Requested-Service-Unit, so no new quota is wanted. in_money: it asks for or reports
    nothing but amounts of money. refund: content of a Refund-Information.
    """

    rating_group: int | None
    service_identifiers: tuple[int, ...] = ()
    requested: ServiceUnits | None = None
    used: tuple[ServiceUnits, ...] = ()
    reporting_reason: int | None = None
    in_money: bool = False
    refund: bytes = b""


class SessionRequest(Struct, frozen=True, omit_defaults=True, gc=False):
    """A CCR-Initial, -Update or -Termination.

    session_id: the key of the session, see values.session_key.
    identities: every usable Subscription-Id, in the order of preference of the operator.
    is_undivided: its one credit is that of the whole session, not of a group (RFC 8506 §5.1 without
    Multiple-Services-Credit-Control), so a refusal of it refuses the session.
    rated_as: the service, and after a slash its direction, whose rules hold; see Offer.part.
    changed_to: the service that an update makes of the session, such as a call that gets video; empty: not said.
    conditions: those that this request tells; the others hold as they were.
    gateway: what the one who asks understands.
    fault: why a Termination is refused although its report is taken; empty: it is not.
    multiple_services: the gateway said so in Multiple-Services-Indicator.
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
    rated_as: str = DATA
    changed_to: str = ""
    conditions: Conditions = UNKNOWN
    gateway: GatewayProfile = GENERIC
    fault: str = ""
    multiple_services: bool = False


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
    reporting_reason: int | None = None
    """Why the gateway reported or asked; not sent."""
    sized_by: str = ""
    """The rule that gave the grant its size, see charging/sizing.py; not sent."""


class EventResult(Struct, frozen=True, omit_defaults=True, gc=False):
    """What the answer to a one-time event tells beside its units.

    cost_micros in `currency`, for one `cost_unit` when that is not empty. balance_micros: money that is left
    and not reserved. is_enough: result of a balance check. references: per credit, what refunds its debit.
    """

    currency: str = ""
    cost_micros: int | None = None
    cost_unit: str = ""
    balance_micros: int | None = None
    is_enough: bool | None = None
    references: tuple[bytes, ...] = ()


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
    event: EventResult | None = None
    notices: SessionNotices | None = None
    """What the answer says of the whole session."""
