"""Each gateway with its profile: requests as it writes them, answers as it demands them, and what else changes."""

import contextlib
import time

import pytest
import pytest_asyncio
from msgspec import structs

from diameter_ocs.charging.outbox import RequestState
from diameter_ocs.ledger.account import Status
from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import Credit, SetAccountStatus
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.codec import decode_lenient
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.catalogue import written
from tests.support.clients import (
    ALL_THREE,
    Call,
    call,
    credit,
    ims,
    magma,
    open5gs,
    usage,
)
from tests.support.gy import (
    CREDIT,
    INITIAL,
    TERMINATION,
    UPDATE,
    GySession,
    Line,
    exchange,
    granted,
    group_codes,
    move_clock,
    of,
    session_name,
    walk,
)
from tests.support.ocs import MB, PGW, PGW_REALM, code_of, data, gateway, groups, money, mscc, running_ocs, value
from tests.support.server_requests import asked, reach, reply

FAST = {"requests.answer_seconds": 0.2, "requests.pause_seconds": 0.05, "requests.poll_seconds": 0.2}
PROFILES = ("open5gs", "magma", "ergw", "kamailio", "cisco-staros", "nokia-sr", "ericsson", "huawei")
CAUTIOUS = ("nokia-sr", "ericsson", "huawei")
RELAY = f"relay.{PGW_REALM}"
BARE = {"profile": "cisco-staros", "overrides": {"success_code_in_groups": False, "final_units_at_first": False}}
PEERS = [
    *({"host": f"{name}.{PGW_REALM}", "profile": name} for name in PROFILES),
    {"host": f"bare.{PGW_REALM}", **BARE},
    {"host": RELAY, "profile": "magma"},
    {"host": f"generic.{PGW_REALM}"},
]
OUT = {"Volume-Quota-Threshold", "Time-Quota-Threshold", "Quota-Holding-Time", "Trigger", "Announcement-Information"}
CATALOGUE = """
version = "dialects"
currency = "EUR"
[answers]
failure_handling = "retry and terminate"
remaining_balance = true
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "4 h"
threshold_percent = 20
holding_time = "10 min"
triggers = [4]
[quota.time]
unit = "seconds"
default = "300 s"
minimum = "10 s"
maximum = "1 h"
validity = "30 min"
threshold_percent = 10
holding_time = "60 s"
[final.portal]
action = "redirect"
address = "https://topup.example.net/"
filter_ids = ["portal-only"]
qos_final_unit = true
announcement = 7
[final.walled]
action = "restrict"
filter_ids = ["portal-only"]
filter_rules = ["permit out ip from 203.0.113.80 to assigned"]
[final.ruled]
action = "restrict"
filter_rules = ["permit out ip from 203.0.113.80 to assigned"]
[final.sip]
action = "redirect"
address_type = "sip uri"
address = "sip:topup@example.net"
[offers.standard]
default_rating_group = 10
[[offers.standard.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "data"
final = "portal"
[[offers.standard.groups]]
rating_groups = [20]
price = "0.02"
per = "1 MB"
quota = "data"
final = "walled"
[[offers.standard.groups]]
rating_groups = [21]
price = "0.02"
per = "1 MB"
quota = "data"
final = "ruled"
[[offers.standard.groups]]
rating_groups = [50]
treatment = "not included"
quota = "data"
[[offers.standard.groups]]
rating_groups = [60]
price = "0.01"
per = "10 s"
quota = "time"
[[offers.standard.groups]]
rating_groups = [70]
treatment = "not controlled"
quota = "data"
[[offers.standard.groups]]
rating_groups = [80]
prices = [{{from = "{night}", to = "{switch}", price = "0.10"}}, {{from = "{switch}", to = "{night}", price = "0.20"}}]
per = "1 MB"
quota = "data"
[[offers.standard.groups]]
service = "voice"
default = true
all_others = true
price = "0.01"
per = "1 s"
quota = "time"
final = "sip"
[offers.gift]
credit_control = false
[[offers.gift.groups]]
all_others = true
treatment = "free"
quota = "data"
"""


def clock(minute):
    return f"{minute % 1440 // 60:02d}:{minute % 60:02d}"


