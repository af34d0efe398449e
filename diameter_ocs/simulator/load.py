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
from itertools import takewhile
from struct import Struct

from diameter_ocs.charging.request import RequestType
from diameter_ocs.errors import WireError
from diameter_ocs.simulator.answer_reader import AnswerReader
from diameter_ocs.simulator.connection import Address, Connection, Link, LinkSettings, State
from diameter_ocs.simulator.credit import SUCCESS, Subscriber
from diameter_ocs.simulator.dialect import Origin
from diameter_ocs.simulator.load_report import LoadProfile, LoadProgress, LoadReport, Schedule, Tally
from diameter_ocs.simulator.load_slot import TERMINATION, LoadBooks, Slot
from diameter_ocs.simulator.message import CREDIT_CONTROL_COMMAND
from diameter_ocs.simulator.template import FIRST_LOW, LAST_LOW, LOW_DIGITS, CcrTemplate, event_timestamp
from diameter_ocs.wire.framing import MAX_MESSAGE_OCTETS
from diameter_ocs.wire.header import HEADER_OCTETS, PROXIABLE, REQUEST, RETRANSMIT, Header

TICK_SECONDS = 0.001
"""How often the schedule is looked at: latencies contain up to this much of the generator itself."""
PROGRESS_SECONDS = 0.25
CONNECT_SECONDS = 10.0
MAX_SENDS = 5
"""A request is sent so often at most; each time but the first with the T flag."""
BATCH = 256
"""Messages joined into one write."""
MAX_NOTES = 20
MICROSECONDS = 1_000_000

_HEADER = Struct(">5I")
COMMAND_AND_R = 0x80FFFFFF
FIRST_COPY = REQUEST | PROXIABLE
COPY = FIRST_COPY | RETRANSMIT

OnProgress = Callable[[LoadProgress], None]


class LoadConnection(Connection):
    """A connection whose CCAs take the short road; everything else takes the long one."""

    def __init__(self, line: "Line", origin: Origin, settings: LinkSettings) -> None:
        super().__init__(origin, line, settings)
        self.line = line
        self.writable = True
        self._rest = b""

    def pause_writing(self) -> None:
        """The server does not read: nothing more is sent, what is due waits."""
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        start, end = 0, len(data)
        answered = self.line.answered
        now = time.perf_counter()
        while end - start >= HEADER_OCTETS:
            first, second, _, hop_by_hop, _ = _HEADER.unpack_from(data, start)
            length = first & 0xFFFFFF
            if length < HEADER_OCTETS or length > MAX_MESSAGE_OCTETS:
                return self.abort(f"the server sent a message of {length} octets")
            if start + length > end:
                break
            message = data[start : start + length]
            start += length
            if second & COMMAND_AND_R == CREDIT_CONTROL_COMMAND:
                answered(hop_by_hop, message, now)
            elif self.state is not State.CLOSED:
                self._receive(message)
        self._rest = data[start:]
        return self.line.run.pump()


