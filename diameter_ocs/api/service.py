"""What the pages of the API work with: records to look at, and the road for everything that changes them."""

from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Any, Protocol

from msgspec import Struct, convert
from pydantic import BaseModel

from diameter_ocs.api import problems
from diameter_ocs.api.problems import Refused, invalid, nearest, of_outcome
from diameter_ocs.api.views import Receipt, account_view, bucket_view, subscriber_views
from diameter_ocs.charging.decision import decode_outcome
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session
from diameter_ocs.ledger.account import Account, Subscriber
from diameter_ocs.rating.catalogue import Catalogue
from diameter_ocs.recharge.once import Once, Repeatable
from diameter_ocs.storage.protocol import Store, VersionedAccount, Wanted
from diameter_ocs.values.instant import instant
from diameter_ocs.values.verdict import Verdict

Peers = Callable[[], list[dict[str, Any]]]


class Execute(Protocol):
    """The engine's door, see engine.engine.Engine.execute."""

    async def __call__(self, command: Once) -> Outcome: ...


class Order(Struct, frozen=True):
    """One write as it was asked for. key: its Idempotency-Key. expected: tags of If-Match. target: method and path."""

    client: str
    key: str
    target: str
    expected: tuple[str, ...] = ()

    @property
    def kept_key(self) -> str:
        """Under which its outcome is kept: no client meets the keys of another one."""
        return f"api {self.client} {self.key}"

    def fingerprint(self, body: BaseModel | None) -> int:
        """Of everything it asks for: a repeat has the same."""
        content = "" if body is None else body.model_dump_json()
        return int.from_bytes(sha256(f"{self.target}\0{content}".encode()).digest()[:8]) >> 1

    def made_up(self, prefix: str, number: int = 0) -> str:
        """The id of a record whose order names none: the same for every repeat."""
        return f"{prefix}-{sha256(f'{self.kept_key} {number}'.encode()).hexdigest()[:20]}"

    def told(self, reason: str, *more: str) -> str:
        """Why and by whom, for the journal."""
        return "; ".join(each for each in (reason, *more, f"by {self.client}") if each)


class Done(Struct, frozen=True):
    """The receipt of a write; is_repeat: it was done before."""

    receipt: Receipt
    is_repeat: bool


class Service:
    """kept_ms: how long outcomes are kept for repeats. peers: those of this node; None: it has none."""

    def __init__(
        self,
        store: Store,
        execute: Execute,
        catalogue: Callable[[], Catalogue],
        at_ms: Callable[[], int],
        kept_ms: int,
        peers: Peers | None = None,
    ) -> None:
        self.store = store
        self.catalogue = catalogue
        self.at_ms = at_ms
        self.peers = peers
        self._execute = execute
        self._kept_ms = kept_ms

    async def account(self, account_id: str) -> VersionedAccount:
        """Raises Refused when there is none."""
        loaded = await self.store.look(Wanted(accounts=(account_id,)))
        if account_id not in loaded.accounts:
            raise Refused(problems.NOT_FOUND, f"there is no account {account_id}")
        return loaded.accounts[account_id]

    async def subscriber(self, account_id: str, subscriber_id: str) -> Subscriber:
        """Raises Refused when there is none."""
        for each in (await self.account(account_id)).subscribers:
            if each.subscriber_id == subscriber_id:
                return each
        raise Refused(problems.NOT_FOUND, f"account {account_id} has no subscriber {subscriber_id}")

    async def session(self, key: str) -> Session:
        """By its key. Raises Refused when there is none."""
        loaded = await self.store.look(Wanted(session_ids=(key,)))
        if key not in loaded.sessions:
            raise Refused(problems.NOT_FOUND, "there is no such session; closed ones are forgotten after a while")
        return loaded.sessions[key]

    def known_offer(self, name: str, field: str) -> str:
        """Raises Refused with the nearest that is sold."""
        return _sold(name, field, self.catalogue().offers, "offer")

    def known_product(self, name: str, field: str) -> str:
        return _sold(name, field, self.catalogue().products, "product")

    async def write(
        self,
        order: Order,
        body: BaseModel | None,
        make: Callable[[], Awaitable[Repeatable]],
        *,
        bucket_id: str = "",
        of_subscriber: str = "",
    ) -> Done:
        """Do it, or tell what a first time has done. Raises Refused when it cannot be done.

        make: the command; it is asked only for the first time, so that what holds meanwhile does not matter to repeats.
        bucket_id: of the bucket that the receipt shows. of_subscriber: whose tag If-Match is about.
        """
        fingerprint = order.fingerprint(body)
        outcome = await self._done_before(order, fingerprint)
        if outcome is None:
            command = Once(await make(), order.kept_key, fingerprint, self._kept_ms, order.expected, of_subscriber)
            outcome = await self._execute(command)
        if outcome.verdict is not Verdict.SUCCESS:
            raise of_outcome(outcome)
        return Done(_receipt(outcome, bucket_id), outcome.repeated)

    async def _done_before(self, order: Order, fingerprint: int) -> Outcome | None:
        """What is kept under the key, of whatever account. Raises Refused when that was something else."""
        loaded = await self.store.look(Wanted(kept_keys=(order.kept_key,)))
        for kept in loaded.kept.values():
            if kept.expires_ms <= self.at_ms():
                continue
            if kept.fingerprint != fingerprint:
                raise Refused(problems.KEY_REUSED, f"{order.key} was used for another request")
            return decode_outcome(kept.content)
        return None


def _sold(name: str, field: str, known: Mapping[str, object], what: str) -> str:
    if name not in known:
        raise invalid(field, f"{name!r} is no {what} of the catalogue; {nearest(name, known)}")
    return name


def _receipt(outcome: Outcome, bucket_id: str) -> Receipt:
    data = outcome.data or {}
    account = convert(data["account"], Account)
    topped = next((bucket for bucket in account.buckets if bucket.bucket_id == bucket_id), None)
    return Receipt(
        account_id=account.account_id,
        entry=account.last_seq,
        at=instant(data["at_ms"]),
        account=account_view(account),
        subscribers=subscriber_views(convert(data["subscribers"], list[Subscriber])),
        bucket=None if topped is None else bucket_view(topped, account),
        owned_id=data.get("owned_id"),
        request_id=data.get("request_id"),
    )
