"""A batch on its way to the store: what it does to each account, and whom it will answer."""

from collections.abc import Callable, Collection

from diameter_ocs.charging.decision import Decision, Kept
from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session
from diameter_ocs.engine.cache import AccountCache, Holding
from diameter_ocs.engine.commands import Command
from diameter_ocs.ledger.account import Subscriber
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.storage.protocol import AccountWrite
from diameter_ocs.values.identity import Identity, SubscriberRef

Done = Callable[[Outcome], None]


class Ticket:
    """A command waiting for its answer. `deadline` in monotonic seconds: after it nobody listens any more."""

    __slots__ = ("attempts", "command", "deadline", "done", "is_answered", "is_verified_new")

    def __init__(self, command: Command, done: Done, deadline: float) -> None:
        self.command = command
        self.done = done
        self.deadline = deadline
        self.attempts = 0
        self.is_answered = False
        self.is_verified_new = False
        """The journal holds no answer to this very request, although its number may have been used or passed."""


class Work:
    """Everything one batch changes in one account, decided on `base_version` of it."""

    __slots__ = (
        "answers",
        "base_version",
        "due_before_ms",
        "entries",
        "holding",
        "identities",
        "is_changed",
        "kept",
        "released",
        "requests",
        "sessions",
        "subscribers",
    )

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self.base_version = holding.version
        self.due_before_ms = holding.account.due_ms
        self.is_changed = False
        self.sessions: dict[str, Session] = {}
        self.subscribers: dict[str, Subscriber] = {}
        self.identities: list[tuple[Identity, SubscriberRef]] = []
        self.entries: list[Entry] = []
        self.requests: tuple[GatewayRequest, ...] = ()
        self.answers: list[tuple[Ticket, Outcome]] = []
        self.kept: dict[str, Kept] = {}
        self.released: tuple[Identity, ...] = ()

    def apply(self, decision: Decision, cache: AccountCache) -> None:
        """Make a decision the newest state in memory, and note what to write."""
        holding = self.holding
        if decision.account is not None:
            self.is_changed = True
            holding.account = decision.account
        if decision.session is not None:
            self.sessions[decision.session.session_id] = decision.session
            cache.put_session(holding, decision.session)
        if decision.entry is not None:
            self.entries.append(decision.entry)
        if decision.requests:
            self.requests += decision.requests
        for subscriber in decision.subscribers:
            self.subscribers[subscriber.subscriber_id] = subscriber
            holding.subscribers[subscriber.subscriber_id] = subscriber
        for kept in decision.kept:
            self.kept[kept.key] = kept
            cache.put_kept(holding, kept)
        if decision.released:
            self.released += decision.released
            for name in decision.released:
                cache.forget_identity(name)
        for name, ref in decision.new_identities:
            self.identities.append((name, ref))
            cache.put_identity(name, ref)

    def seal(self) -> None:
        """Nothing more comes in this batch: the next one builds on the version this one will write."""
        if self.is_changed:
            self.holding.version = self.base_version + 1

    def write(self) -> AccountWrite:
        return AccountWrite(
            self.holding.account.account_id,
            self.base_version,
            self.holding.account if self.is_changed else None,
            tuple(self.subscribers.values()),
            tuple(self.identities),
            tuple(self.sessions.values()),
            tuple(self.entries),
            tuple(self.kept.values()),
            self.requests,
            self.holding.account.due_ms != (self.due_before_ms if self.base_version else 0),
            self.released,
        )


class Batch:
    """Works by account, in the order in which their commands came."""

    __slots__ = ("_commands", "cache", "works", "writes")

    def __init__(self, cache: AccountCache) -> None:
        self.cache = cache
        self.works: dict[str, Work] = {}
        self.writes: list[AccountWrite] = []
        self._commands = 0

    def __len__(self) -> int:
        """Commands that wait for this batch."""
        return self._commands

    def add(self, holding: Holding, ticket: Ticket, decision: Decision) -> None:
        """One more decision, on top of those before it."""
        work = self._work_on(holding)
        work.apply(decision, self.cache)
        work.answers.append((ticket, decision.outcome))
        self._commands += 1

    def add_unasked(self, holding: Holding, decision: Decision) -> None:
        """One more decision that nobody waits for."""
        self._work_on(holding).apply(decision, self.cache)

    def touches(self, holding: Holding) -> bool:
        """Has anything of this account been decided here?"""
        return holding.account.account_id in self.works

    def _work_on(self, holding: Holding) -> Work:
        account_id = holding.account.account_id
        work = self.works.get(account_id)
        if work is None:
            work = self.works[account_id] = Work(holding)
            self.cache.use(holding)
        return work

    def seal(self) -> None:
        for work in self.works.values():
            work.seal()
            self.writes.append(work.write())

    def drop(self, account_ids: Collection[str]) -> list[Ticket]:
        """Take accounts out whose state turned out to be wrong; their commands have to be decided again."""
        tickets: list[Ticket] = []
        for account_id in account_ids:
            work = self.works.pop(account_id, None)
            if work is not None:
                tickets.extend(ticket for ticket, _ in work.answers)
                work.holding.pins -= 1
                self.cache.evict(account_id)
        self._commands -= len(tickets)
        if self.writes:
            self.writes = [write for write in self.writes if write.account_id in self.works]
        return tickets

    def finish(self) -> None:
        """Everything is on disk: let go of the accounts."""
        for work in self.works.values():
            work.holding.pins -= 1