@pytest_asyncio.fixture
async def node(tmp_path):
    """The price of group 80 doubles in about an hour."""
    switch = int(time.time()) // 60 + 60
    text = CATALOGUE.format(switch=clock(switch), night=clock(switch + 720))
    async with running_ocs(tmp_path, peers=PEERS, **FAST, **written(tmp_path, text)) as made:
        yield made


class Client(Line):
    """A subscriber behind a gateway with a profile."""

    @property
    def host(self):
        return self.peer.node.origin_host

    def session(self, name="a", first=0):
        return Session(self.peer, self.msisdn, session_name(f"{self.number}{name}"), first)

    async def recharge(self, *buckets):
        for bucket in buckets:
            assert (await self.node.engine.execute(Credit(self.account_id, bucket, "cash"))).verdict is Verdict.SUCCESS


class Session(GySession):
    """Its requests come from the host of its connection, unless said otherwise."""

    def request(self, kind, *more, **change):
        change.setdefault("Origin_Host", self.peer.node.origin_host)
        return super().request(kind, *more, **change)


@contextlib.asynccontextmanager
async def client(node, name):
    async with gateway(node, structs.replace(PGW, origin_host=f"{name}.{PGW_REALM}")) as peer:
        yield Client(node, peer)


def names_in(octets):
    """Names of the members of every MSCC of an answer, and those of the command level."""
    answer = decode_lenient(octets, default_dictionary())
    return {avp.name for avp in answer.avps} | {each.name for group in groups(answer) for each in group.children}


def final_of(answer):
    """Final-Unit-Action of each group."""
    return [value(group, "Final-Unit-Indication", "Final-Unit-Action") for group in groups(answer)]


def seconds(answer):
    return [value(each, "Granted-Service-Unit", "CC-Time") for each in groups(answer)]


# What holds for a connection ---------------------------------------------------------------------


async def test_everything_is_sent_to_a_gateway_without_profile(node):
    async with client(node, "generic") as line:
        session = (await line.open(money(10_000_000))).session()
        await session.ask(INITIAL, mscc(10))
        sent = names_in(session.received)
        assert {"Volume-Quota-Threshold", "Quota-Holding-Time", "Trigger", "Remaining-Balance"} <= sent
        assert "Credit-Control-Failure-Handling" in sent


async def test_final_units_come_with_everything_to_a_gateway_without_profile(node):
    async with client(node, "generic") as line:
        session = (await line.open(money(100_000))).session()
        (last,) = groups(await session.ask(INITIAL, mscc(10)))
        assert {"Final-Unit-Indication", "QoS-Final-Unit-Indication", "Announcement-Information"} <= {
            each.name for each in last.children
        }


async def test_the_operator_sees_which_profile_holds(node):
    async with client(node, "magma"), client(node, "bare"), client(node, "generic"):
        shown = {each.host: each.profile for each in node.transport.peers.statuses() if each.connected_since_ms}
    assert shown == {
        f"magma.{PGW_REALM}": "magma",
        f"bare.{PGW_REALM}": "cisco-staros",
        f"generic.{PGW_REALM}": "generic",
    }


async def test_behind_a_relay_the_name_of_the_gateway_counts_and_else_the_relay(node):
    """A peers table names the first gateway and not the second one."""
    async with client(node, "relay") as line:
        await line.open(money(10_000_000))
        for host, has_threshold in ((f"generic.{PGW_REALM}", True), ("smf.visited.example.org", False)):
            session = line.session(host)
            await session.ask(INITIAL, mscc(10), Origin_Host=host)
            assert ("Volume-Quota-Threshold" in names_in(session.received)) is has_threshold


@pytest.mark.parametrize("name", PROFILES)
async def test_nothing_optional_that_the_profile_does_not_name(node, name):
    """What no source says that the gateway reads is not sent, whatever the catalogue would like."""
    async with client(node, name) as line:
        await line.open(money(10_000_000))
        if name == "kamailio":
            made = Call(line)
            await made.ask(INITIAL, call(60), ims())
            octets, may = made.session.received, {"Time-Quota-Threshold"}
        else:
            session = line.session()
            assert code_of(await session.ask(INITIAL, mscc(10))) == 2001
            octets, may = session.received, {"Volume-Quota-Threshold"} if name in ("open5gs", "ergw") else set()
        sent = names_in(octets)
        assert sent & OUT == may
        assert not sent & {"Credit-Control-Failure-Handling", "Remaining-Balance"}


