"""Redirect and restrict over the wire: the last units, the time after them, and the way back."""

import pytest
import pytest_asyncio

from diameter_ocs.ledger.account import Bucket
from diameter_ocs.recharge.commands import Credit
from diameter_ocs.simulator.credit import Subscriber
from diameter_ocs.simulator.dialect import Origin
from diameter_ocs.simulator.gateway import Gateway
from diameter_ocs.simulator.group import GroupPhase
from diameter_ocs.simulator.live_session import LiveSession
from diameter_ocs.simulator.scenario import run_scenario
from diameter_ocs.simulator.scenario_file import parse_scenario
from diameter_ocs.simulator.session import Phase
from diameter_ocs.values.portal_link import verify
from diameter_ocs.values.verdict import Verdict
from tests.support.catalogue import written
from tests.support.gy import INITIAL, TERMINATION, UPDATE, Line, exchange, granted, group_codes, move_clock
from tests.support.ocs import MB, PGW_HOST, PGW_REALM, code_of, gateway, groups, money, mscc, running_ocs, value

SECRET = "only for tests, not for life"
PORTAL = "https://topup.example.net/t/"
TEXT = f"""
version = "final-units"
currency = "EUR"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
threshold_percent = 20
[final.portal]
action = "redirect"
address = "{PORTAL}{{token}}"
filter_rules = ["permit out ip from 203.0.113.80 to assigned"]
validity = "10 min"
[final.sip]
action = "redirect"
address_type = "sip uri"
address = "sip:topup@example.net"
filter_ids = ["portal-only"]
qos_final_unit = true
[final.walled]
action = "restrict"
filter_ids = ["portal-only"]
filter_rules = ["permit out ip from 203.0.113.80 to assigned", "permit in ip from assigned to 203.0.113.80"]
validity = "5 min"
afterwards = "refuse"
[offers.standard]
final = "portal"
[[offers.standard.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "data"
[[offers.standard.groups]]
rating_groups = [20]
price = "0.02"
per = "1 MB"
quota = "data"
final = "walled"
[[offers.standard.groups]]
rating_groups = [30]
price = "0.02"
per = "1 MB"
quota = "data"
final = "sip"
[offers.undivided]
default_rating_group = 10
final = "portal"
[[offers.undivided.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "data"
"""


@pytest_asyncio.fixture
async def line(tmp_path):
    async with (
        running_ocs(tmp_path, portal__secret=SECRET, **written(tmp_path, TEXT)) as node,
        gateway(node) as peer,
    ):
        yield Line(node, peer)


async def recharge(line, micros):
    command = Credit(line.account_id, Bucket("more", money(0).unit, micros), "cash")
    assert (await line.node.engine.execute(command)).verdict is Verdict.SUCCESS


def final_of(answer):
    """Action and address of the only group."""
    (group,) = groups(answer)
    final = group.first("Final-Unit-Indication")
    if final is None:
        return None
    return value(final, "Final-Unit-Action"), value(final, "Redirect-Server", "Redirect-Server-Address")


@pytest.mark.row(16)
async def test_from_the_last_unit_to_the_portal_and_back(line):
    session = (await line.open(money(100_000))).session()
    last = await session.ask(INITIAL, mscc(10))
    assert granted(last) == [5 * MB]
    action, address = final_of(last)
    assert action == 1
    link = verify(SECRET.encode(), address.removeprefix(PORTAL), line.node.clock.at_ms())
    assert (link.session_id, link.account_id) == (session.session_id, line.account_id)
    opened = session.received
    await session.repeat()
    assert session.received == opened
    used_up = await session.ask(UPDATE, mscc(10, wants=None, used=5 * MB, reason=3))
    assert (group_codes(used_up), granted(used_up), final_of(used_up)) == ([(10, 2001)], [None], None)
    assert value(groups(used_up)[0], "Validity-Time") == 600
    assert await line.buckets() == {"money": (0, 0)}
    move_clock(line.node, 600)
    still = await session.ask(UPDATE, mscc(10))
    assert (group_codes(still), granted(still)) == ([(10, 2001)], [None])
    assert (final_of(still)[0], value(groups(still)[0], "Validity-Time")) == (1, 600)
    assert final_of(still)[1] != address
    await recharge(line, 1_000_000)
    again = await session.ask(UPDATE, mscc(10))
    assert (granted(again), final_of(again)) == ([10 * MB], None)
    assert code_of(await session.ask(TERMINATION, mscc(10, wants=None, used=MB))) == 2001
    assert sum(remaining for remaining, _ in (await line.buckets()).values()) == 980_000


@pytest.mark.row(16)
async def test_nothing_from_the_start(line):
    session = (await line.open(money(0))).session()
    opened = await session.ask(INITIAL, mscc(10), mscc(20))
    assert group_codes(opened) == [(10, 2001), (20, 2001)]
    assert granted(opened) == [None, None]
    assert [value(each, "Final-Unit-Indication", "Final-Unit-Action") for each in groups(opened)] == [1, 2]
    assert [value(each, "Validity-Time") for each in groups(opened)] == [600, 300]


