"""What an account has bought and what comes back period by period."""

from enum import Enum

from msgspec import Struct


class OwnedState(Enum):
    ACTIVE = "active"
    UNPAID = "unpaid"
    """The charge of a period could not be paid: no allowances, tried again until its grace is over."""
    CANCELLED = "cancelled"
    """Runs until the end of what is paid."""


class Owned(Struct, frozen=True, omit_defaults=True, gc=False):
    """One product of an account.

    owned_id: unique in the account, 'data-10gb-1'; its buckets are named after it. subscriber_id: who alone may
    use it; empty: everyone of the account. period: the number of the one that runs; none comes twice. anchor_ms: from
    where its periods are counted, first_period: the number of the one that begins there. next_ms: when it is renewed,
    tried again or over; 0: never. length: that of the period that runs, as '30 days'; empty: none has begun, or no end.
    """

    owned_id: str
    product: str
    subscriber_id: str = ""
    bought_ms: int = 0
    anchor_ms: int = 0
    period: int = 0
    next_ms: int = 0
    state: OwnedState = OwnedState.ACTIVE
    unpaid_since_ms: int = 0
    first_period: int = 0
    length: str = ""

    @property
    def index(self) -> int:
        """How many periods after the anchor the one that runs begins."""
        return self.period - self.first_period
