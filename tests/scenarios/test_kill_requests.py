"""A server that is killed with a request to a gateway on its way, and a top-up from another process."""

import contextlib

from diameter_ocs.assemble import engine_of, store_of
from diameter_ocs.charging.outbox import RequestState
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import Credit, NewSubscriber, OpenAccount
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.gy import INITIAL, UPDATE, GySession, granted, group_codes
from tests.support.ocs import MB, MSISDN, PGW, PGW_HOST, code_of, config_for, mscc, value
from tests.support.server_process import server_process
from tests.support.wire_peer import WirePeer


@contextlib.asynccontextmanager
async def beside(folder):
    """An engine of another process on the same database, as `ocs account` has it."""
    config = config_for(folder)
    store = store_of(config)
    await store.open()
    engine = await engine_of(config, store)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()
        await store.close()


async def execute(folder, command):
    async with beside(folder) as engine:
        assert (await engine.execute(command)).verdict is Verdict.SUCCESS


@contextlib.asynccontextmanager
async def connected(address):
    async with WirePeer(PGW) as peer:
        await peer.connect(*address)
        assert code_of(await peer.introduce()) == 2001
        yield peer


async def re_auth(peer):
    octets = await peer.receive_bytes()
    assert int.from_bytes(octets[5:8], "big") == Command.RE_AUTH
    return decode_message(octets, default_dictionary())


async def test_a_request_on_its_way_is_sent_again_by_the_next_process(tmp_path):
    """SIGKILL after the RAR has left and before any answer: asked again, and the session goes on; the books balance."""
    line = NewSubscriber("sub-1", (Identity(IdentityKind.E164, MSISDN),), "prepaid-data")
    await execute(tmp_path, OpenAccount("acc-1", "EUR", subscribers=(line,)))
    session_id = f"{PGW_HOST};9;1"
    async with server_process(tmp_path / "ocs.db") as server, connected(server.address) as peer:
        session = GySession(peer, MSISDN, session_id)
        assert group_codes(await session.ask(INITIAL, mscc(10), mscc(20))) == [(10, 4012), (20, 4012)]
        await execute(tmp_path, Credit("acc-1", Bucket("top-up", UnitType.OCTETS, 500 * MB)))
        assert value(await re_auth(peer), "Session-Id") == session_id
        await server.kill()
    async with server_process(tmp_path / "ocs.db") as server, connected(server.address) as peer:
        assert value(await re_auth(peer), "Session-Id") == session_id
        session.peer = peer
        assert granted(await session.ask(UPDATE, mscc(10, reason=7))) == [10 * MB]
        assert await server.stop() == 0
    async with beside(tmp_path) as engine:
        (row,) = await engine.store.session_requests(session_id)
        assert row.state is RequestState.CCR_SEEN
        assert row.tries in (1, 2), "that it was sent may not have been on disk at the kill"
        assert (await audit_store(engine.store)).is_clean
