"""Accounts in memory, with the sessions that are in use. Bounded; what a batch is using is never evicted.

The cache holds the newest decided state, which may be ahead of the store by the batches in flight.
When one of those fails, everything it touched is dropped and loaded again.
"""

from collections import OrderedDict, deque
from itertools import islice

from msgspec import structs

from diameter_ocs.charging.decision import Kept
from diameter_ocs.charging.session import Answer, Session, SessionStatus
from diameter_ocs.ledger.account import Account, Subscriber
from diameter_ocs.storage.protocol import Loaded, VersionedAccount
from diameter_ocs.values.identity import Identity, SubscriberRef

CLOSED_SESSIONS_KEPT = 4096
"""Closed sessions in memory, for repeats that come at once; later ones are loaded. As many outcomes of events."""


class Holding:
    """One account with all its subscribers and those of its sessions that were asked for."""

    __slots__ = ("account", "kept", "pins", "sessions", "subscribers", "version")

    def __init__(self, found: VersionedAccount) -> None:
        self.version = found.version
        self.account: Account = found.account
        self.subscribers: dict[str, Subscriber] = {each.subscriber_id: each for each in found.subscribers}
        self.sessions: dict[str, Session] = {}
        self.kept: dict[str, Kept] = {}
        """What was remembered of events lately, by key."""
        self.pins = 0
        """Batches that are using it."""

    def meet(self, found: VersionedAccount) -> None:
        """Know subscribers that another process added; that the account itself is old shows at the commit."""
        for subscriber in found.subscribers:
            self.subscribers.setdefault(subscriber.subscriber_id, subscriber)


class AccountCache:
    """Holdings by account, and the ways to find them: identity and Session-Id."""

    def __init__(self, limit: int, closed_limit: int = CLOSED_SESSIONS_KEPT) -> None:
        self._limit = limit
        self._closed_limit = closed_limit
        self._closed: deque[tuple[Holding, str]] = deque()
        self._kept: deque[tuple[Holding, str]] = deque()
        self._holdings: OrderedDict[str, Holding] = OrderedDict()
        self._identities: dict[Identity, SubscriberRef] = {}
        self._session_owners: dict[str, Holding] = {}
        self.evictions = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._holdings)

    @property
    def sessions(self) -> int:
        """Sessions in memory."""
        return len(self._session_owners)

    def holding(self, account_id: str) -> Holding | None:
        return self._holdings.get(account_id)

    def by_session(self, session_id: str) -> Holding | None:
        return self._session_owners.get(session_id)

    def by_identity(self, name: Identity) -> SubscriberRef | None:
        return self._identities.get(name)

    def use(self, holding: Holding) -> None:
        """Mark as used by one more batch, and as recently used."""
        holding.pins += 1
        self._holdings.move_to_end(holding.account.account_id)

    def take_in(self, loaded: Loaded) -> None:
        """Add what came from the store. What is cached already is newer and stays."""
        for account_id, found in loaded.accounts.items():
            holding = self._holdings.get(account_id)
            if holding is None:
                self._add(account_id, Holding(found))
            else:
                holding.meet(found)
        for name, ref in loaded.identities.items():
            if ref.account_id in self._holdings:
                self._identities[name] = ref
        for session_id, session in loaded.sessions.items():
            holding = self._holdings.get(session.account_id)
            if holding is not None and session_id not in holding.sessions:
                self.put_session(holding, session)

        for (account_id, key), kept in loaded.kept.items():
            holding = self._holdings.get(account_id)
            if holding is not None and key not in holding.kept:
                self.put_kept(holding, kept)

    def create(self, found: VersionedAccount) -> Holding:
        """An account that was just decided to exist."""
        holding = Holding(found)
        self._add(found.account.account_id, holding)
        return holding

    def put_session(self, holding: Holding, session: Session) -> None:
        holding.sessions[session.session_id] = session
        self._session_owners[session.session_id] = holding
        if session.status is SessionStatus.CLOSED:
            self._closed.append((holding, session.session_id))

    def put_kept(self, holding: Holding, kept: Kept) -> None:
        if kept.key not in holding.kept:
            self._kept.append((holding, kept.key))
        holding.kept[kept.key] = kept

    def remember_answer(self, holding: Holding, session: Session, answer: Answer) -> None:
        """Bring an old answer back from the journal, as the one to be forgotten first."""
        self.put_session(holding, structs.replace(session, answers=(answer, *session.answers)))

    def put_identity(self, name: Identity, ref: SubscriberRef) -> None:
        self._identities[name] = ref

    def forget_identity(self, name: Identity) -> None:
        self._identities.pop(name, None)

    def evict(self, account_id: str) -> None:
        """Forget an account and everything that leads to it."""
        holding = self._holdings.pop(account_id, None)
        if holding is None:
            return
        self.evictions += 1
        for session_id in holding.sessions:
            self._session_owners.pop(session_id, None)
        for subscriber in holding.subscribers.values():
            for name in subscriber.identities:
                self._identities.pop(name, None)

    def shrink(self) -> None:
        """Forget closed sessions, what events left, then unused accounts above their limits, oldest first.

        Those in use stay.
        """
        for _ in range(len(self._closed) - self._closed_limit):
            self._forget_closed(*self._closed.popleft())
        for _ in range(len(self._kept) - self._closed_limit):
            self._forget_kept(*self._kept.popleft())
        excess = len(self._holdings) - self._limit
        if excess > 0:
            idle = (account_id for account_id, holding in self._holdings.items() if not holding.pins)
            for account_id in list(islice(idle, excess)):
                self.evict(account_id)

    def _forget_closed(self, holding: Holding, session_id: str) -> None:
        if holding.pins:
            self._closed.append((holding, session_id))
        elif self._session_owners.get(session_id) is holding:
            del holding.sessions[session_id]
            del self._session_owners[session_id]

    def _forget_kept(self, holding: Holding, key: str) -> None:
        if holding.pins:
            self._kept.append((holding, key))
        else:
            holding.kept.pop(key, None)

    def _add(self, account_id: str, holding: Holding) -> None:
        self._holdings[account_id] = holding
        for subscriber in holding.subscribers.values():
            for name in subscriber.identities:
                self._identities[name] = SubscriberRef(account_id, subscriber.subscriber_id)
