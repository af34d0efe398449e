"""Subscribers: find, add, block, sell another offer, prolong."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from diameter_ocs.api import views
from diameter_ocs.api.access import needs
from diameter_ocs.api.accounts import MOST_SCANNED, AccountId, new_subscriber
from diameter_ocs.api.bodies import RECORD_ID, ExtensionBody, NewSubscriberBody, Status, SubscriberChange
from diameter_ocs.api.http import Chosen, IfNoneMatch, Paging, listed, record, told, writes
from diameter_ocs.api.problems import invalid, nearest
from diameter_ocs.api.service import Order, Service
from diameter_ocs.ledger.account import Status as SubscriberStatus
from diameter_ocs.ledger.account import Subscriber
from diameter_ocs.recharge.commands import AddSubscriber, ChangeOffer, ExtendSubscriber, SetSubscriberStatus
from diameter_ocs.recharge.once import Repeatable, subscriber_tag
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.values.identity import Identity, IdentityKind, identity

ACCOUNTS_TOGETHER = 200
SubscriberId = Annotated[str, Path(pattern=RECORD_ID, examples=["anna"])]


class SubscriberQuery(Paging):
    after: Annotated[str, Field(max_length=129)] = ""
    """ACCOUNT/SUBSCRIBER before the page: `next` of the page before."""
    identity: Annotated[str, Field(max_length=300, examples=["msisdn:49151000001"])] | None = None
    """Only who has this name: a kind (msisdn, imsi, sip, nai, private), a colon and the value."""
    status: Status | None = None
    offer: Annotated[str, Field(max_length=100)] | None = None


def add_subscribers(router: APIRouter, api: Service) -> None:
    """Everything about subscribers."""
    _add_looks(router, api)
    _add_writes(router, api)


def _add_looks(router: APIRouter, api: Service) -> None:
    @router.get(
        "/subscribers",
        tags=["subscribers"],
        response_model=views.SubscriberPage,
        dependencies=[needs("subscribers:read")],
    )
    async def list_subscribers(query: Annotated[SubscriberQuery, Query()]) -> Response:
        """Find a subscriber by a name, or list all by account. A page with a filter may be shorter than its limit."""
        found: list[Subscriber] = []
        after, is_more, scanned = query.after, False, 0
        members = _all(api, query.after) if query.identity is None else _named(api, query.identity)
        async for each in members:
            if len(found) == query.limit or scanned == MOST_SCANNED:
                is_more = True
                break
            after, scanned = f"{each.account_id}/{each.subscriber_id}", scanned + 1
            if query.status in (None, each.status.value) and query.offer in (None, each.offer):
                found.append(each)
        shown = views.subscriber_views(found)
        return listed(list(shown), views.SubscriberView, query.fields, next=after if is_more else None)

    @router.get(
        "/accounts/{account_id}/subscribers",
        tags=["subscribers"],
        response_model=views.SubscriberPage,
        dependencies=[needs("subscribers:read")],
    )
    async def list_members(account_id: AccountId, fields: Chosen = None) -> Response:
        """All subscribers of one account."""
        members = (await api.account(account_id)).subscribers
        return listed(list(views.subscriber_views(members)), views.SubscriberView, fields, next=None)

    @router.get(
        "/accounts/{account_id}/subscribers/{subscriber_id}",
        tags=["subscribers"],
        response_model=views.SubscriberView,
        dependencies=[needs("subscribers:read")],
    )
    async def show_subscriber(
        account_id: AccountId, subscriber_id: SubscriberId, fields: Chosen = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        """One subscriber."""
        found = await api.subscriber(account_id, subscriber_id)
        return record(views.subscriber_view(found), fields, subscriber_tag(found), if_none_match)


def _add_writes(router: APIRouter, api: Service) -> None:
    @router.post(
        "/accounts/{account_id}/subscribers", tags=["subscribers"], status_code=201, response_model=views.Receipt
    )
    async def add_subscriber(
        account_id: AccountId, body: NewSubscriberBody, order: Annotated[Order, writes("subscribers:write")]
    ) -> JSONResponse:
        """Let one more subscriber spend from an account."""
        subscriber_id = body.subscriber_id or order.made_up("sub")

        async def make() -> Repeatable:
            new = new_subscriber(body, subscriber_id, api, "body")
            return AddSubscriber(account_id, new, order.told(body.reason))

        done = await api.write(order, body, make)
        place = f"/api/v1/accounts/{account_id}/subscribers/{subscriber_id}"
        return told(done, 201, tag=done.receipt.subscribers[0].tag, location=place)

    @router.patch(
        "/accounts/{account_id}/subscribers/{subscriber_id}", tags=["subscribers"], response_model=views.Receipt
    )
    async def change_subscriber(
        account_id: AccountId,
        subscriber_id: SubscriberId,
        body: SubscriberChange,
        order: Annotated[Order, writes("subscribers:write")],
    ) -> JSONResponse:
        """Block a subscriber or serve it again, or sell it another offer; open sessions follow."""

        async def make() -> Repeatable:
            reason = order.told(body.reason)
            if body.offer is not None:
                return ChangeOffer(account_id, subscriber_id, api.known_offer(body.offer, "body.offer"), reason)
            return SetSubscriberStatus(account_id, subscriber_id, SubscriberStatus(body.status), reason)

        done = await api.write(order, body, make, of_subscriber=subscriber_id)
        return told(done, tag=done.receipt.subscribers[0].tag)

    @router.post(
        "/accounts/{account_id}/subscribers/{subscriber_id}/extensions",
        tags=["subscribers"],
        response_model=views.Receipt,
    )
    async def extend_subscriber(
        account_id: AccountId,
        subscriber_id: SubscriberId,
        body: ExtensionBody,
        order: Annotated[Order, writes("subscribers:write")],
    ) -> JSONResponse:
        """Let a subscriber be active for longer, where its offer has a life cycle."""

        async def make() -> Repeatable:
            return ExtendSubscriber(account_id, subscriber_id, body.period, order.told(body.reason))

        done = await api.write(order, body, make, of_subscriber=subscriber_id)
        return told(done, tag=done.receipt.subscribers[0].tag)


async def _all(api: Service, after: str) -> AsyncIterator[Subscriber]:
    """All subscribers by account and id, behind 'ACCOUNT/SUBSCRIBER'."""
    account_id, _, subscriber_id = after.partition("/")
    ids = [account_id] if account_id else list(await api.store.account_ids("", ACCOUNTS_TOGETHER))
    while ids:
        loaded = (await api.store.look(Wanted(accounts=ids))).accounts
        for each in ids:
            for member in loaded[each].subscribers if each in loaded else ():
                if each != account_id or member.subscriber_id > subscriber_id:
                    yield member
        ids = list(await api.store.account_ids(ids[-1], ACCOUNTS_TOGETHER))


async def _named(api: Service, text: str) -> AsyncIterator[Subscriber]:
    name = _identity(text)
    loaded = await api.store.look(Wanted(identities=[name]))
    for ref in loaded.identities.values():
        for each in loaded.accounts[ref.account_id].subscribers:
            if each.subscriber_id == ref.subscriber_id:
                yield each


def _identity(text: str) -> Identity:
    """'msisdn:49151000001'. Raises Refused."""
    kind, colon, value = text.partition(":")
    kinds = {each.value: each for each in IdentityKind}
    if not colon or kind not in kinds:
        raise invalid("query.identity", f"must be a kind, a colon and a value; {nearest(kind, kinds)}")
    try:
        return identity(kinds[kind], value)
    except ValueError as error:
        raise invalid("query.identity", str(error)) from None
