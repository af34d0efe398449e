"""What Gy lets others count. Telemetry implements it; Gy works the same without."""

from typing import Protocol

from diameter_ocs.charging.request import CreditOutcome


class Meter(Protocol):
    """Called once per answer and once per Multiple-Services-Credit-Control; cheap, never raises."""

    def answered(self, client: str, request_type: int, result_code: int, seconds: float) -> None:
        """A CCA left. client: bounded label of the peer; request_type 0 when it could not be read."""

    def credit(self, outcome: CreditOutcome, result_code: int) -> None:
        """One group of that answer: granted and used units, its own Result-Code."""

    def repeated(self) -> None:
        """A repeat got its stored answer."""

    def dropped_late(self) -> None:
        """An answer was ready after its deadline and not sent; its effect is stored for the repeat."""

    def unknown_usage(self, units: int) -> None:
        """Usage was reported for a session that nobody knows: it could not be charged."""


class Unmetered:
    """Counts nothing."""

    def answered(self, client: str, request_type: int, result_code: int, seconds: float) -> None: ...

    def credit(self, outcome: CreditOutcome, result_code: int) -> None: ...

    def repeated(self) -> None: ...

    def dropped_late(self) -> None: ...

    def unknown_usage(self, units: int) -> None: ...
