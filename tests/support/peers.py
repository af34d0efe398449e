"""Peers in every state, for tests of the peer machine."""

from msgspec.structs import replace

from diameter_ocs.peer.capabilities import Capabilities
from diameter_ocs.peer.machine import OPEN, Peer, State
from diameter_ocs.peer.watchdog import Watchdog, WatchdogState

LOCAL = "ocs.example.org"
SMALLER = "gateway.example.org"
LARGER = "pgw.example.org"
NOW = 1000.0


def capabilities(host: str = SMALLER, applications: frozenset[int] = frozenset({4}), **more: object) -> Capabilities:
    return Capabilities(host, "example.org", applications=applications, **more)  # type: ignore[arg-type]


def a_peer(state: State = State.CLOSED, remote_host: str = SMALLER, **more: object) -> Peer:
    """A peer this node dials, as it would stand in that state at NOW."""
    peer = Peer(local_host=LOCAL, applications=frozenset({4}), remote_host=remote_host, dials=True, state=state)
    if state in (State.WAIT_CONN_ACK_ELECT, State.WAIT_RETURNS):
        peer = replace(peer, waiting=capabilities(remote_host))
    if state in OPEN or state is State.CLOSING:
        watchdog = Watchdog(WatchdogState.OKAY, restarted=NOW - 30, deadline=NOW)
        peer = replace(peer, remote=capabilities(remote_host), watchdog=watchdog)
    if state not in OPEN and state is not State.CLOSED:
        peer = replace(peer, timer=NOW)
    return replace(peer, **more)
