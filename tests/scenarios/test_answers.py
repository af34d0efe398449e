"""Optional AVPs of answers, free services, quota policies and triggers, from end to end over the wire."""

import pytest
import pytest_asyncio

from tests.support.catalogue import written
from tests.support.gy import INITIAL, TERMINATION, UPDATE, Line, granted, group_codes, move_clock
from tests.support.ocs import MB, code_of, data, gateway, groups, money, mscc, running_ocs, value

TEXT = """
version = "answers"
currency = "EUR"
[answers]
failure_handling = "retry and terminate"
session_failover = true
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
threshold_percent = 20
[quota.careful]
extends = "data"
first_default = "2 MB"
first_maximum = "4 MB"
requested = "ignore"
threshold_percent = 0
threshold = "3 MB"
session_cap = "20 MB"
grant_after_holding = false
triggers = [2, 4, 30]
[quota.paced]
extends = "data"
requested = "ignore"
pace = "60 s"
[quota.capped]
extends = "data"
session_cap = "15 MB"
[quota.daily]
extends = "data"
day_cap = "25 MB"
notice_levels = ["20 %"]
[quota.timed]
unit = "seconds"
default = "120 s"
minimum = "60 s"
maximum = "1 h"
validity = "1 h"
time_periods = "discrete"
base_interval = "60 s"
[quota.idle]
unit = "seconds"
default = "120 s"
minimum = "60 s"
maximum = "1 h"
validity = "1 h"
consumption_time = "20 s"
[final.stop]
action = "terminate"
announcement = 7
[offers.standard]
default_rating_group = 10
[offers.standard.answers]
low_balance = "1.00"
remaining_balance = true
cost_information = true
debit_failure_handling = "continue"
unused_quota_timer = "30 min"
[[offers.standard.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "data"
final = "stop"
[[offers.standard.groups]]
rating_groups = [20]
treatment = "not controlled"
quota = "data"
[[offers.standard.groups]]
rating_groups = [30]
treatment = "free"
quota = "capped"
[offers.careful]
[[offers.careful.groups]]
rating_groups = [10]
quota = "careful"
[[offers.careful.groups]]
rating_groups = [20]
quota = "paced"
[[offers.careful.groups]]
name = "daily"
rating_groups = [30]
quota = "daily"
[[offers.careful.groups]]
rating_groups = [40]
price = "0.01"
per = "1 min"
quota = "timed"
[[offers.careful.groups]]
rating_groups = [50]
price = "0.01"
per = "1 min"
quota = "idle"
[offers.gift]
credit_control = false
default_rating_group = 10
[[offers.gift.groups]]
all_others = true
treatment = "free"
quota = "data"
[offers.open]
default_rating_group = 20
[[offers.open.groups]]
rating_groups = [20]
treatment = "not controlled"
quota = "data"
"""


@pytest_asyncio.fixture
async def line(tmp_path):
    async with running_ocs(tmp_path, **written(tmp_path, TEXT)) as node, gateway(node) as peer:
        yield Line(node, peer)


def amount(holder, name):
    found = holder.first(name)
    if found is None:
        return None
    digits, exponent = (value(found, "Unit-Value", each) for each in ("Value-Digits", "Exponent"))
    return digits, exponent, value(found, "Currency-Code")


async def test_what_a_whole_session_is_told(line):
    session = (await line.open(money(1_100_000))).session()
    first = await session.ask(INITIAL, mscc(10))
    assert value(first, "CC-Session-Failover") == 1
    assert value(first, "Credit-Control-Failure-Handling") == 2
    assert value(first, "Direct-Debiting-Failure-Handling") == 1
    assert value(first, "Low-Balance-Indication") == 0
    assert amount(first, "Remaining-Balance") == (110, -2, 978)
    assert amount(first, "Cost-Information") is None
    assert value(first, "Service-Information", "PS-Information", "Unused-Quota-Timer") == 1800
    second = await session.ask(UPDATE, mscc(10, used=6 * MB))
    assert second.first("CC-Session-Failover") is None
    assert second.first("Service-Information") is None
    assert amount(second, "Cost-Information") == (12, -2, 978)
    assert amount(second, "Remaining-Balance") == (98, -2, 978)
    assert value(second, "Low-Balance-Indication") == 1
    before = session.received
    await session.repeat()
    assert session.received == before
    last = await session.ask(TERMINATION, mscc(10, wants=None, used=10 * MB))
    assert amount(last, "Cost-Information") == (32, -2, 978)
    assert amount(last, "Remaining-Balance") == (78, -2, 978)


async def test_an_announcement_with_the_last_grant(line):
    session = (await line.open(money(400_000))).session()
    (group,) = groups(await session.ask(INITIAL, mscc(10)))
    assert group.first("Announcement-Information") is None
    (group,) = groups(await session.ask(UPDATE, mscc(10, used=10 * MB)))
    assert value(group, "Announcement-Information", "Announcement-Identifier") == 7


@pytest.mark.row(12)
async def test_a_group_without_control_is_answered_4011(line):
    session = (await line.open(money(1_000_000))).session()
    opened = await session.ask(INITIAL, mscc(10), mscc(20))
    assert group_codes(opened) == [(10, 2001), (20, 4011)]
    assert granted(opened) == [10 * MB, None]
    await session.ask(UPDATE, mscc(20, wants=None, used=5 * MB))
    assert (await line.buckets())["money"] == (1_000_000, 200_000)


@pytest.mark.row(12)
async def test_an_offer_without_control_is_answered_4011_as_a_whole(line):
    session = (await line.open(money(1_000_000), offer="gift")).session()
    assert code_of(await session.ask(INITIAL, mscc(10))) == 4011
    assert await line.sessions() == {}
    assert await line.buckets() == {"money": (1_000_000, 0)}


