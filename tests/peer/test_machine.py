"""The machine of RFC 6733 §5.6, cell by cell, and what must hold whatever happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.peer import actions as do
from diameter_ocs.peer import events as ev
from diameter_ocs.peer.events import DisconnectCause, Side
from diameter_ocs.peer.machine import OPEN, TRANSITIONS, Peer, State, is_steady, next_deadline, step
from diameter_ocs.peer.watchdog import Watchdog, WatchdogState
from diameter_ocs.wire.result_code import ResultCode
from tests.support.peers import LARGER, NOW, SMALLER, a_peer, capabilities

I_, R_ = Side.INITIATOR, Side.RESPONDER
CER = ev.ConnCer(capabilities())
CEA = ev.CeaReceived(2001, capabilities())
CEA_OF_LARGER = ev.CeaReceived(2001, capabilities(LARGER))

# One line per cell, in the RFC's order: state, event, next state, actions. The remote host is the
# smaller one, so that this node wins elections, unless the case names a peer.
CELLS = [
    (State.CLOSED, ev.Start(), State.WAIT_CONN_ACK, [do.Connect]),
    (State.CLOSED, CER, State.R_OPEN, [do.Accept, do.SendCea, do.Opened]),
    (State.CLOSED, ev.Timeout(), State.WAIT_CONN_ACK, [do.Connect]),
    (State.CLOSED, ev.Stop(), State.CLOSED, []),
    (State.WAIT_CONN_ACK, ev.ConnAck(), State.WAIT_I_CEA, [do.SendCer]),
    (State.WAIT_CONN_ACK, ev.ConnNack("refused"), State.CLOSED, [do.Closed]),
    (State.WAIT_CONN_ACK, CER, State.WAIT_CONN_ACK_ELECT, [do.Accept]),
    (State.WAIT_CONN_ACK, ev.Timeout(), State.CLOSED, [do.Disconnect, do.Closed]),
    (State.WAIT_CONN_ACK, ev.Stop(), State.CLOSED, [do.Disconnect, do.Disconnect, do.Closed]),
    (State.WAIT_I_CEA, CEA, State.I_OPEN, [do.Opened]),
    (State.WAIT_I_CEA, CER, State.R_OPEN, [do.Accept, do.Disconnect, do.SendCea, do.Opened]),
    (State.WAIT_I_CEA, ev.PeerDisc(I_), State.CLOSED, [do.Disconnect, do.Closed]),
    (State.WAIT_I_CEA, ev.NonCeaReceived(), State.CLOSED, [do.Disconnect, do.Closed]),
    (State.WAIT_I_CEA, ev.Timeout(), State.CLOSED, [do.Disconnect, do.Closed]),
    (State.WAIT_I_CEA, ev.Stop(), State.CLOSED, [do.Disconnect, do.Disconnect, do.Closed]),
    (State.WAIT_CONN_ACK_ELECT, ev.ConnAck(), State.R_OPEN, [do.SendCer, do.Disconnect, do.SendCea, do.Opened]),
    (State.WAIT_CONN_ACK_ELECT, ev.ConnNack("refused"), State.R_OPEN, [do.SendCea, do.Opened]),
    (State.WAIT_CONN_ACK_ELECT, ev.PeerDisc(R_), State.WAIT_CONN_ACK, [do.Disconnect]),
    (State.WAIT_CONN_ACK_ELECT, CER, State.WAIT_CONN_ACK_ELECT, [do.Reject]),
    (State.WAIT_CONN_ACK_ELECT, ev.Timeout(), State.CLOSED, [do.Disconnect, do.Disconnect, do.Closed]),
    (State.WAIT_CONN_ACK_ELECT, ev.Stop(), State.CLOSED, [do.Disconnect, do.Disconnect, do.Closed]),
    (State.WAIT_RETURNS, ev.WinElection(), State.R_OPEN, [do.Disconnect, do.SendCea, do.Opened]),
    (State.WAIT_RETURNS, ev.PeerDisc(I_), State.R_OPEN, [do.Disconnect, do.SendCea, do.Opened]),
    (State.WAIT_RETURNS, CEA, State.I_OPEN, [do.Disconnect, do.Opened]),
    (State.WAIT_RETURNS, ev.PeerDisc(R_), State.WAIT_I_CEA, [do.Disconnect]),
    (State.WAIT_RETURNS, CER, State.WAIT_RETURNS, [do.Reject]),
    (State.WAIT_RETURNS, ev.Timeout(), State.CLOSED, [do.Disconnect, do.Disconnect, do.Closed]),
    (State.WAIT_RETURNS, ev.NonCeaReceived(), State.R_OPEN, [do.Disconnect, do.SendCea, do.Opened]),
    (State.WAIT_RETURNS, ev.Stop(), State.CLOSED, [do.Disconnect, do.Disconnect, do.Closed]),
    (State.R_OPEN, ev.MessageReceived(R_), State.R_OPEN, [do.Process]),
    (State.R_OPEN, ev.DwrReceived(R_), State.R_OPEN, [do.SendDwa]),
    (State.R_OPEN, ev.DwaReceived(R_), State.R_OPEN, []),
    (State.R_OPEN, CER, State.R_OPEN, [do.Reject, do.SendDwr]),
    (State.R_OPEN, ev.Stop(), State.CLOSING, [do.SendDpr]),
    (State.R_OPEN, ev.DprReceived(R_, 0), State.CLOSING, [do.SendDpa]),
    (State.R_OPEN, ev.PeerDisc(R_), State.CLOSED, [do.Disconnect, do.FailOver, do.Closed]),
    (State.R_OPEN, ev.Timeout(), State.R_OPEN, [do.SendDwr]),
    (State.R_OPEN, ev.CerReceived(R_), State.R_OPEN, [do.Refuse]),
    (State.I_OPEN, ev.MessageReceived(I_), State.I_OPEN, [do.Process]),
    (State.I_OPEN, ev.DwrReceived(I_), State.I_OPEN, [do.SendDwa]),
    (State.I_OPEN, ev.DwaReceived(I_), State.I_OPEN, []),
    (State.I_OPEN, CER, State.I_OPEN, [do.Reject, do.SendDwr]),
    (State.I_OPEN, ev.Stop(), State.CLOSING, [do.SendDpr]),
    (State.I_OPEN, ev.DprReceived(I_, 0), State.CLOSING, [do.SendDpa]),
    (State.I_OPEN, ev.PeerDisc(I_), State.CLOSED, [do.Disconnect, do.FailOver, do.Closed]),
    (State.I_OPEN, ev.Timeout(), State.I_OPEN, [do.SendDwr]),
    (State.I_OPEN, ev.CerReceived(I_), State.I_OPEN, [do.Refuse]),
    (State.CLOSING, ev.DpaReceived(I_), State.CLOSED, [do.Disconnect, do.Closed]),
    (State.CLOSING, ev.DpaReceived(R_), State.CLOSED, [do.Disconnect, do.Closed]),
    (State.CLOSING, ev.Timeout(), State.CLOSED, [do.Disconnect, do.Disconnect, do.FailOver, do.Closed]),
    (State.CLOSING, ev.PeerDisc(I_), State.CLOSED, [do.Disconnect, do.Closed]),
    (State.CLOSING, ev.PeerDisc(R_), State.CLOSED, [do.Disconnect, do.Closed]),
    (State.CLOSING, CER, State.CLOSING, [do.Reject]),
    (State.CLOSING, ev.MessageReceived(I_), State.CLOSING, [do.Refuse]),
    (State.CLOSING, ev.MessageReceived(R_), State.CLOSING, [do.Refuse]),
    (State.CLOSING, ev.DwrReceived(I_), State.CLOSING, [do.SendDwa]),
    (State.CLOSING, ev.DwrReceived(R_), State.CLOSING, [do.SendDwa]),
    (State.CLOSING, ev.DprReceived(I_, 0), State.CLOSING, [do.SendDpa]),
    (State.CLOSING, ev.DprReceived(R_, 0), State.CLOSING, [do.SendDpa]),
]


def name_of(cell: tuple[State, ev.Event, State, list[type]]) -> str:
    side = getattr(cell[1], "side", None)
    return f"{cell[0].value}|{side.value + '-' if side else ''}{type(cell[1]).__name__}"


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_cell_does_what_the_rfc_says(cell: tuple[State, ev.Event, State, list[type]]) -> None:
    state, event, expected_state, expected_actions = cell
    peer, actions = step(a_peer(state), event, NOW)
    assert peer.state is expected_state
    assert [type(action) for action in actions] == expected_actions


def test_every_cell_has_a_case() -> None:
    assert {(state, type(event), getattr(event, "side", None)) for state, event, _, _ in CELLS} == set(TRANSITIONS)


# Facts beyond the next state ------------------------------------------------------------------


def test_without_a_common_application_the_cea_says_5010_and_the_peer_stays_out() -> None:
    gx_only = ev.ConnCer(capabilities(applications=frozenset({16777238})))
    for state in (State.CLOSED, State.WAIT_CONN_ACK, State.WAIT_I_CEA):
        peer, actions = step(a_peer(state), gx_only, NOW)
        assert peer == a_peer(state)
        assert [(type(action), action.code) for action in actions] == [(do.Reject, ResultCode.NO_COMMON_APPLICATION)]


def test_a_relay_has_every_application_in_common() -> None:
    peer, _ = step(a_peer(), ev.ConnCer(capabilities(applications=frozenset({0xFFFFFFFF}))), NOW)
    assert peer.state is State.R_OPEN


@pytest.mark.parametrize(("offered", "welcome"), [(set(), True), ({0}, True), ({0, 1}, True), ({1}, False)], ids=str)
def test_in_band_tls_alone_is_no_common_security(offered: set[int], welcome: bool) -> None:
    peer, actions = step(a_peer(), ev.ConnCer(capabilities(security=frozenset(offered))), NOW)
    assert (peer.state is State.R_OPEN) is welcome
    assert welcome or actions[0].code is ResultCode.NO_COMMON_SECURITY


def test_the_loser_of_an_election_waits_for_the_peer_to_choose() -> None:
    peer, actions = step(a_peer(State.WAIT_I_CEA, LARGER), ev.ConnCer(capabilities(LARGER)), NOW)
    assert (peer.state, actions) == (State.WAIT_RETURNS, (do.Accept(),))
    opened, actions = step(peer, CEA_OF_LARGER, NOW)
    assert opened.state is State.I_OPEN
    assert actions[0] == do.Disconnect(R_)


def test_a_loser_that_is_told_so_keeps_the_accepted_connection() -> None:
    peer, actions = step(a_peer(State.WAIT_RETURNS, LARGER), ev.CeaReceived(4003, None, "election lost"), NOW)
    assert peer.state is State.R_OPEN
    assert [type(action) for action in actions] == [do.Disconnect, do.SendCea, do.Opened]


@pytest.mark.parametrize(
    ("cea", "reason"),
    [
        (ev.CeaReceived(3010, None, "who are you"), "refused us with 3010 who are you"),
        (ev.CeaReceived(2001, None, "Origin-Host is missing"), "cannot be used"),
        (ev.CeaReceived(2001, capabilities("other.example.org")), "calls itself other.example.org"),
        (ev.CeaReceived(2001, capabilities(applications=frozenset({1}))), "no common application"),
    ],
)
def test_a_cea_that_cannot_be_used_closes_the_connection(cea: ev.CeaReceived, reason: str) -> None:
    peer, actions = step(a_peer(State.WAIT_I_CEA), cea, NOW)
    assert peer.state is State.CLOSED
    assert actions[0] == do.Disconnect(I_)
    assert reason in actions[-1].text


def test_a_lost_connection_is_dialled_again_after_tc() -> None:
    peer, _ = step(a_peer(State.I_OPEN), ev.PeerDisc(I_), NOW)
    assert next_deadline(peer) == NOW + 30
    again, actions = step(peer, ev.Timeout(), NOW + 30)
    assert (again.state, actions) == (State.WAIT_CONN_ACK, (do.Connect(),))


@pytest.mark.parametrize("cause", list(DisconnectCause))
def test_only_a_rebooting_peer_is_dialled_again(cause: DisconnectCause) -> None:
    closing, _ = step(a_peer(State.I_OPEN), ev.DprReceived(I_, cause), NOW)
    closed, _ = step(closing, ev.PeerDisc(I_), NOW)
    assert (next_deadline(closed) is not None) is (cause is DisconnectCause.REBOOTING)


def test_a_stopped_peer_is_not_dialled_again() -> None:
    closing, actions = step(a_peer(State.R_OPEN), ev.Stop(DisconnectCause.BUSY), NOW)
    assert actions == (do.SendDpr(R_, DisconnectCause.BUSY),)
    closed, _ = step(closing, ev.DpaReceived(R_), NOW)
    assert next_deadline(closed) is None


def test_a_peer_that_only_connects_to_us_is_never_dialled() -> None:
    peer = a_peer(dials=False)
    assert step(peer, ev.Start(), NOW) == (peer, ())
    lost, _ = step(a_peer(State.R_OPEN, dials=False), ev.PeerDisc(R_), NOW)
    assert next_deadline(lost) is None


def test_a_second_cer_is_answered_5012_and_the_connection_stays() -> None:
    peer, actions = step(a_peer(State.R_OPEN), ev.CerReceived(R_), NOW)
    assert peer.state is State.R_OPEN
    assert actions[0].code is ResultCode.UNABLE_TO_COMPLY


def test_a_request_that_crosses_the_dpr_is_refused_so_that_it_goes_elsewhere() -> None:
    _, actions = step(a_peer(State.CLOSING), ev.MessageReceived(R_), NOW)
    assert actions[0].code is ResultCode.TOO_BUSY


# Watchdog inside the machine ------------------------------------------------------------------


def test_traffic_not_told_message_by_message_still_puts_the_watchdog_off() -> None:
    peer, actions = step(a_peer(State.R_OPEN), ev.Timeout(last_received=NOW - 4), NOW, jitter=1.5)
    assert actions == ()
    assert next_deadline(peer) == NOW - 4 + 31.5


def test_a_silent_peer_is_asked_suspected_and_closed() -> None:
    peer = a_peer(State.R_OPEN)
    told = []
    for _ in range(3):
        deadline = next_deadline(peer)
        assert deadline is not None
        peer, actions = step(peer, ev.Timeout(last_received=NOW - 60), deadline)
        told.append([type(action) for action in actions])
    assert told == [[do.SendDwr], [do.FailOver], [do.Disconnect, do.Closed]]
    assert peer.state is State.CLOSED


def test_a_suspect_peer_needs_a_step_per_message_until_it_is_trusted_again() -> None:
    suspect = a_peer(State.R_OPEN, watchdog=Watchdog(WatchdogState.SUSPECT, pending=True, deadline=NOW + 1))
    assert not is_steady(suspect)
    peer, actions = step(suspect, ev.MessageReceived(R_), NOW)
    assert actions == (do.FailBack(), do.Process(R_))
    assert is_steady(peer)


def test_a_duplicate_connection_asks_the_old_one_only_once() -> None:
    once, first = step(a_peer(State.R_OPEN), CER, NOW)
    _, second = step(once, CER, NOW)
    assert [type(action) for action in first] == [do.Reject, do.SendDwr]
    assert [type(action) for action in second] == [do.Reject]


def test_a_connection_the_peer_reopened_is_used_at_once() -> None:
    lost, _ = step(a_peer(State.R_OPEN), ev.PeerDisc(R_), NOW)
    opened, actions = step(lost, CER, NOW)
    assert is_steady(opened)
    assert do.SendDwr(R_) not in actions


def test_a_connection_we_reopened_proves_itself_by_three_watchdogs() -> None:
    lost, _ = step(a_peer(State.I_OPEN), ev.PeerDisc(I_), NOW)
    dialled, _ = step(lost, ev.Timeout(), NOW)
    connected, _ = step(dialled, ev.ConnAck(), NOW)
    peer, actions = step(connected, CEA, NOW)
    assert do.SendDwr(I_) in actions
    for _ in range(2):
        peer, actions = step(peer, ev.DwaReceived(I_), NOW)
        assert actions == ()
        deadline = next_deadline(peer)
        assert deadline is not None
        peer, actions = step(peer, ev.Timeout(), deadline)
        assert actions == (do.SendDwr(I_),)
    peer, actions = step(peer, ev.DwaReceived(I_), NOW)
    assert actions == (do.FailBack(),)
    assert is_steady(peer)


# Whatever happens -----------------------------------------------------------------------------

sides = st.sampled_from(Side)
hosts = st.sampled_from([SMALLER, LARGER, "OCS.example.org"])
applications = st.sets(st.sampled_from([1, 4, 16777238, 0xFFFFFFFF])).map(frozenset)
texts = st.sampled_from(["", "reason"])
said = st.builds(
    lambda host, apps, state: capabilities(host, apps, origin_state_id=state), hosts, applications, st.integers(0, 3)
)
events = st.one_of(
    st.just(ev.Start()),
    st.builds(ev.Stop, st.sampled_from(DisconnectCause)),
    st.builds(ev.Timeout, st.floats(0, 2000)),
    st.just(ev.ConnAck()),
    st.builds(ev.ConnNack, texts),
    st.builds(ev.ConnCer, said),
    st.builds(ev.CeaReceived, st.sampled_from([2001, 3010, 4003, 5010]), st.none() | said, texts),
    st.just(ev.NonCeaReceived()),
    st.builds(ev.PeerDisc, sides, texts),
    st.builds(ev.MessageReceived, sides),
    st.builds(ev.CerReceived, sides),
    st.builds(ev.DwrReceived, sides),
    st.builds(ev.DwaReceived, sides),
    st.builds(ev.DprReceived, sides, st.integers(-1, 5)),
    st.builds(ev.DpaReceived, sides),
)
LEGAL = {(before, after) for before, _, after, _ in CELLS} | {
    (State.WAIT_I_CEA, State.WAIT_RETURNS),
    (State.WAIT_CONN_ACK_ELECT, State.WAIT_RETURNS),
    (State.R_OPEN, State.CLOSED),
    (State.I_OPEN, State.CLOSED),
}
MOST_ACTIONS = 6


@given(st.sampled_from(State), hosts, st.booleans(), st.lists(events, max_size=30), st.data())
def test_only_legal_moves_and_few_actions(
    state: State, host: str, dials: bool, happenings: list[ev.Event], data: st.DataObject
) -> None:
    peer, now = a_peer(state, host, dials=dials), NOW
    for event in happenings:
        now += data.draw(st.floats(0, 40))
        before = peer
        peer, actions = step(peer, event, now, data.draw(st.floats(-2, 2)))
        assert peer.state is before.state or (before.state, peer.state) in LEGAL
        assert len(actions) <= MOST_ACTIONS
        check_deadlines(peer, now)
        assert (peer.remote is not None) >= (peer.state in OPEN)


def check_deadlines(peer: Peer, now: float) -> None:
    """Every state but Closed ends by itself one day: none waits for ever for a message."""
    if peer.state is not State.CLOSED:
        assert next_deadline(peer) is not None


@given(st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_a_peer_that_falls_silent_is_closed_within_four_watchdogs(jitters: list[float]) -> None:
    peer, _ = step(a_peer(dials=False), CER, NOW)
    for jitter in jitters:
        deadline = next_deadline(peer)
        if deadline is not None:
            peer, _ = step(peer, ev.Timeout(last_received=NOW), deadline, jitter)
    assert peer.state is State.CLOSED


class Wire:
    """Two machines and what is under way between them: a connection each way at most, in order, no loss."""

    def __init__(self, one: Peer, other: Peer) -> None:
        self.peers = [one, other]
        self.under_way: list[tuple[int, ev.Event]] = []
        self.rejected = 0

    def happen(self, who: int, event: ev.Event) -> None:
        self.peers[who], actions = step(self.peers[who], event, NOW)
        for action in actions:
            self.carry_out(who, action)

    def carry_out(self, who: int, action: do.Action) -> None:
        """An initiator's message arrives as the responder's and the other way round."""
        other = 1 - who
        mine = capabilities(self.peers[who].local_host)
        match action:
            case do.Connect():
                self.under_way.append((who, ev.ConnAck()))
            case do.SendCer():
                self.under_way.append((other, ev.ConnCer(mine)))
            case do.SendCea():
                self.under_way.append((other, ev.CeaReceived(2001, mine)))
            case do.Reject():
                self.rejected += 1
                self.under_way.append((other, ev.PeerDisc(I_)))
            case do.SendDwr(side):
                self.under_way.append((other, ev.DwrReceived(opposite(side))))
            case do.SendDwa(side):
                self.under_way.append((other, ev.DwaReceived(opposite(side))))
            case do.SendDpr(side, cause):
                self.under_way.append((other, ev.DprReceived(opposite(side), cause)))
            case do.SendDpa(side):
                self.under_way.append((other, ev.DpaReceived(opposite(side))))
            case do.Disconnect(side):
                self.under_way.append((other, ev.PeerDisc(opposite(side))))

    def deliver(self, choice: int) -> None:
        """One of the next events per direction, so that each node gets its own in order."""
        first = [next((n for n, (who, _) in enumerate(self.under_way) if who == node), None) for node in (0, 1)]
        ready = [n for n in first if n is not None]
        self.happen(*self.under_way.pop(ready[choice % len(ready)]))


def opposite(side: Side) -> Side:
    return R_ if side is I_ else I_


def a_pair(*, both_dial: bool) -> Wire:
    one = Peer(local_host=SMALLER, applications=frozenset({4}), remote_host=LARGER, dials=True)
    other = Peer(local_host=LARGER, applications=frozenset({4}), remote_host=SMALLER, dials=both_dial)
    return Wire(one, other)


def test_two_machines_open_and_part_in_order() -> None:
    wire = a_pair(both_dial=False)
    wire.happen(0, ev.Start())
    while wire.under_way:
        wire.deliver(0)
    assert [peer.state for peer in wire.peers] == [State.I_OPEN, State.R_OPEN]
    wire.happen(1, ev.Stop())
    while wire.under_way:
        wire.deliver(0)
    assert [peer.state for peer in wire.peers] == [State.CLOSED, State.CLOSED]


@given(st.lists(st.integers(0, 1), min_size=40, max_size=40))
def test_two_machines_that_dial_each_other_end_up_with_one_connection(choices: list[int]) -> None:
    """Whatever the order of arrival: the node with the larger name keeps what it accepted."""
    wire = a_pair(both_dial=True)
    wire.happen(0, ev.Start())
    wire.happen(1, ev.Start())
    for choice in choices:
        if wire.under_way:
            wire.deliver(choice)
    assert not wire.under_way
    states = [peer.state for peer in wire.peers]
    assert states in ([State.I_OPEN, State.R_OPEN], [State.R_OPEN, State.I_OPEN])
