"""The life cycle of a subscriber: the stages that timers, first use and top-ups lead it through."""

from enum import Enum

from msgspec import Struct


class Stage(Enum):
    """Where a subscriber stands, in this order."""

    PRE_ACTIVE = "pre-active"
    """Sold, never used: the first use makes it active."""
    ACTIVE = "active"
    GRACE = "grace"
    """Nothing that costs; what is free goes on."""
    EXPIRED = "expired"
    """Refused; its numbers and what it has wait for a top-up."""
    RECYCLED = "recycled"
    """Its numbers can be sold again; what it had is forfeited. The end."""


class Life(Struct, frozen=True, omit_defaults=True, gc=False):
    """The stage, since when, and when time ends it; until_ms 0: never."""

    stage: Stage
    since_ms: int
    until_ms: int = 0
