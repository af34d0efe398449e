"""A number from its first use to its next owner, over the wire."""

import pytest_asyncio

from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import AdvanceAccount, Credit
from diameter_ocs.values.verdict import Verdict
from tests.support.catalogue import written
from tests.support.gy import INITIAL, UPDATE, Line, granted, group_codes, move_clock
from tests.support.ocs import MB, add_line, code_of, data, gateway, groups, money, mscc, running_ocs, value
from tests.support.server_requests import FAST, asked, reply

DAY = 86_400
TEXT = """
version = "life"
currency = "EUR"
[quota.data]
default = "5 MB"
minimum = "1 MB"
maximum = "5 MB"
validity = "1 h"
[final.portal]
action = "redirect"
address = "https://topup.example.net/"
[lifecycles.prepaid]
start = "pre-active"
active_for = "90 days"
grace = "30 days"
expired_for = "60 days"
[products.welcome]
lasts = "7 days"
[[products.welcome.allowances]]
name = "gift"
amount = "10 MB"
[offers.standard]
lifecycle = "prepaid"
products = ["welcome"]
final = "portal"
[[offers.standard.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "data"
"""


@pytest_asyncio.fixture
async def line(tmp_path):
    async with running_ocs(tmp_path, **written(tmp_path, TEXT), **FAST) as node, gateway(node) as peer:
        yield Line(node, peer)


async def days(line, count):
    """Let time pass on the account, whether or not anybody asks for it."""
    move_clock(line.node, count * DAY)
    assert (await line.node.engine.execute(AdvanceAccount(line.account_id))).verdict is Verdict.SUCCESS


async def test_a_number_lives_expires_and_is_sold_again(line):
    first = (await line.open(money(1_000_000))).session("a")
    await days(line, 200)  # in the shop
    assert granted(await first.ask(INITIAL, mscc(10))) == [5 * MB]
    assert await line.buckets() == {"welcome-1-0/gift/0": (10 * MB, 5 * MB), "money": (1_000_000, 0)}

    await days(line, 90)  # grace: the gateway is asked to come back, and sends the user to the portal
    rar, _ = await asked(line.peer, Command.RE_AUTH)
    line.peer.send(reply(rar, 2002))
    answer = await first.ask(UPDATE, mscc(10, used=5 * MB, reason=7))
    assert group_codes(answer) == [(10, 2001)]
    assert granted(answer) == [None]
    assert value(groups(answer)[0], "Final-Unit-Indication", "Final-Unit-Action") == 1
    topped = await line.node.engine.execute(Credit(line.account_id, money(5_000_000), "top-up"))
    assert topped.verdict is Verdict.SUCCESS
    rar, _ = await asked(line.peer, Command.RE_AUTH)
    line.peer.send(reply(rar, 2002))
    assert granted(await first.ask(UPDATE, mscc(10))) == [5 * MB]

    for later, command in ((90, Command.RE_AUTH), (30, Command.ABORT_SESSION)):  # grace, expired
        await days(line, later)
        octets, _ = await asked(line.peer, command)
        line.peer.send(reply(octets, 2002))
    assert code_of(await first.ask(UPDATE, mscc(10, used=5 * MB))) == 4010
    assert code_of(await line.session("b").ask(INITIAL, mscc(10))) == 4010

    await days(line, 60)  # nobody's
    assert await line.buckets() == {}
    assert code_of(await line.session("c").ask(INITIAL, mscc(10))) == 5030
    await add_line(line.node, "next", data(3 * MB), msisdn=line.msisdn, imsi=line.imsi, offer="standard")
    assert granted(await line.session("d").ask(INITIAL, mscc(10))) == [5 * MB]
