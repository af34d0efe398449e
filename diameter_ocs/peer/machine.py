"""The peer state machine of RFC 6733 §5.6 with the watchdog of RFC 3539, as values.

`step(peer, event, now)` gives the next peer and what to do. Nothing here reads a clock, rolls
dice or knows a socket: time and the jitter of Tw are arguments, `next_deadline` says when to send
a Timeout. TRANSITIONS has one row per cell of the RFC's table, in the RFC's order. Rows below a
"departure" comment are ours; each says why.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.peer import actions as do
from diameter_ocs.peer import events as ev
from diameter_ocs.peer import watchdog as tw
from diameter_ocs.peer.capabilities import Capabilities, Refusal, refusal_of
from diameter_ocs.peer.election import election_won
from diameter_ocs.peer.events import Side
from diameter_ocs.peer.watchdog import Effect, Watchdog, WatchdogState
from diameter_ocs.wire.result_code import ResultCode


class State(Enum):
    """States of RFC 6733 §5.6."""

    CLOSED = "closed"
    WAIT_CONN_ACK = "wait-conn-ack"
    WAIT_I_CEA = "wait-i-cea"
    WAIT_CONN_ACK_ELECT = "wait-conn-ack/elect"
    WAIT_RETURNS = "wait-returns"
    R_OPEN = "r-open"
    I_OPEN = "i-open"
    CLOSING = "closing"


OPEN = frozenset({State.R_OPEN, State.I_OPEN})


class Timing(Struct, frozen=True, kw_only=True):
    """How long to wait for what, in seconds.

    connect: for the transport connection. capabilities: for the CEA, or the end of an election.
    close: for the DPA, or for the peer to close after ours. reconnect: Tc (RFC 6733 §2.1).
    """

    watchdog_seconds: float = 30.0
    connect_seconds: float = 5.0
    capabilities_seconds: float = 10.0
    close_seconds: float = 5.0
    reconnect_seconds: float = 30.0


class Peer(Struct, frozen=True, kw_only=True):
    """One peer as the machine sees it.

    dials: this node opens the connection too, and again Tc after it was lost. retires: no further
    attempt, because the peer asked for it or we stopped. timer: deadline of the state, monotonic
    seconds. remote: what the peer said in its CER or CEA. waiting: the same of an accepted
    connection whose CEA waits for the election.
    """

    local_host: str
    applications: frozenset[int]
    remote_host: str
    timing: Timing = Timing()
    dials: bool = False
    retires: bool = False
    state: State = State.CLOSED
    timer: float | None = None
    watchdog: Watchdog = Watchdog()
    remote: Capabilities | None = None
    waiting: Capabilities | None = None


class Moment(Struct, frozen=True):
    """now: monotonic seconds. tw: seconds of a Tw set now, jitter included."""

    now: float
    tw: float


Step = tuple[Peer, tuple[do.Action, ...]]
Transition = Callable[[Peer, Any, Moment], Step]


def step(peer: Peer, event: ev.Event, now: float, jitter: float = 0.0) -> Step:
    """The next peer and what to do. jitter: a fresh random number of seconds within ±JITTER_SECONDS.

    An event without a row changes nothing: it came late, from a connection already given up.
    """
    key = (peer.state, type(event), getattr(event, "side", None))
    transition = TRANSITIONS.get(key)
    if transition is None:
        return peer, ()
    return transition(peer, event, Moment(now, peer.timing.watchdog_seconds + jitter))


def next_deadline(peer: Peer) -> float | None:
    """When to send a Timeout, monotonic seconds; None: nothing to wait for."""
    return peer.watchdog.deadline if peer.state in OPEN else peer.timer


def is_open(peer: Peer) -> bool:
    """True in R-Open and I-Open, where messages are exchanged."""
    return peer.state in OPEN


def is_steady(peer: Peer) -> bool:
    """True when a message needs no step: open, and the watchdog has no doubt (OKAY).

    The time of the last message then reaches the machine with the next Timeout.
    """
    return peer.state in OPEN and peer.watchdog.state is WatchdogState.OKAY


# Closed ---------------------------------------------------------------------------------------


def start(peer: Peer, _: ev.Event, moment: Moment) -> Step:
    """Closed | Start: I-Snd-Conn-Req."""
    if not peer.dials:
        return peer, ()
    timer = moment.now + peer.timing.connect_seconds
    return replace(peer, state=State.WAIT_CONN_ACK, retires=False, timer=timer), (do.Connect(),)


def accept(peer: Peer, event: ev.ConnCer, moment: Moment) -> Step:
    """Closed | R-Conn-CER: R-Accept, Process-CER, R-Snd-CEA."""
    if refusal := refusal_of(peer.applications, event.capabilities):
        return _refuse(peer, refusal)
    opened, actions = _opened(peer, Side.RESPONDER, event.capabilities, moment)
    return opened, (do.Accept(), do.SendCea(), *actions)


# Wait-Conn-Ack --------------------------------------------------------------------------------


def introduce(peer: Peer, _: ev.ConnAck, moment: Moment) -> Step:
    """Wait-Conn-Ack | I-Rcv-Conn-Ack: I-Snd-CER."""
    return _waiting_for_cea(peer, State.WAIT_I_CEA, moment), (do.SendCer(),)


def unreachable(peer: Peer, event: ev.ConnNack, moment: Moment) -> Step:
    """Wait-Conn-Ack | I-Rcv-Conn-Nack: Cleanup."""
    return _closed(peer, moment, event.text)


def accept_while_connecting(peer: Peer, event: ev.ConnCer, moment: Moment) -> Step:
    """Wait-Conn-Ack | R-Conn-CER: R-Accept, Process-CER."""
    if refusal := refusal_of(peer.applications, event.capabilities):
        return _refuse(peer, refusal)
    return replace(peer, state=State.WAIT_CONN_ACK_ELECT, waiting=event.capabilities), (do.Accept(),)


def connect_timeout(peer: Peer, _: ev.Timeout, moment: Moment) -> Step:
    """Wait-Conn-Ack | Timeout: Error."""
    return _closed(peer, moment, "no connection within the time allowed", Side.INITIATOR)


# Wait-I-CEA -----------------------------------------------------------------------------------


def cea_received(peer: Peer, event: ev.CeaReceived, moment: Moment) -> Step:
    """Wait-I-CEA | I-Rcv-CEA: Process-CEA."""
    fault = _fault_of(peer, event)
    if fault or event.capabilities is None:
        return _closed(peer, moment, fault, Side.INITIATOR)
    return _opened(peer, Side.INITIATOR, event.capabilities, moment)


def accept_and_elect(peer: Peer, event: ev.ConnCer, moment: Moment) -> Step:
    """Wait-I-CEA | R-Conn-CER: R-Accept, Process-CER, Elect."""
    if refusal := refusal_of(peer.applications, event.capabilities):
        return _refuse(peer, refusal)
    waiting = replace(peer, state=State.WAIT_RETURNS, waiting=event.capabilities)
    elected, actions = _elect(waiting, moment)
    return elected, (do.Accept(), *actions)


def lost_before_cea(peer: Peer, event: ev.PeerDisc, moment: Moment) -> Step:
    """Wait-I-CEA | I-Peer-Disc: I-Disc."""
    return _closed(peer, moment, f"{event.text} before the CEA", Side.INITIATOR)


def non_cea(peer: Peer, _: ev.NonCeaReceived, moment: Moment) -> Step:
    """Wait-I-CEA | I-Rcv-Non-CEA: Error."""
    return _closed(peer, moment, "another message came instead of the CEA", Side.INITIATOR)


def cea_timeout(peer: Peer, _: ev.Timeout, moment: Moment) -> Step:
    """Wait-I-CEA | Timeout: Error."""
    return _closed(peer, moment, "no CEA within the time allowed", Side.INITIATOR)


# Wait-Conn-Ack/Elect --------------------------------------------------------------------------


def introduce_and_elect(peer: Peer, _: ev.ConnAck, moment: Moment) -> Step:
    """Wait-Conn-Ack/Elect | I-Rcv-Conn-Ack: I-Snd-CER, Elect."""
    elected, actions = _elect(_waiting_for_cea(peer, State.WAIT_RETURNS, moment), moment)
    return elected, (do.SendCer(), *actions)


def settle_for_accepted(peer: Peer, _: ev.Event, moment: Moment) -> Step:
    """Wait-Conn-Ack/Elect | I-Rcv-Conn-Nack: R-Snd-CEA."""
    return _answer_waiting(peer, moment)


def accepted_lost_while_connecting(peer: Peer, _: ev.PeerDisc, moment: Moment) -> Step:
    """Wait-Conn-Ack/Elect | R-Peer-Disc: R-Disc."""
    return replace(peer, state=State.WAIT_CONN_ACK, waiting=None), (do.Disconnect(Side.RESPONDER),)


def reject(peer: Peer, _: ev.ConnCer, moment: Moment) -> Step:
    """Wait-Conn-Ack/Elect, Wait-Returns | R-Conn-CER: R-Reject."""
    return peer, (do.Reject("a connection of this peer is being set up already"),)


def election_timeout(peer: Peer, _: ev.Timeout, moment: Moment) -> Step:
    """Wait-Conn-Ack/Elect, Wait-Returns | Timeout: Error."""
    return _closed(peer, moment, "the election came to no end", Side.INITIATOR, Side.RESPONDER)


# Wait-Returns ---------------------------------------------------------------------------------


def keep_accepted(peer: Peer, _: ev.Event, moment: Moment) -> Step:
    """Wait-Returns | Win-Election, I-Peer-Disc: I-Disc, R-Snd-CEA."""
    opened, actions = _answer_waiting(peer, moment)
    return opened, (do.Disconnect(Side.INITIATOR), *actions)


def keep_opened(peer: Peer, event: ev.CeaReceived, moment: Moment) -> Step:
    """Wait-Returns | I-Rcv-CEA: R-Disc. A CEA that refuses us leaves the accepted connection."""
    if event.capabilities is None or _fault_of(peer, event):
        return keep_accepted(peer, event, moment)
    opened, actions = _opened(peer, Side.INITIATOR, event.capabilities, moment)
    return opened, (do.Disconnect(Side.RESPONDER), *actions)


def accepted_lost(peer: Peer, _: ev.PeerDisc, moment: Moment) -> Step:
    """Wait-Returns | R-Peer-Disc: R-Disc."""
    return replace(peer, state=State.WAIT_I_CEA, waiting=None), (do.Disconnect(Side.RESPONDER),)


# R-Open and I-Open ----------------------------------------------------------------------------


def message(peer: Peer, event: ev.MessageReceived, moment: Moment) -> Step:
    """R-Open, I-Open | Rcv-Message: Process."""
    heard, actions = _heard(peer, moment)
    return heard, (*actions, do.Process(event.side))


def dwr(peer: Peer, event: ev.DwrReceived, moment: Moment) -> Step:
    """R-Open, I-Open | Rcv-DWR: Process-DWR, Snd-DWA."""
    heard, actions = _heard(peer, moment)
    return heard, (do.SendDwa(event.side), *actions)


def dwa(peer: Peer, event: ev.DwaReceived, moment: Moment) -> Step:
    """R-Open, I-Open | Rcv-DWA: Process-DWA."""
    watchdog, effects = tw.dwa_received(peer.watchdog, moment.now, moment.tw)
    return replace(peer, watchdog=watchdog), _effects(effects, event.side)


def reject_duplicate(peer: Peer, _: ev.ConnCer, moment: Moment) -> Step:
    """R-Open, I-Open | R-Conn-CER: R-Reject.

    The old connection is asked for a sign of life as well: a peer that connects again often
    crashed, and its old socket should not keep it out for two watchdogs.
    """
    watchdog, effects = tw.probed(peer.watchdog, moment.now, moment.tw)
    refused = do.Reject("this peer has an open connection already")
    return replace(peer, watchdog=watchdog), (refused, *_effects(effects, _side(peer)))


def stop(peer: Peer, event: ev.Stop, moment: Moment) -> Step:
    """R-Open, I-Open | Stop: Snd-DPR."""
    side = _side(peer)
    return replace(_closing(peer, moment), retires=True), (do.SendDpr(side, event.cause),)


def dpr(peer: Peer, event: ev.DprReceived, moment: Moment) -> Step:
    """R-Open, I-Open | Rcv-DPR: Snd-DPA. BUSY and DO_NOT_WANT_TO_TALK_TO_YOU forbid to dial again (§5.4.3)."""
    retires = peer.retires or event.cause != ev.DisconnectCause.REBOOTING
    return replace(_closing(peer, moment), retires=retires), (do.SendDpa(event.side),)


def lost(peer: Peer, event: ev.PeerDisc, moment: Moment) -> Step:
    """R-Open, I-Open | Peer-Disc: Disc."""
    return _closed(peer, moment, event.text, event.side)


def watchdog_expired(peer: Peer, event: ev.Timeout, moment: Moment) -> Step:
    """R-Open, I-Open | Tw of RFC 3539 §3.4.1."""
    watchdog, effects = tw.timer_expired(peer.watchdog, event.last_received, moment.now, moment.tw)
    side = _side(peer)
    heard = replace(peer, watchdog=watchdog)
    if Effect.CLOSE in effects:
        return _closed(heard, moment, "no answer to the watchdog", side)
    return heard, _effects(effects, side)


def second_cer(peer: Peer, event: ev.CerReceived, moment: Moment) -> Step:
    """R-Open, I-Open | CER on the open connection: answer 5012 and stay (RFC 6733 no longer defines it)."""
    heard, actions = _heard(peer, moment)
    return heard, (do.Refuse(event.side, ResultCode.UNABLE_TO_COMPLY, "capabilities were exchanged already"), *actions)


# Closing --------------------------------------------------------------------------------------


def closed_in_order(peer: Peer, event: ev.DpaReceived | ev.PeerDisc, moment: Moment) -> Step:
    """Closing | Rcv-DPA, Peer-Disc: Disc."""
    return _closed(peer, moment, "disconnected in order", event.side, orderly=True)


def close_timeout(peer: Peer, _: ev.Timeout, moment: Moment) -> Step:
    """Closing | Timeout: Error."""
    return _closed(peer, moment, "the peer did not finish the disconnect", Side.INITIATOR, Side.RESPONDER)


def reject_while_closing(peer: Peer, _: ev.ConnCer, moment: Moment) -> Step:
    """Closing | R-Conn-CER: R-Reject, because the old connection is still there."""
    return peer, (do.Reject("the old connection of this peer is being closed"),)


def crossing_request(peer: Peer, event: ev.MessageReceived, moment: Moment) -> Step:
    """Closing | Rcv-Message: too busy, so that the peer knows it was not processed and asks another server."""
    return peer, (do.Refuse(event.side, ResultCode.TOO_BUSY, "this server is disconnecting"),)


def crossing_dwr(peer: Peer, event: ev.DwrReceived, moment: Moment) -> Step:
    """Closing | Rcv-DWR: Snd-DWA, as a DWR is always answered (RFC 6733 §5.5.1)."""
    return peer, (do.SendDwa(event.side),)


def crossing_dpr(peer: Peer, event: ev.DprReceived, moment: Moment) -> Step:
    """Closing | Rcv-DPR: Snd-DPA, when both sides wanted to part at the same time."""
    return peer, (do.SendDpa(event.side),)


def give_up(peer: Peer, _: ev.Stop, moment: Moment) -> Step:
    """Any state before open | Stop: close what there is; nobody is there yet to send a DPR to."""
    retired = replace(peer, retires=True)
    if peer.state is State.CLOSED:
        return replace(retired, timer=None), ()
    return _closed(retired, moment, "stopped", Side.INITIATOR, Side.RESPONDER, orderly=True)


# Parts ----------------------------------------------------------------------------------------


def _refuse(peer: Peer, refusal: Refusal) -> Step:
    return peer, (do.Reject(refusal.text, refusal.code),)


def _fault_of(peer: Peer, cea: ev.CeaReceived) -> str:
    """Process-CEA: why the connection cannot be used, empty when it can."""
    if cea.code not in (0, ResultCode.SUCCESS):
        return f"the peer refused us with {cea.code} {cea.text}".rstrip()
    if cea.capabilities is None:
        return f"the CEA cannot be used: {cea.text}"
    if cea.capabilities.origin_host.lower() != peer.remote_host.lower():
        return f"the peer calls itself {cea.capabilities.origin_host}, not {peer.remote_host}"
    refusal = refusal_of(peer.applications, cea.capabilities)
    return refusal.text if refusal else ""


def _waiting_for_cea(peer: Peer, state: State, moment: Moment) -> Peer:
    return replace(peer, state=state, timer=moment.now + peer.timing.capabilities_seconds)


def _elect(peer: Peer, moment: Moment) -> Step:
    """Elect (§5.6.4): the winner gets Win-Election at once, the loser waits for the peer to choose."""
    if election_won(peer.local_host, peer.remote_host):
        return step(peer, ev.WinElection(), moment.now, moment.tw - peer.timing.watchdog_seconds)
    return peer, ()


def _answer_waiting(peer: Peer, moment: Moment) -> Step:
    """R-Snd-CEA to the accepted connection that waited for the election."""
    assert peer.waiting is not None
    opened, actions = _opened(peer, Side.RESPONDER, peer.waiting, moment)
    return opened, (do.SendCea(), *actions)


def _opened(peer: Peer, side: Side, remote: Capabilities, moment: Moment) -> Step:
    accepted = side is Side.RESPONDER
    watchdog, effects = tw.connection_up(peer.watchdog, moment.now, moment.tw, accepted=accepted)
    opened = replace(
        peer,
        state=State.R_OPEN if accepted else State.I_OPEN,
        retires=False,
        timer=None,
        watchdog=watchdog,
        remote=remote,
        waiting=None,
    )
    return opened, (do.Opened(side), *_effects(effects, side))


def _heard(peer: Peer, moment: Moment) -> Step:
    watchdog, effects = tw.message_received(peer.watchdog, moment.now, moment.tw)
    return replace(peer, watchdog=watchdog), _effects(effects, _side(peer))


def _closing(peer: Peer, moment: Moment) -> Peer:
    return replace(peer, state=State.CLOSING, timer=moment.now + peer.timing.close_seconds)


def _closed(peer: Peer, moment: Moment, text: str, *sides: Side, orderly: bool = False) -> Step:
    """Cleanup: no connection left. A node that dials tries again after Tc unless it was told not to."""
    watchdog, effects = tw.connection_lost(peer.watchdog, orderly=orderly)
    again = peer.dials and not peer.retires
    closed = replace(
        peer,
        state=State.CLOSED,
        timer=moment.now + peer.timing.reconnect_seconds if again else None,
        watchdog=watchdog,
        remote=None,
        waiting=None,
    )
    ends = tuple(do.Disconnect(side) for side in sides)
    return closed, (*ends, *_effects(effects, Side.RESPONDER), do.Closed(text, orderly))


def _side(peer: Peer) -> Side:
    return Side.INITIATOR if peer.state is State.I_OPEN else Side.RESPONDER


def _effects(effects: tuple[Effect, ...], side: Side) -> tuple[do.Action, ...]:
    return tuple(_ACTION_OF[effect](side) for effect in effects)


_ACTION_OF: Mapping[Effect, Callable[[Side], do.Action]] = {
    Effect.SEND_DWR: do.SendDwr,
    Effect.FAIL_OVER: lambda _: do.FailOver(),
    Effect.FAIL_BACK: lambda _: do.FailBack(),
}

_I = Side.INITIATOR
_R = Side.RESPONDER

TRANSITIONS: Mapping[tuple[State, type[ev.Event], Side | None], Transition] = {
    (State.CLOSED, ev.Start, None): start,
    (State.CLOSED, ev.ConnCer, None): accept,
    # departure: Tc of §2.1 runs here, so its end is a Start
    (State.CLOSED, ev.Timeout, None): start,
    (State.CLOSED, ev.Stop, None): give_up,
    #
    (State.WAIT_CONN_ACK, ev.ConnAck, None): introduce,
    (State.WAIT_CONN_ACK, ev.ConnNack, None): unreachable,
    (State.WAIT_CONN_ACK, ev.ConnCer, None): accept_while_connecting,
    (State.WAIT_CONN_ACK, ev.Timeout, None): connect_timeout,
    # departure: a server that stops does not wait for connections it no longer wants
    (State.WAIT_CONN_ACK, ev.Stop, None): give_up,
    #
    (State.WAIT_I_CEA, ev.CeaReceived, None): cea_received,
    (State.WAIT_I_CEA, ev.ConnCer, None): accept_and_elect,
    (State.WAIT_I_CEA, ev.PeerDisc, _I): lost_before_cea,
    (State.WAIT_I_CEA, ev.NonCeaReceived, None): non_cea,
    (State.WAIT_I_CEA, ev.Timeout, None): cea_timeout,
    # departure: as above
    (State.WAIT_I_CEA, ev.Stop, None): give_up,
    #
    (State.WAIT_CONN_ACK_ELECT, ev.ConnAck, None): introduce_and_elect,
    (State.WAIT_CONN_ACK_ELECT, ev.ConnNack, None): settle_for_accepted,
    (State.WAIT_CONN_ACK_ELECT, ev.PeerDisc, _R): accepted_lost_while_connecting,
    (State.WAIT_CONN_ACK_ELECT, ev.ConnCer, None): reject,
    (State.WAIT_CONN_ACK_ELECT, ev.Timeout, None): election_timeout,
    # departure: as above
    (State.WAIT_CONN_ACK_ELECT, ev.Stop, None): give_up,
    #
    (State.WAIT_RETURNS, ev.WinElection, None): keep_accepted,
    (State.WAIT_RETURNS, ev.PeerDisc, _I): keep_accepted,
    (State.WAIT_RETURNS, ev.CeaReceived, None): keep_opened,
    (State.WAIT_RETURNS, ev.PeerDisc, _R): accepted_lost,
    (State.WAIT_RETURNS, ev.ConnCer, None): reject,
    (State.WAIT_RETURNS, ev.Timeout, None): election_timeout,
    # departure: a peer that answers the CER with something else has given that connection up
    (State.WAIT_RETURNS, ev.NonCeaReceived, None): keep_accepted,
    # departure: as above
    (State.WAIT_RETURNS, ev.Stop, None): give_up,
    #
    (State.R_OPEN, ev.MessageReceived, _R): message,
    (State.R_OPEN, ev.DwrReceived, _R): dwr,
    (State.R_OPEN, ev.DwaReceived, _R): dwa,
    (State.R_OPEN, ev.ConnCer, None): reject_duplicate,
    (State.R_OPEN, ev.Stop, None): stop,
    (State.R_OPEN, ev.DprReceived, _R): dpr,
    (State.R_OPEN, ev.PeerDisc, _R): lost,
    (State.R_OPEN, ev.Timeout, None): watchdog_expired,
    # departure: RFC 6733 dropped this row of RFC 3588; answering leaves the peer no riddle
    (State.R_OPEN, ev.CerReceived, _R): second_cer,
    #
    (State.I_OPEN, ev.MessageReceived, _I): message,
    (State.I_OPEN, ev.DwrReceived, _I): dwr,
    (State.I_OPEN, ev.DwaReceived, _I): dwa,
    (State.I_OPEN, ev.ConnCer, None): reject_duplicate,
    (State.I_OPEN, ev.Stop, None): stop,
    (State.I_OPEN, ev.DprReceived, _I): dpr,
    (State.I_OPEN, ev.PeerDisc, _I): lost,
    (State.I_OPEN, ev.Timeout, None): watchdog_expired,
    # departure: as in R-Open
    (State.I_OPEN, ev.CerReceived, _I): second_cer,
    #
    (State.CLOSING, ev.DpaReceived, _I): closed_in_order,
    (State.CLOSING, ev.DpaReceived, _R): closed_in_order,
    (State.CLOSING, ev.Timeout, None): close_timeout,
    (State.CLOSING, ev.PeerDisc, _I): closed_in_order,
    (State.CLOSING, ev.PeerDisc, _R): closed_in_order,
    # departure: the RFC leaves what crosses a DPR on the wire undefined
    (State.CLOSING, ev.ConnCer, None): reject_while_closing,
    (State.CLOSING, ev.MessageReceived, _I): crossing_request,
    (State.CLOSING, ev.MessageReceived, _R): crossing_request,
    (State.CLOSING, ev.DwrReceived, _I): crossing_dwr,
    (State.CLOSING, ev.DwrReceived, _R): crossing_dwr,
    (State.CLOSING, ev.DprReceived, _I): crossing_dpr,
    (State.CLOSING, ev.DprReceived, _R): crossing_dpr,
}
