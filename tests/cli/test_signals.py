"""Signals to a serving process: the first ends it in order, the second at once."""

import signal

from diameter_ocs.peer.messages import Command
from tests.support.ocs import PGW
from tests.support.server_process import server_process
from tests.support.wire_peer import WirePeer


async def test_a_second_interrupt_ends_a_server_that_still_waits_for_a_peer(tmp_path):
    async with server_process(tmp_path / "ocs.db") as server:
        peer = await WirePeer(PGW).connect(*server.address)
        async with peer:
            await peer.introduce()
            server.interrupt()
            assert (await peer.receive()).header.command == Command.DISCONNECT_PEER
            server.interrupt()
            assert await server.ended() == -signal.SIGINT


async def test_the_first_interrupt_ends_a_server_in_order(tmp_path):
    async with server_process(tmp_path / "ocs.db") as server:
        server.interrupt()
        assert await server.ended() == 0


async def test_a_hangup_has_the_catalogue_read_again_and_ends_nothing(tmp_path):
    async with server_process(tmp_path / "ocs.db") as server:
        server.hang_up()
        await server.told("catalogue in force")
        server.interrupt()
        assert await server.ended() == 0
