"""What an operator sells: offers made of group rules, each with a price and a quota policy (3GPP RF)."""

from collections.abc import Iterator
from enum import Enum
from zoneinfo import ZoneInfo

from msgspec import Struct

from diameter_ocs.rating.answers import AnswerPolicy
from diameter_ocs.rating.day_cap import DayCap
from diameter_ocs.rating.final_units import LINK_TOKEN, FinalProfile
from diameter_ocs.rating.lifecycles import Lifecycle
from diameter_ocs.rating.period_tiers import Counter
from diameter_ocs.rating.pool import PoolShare
from diameter_ocs.rating.products import Allowance, Product
from diameter_ocs.rating.rate import Rate
from diameter_ocs.rating.selection import NOWHERE, Geography, RateSheet, Selection
from diameter_ocs.rating.time_bands import TimeBand
from diameter_ocs.rating.time_quota import TimeQuotaMechanism
from diameter_ocs.rating.timed_rates import TimedRates
from diameter_ocs.values.units import UnitType

DATA = "data"
VOICE, VIDEO = "voice", "video"
"""Calls by their media: one with moving pictures is rated as video."""
CALLS = frozenset({VOICE, VIDEO})
EMERGENCY = "emergency"
"""What an emergency call is rated as, whatever service brings it."""


class Treatment(Enum):
    """What happens to a rating group under an offer."""

    CHARGE = "charge"
    FREE = "free"
    """Granted at price 0: no bucket is touched. (Code 4011 makes some gateways refuse the service.)"""
    NOT_CONTROLLED = "not controlled"
    """Free too, but without quota: 4011. Only for gateways that let such traffic pass."""
    RATE_ONLY = "rate only"
    """Granted like FREE; what it would cost stands in the journal, for somebody else's books."""
    BARRED = "barred"
    """Refused for now (4010)."""
    NOT_INCLUDED = "not included"
    """Never part of this offer (5003)."""

    @property
    def costs_nothing(self) -> bool:
        """No bucket is touched."""
        return self is Treatment.FREE or self is Treatment.NOT_CONTROLLED or self is Treatment.RATE_ONLY


class QuotaTuning(Struct, frozen=True, gc=False):
    """What a quota policy may say beyond the sizes; each is off when None or at its default.

    first_...: other sizes for the first grant of a group in a session. honours_wishes: False grants the
    default whatever the gateway asks for. session_cap_units: most that one group may use in a session.
    pace_seconds: the default becomes what lasts so long at the group's recent rate. threshold_units: in
    place of the percentage; at most half of a grant. grants_after_holding: False grants nothing to a
    report of Quota-Holding-Time, even if it asks. triggers: Trigger-Types armed with the first grant;
    empty disarms all, None leaves it to the gateway. day_cap: most that all sessions of a subscriber may
    use in a day. notice_levels: amounts still left, from high to low, at which somebody is told: a grant
    ends there, so that the report comes at that moment. consumption_seconds: idle time after which the clock of
    a time quota stops (Quota-Consumption-Time); 0: it never does. mechanism: in place of it, whole intervals.
    """

    first_default_units: int | None = None
    first_maximum_units: int | None = None
    honours_wishes: bool = True
    session_cap_units: int | None = None
    pace_seconds: int | None = None
    threshold_units: int | None = None
    grants_after_holding: bool = True
    triggers: tuple[int, ...] | None = None
    day_cap: DayCap | None = None
    notice_levels: tuple[int, ...] = ()
    consumption_seconds: int | None = None
    mechanism: TimeQuotaMechanism | None = None


class QuotaPolicy(Struct, frozen=True, gc=False):
    """How grants are cut, in the units of the rule.

    default_units: when the gateway states no wish. A wish is honoured between minimum and maximum.
    threshold_percent: remaining part of a grant at which the gateway asks for more; 0 switches it off.
    holding_seconds: idle time after which it gives the quota back; None leaves it to the gateway.
    tuning: everything out of the ordinary; None: nothing.
    """

    default_units: int
    minimum_units: int
    maximum_units: int
    validity_seconds: int
    threshold_percent: int = 0
    holding_seconds: int | None = None
    tuning: QuotaTuning | None = None


class GroupRule(Struct, frozen=True, gc=False):
    """How one or more rating groups are charged. rate None: only unit buckets pay.

    final: what follows the last unit; None terminates the service. timed: prices by day and
    time; `rate` is then the dearest of them.
    is_partial_allowed: an event may be debited in part when there is too little for all of it.
    is_refund_free: an event may be refunded without the reference that its debit was given.
    chooser: what holds depends on the use; None: these values for all of it.
    pool: its share in a credit pool; None: its quota is its own.
    """

    name: str
    unit: UnitType
    treatment: Treatment
    quota: QuotaPolicy
    rate: Rate | None = None
    final: FinalProfile | None = None
    timed: TimedRates | None = None
    is_partial_allowed: bool = False
    is_refund_free: bool = False
    chooser: "Chooser | None" = None
    pool: PoolShare | None = None


