"""The choices of the demo's subscribers."""

import asyncio

from diameter_ocs.demo.subscribers import DEMO_SUBSCRIBERS
from diameter_ocs.demo.traffic import Traffic


def choices(seed: int) -> list[list[float]]:
    """The first of each subscriber."""

    async def nothing(_: object) -> str:
        return ""

    async def proved(_: object) -> None:
        return None

    traffic = Traffic({}, DEMO_SUBSCRIBERS, asyncio.Event(), proved, nothing, seed=seed)
    return [[life.chance.random() for _ in range(5)] for life in traffic.lives]


def test_a_seed_always_makes_the_same_choices_and_each_subscriber_its_own():
    assert choices(1) == choices(1)
    assert choices(1) != choices(2)
    assert len({tuple(each) for each in choices(1)}) == len(DEMO_SUBSCRIBERS)
