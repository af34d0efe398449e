"""Requests of the node to gateways over the wire: who is asked, on which connection, and what follows."""

import asyncio
import contextlib
from itertools import count

import pytest
from msgspec import structs

from diameter_ocs.charging.commands import AbortSession, AskGateway
from diameter_ocs.charging.outbox import RequestKind, RequestState
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.ledger.account import Status
from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import Credit, SetAccountStatus, SetSubscriberStatus
from diameter_ocs.simulator.dialect import Origin
from diameter_ocs.simulator.scenario import run_scenario
from diameter_ocs.simulator.scenario_file import Deed, parse_scenario
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.header import RETRANSMIT, read_header
from tests.support.catalogue import catalogue_in
from tests.support.engines import until
from tests.support.gy import INITIAL, TERMINATION, UPDATE, GySession, granted, group_codes, stored_session
from tests.support.ocs import (
    MB,
    MSISDN,
    OCS_HOST,
    OCS_REALM,
    PGW,
    PGW_HOST,
    PGW_REALM,
    add_line,
    bucket_of,
    code_of,
    data,
    gateway,
    mscc,
    running_ocs,
    value,
)
from tests.support.server_requests import FAST, asked, reach, reply, requests_of

ORIGIN = Origin(PGW_HOST, PGW_REALM, OCS_REALM, 5)
_numbers = count(1)


@contextlib.asynccontextmanager
async def node_in(folder, **settings):
    async with running_ocs(folder, **(catalogue_in(folder) | FAST | settings)) as made:
        yield made


@pytest.fixture
async def node(tmp_path):
    async with node_in(tmp_path) as made:
        yield made


def named(host):
    return structs.replace(PGW, origin_host=host)


def session_on(peer, msisdn=MSISDN):
    return GySession(peer, msisdn, f"{PGW_HOST};7;{next(_numbers)}")


async def dry_session(node, peer, account_id="acc-1"):
    """Its only group was refused for lack of credit."""
    await add_line(node, account_id, data(5 * MB), offer="standard")
    session = session_on(peer)
    assert granted(await session.ask(INITIAL, mscc(10))) == [5 * MB]
    assert group_codes(await session.ask(UPDATE, mscc(10, used=5 * MB, reason=3))) == [(10, 4012)]
    return session


async def top_up(node, amount=50 * MB, account_id="acc-1", **more):
    outcome = await node.engine.execute(Credit(account_id, data(amount, "top-up", **more), "bought"))
    assert outcome.verdict is Verdict.SUCCESS


async def block(node, account_id="acc-1"):
    outcome = await node.engine.execute(SetAccountStatus(account_id, Status.BLOCKED, "fraud"))
    assert outcome.verdict is Verdict.SUCCESS


async def running_session(node, peer, account_id="acc-1"):
    """Has quota, and the account has plenty."""
    await add_line(node, account_id, data(500 * MB), offer="standard")
    session = session_on(peer)
    assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
    return session


async def kinds(node, account_id="acc-1"):
    return [entry.kind for entry in await node.store.entries(account_id)]


async def assert_silent(peer):
    """Nothing has come: the answer to a watchdog is the next message."""
    assert code_of(await peer.ask(peer.dwr())) == 2001


async def test_a_dry_session_goes_on_after_a_top_up(node):
    """4012, credit, RAR for the group, RAA 2002, CCR-Update with the forced reason: quota again (RFC 8506 §5.5)."""
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
        await top_up(node)
        octets, rar = await asked(peer, Command.RE_AUTH)
        assert read_header(octets).flags == 0xC0
        assert value(rar, "Session-Id") == session.session_id
        assert value(rar, "Origin-Host") == OCS_HOST
        assert (value(rar, "Destination-Realm"), value(rar, "Destination-Host")) == (PGW_REALM, PGW_HOST)
        assert (value(rar, "Re-Auth-Request-Type"), value(rar, "Rating-Group")) == (0, 10)
        peer.send(reply(octets, 2002))
        assert granted(await session.ask(UPDATE, mscc(10, reason=7))) == [10 * MB]
        (row,) = await reach(node, session, RequestState.CCR_SEEN)
        assert (row.kind, row.cause, row.tries, row.result_code) == (RequestKind.REAUTHORIZE, "bought", 1, 2002)


