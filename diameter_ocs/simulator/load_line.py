"""One connection of the load generator and the sessions on it: the hot path of every request and answer.

Nothing is built per request: a slot is filled into a template, the octets are joined to one write.
"""

import random
import time
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from struct import Struct
from typing import TYPE_CHECKING

from diameter_ocs.charging.request import RequestType
from diameter_ocs.errors import WireError
from diameter_ocs.simulator.answer_reader import AnswerReader
from diameter_ocs.simulator.connection import Address, Connection, Link, LinkSettings, State
from diameter_ocs.simulator.credit import SUCCESS, Subscriber
from diameter_ocs.simulator.dialect import Origin
from diameter_ocs.simulator.load_slot import Slot
from diameter_ocs.simulator.message import CREDIT_CONTROL_COMMAND
from diameter_ocs.simulator.template import CcrTemplate
from diameter_ocs.wire.framing import MAX_MESSAGE_OCTETS
from diameter_ocs.wire.header import HEADER_OCTETS, PROXIABLE, REQUEST, RETRANSMIT, Header

if TYPE_CHECKING:
    from diameter_ocs.simulator.load import LoadRun

MAX_SENDS = 5
"""A request is sent so often at most; each time but the first with the T flag."""
COMMAND_AND_R = 0x80FFFFFF
FIRST_COPY = REQUEST | PROXIABLE
COPY = FIRST_COPY | RETRANSMIT

_HEADER = Struct(">5I")


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