# Open5GS -----------------------------------------------------------------------------------------


async def test_open5gs_asks_for_more_when_the_last_units_are_used(node):
    """No FUI, which would end the session at the next report although money came meanwhile."""
    async with client(node, "open5gs") as line:
        session = open5gs(await line.open(money(20_000)))
        last = await session.report(INITIAL)
        assert (granted(last), final_of(last)) == ([1 * MB], [None])
        await line.recharge(data(50 * MB))
        more = await session.report(UPDATE, usage(sent=MB // 2, received=MB // 2, seconds=9, reason=3))
        assert (code_of(more), granted(more)) == (2001, [1 * MB])
        assert await session.report(TERMINATION, usage(sent=0, received=0, seconds=0))
        assert (await line.buckets())["data-1"] == (50 * MB, 0)


async def test_open5gs_without_credit_is_refused_as_a_whole_and_leaves_no_session(node):
    """Never an MSCC without a grant, which would be free traffic: not even one that redirects."""
    async with client(node, "open5gs") as line:
        session = open5gs(await line.open(money(0)))
        refused = await session.report(INITIAL)
        assert (code_of(refused), groups(refused)) == (4012, [])
        assert (await line.sessions(), (await line.account()).open_sessions) == ({}, 0)


async def test_open5gs_runs_dry_and_reports_the_rest_at_the_end(node):
    """4012 in the MSCC of a CCR-Update releases the bearer; the session stays until its CCR-Termination."""
    async with client(node, "open5gs") as line:
        session = open5gs(await line.open(money(20_000)))
        await session.report(INITIAL)
        dry = await session.report(UPDATE, usage(sent=MB, received=0, seconds=9, reason=3))
        assert (code_of(dry), group_codes(dry)) == (2001, [(None, 4012)])
        ended = await session.report(TERMINATION, usage(sent=0, received=MB // 10, seconds=1), ("Reporting-Reason", 2))
        assert code_of(ended) == 2001
        assert await line.buckets() == {"money": (-20_000, 0)}


@pytest.mark.parametrize("name", ["open5gs", "magma", "ergw", *CAUTIOUS])
async def test_what_is_free_is_granted_where_4011_would_refuse_it(node, name):
    """A group that is not controlled, and an offer without credit control; nothing is charged or reserved."""
    async with client(node, name) as line:
        session = (await line.open(money(1000))).session()
        answer = await session.ask(INITIAL, mscc(70))
        assert (group_codes(answer), granted(answer)) == ([(70, 2001)], [1_000_000_000])
        gift = (await Client(node, line.peer).open(offer="gift")).session()
        answer = await gift.ask(INITIAL, mscc(10, wants=[("CC-Total-Octets", MB)]))
        assert (group_codes(answer), granted(answer)) == ([(10, 2001)], [1_000_000_000])
        answer = await gift.ask(UPDATE, mscc(10, used=900 * MB))
        assert (group_codes(answer), granted(answer)) == ([(10, 2001)], [1_000_000_000])
        assert code_of(await gift.ask(TERMINATION, mscc(10, wants=None, used=5 * MB), Termination_Cause=1)) == 2001
        assert await line.buckets() == {"money": (1000, 0)}


async def test_open5gs_is_not_waited_for_after_a_request(node):
    """RAR: answered 2001 and nothing comes of it. ASR: none is sent; the next request of a blocked user is refused."""
    async with client(node, "open5gs") as line:
        session = open5gs(await line.open(money(20_000)))
        await session.report(INITIAL)
        await session.report(UPDATE, usage(sent=MB, received=0, seconds=9, reason=3))
        await line.recharge(data(50 * MB))
        octets, rar = await asked(line.peer, Command.RE_AUTH)
        assert value(rar, "Rating-Group") is None
        line.peer.send(reply(octets, 2001, line.peer.node))
        await reach(node, session, RequestState.ANSWERED)
        assert node.reauthorizer.awaited == {}
        await node.engine.execute(SetAccountStatus(line.account_id, Status.BLOCKED, "fraud"))
        await reach(node, session, RequestState.ANSWERED, RequestState.GAVE_UP)
        assert code_of(await line.peer.ask(line.peer.dwr())) == 2001
        assert code_of(await session.report(UPDATE, usage(sent=0, received=0, seconds=0))) == 4010


async def test_open5gs_renews_a_quota_of_time_only_if_it_is_another_one(node):
    """CC-Time is measured there, and never as long as the time before; the bill is that of the time used."""
    async with client(node, "open5gs") as line, client(node, "generic") as other:
        session = (await line.open(money(10_000_000))).session()
        sizes = [seconds(await session.ask(INITIAL, mscc(60)))]
        for granted_before in (300, 299, 300):
            report = credit(("Requested-Service-Unit", []), usage(seconds=granted_before), ("Rating-Group", 60))
            sizes.append(seconds(await session.ask(UPDATE, report)))
        assert sizes == [[300], [299], [300], [299]]
        assert await line.buckets() == {"money": (9_100_000, 300_000)}
        session = (await other.open(money(10_000_000))).session()
        assert seconds(await session.ask(INITIAL, mscc(60))) == [300]
        assert seconds(await session.ask(UPDATE, mscc(60))) == [300]


# Magma -------------------------------------------------------------------------------------------


async def test_magma_gets_octets_in_every_grant_and_its_groups_back(node):
    """Several groups in its own order of AVPs; each answered with its ids, 2001 and one of the octet AVPs."""
    async with client(node, "magma") as line:
        await line.open(data(100 * MB))
        wish, ids = ("Requested-Service-Unit", ALL_THREE), ("Service-Identifier", 7)
        asked_for = [credit(wish, ids, ("Rating-Group", group)) for group in (10, 20)]
        _, opened = await exchange(line.peer, magma(line, INITIAL, 0, *asked_for))
        assert (group_codes(opened), granted(opened)) == ([(10, 2001), (20, 2001)], [10 * MB, 10 * MB])
        used = usage(total=8 * MB, sent=3 * MB, received=5 * MB, reason=3)
        octets, answer = await exchange(
            line.peer, magma(line, UPDATE, 1, credit(wish, used, ids, ("Rating-Group", 10)))
        )
        assert granted(answer) == [10 * MB]
        assert len(of(list(walk(octets[20:])), CREDIT)) == 1
        assert [value(group, "Service-Identifier") for group in groups(answer)] == [7]


async def test_magma_is_never_granted_time(node):
    """A credit without octets would be rejected: the group is refused instead, and the others go on."""
    async with client(node, "magma") as line:
        await line.open(money(10_000_000))
        wish = ("Requested-Service-Unit", ALL_THREE)
        asked_for = [credit(wish, ("Rating-Group", group)) for group in (10, 60)]
        _, answer = await exchange(line.peer, magma(line, INITIAL, 0, *asked_for))
        assert (group_codes(answer), granted(answer)) == ([(10, 2001), (60, 5004)], [10 * MB, None])
        assert (await line.buckets())["money"][1] == 200_000


@pytest.mark.parametrize(
    ("group", "action", "filters"), [(10, 1, ["portal-only"]), (20, 2, ["portal-only"]), (21, 0, [])]
)
async def test_magma_redirects_and_restricts_by_name_only(node, group, action, filters):
    """Restriction-Filter-Rule is not read there: a restriction that has nothing else is a termination."""
    async with client(node, "magma") as line:
        session = (await line.open(money(100_000))).session()
        (last,) = groups(await session.ask(INITIAL, mscc(group)))
        final = last.first("Final-Unit-Indication")
        assert value(final, "Final-Unit-Action") == action
        assert [each.value for each in final.all("Filter-Id")] == filters
        assert final.first("Restriction-Filter-Rule") is None
        assert not {"QoS-Final-Unit-Indication", "Announcement-Information"} & {each.name for each in last.children}


async def test_magma_redirects_at_once_but_only_what_it_can(node):
    """Nothing left: a Final-Unit-Indication without grant where it is read, 4012 elsewhere."""
    async with client(node, "magma") as line:
        session = (await line.open(money(0))).session()
        answer = await session.ask(INITIAL, mscc(10), mscc(21))
        assert (group_codes(answer), final_of(answer)) == ([(10, 2001), (21, 4012)], [1, None])


async def test_magma_is_asked_for_the_group(node):
    async with client(node, "magma") as line:
        session = (await line.open(money(0))).session()
        await session.ask(INITIAL, mscc(21))
        await line.recharge(data(50 * MB))
        octets, rar = await asked(line.peer, Command.RE_AUTH)
        assert value(rar, "Rating-Group") == 21
        line.peer.send(reply(octets, 2002, line.peer.node))
        assert granted(await session.ask(UPDATE, mscc(21, reason=7))) == [10 * MB]
        await reach(node, session, RequestState.CCR_SEEN)


@pytest.mark.parametrize(("name", "has_change"), [("generic", True), ("ergw", True), ("magma", False)])
async def test_the_quota_ends_with_the_price_where_reports_are_not_split(node, name, has_change):
    """Sized and paid at the price of the moment; the rest of the session at the next one."""
    async with client(node, name) as line:
        session = (await line.open(money(1_000_000))).session()
        opened = await session.ask(INITIAL, mscc(80))
        (group,) = groups(opened)
        assert (value(group, "Granted-Service-Unit", "Tariff-Time-Change") is not None) is has_change
        assert granted(opened) == [5 * MB if has_change else 10 * MB]
        assert (value(group, "Validity-Time") <= 3600) is not has_change
        move_clock(node, 2 * 3600)
        again = await session.ask(UPDATE, mscc(80, used=1 * MB, reason=4))
        assert (await line.buckets())["money"][0] == 900_000
        assert granted(again) == [4 * MB]


# ergw --------------------------------------------------------------------------------------------


async def test_ergw_is_told_nothing_of_final_units(node):
    """It does not read them: the last grant is one like others, then the group is refused and the session stays."""
    async with client(node, "ergw") as line:
        session = (await line.open(money(100_000))).session()
        context = {"Service_Context_Id": "14.32251@3gpp.org"}
        last = await session.ask(INITIAL, mscc(10), ("Multiple-Services-Indicator", 1), **context)
        assert (granted(last), final_of(last)) == ([5 * MB], [None])
        used = usage(total=5 * MB, sent=2 * MB, received=3 * MB, seconds=5, reason=3)
        dry = await session.ask(
            UPDATE, credit(("Requested-Service-Unit", []), used, ("Rating-Group", 10)), mscc(50), **context
        )
        assert (code_of(dry), group_codes(dry), final_of(dry)) == (2001, [(10, 4012), (50, 5003)], [None, None])
        empty = credit(("Used-Service-Unit", []), ("Rating-Group", 10))
        assert code_of(await session.ask(TERMINATION, empty, Termination_Cause=1, **context)) == 2001
        assert await line.buckets() == {"money": (0, 0)}


# Kamailio ----------------------------------------------------------------------------------------


async def test_kamailio_gets_time_or_a_refusal(node):
    """CC-Time above zero and 2001 in the only MSCC; 4012 for the call, never a grant of nothing."""
    async with client(node, "kamailio") as line:
        await line.open(money(100_000))
        made = Call(line)
        opened = await made.ask(INITIAL, call(6), ims())
        assert (group_codes(opened), seconds(opened)) == ([(200, 2001)], [10])
        assert final_of(opened) == [1]
        assert value(groups(opened)[0], "Final-Unit-Indication", "Redirect-Server", "Redirect-Address-Type") == 3
        ended = await made.ask(TERMINATION, call(None, 10))
        assert code_of(ended) == 2001
        refused = await Call(line, "second").ask(INITIAL, call(6), ims())
        assert (code_of(refused), groups(refused)) == (4012, [])
        assert (await line.account()).open_sessions == 0


async def test_kamailio_runs_dry(node):
    """A CCR-Update without credit is 4012, not a redirect without time."""
    async with client(node, "kamailio") as line:
        await line.open(money(200_000))
        made = Call(line)
        assert seconds(await made.ask(INITIAL, call(20), ims())) == [20]
        dry = await made.ask(UPDATE, call(20, 20))
        assert (group_codes(dry), final_of(dry)) == ([(200, 4012)], [None])


async def test_kamailio_may_call_for_help_without_an_account(node):
    """4011 would refuse the call there."""
    async with client(node, "kamailio") as line:
        made = Call(line)
        answer = await made.ask(INITIAL, call(30), ims(("IMS-Emergency-Indicator", 1)))
        assert (code_of(answer), group_codes(answer), seconds(answer)) == (2001, [(200, 2001)], [86_400])
        assert code_of(await made.ask(TERMINATION, call(None, 30))) == 5002


async def test_kamailio_is_asked_for_the_session(node):
    async with client(node, "kamailio") as line:
        await line.open(money(200_000))
        made = Call(line)
        await made.ask(INITIAL, call(20), ims())
        await line.recharge(money(1_000_000))
        octets, rar = await asked(line.peer, Command.RE_AUTH)
        assert (value(rar, "Rating-Group"), value(rar, "Service-Identifier")) == (None, None)
        line.peer.send(reply(octets, 2002, line.peer.node))
        assert seconds(await made.ask(UPDATE, call(20, 5))) == [20]
        await reach(node, made.session, RequestState.CCR_SEEN)


# Cisco, and gateways of which little is known ------------------------------------------------------


async def test_cisco_knows_three_refusals_of_a_group(node):
    """4011 for a group is a grant, 5003 becomes 5031: other codes are left to its failure handling."""
    async with client(node, "cisco-staros") as line:
        session = (await line.open(money(10_000_000))).session()
        answer = await session.ask(INITIAL, mscc(10), mscc(50), mscc(70))
        assert group_codes(answer) == [(10, 2001), (50, 5031), (70, 2001)]
        assert granted(answer) == [10 * MB, None, 1_000_000_000]


async def test_cisco_leaves_a_whole_session_uncontrolled(node):
    async with client(node, "cisco-staros") as line:
        session = (await line.open(offer="gift")).session()
        assert code_of(await session.ask(INITIAL, mscc(10))) == 4011
        assert await line.sessions() == {}


async def test_cisco_redirects_and_reports_without_wish_and_group(node):
    async with client(node, "cisco-staros") as line:
        session = (await line.open(money(60_000))).session()
        last = await session.ask(INITIAL, mscc(10))
        assert final_of(last) == [1]
        report = await session.ask(UPDATE, credit(usage(sent=1 * MB, received=2 * MB, reason=3)))
        assert (code_of(report), group_codes(report), granted(report)) == (2001, [(None, 2001)], [None])


@pytest.mark.parametrize("name", CAUTIOUS)
async def test_what_every_gateway_understands(node, name):
    """Grant, Rating-Group, Validity-Time and Result-Code, and the last units end the service."""
    async with client(node, name) as line:
        session = (await line.open(money(300_000))).session()
        await session.ask(INITIAL, mscc(10))
        assert names_in(session.received) == {
            "Session-Id", "Result-Code", "Origin-Host", "Origin-Realm", "Auth-Application-Id",
            "CC-Request-Type", "CC-Request-Number", "Multiple-Services-Credit-Control",
            "Granted-Service-Unit", "Rating-Group", "Validity-Time",
        }  # fmt: skip
        last = await session.ask(UPDATE, mscc(10, used=10 * MB))
        assert (granted(last), final_of(last)) == ([5 * MB], [0])
        (group,) = groups(last)
        assert {each.name for each in group.first("Final-Unit-Indication").children} == {"Final-Unit-Action"}
        dry = await session.ask(UPDATE, mscc(10, used=5 * MB, reason=3))
        assert (code_of(dry), group_codes(dry)) == (2001, [(10, 4012)])
        ended = await session.ask(TERMINATION, mscc(10, wants=None), Termination_Cause=1)
        first = session.received
        for _ in range(2):
            await session.repeat()
            assert session.received == first
        assert code_of(ended) == 2001


# Keys that an operator sets himself ----------------------------------------------------------------


async def test_overrides_hold_for_one_peer(node):
    """No 2001 beside a grant, and no final units in the first answer: they come with the next."""
    async with client(node, "bare") as line:
        session = (await line.open(money(100_000))).session()
        line.peer.send(session.request(INITIAL, mscc(10)))
        opened = await line.peer.receive()
        assert (code_of(opened), group_codes(opened)) == (2001, [(10, None)])
        assert (granted(opened), final_of(opened)) == ([5 * MB], [None])
        line.peer.send(session.request(UPDATE, mscc(10, used=1 * MB)))
        again = await line.peer.receive()
        assert (granted(again), final_of(again)) == ([4 * MB], [1])
        line.peer.send(session.request(UPDATE, mscc(50)))
        assert group_codes(await line.peer.receive()) == [(50, 5031)]
