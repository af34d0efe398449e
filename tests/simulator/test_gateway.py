"""The gateway on real sockets: connects, obeys, survives broken lines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from diameter_ocs.simulator.connection import LinkSettings
from diameter_ocs.simulator.conservation import differences
from diameter_ocs.simulator.credit import Subscriber
from diameter_ocs.simulator.dialect import MAGMA, OPEN5GS, THREE_GPP, Dialect
from diameter_ocs.simulator.gateway import Gateway, NoAnswer
from diameter_ocs.simulator.group import Habits
from diameter_ocs.simulator.live_session import LiveSession
from diameter_ocs.simulator.session import Phase
from diameter_ocs.wire.header import read_header
from tests.simulator.support.stub_ocs import HOST, REALM, Policy, StubOcs

ALICE = Subscriber("99955500101", "001010000000101")
MB = 1_000_000


@asynccontextmanager
async def gateway_to(*stubs: StubOcs, settings: LinkSettings | None = None) -> AsyncIterator[Gateway]:
    gateway = Gateway([stub.address for stub in stubs], settings=settings)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def session(gateway: Gateway, number: int = 1, dialect: Dialect = THREE_GPP, **habits: bool) -> LiveSession:
    return LiveSession(gateway, ALICE, number, dialect, Habits(**habits) if habits else None)


def assert_conserved(live: LiveSession, ocs: StubOcs) -> None:
    assert differences({live.session_id: live.model.books.groups}, ocs.consumed) == []


async def test_a_session_from_start_to_end_is_charged_to_the_octet() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10, 20))
        passed = await live.use({10: 2_500_001, 20: 7})
        await live.end()
    assert passed == {10: 2_500_001, 20: 7}
    assert live.model.phase is Phase.CLOSED
    assert ocs.consumed[live.session_id] == {10: 2_500_001, 20: 7}
    assert ocs.balances[ALICE.imsi] == 100 * MB - 2_500_008
    assert_conserved(live, ocs)


async def test_a_connection_is_used_before_its_link_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CEA may be read before `create_connection` returns; what is sent then must not wait for the next line."""
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs:
        gateway = Gateway([ocs.address])
        loop = asyncio.get_running_loop()
        connect, answered = loop.create_connection, asyncio.Event()

        async def connect_late(*args: Any, **options: Any) -> Any:
            made = await connect(*args, **options)
            await answered.wait()
            return made

        monkeypatch.setattr(loop, "create_connection", connect_late)
        await gateway.start()
        live = session(gateway)
        await live.start((10,))
        answered.set()
        await gateway.stop()
    assert live.model.phase is Phase.OPEN


async def test_destination_host_follows_the_answering_server() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
        await live.end()
    assert [ccr.message.value("Destination-Host") for ccr in ocs.received] == [None, HOST]


async def test_a_subscriber_running_dry_is_cut_off_with_the_last_octet() -> None:
    async with StubOcs({ALICE.imsi: 2_300_000}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
        passed = await live.use({10: 10 * MB})
    assert passed == {10: 2_300_000}
    assert ocs.balances[ALICE.imsi] == 0
    assert live.model.phase is Phase.CLOSED
    assert ocs.numbers()[-1][0] == 3
    assert_conserved(live, ocs)


async def test_final_units_in_one_group_leave_the_other_running() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10, 20))
        ocs.balances[ALICE.imsi] = 1_500_000
        assert await live.use({10: 5 * MB}) == {10: 1_500_000}
        assert live.model.phase is Phase.OPEN
        assert await live.use({20: 10}) == {20: 10}
        await live.end()
    assert_conserved(live, ocs)


async def test_an_answer_lost_with_its_line_is_asked_for_again_with_the_t_flag() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
        ocs.breaks_before_answer = 2
        await live.use({10: 1_500_000})
        await live.end()
        assert gateway.counters.resends == 2
    first, *resent = [ccr for ccr in ocs.received if ccr.key == (live.session_id, 1)]
    assert [ccr.is_resent for ccr in resent] == [True, True]
    assert {ccr.header.end_to_end for ccr in resent} == {first.header.end_to_end}
    assert len({ccr.header.hop_by_hop for ccr in (first, *resent)}) == 3
    assert all(ccr.raw[20:] == first.raw[20:] for ccr in resent)
    assert not first.is_resent
    assert_conserved(live, ocs)