class Line:
    """The sessions of one connection. `ready`: may send; `pending`: wait for an answer, by Hop-by-Hop id."""

    def __init__(self, run: "LoadRun", index: int, address: Address, origin: Origin) -> None:
        self.run = run
        self.index = index
        self.origin = origin
        self.ready: deque[Slot] = deque()
        self.pending: dict[int, Slot] = {}
        self.stranded: deque[Slot] = deque()
        """Unanswered when the connection broke: sent again on the next one."""
        settings = LinkSettings()
        self.link = Link(address, lambda: LoadConnection(self, origin, settings), settings)
        self.connection: LoadConnection | None = None
        self._reader = AnswerReader(run.profile.rating_groups)
        self._templates: dict[int, CcrTemplate] = {}
        self._end_to_end = random.getrandbits(32)

    @property
    def may_send(self) -> bool:
        connection = self.connection
        return connection is not None and connection.writable and connection.state is State.OPEN

    # Owner of the connection ---------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """The name of the server is known, so the templates can be written; what was stranded goes first."""
        assert isinstance(connection, LoadConnection)
        self.connection = connection
        self.run.tally.connections += 1
        profile = self.run.profile
        model = Subscriber(profile.first_msisdn, profile.first_imsi)
        self._templates = {
            kind: CcrTemplate(
                kind, self.origin, model, profile.rating_groups, connection.server_host, self.run.started_at
            )
            for kind in (RequestType.INITIAL, RequestType.UPDATE, RequestType.TERMINATION)
        }
        self._resend()
        self.run.line_opened()

    def closed(self, connection: Connection, reason: str) -> None:
        if connection is self.connection:
            self.connection = None
        self.stranded.extend(self.pending.values())
        self.pending.clear()
        self.run.line_closed(self, reason)

    def received(self, connection: Connection, header: Header, message: bytes) -> None:
        """Requests of the server are not for a load generator: RAR and ASR stay unanswered, as many gateways do."""

    # Requests ------------------------------------------------------------------------------------

    def send(self, count: int, sent: int) -> int:
        """Send for at most `count` ready sessions; `sent` is the number of the first request. Returns how many."""
        run, ready, pending = self.run, self.ready, self.pending
        connection, templates = self.connection, self._templates
        assert connection is not None
        octets, overuse, at = run.profile.octets, run.profile.overuse, run.timestamp
        moment, now = run.moment, time.perf_counter()
        buffer = bytearray()
        done = 0
        while done < count and ready:
            slot = ready.popleft()
            template = templates[slot.prepare(octets, overuse)]
            self._end_to_end = slot.end_to_end = self._end_to_end + 1 & 0xFFFFFFFF
            slot.intended = moment(sent + done) if moment is not None else now
            slot.sent_at, slot.at, slot.sends, slot.measured = now, at, 1, not run.closing
            hop_by_hop = connection.next_hop_by_hop()
            template.fill(slot, FIRST_COPY, hop_by_hop)
            pending[hop_by_hop] = slot
            buffer += template.octets
            done += 1
        connection.write(buffer)
        return done

    def _resend(self) -> None:
        """The same octets as before but for Hop-by-Hop id and T flag."""
        assert self.connection is not None
        stranded, self.stranded = self.stranded, deque()
        for slot in stranded:
            if slot.sends >= MAX_SENDS:
                self.run.unanswered(self, slot)
                continue
            slot.sends += 1
            hop_by_hop = self.connection.next_hop_by_hop()
            template = self._templates[slot.kind]
            template.fill(slot, COPY, hop_by_hop)
            self.pending[hop_by_hop] = slot
            self.connection.write(bytes(template.octets))
            self.run.tally.resends += 1

    # Answers -------------------------------------------------------------------------------------

    def answered(self, hop_by_hop: int, message: bytes, now: float) -> None:
        """A CCA: into the tally, into the session, and the session is ready again or over."""
        run = self.run
        slot = self.pending.pop(hop_by_hop, None)
        if slot is None:
            run.tally.late += 1
            return
        try:
            row = self._reader.read(message)
        except WireError as error:
            run.faulty(self, slot, f"an answer that cannot be read: {error}")
            return
        if not self._fits(slot, message, row):
            run.faulty(self, slot, f"an answer to another request than {slot.number} of session {slot.low}")
            return
        run.count(slot, row, now)
        if slot.obey(row):
            run.over(self, slot)
        else:
            self.ready.append(slot)

    def _fits(self, slot: Slot, message: bytes, row: Sequence[int]) -> bool:
        """The Session-Id, always the first AVP, and the number are those of the request."""
        low = self.run.low_places[self.index]
        return message[low] == slot.low_digits and (row[1] == slot.number or (row[0] != SUCCESS and row[1] < 0))

    def overdue(self, before: float) -> list[Slot]:
        """Sessions that have waited too long; they are taken out. Requests are in order of their sending."""
        waiting = takewhile(lambda item: item[1].sent_at < before, self.pending.items())
        found = [self.pending.pop(hop_by_hop) for hop_by_hop, _ in list(waiting)]
        late = [slot for slot in self.stranded if slot.sent_at < before]
        if late:
            self.stranded = deque(slot for slot in self.stranded if slot.sent_at >= before)
        return found + late


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
        self._schedule = Schedule(profile.rate, profile.ramp_seconds)
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
