"""The load generator: many sessions over a few connections, driven by the clock.

Open loop: a request is due when the schedule says so, and its latency counts from that moment even
if the session or the connection could not take it then; a slow server cannot make the figures
look better than they are. Sessions obey the answers: the next request of a session follows its
last answer, and usage stays within the grant.

RFC 6733 §5.5.4: what was unanswered on a broken connection is sent again with the T flag.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence

from diameter_ocs.simulator.connection import Address
from diameter_ocs.simulator.credit import SUCCESS
from diameter_ocs.simulator.dialect import Origin
from diameter_ocs.simulator.load_line import Line
from diameter_ocs.simulator.load_report import LoadProfile, LoadProgress, LoadReport, Tally
from diameter_ocs.simulator.load_slot import TERMINATION, LoadBooks, Slot
from diameter_ocs.simulator.schedule import Schedule
from diameter_ocs.simulator.template import FIRST_LOW, LAST_LOW, LOW_DIGITS, event_timestamp
from diameter_ocs.wire.header import HEADER_OCTETS

TICK_SECONDS = 0.001
"""How often the schedule is looked at: latencies contain up to this much of the generator itself."""
PROGRESS_SECONDS = 0.25
CONNECT_SECONDS = 10.0
BATCH = 256
"""Messages joined into one write."""
MAX_NOTES = 20
MICROSECONDS = 1_000_000

OnProgress = Callable[[LoadProgress], None]


class LoadRun:
    """One run: the sessions of all lines, the schedule, the tally."""

    def __init__(self, profile: LoadProfile, servers: Sequence[Address]) -> None:
        self.profile = profile
        self.started_at = int(time.time())
        self.timestamp = event_timestamp(self.started_at)
        self.tally = Tally()
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.closing = False
        """The schedule is over: sessions are only brought to their end."""
        self.moment: Callable[[int], float] | None = None
        self.lines = [self._line(index, servers[index % len(servers)]) for index in range(profile.connections)]
        prefixes = [f"{line.origin.host};{line.origin.state_id};" for line in self.lines]
        self.books = LoadBooks(profile.rating_groups, prefixes, ";gy")
        data_at = HEADER_OCTETS + 8
        self.low_places = [slice(data_at + len(each), data_at + len(each) + LOW_DIGITS) for each in prefixes]
        self._schedule = Schedule(profile.rate, profile.ramp_seconds, profile.deviation)
        self._start = 0.0
        self._sent = 0
        self._low = FIRST_LOW + random.getrandbits(31)
        self._begun = 0
        self._active = 0
        self._turn = 0
        self._opened = asyncio.Event()
        self._finished = asyncio.Event()
        self._msisdns = _numbered(profile.first_msisdn, profile.subscribers)
        self._imsis = _numbered(profile.first_imsi, profile.subscribers)

    def _line(self, index: int, address: Address) -> Line:
        profile = self.profile
        origin = Origin(profile.host(index), profile.origin_realm, profile.destination_realm, self.started_at)
        return Line(self, index, address, origin)

    # The run -------------------------------------------------------------------------------------

    async def run(self, on_progress: OnProgress | None) -> LoadReport:
        """Connect, load, close every session, disconnect."""
        used_before = time.process_time()
        for line in self.lines:
            line.link.start()
        try:
            await self._connected()
            seconds = await self._load(on_progress)
            await self._close_sessions(on_progress)
        finally:
            await asyncio.gather(*(line.link.stop() for line in self.lines))
        cpu_seconds = time.process_time() - used_before
        return LoadReport(
            self.profile, seconds, self.tally, self.books, cpu_seconds, tuple(self.errors), tuple(self.notes)
        )

    async def _connected(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                while not all(line.may_send for line in self.lines):
                    self._opened.clear()
                    await self._opened.wait()
        except TimeoutError:
            reasons = {line.link.reason for line in self.lines if not line.may_send}
            raise ConnectionError(f"not every connection could be opened: {'; '.join(sorted(reasons))}") from None

    async def _load(self, on_progress: OnProgress | None) -> float:
        for index in range(self.profile.sessions):
            line = self.lines[index % len(self.lines)]
            slot = Slot(len(self.profile.rating_groups))
            self._begin(slot, first_updates=index % (self.profile.updates + 1))
            line.ready.append(slot)
        self._active = self.profile.sessions
        self._start = time.perf_counter()
        if self._schedule.rate is not None:
            self.moment = lambda number: self._start + self._schedule.moment(number)
        await self._tick_until(self._start + self.profile.duration_seconds, on_progress, "load")
        self.tally.scheduled_answered = self.tally.answered
        return time.perf_counter() - self._start

    async def _close_sessions(self, on_progress: OnProgress | None) -> None:
        """Every session still open says goodbye; what does not come to its end in time is unanswered."""
        self.closing, self.moment = True, None
        for line in self.lines:
            begun = deque(slot for slot in line.ready if slot.number)
            self._active -= len(line.ready) - len(begun)
            line.ready = begun
            for slot in (*line.ready, *line.pending.values(), *line.stranded):
                slot.leave()
        deadline = time.perf_counter() + self.profile.drain_seconds
        await self._tick_until(deadline, on_progress, "closing")
        for line in self.lines:
            unanswered = [*line.pending.values(), *line.stranded]
            for slot in unanswered:
                self._lost(slot)
            for slot in (*unanswered, *line.ready):
                self.books.add(line.index, slot)

    async def _tick_until(self, deadline: float, on_progress: OnProgress | None, phase: str) -> None:
        """Send what is due every millisecond, look for overdue answers every quarter of a second."""
        next_look = 0.0
        while (now := time.perf_counter()) < deadline and self._active:
            if now >= next_look:
                next_look = now + PROGRESS_SECONDS
                self._look_around(now)
                if on_progress is not None:
                    on_progress(self._progress(now, phase))
            self.pump()
            await asyncio.sleep(TICK_SECONDS)

    def _look_around(self, now: float) -> None:
        self.timestamp = event_timestamp(int(time.time()))
        for line in self.lines:
            for slot in line.overdue(now - self.profile.timeout_seconds):
                self.unanswered(line, slot)

    def _progress(self, now: float, phase: str) -> LoadProgress:
        elapsed = now - self._start
        backlog = 0 if self.moment is None else max(0, self._schedule.due(elapsed) - self._sent)
        up = sum(line.may_send for line in self.lines)
        tally = self.tally
        return LoadProgress(elapsed, tally.sent, tally.answered, tally.unanswered, backlog, up, phase)

    # Sending -------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send all that is due and can be sent, the lines in turn."""
        if not self._start:
            return
        elapsed = min(time.perf_counter() - self._start, self.profile.duration_seconds)
        due = BATCH * len(self.lines) if self.closing else self._schedule.due(elapsed) - self._sent
        lines = len(self.lines)
        for _ in range(lines):
            if due <= 0:
                return
            line = self.lines[self._turn]
            self._turn = (self._turn + 1) % lines
            share = min(-(-due // lines), BATCH)
            if line.ready and line.may_send:
                sent = line.send(share, self._sent)
                self._sent += sent
                self.tally.sent += sent
                due -= sent

    # What comes of it ----------------------------------------------------------------------------

    def count(self, slot: Slot, row: Sequence[int], now: float) -> None:
        """An answer into the tally."""
        tally, kind = self.tally, slot.kind
        tally.answered += 1
        tally.codes[kind, row[0]] += 1
        if slot.measured:
            tally.latency[kind].record(max(0, int((now - slot.intended) * MICROSECONDS)))
        if row[0] == SUCCESS and kind != TERMINATION:
            codes = tally.group_codes
            for place in range(2, len(row), 3):
                codes[row[place]] += 1

    def over(self, line: Line, slot: Slot) -> None:
        """A session has ended; its slot takes the next one."""
        self.books.add(line.index, slot)
        if self.closing:
            self._active -= 1
            return
        self._begin(slot, self.profile.updates)
        line.ready.append(slot)

    def unanswered(self, line: Line, slot: Slot) -> None:
        """A request got no answer in time, or its connection broke too often: the session is given up."""
        self._lost(slot)
        self.over(line, slot)

    def faulty(self, line: Line, slot: Slot, words: str) -> None:
        """An answer that answers nothing: the session is given up."""
        self.tally.faulty += 1
        _note(self.errors, words)
        slot.give_up()
        self.over(line, slot)

    def line_opened(self) -> None:
        self._opened.set()

    def line_closed(self, line: Line, reason: str) -> None:
        if self._start and not (self.closing and not self._active):
            _note(self.notes, f"connection {line.index + 1} was lost: {reason}")

    def _lost(self, slot: Slot) -> None:
        self.tally.unanswered += 1
        slot.give_up()

    def _begin(self, slot: Slot, first_updates: int) -> None:
        subscriber = self._begun % self.profile.subscribers
        self._begun += 1
        low, self._low = self._low, self._low + 1 if self._low < LAST_LOW else FIRST_LOW
        slot.begin(low, subscriber, self._msisdns[subscriber], self._imsis[subscriber], first_updates)


def _note(lines: list[str], words: str) -> None:
    """The first of them tell enough."""
    if len(lines) < MAX_NOTES:
        lines.append(words)


def _numbered(first: str, count: int) -> list[bytes]:
    """`count` numbers from `first` on, all of the same length."""
    start, width = int(first), len(first)
    return [b"%0*d" % (width, start + number) for number in range(count)]


async def run_load(
    profile: LoadProfile, servers: Sequence[Address], on_progress: OnProgress | None = None
) -> LoadReport:
    """Load the servers as the profile says and report.

    Raises ConfigurationError for a wrong profile, ConnectionError when a connection cannot be opened.
    """
    profile.check()
    return await LoadRun(profile, servers).run(on_progress)
