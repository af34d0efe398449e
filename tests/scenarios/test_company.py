"""A company pays for some services in office hours, its people for the rest, over the wire."""

import time

import pytest_asyncio
from msgspec.structs import replace

from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import AddSubscriber, MoveUnits, NewSubscriber, SetLimit
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.catalogue import TEXT, written
from tests.support.clients import Call, call, ims
from tests.support.gy import INITIAL, TERMINATION, UPDATE, GySession, Line, granted, group_codes, move_clock
from tests.support.ocs import MB, code_of, data, gateway, groups, mscc, running_ocs, value
from tests.support.server_requests import FAST, asked, reply

EURO = 1_000_000
MINUTES_PER_DAY = 1440


def clock(minute):
    minute %= MINUTES_PER_DAY
    return f"{minute // 60:02d}:{minute % 60:02d}"


@pytest_asyncio.fixture
async def line(tmp_path):
    """Office hours began an hour ago and end in about half an hour."""
    now = int(time.time()) // 60
    band = f'[bands.office]\nfrom = "{clock(now - 60)}"\nuntil = "{clock(now + 31)}"\n'
    async with running_ocs(tmp_path, **written(tmp_path, TEXT + band), **FAST) as node, gateway(node) as peer:
        yield Line(node, peer)


def purse(bucket_id, micros, priority, **terms):
    return Bucket(bucket_id, UnitType.MONEY, micros, priority=priority, terms=BucketTerms(**terms))


async def employee(line, name, number):
    new = NewSubscriber(name, (Identity(IdentityKind.E164, number),), "standard")
    assert (await line.node.engine.execute(AddSubscriber(line.account_id, new))).verdict is Verdict.SUCCESS
    return GySession(line.peer, number, f"company;{number};1")


async def test_the_company_pays_for_data_in_office_hours_and_the_employee_for_the_rest(line):
    company = purse("company", 10 * EURO, 10, services=("data",), bands=("office",))
    own = purse("own", 5 * EURO, 20, owners=(f"sub-{line.account_id}",))
    await line.open(company, own)
    session = line.session()
    opened = await session.ask(INITIAL, mscc(10))
    assert granted(opened) == [10 * MB]
    assert 29 * 60 <= value(groups(opened)[0], "Validity-Time") <= 31 * 60
    assert await line.buckets() == {"company": (10 * EURO, 200_000), "own": (5 * EURO, 0)}

    made = Call(line)  # no service of the company
    assert group_codes(await made.ask(INITIAL, call(60), ims())) == [(200, 2001)]
    assert await line.buckets() == {"company": (10 * EURO, 200_000), "own": (5 * EURO, 140_000)}
    await made.ask(TERMINATION, call(None, 60))

    move_clock(line.node, 40 * 60)  # the office is closed; what was granted before is the company's
    after = await session.ask(UPDATE, mscc(10, used=10 * MB, reason=4))
    assert value(groups(after)[0], "Validity-Time") == 3600
    assert await line.buckets() == {"company": (10 * EURO - 200_000, 0), "own": (5 * EURO - 140_000, 200_000)}
    assert code_of(await session.ask(TERMINATION, mscc(10, wants=None, used=5 * MB))) == 2001
    assert await line.buckets() == {"company": (10 * EURO - 200_000, 0), "own": (5 * EURO - 240_000, 0)}


async def test_members_share_up_to_their_own_limits(line):
    await line.open(purse("company", 10 * EURO, 10))
    anna, tom = await employee(line, "anna", "99977700001"), await employee(line, "tom", "99977700002")
    cap = SetLimit(line.account_id, "anna-month", 300_000, UnitType.MONEY, "anna", "calendar month")
    assert (await line.node.engine.execute(cap)).verdict is Verdict.SUCCESS
    assert granted(await anna.ask(INITIAL, mscc(10))) == [10 * MB]
    assert granted(await anna.ask(UPDATE, mscc(10, used=10 * MB, reason=3))) == [5 * MB]
    assert group_codes(await anna.ask(UPDATE, mscc(10, used=5 * MB, reason=3))) == [(10, 4012)]
    assert granted(await tom.ask(INITIAL, mscc(10))) == [10 * MB]
    (limit,) = (await line.account()).limits
    assert (limit.used, limit.reserved) == (300_000, 0)


async def test_a_gift_wakes_the_member_that_had_run_dry_and_no_other(line):
    await line.open(replace(data(20 * MB, "family"), terms=BucketTerms(owners=(f"sub-{line.account_id}",))))
    anna, tom = await employee(line, "anna", "99977700001"), await employee(line, "tom", "99977700002")
    for member in (anna, tom):
        assert group_codes(await member.ask(INITIAL, mscc(10))) == [(10, 4012)]
    gift = MoveUnits(line.account_id, "family", 8 * MB, "anna", "a present")
    assert (await line.node.engine.execute(gift)).verdict is Verdict.SUCCESS
    rar, told = await asked(line.peer, Command.RE_AUTH)
    assert value(told, "Session-Id") == anna.session_id
    line.peer.send(reply(rar, 2002))
    assert granted(await anna.ask(UPDATE, mscc(10))) == [4 * MB]  # one of two that may ask
    assert group_codes(await tom.ask(UPDATE, mscc(10))) == [(10, 4012)]
    assert await line.buckets() == {"family": (12 * MB, 0), "family>anna": (8 * MB, 4 * MB)}
