"""What clients get: records as models. Money is decimal text with its currency, everything else whole units."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import core_schema

from diameter_ocs.charging.session import Quota, Session
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.ledger.journal import Entry, Posting
from diameter_ocs.ledger.owned import Owned
from diameter_ocs.ledger.terms import BucketTerms, Limit
from diameter_ocs.rating.catalogue import Catalogue, Offer
from diameter_ocs.rating.products import Product
from diameter_ocs.rating.versions import Activation, VersionFacts, in_force
from diameter_ocs.recharge.once import account_tag, subscriber_tag
from diameter_ocs.values.instant import instant
from diameter_ocs.values.money import format_money
from diameter_ocs.values.session_key import parts_of_key
from diameter_ocs.values.units import UnitType

Amount = int | str
"""Whole units, or money as decimal text."""


class View(BaseModel):
    """A record as it is told. Every field is there unless others are chosen; null where there is nothing to tell."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        made = handler(schema)
        handler.resolve_ref_schema(made).pop("required", None)
        return made


class BucketView(View):
    """Units or money to spend. available = remaining - reserved."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "bucket_id": "money",
                "name": "",
                "unit": "money",
                "currency": "EUR",
                "remaining": "9.98",
                "reserved": "0.40",
                "available": "9.58",
                "overdraft": "0.00",
                "priority": 100,
                "valid_from": None,
                "valid_until": None,
                "rating_groups": [],
                "services": [],
                "owners": [],
            }
        }
    )

    bucket_id: str
    name: str
    unit: str
    currency: str | None
    """Of money only."""
    remaining: Amount
    reserved: Amount
    """Promised to open sessions."""
    available: Amount
    overdraft: Amount
    """How far below zero it may be spent."""
    priority: int
    valid_from: str | None
    valid_until: str | None
    rating_groups: list[int]
    services: list[str]
    owners: list[str]


class LimitView(View):
    """A cap on what is spent of one unit."""

    name: str
    unit: str
    maximum: Amount
    used: Amount
    reserved: Amount
    subscriber_id: str | None
    period: str | None
    since: str | None
    until: str | None


class OwnedView(View):
    """A product of an account."""

    owned_id: str
    product: str
    subscriber_id: str | None
    state: str
    bought: str | None
    next: str | None
    """When it is renewed, tried again or over; null: never."""


class Balance(View):
    """All of one unit: what is there, promised, and left."""

    unit: str
    currency: str | None
    remaining: Amount
    reserved: Amount
    available: Amount


class AccountView(View):
    """An account. tag is the ETag of this state."""

    account_id: str
    tag: str
    name: str
    status: str
    currency: str
    created: str | None
    open_sessions: int
    balances: list[Balance]
    buckets: list[BucketView]
    limits: list[LimitView]
    products: list[OwnedView]


class IdentityView(View):
    kind: str
    value: str


class SubscriberView(View):
    """A subscriber. tag is the ETag of this state. stage: of its life cycle, if its offer has one."""

    subscriber_id: str
    account_id: str
    tag: str
    status: str
    stage: str | None
    stage_until: str | None
    offer: str
    identities: list[IdentityView]
    time_zone: str | None
    segment: str | None
    created: str | None


class PostingView(View):
    """One movement of an entry, in the unit of its bucket; money in millionths."""

    action: str
    bucket_id: str
    amount: int
    rating_group: int | None
    units: int
    mark: str


class EntryView(View):
    """One entry of the journal."""

    account_id: str
    seq: int
    at: str | None
    kind: str
    subscriber_id: str | None
    session_key: str | None
    request_number: int | None
    reason: str
    postings: list[PostingView]


class QuotaView(View):
    rating_group: int | None
    service_identifiers: list[int]
    unit: str
    granted: int
    used: int
    charged: str
    """Money debited so far, in the currency of the account."""
    final: bool


class SessionView(View):
    """A credit-control session."""

    session_key: str
    """Under which it is found: its Session-Id, as a rule."""
    session_id: str
    sub_session_id: int | None
    account_id: str
    subscriber_id: str
    status: str
    service: str
    opened: str | None
    last_request: str | None
    closed: str | None
    close_reason: str | None
    origin_host: str
    quotas: list[QuotaView]


class AllowanceView(View):
    name: str
    unit: str
    amount: Amount


class ProductView(View):
    """Something that can be bought."""

    product: str
    title: str
    price: str
    currency: str
    period: str | None
    renews: bool
    shared: bool
    allowances: list[AllowanceView]


class OfferView(View):
    """What a subscriber has: its tariff by service."""

    offer: str
    services: list[str]
    rating_groups: list[int]
    products: list[str]
    """Those that come with it."""


class CatalogueView(View):
    """What is sold now."""

    version: str
    currency: str
    time_zone: str
    offers: list[str]
    products: list[str]


class VersionView(View):
    """A version of the catalogue, and since when it holds or will hold: a moment for each activation of it."""

    version: str
    checksum: str
    loaded: str | None
    by: str
    reason: str
    in_force: bool
    from_moments: list[str]


class VersionList(View):
    items: list[VersionView]


class Receipt(View):
    """What a write has done. The same for every repeat of it.

    entry: number of its journal entry. account: as it was right after it. bucket: the one that was added to or taken
    from. subscribers: those that it has made or changed. owned_id: the product that was bought. request_id: of the
    request to the gateway.
    """

    account_id: str
    entry: int
    at: str | None
    account: AccountView
    subscribers: list[SubscriberView]
    bucket: BucketView | None = None
    owned_id: str | None = None
    request_id: str | None = None


class AccountPage(View):
    items: list[AccountView]
    next: str | None
    """What `after` has to be for the next page; null: this is the last."""


class SubscriberPage(View):
    items: list[SubscriberView]
    next: str | None


class EntryPage(View):
    items: list[EntryView]
    next: int | None


class SessionList(View):
    items: list[SessionView]


class BucketList(View):
    items: list[BucketView]


class BalanceList(View):
    items: list[Balance]


class OwnedList(View):
    items: list[OwnedView]


class LimitList(View):
    items: list[LimitView]


class OfferList(View):
    items: list[OfferView]


class ProductList(View):
    items: list[ProductView]


class Myself(View):
    """Whose key it is, and what it may do."""

    client: str
    scopes: list[str]


def amount(value: int, unit: UnitType) -> Amount:
    return format_money(value) if unit is UnitType.MONEY else value


def _currency(unit: UnitType, account: Account) -> str | None:
    return account.currency if unit is UnitType.MONEY else None


def bucket_view(bucket: Bucket, account: Account) -> BucketView:
    terms = bucket.terms or BucketTerms()
    return BucketView(
        bucket_id=bucket.bucket_id,
        name=bucket.name,
        unit=bucket.unit.value,
        currency=_currency(bucket.unit, account),
        remaining=amount(bucket.remaining, bucket.unit),
        reserved=amount(bucket.reserved, bucket.unit),
        available=amount(bucket.available, bucket.unit),
        overdraft=amount(terms.overdraft, bucket.unit),
        priority=bucket.priority,
        valid_from=instant(bucket.valid_from_ms),
        valid_until=instant(bucket.valid_until_ms),
        rating_groups=list(bucket.rating_groups),
        services=list(terms.services),
        owners=list(terms.owners),
    )


def balances(account: Account) -> list[Balance]:
    """By unit, money first. An account without any money has a balance of 0."""
    units = dict.fromkeys([UnitType.MONEY, *(bucket.unit for bucket in account.buckets)])
    return [_balance(unit, account) for unit in units]


def _balance(unit: UnitType, account: Account) -> Balance:
    own = [bucket for bucket in account.buckets if bucket.unit is unit]
    return Balance(
        unit=unit.value,
        currency=_currency(unit, account),
        remaining=amount(sum(bucket.remaining for bucket in own), unit),
        reserved=amount(sum(bucket.reserved for bucket in own), unit),
        available=amount(sum(bucket.available for bucket in own), unit),
    )


def limit_view(limit: Limit) -> LimitView:
    return LimitView(
        name=limit.name,
        unit=limit.unit.value,
        maximum=amount(limit.maximum, limit.unit),
        used=amount(limit.used, limit.unit),
        reserved=amount(limit.reserved, limit.unit),
        subscriber_id=limit.subscriber_id or None,
        period=limit.period or None,
        since=instant(limit.since_ms),
        until=instant(limit.until_ms),
    )


def owned_view(owned: Owned) -> OwnedView:
    return OwnedView(
        owned_id=owned.owned_id,
        product=owned.product,
        subscriber_id=owned.subscriber_id or None,
        state=owned.state.value,
        bought=instant(owned.bought_ms),
        next=instant(owned.next_ms),
    )


def account_view(account: Account) -> AccountView:
    return AccountView(
        account_id=account.account_id,
        tag=account_tag(account),
        name=account.name,
        status=account.status.value,
        currency=account.currency,
        created=instant(account.created_ms),
        open_sessions=account.open_sessions,
        balances=balances(account),
        buckets=[bucket_view(bucket, account) for bucket in account.buckets],
        limits=[limit_view(limit) for limit in account.limits],
        products=[owned_view(owned) for owned in account.owned],
    )


def subscriber_view(subscriber: Subscriber) -> SubscriberView:
    life = subscriber.life
    return SubscriberView(
        subscriber_id=subscriber.subscriber_id,
        account_id=subscriber.account_id,
        tag=subscriber_tag(subscriber),
        status=subscriber.status.value,
        stage=None if life is None else life.stage.value,
        stage_until=None if life is None else instant(life.until_ms),
        offer=subscriber.offer,
        identities=[IdentityView(kind=name.kind.value, value=name.value) for name in subscriber.identities],
        time_zone=subscriber.time_zone or None,
        segment=subscriber.segment or None,
        created=instant(subscriber.created_ms),
    )


def entry_view(entry: Entry) -> EntryView:
    return EntryView(
        account_id=entry.account_id,
        seq=entry.seq,
        at=instant(entry.at_ms),
        kind=entry.kind,
        subscriber_id=entry.subscriber_id or None,
        session_key=entry.session_id or None,
        request_number=entry.request_number,
        reason=entry.reason,
        postings=[_posting_view(posting) for posting in entry.postings],
    )


def _posting_view(posting: Posting) -> PostingView:
    return PostingView(
        action=posting.action.value,
        bucket_id=posting.bucket_id,
        amount=posting.amount,
        rating_group=posting.rating_group,
        units=posting.units,
        mark=posting.mark,
    )


def session_view(session: Session) -> SessionView:
    session_id, sub_session = parts_of_key(session.session_id)
    return SessionView(
        session_key=session.session_id,
        session_id=session_id,
        sub_session_id=sub_session,
        account_id=session.account_id,
        subscriber_id=session.subscriber_id,
        status=session.status.value,
        service=session.rated_as,
        opened=instant(session.opened_ms),
        last_request=instant(session.last_ms),
        closed=instant(session.closed_ms),
        close_reason=session.close_reason or None,
        origin_host=session.origin_host,
        quotas=[_quota_view(quota) for quota in session.quotas],
    )


def _quota_view(quota: Quota) -> QuotaView:
    return QuotaView(
        rating_group=quota.rating_group,
        service_identifiers=list(quota.service_identifiers),
        unit=quota.unit.value,
        granted=quota.granted,
        used=quota.used_units,
        charged=format_money(quota.charged_micros),
        final=quota.final,
    )


def product_view(product: Product, catalogue: Catalogue) -> ProductView:
    return ProductView(
        product=product.name,
        title=product.title,
        price=format_money(product.price_micros),
        currency=catalogue.currency,
        period=None if product.period is None else str(product.period),
        renews=product.renews,
        shared=product.is_shared,
        allowances=[
            AllowanceView(name=each.name, unit=each.unit.value, amount=amount(each.amount, each.unit))
            for each in catalogue.allowances(product)
        ],
    )


def offer_view(offer: Offer) -> OfferView:
    return OfferView(
        offer=offer.name,
        services=["data", *sorted(offer.services)] if offer.by_group or offer.otherwise else sorted(offer.services),
        rating_groups=sorted(offer.by_group),
        products=list(offer.products),
    )


def catalogue_view(catalogue: Catalogue) -> CatalogueView:
    return CatalogueView(
        version=catalogue.version,
        currency=catalogue.currency,
        time_zone=catalogue.zone.key,
        offers=sorted(catalogue.offers),
        products=sorted(catalogue.products),
    )


def version_views(versions: Iterable[VersionFacts], activations: Sequence[Activation], at_ms: int) -> list[VersionView]:
    """In the order in which they were kept; activations that were cancelled do not count."""
    said = [each for each in activations if not each.cancelled_ms]
    current = in_force(said, at_ms)
    return [
        VersionView(
            version=each.version,
            checksum=each.checksum,
            loaded=instant(each.loaded_ms),
            by=each.who,
            reason=each.reason,
            in_force=current is not None and current.version == each.version,
            from_moments=[instant(one.from_ms) or "" for one in said if one.version == each.version],
        )
        for each in versions
    ]


def bucket_views(account: Account) -> list[BucketView]:
    """In spend order."""
    return [bucket_view(bucket, account) for bucket in account.buckets]


def subscriber_views(subscribers: Iterable[Subscriber]) -> list[SubscriberView]:
    return [subscriber_view(each) for each in subscribers]
