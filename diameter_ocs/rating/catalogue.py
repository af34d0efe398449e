"""What an operator sells: offers made of group rules, each with a price and a quota policy (3GPP RF)."""

from enum import Enum

from msgspec import Struct

from diameter_ocs.rating.rate import Rate
from diameter_ocs.values.units import UnitType


class Treatment(Enum):
    """What happens to a rating group under an offer."""

    CHARGE = "charge"
    FREE = "free"
    """Granted at price 0: no bucket is touched. (Code 4011 would make some gateways refuse the service.)"""
    BARRED = "barred"
    """Refused for now (4010)."""
    NOT_INCLUDED = "not included"
    """Never part of this offer (5003)."""


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
    """How one or more rating groups are charged. rate None: only unit buckets pay."""

    name: str
    unit: UnitType
    treatment: Treatment
    quota: QuotaPolicy
    rate: Rate | None = None


class Offer(Struct, frozen=True):
    """A product. by_group and by_service pick the rule; `otherwise` serves every other group, if any.

    default_rating_group: the group of a Multiple-Services-Credit-Control that names none.
    end_session_when_empty: answer 4012 for the whole session, not per group, when nothing is left for any.
    """

    name: str
    by_group: dict[int, GroupRule]
    by_service: dict[int, GroupRule]
    otherwise: GroupRule | None
    default_rating_group: int | None
    end_session_when_empty: bool = False

    def rule_for(self, rating_group: int | None, service_identifiers: tuple[int, ...]) -> GroupRule | None:
        """The rule of a service, else of its rating group, else the offer's rule for all others."""
        for service in service_identifiers:
            rule = self.by_service.get(service)
            if rule is not None:
                return rule
        group = self.default_rating_group if rating_group is None else rating_group
        return self.by_group.get(group, self.otherwise) if group is not None else None


class Catalogue(Struct, frozen=True):
    """One version of everything that is sold."""

    version: str
    currency: str
    offers: dict[str, Offer]