class Chooser(Struct, frozen=True):
    """Whose values hold in place of a group's own.

    variants: one for each case of `selection`; the first case that holds wins. sheet: prices by the number that is
    called. counter: by what the tiers of the rate are counted; None: by the session. See rating/choice.py.
    """

    selection: Selection | None = None
    variants: tuple[GroupRule, ...] = ()
    sheet: RateSheet | None = None
    counter: Counter | None = None


class Offer(Struct, frozen=True):
    """A product. by_group and by_service pick the rule; `otherwise` serves every other group, if any.

    default_rating_group: the group of a Multiple-Services-Credit-Control that names none.
    end_session_when_empty: answer 4012 for the whole session, not per group, when nothing is left for any.
    is_controlled: False answers 4011 for the whole session: the service goes on and nobody pays.
    answers: what answers say beside grants; None: nothing.
    nameless: the rule of a request that names neither group nor a known service, where no default group says it.
    services: the same offer for other services than data, whose groups and identifiers are numbers of their own
    (RFC 8506 §8.28): by name, such as 'sms', or by name and direction, such as 'voice/originating'.
    has_pools: some of its groups (not those of `services`) share credit pools.
    """

    name: str
    by_group: dict[int, GroupRule]
    by_service: dict[int, GroupRule]
    otherwise: GroupRule | None
    default_rating_group: int | None
    end_session_when_empty: bool = False
    is_controlled: bool = True
    answers: AnswerPolicy | None = None
    nameless: GroupRule | None = None
    services: "dict[str, Offer]" = {}
    products: tuple[str, ...] = ()
    """Products that come with it."""
    has_day_caps: bool = False
    """Some group of it has a daily cap."""
    fingerprint: int = 0
    """CRC-32 over everything else in it, its services included: tells that rules or prices have changed."""
    lifecycle: str = ""
    """Name of the life cycle of its subscribers; none when empty."""
    has_pools: bool = False

    def rules(self) -> Iterator[GroupRule]:
        """Every rule of every service, some more than once."""
        for rule in (*self.by_group.values(), *self.by_service.values(), self.otherwise, self.nameless):
            if rule is not None:
                yield rule
                yield from rule.chooser.variants if rule.chooser is not None else ()
        for part in self.services.values():
            yield from part.rules()

    def part(self, rated_as: str) -> "Offer | None":
        """This offer as one service sees it; None when it does not include that service.

        An offer that says nothing of video calls treats them as voice.
        """
        if rated_as == DATA:
            return self
        if rated_as == EMERGENCY:
            return EMERGENCY_OFFER
        service, slash, direction = rated_as.partition("/")
        found = self.services.get(rated_as) or self.services.get(service)
        return self.part(f"{VOICE}{slash}{direction}") if found is None and service == VIDEO else found

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
    zone: ZoneInfo = ZoneInfo("UTC")
    """The operator's."""
    bands: dict[str, TimeBand] = {}
    """Bands of time by name."""
    geography: Geography = NOWHERE
    """Destinations and networks."""
    products: dict[str, Product] = {}
    lifecycles: dict[str, Lifecycle] = {}

    def lifecycle_of(self, offer: str) -> Lifecycle | None:
        """Of the subscribers of an offer."""
        found = self.offers.get(offer)
        return self.lifecycles.get(found.lifecycle) if found is not None else None

    def bundle(self, name: str) -> list[Product]:
        """A product and all that comes with it, each once; what is not in the catalogue is left out."""
        found: dict[str, Product] = {}
        names = [name]
        while names:
            product = self.products.get(names.pop(0))
            if product is not None and product.name not in found:
                found[product.name] = product
                names += product.includes
        return list(found.values())

    def allowances(self, product: Product) -> list[Allowance]:
        """Everything that a product brings, that of products in it too."""
        return [allowance for each in self.bundle(product.name) for allowance in each.allowances]

    @property
    def has_signed_links(self) -> bool:
        """Some redirect carries a token that has to be signed."""
        rules = [rule for offer in self.offers.values() for rule in offer.rules()]
        return any(rule.final is not None and LINK_TOKEN in rule.final.address for rule in rules)


def changed_offers(before: Catalogue, after: Catalogue) -> list[str]:
    """Names of offers that are new, gone, or have other rules or prices."""
    marks = [{name: offer.fingerprint for name, offer in each.offers.items()} for each in (before, after)]
    return sorted(name for name in {**marks[0], **marks[1]} if marks[0].get(name) != marks[1].get(name))
