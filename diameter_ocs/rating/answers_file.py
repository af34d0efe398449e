"""[answers] and [offers.NAME.answers] of a catalogue file: optional AVPs of answers, all off by default."""

from typing import Literal

from diameter_ocs.rating.answers import AnswerPolicy, DebitFailureHandling, FailureHandling
from diameter_ocs.rating.file_values import Money, Seconds, Table

FAILURE_HANDLING = {
    "terminate": FailureHandling.TERMINATE,
    "continue": FailureHandling.CONTINUE,
    "retry and terminate": FailureHandling.RETRY_AND_TERMINATE,
}
DEBIT_FAILURE_HANDLING = {
    "terminate or buffer": DebitFailureHandling.TERMINATE_OR_BUFFER,
    "continue": DebitFailureHandling.CONTINUE,
}


class AnswersFile(Table):
    """[answers]: for all offers. [offers.NAME.answers]: what differs there."""

    session_failover: bool | None = None
    failure_handling: Literal["terminate", "continue", "retry and terminate"] | None = None
    debit_failure_handling: Literal["terminate or buffer", "continue"] | None = None
    low_balance: Money | None = None
    remaining_balance: bool | None = None
    cost_information: bool | None = None
    unused_quota_timer: Seconds | None = None


def answer_policy(common: AnswersFile, own: AnswersFile | None) -> AnswerPolicy | None:
    """What an offer's answers say, its own words before the common ones; None when nothing is said."""
    said = common.model_dump(exclude_none=True) | (own.model_dump(exclude_none=True) if own is not None else {})
    policy = AnswerPolicy(
        said.get("session_failover"),
        FAILURE_HANDLING[said["failure_handling"]] if "failure_handling" in said else None,
        DEBIT_FAILURE_HANDLING[said["debit_failure_handling"]] if "debit_failure_handling" in said else None,
        said.get("low_balance"),
        said.get("remaining_balance", False),
        said.get("cost_information", False),
        said.get("unused_quota_timer"),
    )
    return policy if policy != AnswerPolicy() else None
