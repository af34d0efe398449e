"""An offer whose usage is priced for somebody else's books, over the wire."""

import pytest_asyncio

from diameter_ocs.ledger.journal import Action
from tests.support.catalogue import TEXT, written
from tests.support.gy import INITIAL, TERMINATION, UPDATE, Line, granted, group_codes
from tests.support.ocs import MB, code_of, gateway, money, mscc, running_ocs

OFFER = """
[offers.partner]
rate_only = true
[[offers.partner.groups]]
all_others = true
price = "0.02"
per = "1 MB"
quota = "data"
"""


@pytest_asyncio.fixture
async def line(tmp_path):
    async with running_ocs(tmp_path, **written(tmp_path, TEXT + OFFER)) as node, gateway(node) as peer:
        yield Line(node, peer)


async def test_usage_is_granted_priced_and_journalled_and_the_balance_stays(line):
    session = (await line.open(money(10_000), offer="partner")).session()
    assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
    answer = await session.ask(UPDATE, mscc(10, used=10 * MB, reason=3))
    assert (granted(answer), group_codes(answer)) == ([10 * MB], [(10, 2001)])
    await session.repeat()
    assert code_of(await session.ask(TERMINATION, mscc(10, wants=None, used=4_500_000))) == 2001
    postings = [each for entry in await line.entries() for each in entry.postings if each.action is Action.RATED]
    assert [(each.amount, each.units) for each in postings] == [(200_000, 10 * MB), (100_000, 4_500_000)]
    assert await line.buckets() == {"money": (10_000, 0)}
