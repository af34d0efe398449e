"""A change of price while a quota is out, over the wire."""

import time

import pytest_asyncio

from diameter_ocs.charging.request import TariffChangeUsage
from diameter_ocs.gy.decode import CcrDecoder
from diameter_ocs.gy.services import ALL_SERVICES
from diameter_ocs.recharge.commands import NewSubscriber, OpenAccount
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.catalogue import written
from tests.support.gy import INITIAL, TERMINATION, UPDATE, GySession, Line, granted, move_clock, session_name
from tests.support.ocs import MB, account_of, code_of, gateway, groups, money, running_ocs, value
from tests.support.vectors import octets_of

MINUTES_PER_DAY = 1440
TEXT = """
version = "switch"
currency = "EUR"
[quota.data]
default = "50 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "4 h"
[offers.standard]
[[offers.standard.groups]]
rating_groups = [10]
prices = [{{from = "{night}", to = "{switch}", price = "0.10"}}, {{from = "{switch}", to = "{night}", price = "0.20"}}]
per = "1 MB"
quota = "data"
"""


def clock(minute):
    minute %= MINUTES_PER_DAY
    return f"{minute // 60:02d}:{minute % 60:02d}"


@pytest_asyncio.fixture
async def line(tmp_path):
    """The price doubles in about an hour, and for half a day."""
    switch = int(time.time()) // 60 + 60
    text = TEXT.format(switch=clock(switch), night=clock(switch + 720))
    async with running_ocs(tmp_path, **written(tmp_path, text)) as node, gateway(node) as peer:
        made = Line(node, peer)
        made.switch_s = switch * 60
        yield made


def report(*sides, wants=()):
    """(octets, Tariff-Change-Usage) each."""
    tree = [("Requested-Service-Unit", list(wants))] if wants is not None else []
    for octets, side in sides:
        told = [("Tariff-Change-Usage", side)] if side is not None else []
        tree.append(("Used-Service-Unit", [*told, ("CC-Total-Octets", octets), ("Reporting-Reason", 3)]))
    return "Multiple-Services-Credit-Control", [*tree, ("Rating-Group", 10)]


async def test_a_split_report_is_paid_at_both_prices(line):
    session = (await line.open(money(1_000_000))).session()
    opened = await session.ask(INITIAL, report())
    assert granted(opened) == [5 * MB]
    change = value(groups(opened)[0], "Granted-Service-Unit", "Tariff-Time-Change")
    assert change == line.switch_s
    assert await line.buckets() == {"money": (1_000_000, 1_000_000)}
    move_clock(line.node, 2 * 3600)
    again = await session.ask(UPDATE, report((3 * MB, 0), (1 * MB, 1)))
    assert granted(again) == [2 * MB]
    assert value(groups(again)[0], "Granted-Service-Unit", "Tariff-Time-Change") is None
    octets = session.received
    await session.repeat()
    assert session.received == octets
    assert code_of(await session.ask(TERMINATION, report((1 * MB, None), wants=None))) == 2001
    assert await line.buckets() == {"money": (300_000, 0)}


async def test_what_straddles_the_change_costs_the_cheaper_price(line):
    session = (await line.open(money(1_000_000))).session()
    await session.ask(INITIAL, report())
    move_clock(line.node, 2 * 3600)
    await session.ask(TERMINATION, report((1 * MB, 0), (1 * MB, 2), (1 * MB, 1), wants=None))
    assert await line.buckets() == {"money": (600_000, 0)}


async def test_the_price_changes_where_the_subscriber_is(tmp_path):
    """Two lines of one account: the price changes in an hour for one of them, and has long changed for the other."""
    switch = int(time.time()) // 60 + 60
    text = TEXT.format(switch=clock(switch), night=clock(switch + 720)).replace(
        "[offers.standard]", '[offers.standard]\ntime_zone = "subscriber"'
    )
    names = [Identity(IdentityKind.E164, f"9995550010{number}") for number in (1, 2)]
    lines = tuple(
        NewSubscriber(f"sub-{zone}", (name,), "standard", zone) for name, zone in zip(names, ZONES, strict=True)
    )
    async with running_ocs(tmp_path, **written(tmp_path, text)) as node, gateway(node) as peer:
        made = OpenAccount("acc-1", "EUR", buckets=(money(100_000_000),), subscribers=lines)
        assert (await node.engine.execute(made)).verdict is Verdict.SUCCESS
        changes = []
        for name in names:
            session = GySession(peer, name.value, session_name(name.value))
            opened = await session.ask(INITIAL, report())
            changes.append(value(groups(opened)[0], "Granted-Service-Unit", "Tariff-Time-Change"))
            assert code_of(await session.ask(TERMINATION, report((1 * MB, None), wants=None))) == 2001
        left = (await account_of(node)).buckets[0].remaining
    assert changes == [switch * 60, None]
    assert left == 100_000_000 - 100_000 - 200_000


ZONES = ("UTC", "Etc/GMT-6")
"""The second is six hours ahead."""


def test_the_example_message_has_two_sides():
    decoder = CcrDecoder(default_dictionary(), ALL_SERVICES)
    (credit,) = decoder.decode(octets_of("gy_ccr_u_tariff")).session.credits
    sides = [(each.octets, each.side) for each in credit.used]
    assert sides == [(3_000_000, TariffChangeUsage.BEFORE), (1_000_000, TariffChangeUsage.AFTER)]
