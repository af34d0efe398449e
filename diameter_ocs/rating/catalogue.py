"""What an operator sells: offers made of group rules, each with a price and a quota policy (3GPP RF)."""

from enum import Enum

from msgspec import Struct

from diameter_ocs.rating.rate import Rate
from diameter_ocs.values.units import UnitType

DATA = "data"
EMERGENCY = "emergency"
"""What an emergency call is rated as, whatever service brings it."""


class Treatment(Enum):
    """What happens to a rating group under an offer."""

    CHARGE = "charge"
    FREE = "free"
    """Granted at price 0: no bucket is touched. (Code 4011 would make some gateways refuse the service.)"""
    BARRED = "barred"
    """Refused for now (4010)."""
    NOT_INCLUDED = "not included"
    """Never part of this offer (5003)."""
    NOT_CHARGED = "not charged"
    """Allowed without credit control (4011): nothing is reserved, usage that is reported all the same costs nothing."""

    @property
    def costs_nothing(self) -> bool:
        return self is Treatment.FREE or self is Treatment.NOT_CHARGED


class QuotaPolicy(Struct, frozen=True, gc=False):
    """How grants are cut, in the units of the rule.

    default_units: when the gateway states no wish. A wish is honoured between minimum and maximum.
    threshold_percent: remaining part of a grant at which the gateway asks for more; 0 switches it off.
    holding_seconds: idle time after which it gives the quota back; None leaves it to the gateway.
    """

    default_units: int
    minimum_units: int
    maximum_units: int
    validity_seconds: int
    threshold_percent: int = 0
    holding_seconds: int | None = None


class GroupRule(Struct, frozen=True, gc=False):
    """How one or more rating groups are charged. rate None: only unit buckets pay.

    is_partial_allowed: an event may be debited in part when there is too little for all of it.
    is_refund_free: an event may be refunded without the reference that its debit was given.
    """

    name: str
    unit: UnitType
    treatment: Treatment
    quota: QuotaPolicy
    rate: Rate | None = None
    is_partial_allowed: bool = False
    is_refund_free: bool = False


class Offer(Struct, frozen=True):
    """A product. by_group and by_service pick the rule; `otherwise` serves every other group, if any.

    default_rating_group: the group of a Multiple-Services-Credit-Control that names none.
    end_session_when_empty: answer 4012 for the whole session, not per group, when nothing is left for any.
    nameless: the rule of a request that names neither group nor a known service, where no default group says it.
    services: the same offer for other services than data, whose groups and identifiers are numbers of their own
    (RFC 8506 §8.28): by name, such as 'sms', or by name and direction, such as 'voice/originating'.
    """

    name: str
    by_group: dict[int, GroupRule]
    by_service: dict[int, GroupRule]
    otherwise: GroupRule | None
    default_rating_group: int | None
    end_session_when_empty: bool = False
    nameless: GroupRule | None = None
    services: "dict[str, Offer]" = {}

    def part(self, rated_as: str) -> "Offer | None":
        """This offer as one service sees it; None when it does not include that service."""
        if rated_as == DATA:
            return self
        if rated_as == EMERGENCY:
            return EMERGENCY_OFFER
        return self.services.get(rated_as) or self.services.get(rated_as.partition("/")[0])

    def rule_for(self, rating_group: int | None, service_identifiers: tuple[int, ...]) -> GroupRule | None:
        """The rule of a service, else of its rating group, else the offer's rule for all others."""
        for service in service_identifiers:
            rule = self.by_service.get(service)
            if rule is not None:
                return rule
        group = self.default_rating_group if rating_group is None else rating_group
        return self.by_group.get(group, self.otherwise) if group is not None else self.nameless


EMERGENCY_RULE = GroupRule(
    "emergency", UnitType.SECONDS, Treatment.FREE, QuotaPolicy(3600, 1, 86_400, validity_seconds=86_400)
)
EMERGENCY_OFFER = Offer("emergency", {}, {}, EMERGENCY_RULE, None, nameless=EMERGENCY_RULE)
"""Emergency calls cost nothing, whatever was sold."""


class Catalogue(Struct, frozen=True):
    """One version of everything that is sold."""

    version: str
    currency: str
    offers: dict[str, Offer]
    enquiry_offer: str = ""
    """Offer whose prices are told when nobody known asks for a price; none when empty."""
