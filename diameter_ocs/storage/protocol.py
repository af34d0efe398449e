"""What the engine asks of a store. Every engine passes tests/conformance/."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from diameter_ocs.charging.decision import Kept
from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.session import Answer, Session
from diameter_ocs.ledger.account import Account, Subscriber
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.storage.catalogues import CatalogueStore
from diameter_ocs.values.api_key import ApiKey
from diameter_ocs.values.identity import Identity, SubscriberRef


class Wanted(Struct, frozen=True):
    """What a batch needs that is not in memory. Ids that do not exist are simply absent from the answer."""

    identities: Collection[Identity] = ()
    session_ids: Collection[str] = ()
    accounts: Collection[str] = ()
    kept_keys: Collection[str] = ()
    open_sessions_of: Collection[str] = ()
    """Accounts that are wanted with all their open sessions."""


class VersionedAccount(Struct, frozen=True):
    """An account as it stood at one version. `subscribers` is complete."""

    version: int
    account: Account
    subscribers: tuple[Subscriber, ...]


class Loaded(Struct, frozen=True):
    """Records found. Every account named by a found identity or session is in `accounts` too, not those of `kept`."""

    identities: dict[Identity, SubscriberRef]
    sessions: dict[str, Session]
    accounts: dict[str, VersionedAccount]
    kept: dict[tuple[str, str], Kept] = {}
    """By account_id and key."""


class AccountWrite(Struct, frozen=True):
    """All that one batch changes in one account: written whole or not at all.

    expected_version: the version everything was decided on; 0 creates the account and fails if it
    exists. account None: nothing changed, the version is only checked. On success the stored
    version is expected_version + 1 (unchanged when only checked).
    new_identities must not exist yet, but for those the write itself releases; if one does, the whole write counts
    as stale. So it does when a session of the same session_id belongs to another account.
    """

    account_id: str
    expected_version: int
    account: Account | None = None
    subscribers: tuple[Subscriber, ...] = ()
    new_identities: tuple[tuple[Identity, SubscriberRef], ...] = ()
    sessions: tuple[Session, ...] = ()
    entries: tuple[Entry, ...] = ()
    kept: tuple[Kept, ...] = ()
    """Written over what has the same key in this account."""
    outbox: tuple[GatewayRequest, ...] = ()
    """New requests to gateways, caused by this write."""
    is_rescheduled: bool = False
    """The account's due_ms is another one than before."""
    released: tuple[Identity, ...] = ()
    """Names of the account that belong to nobody from now on; one of them may be in new_identities."""


class SessionRef(Struct, frozen=True):
    account_id: str
    session_id: str


class StoreTotals(Struct, frozen=True):
    accounts: int
    subscribers: int
    open_sessions: int
    entries: int


Snapshot = tuple[VersionedAccount, Sequence[Session], Sequence[Entry]]
"""An account, its open sessions and its whole journal."""


