"""What a gateway may do wrong, how often, and which of it a session does: all drawn from one seed, nothing sent yet."""

import random
from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct


class Misdeed(Enum):
    """What gateways were seen to do, or may do. See TRAITS, OF_UPDATES and ENDINGS for when."""

    OPEN_AGAIN = "open_again"
    """The CCR-Initial comes twice."""
    OPEN_ANEW = "open_anew"
    """Another CCR-Initial, with a number of its own, for the session that is open."""
    IGNORE_ANSWERS = "ignore_answers"
    """Traffic flows on, whatever was refused."""
    IGNORE_REQUESTS = "ignore_requests"
    """No answer to RAR and ASR."""
    REFUSE_REQUESTS = "refuse_requests"
    """RAR and ASR are answered with an error, and nothing is done."""
    RESEND = "resend"
    """The same octets again with the T flag, before or after the answer."""
    RESEND_ELSEWHERE = "resend_elsewhere"
    """The same on another connection."""
    CONTRADICT = "contradict"
    """A resend that reports something else under the same CC-Request-Number."""
    REORDER = "reorder"
    """Two updates, the later one first."""
    SKIP_NUMBERS = "skip_numbers"
    """CC-Request-Numbers that never come."""
    OVERUSE = "overuse"
    """Several times as much as was granted."""
    WRONG_UNIT = "wrong_unit"
    """Seconds, events or money where octets were granted."""
    WRONG_SUM = "wrong_sum"
    """A total that is not input plus output."""
    HUGE = "huge"
    """Amounts nobody can have used, up to all 64 bits."""
    UNKNOWN_GROUP = "unknown_group"
    """Usage of a rating group that nobody asked for and no offer knows."""
    DROP_LINE = "drop_line"
    """The connection breaks before the answer is read; everything unanswered goes out again."""
    END_EARLY = "end_early"
    """The CCR-Termination overtakes the last CCR-Update."""
    UPDATE_AFTER_END = "update_after_end"
    """One more report when the session is closed."""
    END_LATE = "end_late"
    """The CCR-Termination comes when all other sessions are over."""
    VANISH = "vanish"
    """The connection breaks and no CCR-Termination ever comes."""
    LEAVE = "leave"
    """The same, but in order: with a DPR."""


TRAITS = (
    Misdeed.OPEN_AGAIN,
    Misdeed.OPEN_ANEW,
    Misdeed.IGNORE_ANSWERS,
    Misdeed.IGNORE_REQUESTS,
    Misdeed.REFUSE_REQUESTS,
)
"""Of a whole session: at most one."""
ENDINGS = (Misdeed.END_EARLY, Misdeed.UPDATE_AFTER_END, Misdeed.END_LATE, Misdeed.VANISH, Misdeed.LEAVE)
"""Of its end: at most one."""
OF_UPDATES = tuple(each for each in Misdeed if each not in (*TRAITS, *ENDINGS))
"""Of an update: at most one."""
LEAST_SHARE, WHOLE = 10, 100
CHANCE = 1 << 32


class Mix(Struct, frozen=True):
    """A run of `sessions`, `at_once` under way at the same time, each with up to `updates` updates for `groups`.

    percent: of the sessions (traits, endings) or of the updates that do it; the rest behaves. The same seed
    gives the same plan for every session.
    """

    seed: int
    sessions: int
    percent: Mapping[Misdeed, int]
    groups: tuple[int, ...] = (10,)
    at_once: int = 10
    updates: int = 6


class UpdatePlan(Struct, frozen=True):
    """One update: what is wrong with it, the part of the grant that is used, and a number for details."""

    misdeed: Misdeed | None
    share_percent: int
    chance: int


class SessionPlan(Struct, frozen=True):
    """All that one session will do."""

    trait: Misdeed | None
    updates: tuple[UpdatePlan, ...]
    ending: Misdeed | None


def session_plan(mix: Mix, number: int) -> SessionPlan:
    """Of session `number` of a mix."""
    chance = random.Random(f"{mix.seed}/{number}")  # noqa: S311
    trait = _drawn(chance, TRAITS, mix.percent)
    updates = tuple(
        UpdatePlan(
            _drawn(chance, OF_UPDATES, mix.percent), chance.randint(LEAST_SHARE, WHOLE), chance.randrange(CHANCE)
        )
        for _ in range(chance.randint(1, mix.updates))
    )
    return SessionPlan(trait, updates, _drawn(chance, ENDINGS, mix.percent))


def _drawn(chance: random.Random, kinds: Sequence[Misdeed], percent: Mapping[Misdeed, int]) -> Misdeed | None:
    drawn = chance.randrange(WHOLE)
    for kind in kinds:
        drawn -= percent.get(kind, 0)
        if drawn < 0:
            return kind
    return None