async def test_walled_for_a_while_then_refused(line):
    session = (await line.open(money(20_000))).session()
    last = await session.ask(INITIAL, mscc(20))
    final = groups(last)[0].first("Final-Unit-Indication")
    assert [each.value for each in final.all("Filter-Id")] == ["portal-only"]
    assert len(list(final.all("Restriction-Filter-Rule"))) == 2
    await session.ask(UPDATE, mscc(20, wants=None, used=MB, reason=3))
    move_clock(line.node, 300)
    assert group_codes(await session.ask(UPDATE, mscc(20))) == [(20, 4012)]
    await recharge(line, 1_000_000)
    assert granted(await session.ask(UPDATE, mscc(20))) == [10 * MB]


async def test_money_in_time_spares_the_restriction(line):
    session = (await line.open(money(100_000))).session()
    assert final_of(await session.ask(INITIAL, mscc(10))) is not None
    await recharge(line, 1_000_000)
    answer = await session.ask(UPDATE, mscc(10, used=5 * MB, reason=3))
    assert (granted(answer), final_of(answer)) == ([10 * MB], None)


async def test_both_forms_of_final_units(line):
    session = (await line.open(money(20_000))).session()
    (group,) = groups(await session.ask(INITIAL, mscc(30)))
    assert value(group, "Final-Unit-Indication", "Redirect-Server", "Redirect-Address-Type") == 3
    extended = group.first("QoS-Final-Unit-Indication")
    assert value(extended, "Redirect-Server-Extension", "Redirect-Address-SIP-URI") == "sip:topup@example.net"
    assert value(extended, "Filter-Id") == "portal-only"


async def test_redirect_at_command_level(line):
    """A gateway without Multiple-Services-Credit-Control; its group is that of the offer."""
    session = (await line.open(money(0), offer="undivided")).session()
    answer = await session.ask(INITIAL, ("Requested-Service-Unit", []))
    assert (code_of(answer), answer.first("Granted-Service-Unit")) == (2001, None)
    assert value(answer, "Final-Unit-Indication", "Redirect-Server", "Redirect-Address-Type") == 2
    assert value(answer, "Validity-Time") == 600


async def test_a_scenario_file_sees_the_restriction(line):
    """A scenario of the simulator: used up, redirected, asked again when the time was over, still without money."""
    await line.open(money(100_000))
    where = {"session": "web"}
    content = {
        "name": "redirected",
        "sessions": {"web": {"msisdn": line.msisdn, "imsi": line.imsi}},
        "step": [
            {"do": "start", **where, "groups": [10], "expect": {"final": [10]}},
            {"do": "use", **where, "octets": {"10": "8 MB"}, "expect": {"passed": {"10": "5 MB"}, "restricted": [10]}},
            {"do": "wait_validity", **where, "expect": {"result": 2001, "restricted": [10], "phase": "open"}},
            {"do": "end", **where, "expect": {"result": 2001, "phase": "closed"}},
        ],
    }
    origin = Origin(PGW_HOST.replace("pgw01", "pgw02"), PGW_REALM)
    report = await run_scenario(parse_scenario(content), [line.node.transport.addresses[0]], origin)
    assert [step.reasons for step in report.steps] == [()] * 4
    assert await line.buckets() == {"money": (0, 0)}


async def test_a_gateway_that_obeys(line):
    """The simulated gateway: reports without a wish, waits, asks again, goes on when there is money."""
    await line.open(money(100_000))
    host, port = line.node.transport.addresses[0]
    simulated = Gateway([(host, port)], Origin(PGW_HOST.replace("pgw01", "pgw02"), PGW_REALM))
    await simulated.start()
    try:
        live = LiveSession(simulated, Subscriber(line.msisdn, line.imsi), 7)
        await live.start((10,))
        assert await live.use({10: 8 * MB}) == {10: 5 * MB}
        group = live.model.groups[10]
        assert (group.phase, live.model.phase) == (GroupPhase.RESTRICTED, Phase.OPEN)
        assert group.redirect_address.startswith(PORTAL)
        assert group.filters == ("permit out ip from 203.0.113.80 to assigned",)
        assert await live.use({10: MB}) == {10: 0}
        move_clock(line.node, 600)
        await live.wait_validity()
        assert group.phase is GroupPhase.RESTRICTED
        await recharge(line, 1_000_000)
        move_clock(line.node, 600)
        await live.wait_validity()
        assert (group.phase, group.final) == (GroupPhase.ACTIVE, None)
        assert await live.use({10: 3 * MB}) == {10: 3 * MB}
        await live.end()
    finally:
        await simulated.stop()
    assert sum(remaining for remaining, _ in (await line.buckets()).values()) == 100_000 + 1_000_000 - 8 * 20_000


async def test_a_repeat_after_a_restart_has_the_same_link(tmp_path):
    """The link was signed once; the stored answer holds it, from the session and from the journal."""
    settings = {"portal__secret": SECRET, **written(tmp_path, TEXT)}
    sent = []
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        line = await Line(node, peer).open(money(0))
        session = line.session()
        await session.ask(INITIAL, mscc(10))
        for _ in range(6):
            sent.append((session.sent, session.received))
            await session.ask(UPDATE, mscc(10))
        sent.append((session.sent, session.received))
    async with running_ocs(tmp_path, **settings) as node, gateway(node) as peer:
        for request, answer in sent:
            octets, _ = await exchange(peer, request)
            assert octets == answer