async def test_only_sessions_that_ran_dry_are_asked(node):
    """Of one account: a session with credit is left alone, and so is one whose group the new bucket cannot pay."""
    async with gateway(node) as peer:
        await add_line(node, "acc-1", data(5 * MB, rating_groups=(10,)), data(500 * MB, "video", rating_groups=(20,)),
                       offer="standard")  # fmt: skip
        dry, rich = session_on(peer), session_on(peer)
        await dry.ask(INITIAL, mscc(10))
        assert group_codes(await dry.ask(UPDATE, mscc(10, used=5 * MB, reason=3))) == [(10, 4012)]
        assert granted(await rich.ask(INITIAL, mscc(20))) == [10 * MB]
        await top_up(node, rating_groups=(20,))
        assert await node.store.pending_requests(10) == []
        await top_up(node, rating_groups=(10,))
        octets, rar = await asked(peer, Command.RE_AUTH)
        assert value(rar, "Session-Id") == dry.session_id
        peer.send(reply(octets, 2001))
        await reach(node, dry, RequestState.ANSWERED)
        assert await requests_of(node, rich) == []
        await assert_silent(peer)


async def test_final_units_out_at_the_gateway_are_replaced(node):
    """A session that holds the last units is asked before it uses them up; both reported and new units are booked."""
    async with gateway(node) as peer:
        await add_line(node, "acc-1", data(5 * MB), offer="standard")
        session = session_on(peer)
        await session.ask(INITIAL, mscc(10))
        await top_up(node)
        octets, _ = await asked(peer, Command.RE_AUTH)
        peer.send(reply(octets, 2002))
        assert granted(await session.ask(UPDATE, mscc(10, used=1 * MB, reason=7))) == [10 * MB]
        assert (await bucket_of(node)).remaining == 4 * MB


async def test_two_dry_groups_are_asked_for_with_one_request(node):
    """A message names one group: for two it names none (RFC 8506 §5.5)."""
    async with gateway(node) as peer:
        await add_line(node, "acc-1", offer="standard")
        session = session_on(peer)
        assert group_codes(await session.ask(INITIAL, mscc(10), mscc(20), mscc(30))) == [
            (10, 4012),
            (20, 4012),
            (30, 2001),
        ]
        await top_up(node)
        octets, rar = await asked(peer, Command.RE_AUTH)
        assert value(rar, "Rating-Group") is None
        peer.send(reply(octets, 2002))
        assert granted(await session.ask(UPDATE, mscc(10, reason=7), mscc(20, reason=7))) == [10 * MB, 10 * MB]
        await reach(node, session, RequestState.CCR_SEEN)


async def test_three_updates_at_once_after_one_request(node):
    """Some gateways send one CCR-Update per group without waiting: all are charged, the request is done once."""
    async with gateway(node) as peer:
        await add_line(node, "acc-1", offer="standard")
        session = session_on(peer)
        await session.ask(INITIAL, mscc(10), mscc(20), mscc(60))
        await top_up(node)
        octets, _ = await asked(peer, Command.RE_AUTH)
        updates = [session.request(UPDATE, mscc(group, reason=7), hop_by_hop=0x900 + group) for group in (10, 20, 10)]
        peer.send(reply(octets, 2002) + b"".join(updates))
        answers = [await peer.receive() for _ in updates]
        assert [code_of(each) for each in answers] == [2001, 2001, 2001]
        assert [granted(each) for each in answers] == [[10 * MB], [10 * MB], [10 * MB]]
        assert (await bucket_of(node, "top-up")).reserved == 20 * MB
        await reach(node, session, RequestState.CCR_SEEN)
        assert node.reauthorizer.results["reauthorize", "ccr_seen"] == 1


