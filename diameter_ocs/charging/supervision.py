"""How long a gateway may stay silent before its session is given up (RFC 8506 §13, timer Tcc)."""

from collections.abc import Collection, Sequence

from diameter_ocs.charging.request import CreditOutcome
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.charging.session import Quota


def supervision(
    rules: ChargingRules, quotas: Collection[Quota], answers: Sequence[CreditOutcome], before: int, at_ms: int
) -> int:
    """Seconds: twice the longest Validity-Time that is out, plus grace.

    before: what held until now; quotas that this answer does not speak of may rely on it.
    """
    running = [
        quota for quota in quotas if quota.granted or quota.pool is not None or quota.memory.restricted_until_ms > at_ms
    ]
    if not running:
        return rules.supervision_seconds
    longest = max([answer.validity_seconds or 0 for answer in answers], default=0)
    supervised = longest * rules.validity_factor + rules.grace_seconds if longest else 0
    if len(running) <= len(answers):
        answered = {(answer.rating_group, answer.service_identifiers) for answer in answers}
        if all((quota.rating_group, quota.service_identifiers) in answered for quota in running):
            return supervised
    return max(supervised, before)