async def test_a_request_the_server_never_processed_is_charged_by_its_resend() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
        ocs.ignores = 1
        await live.use({10: 1_000_000})
        await live.end()
    assert ocs.consumed[live.session_id] == {10: 1_000_000}
    assert_conserved(live, ocs)


async def test_requests_move_to_another_server_when_theirs_is_gone() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as one, StubOcs() as other, gateway_to(one, other) as gateway:
        await one.wait_for(lambda ocs: len(ocs.connections) == 1)
        await other.wait_for(lambda ocs: len(ocs.connections) == 1)
        other.balances, other.consumed, other.answers = one.balances, one.consumed, one.answers
        live = session(gateway)
        await live.start((10,))
        await one.stop()
        assert await live.use({10: 3_000_000}) == {10: 3_000_000}
        await live.end()
        await one.start()
    assert live.model.phase is Phase.CLOSED
    assert_conserved(live, other)


async def test_the_gateway_waits_for_a_server_that_restarts() -> None:
    ocs = StubOcs({ALICE.imsi: 100 * MB})
    await ocs.start()
    port = ocs.address[1]
    async with gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
        await ocs.stop()
        running = asyncio.create_task(live.use({10: 1_500_000}))
        await ocs.start(port)
        assert await running == {10: 1_500_000}
        await live.end()
    await ocs.stop()
    assert_conserved(live, ocs)


async def test_no_answer_within_tx_ends_the_service() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        ocs.silent = True
        live = LiveSession(gateway, ALICE, 1, habits=Habits(tx_seconds=0.05))
        await live.start((10,))
        assert live.model.phase is Phase.FAILED
        assert await live.use({10: 1}) == {10: 0}


async def test_validity_and_holding_time_pass_without_waiting() -> None:
    policy = Policy(validity_seconds=600, holding_seconds=100)
    async with StubOcs({ALICE.imsi: 100 * MB}, policy) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
        await live.use({10: 1234})
        await live.idle(101)
        held = ocs.received[-1].mscc[0]
        policy.holding_seconds = 0
        await live.use({10: 1000})
        await live.wait_validity()
        valid = ocs.received[-1].mscc[0]
        await live.end()
    assert held.first("Reporting-Reason").value == 1  # type: ignore[union-attr]
    assert held.first("Requested-Service-Unit") is None
    assert valid.first("Reporting-Reason").value == 4  # type: ignore[union-attr]
    assert valid.first("Requested-Service-Unit") is not None
    assert_conserved(live, ocs)


async def test_parallel_updates_of_one_session_are_all_under_way_at_once() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway, merges=False)
        await live.start((10, 20, 30))
        ocs.silent = True
        using = asyncio.create_task(live.use({10: MB, 20: MB, 30: MB}))
        await ocs.wait_for(lambda stub: len(stub.received) == 4)
        ocs.silent = False
        gateway.drop_connections()
        await using
        await live.end()
    assert {number for kind, number in ocs.numbers() if kind == 2} == {1, 2, 3}
    assert_conserved(live, ocs)


