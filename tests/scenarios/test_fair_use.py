"""Unlimited data with fair use over the wire: full speed, slower, and full speed again with the renewal."""

import pytest_asyncio

from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import AdvanceAccount, Buy
from diameter_ocs.values.verdict import Verdict
from tests.support.catalogue import TEXT, written
from tests.support.gy import INITIAL, TERMINATION, UPDATE, Line, assert_digestible, granted, group_codes, move_clock
from tests.support.ocs import MB, PGW_HOST, code_of, gateway, groups, money, mscc, running_ocs, value
from tests.support.server_requests import FAST, asked, reply

PLAN = """
[final.slow]
action = "slow"
filter_ids = ["throttle-1m"]
download = "1 Mbit/s"
upload = "256 kbit/s"
[products.unlimited]
price = "5.00"
renews = "30 days"
[[products.unlimited.allowances]]
name = "fast"
amount = "15 MB"
[offers.flat]
[[offers.flat.groups]]
all_others = true
quota = "data"
final = "slow"
"""


@pytest_asyncio.fixture(params=[True, False], ids=["QoS-Information", "Filter-Id"])
async def line(request, tmp_path):
    overrides = {"qos_information": True} if request.param else {}
    peers = [{"host": PGW_HOST, "overrides": overrides}]
    settings = {**written(tmp_path, TEXT + PLAN), **FAST, "peers": peers}
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        made = Line(node, peer)
        made.knows_speeds = request.param
        yield made


async def test_full_speed_slower_and_full_speed_again(line):
    session = (await line.open(money(10_000_000), offer="flat")).session()
    bought = await line.node.engine.execute(Buy(line.account_id, "unlimited"))
    assert bought.verdict is Verdict.SUCCESS
    assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
    last = await session.ask(UPDATE, mscc(10, used=10 * MB, reason=3))
    assert granted(last) == [5 * MB]
    slow = await session.ask(UPDATE, mscc(10, used=5 * MB, reason=3))
    assert group_codes(slow) == [(10, 2001)]
    assert_digestible(session.sent, session.received)
    if line.knows_speeds:
        assert granted(slow) == [10 * MB]
        names = ("Max-Requested-Bandwidth-UL", "Max-Requested-Bandwidth-DL")
        speeds = [value(groups(slow)[0], "QoS-Information", name) for name in names]
        assert speeds == [256_000, 1_000_000]
    else:
        assert granted(slow) == [None]
        assert value(groups(slow)[0], "Final-Unit-Indication", "Final-Unit-Action") == 2
        assert value(groups(slow)[0], "Final-Unit-Indication", "Filter-Id") == "throttle-1m"

    move_clock(line.node, 30 * 86_400)
    await line.node.engine.execute(AdvanceAccount(line.account_id))
    rar, told = await asked(line.peer, Command.RE_AUTH)
    assert value(told, "Session-Id") == session.session_id
    line.peer.send(reply(rar, 2002))
    fast = await session.ask(UPDATE, mscc(10, used=3 * MB if line.knows_speeds else 0, reason=7))
    assert granted(fast) == [10 * MB]
    assert value(groups(fast)[0], "QoS-Information") is None
    assert code_of(await session.ask(TERMINATION, mscc(10, wants=None, used=MB))) == 2001
    left = await line.buckets()
    assert [amount for amount, _ in left.values()] == [14 * MB, 0]