async def test_an_update_before_the_answer_is_what_was_asked_for(node):
    """The CCR-Update may overtake the RAA; a gateway that then never answers is not asked again."""
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
        await top_up(node)
        await asked(peer, Command.RE_AUTH)
        assert granted(await session.ask(UPDATE, mscc(10, reason=7))) == [10 * MB]
        (row,) = await reach(node, session, RequestState.CCR_SEEN)
        assert (row.tries, row.result_code) == (1, 0)


async def test_a_gateway_that_does_not_know_the_session(node):
    """RAA 5002: the session is closed and its reservation released, on record."""
    async with gateway(node) as peer:
        await add_line(node, "acc-1", data(5 * MB), offer="standard")
        session = session_on(peer)
        await session.ask(INITIAL, mscc(10))
        await top_up(node)
        octets, _ = await asked(peer, Command.RE_AUTH)
        peer.send(reply(octets, 5002))
        (row,) = await reach(node, session, RequestState.CLOSED)
        assert row.result_code == 5002
        stored = await stored_session(node, session.session_id)
        assert (stored.status, stored.close_reason) == (SessionStatus.CLOSED, "unknown to the gateway (5002)")
        assert (await bucket_of(node)).reserved == 0
        assert (await kinds(node))[-1] == "session_aborted"
        late = await session.ask(UPDATE, mscc(10, used=MB))
        assert code_of(late) == 5002
        assert (await bucket_of(node)).remaining == 4 * MB


async def test_another_gateway_cannot_say_that_a_session_is_gone(node):
    """Sent by way of another peer of the realm, whose own 5002 proves nothing: supervision decides."""
    async with gateway(node, named(f"agent.{PGW_REALM}")) as other:
        async with gateway(node) as peer:
            session = await dry_session(node, peer)
        await until(lambda: node.transport.peers.connection_to(PGW_HOST) is None)
        await top_up(node)
        octets, rar = await asked(other, Command.RE_AUTH)
        assert value(rar, "Destination-Host") == PGW_HOST
        other.send(reply(octets, 5002, named(f"agent.{PGW_REALM}")))
        await reach(node, session, RequestState.ANSWERED)
        assert (await stored_session(node, session.session_id)).status is SessionStatus.OPEN


async def test_a_gateway_that_never_answers(node):
    """Asked three times, with the T flag from the second on; then given up, and the session stays."""
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
        await top_up(node)
        sent = [await peer.receive_bytes() for _ in range(3)]
        headers = [read_header(each) for each in sent]
        assert [bool(each.flags & RETRANSMIT) for each in headers] == [False, True, True]
        assert len({each.end_to_end for each in headers}) == 1
        assert len({each.hop_by_hop for each in headers}) == 3
        (row,) = await reach(node, session, RequestState.GAVE_UP)
        assert row.tries == 3
        assert (await stored_session(node, session.session_id)).status is SessionStatus.OPEN
        await assert_silent(peer)


async def test_a_second_connection_of_the_realm_is_tried_when_the_first_stays_silent(node):
    async with gateway(node) as peer, gateway(node, named(f"agent.{PGW_REALM}")) as agent:
        session = await dry_session(node, peer)
        await top_up(node)
        first, _ = await asked(peer, Command.RE_AUTH)
        second, _ = await asked(agent, Command.RE_AUTH)
        assert read_header(second).flags & RETRANSMIT
        assert read_header(first).end_to_end == read_header(second).end_to_end
        agent.send(reply(second, 2002))
        assert granted(await session.ask(UPDATE, mscc(10, reason=7))) == [10 * MB]
        await reach(node, session, RequestState.CCR_SEEN)


async def test_a_busy_gateway_is_asked_again_without_the_mark_of_a_repeat(node):
    """After an error answer the T flag must not be set (RFC 6733 §3)."""
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
        await top_up(node)
        octets, _ = await asked(peer, Command.RE_AUTH)
        peer.send(reply(octets, 3004))
        again, _ = await asked(peer, Command.RE_AUTH)
        assert not read_header(again).flags & RETRANSMIT
        peer.send(reply(again, 2001))
        await reach(node, session, RequestState.ANSWERED)


