"""Counts Diameter messages and refusals by peer, for server.peer_observer.PeerObserver."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, Metric

from diameter_ocs.peer.messages import Command
from diameter_ocs.telemetry.labels import OTHER, LabelBound

COMMANDS = {command: command.name.lower() for command in Command}


class PeerMetrics:
    """See server.peer_observer.PeerObserver for what each call means."""

    def __init__(self) -> None:
        self._peers = LabelBound()
        self._received: dict[tuple[str, int], int] = {}
        self._sent: dict[tuple[str, int], int] = {}
        self._states: dict[tuple[str, ...], int] = {}
        self._errors: dict[tuple[str, ...], int] = {}
        self._refused: dict[tuple[str, ...], int] = {}

    def received(self, peer: str, command: int, count: int) -> None:
        key = self._peers.label(peer), command
        self._received[key] = self._received.get(key, 0) + count

    def sent(self, peer: str, command: int, count: int) -> None:
        key = self._peers.label(peer), command
        self._sent[key] = self._sent.get(key, 0) + count

    def state_changed(self, peer: str, state: str) -> None:
        key = self._peers.label(peer), state
        self._states[key] = self._states.get(key, 0) + 1

    def refused(self, code: int) -> None:
        key = (str(code),)
        self._refused[key] = self._refused.get(key, 0) + 1

    def error_answered(self, peer: str, code: int) -> None:
        key = self._peers.label(peer), str(code)
        self._errors[key] = self._errors.get(key, 0) + 1

    def collect(self) -> Iterator[Metric]:
        messages = CounterMetricFamily(
            "ocs_peer_messages", "Diameter messages, requests and answers.", labels=("peer", "direction", "command")
        )
        for direction, counts in (("in", self._received), ("out", self._sent)):
            for (peer, command), count in _by_name(counts).items():
                messages.add_metric((peer, direction, command), count)
        yield messages
        yield _family("ocs_peer_state_changes", "Peer states entered (RFC 6733).", ("peer", "state"), self._states)
        yield _family(
            "ocs_peer_errors_answered", "Error answers of the base protocol.", ("peer", "result_code"), self._errors
        )
        yield _family(
            "ocs_peers_refused", "Peers not let in; 0: closed without an answer.", ("result_code",), self._refused
        )


def _by_name(counts: Mapping[tuple[str, int], int]) -> dict[tuple[str, str], int]:
    """Commands by their name; all unknown ones together."""
    named: dict[tuple[str, str], int] = {}
    for (peer, command), count in counts.items():
        key = peer, COMMANDS.get(command, OTHER)  # type: ignore[call-overload]
        named[key] = named.get(key, 0) + count
    return named


def _family(name: str, text: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, count in counts.items():
        family.add_metric(key, count)
    return family
