"""Delivers the requests to gateways that the store keeps, and records how far each is.

Rows come from this process, which tells at once, or from another one beside it (a command line
tool), for which the store is looked at now and then. One delivery per session at a time; what came
meanwhile for the same session goes together. Rows survive a restart: what was sent and not answered
is sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.commands import AbortSession
from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.outbox import STOPPING, GatewayRequest, RequestKind, RequestState
from diameter_ocs.charging.request import Outcome
from diameter_ocs.charging.session import Session, SessionStatus
from diameter_ocs.errors import StoreError
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.server.courier import Courier, Fate, Report
from diameter_ocs.storage.protocol import Loaded, SessionRef, Wanted
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.result_code import ResultCode

log = structlog.get_logger("ocs.requests")

PENDING_AT_ONCE = 10_000
"""Rows looked at in one go."""
SESSIONS_PER_LOAD = 500
MAX_DELIVERIES = 1_000
"""Sessions asked about at the same time; the others wait for the next look."""
RESTART_PAGE = 256
ENDS = (RequestState.CCR_SEEN, RequestState.CLOSED, RequestState.GAVE_UP)

Key = tuple[str, str]


class OutboxStore(Protocol):
    """What it asks of a store, see storage.protocol.Store."""

    async def load(self, wanted: Wanted) -> Loaded: ...

    async def pending_requests(self, limit: int) -> Sequence[GatewayRequest]: ...

    async def note_requests(self, requests: Sequence[GatewayRequest]) -> None: ...

    async def sessions_of_host(
        self, origin_host: str, unheard_since_ms: int, after: str = "", limit: int = 1000
    ) -> Sequence[SessionRef]: ...


class Patience(Struct, frozen=True, kw_only=True):
    """guard_seconds: for the CCR that an answer promised. poll_seconds: between looks for rows of other processes."""

    guard_seconds: float = 30.0
    poll_seconds: float = 5.0


class Watch:
    """A session whose gateway was asked: the request that it now owes us is looked out for.

    until: monotonic seconds; None while the delivery goes on.
    """

    __slots__ = ("kind", "rows", "seen", "until")

    def __init__(self, kind: RequestKind, rows: Sequence[GatewayRequest]) -> None:
        self.kind = kind
        self.rows = rows
        self.until: float | None = None
        self.seen = asyncio.Event()

    def is_answered_by(self, entry: Entry) -> bool:
        if self.kind is RequestKind.ABORT:
            return entry.kind == "ccr_termination"
        return entry.kind in ("ccr_update", "ccr_termination")


class Reauthorizer:
    """The loop and its counters; see engine.observer.OutboxObserver for what the engine tells it.

    execute: the engine's door for commands. now: monotonic seconds.
    """

    def __init__(
        self,
        store: OutboxStore,
        execute: Callable[[AbortSession], Awaitable[Outcome]],
        now: Callable[[], float],
        patience: Patience,
    ) -> None:
        self._store = store
        self._execute = execute
        self._now = now
        self._patience = patience
        self._courier: Courier | None = None
        self._wake = asyncio.Event()
        self._must_look = True
        self._dirty: dict[Key, GatewayRequest] = {}
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self._out_of_reach: dict[str, tuple[str, str]] = {}
        """Session-Id -> host and realm of a gateway that has to come back first."""
        self._cleanups: set[asyncio.Task[None]] = set()
        self._restarted: dict[str, int] = {}
        """Host -> its latest restart, while its sessions are being closed."""
        self._openings = 0
        self._is_failing = False
        self.awaited: dict[str, Watch] = {}
        self.waiting = 0
        """Requests that were not finished at the last look."""
        self.results = {(kind.value, end.value): 0 for kind in RequestKind for end in ENDS}
        """(kind, result) -> requests: by Result-Code of the answer, and by how they ended: a RequestState."""

    # what others tell ----------------------------------------------------------------------------

    def written(self) -> None:
        """Engine: there are new rows."""
        self._look_soon()

    def came(self, entry: Entry) -> None:
        """Engine: a request of an awaited session is on disk."""
        watch = self.awaited.get(entry.session_id)
        if watch is None or watch.seen.is_set() or not watch.is_answered_by(entry):
            return
        watch.seen.set()
        self._finish(watch.rows, RequestState.CCR_SEEN)
        if watch.until is not None:
            self._forget(entry.session_id, watch)

    def peer_opened(self, host: str) -> None:
        """Transport: a gateway is there (again)."""
        self._openings += 1
        self._look_soon()

    def peer_restarted(self, host: str, at_ms: int) -> None:
        """Restarts: a gateway lost its sessions. One search at a time for each host, however often it restarts."""
        is_searching = host in self._restarted
        self._restarted[host] = at_ms
        if not is_searching:
            task = asyncio.create_task(self._clean_up(host), name=f"sessions of {host}")
            self._cleanups.add(task)
            task.add_done_callback(self._cleanups.discard)

    # life ----------------------------------------------------------------------------------------

    async def run(self, courier: Courier) -> None:
        """Deliver until cancelled. A store that fails is asked again after a while."""
        self._courier = courier
        self._look_soon()
        try:
            while True:
                await self._turn()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience.poll_seconds):
                        await self._wake.wait()
                        self._wake.clear()
                        continue
                self._must_look = True
        finally:
            await self._end()

    async def _turn(self) -> None:
        try:
            await self._flush()
            if self._must_look:
                self._must_look = False
                await self._look()
        except StoreError as error:
            self._must_look = True
            self._failed(str(error))
        except Exception:
            log.exception("requests to gateways stumbled by a mistake of ours")
            self._failed("see the traceback above")
        else:
            self._is_failing = False

    def _failed(self, why: str) -> None:
        if not self._is_failing:
            log.error("requests to gateways wait until the store works again", error=why)
        self._is_failing = True

    async def _end(self) -> None:
        tasks = [*self._deliveries.values(), *self._cleanups]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(StoreError):
            await self._flush()

    def _look_soon(self) -> None:
        self._must_look = True
        self._wake.set()

    # the store -----------------------------------------------------------------------------------

    async def _flush(self) -> None:
        """Write down what has changed; what could not be written stays for the next time."""
        changed = dict(self._dirty)
        if not changed:
            return
        await self._store.note_requests(list(changed.values()))
        for key, row in changed.items():
            if self._dirty[key] is row:
                del self._dirty[key]

    def _note(self, rows: Iterable[GatewayRequest]) -> None:
        self._dirty.update(((row.account_id, row.request_id), row) for row in rows)
        self._wake.set()

    async def _look(self) -> None:
        """Start a delivery for every session that has something pending and can be reached."""
        self._drop_old_watches()
        pending = await self._store.pending_requests(PENDING_AT_ONCE)
        self.waiting = len(pending)
        by_session: dict[str, list[GatewayRequest]] = {}
        for row in pending:
            by_session.setdefault(row.session_id, []).append(row)
        reach = _Reach(self._courier)
        kept = ((each, who) for each, who in self._out_of_reach.items() if each in by_session and not reach.of(who))
        self._out_of_reach = dict(kept)
        wanted = [each for each in by_session if each not in self._deliveries and each not in self._out_of_reach]
        for start in range(0, len(wanted), SESSIONS_PER_LOAD):
            if len(self._deliveries) >= MAX_DELIVERIES:
                break
            page = wanted[start : start + SESSIONS_PER_LOAD]
            openings = self._openings
            found = (await self._store.load(Wanted(session_ids=page))).sessions
            if openings != self._openings:
                return  # A gateway came meanwhile, and this may be older: the look that follows loads it again.
            for session_id in page:
                self._start(session_id, found.get(session_id), by_session[session_id], reach)

    def _start(self, session_id: str, session: Session | None, rows: Sequence[GatewayRequest], reach: "_Reach") -> None:
        rows = [row for row in rows if (row.account_id, row.request_id) not in self._dirty]
        if not rows or session_id in self._deliveries or len(self._deliveries) >= MAX_DELIVERIES:
            return
        if session is None or session.status is SessionStatus.CLOSED:
            self._finish(rows, RequestState.CLOSED)
            return
        who = session.origin_host, session.origin_realm
        is_answered = any(row.state is RequestState.ANSWERED for row in rows)
        if not is_answered and not reach.of(who):
            self._out_of_reach[session_id] = who
            return
        task = asyncio.create_task(self._deliver(session, rows), name=f"request about {session_id}")
        self._deliveries[session_id] = task
        task.add_done_callback(lambda _: self._delivered(session_id))

    def _delivered(self, session_id: str) -> None:
        del self._deliveries[session_id]
        self._look_soon()

    # one session ---------------------------------------------------------------------------------

    async def _deliver(self, session: Session, rows: Sequence[GatewayRequest]) -> None:
        """Aborts first: the others are moot then, or come next."""
        kind = RequestKind.REAUTHORIZE
        if any(row.kind is RequestKind.ABORT for row in rows):
            kind, rows = RequestKind.ABORT, [row for row in rows if row.kind is RequestKind.ABORT]
            if not self._gateway_of(session).aborts:
                self._leave(session, rows)
                return
        watch = self.awaited[session.session_id] = Watch(kind, rows)
        try:
            answered = [row for row in rows if row.state is RequestState.ANSWERED]
            report = (
                Report(Fate.ANSWERED, 0, answered[0].result_code) if answered else await self._ask(session, rows, watch)
            )
            await self._settle(session, _tried(rows, report), report, watch)
        except Exception:
            log.exception("a request to a gateway could not be delivered", session=session.session_id)
            self._finish(rows, RequestState.GAVE_UP)
        finally:
            if watch.until is None:
                self._forget(session.session_id, watch)

    def _gateway_of(self, session: Session) -> GatewayProfile:
        assert self._courier is not None
        return self._courier.gateway_of(session)

    def _leave(self, session: Session, rows: Sequence[GatewayRequest]) -> None:
        """An abort that would do nothing: a blocked session is refused when its gateway asks again."""
        log.warning("gateway does not end sessions on request", host=session.origin_host)
        self._finish(rows, RequestState.GAVE_UP)

    async def _ask(self, session: Session, rows: Sequence[GatewayRequest], watch: Watch) -> Report:
        assert self._courier is not None

        def sent(tries: int) -> None:
            watch.rows = [replace(row, state=RequestState.SENT, tries=row.tries + tries) for row in rows]
            self._note(watch.rows)

        request = _united(rows)
        if self._gateway_of(session).reauthorisation != "group":
            request = replace(request, rating_group=None, service_identifier=None, pool=None)
        report = await self._courier.deliver(request, session, sent, watch.seen.is_set)
        if report.fate is Fate.ANSWERED:
            for row in rows:
                self._count(row.kind, str(report.code))
        return report

    async def _settle(self, session: Session, rows: Sequence[GatewayRequest], report: Report, watch: Watch) -> None:
        """What follows from the answer, or from its absence (RFC 8506 §5.5, RFC 6733 §8.5)."""
        if watch.seen.is_set():
            self._note(replace(row, state=RequestState.CCR_SEEN) for row in rows)
        elif report.fate is Fate.NO_ROUTE:
            self._note(replace(row, state=RequestState.WAITING) for row in rows)
        elif report.fate is Fate.NO_ANSWER:
            log.warning("gateway does not answer", host=session.origin_host, tries=report.tries)
            self._finish(rows, RequestState.GAVE_UP)
        elif report.code == ResultCode.UNKNOWN_SESSION_ID and report.is_from_gateway:
            await self._close(session, rows, "unknown to the gateway (5002)", is_silent=False)
        elif report.code not in STOPPING:
            log.warning("gateway refused a request", host=session.origin_host, result_code=report.code)
            self._finish(rows, RequestState.ANSWERED)
        elif watch.kind is RequestKind.ABORT:
            await self._see_it_end(session, rows, watch)
        else:
            self._finish(rows, RequestState.ANSWERED)
            if self._gateway_of(session).reauthorisation == "ignored":
                return
            watch.rows = rows
            watch.until = self._now() + self._patience.guard_seconds

    async def _see_it_end(self, session: Session, rows: Sequence[GatewayRequest], watch: Watch) -> None:
        """The gateway said that it stops: wait for its CCR-Termination, then close the session without it."""
        watch.rows = [replace(row, state=RequestState.ANSWERED) for row in rows]
        self._note(watch.rows)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.guard_seconds):
                await watch.seen.wait()
        if not watch.seen.is_set():
            await self._close(session, rows, "aborted, and no CCR-Termination came", is_silent=True)

    async def _close(self, session: Session, rows: Sequence[GatewayRequest], reason: str, *, is_silent: bool) -> None:
        command = AbortSession(session.account_id, session.session_id, reason, is_silent)
        outcome = await self._execute(command)
        is_closed = outcome.verdict in (Verdict.SUCCESS, Verdict.NOT_FOUND)
        if not is_closed:
            log.error("session could not be closed; supervision will do it", cause=outcome.detail)
        self._finish(rows, RequestState.CLOSED if is_closed else RequestState.GAVE_UP)

    # watching ------------------------------------------------------------------------------------

    def _forget(self, session_id: str, watch: Watch) -> None:
        if self.awaited.get(session_id) is watch:
            del self.awaited[session_id]

    def _drop_old_watches(self) -> None:
        now = self._now()
        for session_id in [
            each for each, watch in self.awaited.items() if watch.until is not None and watch.until <= now
        ]:
            del self.awaited[session_id]

    def _finish(self, rows: Iterable[GatewayRequest], state: RequestState) -> None:
        finished = [replace(row, state=state) for row in rows]
        self._note(finished)
        for row in finished:
            if state is not RequestState.ANSWERED:
                self._count(row.kind, state.value)

    def _count(self, kind: RequestKind, result: str) -> None:
        self.results[kind.value, result] = self.results.get((kind.value, result), 0) + 1

    # restarts of gateways ------------------------------------------------------------------------

    async def _clean_up(self, host: str) -> None:
        try:
            done_ms = None
            while (at_ms := self._restarted[host]) != done_ms:
                await self._close_sessions_of(host, at_ms)
                done_ms = at_ms
        finally:
            del self._restarted[host]

    async def _close_sessions_of(self, host: str, at_ms: int) -> None:
        """Every open session of that host that was not heard of since; what cannot be closed is left to supervision."""
        closed, after = 0, ""
        try:
            while page := await self._store.sessions_of_host(host, at_ms, after, RESTART_PAGE):
                commands = (AbortSession(ref.account_id, ref.session_id, "peer restarted", True, at_ms) for ref in page)
                outcomes = await asyncio.gather(*map(self._execute, commands))
                closed += sum(outcome.verdict is Verdict.SUCCESS for outcome in outcomes)
                after = page[-1].session_id
        except StoreError as error:
            log.error("sessions of a restarted peer stay open until supervision ends", peer=host, error=str(error))
        if closed:
            log.warning("sessions of a restarted peer closed", peer=host, closed=closed)


class _Reach:
    """Which gateways can be reached at this moment; each is looked for once."""

    def __init__(self, courier: Courier | None) -> None:
        assert courier is not None
        self._courier = courier
        self._known: dict[tuple[str, str], bool] = {}

    def of(self, who: tuple[str, str]) -> bool:
        """who: host and realm."""
        if who not in self._known:
            self._known[who] = self._courier.can_reach(*who)
        return self._known[who]


def _united(rows: Sequence[GatewayRequest]) -> GatewayRequest:
    """One request for several: with the scope they share, else for the whole session (RFC 8506 §5.5)."""
    first = replace(rows[0], tries=max(row.tries for row in rows))
    scopes = {(row.rating_group, row.service_identifier, row.pool) for row in rows}
    return first if len(scopes) == 1 else replace(first, rating_group=None, service_identifier=None, pool=None)


def _tried(rows: Sequence[GatewayRequest], report: Report) -> list[GatewayRequest]:
    return [replace(row, tries=row.tries + report.tries, result_code=report.code) for row in rows]
