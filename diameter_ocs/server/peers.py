"""The peer table: who may connect, who is connected, and what the machines of peer/ want done.

One machine per Origin-Host. Events from connections and timers go in, actions come out and are
carried out here; between two events nothing runs.
"""

import secrets
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog
from msgspec import Struct

from diameter_ocs.charging.gateway_profile import GENERIC, GatewayProfile
from diameter_ocs.errors import MessageError, UnableToComply
from diameter_ocs.gy.gateways import Gateways
from diameter_ocs.peer import actions as do
from diameter_ocs.peer import events as ev
from diameter_ocs.peer import messages
from diameter_ocs.peer.admission import NotAdmitted, PeerRule, admit
from diameter_ocs.peer.answers import busy_code, destination_host, error_answer
from diameter_ocs.peer.capabilities import RELAY, Capabilities
from diameter_ocs.peer.checks import check_request
from diameter_ocs.peer.events import DisconnectCause, Side
from diameter_ocs.peer.machine import OPEN, Peer, State, Timing, is_steady, next_deadline, step
from diameter_ocs.peer.messages import Command
from diameter_ocs.peer.node import CREDIT_CONTROL, Node
from diameter_ocs.peer.watchdog import JITTER_SECONDS
from diameter_ocs.server.connection import Application, Connection, Limits
from diameter_ocs.server.peer_observer import PeerObserver
from diameter_ocs.server.peer_status import (
    DIRECTIONS,
    MAX_REFUSED_REMEMBERED,
    MAX_SHOWN_NAME,
    PeerStatus,
    RefusedPeer,
    refused_peer,
)
from diameter_ocs.server.timers import TimerHandle, Timers
from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import Dictionary
from diameter_ocs.wire.header import REQUEST, read_header
from diameter_ocs.wire.result_code import ResultCode, result_code_of

log = structlog.get_logger("ocs.peer")

MAX_REMEMBERED_PEERS = 10_000
"""Peers kept in the table, connected or not. A pattern can admit any number of names; the oldest closed one goes."""

MAX_LABELS = 200
"""Peers with a metrics label of their own; the others share the label of their rule."""


class PeerEntry:
    """A peer's machine and its live connections."""

    def __init__(self, peer: Peer, rule: PeerRule) -> None:
        self.peer = peer
        self.rule = rule
        self.realm = rule.realm or ""
        self.served_realm = ""
        """The realm that is served because this peer is open; empty while it is not."""
        self.label = rule.host
        self.connections: dict[Side, Connection] = {}
        self.cer = b""
        self.timer: TimerHandle | None = None
        self.armed_for: float | None = None
        self.messages_in = 0
        self.messages_out = 0
        self.detail = ""

    @property
    def connection(self) -> Connection | None:
        """The one that carries messages; None when the peer is not open."""
        side = {State.I_OPEN: Side.INITIATOR, State.R_OPEN: Side.RESPONDER}.get(self.peer.state)
        return self.connections.get(side) if side else None


class Dialer(Protocol):
    """How the table opens connections."""

    def dial(self, entry: PeerEntry) -> None:
        """Try once; the outcome is told to `PeerTable.dialled` or `PeerTable.dial_failed`."""

    def hang_up(self, entry: PeerEntry) -> None:
        """Drop an attempt that is still under way, if there is one."""


class _Cause(Struct):
    """What made a step: the connection and, for a message, its bytes and arrival."""

    connection: Connection | None = None
    message: bytes = b""
    arrived: float = 0.0


