"""The transport failure watchdog of RFC 3539 §3.4.1 as values: what happened and when in, what to do out.

Tw is given by the caller with its jitter already added. Departures from the RFC's table:

- INITIAL and DOWN have no Tw of their own: reopening is timed by Tc (RFC 6733 §2.1, peer/machine.py).
- A connection the peer opened is OKAY at once, whatever was before: clients send requests right
  after the CEA, and throwing those away in REOPEN would lose money events.
- For the same reason REOPEN only holds back requests of our own; what the peer asks is answered.
"""

from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

JITTER_SECONDS = 2.0
"""RFC 3539 §3.4.1: each Tw is spread by a random amount of up to this much, either way."""

MIN_TW_SECONDS = 6
"""RFC 3539 §3.4.1: the smallest Tw that may be configured."""

REOPEN_ANSWERS = 2
"""Watchdog answers counted before the one that ends REOPEN (RFC 3539 §3.4.1: three in all)."""


class WatchdogState(Enum):
    """States of RFC 3539 §3.4.1."""

    INITIAL = "initial"
    OKAY = "okay"
    SUSPECT = "suspect"
    DOWN = "down"
    REOPEN = "reopen"


class Effect(Enum):
    """What the caller has to do."""

    SEND_DWR = "send DWR"
    FAIL_OVER = "fail over"
    FAIL_BACK = "fail back"
    CLOSE = "close connection"


class Watchdog(Struct, frozen=True):
    """pending: a DWR is unanswered. answers: NumDWA of the RFC, -1 after a missed one.

    restarted, deadline: when Tw was set and when it runs out, monotonic seconds; None: not running.
    """

    state: WatchdogState = WatchdogState.INITIAL
    pending: bool = False
    answers: int = 0
    restarted: float = 0.0
    deadline: float | None = None


Reaction = tuple[Watchdog, tuple[Effect, ...]]


def connection_up(watchdog: Watchdog, now: float, tw: float, *, accepted: bool) -> Reaction:
    """INITIAL | connection up; DOWN | connection up. accepted: the peer opened it, so it is OKAY at once."""
    if accepted or watchdog.state is not WatchdogState.DOWN:
        return _restart(Watchdog(WatchdogState.OKAY), now, tw), ()
    return _restart(Watchdog(WatchdogState.REOPEN, pending=True), now, tw), (Effect.SEND_DWR,)


def connection_lost(watchdog: Watchdog, *, orderly: bool) -> Reaction:
    """OKAY, SUSPECT, REOPEN | connection lost; INITIAL and DOWN stay, there was no connection.

    orderly: after a DPR, so nothing has to be proven on the next connection.
    """
    if watchdog.state is WatchdogState.INITIAL:
        return watchdog, ()
    effects = (Effect.FAIL_OVER,) if watchdog.state is WatchdogState.OKAY and not orderly else ()
    return Watchdog(WatchdogState.INITIAL if orderly else WatchdogState.DOWN), effects


def dwa_received(watchdog: Watchdog, now: float, tw: float) -> Reaction:
    """OKAY, SUSPECT, REOPEN | DWA."""
    match watchdog.state:
        case WatchdogState.OKAY:
            return _restart(replace(watchdog, pending=False), now, tw), ()
        case WatchdogState.SUSPECT:
            return _restart(Watchdog(WatchdogState.OKAY), now, tw), (Effect.FAIL_BACK,)
        case WatchdogState.REOPEN if watchdog.answers < REOPEN_ANSWERS:
            return replace(watchdog, pending=False, answers=watchdog.answers + 1), ()
        case WatchdogState.REOPEN:
            return _restart(Watchdog(WatchdogState.OKAY), now, tw), (Effect.FAIL_BACK,)
        case _:
            return watchdog, ()


def message_received(watchdog: Watchdog, now: float, tw: float) -> Reaction:
    """OKAY, SUSPECT, REOPEN | any message except DWA."""
    match watchdog.state:
        case WatchdogState.OKAY:
            return _restart(watchdog, now, tw), ()
        case WatchdogState.SUSPECT:
            return _restart(replace(watchdog, state=WatchdogState.OKAY), now, tw), (Effect.FAIL_BACK,)
        case _:
            return watchdog, ()


def probed(watchdog: Watchdog, now: float, tw: float) -> Reaction:
    """Ask now, without waiting for Tw: there is a reason to doubt the connection. Never two DWR at once."""
    if watchdog.pending or watchdog.state is not WatchdogState.OKAY:
        return watchdog, ()
    return _restart(replace(watchdog, pending=True), now, tw), (Effect.SEND_DWR,)


def timer_expired(watchdog: Watchdog, last_received: float, now: float, tw: float) -> Reaction:
    """OKAY, SUSPECT, REOPEN | Tw, when the deadline has passed.

    last_received: monotonic time of the last message. A busy connection does not report each
    message here, so traffic since the last restart first counts as "any message except DWA".
    """
    effects: tuple[Effect, ...] = ()
    if last_received > watchdog.restarted:
        watchdog, effects = message_received(watchdog, last_received, tw)
    if watchdog.deadline is None or watchdog.deadline > now:
        return watchdog, effects
    expired, more = _expired(watchdog, now, tw)
    return expired, effects + more


def _expired(watchdog: Watchdog, now: float, tw: float) -> Reaction:
    match watchdog.state, watchdog.pending:
        case ((WatchdogState.OKAY | WatchdogState.REOPEN), False):
            return _restart(replace(watchdog, pending=True), now, tw), (Effect.SEND_DWR,)
        case WatchdogState.OKAY, True:
            return _restart(replace(watchdog, state=WatchdogState.SUSPECT), now, tw), (Effect.FAIL_OVER,)
        case WatchdogState.REOPEN, True if watchdog.answers >= 0:
            return _restart(replace(watchdog, answers=-1), now, tw), ()
        case ((WatchdogState.SUSPECT | WatchdogState.REOPEN), _):
            return Watchdog(WatchdogState.DOWN), (Effect.CLOSE,)
        case _:
            return watchdog, ()


def _restart(watchdog: Watchdog, now: float, tw: float) -> Watchdog:
    return replace(watchdog, restarted=now, deadline=now + tw)