class Store(CatalogueStore, Protocol):
    """Durable records of accounts. All methods raise StoreError and nothing else of the engine below."""

    name: str
    """'memory', 'sqlite', ...: for logs and metrics."""

    async def open(self) -> None:
        """Connect and bring the schema up to date. Raises SchemaTooNew, StoreCorrupt, StoreUnavailable."""

    async def close(self) -> None:
        """Finish writing and let go of every resource. Safe to call twice."""

    async def load(self, wanted: Wanted) -> Loaded:
        """Everything wanted, in one round trip, as of the latest commit."""

    async def look(self, wanted: Wanted) -> Loaded:
        """The same for people and reports: it does not keep a batch waiting."""

    async def commit(self, writes: Sequence[AccountWrite]) -> frozenset[str]:
        """Write all accounts durably in one transaction.

        Returns the account_ids whose version had moved on (or whose new identities were taken):
        nothing of theirs was written, all others are on disk. Raises StoreError: nothing at all was written.
        """

    async def recall(
        self, ref: SessionRef, request_number: int, after_seq: int, fingerprint: int | None = None
    ) -> Answer | None:
        """The stored answer of an earlier request of a session, from the journal entries with seq > after_seq.

        The latest, if there are several. fingerprint: only that of a request with this content.
        """

    async def due_sessions(self, at_ms: int, limit: int) -> Sequence[SessionRef]:
        """Open sessions whose supervision ended at or before `at_ms`, oldest first."""

    async def due_accounts(self, at_ms: int, limit: int) -> Sequence[str]:
        """Accounts whose due_ms is at or before `at_ms`, the longest due first."""

    async def forget_sessions(self, at_ms: int, limit: int) -> int:
        """Delete closed sessions whose `expires_ms` is at or before `at_ms`, with the requests made for them.

        Returns how many sessions were deleted.
        """

    async def forget_kept(self, at_ms: int, limit: int) -> int:
        """Delete what was kept until `at_ms` or earlier; how many were deleted."""

    async def account_ids(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Ids in ascending order behind `after`: for listing and audit, page by page."""

    async def entries(self, account_id: str, after_seq: int = 0, limit: int = 1000) -> Sequence[Entry]:
        """The journal of an account in order of seq."""

    async def session_entries(self, session_id: str) -> Sequence[Entry]:
        """The journal entries of one session in order of seq; empty when the session is unknown."""

    async def sessions(
        self, *, account_id: str | None = None, open_only: bool = True, limit: int = 1000
    ) -> Sequence[Session]:
        """Sessions by last activity, newest first."""

    async def sessions_of_host(
        self, origin_host: str, unheard_since_ms: int, after: str = "", limit: int = 1000
    ) -> Sequence[SessionRef]:
        """Open sessions whose last request came from this Origin-Host, in any case of letters, before a moment.

        By session_id in ascending order behind `after`. Reads every open session.
        """

    async def sessions_priced_otherwise(
        self, tariffs: Mapping[str, int], after: str = "", limit: int = 1000
    ) -> Sequence[SessionRef]:
        """Open sessions whose tariff is known and is not the one that `tariffs` has for their offer.

        By session_id in ascending order behind `after`. Reads every open session.
        """

    async def pending_requests(self, limit: int) -> Sequence[GatewayRequest]:
        """Requests to gateways with which something is left to do, the oldest first."""

    async def note_requests(self, requests: Sequence[GatewayRequest]) -> None:
        """Write how far requests are; those that are forgotten meanwhile stay so."""

    async def session_requests(self, session_id: str) -> Sequence[GatewayRequest]:
        """Requests made for one session, the oldest first."""

    async def write_api_keys(self, keys: Sequence[ApiKey]) -> None:
        """Write new keys, and of those that are there how long they are good, all in one transaction."""

    async def api_keys(self) -> Sequence[ApiKey]:
        """All keys by client, the oldest first."""

    async def api_key(self, key_id: str) -> ApiKey | None:
        """One key, as of the latest commit."""

    async def note_key_use(self, key_id: str, at_ms: int) -> None:
        """A key was used; an unknown one is ignored."""

    async def snapshot(self, account_id: str) -> Snapshot | None:
        """Account, all its open sessions and its whole journal, all as of one moment: for the audit."""

    async def totals(self) -> StoreTotals:
        """How much is stored."""

    async def reserved_units(self) -> Mapping[int | None, int]:
        """Service units that the reservations of all open sessions pay for, by rating group. Reads every session.

        A member of a credit pool counts with its own grant.
        """

    def size_bytes(self) -> int:
        """How much room the records take on disk, as far as this machine can see it."""

    async def checkpoint(self) -> None:
        """Move what was committed to its final place, where the engine has such work. Called now and then."""

    async def born_ms(self) -> int | None:
        """When this database was made; later than before only if everything was lost. None: it keeps nothing."""

    async def ping(self) -> None:
        """Prove that the store answers and can be written to; raises StoreError."""