class PeerTable:
    """realms: lower-case Origin-Realms of the peers that are open now, and how many of each; live.

    refused: the last peers not let in. draining: CCRs are refused as too busy, because the server is about to
    disconnect. on_opened: told the Origin-Host of a peer that is open. on_origin_state: told an Origin-Host and the
    Origin-State-Id in its CER, CEA, DWR or DWA, 0 for none.
    """

    def __init__(
        self,
        *,
        node: Node,
        rules: tuple[PeerRule, ...],
        gateways: Gateways,
        timing: Timing,
        limits: Limits,
        max_connections: int,
        cer_timeout_seconds: float,
        dictionary: Dictionary,
        application: Application,
        observer: PeerObserver,
        timers: Timers,
        dialer: Dialer,
        jitter: Callable[[], float],
    ) -> None:
        self.node = node
        self.realms: Counter[str] = Counter()
        self.refused: deque[RefusedPeer] = deque(maxlen=MAX_REFUSED_REMEMBERED)
        self.connections: set[Connection] = set()
        self.draining = False
        self.on_idle: Callable[[], None] | None = None
        self.on_opened: Callable[[str], None] | None = None
        self.on_origin_state: Callable[[str, int], None] | None = None
        self._rules = rules
        self._gateways = gateways
        self._timing = timing
        self._limits = limits
        self._max_connections = max_connections
        self._cer_timeout_seconds = cer_timeout_seconds
        self._dictionary = dictionary
        self._application = application
        self._observer = observer
        self._timers = timers
        self._dialer = dialer
        self._jitter = jitter
        self._entries: dict[str, PeerEntry] = {}
        self._cer_timers: dict[Connection, TimerHandle] = {}
        self._end_to_end = messages.first_end_to_end(timers.at_ms() // 1000, secrets.randbits(20))
        for rule in rules:
            if not rule.is_pattern:
                self._new_entry(rule.host, rule)

    # What the owner asks ----------------------------------------------------------------------

    def start(self) -> None:
        """Open the connections that this node opens itself."""
        for entry in list(self._entries.values()):
            self._step(entry, ev.Start())

    def stop(self, cause: DisconnectCause) -> None:
        """Send DPR to every open peer and close every other connection; `on_idle` is called when none is left."""
        for connection in list(self.connections):
            if connection.peer_key is None:
                connection.close("the server stops")
        for entry in list(self._entries.values()):
            self._step(entry, ev.Stop(cause))
        self._tell_idle()

    def drain(self) -> None:
        """From now on refuse CCRs, so that gateways go to another server while the last ones are finished."""
        self.draining = True
        for entry in self._entries.values():
            self._set_steady(entry)

    def abort(self, reason: str) -> None:
        """Close whatever is left without waiting."""
        for connection in list(self.connections):
            connection.reset(reason)
        for entry in self._entries.values():
            if entry.timer:
                entry.timer.cancel()

    def disconnect(self, host: str, cause: DisconnectCause) -> bool:
        """Send DPR to one peer. False when it is not connected. It may come back unless it heeds the cause."""
        entry = self._entries.get(host.lower())
        if entry is None or entry.peer.state not in OPEN:
            return False
        self._step(entry, ev.Stop(cause))
        return True

    def connection_to(self, host: str) -> Connection | None:
        """The open connection to an Origin-Host, for requests of our own."""
        entry = self._entries.get(host.lower())
        return entry.connection if entry else None

    def routes_to(self, host: str, realm: str) -> list[Connection]:
        """Connections for a request to an Origin-Host, trusted ones first (RFC 6733 §6.1).

        Its own, then those of other peers of its realm, then those of relays of any realm.
        """
        found: list[tuple[bool, int, str, Connection]] = []
        for connection in self.connections:
            entry = self._entries.get(connection.peer_key or "")
            if entry is not None and entry.connection is connection:
                rank = _rank(entry, host.lower(), realm.lower())
                if rank is not None:
                    found.append((not connection.steady, rank, entry.label, connection))
        return [connection for *_, connection in sorted(found, key=lambda each: each[:3])]

    def gateway_of(self, host: str, realm: str) -> GatewayProfile:
        """What a gateway understands: by its own name, else by that of the peer on the way to it."""
        own = self._gateways[host]
        if own is not None:
            return own
        return next((connection.gateway for connection in self.routes_to(host, realm)), GENERIC)

    def next_end_to_end(self) -> int:
        """A new End-to-End Identifier (RFC 6733 §3)."""
        self._end_to_end = (self._end_to_end + 1) & 0xFFFFFFFF
        return self._end_to_end

    def statuses(self) -> list[PeerStatus]:
        """Every remembered peer, in order of name."""
        return [self._status(self._entries[key]) for key in sorted(self._entries)]

    def _status(self, entry: PeerEntry) -> PeerStatus:
        connection, remote = entry.connection, entry.peer.remote or Capabilities(entry.peer.remote_host, entry.realm)
        silent_ms = int((self._timers.now() - connection.last_received) * 1000) if connection else 0
        return PeerStatus(
            host=remote.origin_host,
            realm=remote.origin_realm,
            state=entry.peer.state.value,
            direction=DIRECTIONS[connection.side] if connection else "",
            address=connection.address if connection else "",
            connected_since_ms=connection.opened_at_ms if connection else None,
            last_message_ms=self._timers.at_ms() - silent_ms if connection else None,
            watchdog=entry.peer.watchdog.state.value,
            messages_in=entry.messages_in + sum(one.messages_in for one in entry.connections.values()),
            messages_out=entry.messages_out + sum(one.messages_out for one in entry.connections.values()),
            applications=tuple(sorted(remote.applications)),
            product_name=remote.product_name[:MAX_SHOWN_NAME],
            rule=entry.rule.host,
            profile=(self._gateways[remote.origin_host] or GENERIC).name,
            detail=entry.detail,
        )

    # What connections report ------------------------------------------------------------------

    def accept(self) -> Connection:
        """A protocol for a connection that is being accepted."""
        return self._new_connection(Side.RESPONDER)

    def dialled(self, entry: PeerEntry) -> Connection:
        """A protocol for a connection to that peer."""
        connection = self._new_connection(Side.INITIATOR)
        connection.peer_key = entry.peer.remote_host.lower()
        return connection

    def dial_failed(self, entry: PeerEntry, text: str) -> None:
        """The attempt came to nothing."""
        self._step(entry, ev.ConnNack(text))

    def _new_connection(self, side: Side) -> Connection:
        return Connection(self, self._application, self._limits, self._timers, self._observer, side)

    def connected(self, connection: Connection) -> None:
        """Owner: a transport connection is there. Whom it belongs to is only known of those we opened."""
        self.connections.add(connection)
        if connection.peer_key is not None:
            self._dial_succeeded(self._entries[connection.peer_key], connection)
        elif self.draining:
            connection.close("the server stops")
        elif len(self.connections) > self._max_connections:
            connection.reset(f"more than {self._max_connections} connections (diameter.max_connections)")
        else:
            self._cer_timers[connection] = self._timers.call_later(
                self._cer_timeout_seconds, lambda: self._no_cer(connection)
            )

    def _dial_succeeded(self, entry: PeerEntry, connection: Connection) -> None:
        if entry.peer.state not in (State.WAIT_CONN_ACK, State.WAIT_CONN_ACK_ELECT):
            connection.peer_key = None
            connection.close("no longer needed")
            return
        entry.connections[Side.INITIATOR] = connection
        self._step(entry, ev.ConnAck(), _Cause(connection))

    def disconnected(self, connection: Connection, text: str) -> None:
        """Owner: a transport connection is gone."""
        self.connections.discard(connection)
        self._forget_cer_timer(connection)
        if connection.peer_key is None:
            log.debug("connection closed", address=connection.address, cause=text)
        else:
            entry = self._entries[connection.peer_key]
            self._step(entry, ev.PeerDisc(connection.side, text), _Cause(connection))
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self.on_idle and not self.connections:
            self.on_idle()

    def _no_cer(self, connection: Connection) -> None:
        self._cer_timers.pop(connection, None)
        connection.reset(f"no CER within {self._cer_timeout_seconds:g} s")

    def _forget_cer_timer(self, connection: Connection) -> None:
        timer = self._cer_timers.pop(connection, None)
        if timer:
            timer.cancel()

    def application_failed(self, connection: Connection, request: bytes) -> None:
        """Owner: a bug in the application; the client gets 5012 and the log the whole story."""
        log.exception("request failed", peer=connection.origin_host)
        self._answer_error(connection, request, UnableToComply("internal error"))

    def message_received(self, connection: Connection, message: bytes, arrived: float) -> None:
        """Owner: a message for the checks of RFC 6733 §7, rows 2 to 6, and for the machine."""
        header = read_header(message)
        self._observer.received(connection.label, header.command if _is_known(header.command) else 0, 1)
        if not header.flags & REQUEST:
            self._answer_received(connection, message)
            return
        if self._speaks_too_early(connection, header.command):
            return
        try:
            check_request(header)
            event = self._event_of(header.command, connection, message)
        except MessageError as error:
            self._faulty_request(connection, message, error)
            return
        self._deliver(event, _Cause(connection, message, arrived))

    def _answer_received(self, connection: Connection, message: bytes) -> None:
        if not connection.take_answer(message):
            log.debug("answer discarded", peer=connection.origin_host, address=connection.address)

    def _speaks_too_early(self, connection: Connection, command: int) -> bool:
        """RFC 6733 §5.3: what comes before the CER ends the connection; so does anything but the CEA we wait for."""
        if connection.peer_key is None and command != Command.CAPABILITIES_EXCHANGE:
            connection.reset(f"command {command} came before a CER")
            return True
        if connection.side is Side.INITIATOR and not connection.origin_host and connection.peer_key is not None:
            self._step(self._entries[connection.peer_key], ev.NonCeaReceived(), _Cause(connection))
            return True
        return False

    def _event_of(self, command: int, connection: Connection, message: bytes) -> ev.Event:
        """The event of a request. Raises MessageError when its content is wrong."""
        side = connection.side
        if command == Command.CREDIT_CONTROL:
            return ev.MessageReceived(side)
        decoded = decode_message(message, self._dictionary)
        if command == Command.DEVICE_WATCHDOG:
            return ev.DwrReceived(side)
        if command == Command.DISCONNECT_PEER:
            return ev.DprReceived(side, messages.disconnect_cause_of(decoded))
        if connection.peer_key is not None:
            return ev.CerReceived(side)
        return ev.ConnCer(messages.capabilities_of(decoded))

    def _deliver(self, event: ev.Event, cause: _Cause) -> None:
        assert cause.connection is not None
        if isinstance(event, ev.ConnCer):
            self._introduced(event, cause.connection, cause)
        elif cause.connection.peer_key is not None:
            self._step(self._entries[cause.connection.peer_key], event, cause)

    def _faulty_request(self, connection: Connection, message: bytes, error: MessageError) -> None:
        self._answer_error(connection, message, error)
        if connection.peer_key is None:
            log.warning("peer refused", address=connection.address, reason=error.text)
            connection.close(error.text)

    def _answer_error(self, connection: Connection, request: bytes, error: MessageError) -> None:
        code = result_code_of(error)
        self._observer.error_answered(connection.label, code)
        log.debug("error answered", peer=connection.origin_host, code=int(code), reason=error.text)
        answer = error_answer(request, code, self.node, error.text, error.failed_avp)
        connection.send_now(answer, int.from_bytes(request[5:8], "big"))

    # Admission --------------------------------------------------------------------------------

    def _introduced(self, event: ev.ConnCer, connection: Connection, cause: _Cause) -> None:
        """R-Conn-CER: find the peer by its Origin-Host; strangers get 3010 (RFC 6733 §5.3)."""
        who = event.capabilities
        rule = admit(self._rules, who.origin_host, who.origin_realm, connection.remote_ip)
        if isinstance(rule, NotAdmitted):
            self._refuse_stranger(who, connection, rule, cause)
            return
        entry = self._entries.get(who.origin_host.lower()) or self._new_entry(who.origin_host, rule)
        self._step(entry, event, cause)

    def _refuse_stranger(self, who: Capabilities, connection: Connection, why: NotAdmitted, cause: _Cause) -> None:
        refused = refused_peer(who, connection.remote_ip, connection.address, why.text, self._timers.at_ms())
        self.refused.append(refused)
        log.warning(
            "peer refused",
            peer=refused.host,
            realm=refused.realm,
            address=refused.address,
            reason=refused.reason,
            hint=f"to admit it, add to the configuration:\n{refused.hint}",
        )
        self._refuse(connection, cause.message, ResultCode.UNKNOWN_PEER, "unknown peer")

    def _refuse(self, connection: Connection, cer: bytes, code: ResultCode, text: str) -> None:
        self._observer.refused(code)
        answer = messages.cea_error(cer, self.node, (connection.local_ip,), code, text)
        connection.send_now(answer, Command.CAPABILITIES_EXCHANGE)
        connection.close(text)

    def _new_entry(self, host: str, rule: PeerRule) -> PeerEntry:
        if len(self._entries) >= MAX_REMEMBERED_PEERS:
            self._forget_one()
        peer = Peer(
            local_host=self.node.origin_host,
            applications=self.node.applications,
            remote_host=host,
            timing=self._timing,
            dials=rule.connect is not None,
        )
        entry = PeerEntry(peer, rule)
        entry.label = host.lower() if len(self._entries) < MAX_LABELS else rule.host
        self._entries[host.lower()] = entry
        return entry

    def _forget_one(self) -> None:
        """Make room: the closed peer that was admitted by a pattern longest ago."""
        for key, entry in self._entries.items():
            if entry.peer.state is State.CLOSED and entry.rule.is_pattern:
                del self._entries[key]
                return

    # The machine ------------------------------------------------------------------------------

    def _step(self, entry: PeerEntry, event: ev.Event, cause: _Cause | None = None) -> None:
        before = entry.peer.state
        entry.peer, actions = step(entry.peer, event, self._timers.now(), self._jitter())
        for action in actions:
            _PERFORM[type(action)](self, entry, action, cause or _Cause())
        if entry.peer.state is not before:
            self._observer.state_changed(entry.label, entry.peer.state.value)
        self._set_steady(entry)
        self._arm(entry)

    def _set_steady(self, entry: PeerEntry) -> None:
        steady = is_steady(entry.peer) and not self.draining
        for connection in entry.connections.values():
            connection.steady = steady and connection is entry.connection

    def _arm(self, entry: PeerEntry) -> None:
        deadline = next_deadline(entry.peer)
        if deadline == entry.armed_for:
            return
        if entry.timer:
            entry.timer.cancel()
        entry.armed_for, entry.timer = deadline, None
        if deadline is not None:
            delay = max(0.0, deadline - self._timers.now())
            entry.timer = self._timers.call_later(delay, lambda: self._deadline_passed(entry))

    def _deadline_passed(self, entry: PeerEntry) -> None:
        deadline, entry.armed_for, entry.timer = entry.armed_for, None, None
        if deadline is not None and self._timers.now() >= deadline:
            connection = entry.connection
            self._step(entry, ev.Timeout(connection.last_received if connection else 0.0))
        else:
            self._arm(entry)

    # Actions ----------------------------------------------------------------------------------

    def _connect(self, entry: PeerEntry, _: do.Connect, __: _Cause) -> None:
        self._dialer.dial(entry)

    def _accept(self, entry: PeerEntry, _: do.Accept, cause: _Cause) -> None:
        assert cause.connection is not None
        self._forget_cer_timer(cause.connection)
        cause.connection.peer_key = entry.peer.remote_host.lower()
        entry.connections[Side.RESPONDER] = cause.connection
        entry.cer = cause.message

    def _reject(self, entry: PeerEntry, action: do.Reject, cause: _Cause) -> None:
        assert cause.connection is not None
        log.warning("peer refused", peer=entry.label, address=cause.connection.address, reason=action.text)
        if action.code is None:
            self._observer.refused(0)
            cause.connection.close(action.text)
        else:
            self._refuse(cause.connection, cause.message, action.code, action.text)

    def _send_cer(self, entry: PeerEntry, _: do.SendCer, cause: _Cause) -> None:
        connection = entry.connections[Side.INITIATOR]
        cer = messages.cer(self.node, (connection.local_ip,), self.next_end_to_end())
        connection.request(cer, lambda answer: self._cea(entry, connection, answer))

    def _cea(self, entry: PeerEntry, connection: Connection, answer: bytes | None) -> None:
        if answer is not None:
            self._step(entry, messages.cea_received(answer, self._dictionary), _Cause(connection))

    def _send_cea(self, entry: PeerEntry, _: do.SendCea, __: _Cause) -> None:
        connection = entry.connections[Side.RESPONDER]
        cea = messages.cea(entry.cer, self.node, (connection.local_ip,))
        connection.send_now(cea, Command.CAPABILITIES_EXCHANGE)

    def _send_dwr(self, entry: PeerEntry, action: do.SendDwr, _: _Cause) -> None:
        dwr = messages.dwr(self.node, self.next_end_to_end())
        self._ask(entry, action.side, dwr, ev.DwaReceived(action.side))

    def _send_dpr(self, entry: PeerEntry, action: do.SendDpr, _: _Cause) -> None:
        dpr = messages.dpr(self.node, action.cause, self.next_end_to_end())
        self._ask(entry, action.side, dpr, ev.DpaReceived(action.side))

    def _ask(self, entry: PeerEntry, side: Side, request: bytes, answered: ev.Event) -> None:
        """Any answer, even an error, shows that the peer lives or parts."""
        connection = entry.connections[side]
        connection.request(request, lambda answer: self._answered(entry, answered, answer))

    def _answered(self, entry: PeerEntry, event: ev.Event, answer: bytes | None) -> None:
        if answer is not None:
            self._tell_origin_state(entry, messages.origin_state_of(answer))
            self._step(entry, event)

    def _tell_origin_state(self, entry: PeerEntry, state: int) -> None:
        remote = entry.peer.remote
        if self.on_origin_state and remote is not None:
            self.on_origin_state(remote.origin_host, state)

    def _send_dwa(self, entry: PeerEntry, action: do.SendDwa, cause: _Cause) -> None:
        self._tell_origin_state(entry, messages.origin_state_of(cause.message))
        entry.connections[action.side].send_now(messages.dwa(cause.message, self.node), Command.DEVICE_WATCHDOG)

    def _send_dpa(self, entry: PeerEntry, action: do.SendDpa, cause: _Cause) -> None:
        entry.connections[action.side].send_now(messages.dpa(cause.message, self.node), Command.DISCONNECT_PEER)

    def _process(self, entry: PeerEntry, action: do.Process, cause: _Cause) -> None:
        if self.draining:
            refuse = do.Refuse(action.side, ResultCode.TOO_BUSY, "this server is stopping")
            self._refuse_message(entry, refuse, cause)
        else:
            entry.connections[action.side].hand_over(cause.message, cause.arrived)

    def _refuse_message(self, entry: PeerEntry, action: do.Refuse, cause: _Cause) -> None:
        code = action.code
        if code is ResultCode.TOO_BUSY:
            code = busy_code(destination_host(cause.message), self.node)
        self._observer.error_answered(entry.label, code)
        answer = error_answer(cause.message, code, self.node, action.text)
        entry.connections[action.side].send_now(answer, int.from_bytes(cause.message[5:8], "big"))

    def _disconnect(self, entry: PeerEntry, action: do.Disconnect, _: _Cause) -> None:
        if action.side is Side.INITIATOR:
            self._dialer.hang_up(entry)
        connection = entry.connections.pop(action.side, None)
        if connection:
            entry.messages_in += connection.messages_in
            entry.messages_out += connection.messages_out
            connection.peer_key = None
            connection.close("closed by this node")

    def _opened(self, entry: PeerEntry, action: do.Opened, _: _Cause) -> None:
        connection, remote = entry.connections[action.side], entry.peer.remote
        assert remote is not None
        connection.origin_host, connection.origin_realm = remote.origin_host, remote.origin_realm
        connection.label = entry.label
        connection.gateway = self._gateways[remote.origin_host] or GENERIC
        entry.realm, entry.detail = remote.origin_realm, ""
        entry.served_realm = remote.origin_realm.lower()
        self.realms[entry.served_realm] += 1
        log.info(
            "peer open",
            peer=remote.origin_host,
            realm=remote.origin_realm,
            address=connection.address,
            direction=DIRECTIONS[action.side],
            product=remote.product_name[:MAX_SHOWN_NAME],
            profile=connection.gateway.name,
        )
        if self.on_opened:
            self.on_opened(remote.origin_host)
        self._tell_origin_state(entry, remote.origin_state_id)

    def _closed(self, entry: PeerEntry, action: do.Closed, _: _Cause) -> None:
        entry.detail = action.text
        self._forget_realm(entry)
        tell = log.info if action.orderly else log.warning
        tell("peer closed", peer=entry.peer.remote_host, cause=action.text)

    def _forget_realm(self, entry: PeerEntry) -> None:
        """A realm is served for as long as one of its peers is open: the table never holds more than connections."""
        realm, entry.served_realm = entry.served_realm, ""
        if realm:
            self.realms[realm] -= 1
        if not self.realms[realm]:
            del self.realms[realm]

    def _failed_over(self, entry: PeerEntry, _: do.FailOver, __: _Cause) -> None:
        if entry.peer.state in OPEN:
            log.warning("peer in doubt", peer=entry.peer.remote_host, cause="no answer to the watchdog")

    def _failed_back(self, entry: PeerEntry, _: do.FailBack, __: _Cause) -> None:
        log.info("peer trusted again", peer=entry.peer.remote_host)


def _rank(entry: PeerEntry, host: str, realm: str) -> int | None:
    """How directly an open peer leads to a host; None when it does not."""
    remote = entry.peer.remote
    if remote is None:
        return None
    if remote.origin_host.lower() == host:
        return 0
    if remote.origin_realm.lower() == realm and remote.applications & {CREDIT_CONTROL, RELAY}:
        return 1
    return 2 if RELAY in remote.applications else None


def _is_known(command: int) -> bool:
    """Only commands we have a name for are counted apart: the number comes from the network."""
    return command in _KNOWN_COMMANDS


_KNOWN_COMMANDS = frozenset(Command)

_PERFORM: Mapping[type[do.Action], Callable[[PeerTable, PeerEntry, Any, _Cause], None]] = {
    do.Connect: PeerTable._connect,
    do.Accept: PeerTable._accept,
    do.Reject: PeerTable._reject,
    do.SendCer: PeerTable._send_cer,
    do.SendCea: PeerTable._send_cea,
    do.SendDwr: PeerTable._send_dwr,
    do.SendDwa: PeerTable._send_dwa,
    do.SendDpr: PeerTable._send_dpr,
    do.SendDpa: PeerTable._send_dpa,
    do.Process: PeerTable._process,
    do.Refuse: PeerTable._refuse_message,
    do.Disconnect: PeerTable._disconnect,
    do.Opened: PeerTable._opened,
    do.Closed: PeerTable._closed,
    do.FailOver: PeerTable._failed_over,
    do.FailBack: PeerTable._failed_back,
}


def spread() -> float:
    """The jitter of one Tw (RFC 3539 §3.4.1)."""
    return (secrets.randbelow(2001) - 1000) / 1000 * JITTER_SECONDS
