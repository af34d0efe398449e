"""The one road: a bounded queue, decisions in order, one durable commit per batch, then the answers.

While a batch is being written the next one is decided on top of it. If the write fails, everything
built on it is dropped, loaded again and decided again or refused; nothing is answered that is not
on disk, and nothing stays in memory that is not.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Protocol

import structlog
from msgspec import Struct

from diameter_ocs.charging.commands import AbortSession, AskGateway, ExpireSession
from diameter_ocs.charging.decide import Terms, is_repeat
from diameter_ocs.charging.event import EventRequest
from diameter_ocs.charging.request import Outcome, SessionRequest
from diameter_ocs.engine.batch import Batch, Done, Ticket
from diameter_ocs.engine.cache import AccountCache, Holding
from diameter_ocs.engine.commands import (
    CONCERNS_OPEN_SESSIONS,
    Command,
    Subject,
    advance,
    begin_use,
    decide,
    lacks_open_sessions,
    new_names,
)
from diameter_ocs.engine.observer import EngineObserver, NobodyWaits, OutboxObserver, Unobserved
from diameter_ocs.errors import StoreError
from diameter_ocs.recharge.once import Once
from diameter_ocs.storage.protocol import SessionRef, Store, VersionedAccount, Wanted
from diameter_ocs.values.identity import Identity
from diameter_ocs.values.verdict import Verdict

log = structlog.get_logger("ocs.engine")

LOAD_ATTEMPTS = 3
DECIDE_ATTEMPTS = 8
STEPS_AT_ONCE = 1_000
"""Things due on one account that are done before a command on it; then the rest waits for the next one."""
"""How often somebody else may change an account under a command before it is refused."""
DECIDE_BESIDE_COMMIT = 32
"""Commands that are worth deciding while a batch is being written; fewer wait for it and cost one wake-up."""
LONGEST_RESERVE_SECONDS = 2.0
"""Kept back at most for the commit: nothing is decided that could only be answered too late."""
POLICE_SECONDS = 0.05
FAILURE_TOLD_SECONDS = 10.0
"""A failed commit is a reason for doubt so long, unless a later one succeeds."""
NO_DEADLINE = float("inf")
NEVER = 1 << 62


class Clock(Protocol):
    """Time as the engine needs it."""

    def now(self) -> float:
        """Monotonic seconds."""

    def at_ms(self) -> int:
        """Milliseconds since 1970 UTC."""


class EngineSettings(Struct, frozen=True):
    """Bounds: commands waiting, commands per commit, accounts in memory."""

    queue_limit: int = 10_000
    batch_limit: int = 256
    cache_accounts: int = 100_000


class Engine:
    """Takes commands, answers each exactly once. Start before use; stop finishes what was taken."""

    def __init__(
        self,
        store: Store,
        terms: Terms,
        clock: Clock,
        settings: EngineSettings | None = None,
        observer: EngineObserver | None = None,
    ) -> None:
        self.store = store
        self.terms = terms
        self._planned: deque[tuple[int, Terms]] = deque()
        self._change_ms = NEVER
        """When the first of the planned terms begins to hold."""
        self.clock = clock
        self.settings = settings or EngineSettings()
        self.observer: EngineObserver = observer or Unobserved()
        self.outbox: OutboxObserver = NobodyWaits()
        self.cache = AccountCache(self.settings.cache_accounts)
        self._queue: deque[Ticket] = deque()
        self._undecided: Sequence[Ticket] = ()
        self._late: set[str] = set()
        """Accounts with something due whose open sessions have to be read before it can be done."""
        """Taken from the queue and not decided yet: what they need may still have to be read."""
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._commit_task: asyncio.Task[tuple[frozenset[str], list[Ticket]]] | None = None
        self._is_stopping = False
        self._commit_seconds = 0.0
        """How long the last commit took."""
        self._failure: tuple[float, str] | None = None
        """When the last commit failed, and why; None when it succeeded."""

    # for everybody -------------------------------------------------------------------------------

    async def start(self) -> None:
        self._is_stopping = False
        self._runner = asyncio.create_task(self._run(), name="ocs-engine")
        self._police()

    async def stop(self) -> None:
        """Refuse what comes, finish what was taken."""
        self._is_stopping = True
        self._wake.set()
        if self._runner is not None:
            await self._runner
            self._runner = None

    def plan_terms(self, planned: Sequence[tuple[int, Terms]]) -> None:
        """Terms by the moment from which on they hold, in order: whatever is decided then is decided by them.

        Those whose time has come hold at once; what was planned before is forgotten.
        """
        self._planned = deque(planned)
        self.keep_time(self.clock.at_ms())

    def keep_time(self, at_ms: int) -> None:
        """Have planned terms hold whose time has come: also when nothing has to be decided."""
        while self._planned and self._planned[0][0] <= at_ms:
            self.terms = self._planned.popleft()[1]
        self._change_ms = self._planned[0][0] if self._planned else NEVER

    @property
    def is_running(self) -> bool:
        return self._runner is not None and not self._runner.done() and not self._is_stopping

    @property
    def problem(self) -> str | None:
        """Why commands can hardly be served now; None when they can."""
        if not self.is_running:
            return "not running"
        if self._failure is not None and self.clock.now() - self._failure[0] < FAILURE_TOLD_SECONDS:
            return f"the last commit failed: {self._failure[1]}"
        return None

    @property
    def queue_length(self) -> int:
        return len(self._queue)

    def submit(self, command: Command, done: Done, deadline: float = NO_DEADLINE) -> None:
        """Queue a command; `done` is called exactly once, on the event loop, when its outcome is durable.

        A full queue or a stopping engine refuses at once with TOO_BUSY.
        """
        if len(self._queue) >= self.settings.queue_limit:
            self._refuse([Ticket(command, done, deadline)], Verdict.TOO_BUSY, "queue_full")
        elif not self.is_running:
            self._refuse([Ticket(command, done, deadline)], Verdict.TOO_BUSY, "stopping")
        else:
            self._queue.append(Ticket(command, done, deadline))
            if self._commit_task is None or len(self._queue) >= DECIDE_BESIDE_COMMIT:
                self._wake.set()

    async def execute(self, command: Command) -> Outcome:
        """Submit and wait: for commands that are not on the hot road."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def settle(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.submit(command, settle)
        return await future

    # the road ------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Take one step after the other, whatever happens: a stumble costs the requests it met, not the node."""
        building = Batch(self.cache)
        while self._has_work(building):
            try:
                building = await self._advance(building)
            except Exception:
                log.exception("the engine stumbled; what was not on disk is refused and not charged")
                self._drop_all(building)
                await asyncio.sleep(0)

    async def _advance(self, building: Batch) -> Batch:
        """Decide what comes into the batch that is being built; commit it as soon as the one before is on disk."""
        if self._commit_task is not None and self._commit_task.done():
            await self._collect(building)
        room = self.settings.batch_limit - len(building)
        if self._queue and room > 0 and await self._decide(self._take(room), building):
            await self._collect(building)
        if building.works and self._commit_task is None:
            self._start_commit(building)
            return Batch(self.cache)
        if not self._queue or room <= 0:
            await self._wait()
        return building

    def _drop_all(self, building: Batch) -> None:
        """Refuse what was being decided and forget what was decided on the way."""
        met = dict.fromkeys((*self._undecided, *building.drop(list(building.works))))
        self._undecided = ()
        self._refuse(list(met), Verdict.INTERNAL_ERROR, "internal")

    def _has_work(self, building: Batch) -> bool:
        return bool(not self._is_stopping or self._queue or building.works or self._commit_task is not None)

    def _start_commit(self, batch: Batch) -> None:
        batch.seal()
        self._commit_task = asyncio.create_task(self._commit(batch))
        self._commit_task.add_done_callback(lambda _: self._wake.set())

    async def _wait(self) -> None:
        """For the commit in flight, or for commands: beside a commit only when many have come."""
        if self._commit_task is not None or not self._is_stopping:
            await self._wake.wait()
        self._wake.clear()

    def _take(self, most: int) -> list[Ticket]:
        """The longest waiting commands; those nobody waits for any more are refused."""
        count = min(len(self._queue), most)
        return self._in_time([self._queue.popleft() for _ in range(count)], self._reserve)

    @property
    def _reserve(self) -> float:
        """Time that a decision still needs to be on disk: for the commit in flight, and for its own."""
        return min(2 * self._commit_seconds, LONGEST_RESERVE_SECONDS)

    async def _collect(self, building: Batch) -> None:
        """Wait for the commit in flight; queue again what it, or what was built on it, has to redo."""
        if self._commit_task is None:
            return
        try:
            invalid, redo = await self._commit_task
        finally:
            self._commit_task = None
        if invalid:
            redo = redo + building.drop(invalid)
        if redo:
            self._decide_again(redo)

    def _decide_again(self, tickets: Sequence[Ticket]) -> None:
        self.observer.decided_again(len(tickets))
        for ticket in reversed(tickets):
            ticket.attempts += 1
            ticket.is_verified_new = False
            if ticket.attempts >= DECIDE_ATTEMPTS:
                self._refuse([ticket], Verdict.TOO_BUSY, "conflict")
            else:
                self._queue.appendleft(ticket)

    # loading -------------------------------------------------------------------------------------

    async def _load_missing(self, tickets: list[Ticket]) -> list[Ticket]:
        """Bring in whatever the commands need; returns those that can be decided, refuses the others."""
        for _ in range(LOAD_ATTEMPTS):
            wanted = self._wanted(tickets)
            if not _lacks(wanted):
                return tickets
            evictions, started = self.cache.evictions, self.clock.now()
            try:
                loaded = await self.store.load(wanted)
            except StoreError as error:
                log.error("store cannot be read", error=str(error), requests=len(tickets))
                return self._refuse_missing(tickets)
            self.cache.take_in(loaded)
            self.observer.accounts_loaded(len(loaded.accounts), self.clock.now() - started)
            if self.cache.evictions == evictions:
                return tickets
        return self._refuse_missing(tickets)

    def _refuse_missing(self, tickets: list[Ticket]) -> list[Ticket]:
        ready: list[Ticket] = []
        missing: list[Ticket] = []
        for ticket in tickets:
            wanted = self._wanted([ticket])
            (missing if _lacks(wanted) else ready).append(ticket)
        self._refuse(missing, Verdict.STORE_UNAVAILABLE, "store")
        return ready

    def _wanted(self, tickets: Sequence[Ticket]) -> Wanted:
        """Names that are not in memory. Of a subscriber's, those preferred to the first one that is: they decide.

        Keys of events that are not in memory too: only the store can say that one was never seen.
        """
        cache = self.cache
        identities: set[Identity] = set()
        sessions: set[str] = set()
        accounts: set[str] = set()
        kept: set[str] = set()
        open_sessions_of: set[str] = set()
        for ticket in tickets:
            command = ticket.command
            if type(command) is SessionRequest:
                if cache.by_session(command.session_id) is None:
                    sessions.add(command.session_id)
                    unknown = list(takewhile(lambda name: cache.by_identity(name) is None, command.identities))
                    identities.update(unknown)
                    if len(unknown) == len(command.identities):
                        cache.misses += 1
                        continue
                cache.hits += 1
                continue
            if type(command) is EventRequest:
                identities.update(takewhile(lambda name: cache.by_identity(name) is None, command.identities))
                holding = self._named(command.identities).holding
                known = holding.kept if holding is not None else {}
                kept.update(key for key in command.remembered_keys() if key not in known)
                continue
            if type(command) is Once:
                holding = cache.holding(command.account_id)
                if holding is None or command.key not in holding.kept:
                    kept.add(command.key)
                command = command.command
            if (
                isinstance(command, ExpireSession | AbortSession | AskGateway)
                and cache.by_session(command.session_id) is None
            ):
                sessions.add(command.session_id)
            holding = cache.holding(command.account_id)  # type: ignore[union-attr]
            if holding is None:
                accounts.add(command.account_id)  # type: ignore[union-attr]
            if isinstance(command, CONCERNS_OPEN_SESSIONS) and (holding is None or lacks_open_sessions(holding)):
                open_sessions_of.add(command.account_id)
            identities.update(name for name in new_names(command) if cache.by_identity(name) is None)
        for account_id in self._late:
            holding = cache.holding(account_id)
            if holding is not None and lacks_open_sessions(holding):
                open_sessions_of.add(account_id)
        return Wanted(identities, sessions, accounts, kept, open_sessions_of)

    async def _recall_old_answers(self, tickets: Sequence[Ticket], building: Batch) -> None:
        """A request number up to the session's highest is a late first copy or an old repeat: ask the journal.

        Of a gateway that uses numbers again, it is asked for the content as well. The journal knows only what is
        on disk: a session that is being changed has to wait for that.
        """
        asked: set[tuple[str, int, int | None]] = set()
        for ticket in tickets:
            command = ticket.command
            if type(command) is not SessionRequest or not self._is_doubtful(ticket, command):
                continue
            content = command.fingerprint if command.gateway.reuses_numbers else None
            key = (command.session_id, command.request_number, content)
            if key in asked:
                continue  # its twin is decided first, then it is looked up again
            asked.add(key)
            await self._collect(building)
            holding = self.cache.by_session(command.session_id)
            if holding is None or building.touches(holding):
                continue
            session = holding.sessions[command.session_id]
            ref = SessionRef(session.account_id, session.session_id)
            try:
                answer = await self.store.recall(ref, command.request_number, session.opened_seq - 1, content)
            except StoreError as error:
                log.error("journal cannot be read", error=str(error))
                continue
            ticket.is_verified_new = answer is None or not is_repeat(command, answer)
            current = holding.sessions.get(command.session_id)
            if answer is not None and current is not None:
                self.cache.remember_answer(holding, current, answer)

    def _is_doubtful(self, ticket: Ticket, request: SessionRequest) -> bool:
        holding = self.cache.by_session(request.session_id)
        if holding is None or ticket.is_verified_new:
            return False
        session = holding.sessions[request.session_id]
        number = request.request_number
        if number > session.highest_number:
            return False
        same = (kept for kept in session.answers if kept.request_number == number)
        return not any(not request.gateway.reuses_numbers or is_repeat(request, kept) for kept in same)

    # deciding ------------------------------------------------------------------------------------

    async def _decide(self, tickets: list[Ticket], batch: Batch) -> bool:
        """True when some have to wait until the batch is on disk: the journal will say whether they are repeats."""
        self._undecided = tickets
        tickets = await self._load_missing(tickets)
        if any(type(t.command) is SessionRequest and self._is_doubtful(t, t.command) for t in tickets):
            await self._recall_old_answers(tickets, batch)
            tickets = await self._load_missing(tickets)
        tickets = self._in_time(tickets, self._reserve)
        at_ms = self.clock.at_ms()
        if at_ms >= self._change_ms:
            self.keep_time(at_ms)
        deferred = [ticket for ticket in tickets if not self._decide_one(ticket, batch, at_ms)]
        self.cache.shrink()
        self._undecided = ()
        if deferred:
            self._decide_again(deferred)
        return bool(deferred)

    def _decide_one(self, ticket: Ticket, batch: Batch, at_ms: int) -> bool:
        """False when the store has to be asked first: whether this is a repeat, or for sessions of a late account."""
        command = ticket.command
        if type(command) is SessionRequest and self._is_doubtful(ticket, command):
            return False
        subject = self._subject(command)
        due = subject.holding
        if due is not None and 0 < due.account.due_ms <= at_ms and not self._catch_up(due, batch, at_ms):
            return False
        has_life = due is not None and subject.subscriber_id and due.subscribers[subject.subscriber_id].life is not None
        if has_life and due is not None and not self._begin_use(command, subject, due, batch, at_ms):
            return False
        try:
            decision = decide(command, subject, self.terms, at_ms)
        except Exception:
            log.exception("a command could not be decided; nothing was charged", command=type(command).__name__)
            self._answer(ticket, Outcome(Verdict.INTERNAL_ERROR, detail="internal error; nothing was charged"))
            return True
        holding = subject.holding
        if holding is None and decision.account is not None:
            holding = self.cache.create(VersionedAccount(0, decision.account, decision.subscribers))
        if holding is None:
            self._answer(ticket, decision.outcome)
            return True
        batch.add(holding, ticket, decision)
        if 0 < holding.account.due_ms <= at_ms:
            self._catch_up(holding, batch, at_ms)
        return True

    def _begin_use(self, command: Command, subject: Subject, holding: Holding, batch: Batch, at_ms: int) -> bool:
        """Make a subscriber active that is used for the first time, and do what is due then. As _catch_up."""
        try:
            begun = begin_use(command, subject, self.terms, at_ms)
        except Exception:
            log.exception("the life of a subscriber could not begin", account=holding.account.account_id)
            return True
        if begun is None:
            return True
        batch.add_unasked(holding, begun)
        return not 0 < holding.account.due_ms <= at_ms or self._catch_up(holding, batch, at_ms)

    def _catch_up(self, holding: Holding, batch: Batch, at_ms: int) -> bool:
        """Do what time has brought to the account, before anything else. False when its sessions must be read first."""
        account_id = holding.account.account_id
        if lacks_open_sessions(holding):
            self._late.add(account_id)
            return False
        self._late.discard(account_id)
        try:
            for _ in range(STEPS_AT_ONCE):
                decision = advance(holding, self.terms, at_ms)
                if decision is None:
                    break
                batch.add_unasked(holding, decision)
        except Exception:
            log.exception("what is due on an account could not be done", account=account_id)
        return True

    def _subject(self, command: Command) -> Subject:
        cache = self.cache
        if type(command) is SessionRequest:
            holding = cache.by_session(command.session_id)
            if holding is not None:
                return Subject(holding, holding.sessions[command.session_id].subscriber_id)
            return self._named(command.identities)
        if type(command) is EventRequest:
            return self._named(command.identities)
        taken = frozenset(name for name in new_names(command) if cache.by_identity(name) is not None)
        return Subject(cache.holding(command.account_id), taken=taken)  # type: ignore[union-attr]

    def _named(self, identities: Sequence[Identity]) -> Subject:
        """The first of the names that is known."""
        for name in identities:
            ref = self.cache.by_identity(name)
            if ref is not None:
                return Subject(self.cache.holding(ref.account_id), ref.subscriber_id)
        return Subject(None)

    # committing ----------------------------------------------------------------------------------

    async def _commit(self, batch: Batch) -> tuple[frozenset[str], list[Ticket]]:
        """Write a batch and answer it. Returns the accounts whose state in memory was wrong, and what to redo."""
        started = self.clock.now()
        try:
            stale = await self.store.commit(batch.writes)
        except StoreError as error:
            return self._give_up(batch, error)
        except Exception as error:
            log.exception("the store failed in an unexpected way")
            return self._give_up(batch, error)
        self._failure = None
        self._commit_seconds = self.clock.now() - started
        redo = batch.drop(stale)
        batch.finish()
        for work in batch.works.values():
            for ticket, outcome in work.answers:
                self._answer(ticket, outcome)
        self._report(batch, self._commit_seconds)
        self._tell_outbox(batch)
        return stale, redo

    def _report(self, batch: Batch, seconds: float) -> None:
        self.observer.batch_committed(len(batch), len(batch.works), seconds)
        for work in batch.works.values():
            for entry in work.entries:
                self.observer.journaled(entry)

    def _tell_outbox(self, batch: Batch) -> None:
        """Tell who waits for a request of a gateway that it came, and who delivers that there is something to do."""
        outbox = self.outbox
        if outbox.awaited:
            for work in batch.works.values():
                for entry in work.entries:
                    if entry.session_id in outbox.awaited:
                        outbox.came(entry)
        if any(work.requests for work in batch.works.values()):
            outbox.written()

    def _give_up(self, batch: Batch, error: Exception) -> tuple[frozenset[str], list[Ticket]]:
        log.error("commit failed; nothing of it was charged", error=str(error), requests=len(batch))
        self._failure = self.clock.now(), str(error)
        self.observer.commit_failed(len(batch), error)
        invalid = frozenset(batch.works)
        self._refuse(batch.drop(invalid), Verdict.STORE_UNAVAILABLE, "store")
        return invalid, []

    # refusing ------------------------------------------------------------------------------------

    def _police(self) -> None:
        """Refuse undecided commands in time also while the road is blocked by a slow store."""
        self._in_time(self._undecided)
        now = self.clock.now()
        if any(ticket.deadline <= now for ticket in self._queue):
            self._queue = deque(self._in_time(self._queue))
        if self._runner is not None and not self._runner.done():
            asyncio.get_running_loop().call_later(POLICE_SECONDS, self._police)

    def _in_time(self, tickets: Collection[Ticket], reserve: float = 0.0) -> list[Ticket]:
        """Those that somebody will still wait for, `reserve` seconds from now; the others are refused."""
        then = self.clock.now() + reserve
        waiting = [ticket for ticket in tickets if not ticket.is_answered]
        kept = [ticket for ticket in waiting if ticket.deadline > then]
        if len(kept) < len(waiting):
            self._refuse([ticket for ticket in waiting if ticket.deadline <= then], Verdict.TOO_BUSY, "deadline")
        return kept

    def _refuse(self, tickets: Sequence[Ticket], verdict: Verdict, reason: str) -> None:
        if not tickets:
            return
        self.observer.refused(len(tickets), reason)
        outcome = Outcome(verdict, detail=f"refused before anything was charged: {reason}")
        for ticket in tickets:
            self._answer(ticket, outcome)

    def _answer(self, ticket: Ticket, outcome: Outcome) -> None:
        if ticket.is_answered:
            return
        ticket.is_answered = True
        try:
            ticket.done(outcome)
        except Exception:
            log.exception("an answer could not be delivered; its effect is stored for the repeat")


def _lacks(wanted: Wanted) -> bool:
    named = wanted.identities or wanted.session_ids or wanted.accounts
    return bool(named or wanted.kept_keys or wanted.open_sessions_of)