async def test_the_gateway_is_away_and_comes_back(node):
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
    await until(lambda: node.transport.peers.connection_to(PGW_HOST) is None)
    await top_up(node)
    await reach(node, session, RequestState.WAITING)
    async with gateway(node) as peer:
        octets, _ = await asked(peer, Command.RE_AUTH)
        peer.send(reply(octets, 2002))
        await reach(node, session, RequestState.ANSWERED)


async def test_a_connection_that_breaks_over_a_request_is_not_broken_for_ever(node):
    """Asked again when it is back, three times in all: a gateway that falls over a request gets peace."""
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
        await top_up(node)
        await asked(peer, Command.RE_AUTH)
        peer.reset()
    for _ in range(2):
        await until(lambda: node.transport.peers.connection_to(PGW_HOST) is None)
        async with gateway(node) as peer:
            await asked(peer, Command.RE_AUTH)
            peer.reset()
    (row,) = await reach(node, session, RequestState.GAVE_UP)
    assert row.tries == 3
    await until(lambda: node.transport.peers.connection_to(PGW_HOST) is None)
    async with gateway(node) as peer:
        await assert_silent(peer)
    assert (await stored_session(node, session.session_id)).status is SessionStatus.OPEN


async def test_a_request_outlives_the_node(tmp_path):
    """Written, not delivered, node ended and started anew: the gateway is asked when it connects."""
    async with node_in(tmp_path) as node:
        async with gateway(node) as peer:
            session = await dry_session(node, peer)
        await until(lambda: node.transport.peers.connection_to(PGW_HOST) is None)
        await top_up(node)
    async with node_in(tmp_path) as node:
        await reach(node, session, RequestState.WAITING)
        async with gateway(node) as peer:
            octets, rar = await asked(peer, Command.RE_AUTH)
            assert value(rar, "Session-Id") == session.session_id
            peer.send(reply(octets, 2002))
            session.peer = peer
            assert granted(await session.ask(UPDATE, mscc(10, reason=7))) == [10 * MB]
            await reach(node, session, RequestState.CCR_SEEN)


async def test_a_request_for_a_session_that_ended_meanwhile_is_dropped(node):
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
    await until(lambda: node.transport.peers.connection_to(PGW_HOST) is None)
    await top_up(node)
    ended = await node.engine.execute(AbortSession("acc-1", session.session_id, "test"))
    assert ended.verdict is Verdict.SUCCESS
    async with gateway(node) as peer:
        (row,) = await reach(node, session, RequestState.CLOSED)
        assert row.tries == 0
        await assert_silent(peer)


async def test_blocking_an_account_ends_its_sessions(node):
    """ASR, ASA 2001, CCR-Termination with its last usage (RFC 6733 §8.5)."""
    async with gateway(node) as peer:
        session = await running_session(node, peer)
        await block(node)
        octets, asr = await asked(peer, Command.ABORT_SESSION)
        assert value(asr, "Destination-Host") == PGW_HOST
        assert value(asr, "Re-Auth-Request-Type") is None
        peer.send(reply(octets, 2001))
        ended = await session.ask(TERMINATION, mscc(10, wants=None, used=2 * MB, reason=2), Termination_Cause=4)
        assert code_of(ended) == 4010
        (row,) = await reach(node, session, RequestState.CCR_SEEN)
        assert (row.kind, row.cause, row.result_code) == (RequestKind.ABORT, "fraud", 2001)
        assert (await bucket_of(node)).remaining == 498 * MB
        assert (await kinds(node))[-1] == "ccr_termination"


async def test_blocking_a_subscriber_ends_only_its_sessions(node):
    async with gateway(node) as peer:
        session = await running_session(node, peer)
        await add_line(node, "acc-2", data(50 * MB), msisdn="99955500777", imsi="001010000000777", offer="standard")
        other = session_on(peer, "99955500777")
        await other.ask(INITIAL, mscc(10))
        await node.engine.execute(SetSubscriberStatus("acc-1", "sub-acc-1", Status.BLOCKED))
        octets, asr = await asked(peer, Command.ABORT_SESSION)
        assert value(asr, "Session-Id") == session.session_id
        peer.send(reply(octets, 2001))
        await session.ask(TERMINATION, Termination_Cause=4)
        await reach(node, session, RequestState.CCR_SEEN)
        assert await requests_of(node, other) == []
        await node.engine.execute(SetSubscriberStatus("acc-1", "sub-acc-1", Status.ACTIVE))
        assert await node.store.pending_requests(10) == []


