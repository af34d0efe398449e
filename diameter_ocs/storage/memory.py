"""A store in dictionaries: for tests, simulations and trying things out. Forgets everything with its object."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from diameter_ocs.charging.decision import Kept
from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.session import Answer, Session, SessionStatus
from diameter_ocs.errors import StoreError, StoreUnavailable
from diameter_ocs.ledger.account import Subscriber
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.storage.catalogues import CatalogueUse
from diameter_ocs.storage.memory_catalogues import MemoryCatalogues
from diameter_ocs.storage.protocol import (
    AccountWrite,
    Loaded,
    SessionRef,
    Snapshot,
    StoreTotals,
    VersionedAccount,
    Wanted,
)
from diameter_ocs.storage.records import stored_answer
from diameter_ocs.values.api_key import ApiKey
from diameter_ocs.values.identity import Identity, SubscriberRef


class MemoryStore(MemoryCatalogues):
    """See Store. What was committed survives close() and open() of the same object."""

    name = "memory"

    def __init__(self) -> None:
        super().__init__()
        self._is_open = False
        self._accounts: dict[str, VersionedAccount] = {}
        self._identities: dict[Identity, SubscriberRef] = {}
        self._sessions: dict[str, Session] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._kept: dict[tuple[str, str], Kept] = {}
        self._requests: dict[tuple[str, str], GatewayRequest] = {}
        self._keys: dict[str, ApiKey] = {}

    async def open(self) -> None:
        assert not self._is_open, "open already"
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False

    async def load(self, wanted: Wanted) -> Loaded:
        self._require_open()
        identities = {name: self._identities[name] for name in wanted.identities if name in self._identities}
        sessions = {each: self._sessions[each] for each in wanted.session_ids if each in self._sessions}
        if wanted.open_sessions_of:
            sessions.update((each.session_id, each) for each in self._open_sessions_of(wanted.open_sessions_of))
        ids = {*wanted.accounts, *wanted.open_sessions_of}
        ids.update(ref.account_id for ref in identities.values())
        ids.update(session.account_id for session in sessions.values())
        kept = {at: each for at, each in self._kept.items() if each.key in wanted.kept_keys} if wanted.kept_keys else {}
        found = {each: self._accounts[each] for each in ids if each in self._accounts}
        return Loaded(identities, sessions, found, kept)

    async def look(self, wanted: Wanted) -> Loaded:
        return await self.load(wanted)

    async def commit(self, writes: Sequence[AccountWrite]) -> frozenset[str]:
        self._require_open()
        assert len({write.account_id for write in writes}) == len(writes), "one write per account and batch"
        current = self._current(writes)
        for write in current:
            self._require_new_entries(write)
        for write in current:
            self._apply(write)
        return frozenset(write.account_id for write in writes) - {write.account_id for write in current}

    async def recall(
        self, ref: SessionRef, request_number: int, after_seq: int, fingerprint: int | None = None
    ) -> Answer | None:
        self._require_open()
        journal = self._entries.get(ref.account_id, ())
        own = [entry for entry in journal if entry.seq > after_seq and entry.session_id == ref.session_id]
        if fingerprint is not None:
            own = [entry for entry in own if entry.fingerprint == fingerprint]
        return stored_answer(own, request_number)

    async def due_sessions(self, at_ms: int, limit: int) -> Sequence[SessionRef]:
        due = self._expired(SessionStatus.OPEN, at_ms)
        return [SessionRef(session.account_id, session.session_id) for session in due[:limit]]

    async def due_accounts(self, at_ms: int, limit: int) -> Sequence[str]:
        self._require_open()
        due = [
            (stored.account.due_ms, account_id)
            for account_id, stored in self._accounts.items()
            if 0 < stored.account.due_ms <= at_ms
        ]
        return [account_id for _, account_id in sorted(due)[:limit]]

    async def forget_sessions(self, at_ms: int, limit: int) -> int:
        over = self._expired(SessionStatus.CLOSED, at_ms)[:limit]
        for session in over:
            del self._sessions[session.session_id]
        gone = {session.session_id for session in over}
        self._requests = {key: each for key, each in self._requests.items() if each.session_id not in gone}
        return len(over)

    async def forget_kept(self, at_ms: int, limit: int) -> int:
        self._require_open()
        over = [at for at, each in self._kept.items() if each.expires_ms <= at_ms][:limit]
        for at in over:
            del self._kept[at]
        return len(over)

    async def account_ids(self, after: str = "", limit: int = 1000) -> Sequence[str]:
        self._require_open()
        return sorted(account_id for account_id in self._accounts if account_id > after)[:limit]

    async def entries(self, account_id: str, after_seq: int = 0, limit: int = 1000) -> Sequence[Entry]:
        self._require_open()
        return [entry for entry in self._entries.get(account_id, ()) if entry.seq > after_seq][:limit]

    async def session_entries(self, session_id: str) -> Sequence[Entry]:
        self._require_open()
        session = self._sessions.get(session_id)
        if session is None:
            return []
        journal = self._entries.get(session.account_id, ())
        return [entry for entry in journal if entry.seq >= session.opened_seq and entry.session_id == session_id]

    async def sessions(
        self, *, account_id: str | None = None, open_only: bool = True, limit: int = 1000
    ) -> Sequence[Session]:
        self._require_open()
        found = [
            session
            for session in self._sessions.values()
            if account_id in (None, session.account_id) and (not open_only or session.status is SessionStatus.OPEN)
        ]
        return sorted(found, key=lambda session: (-session.last_ms, session.session_id))[:limit]

    async def sessions_of_host(
        self, origin_host: str, unheard_since_ms: int, after: str = "", limit: int = 1000
    ) -> Sequence[SessionRef]:
        self._require_open()
        found = [
            SessionRef(session.account_id, session.session_id)
            for session in self._sessions.values()
            if session.status is SessionStatus.OPEN
            and session.origin_host.lower() == origin_host.lower()
            and session.last_ms < unheard_since_ms
            and session.session_id > after
        ]
        return sorted(found, key=lambda ref: ref.session_id)[:limit]

    async def sessions_priced_otherwise(
        self, tariffs: Mapping[str, int], after: str = "", limit: int = 1000
    ) -> Sequence[SessionRef]:
        self._require_open()
        found = [
            SessionRef(session.account_id, session.session_id)
            for session in self._sessions.values()
            if session.status is SessionStatus.OPEN
            and session.tariff
            and session.tariff != tariffs.get(session.offer)
            and session.session_id > after
        ]
        return sorted(found, key=lambda ref: ref.session_id)[:limit]

    async def pending_requests(self, limit: int) -> Sequence[GatewayRequest]:
        self._require_open()
        return _by_age(each for each in self._requests.values() if each.is_pending)[:limit]

    async def note_requests(self, requests: Sequence[GatewayRequest]) -> None:
        self._require_open()
        for request in requests:
            key = request.account_id, request.request_id
            if key in self._requests:
                self._requests[key] = request

    async def session_requests(self, session_id: str) -> Sequence[GatewayRequest]:
        self._require_open()
        return _by_age(each for each in self._requests.values() if each.session_id == session_id)

    async def write_api_keys(self, keys: Sequence[ApiKey]) -> None:
        self._require_open()
        for key in keys:
            old = self._keys.get(key.key_id)
            new = key if old is None else replace(old, expires_ms=key.expires_ms, revoked_ms=key.revoked_ms)
            self._keys[key.key_id] = new

    async def api_keys(self) -> Sequence[ApiKey]:
        self._require_open()
        return sorted(self._keys.values(), key=lambda key: (key.client, key.created_ms, key.key_id))

    async def api_key(self, key_id: str) -> ApiKey | None:
        self._require_open()
        return self._keys.get(key_id)

    async def note_key_use(self, key_id: str, at_ms: int) -> None:
        self._require_open()
        old = self._keys.get(key_id)
        if old is not None:
            self._keys[key_id] = replace(old, used_ms=max(old.used_ms or 0, at_ms))

    async def snapshot(self, account_id: str) -> Snapshot | None:
        self._require_open()
        if account_id not in self._accounts:
            return None
        own = [
            session
            for session in self._sessions.values()
            if session.account_id == account_id and session.status is SessionStatus.OPEN
        ]
        own.sort(key=lambda session: session.session_id)
        return self._accounts[account_id], own, list(self._entries.get(account_id, ()))

    async def totals(self) -> StoreTotals:
        self._require_open()
        return StoreTotals(
            accounts=len(self._accounts),
            subscribers=sum(len(stored.subscribers) for stored in self._accounts.values()),
            open_sessions=sum(session.status is SessionStatus.OPEN for session in self._sessions.values()),
            entries=sum(map(len, self._entries.values())),
        )

    async def reserved_units(self) -> Mapping[int | None, int]:
        units: Counter[int | None] = Counter()
        for session in await self.sessions(limit=len(self._sessions)):
            for quota in session.quotas:
                for reservation in quota.reservations:
                    units[quota.rating_group] += reservation.units
                if quota.pool is not None:
                    units[quota.rating_group] += quota.granted
        return dict(units)

    async def catalogue_use(self) -> CatalogueUse:
        self._require_open()
        stored = self._accounts.values()
        currencies = Counter(each.account.currency for each in stored)
        offers = Counter(member.offer for each in stored for member in each.subscribers)
        products = Counter(name for each in stored for name in {owned.product for owned in each.account.owned})
        return CatalogueUse(currencies, offers, products)

    def size_bytes(self) -> int:
        return 0

    async def checkpoint(self) -> None:
        self._require_open()

    async def born_ms(self) -> int | None:
        return None

    async def ping(self) -> None:
        self._require_open()

    def _require_open(self) -> None:
        if not self._is_open:
            raise StoreUnavailable("memory: the store is closed")

    def _current(self, writes: Sequence[AccountWrite]) -> list[AccountWrite]:
        """Those that were decided on what is stored; of two that want the same name, the first."""
        taken: set[Identity] = set()
        owners: dict[str, str] = {}
        current = []
        for write in writes:
            names = {name for name, _ in write.new_identities}
            ids = [session.session_id for session in write.sessions]
            is_free = not names & taken and not any(name in self._identities for name in names - self._released(write))
            owns = all(owners.get(each, self._owner(each, write)) == write.account_id for each in ids)
            if self._version(write.account_id) == write.expected_version and owns and is_free:
                current.append(write)
                taken |= names
                owners.update(dict.fromkeys(ids, write.account_id))
        return current

    def _version(self, account_id: str) -> int:
        stored = self._accounts.get(account_id)
        return 0 if stored is None else stored.version

    def _owner(self, session_id: str, write: AccountWrite) -> str:
        session = self._sessions.get(session_id)
        return write.account_id if session is None else session.account_id

    def _require_new_entries(self, write: AccountWrite) -> None:
        journal = self._entries.get(write.account_id)
        if journal and any(entry.seq <= journal[-1].seq for entry in write.entries):
            raise StoreError(f"memory: journal entries of account {write.account_id} are written already")

    def _apply(self, write: AccountWrite) -> None:
        old = self._accounts.get(write.account_id)
        if write.account is not None:
            members = _merged(() if old is None else old.subscribers, write.subscribers)
            self._accounts[write.account_id] = VersionedAccount(write.expected_version + 1, write.account, members)
        for name in self._released(write):
            del self._identities[name]
        self._identities.update(write.new_identities)
        self._sessions.update((session.session_id, session) for session in write.sessions)
        self._entries.setdefault(write.account_id, []).extend(write.entries)
        self._kept.update(((write.account_id, each.key), each) for each in write.kept)
        self._requests.update(((each.account_id, each.request_id), each) for each in write.outbox)

    def _released(self, write: AccountWrite) -> set[Identity]:
        """Of the names that a write releases, those that its account has."""
        owners = {name: self._identities.get(name) for name in write.released}
        return {name for name, ref in owners.items() if ref is not None and ref.account_id == write.account_id}

    def _open_sessions_of(self, account_ids: Collection[str]) -> Iterable[Session]:
        return [
            session
            for session in self._sessions.values()
            if session.status is SessionStatus.OPEN and session.account_id in account_ids
        ]

    def _expired(self, status: SessionStatus, at_ms: int) -> list[Session]:
        self._require_open()
        found = [each for each in self._sessions.values() if each.status is status and each.expires_ms <= at_ms]
        return sorted(found, key=lambda session: (session.expires_ms, session.session_id))


def _by_age(requests: Iterable[GatewayRequest]) -> list[GatewayRequest]:
    return sorted(requests, key=lambda each: (each.created_ms, each.account_id, each.request_id))


def _merged(old: Iterable[Subscriber], new: Iterable[Subscriber]) -> tuple[Subscriber, ...]:
    members = {each.subscriber_id: each for each in old}
    members.update((each.subscriber_id, each) for each in new)
    return tuple(members[subscriber_id] for subscriber_id in sorted(members))