@pytest.mark.parametrize("dialect", [OPEN5GS, MAGMA])
async def test_every_dialect_is_understood(dialect: Dialect) -> None:
    groups: tuple[int | None, ...] = (10,) if dialect.has_rating_groups else (None,)
    async with StubOcs({ALICE.imsi: 3 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway, dialect=dialect)
        await live.start(groups)
        assert await live.use({groups[0]: 5 * MB}) == {groups[0]: 3 * MB}
        assert live.model.phase is Phase.CLOSED
    assert_conserved(live, ocs)


async def test_an_unknown_subscriber_is_refused_without_a_termination() -> None:
    async with StubOcs() as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
    assert (live.model.phase, live.model.result_code) == (Phase.CLOSED, 5030)
    assert len(ocs.received) == 1


async def test_busy_servers_do_not_swallow_usage() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
        ocs.policy.command_code = lambda ccr: 3004 if ccr.number_of("CC-Request-Type") == 2 else 2001
        await live.use({10: 1_200_000})
    assert live.model.phase is Phase.CLOSED
    assert ocs.consumed[live.session_id] == {10: MB}
    assert live.model.books.of(10).refused == MB
    assert_conserved(live, ocs)


# The base protocol -----------------------------------------------------------------------------


async def test_the_gateway_leaves_in_order() -> None:
    async with StubOcs() as ocs, gateway_to(ocs) as gateway:
        await gateway.stop()
        assert ocs.base_messages == [257, 282]
        assert gateway.links[0].reason == "disconnected in order"


async def test_watchdogs_go_both_ways() -> None:
    async with StubOcs() as ocs, gateway_to(ocs, settings=LinkSettings(watchdog_seconds=0.05)):
        await ocs.wait_for(lambda stub: 280 in stub.base_messages)
        origin = [("Origin-Host", HOST), ("Origin-Realm", REALM)]
        ocs.connections[0].request(280, 0, origin)
        await ocs.wait_for(lambda stub: -280 in stub.base_messages)


async def test_a_server_that_stays_silent_loses_its_connection() -> None:
    async with StubOcs() as ocs:
        ocs.answers_watchdog = False
        async with gateway_to(ocs, settings=LinkSettings(watchdog_seconds=0.05)) as gateway:
            await ocs.wait_for(lambda stub: stub.base_messages.count(257) == 2)
            await gateway.wait_open()


@pytest.mark.parametrize(("cause", "returns"), [(0, True), (1, False), (2, False)])
async def test_a_disconnect_of_the_server_is_answered_and_its_cause_obeyed(cause: int, returns: bool) -> None:
    async with StubOcs() as ocs, gateway_to(ocs) as gateway:
        connection = gateway.open_connections()[0]
        origin = [("Origin-Host", HOST), ("Origin-Realm", REALM)]
        ocs.connections[0].request(282, 0, [*origin, ("Disconnect-Cause", cause)])
        await ocs.wait_for(lambda stub: -282 in stub.base_messages)
        ocs.connections[0].abort()
        await connection.over
        assert connection.may_reconnect is returns
        if returns:
            await ocs.wait_for(lambda stub: stub.base_messages.count(257) == 2)


async def test_a_refused_connection_is_explained() -> None:
    async with StubOcs() as ocs:
        ocs.cea_code = 3010
        gateway = Gateway([ocs.address])
        with pytest.raises(NoAnswer, match="3010"):
            await gateway.start(timeout_seconds=0.2)


async def test_garbage_from_the_server_ends_the_connection() -> None:
    async with StubOcs({ALICE.imsi: MB}) as ocs, gateway_to(ocs) as gateway:
        connection = gateway.open_connections()[0]
        ocs.connections[0].send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert "not Diameter" in await connection.over
        await gateway.wait_open()


async def test_reauthorisation_makes_the_session_report() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        gateway.on_server_request = lambda command, _, group: live.server_request(command, group)
        await live.start((10, 20))
        await live.use({10: 5000})
        ocs.connections[0].request(258, 4, _server_request(live.session_id, [("Re-Auth-Request-Type", 0)]))
        await ocs.wait_for(lambda stub: len(stub.received) == 2)
        await live.settle()
        ocs.connections[0].request(274, 4, _server_request(live.session_id, []))
        await ocs.wait_for(lambda stub: len(stub.received) == 3)
        await live.settle()
    assert ocs.received[1].mscc[0].first("Reporting-Reason").value == 7  # type: ignore[union-attr]
    assert ocs.received[2].message.value("Termination-Cause") == 4
    assert live.model.phase is Phase.CLOSED
    assert_conserved(live, ocs)


async def test_an_unknown_command_of_the_server_is_refused() -> None:
    async with StubOcs() as ocs, gateway_to(ocs):
        ocs.connections[0].request(275, 4, [("Session-Id", "x;1;2")])
        await ocs.wait_for(lambda stub: -275 in stub.base_messages)


def _server_request(session_id: str, extra: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return [
        ("Session-Id", session_id),
        ("Origin-Host", HOST),
        ("Origin-Realm", REALM),
        ("Destination-Realm", "epc.mnc001.mcc001.3gppnetwork.org"),
        ("Destination-Host", "pgw01.epc.mnc001.mcc001.3gppnetwork.org"),
        ("Auth-Application-Id", 4),
        *extra,
    ]


async def test_end_to_end_ids_differ_between_requests() -> None:
    async with StubOcs({ALICE.imsi: 100 * MB}) as ocs, gateway_to(ocs) as gateway:
        live = session(gateway)
        await live.start((10,))
        await live.use({10: 5 * MB})
        await live.end()
    identifiers = [read_header(ccr.raw).end_to_end for ccr in ocs.received]
    assert len(set(identifiers)) == len(identifiers)