async def test_a_gateway_that_promises_to_stop_and_does_not(tmp_path):
    """ASA 2001 and no CCR-Termination: the session is closed after the guard time, settled as a silent one."""
    async with node_in(tmp_path, **{"requests.guard_seconds": 0.2}) as node, gateway(node) as peer:
        session = await running_session(node, peer)
        await block(node)
        octets, _ = await asked(peer, Command.ABORT_SESSION)
        peer.send(reply(octets, 2001))
        await reach(node, session, RequestState.CLOSED)
        assert (await stored_session(node, session.session_id)).status is SessionStatus.CLOSED
        assert (await bucket_of(node)).reserved == 0
        assert (await kinds(node))[-1] == "session_aborted"


async def test_the_guard_of_an_abort_outlives_the_node(tmp_path):
    async with node_in(tmp_path) as node, gateway(node) as peer:
        session = await running_session(node, peer)
        await block(node)
        octets, _ = await asked(peer, Command.ABORT_SESSION)
        peer.send(reply(octets, 2001))
        await reach(node, session, RequestState.ANSWERED)
    async with node_in(tmp_path, **{"requests.guard_seconds": 0.1}) as node:
        await reach(node, session, RequestState.CLOSED)
        assert (await bucket_of(node)).reserved == 0


async def test_a_gateway_that_refuses_to_abort_keeps_its_session_until_it_asks(node):
    """Open5GS answers 5005: nothing is closed, its next CCR-Update is refused and ends the session."""
    async with gateway(node) as peer:
        session = await running_session(node, peer)
        await block(node)
        octets, _ = await asked(peer, Command.ABORT_SESSION)
        peer.send(reply(octets, 5005))
        await reach(node, session, RequestState.ANSWERED)
        assert (await stored_session(node, session.session_id)).status is SessionStatus.OPEN
        assert code_of(await session.ask(UPDATE, mscc(10, used=MB))) == 4010
        assert (await bucket_of(node)).reserved == 0


async def test_a_gateway_that_answers_and_does_nothing(tmp_path):
    """Open5GS answers a RAR with 2001 and goes on as before: nothing waits for it, the next top-up asks again."""
    async with node_in(tmp_path) as node, gateway(node) as peer:
        session = await dry_session(node, peer)
        for _ in range(2):
            await top_up(node)
            octets, _ = await asked(peer, Command.RE_AUTH)
            peer.send(reply(octets, 2001))
        await reach(node, session, RequestState.ANSWERED, RequestState.ANSWERED)
        assert (await stored_session(node, session.session_id)).status is SessionStatus.OPEN
        await assert_silent(peer)


async def test_an_operator_asks(node):
    async with gateway(node) as peer:
        session = await running_session(node, peer)
        command = AskGateway("acc-1", session.session_id, RequestKind.REAUTHORIZE, 10, "new price")
        assert (await node.engine.execute(command)).verdict is Verdict.SUCCESS
        octets, rar = await asked(peer, Command.RE_AUTH)
        assert value(rar, "Rating-Group") == 10
        peer.send(reply(octets, 2002))
        await session.ask(UPDATE, mscc(10, used=MB, reason=7))
        (row,) = await reach(node, session, RequestState.CCR_SEEN)
        assert row.cause == "new price"
        await session.ask(TERMINATION)
        assert (await node.engine.execute(command)).verdict is Verdict.NOT_FOUND


