"""What an answer says of the whole session beside its grants (RFC 8506 §8.4, §8.7, §8.14, §8.15; TS 32.299 §7.2)."""

from enum import IntEnum

from msgspec import Struct


class FailureHandling(IntEnum):
    """Credit-Control-Failure-Handling (RFC 8506 §8.14)."""

    TERMINATE = 0
    CONTINUE = 1
    RETRY_AND_TERMINATE = 2


class DebitFailureHandling(IntEnum):
    """Direct-Debiting-Failure-Handling (RFC 8506 §8.15)."""

    TERMINATE_OR_BUFFER = 0
    CONTINUE = 1


class AnswerPolicy(Struct, frozen=True, gc=False):
    """Optional AVPs of answers; each is off when None or False.

    The first three go with the first answer of a session. low_balance_micros: money below which
    Low-Balance-Indication says YES. tells_balance: Remaining-Balance. tells_cost: Cost-Information,
    the cost so far in an update, the total at the end. unused_quota_seconds: Unused-Quota-Timer of a session of
    packet data, with its first answer.
    """

    session_failover: bool | None = None
    failure_handling: FailureHandling | None = None
    debit_failure_handling: DebitFailureHandling | None = None
    low_balance_micros: int | None = None
    tells_balance: bool = False
    tells_cost: bool = False
    unused_quota_seconds: int | None = None
