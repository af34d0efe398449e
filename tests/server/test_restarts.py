"""Restarts of gateways from what their messages say: noticed once, and never without proof."""

import pytest
from structlog.testing import capture_logs

from diameter_ocs.server import restarts as module
from diameter_ocs.server.restarts import Restarts

HOST = "pgw.example.org"


class Bench:
    def __init__(self):
        self.told = []
        self.restarts = Restarts(lambda: 1000, lambda host, at_ms: self.told.append((host, at_ms)))

    def hear(self, *states, host=HOST):
        for state in states:
            self.restarts.heard(host, state)
        return len(self.told)


@pytest.mark.parametrize(
    ("states", "restarts"),
    [
        ((0, 7), 0),
        ((7, 0), 0),
        ((7, 7), 0),
        ((7, 8), 1),
        ((8, 7), 0),
        ((7, 0, 8), 1),
        ((7, 8, 8, 7, 8), 1),
        ((7, 8, 9), 2),
        ((1, 0xFFFFFFFF), 1),
    ],
)
def test_a_rise_is_a_restart_and_nothing_else_is(states, restarts):
    assert Bench().hear(*states) == restarts


def test_every_host_has_a_state_of_its_own_whatever_the_case_of_its_letters():
    bench = Bench()
    bench.hear(7)
    assert bench.hear(9, host="other.example.org") == 0
    assert bench.hear(7, host="PGW.example.ORG") == 0
    assert bench.hear(8, host="PGW.example.ORG") == 1
    assert bench.hear(8) == 1


def test_a_restart_is_logged_with_both_states():
    bench = Bench()
    with capture_logs() as logs:
        bench.hear(10, 11)
    assert [(each["event"], each["previous_state"], each["current_state"]) for each in logs] == [
        ("peer restarted", 10, 11)
    ]
    assert bench.told == [(HOST, 1000)]


def test_the_memory_of_hosts_is_bounded_and_keeps_those_that_restarted_last(monkeypatch):
    monkeypatch.setattr(module, "MAX_HOSTS", 3)
    bench = Bench()
    for host in ("a", "b", "c"):
        bench.hear(5, host=host)
    assert bench.hear(6, host="a") == 1
    bench.hear(5, host="d")
    assert bench.hear(6, host="b") == 1, "forgotten: its next state is its first"
    assert bench.hear(7, host="a") == 2
