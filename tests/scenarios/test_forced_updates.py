"""What gateways send after a RAR, over the wire: several CCR-Updates in any order, repeats, numbers used again."""

import itertools

import pytest

from diameter_ocs.charging.commands import AskGateway
from diameter_ocs.charging.outbox import RequestKind, RequestState
from diameter_ocs.peer.messages import Command
from tests.scenarios.test_server_requests import asked, node_in, reach, reply, running_session, session_on
from tests.support.gy import INITIAL, UPDATE, debited, exchange, granted
from tests.support.ocs import MB, PGW_HOST, add_line, bucket_of, code_of, data, gateway, mscc

FORCED = 7


@pytest.fixture
async def node(tmp_path):
    async with node_in(tmp_path) as made:
        yield made


async def reauthorize(node, peer, session, code=2002):
    """An operator has the whole session ask again; the gateway says that it will."""
    await node.engine.execute(AskGateway("acc-1", session.session_id, RequestKind.REAUTHORIZE))
    octets, _ = await asked(peer, Command.RE_AUTH)
    peer.send(reply(octets, code))
    await reach(node, session, RequestState.ANSWERED)


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2))))
async def test_updates_of_all_groups_at_once_in_any_order(node, order):
    """One CCR-Update per group, none waiting for another: each is charged once and its repeat gets its answer."""
    async with gateway(node) as peer:
        await add_line(node, "acc-1", data(500 * MB), offer="standard")
        session = session_on(peer)
        await session.ask(INITIAL, mscc(10), mscc(20), mscc(30))
        await reauthorize(node, peer, session)
        updates = [
            session.request(UPDATE, mscc(group, used=used * MB, reason=FORCED), hop_by_hop=group)
            for group, used in ((10, 1), (20, 2), (30, 4))
        ]
        peer.send(b"".join(updates[turn] for turn in order))
        answers = {each.header.hop_by_hop: each for each in [await peer.receive() for _ in updates]}
        assert [code_of(each) for each in answers.values()] == [2001] * 3
        (row,) = await reach(node, session, RequestState.CCR_SEEN)
        assert (row.tries, row.result_code) == (1, 2002)
        assert debited(await node.store.entries("acc-1")) == 7 * MB
        for update in updates:
            _, again = await exchange(peer, update)
            assert granted(again) == granted(answers[again.header.hop_by_hop])
        assert debited(await node.store.entries("acc-1")) == 7 * MB


async def test_a_repeat_of_an_earlier_update_is_not_the_one_that_was_asked_for(node):
    async with gateway(node) as peer:
        session = await running_session(node, peer)
        await session.ask(UPDATE, mscc(10, used=MB, reason=0))
        await reauthorize(node, peer, session)
        await session.repeat()
        await reach(node, session, RequestState.ANSWERED)
        await session.ask(UPDATE, mscc(10, used=MB, reason=FORCED))
        await reach(node, session, RequestState.CCR_SEEN)
        assert (await bucket_of(node)).remaining == 498 * MB


async def test_a_number_used_again_is_refused_and_the_gateway_still_owes_its_update(node):
    """result-code table of RFC 8506 §9: 5012, nothing is debited; the right number is taken."""
    async with gateway(node) as peer:
        session = await running_session(node, peer)
        await session.ask(UPDATE, mscc(10, used=MB, reason=0))
        await reauthorize(node, peer, session)
        assert code_of(await session.ask(UPDATE, mscc(10, used=2 * MB, reason=FORCED), number=1)) == 5012
        await reach(node, session, RequestState.ANSWERED)
        assert code_of(await session.ask(UPDATE, mscc(10, used=2 * MB, reason=FORCED))) == 2001
        await reach(node, session, RequestState.CCR_SEEN)
        assert (await bucket_of(node)).remaining == 497 * MB


async def test_a_gateway_that_may_use_its_numbers_again(tmp_path):
    """After every RAR the last number comes again with another report: each is charged once, however often it comes."""
    rule = {"host": PGW_HOST, "networks": ["127.0.0.0/8"], "overrides": {"reuses_numbers": True}}
    async with node_in(tmp_path, peers=[rule]) as node, gateway(node) as peer:
        session = await running_session(node, peer)
        await session.ask(UPDATE, mscc(10, used=MB, reason=0))
        sent = [session.sent]
        for turn in range(1, 7):
            await node.engine.execute(AskGateway("acc-1", session.session_id, RequestKind.REAUTHORIZE))
            octets, _ = await asked(peer, Command.RE_AUTH)
            peer.send(reply(octets, 2002))
            said = await session.ask(UPDATE, mscc(10, used=(turn + 1) * MB, reason=FORCED), number=1)
            assert granted(said) == [10 * MB]
            sent.append(session.sent)
            await reach(node, session, *[RequestState.CCR_SEEN] * turn)
        remaining = (await bucket_of(node)).remaining
        assert remaining == (500 - sum(range(1, 8))) * MB
        for request in sent:
            _, again = await exchange(peer, request)
            assert granted(again) == [10 * MB]
        assert (await bucket_of(node)).remaining == remaining
        assert code_of(await session.ask(UPDATE, mscc(10, used=MB, reason=0))) == 2001
