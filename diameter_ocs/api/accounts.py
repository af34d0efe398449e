"""Accounts: open, look at, block, top up, correct, limit, buy for."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response
from msgspec.structs import replace
from pydantic import Field

from diameter_ocs.api import problems, views
from diameter_ocs.api.access import needs
from diameter_ocs.api.bodies import (
    RECORD_ID,
    AdjustmentBody,
    CancelBody,
    LimitBody,
    Money,
    MoveBody,
    NewBucket,
    NewSubscriberBody,
    OpenAccountBody,
    OverdraftBody,
    PurchaseBody,
    Status,
    StatusBody,
    TopUpBody,
)
from diameter_ocs.api.http import Chosen, IfNoneMatch, Paging, listed, record, told, writes
from diameter_ocs.api.problems import Refused, invalid, nearest
from diameter_ocs.api.service import Order, Service
from diameter_ocs.ledger.account import Account, Bucket, Subscriber
from diameter_ocs.ledger.account import Status as AccountStatus
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.recharge.commands import (
    MONEY_BUCKET,
    Buy,
    CancelProduct,
    Credit,
    MoveUnits,
    NewSubscriber,
    OpenAccount,
    SetAccountStatus,
    SetLimit,
    SetOverdraft,
    Withdraw,
)
from diameter_ocs.recharge.once import Repeatable, account_tag
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.values.money import parse_money
from diameter_ocs.values.units import UnitType

MS_PER_DAY = 86_400_000
SCANNED_TOGETHER = 1_000
MOST_SCANNED = 10_000
"""Records looked at for one page of a filtered list; then the page ends early and says where to go on."""

AccountId = Annotated[str, Path(pattern=RECORD_ID, examples=["acme"])]
Name = Annotated[str, Path(pattern=RECORD_ID, examples=["family"])]
BucketPath = Annotated[str, Path(max_length=200, examples=["money"])]


class AccountQuery(Paging):
    after: Annotated[str, Field(max_length=64)] = ""
    """The account before the page: `next` of the page before."""
    status: Status | None = None


class EntryQuery(Paging):
    after: Annotated[int, Field(ge=0, le=2**62)] = 0
    """The number before the page: `next` of the page before."""
    kind: Annotated[str, Field(max_length=64)] | None = None
    """Only entries of this kind, as credit or ccr_update."""
    subscriber_id: Annotated[str, Field(max_length=64)] | None = None


def add_accounts(router: APIRouter, api: Service) -> None:
    """Everything below /accounts but the subscribers."""
    _add_looks(router, api)
    _add_records(router, api)
    _add_money(router, api)
    _add_terms(router, api)
    _add_products(router, api)


def _add_looks(router: APIRouter, api: Service) -> None:
    @router.get("/accounts", tags=["accounts"], response_model=views.AccountPage, dependencies=[needs("accounts:read")])
    async def list_accounts(query: Annotated[AccountQuery, Query()]) -> Response:
        """List accounts by id, page by page. A page with a filter may be shorter than its limit."""
        found: list[Account] = []
        after, scanned = query.after, 0
        while len(found) < query.limit and scanned < MOST_SCANNED:
            wanted = SCANNED_TOGETHER if query.status else query.limit
            ids = await api.store.account_ids(after, wanted)
            loaded = (await api.store.look(Wanted(accounts=ids))).accounts
            for account_id in ids:
                after, scanned = account_id, scanned + 1
                account = loaded[account_id].account
                if query.status is None or account.status.value == query.status:
                    found.append(account)
                if len(found) == query.limit:
                    break
            else:
                if len(ids) < wanted:
                    after = ""
                    break
        return listed([views.account_view(each) for each in found], views.AccountView, query.fields, next=after or None)

    @router.get(
        "/accounts/{account_id}",
        tags=["accounts"],
        response_model=views.AccountView,
        dependencies=[needs("accounts:read")],
    )
    async def show_account(account_id: AccountId, fields: Chosen = None, if_none_match: IfNoneMatch = None) -> Response:
        """One account with its balances."""
        account = (await api.account(account_id)).account
        return record(views.account_view(account), fields, account_tag(account), if_none_match)


def _add_records(router: APIRouter, api: Service) -> None:
    @router.get(
        "/accounts/{account_id}/balances",
        tags=["accounts"],
        response_model=views.BalanceList,
        dependencies=[needs("accounts:read")],
    )
    async def show_balances(account_id: AccountId, fields: Chosen = None) -> Response:
        """What is there, promised and left of each unit."""
        account = (await api.account(account_id)).account
        return listed(list(views.balances(account)), views.Balance, fields)

    @router.get(
        "/accounts/{account_id}/buckets",
        tags=["accounts"],
        response_model=views.BucketList,
        dependencies=[needs("accounts:read")],
    )
    async def show_buckets(account_id: AccountId, fields: Chosen = None) -> Response:
        """What the account can spend, in the order in which it is spent."""
        account = (await api.account(account_id)).account
        return listed(list(views.bucket_views(account)), views.BucketView, fields)

    @router.get(
        "/accounts/{account_id}/entries",
        tags=["journal"],
        response_model=views.EntryPage,
        dependencies=[needs("entries:read")],
    )
    async def show_entries(account_id: AccountId, query: Annotated[EntryQuery, Query()]) -> Response:
        """The journal of an account, the oldest first. A page with a filter may be shorter than its limit."""
        last = (await api.account(account_id)).account.last_seq
        found: list[views.EntryView] = []
        after, scanned = query.after, 0
        is_filtered = query.kind is not None or query.subscriber_id is not None
        while after < last and len(found) < query.limit and scanned < MOST_SCANNED:
            most = SCANNED_TOGETHER if is_filtered else query.limit
            for entry in await api.store.entries(account_id, after, most):
                after, scanned = entry.seq, scanned + 1
                if query.kind in (None, entry.kind) and query.subscriber_id in (None, entry.subscriber_id):
                    found.append(views.entry_view(entry))
                if len(found) == query.limit:
                    break
        return listed(list(found), views.EntryView, query.fields, next=after if after < last else None)


def _add_money(router: APIRouter, api: Service) -> None:
    @router.post("/accounts", tags=["accounts"], status_code=201, response_model=views.Receipt)
    async def open_account(body: OpenAccountBody, order: Annotated[Order, writes("accounts:write")]) -> JSONResponse:
        """Open an account with its first buckets and subscribers: all of it or nothing."""
        account_id = body.account_id or order.made_up("acc")

        async def make() -> Repeatable:
            return _opening(body, account_id, order, api)

        done = await api.write(order, body, make)
        return told(done, 201, location=f"/api/v1/accounts/{account_id}")

    @router.patch("/accounts/{account_id}", tags=["accounts"], response_model=views.Receipt)
    async def change_account(
        account_id: AccountId, body: StatusBody, order: Annotated[Order, writes("accounts:write")]
    ) -> JSONResponse:
        """Block an account, and gateways are asked to end its sessions; or serve it again."""

        async def make() -> Repeatable:
            return SetAccountStatus(account_id, AccountStatus(body.status), order.told(body.reason))

        return told(await api.write(order, body, make))

    @router.post("/accounts/{account_id}/topups", tags=["recharge"], status_code=201, response_model=views.Receipt)
    async def top_up(
        account_id: AccountId, body: TopUpBody, order: Annotated[Order, writes("topups:write")]
    ) -> JSONResponse:
        """Add money, units or a product. Sessions that had run dry go on. The receipt has the new balances."""
        bucket_id = MONEY_BUCKET if body.money is not None else ""
        if body.bucket is not None:
            bucket_id = body.bucket.bucket_id or order.made_up("topup")

        async def make() -> Repeatable:
            reason = order.told(body.reason or "top-up", f"channel {body.channel}" if body.channel else "")
            if body.product is not None:
                product = api.known_product(body.product, "body.product")
                return Buy(account_id, product, body.subscriber_id or "", reason)
            found = await api.account(account_id)
            if body.money is not None:
                micros = _micros(body.money, found.account.currency, "body.money")
                return Credit(account_id, Bucket(MONEY_BUCKET, UnitType.MONEY, micros), reason)
            assert body.bucket is not None
            _demand_owners(body.bucket.owners, found.subscribers, "body.bucket.owners")
            return Credit(account_id, _bucket(body.bucket, bucket_id, api.at_ms()), reason)

        return told(await api.write(order, body, make, bucket_id=bucket_id), 201)

    @router.post("/accounts/{account_id}/adjustments", tags=["recharge"], status_code=201, response_model=views.Receipt)
    async def adjust(
        account_id: AccountId, body: AdjustmentBody, order: Annotated[Order, writes("adjustments:write")]
    ) -> JSONResponse:
        """Correct a balance: money or units, into one bucket or out of it."""

        async def make() -> Repeatable:
            account = (await api.account(account_id)).account
            return _adjustment(body, account, order.told(body.reason, f"code {body.code}"))

        return told(await api.write(order, body, make, bucket_id=body.bucket_id), 201)


def _add_terms(router: APIRouter, api: Service) -> None:
    @router.post(
        "/accounts/{account_id}/buckets/{bucket_id:path}/moves",
        tags=["recharge"],
        status_code=201,
        response_model=views.Receipt,
    )
    async def move(
        account_id: AccountId, bucket_id: BucketPath, body: MoveBody, order: Annotated[Order, writes("topups:write")]
    ) -> JSONResponse:
        """Give a part of a bucket to another subscriber of the account, or to all of them."""

        async def make() -> Repeatable:
            source = _bucket_of((await api.account(account_id)).account, bucket_id)
            if source is None:
                raise Refused(problems.NOT_FOUND, f"account {account_id} has no bucket {bucket_id}")
            amount = _amount(body, source.unit)
            return MoveUnits(account_id, bucket_id, amount, body.subscriber_id or "", order.told(body.reason))

        return told(await api.write(order, body, make, bucket_id=bucket_id), 201)

    @router.put(
        "/accounts/{account_id}/buckets/{bucket_id:path}/overdraft", tags=["limits"], response_model=views.Receipt
    )
    async def set_overdraft(
        account_id: AccountId,
        bucket_id: BucketPath,
        body: OverdraftBody,
        order: Annotated[Order, writes("limits:write")],
    ) -> JSONResponse:
        """Let a bucket be spent below zero: a credit limit."""

        async def make() -> Repeatable:
            account = (await api.account(account_id)).account
            old = _bucket_of(account, bucket_id)
            unit = old.unit if old is not None else UnitType.MONEY
            amount = _amount(body, unit)
            return SetOverdraft(account_id, amount, bucket_id, order.told(body.reason))

        return told(await api.write(order, body, make, bucket_id=bucket_id))

    @router.get(
        "/accounts/{account_id}/limits",
        tags=["limits"],
        response_model=views.LimitList,
        dependencies=[needs("accounts:read")],
    )
    async def show_limits(account_id: AccountId, fields: Chosen = None) -> Response:
        """Caps on what is spent of the account."""
        account = (await api.account(account_id)).account
        return listed([views.limit_view(each) for each in account.limits], views.LimitView, fields)

    @router.put("/accounts/{account_id}/limits/{name}", tags=["limits"], response_model=views.Receipt)
    async def set_limit(
        account_id: AccountId, name: Name, body: LimitBody, order: Annotated[Order, writes("limits:write")]
    ) -> JSONResponse:
        """Cap what is spent of one unit, by one subscriber or by all together."""
        unit = UnitType(body.unit) if body.money is None else UnitType.MONEY

        async def make() -> Repeatable:
            reason, amount = order.told(body.reason), _amount(body, unit)
            return SetLimit(account_id, name, amount, unit, body.subscriber_id or "", body.period, reason)

        return told(await api.write(order, body, make))

    @router.delete("/accounts/{account_id}/limits/{name}", tags=["limits"], response_model=views.Receipt)
    async def remove_limit(
        account_id: AccountId, name: Name, order: Annotated[Order, writes("limits:write")]
    ) -> JSONResponse:
        """Take a limit away."""

        async def make() -> Repeatable:
            return SetLimit(account_id, name, None, reason=order.told(""))

        return told(await api.write(order, None, make))


def _add_products(router: APIRouter, api: Service) -> None:
    @router.get(
        "/accounts/{account_id}/products",
        tags=["products"],
        response_model=views.OwnedList,
        dependencies=[needs("accounts:read")],
    )
    async def show_products(account_id: AccountId, fields: Chosen = None) -> Response:
        """Products of the account that run."""
        account = (await api.account(account_id)).account
        return listed([views.owned_view(each) for each in account.owned], views.OwnedView, fields)

    @router.post("/accounts/{account_id}/products", tags=["products"], status_code=201, response_model=views.Receipt)
    async def buy(
        account_id: AccountId, body: PurchaseBody, order: Annotated[Order, writes("products:write")]
    ) -> JSONResponse:
        """Buy a product from the money of the account. Sessions that had run dry go on."""

        async def make() -> Repeatable:
            product = api.known_product(body.product, "body.product")
            return Buy(account_id, product, body.subscriber_id or "", order.told(body.reason))

        return told(await api.write(order, body, make), 201)

    @router.post("/accounts/{account_id}/products/{owned_id}/cancel", tags=["products"], response_model=views.Receipt)
    async def cancel(
        account_id: AccountId,
        owned_id: Annotated[str, Path(max_length=200)],
        body: CancelBody,
        order: Annotated[Order, writes("products:write")],
    ) -> JSONResponse:
        """End a product: with the period that is paid, or at once."""

        async def make() -> Repeatable:
            return CancelProduct(account_id, owned_id, body.at_once, order.told(body.reason))

        return told(await api.write(order, body, make))


# from bodies to commands ---------------------------------------------------------------------------


def new_subscriber(body: NewSubscriberBody, made_up: str, api: Service, field: str) -> NewSubscriber:
    """Raises Refused when its offer is not sold."""
    names = dict.fromkeys(each.identity() for each in body.identities)
    offer = api.known_offer(body.offer, f"{field}.offer")
    return NewSubscriber(body.subscriber_id or made_up, tuple(names), offer, body.time_zone, body.segment)


def _opening(body: OpenAccountBody, account_id: str, order: Order, api: Service) -> OpenAccount:
    currency = api.catalogue().currency
    buckets = []
    if body.balance is not None:
        buckets.append(Bucket(MONEY_BUCKET, UnitType.MONEY, _micros(body.balance, currency, "body.balance")))
    for number, each in enumerate(body.buckets):
        bucket_id = each.bucket_id or order.made_up("bucket", number)
        if any(bucket.bucket_id == bucket_id for bucket in buckets):
            raise invalid(f"body.buckets.{number}.bucket_id", f"{bucket_id!r} is there twice")
        buckets.append(_bucket(each, bucket_id, api.at_ms()))
    new = tuple(
        new_subscriber(each, order.made_up("sub", number), api, f"body.subscribers.{number}")
        for number, each in enumerate(body.subscribers)
    )
    ids = {each.subscriber_id for each in new}
    for number, each in enumerate(body.buckets):
        _demand_owned_by(each.owners, ids, f"body.buckets.{number}.owners")
    return OpenAccount(account_id, currency, body.name, tuple(buckets), new, order.told(body.reason))


def _adjustment(body: AdjustmentBody, account: Account, reason: str) -> Credit | Withdraw:
    old = _bucket_of(account, body.bucket_id)
    is_new_money = body.money is not None and body.bucket_id == MONEY_BUCKET and body.direction == "in"
    if old is None and not is_new_money:
        raise Refused(problems.NOT_FOUND, f"account {account.account_id} has no bucket {body.bucket_id}")
    bucket = old or Bucket(MONEY_BUCKET, UnitType.MONEY, 0)
    if (bucket.unit is UnitType.MONEY) is (body.money is None):
        field = "body.units" if body.money is None else "body.money"
        raise invalid(field, f"bucket {bucket.bucket_id} holds {bucket.unit.value}")
    if body.money is not None:
        amount = _micros(body.money, account.currency, "body.money")
    else:
        assert body.units is not None
        amount = body.units
    if body.direction == "out":
        return Withdraw(account.account_id, bucket.bucket_id, amount, body.below_zero, reason)
    return Credit(account.account_id, replace(bucket, remaining=amount, reserved=0), reason)


def _bucket(body: NewBucket, bucket_id: str, at_ms: int) -> Bucket:
    terms = BucketTerms(owners=tuple(dict.fromkeys(body.owners)), services=tuple(dict.fromkeys(body.services)))
    return Bucket(
        bucket_id,
        UnitType(body.unit),
        body.amount,
        priority=body.priority,
        valid_until_ms=None if body.valid_days is None else at_ms + body.valid_days * MS_PER_DAY,
        rating_groups=tuple(dict.fromkeys(body.rating_groups)),
        name=body.name,
        terms=terms if terms != BucketTerms() else None,
    )


def _bucket_of(account: Account, bucket_id: str) -> Bucket | None:
    return next((bucket for bucket in account.buckets if bucket.bucket_id == bucket_id), None)


def _micros(money: Money, currency: str, field: str) -> int:
    if money.currency != currency:
        raise invalid(f"{field}.currency", f"the account is in {currency}")
    return money.micros


def _amount(body: OverdraftBody | LimitBody | MoveBody, unit: UnitType) -> int:
    """Raises Refused for money where units are counted, and the other way round."""
    if (unit is UnitType.MONEY) is (body.money is None):
        raise invalid("body.units" if body.money is None else "body.money", f"the bucket holds {unit.value}")
    if body.money is not None:
        return parse_money(body.money)
    assert body.units is not None
    return body.units


def _demand_owners(owners: list[str], subscribers: tuple[Subscriber, ...], field: str) -> None:
    _demand_owned_by(owners, {each.subscriber_id for each in subscribers}, field)


def _demand_owned_by(owners: list[str], ids: set[str], field: str) -> None:
    for owner in owners:
        if owner not in ids:
            raise invalid(field, f"{owner!r} is no subscriber of the account; {nearest(owner, ids)}")
