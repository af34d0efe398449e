"""The example catalogues over real connections: each does what the calculations in its comments say."""

import re
import shlex
from pathlib import Path

import pytest

from diameter_ocs.recharge.commands import AdvanceAccount, Credit, SetLimit, SetOverdraft
from diameter_ocs.values.units import UnitType
from tests.support.cli import Ocs, make_config
from tests.support.examples import (
    DELIVERED,
    EURO,
    FOLDER,
    FORWARDING,
    NAMES,
    TERMINATING,
    another,
    calculations,
    customer,
    result,
)
from tests.support.gy import INITIAL, TERMINATION, UPDATE
from tests.support.ocs import MB, groups, money, mscc, value


async def test_prepaid_data(tmp_path):
    async with customer(tmp_path, "prepaid-data", 20, "prepaid") as anna:
        await anna.buy("week-1gb")
        await anna.buy("month-5gb")
        assert await anna.left() == anna.says("20.00 - 3.00 - 9.99 = 7.01")
        assert await anna.surf(1200) == 1200
        assert await anna.units("internet") == anna.says("5000 - (1200 - 1000) = 4800", MB)
        anna.set_clock("2027-02-10T12:00")
        await anna.line.node.engine.execute(Credit(anna.line.account_id, money(10 * EURO)))
        anna.set_clock("2027-02-11T12:00")
        await anna.line.node.engine.execute(AdvanceAccount(anna.line.account_id))
        assert await anna.left() == anna.says("7.01 + 10.00 - 9.99 = 7.02")
        assert await anna.units("internet") == 6000 * MB


async def test_prepaid_data_by_the_megabyte(tmp_path):
    async with customer(tmp_path, "prepaid-data", 1, "prepaid") as anna:
        await anna.surf(2.5)
        await anna.surf(1, 20)
        assert await anna.left() == EURO - anna.says("3 x 0.02 + 1 x 0.03 = 0.09")


async def test_day_pass(tmp_path):
    async with customer(tmp_path, "day-pass", 5, "casual") as ben:
        limit = SetLimit(ben.line.account_id, "day", 2 * EURO, period="calendar day")
        await ben.line.node.engine.execute(limit)
        await ben.surf(2.4)
        assert await ben.left() == 5 * EURO - ben.says("3 x 0.05 = 0.15")
        await ben.buy("day-pass")
        assert await ben.left() == ben.says("5.00 - 0.15 - 1.50 = 3.35")
        assert await ben.surf(1200) == 1000
        assert ben.codes == [4012]
        assert await ben.left() == ben.says("5.00 - 0.15 - 1.50 = 3.35")
        ben.set_clock("2027-01-12T12:00")
        assert await ben.surf(1) == 1
        assert await ben.left() == ben.says("3.35 - 0.05 = 3.30")
        ben.set_clock("2027-01-13T09:00")
        assert await ben.surf(100) == ben.says("2.00 / 0.05 = 40", 1)
        assert await ben.left() == 1_300_000


async def test_a_pass_until_midnight_ends_there(tmp_path):
    async with customer(tmp_path, "day-pass", 5, "casual") as ben:
        await ben.buy("until-midnight")
        ben.set_clock("2027-01-11T23:59:59")
        assert await ben.surf(100) == 100
        assert await ben.left() == 4_250_000
        ben.set_clock("2027-01-12T00:00")
        assert await ben.surf(1) == 1
        assert await ben.left() == 4_200_000


async def test_zero_rating(tmp_path):
    async with customer(tmp_path, "zero-rating", 1, "social") as clara:
        await clara.surf(300, 30)
        await clara.surf(10)
        assert await clara.left() == EURO - clara.says("10 x 0.02 = 0.20")
        await clara.surf(5, 30, services=(3003,))
        assert await clara.left() == 800_000 - clara.says("5 x 0.005 = 0.025")
        await clara.buy("social-video")
        assert await clara.left() == clara.says("1.00 - 0.20 - 0.025 - 0.50 = 0.275")
        await clara.surf(200, 31)
        assert await clara.units("videos") == clara.says("2000 - 200 = 1800", MB)
        assert await clara.left() == 275_000
        assert await clara.surf(20) == 13
        assert await clara.left() == 15_000
        assert await clara.surf(300, 30) == clara.says("500 - 300 - 5 = 195", 1)
        clara.set_clock("2027-01-12T00:00")
        assert await clara.surf(300, 30) == 300


async def test_night(tmp_path):
    async with customer(tmp_path, "night", 5, "owl") as finn:
        by_day, by_night = finn.says("10 x 0.02 = 0.20"), finn.says("10 x 0.005 = 0.05")
        times = {
            "2027-01-11T21:00": by_day,
            "2027-01-11T23:00": by_night,
            "2027-01-12T05:00": by_night,
            "2027-01-16T12:00": finn.says("10 x 0.01 = 0.10"),
            "2027-03-26T12:00": 100_000,
            "2027-12-24T12:00": by_day,
        }
        for time, cost in times.items():
            finn.set_clock(time)
            before = await finn.left()
            await finn.surf(10)
            assert before - await finn.left() == cost, time


