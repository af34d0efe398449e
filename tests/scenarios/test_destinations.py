"""Prices by destination, visited network and radio access, over the wire and from the files of a catalogue."""

import pytest
import pytest_asyncio

from tests.support.catalogue import TEXT, written
from tests.support.gy import EVENT, INITIAL, TERMINATION, UPDATE, Line, granted, group_codes
from tests.support.ocs import MB, code_of, gateway, groups, money, mscc, running_ocs, value

SMS, IMS = "32274@3gpp.org", "32260@3gpp.org"
OFFER = """
[numbering]
country_code = "49"
[destinations.abroad]
csv = "prefixes.csv"
[networks.home]
plmns = ["26201"]
[networks.eu]
plmns = ["208*"]
[networks.expensive]
plmns = ["*"]
[tariffs.rates]
csv = "prefixes.csv"
per = "60 s"
first_step = "60 s"
next_step = "1 s"
[offers.abroad]
[[offers.abroad.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "data"
[[offers.abroad.groups.when]]
network = "eu"
price = "0.10"
per = "1 MB"
[[offers.abroad.groups.when]]
network = "expensive"
treatment = "barred"
[[offers.abroad.groups]]
service = "sms"
direction = "originating"
default = true
price = "0.07"
per = 1
quota = "messages"
[[offers.abroad.groups.when]]
destination = "france"
price = "0.20"
per = 1
[[offers.abroad.groups]]
service = "sms"
direction = "terminating"
default = true
treatment = "free"
quota = "messages"
[[offers.abroad.groups]]
service = "voice"
default = true
tariff = "rates"
quota = "call"
"""
PREFIXES = "prefix,destination,price\n33,france,0.30\n336,france,0.60\n49,,0.09\n1,usa,0.05\n"


@pytest_asyncio.fixture
async def line(tmp_path):
    settings = written(tmp_path, TEXT + OFFER)
    (tmp_path / "prefixes.csv").write_text(PREFIXES)
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        yield await Line(node, peer).open(money(10_000_000), offer="abroad")


async def left(line):
    return (await line.buckets())["money"]


def packet(plmn):
    return "Service-Information", [("PS-Information", [("3GPP-SGSN-MCC-MNC", plmn)])]


async def test_data_across_a_border(line):
    session = line.session()
    opened = await session.ask(INITIAL, mscc(10, wants=[]), packet("26201"))
    assert granted(opened) == [10 * MB]
    armed = value(groups(opened)[0], "Trigger", "Trigger-Type")
    assert armed == 30
    await session.ask(UPDATE, mscc(10, wants=[], used=4 * MB, reason=6), packet("20801"))
    assert await left(line) == (9_920_000, 1_000_000)
    refused = await session.ask(UPDATE, mscc(10, wants=[], used=1 * MB, reason=6), packet("310410"))
    assert group_codes(refused) == [(10, 4010)]
    assert await left(line) == (9_820_000, 0)
    await session.ask(TERMINATION)


def message(interface, recipient, units=1):
    address = [("Address-Type", 1), ("Address-Data", recipient)]
    sms = [
        ("SMS-Node", 3),
        ("Originator-Interface", [("Interface-Type", interface)]),
        ("Recipient-Info", [("Recipient-Address", address)]),
    ]
    return mscc(None, wants=[("CC-Service-Specific-Units", units)]), ("Service-Information", [("SMS-Information", sms)])


async def event(line, name, *avps, action=0):
    return await line.session(name).ask(EVENT, *avps, Requested_Action=action, Service_Context_Id=SMS)


async def test_messages_by_recipient_and_direction(line):
    assert code_of(await event(line, "a", *message(1, "4915112345678"))) == 2001
    assert await left(line) == (9_930_000, 0)
    assert code_of(await event(line, "b", *message(1, "0033612345678", units=2))) == 2001
    assert await left(line) == (9_530_000, 0)
    assert code_of(await event(line, "c", *message(2, "33612345678"))) == 2001
    assert await left(line) == (9_530_000, 0)
    told = await event(line, "d", *message(1, "33612345678"), action=3)
    cost = value(told, "Cost-Information", "Unit-Value", "Value-Digits")
    assert (cost, value(told, "Cost-Information", "Unit-Value", "Exponent")) == (2, -1)


async def test_the_same_event_to_another_number_is_another_event(line):
    assert code_of(await event(line, "a", *message(1, "4915112345678"))) == 2001
    assert code_of(await event(line, "a", *message(1, "33612345678"))) == 5012
    assert await left(line) == (9_930_000, 0)


def call(number):
    return "Service-Information", [("IMS-Information", [("Node-Functionality", 6), ("Called-Party-Address", number)])]


@pytest.mark.parametrize(
    ("number", "cost"),
    [("tel:+33145678901", 600_000), ("sip:+33612345678@ims.example.org", 1_200_000), ("tel:030123456", 180_000)],
)
async def test_calls_by_rate_sheet(line, number, cost):
    session = line.session()
    asked = mscc(None, wants=[("CC-Time", 120)])
    opened = await session.ask(INITIAL, asked, call(number), Service_Context_Id=IMS)
    assert value(groups(opened)[0], "Granted-Service-Unit", "CC-Time") == 120
    assert await left(line) == (10_000_000, cost)
    used = "Multiple-Services-Credit-Control", [("Used-Service-Unit", [("CC-Time", 120)])]
    assert code_of(await session.ask(TERMINATION, used, Service_Context_Id=IMS)) == 2001
    assert await left(line) == (10_000_000 - cost, 0)


async def test_a_number_that_has_no_price(line):
    answer = await line.session().ask(INITIAL, mscc(None, wants=[]), call("tel:+8112345678"), Service_Context_Id=IMS)
    assert group_codes(answer) == [(None, 5031)]
