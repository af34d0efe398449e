"""What an answer may carry beside grants and codes: kept with it, so that a repeat is the same to the octet."""

from msgspec import Struct

from diameter_ocs.rating.pool import PoolShare


class FinalUnits(Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """Where the gateway sends the user after the last unit, and what stays allowed (RFC 8506 §8.34)."""

    address_type: int | None = None
    address: str = ""
    filter_ids: tuple[str, ...] = ()
    filter_rules: tuple[str, ...] = ()
    is_extended: bool = False
    """QoS-Final-Unit-Indication comes too."""


class CreditExtras(Struct, frozen=True, omit_defaults=True, gc=False):
    """Optional parts of one Multiple-Services-Credit-Control.

    triggers: Trigger-Types to arm, empty: none; None: no Trigger at all. announcement: its
    identifier; announcement_seconds: before the end of the quota. tariff_change_s: when the price
    changes, in seconds since 1970 UTC. consumption_seconds: Quota-Consumption-Time. mechanism: Time-Quota-Type and
    Base-Time-Interval. pool: the credit pool that the grant goes into. throttle: bits per second down and up, of
    QoS-Information.
    """

    final: FinalUnits | None = None
    triggers: tuple[int, ...] | None = None
    announcement: int | None = None
    announcement_seconds: int | None = None
    tariff_change_s: int | None = None
    consumption_seconds: int | None = None
    mechanism: tuple[int, int] | None = None
    pool: PoolShare | None = None
    throttle: tuple[int | None, int | None] | None = None


class SessionNotices(Struct, frozen=True, omit_defaults=True, gc=False):
    """Optional AVPs of the whole answer; amounts in micro-units of `currency`."""

    session_failover: bool | None = None
    failure_handling: int | None = None
    debit_failure_handling: int | None = None
    low_balance: bool | None = None
    balance_micros: int | None = None
    cost_micros: int | None = None
    currency: str = ""
    unused_quota_seconds: int | None = None