async def test_a_night_pack_pays_at_night_only(tmp_path):
    async with customer(tmp_path, "night", 5, "owl") as finn:
        await finn.buy("night-20gb")
        finn.set_clock("2027-01-11T23:00")
        assert await finn.surf(500) == 500
        assert await finn.units("nights") == finn.says("20000 - 500 = 19500", MB)
        assert await finn.left() == 3_010_000
        finn.set_clock("2027-01-12T12:00")
        await finn.surf(10)
        assert await finn.units("nights") == 19_500 * MB
        assert await finn.left() == 2_810_000


async def test_across_the_beginning_of_the_night(tmp_path):
    async with customer(tmp_path, "night", 5, "owl") as finn:
        finn.set_clock("2027-01-11T21:50")
        session = finn.line.session("evening")
        opened = await session.ask(INITIAL, mscc(10))
        change = value(groups(opened)[0], "Granted-Service-Unit", "Tariff-Time-Change")
        finn.set_clock("2027-01-11T22:00")
        assert change * 1000 == finn.line.node.clock.at_ms()
        sides = [
            ("Used-Service-Unit", [("Tariff-Change-Usage", side), ("CC-Total-Octets", used * MB)])
            for side, used in ((0, 4), (1, 6))
        ]
        await session.ask(TERMINATION, ("Multiple-Services-Credit-Control", [*sides, ("Rating-Group", 10)]))
        assert 5 * EURO - await finn.left() == finn.says("4 x 0.02 + 6 x 0.005 = 0.11")


async def test_voice(tmp_path):
    async with customer(tmp_path, "voice", 10, "talk") as dora:
        prices = [
            (100, "+4930123456", dora.says("0.05 + 0.09 + 40 x 0.0015 = 0.20")),
            (61, "0033612345678", dora.says("0.60 + 1 x 0.01 = 0.61")),
            (20, "+33145678901", 300_000),
            (2, "+33145678901", 0),
            (600, "112", 0),
            (600, "115", 0),
        ]
        for seconds, number, cost in prices:
            before = await dora.left()
            assert await dora.call(seconds, number) == seconds
            assert before - await dora.left() == cost, number
        before = await dora.left()
        assert await dora.call(600, "+4915112345678", TERMINATING) == 600
        assert await dora.left() == before
        await dora.call(90, "+4915112345678", FORWARDING)
        assert await dora.left() == before - dora.says("2 x 0.12 = 0.24")
        assert await dora.call(60, "+99123456789") == 0
        assert dora.codes == [5031]
        await dora.buy("minutes-100")
        before = await dora.left()
        await dora.call(600, "+4930123456")
        assert await dora.units("minutes") == dora.says("6000 - 600 = 5400", 1)
        assert await dora.left() == before
        await dora.call(60, "+33145678901")
        assert await dora.units("minutes") == 5400
        assert await dora.left() == before - 300_000


async def test_a_row_of_a_rate_sheet_that_holds_later(tmp_path):
    async with customer(tmp_path, "voice", 10, "talk") as dora:
        await dora.call(60, "+81312345678")
        assert await dora.left() == 8_900_000
        dora.set_clock("2027-07-01T00:00")
        await dora.call(60, "+81312345678")
        assert await dora.left() == 7_950_000


async def test_sms(tmp_path):
    async with customer(tmp_path, "sms", 5, "texter") as emil:
        assert await emil.text("4915112345678", 12) == 2001
        assert await emil.left() == 5 * EURO - emil.says("10 x 0.09 + 2 x 0.05 = 1.00")
        await emil.text("0033612345678")
        await emil.text("4915112345678", interface=DELIVERED)
        await emil.picture()
        assert await emil.text("22444") == 4010
        await emil.buy("sms-100")
        assert await emil.left() == emil.says("5.00 - 1.00 - 0.25 - 0.39 - 2.99 = 0.37")
        await emil.text("4915112345678", 30)
        assert await emil.units("messages") == emil.says("100 - 30 = 70", 1)
        assert await emil.left() == 370_000
        await emil.text("0033612345678")
        assert await emil.left() == 120_000


