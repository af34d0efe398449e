"""RFC 3539 §3.4.1, cell by cell."""

import pytest

from diameter_ocs.peer import watchdog as tw
from diameter_ocs.peer.watchdog import Effect, Watchdog, WatchdogState

NOW, TW = 100.0, 30.0
INITIAL, OKAY, SUSPECT, DOWN, REOPEN = WatchdogState


def running(state: WatchdogState, *, pending: bool = False, answers: int = 0) -> Watchdog:
    return Watchdog(state, pending, answers, restarted=NOW - TW, deadline=NOW)


def restarted(state: WatchdogState, *, pending: bool = False, answers: int = 0) -> Watchdog:
    return Watchdog(state, pending, answers, restarted=NOW, deadline=NOW + TW)


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        (running(OKAY), restarted(OKAY), ()),
        (running(OKAY, pending=True), restarted(OKAY, pending=True), ()),
        (running(SUSPECT, pending=True), restarted(OKAY, pending=True), (Effect.FAIL_BACK,)),
        (running(REOPEN, pending=True), running(REOPEN, pending=True), ()),
        (Watchdog(), Watchdog(), ()),
    ],
)
def test_message_other_than_dwa(before: Watchdog, after: Watchdog, effects: tuple[Effect, ...]) -> None:
    assert tw.message_received(before, NOW, TW) == (after, effects)


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        (running(OKAY, pending=True), restarted(OKAY), ()),
        (running(SUSPECT, pending=True), restarted(OKAY), (Effect.FAIL_BACK,)),
        (running(REOPEN, pending=True), running(REOPEN, answers=1), ()),
        (running(REOPEN, pending=True, answers=-1), running(REOPEN, answers=0), ()),
        (running(REOPEN, pending=True, answers=2), restarted(OKAY), (Effect.FAIL_BACK,)),
        (Watchdog(DOWN), Watchdog(DOWN), ()),
    ],
)
def test_dwa(before: Watchdog, after: Watchdog, effects: tuple[Effect, ...]) -> None:
    assert tw.dwa_received(before, NOW, TW) == (after, effects)


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        (running(OKAY), restarted(OKAY, pending=True), (Effect.SEND_DWR,)),
        (running(OKAY, pending=True), restarted(SUSPECT, pending=True), (Effect.FAIL_OVER,)),
        (running(SUSPECT, pending=True), Watchdog(DOWN), (Effect.CLOSE,)),
        (running(REOPEN), restarted(REOPEN, pending=True), (Effect.SEND_DWR,)),
        (running(REOPEN, pending=True, answers=1), restarted(REOPEN, pending=True, answers=-1), ()),
        (running(REOPEN, pending=True, answers=-1), Watchdog(DOWN), (Effect.CLOSE,)),
        (Watchdog(), Watchdog(), ()),
    ],
)
def test_tw_without_traffic(before: Watchdog, after: Watchdog, effects: tuple[Effect, ...]) -> None:
    assert tw.timer_expired(before, 0.0, NOW, TW) == (after, effects)


def test_tw_with_traffic_since_is_set_again_from_the_last_message() -> None:
    watchdog, effects = tw.timer_expired(running(OKAY), NOW - 10, NOW, TW)
    assert (watchdog.deadline, effects) == (NOW - 10 + TW, ())


def test_tw_shorter_than_the_last_one_may_have_passed_already() -> None:
    _, effects = tw.timer_expired(running(OKAY), NOW - 29, NOW, 28.0)
    assert effects == (Effect.SEND_DWR,)


def test_connection_up() -> None:
    assert tw.connection_up(Watchdog(), NOW, TW, accepted=False) == (restarted(OKAY), ())
    assert tw.connection_up(Watchdog(DOWN), NOW, TW, accepted=True) == (restarted(OKAY), ())
    reopened = (restarted(REOPEN, pending=True), (Effect.SEND_DWR,))
    assert tw.connection_up(Watchdog(DOWN), NOW, TW, accepted=False) == reopened


@pytest.mark.parametrize(("state", "effects"), [(OKAY, (Effect.FAIL_OVER,)), (SUSPECT, ()), (REOPEN, ())])
def test_connection_lost(state: WatchdogState, effects: tuple[Effect, ...]) -> None:
    assert tw.connection_lost(running(state), orderly=False) == (Watchdog(DOWN), effects)


def test_after_an_orderly_disconnect_nothing_has_to_be_proven() -> None:
    assert tw.connection_lost(running(OKAY), orderly=True) == (Watchdog(INITIAL), ())


def test_a_probe_never_makes_a_second_dwr() -> None:
    assert tw.probed(running(OKAY), NOW, TW) == (restarted(OKAY, pending=True), (Effect.SEND_DWR,))
    for waiting in (running(OKAY, pending=True), running(SUSPECT, pending=True), running(REOPEN)):
        assert tw.probed(waiting, NOW, TW) == (waiting, ())