async def test_an_undivided_session_without_control(line):
    session = (await line.open(money(1_000_000), offer="open")).session()
    assert code_of(await session.ask(INITIAL, ("Requested-Service-Unit", []))) == 4011
    assert await line.sessions() == {}


async def test_a_free_group_ends_at_its_cap(line):
    session = (await line.open()).session()
    assert granted(await session.ask(INITIAL, mscc(30))) == [10 * MB]
    (group,) = groups(await session.ask(UPDATE, mscc(30, used=10 * MB)))
    assert value(group, "Granted-Service-Unit", "CC-Total-Octets") == 5 * MB
    assert value(group, "Final-Unit-Indication", "Final-Unit-Action") == 0
    assert group_codes(await session.ask(UPDATE, mscc(30, used=5 * MB))) == [(30, 4012)]


async def test_a_careful_policy_from_first_to_last_grant(line):
    session = (await line.open(data(1000 * MB), offer="careful")).session()
    (first,) = groups(await session.ask(INITIAL, mscc(10, wants=[("CC-Total-Octets", 30 * MB)])))
    assert value(first, "Granted-Service-Unit", "CC-Total-Octets") == 2 * MB
    assert value(first, "Volume-Quota-Threshold") == 1 * MB
    assert [each.value for each in first.first("Trigger").all("Trigger-Type")] == [2, 4, 30]
    (second,) = groups(await session.ask(UPDATE, mscc(10, used=2 * MB)))
    assert value(second, "Granted-Service-Unit", "CC-Total-Octets") == 10 * MB
    assert value(second, "Volume-Quota-Threshold") == 3 * MB
    assert second.first("Trigger") is None
    held = await session.ask(UPDATE, mscc(10, used=10 * MB, reason=1))
    assert (group_codes(held), granted(held)) == ([(10, 2001)], [None])
    (last,) = groups(await session.ask(UPDATE, mscc(10)))
    assert value(last, "Granted-Service-Unit", "CC-Total-Octets") == 8 * MB
    assert last.first("Final-Unit-Indication") is not None
    assert group_codes(await session.ask(UPDATE, mscc(10, used=8 * MB))) == [(10, 4012)]


async def test_triggers_are_armed_again_when_the_group_starts_anew(line):
    session = (await line.open(data(1000 * MB), offer="careful")).session()
    await session.ask(INITIAL, mscc(10))
    await session.ask(UPDATE, mscc(10, wants=None, used=0, reason=2))
    (group,) = groups(await session.ask(UPDATE, mscc(10)))
    assert group.first("Trigger") is not None
    assert value(group, "Granted-Service-Unit", "CC-Total-Octets") == 2 * MB


async def test_the_pace_of_a_session_sizes_its_grants(line):
    session = (await line.open(data(10_000 * MB), offer="careful")).session()
    assert granted(await session.ask(INITIAL, mscc(20))) == [10 * MB]
    move_clock(line.node, 20)
    (fast,) = granted(await session.ask(UPDATE, mscc(20, used=10 * MB)))
    assert 29 * MB <= fast <= 30 * MB
    move_clock(line.node, 3600)
    assert granted(await session.ask(UPDATE, mscc(20, used=MB))) == [1 * MB]


async def test_fifty_groups_in_one_request(line):
    session = (await line.open(data(1000 * MB), offer="careful")).session()
    opened = await session.ask(INITIAL, *(mscc(10, services=(each,)) for each in range(50)))
    assert group_codes(opened) == [(10, 2001)] * 50
    assert granted(opened) == [2 * MB] * 50
    assert (await line.buckets())["data-1"] == (1000 * MB, 100 * MB)
    ended = await session.ask(TERMINATION, *(mscc(10, wants=None, used=MB, services=(each,)) for each in range(50)))
    assert group_codes(ended) == [(10, 2001)] * 50
    assert (await line.buckets())["data-1"] == (950 * MB, 0)


async def test_a_daily_cap_is_shared_by_sessions_and_survives_a_lost_cache(line):
    await line.open(data(100 * MB), offer="careful")
    first, second = line.session("a"), line.session("b")
    assert granted(await first.ask(INITIAL, mscc(30))) == [10 * MB]
    assert granted(await first.ask(UPDATE, mscc(30, used=10 * MB))) == [10 * MB]
    line.node.engine.cache.evict(line.account_id)
    opened = await second.ask(INITIAL, mscc(30))
    assert granted(opened) == [5 * MB]
    assert value(groups(opened)[0], "Final-Unit-Indication", "Final-Unit-Action") == 0
    assert group_codes(await first.ask(UPDATE, mscc(30, used=10 * MB))) == [(30, 4012)]
    await second.ask(TERMINATION, mscc(30, wants=None, used=0))
    assert granted(await first.ask(UPDATE, mscc(30))) == [5 * MB]


async def test_how_seconds_are_counted_comes_with_every_grant(line):
    session = (await line.open(money(1_000_000), offer="careful")).session()
    periods, idle = groups(await session.ask(INITIAL, mscc(40), mscc(50)))
    assert value(periods, "Granted-Service-Unit", "CC-Time") == 120
    assert value(periods, "Time-Quota-Mechanism", "Time-Quota-Type") == 0
    assert value(periods, "Time-Quota-Mechanism", "Base-Time-Interval") == 60
    assert value(idle, "Quota-Consumption-Time") == 20
    (again,) = groups(await session.ask(UPDATE, mscc(50)))
    assert value(again, "Quota-Consumption-Time") == 20