async def test_family(tmp_path):
    async with customer(tmp_path, "family", 40, "parent") as parent:
        tom = await another(parent, "tom", "child")
        account_id, execute = parent.line.account_id, parent.line.node.engine.execute
        await execute(SetLimit(account_id, "tom-data", 2000 * MB, UnitType.OCTETS, "tom", "calendar month"))
        await execute(SetLimit(account_id, "tom-money", 3 * EURO, UnitType.MONEY, "tom", "calendar month"))
        await parent.buy("family-20gb")
        assert await parent.left() == parent.says("40.00 - 29.99 = 10.01")
        assert await parent.surf(1500) == 1500
        assert await tom.surf(3000) == 2000
        assert await tom.surf(1, 40) == 0
        assert tom.codes == [4012, 4010]
        assert await parent.units("internet") == parent.says("20000 - 1500 - 2000 = 16500", MB)
        await tom.call(240, "+4915112345678")
        assert await parent.units("minutes") == parent.says("30000 - 240 = 29760", 1)
        count = parent.says("3.00 / 0.30 = 10", 1)
        assert await tom.picture(count) == 2001
        assert await tom.picture() == 4012
        assert await parent.left() == parent.says("10.01 - 3.00 = 7.01")
        await execute(Credit(account_id, money(30 * EURO)))
        parent.set_clock("2027-02-01T00:00")
        assert await tom.surf(2100) == 2000
        assert await parent.left() == 7_020_000
        assert await parent.units("internet") == 18_000 * MB


async def test_postpaid(tmp_path):
    async with customer(tmp_path, "postpaid", 0, "contract") as greta:
        account_id, execute = greta.line.account_id, greta.line.node.engine.execute
        await execute(SetOverdraft(account_id, 60 * EURO))
        await greta.buy("plan-m")
        await execute(SetLimit(account_id, "extras", 25 * EURO, period="calendar month"))
        assert await greta.left() == greta.says("0.00 - 19.99 = -19.99")
        assert await greta.surf(10_000) == 10_000
        assert await greta.left() == -19_990_000
        greta.says("1000 x 0.02 + 1500 x 0.01 = 35.00")
        assert await greta.surf(2500) == greta.says("1000 + (25.00 - 1000 x 0.02) / 0.01 = 1500", 1)
        assert await greta.left() == greta.says("-19.99 - 25.00 = -44.99")
        assert await greta.call(61, "+4930123456") == 61
        assert await greta.units("minutes") == greta.says("12000 - 61 = 11939", 1)
        await execute(Credit(account_id, money(44_990_000)))
        assert await greta.left() == 0
        greta.set_clock("2027-02-01T00:00")
        assert await greta.surf(100) == 100
        assert await greta.units("internet") == 9900 * MB


def visiting(plmn):
    return "Service-Information", [("PS-Information", [("3GPP-SGSN-MCC-MNC", plmn)])]


HOME, FRANCE, UNITED_STATES = visiting("26201"), visiting("20801"), visiting("310410")


async def test_roaming(tmp_path):
    async with customer(tmp_path, "roaming", 30, "traveller") as hugo:
        await hugo.buy("eu-1gb")
        await hugo.buy("world-300mb")
        assert await hugo.left() == hugo.says("30.00 - 4.99 - 14.99 = 10.02")
        await hugo.surf(10, told=(HOME,))
        assert await hugo.left() == 10_020_000 - hugo.says("10 x 0.02 = 0.20")
        assert await hugo.surf(1100, told=(FRANCE,)) == 1100
        assert await hugo.units("eu") == 0
        assert await hugo.left() == 9_820_000 - hugo.says("(1100 - 1000) x 0.03 = 3.00")
        session = hugo.line.session("on the way home")
        await session.ask(INITIAL, mscc(10), FRANCE)
        await session.ask(UPDATE, mscc(10, used=5 * MB, reason=6), HOME)
        await session.ask(TERMINATION, mscc(10, wants=None, used=5 * MB))
        assert await hugo.left() == 6_820_000 - hugo.says("5 x 0.03 + 5 x 0.02 = 0.25")
        assert await hugo.surf(500, told=(UNITED_STATES,)) == 300
        assert await hugo.left() == hugo.says("10.02 - 0.20 - 3.00 - 0.25 = 6.57")
        where = ("IMS-Visited-Network-Identifier", "ims.mnc410.mcc310.3gppnetwork.org")
        await hugo.call(90, "+4915112345678", TERMINATING, where)
        assert await hugo.left() == 6_570_000 - hugo.says("2 x 0.20 = 0.40")
        await hugo.call(90, "+4915112345678", TERMINATING)
        assert await hugo.left() == 6_170_000


# Every example ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_calculation_is_right_and_recomputed_here(name):
    found = calculations(name)
    assert found
    for each in found:
        result(each)
    here = Path(__file__).read_text()
    assert [each for each in found if f'"{each}"' not in here] == []


@pytest.mark.parametrize("name", NAMES)
def test_one_setting_makes_a_node_use_it_and_the_commands_in_it_work(tmp_path, name, monkeypatch):
    ocs = Ocs(make_config(tmp_path))
    monkeypatch.setenv("OCS_CATALOGUE__FILE", f"catalogue/examples/{name}.toml")
    assert ocs.json("config", "check")["catalogue"] == f"{name}-1"
    commands = re.findall(r"^#   ocs (.*?)(?: +#.*)?$", (FOLDER / f"{name}.toml").read_text(), re.MULTILINE)
    assert any(command.startswith("account create") for command in commands)
    assert re.search(r"\d tests? passed", ocs("catalogue", "check").stdout)
    for command in commands:
        ocs(*shlex.split(command))
