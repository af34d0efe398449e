"""Tiers of a month go on after a session has ended, and after a restart."""

from tests.support.catalogue import TEXT, written
from tests.support.gy import INITIAL, TERMINATION, Line
from tests.support.ocs import MB, code_of, gateway, money, mscc, running_ocs

OFFER = """
[tariffs.volume]
per = "1 MB"
tiers_per = "calendar year"
tiers = [{up_to = "8 MB", price = "0.10"}, {price = "0.01"}]
[offers.monthly]
[[offers.monthly.groups]]
rating_groups = [10]
tariff = "volume"
quota = "data"
"""


async def test_a_month_of_sessions(tmp_path):
    settings = written(tmp_path, TEXT + OFFER)
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        line = await Line(node, peer).open(money(10_000_000), offer="monthly")
        first = line.session("a")
        await first.ask(INITIAL, mscc(10))
        assert (await line.buckets())["money"] == (10_000_000, 820_000)
        assert code_of(await first.ask(TERMINATION, mscc(10, wants=None, used=6 * MB))) == 2001
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        again = Line(node, peer)
        again.account_id, again.msisdn = line.account_id, line.msisdn
        session = again.session("b")
        await session.ask(INITIAL, mscc(10))
        assert (await again.buckets())["money"] == (9_400_000, 280_000)
        await session.ask(TERMINATION, mscc(10, wants=None, used=3 * MB))
        assert (await again.buckets())["money"] == (9_190_000, 0)