async def test_requests_on_the_metrics_page(node):
    async with gateway(node) as peer:
        session = await dry_session(node, peer)
        await top_up(node)
        octets, _ = await asked(peer, Command.RE_AUTH)
        peer.send(reply(octets, 2002))
        await reach(node, session, RequestState.ANSWERED)
        await until(lambda: not node.reauthorizer.waiting)
        page = node.telemetry.render()[1].decode()
    assert 'ocs_server_requests_total{kind="reauthorize",result="2002"} 1.0' in page
    assert "ocs_server_requests_waiting 0.0" in page


async def test_sessions_of_a_restarted_gateway_are_closed(node):
    """Its Origin-State-Id rose (RFC 6733 §8.16): what it had open is gone; the other gateway's sessions go on."""
    first, second = PGW, named(f"pgw02.{PGW_REALM}")
    async with gateway(node, second) as other:
        async with gateway(node, structs.replace(first, origin_state_id=100)) as peer:
            lost = await running_session(node, peer)
        await add_line(node, "acc-2", data(50 * MB), msisdn="99955500777", imsi="001010000000777", offer="standard")
        kept = GySession(other, "99955500777", f"{second.origin_host};1;1")
        await kept.ask(INITIAL, mscc(10), Origin_Host=second.origin_host)
        async with gateway(node, structs.replace(first, origin_state_id=101)) as peer:
            async with asyncio.timeout(10):
                while (await stored_session(node, lost.session_id)).status is SessionStatus.OPEN:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert (await stored_session(node, lost.session_id)).close_reason == "peer restarted"
            assert (await bucket_of(node)).reserved == 0
            assert (await stored_session(node, kept.session_id)).status is SessionStatus.OPEN
            new = session_on(peer)
            assert granted(await new.ask(INITIAL, mscc(10))) == [10 * MB]


@pytest.mark.parametrize(("before", "after"), [(100, 100), (100, 0), (0, 101), (101, 100)])
async def test_no_conclusion_is_drawn_from_a_state_that_did_not_rise(node, before, after):
    async with gateway(node, structs.replace(PGW, origin_state_id=before)) as peer:
        session = await running_session(node, peer)
    async with gateway(node, structs.replace(PGW, origin_state_id=after)) as peer:
        session.peer = peer
        assert granted(await session.ask(UPDATE, mscc(10, used=MB))) == [10 * MB]


TOP_UP = {
    "name": "dry, credit, quota again, blocked",
    "sessions": {"web": {"msisdn": MSISDN, "imsi": "001010000000101"}},
    "step": [
        {"do": "start", "session": "web", "groups": [10, 30], "expect": {"groups": {"10": 4012}, "stopped": [10]}},
        {"do": "credit", "session": "web", "amount": "50 MB"},
        {"do": "expect_rar", "session": "web", "expect": {"granted": {"10": ">= 1 MB"}, "phase": "open"}},
        {"do": "use", "session": "web", "octets": {"10": "5 MB"}, "expect": {"passed": {"10": "5 MB"}}},
        {"do": "block", "session": "web"},
        {"do": "expect_asr", "session": "web", "expect": {"phase": "closed"}},
    ],
}


async def test_a_scenario_with_an_operator(node):
    """As files say it: the simulated gateway obeys RAR and ASR, the operator is a callable."""
    await add_line(node, "acc-1", offer="standard")

    async def operate(deed, subscriber, amount):
        assert subscriber.msisdn == MSISDN
        if deed is Deed.CREDIT:
            await top_up(node, amount)
        else:
            await block(node)

    server = tuple(node.transport.addresses[0])
    report = await run_scenario(parse_scenario(TOP_UP), [server], ORIGIN, operator=operate)
    assert [step.reasons for step in report.steps] == [()] * len(TOP_UP["step"])
    assert (await bucket_of(node, "top-up")).remaining == 45 * MB


async def test_a_scenario_without_an_operator_says_so(node):
    await add_line(node, "acc-1", offer="standard")
    server = tuple(node.transport.addresses[0])
    report = await run_scenario(parse_scenario(TOP_UP | {"step": TOP_UP["step"][:2]}), [server], ORIGIN)
    assert report.steps[1].reasons == ("nobody here can change accounts",)
