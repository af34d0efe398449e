"""What the Diameter port lets others watch. Telemetry implements it; the port works the same without."""

from typing import Protocol


class PeerObserver(Protocol):
    """Called on the event loop; must be cheap and must not raise.

    peer: bounded label of the peer, 'unknown' before it has introduced itself.
    """

    def received(self, peer: str, command: int, count: int) -> None:
        """Messages came in, requests and answers alike; CCRs are told once per read, not one by one."""

    def sent(self, peer: str, command: int, count: int) -> None:
        """Messages went out; the answers of applications are told once per write."""

    def state_changed(self, peer: str, state: str) -> None:
        """A peer entered a state of RFC 6733 §5.6."""

    def refused(self, code: int) -> None:
        """A peer was not let in. code: Result-Code of the CEA, 0 when it was closed without one."""

    def error_answered(self, peer: str, code: int) -> None:
        """A request got an error answer of the base protocol."""


class Unobserved:
    """Watches nothing."""

    def received(self, peer: str, command: int, count: int) -> None: ...

    def sent(self, peer: str, command: int, count: int) -> None: ...

    def state_changed(self, peer: str, state: str) -> None: ...

    def refused(self, code: int) -> None: ...

    def error_answered(self, peer: str, code: int) -> None: ...
