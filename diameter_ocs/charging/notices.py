"""What an answer says of the whole session: failure handling, balance, cost."""

from collections.abc import Iterable

from diameter_ocs.charging.extras import SessionNotices
from diameter_ocs.charging.request import RequestType
from diameter_ocs.charging.session import Quota
from diameter_ocs.ledger.account import Account
from diameter_ocs.rating.answers import AnswerPolicy
from diameter_ocs.values.units import UnitType

COST_OF = (RequestType.UPDATE, RequestType.TERMINATION)
"""In these Cost-Information is what was debited so far and in all (RFC 8506 §8.7)."""


def notices(
    policy: AnswerPolicy, request_type: RequestType, account: Account, quotas: Iterable[Quota], at_ms: int
) -> SessionNotices:
    """account: after the request. Money counts as it stands, promises included, while it is valid."""
    is_first = request_type is RequestType.INITIAL
    balance = sum(
        bucket.remaining
        for bucket in account.buckets
        if bucket.unit is UnitType.MONEY and bucket.valid_from_ms <= at_ms and not bucket.is_expired(at_ms)
    )
    low = policy.low_balance_micros
    tells_cost = policy.tells_cost and request_type in COST_OF
    return SessionNotices(
        policy.session_failover if is_first else None,
        policy.failure_handling if is_first else None,
        policy.debit_failure_handling if is_first else None,
        None if low is None else balance < low,
        balance if policy.tells_balance else None,
        sum(quota.charged_micros for quota in quotas) if tells_cost else None,
        account.currency,
        policy.unused_quota_seconds if is_first else None,
    )
