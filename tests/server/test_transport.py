"""The Diameter port as a whole: listening, dialling, electing, stopping."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from diameter_ocs.peer import messages
from diameter_ocs.peer.admission import PeerRule
from diameter_ocs.peer.events import DisconnectCause
from diameter_ocs.peer.messages import Command
from diameter_ocs.peer.node import Node
from diameter_ocs.wire.result_code import ResultCode
from tests.support.diameter_server import OCS, Port, diameter_port
from tests.support.wire_peer import GATEWAY, PATIENCE_SECONDS, EchoApplication, WirePeer, code_of

LOSER = Node(origin_host="aaa.example.org", origin_realm="example.org")
WINNER = Node(origin_host="zzz.example.org", origin_realm="example.org")


# Listening ------------------------------------------------------------------------------------


async def test_it_listens_on_several_addresses_of_both_families() -> None:
    async with diameter_port(listen=("127.0.0.1:0", "[::1]:0")) as port:
        assert [address.host for address in port.server.addresses] == ["127.0.0.1", "::1"]
        async with await port.connect(listener=1) as gateway:
            cea = await gateway.introduce()
            address = cea.first("Host-IP-Address")
            assert address
            assert str(address.value) == "::1"
            assert port.status().address.startswith("[::1]:")


async def test_a_taken_port_is_named_and_nothing_is_left_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{number}: another program") as problem:
            async with diameter_port(listen=("127.0.0.1:0", f"127.0.0.1:{number}")):
                pass
    assert problem.value.errno == errno.EADDRINUSE
    assert "ss -ltnp" in str(problem.value)


@pytest.mark.parametrize(
    ("listen", "advice"), [("203.0.113.77:0", "no interface"), ("no-such-host.invalid:0", "host name")]
)
async def test_an_impossible_address_is_named(listen: str, advice: str) -> None:
    with pytest.raises(OSError, match=f"cannot listen on {listen}: .*{advice}|cannot listen on {listen}"):
        async with diameter_port(listen=(listen,)):
            pass


# Dialling -------------------------------------------------------------------------------------


class Answerer:
    """A node that the server dials."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.accepted: asyncio.Queue[WirePeer] = asyncio.Queue()

    async def next(self) -> WirePeer:
        return await asyncio.wait_for(self.accepted.get(), PATIENCE_SECONDS)


@asynccontextmanager
async def dialled(node: Node, **settings: object) -> AsyncIterator[tuple[Port, Answerer]]:
    """A server with a rule to dial `node`, which listens."""
    answerer = Answerer(node)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answerer.accepted.put(await WirePeer.accepted(reader, writer, node))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    address = "{}:{}".format(*listener.sockets[0].getsockname()[:2])
    rule = PeerRule(host=node.origin_host, connect=address)
    async with diameter_port(rules=(rule,), **settings) as port:
        yield port, answerer
    listener.close()


async def test_a_dialled_peer_gets_a_cer_and_may_send_requests() -> None:
    async with dialled(GATEWAY) as (port, answerer), await answerer.next() as gateway:
        cer = await gateway.accept_cer()
        assert messages.hop_by_hop_of(cer) != 0
        await port.until_state("i-open")
        assert port.status().direction == "dialled"
        assert code_of(await gateway.ask(gateway.ccr())) == 2001
        assert code_of(await gateway.ask(gateway.dwr())) == 2001


async def test_a_dialled_peer_that_refuses_is_tried_again_after_tc() -> None:
    async with dialled(GATEWAY) as (port, answerer):
        async with await answerer.next() as gateway:
            cer = await gateway.receive_bytes()
            gateway.send(messages.cea_error(cer, GATEWAY, ("127.0.0.1",), 3010, "who are you"))
            assert await gateway.ended() == []
        assert "refused us with 3010 who are you" in port.status().detail
        port.timers.advance(30)
        async with await answerer.next() as gateway:
            await gateway.accept_cer()
            await port.until_state("i-open")


async def test_a_dialled_peer_with_another_name_is_not_used() -> None:
    async with dialled(GATEWAY) as (port, answerer), await answerer.next() as gateway:
        gateway.node = WINNER
        await gateway.accept_cer()
        assert await gateway.ended() == []
        assert "calls itself zzz.example.org, not pgw.example.org" in port.status().detail


async def test_a_dialled_peer_that_says_nothing_is_left() -> None:
    async with dialled(GATEWAY) as (port, answerer), await answerer.next() as gateway:
        await gateway.receive_bytes()
        port.timers.advance(10)
        assert await gateway.ended() == []
        assert port.status().detail == "no CEA within the time allowed"


async def test_a_request_instead_of_the_cea_ends_the_attempt() -> None:
    async with dialled(GATEWAY) as (port, answerer), await answerer.next() as gateway:
        gateway.send(gateway.ccr())
        await gateway.ended()
        assert port.status().detail == "another message came instead of the CEA"


async def test_a_peer_that_cannot_be_reached_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    rule = PeerRule(host=GATEWAY.origin_host, connect=f"127.0.0.1:{number}")
    async with diameter_port(rules=(rule,)) as port:
        await port.until(lambda: "cannot connect" in port.status().detail)
        port.timers.advance(30)
        await port.until_state("wait-conn-ack")


async def test_a_reopened_connection_of_ours_proves_itself_first() -> None:
    async with dialled(GATEWAY) as (port, answerer):
        gateway = await answerer.next()
        await gateway.accept_cer()
        await port.until_state("i-open")
        gateway.reset()
        await port.until_state("closed")
        port.timers.advance(30)
        async with await answerer.next() as gateway:
            await gateway.accept_cer()
            await gateway.answer_next(Command.DEVICE_WATCHDOG)
            assert port.status().watchdog == "reopen"
            assert code_of(await gateway.ask(gateway.ccr())) == 2001


# Election -------------------------------------------------------------------------------------


async def test_the_winner_of_an_election_keeps_the_connection_it_accepted() -> None:
    async with dialled(LOSER) as (port, answerer), await answerer.next() as ours:
        await ours.receive_bytes()
        async with await port.connect(LOSER) as theirs:
            assert code_of(await theirs.introduce()) == 2001
            assert await ours.ended() == []
            assert code_of(await theirs.ask(theirs.ccr())) == 2001
            assert port.status(LOSER.origin_host).state == "r-open"


async def test_the_loser_of_an_election_keeps_the_connection_it_opened() -> None:
    async with dialled(WINNER) as (port, answerer), await answerer.next() as ours:
        cer = await ours.receive_bytes()
        async with await port.connect(WINNER) as theirs:
            theirs.send(theirs.cer())
            await port.until_state("wait-returns", WINNER.origin_host)
            ours.send(messages.cea(cer, WINNER, ("127.0.0.1",)))
            assert await theirs.ended() == []
            assert code_of(await ours.ask(ours.ccr())) == 2001
            assert port.status(WINNER.origin_host).state == "i-open"


# Stopping -------------------------------------------------------------------------------------


async def test_it_finishes_running_requests_then_sends_dpr_then_closes() -> None:
    class Slow(EchoApplication):
        """Answers when it is told to."""

        def __init__(self) -> None:
            super().__init__(OCS)
            self.waiting: list[tuple[bytes, object, float]] = []

        def handle(self, message: bytes, client: object, arrived: float) -> None:
            self.waiting.append((message, client, arrived))

        async def finish(self) -> None:
            for request in self.waiting:
                super().handle(*request)

    slow = Slow()
    async with diameter_port(slow, drain=slow.finish) as port, await port.open_peer() as gateway:
        gateway.send(gateway.ccr())
        await port.until(lambda: bool(slow.waiting))
        address = port.server.addresses[0]
        stopping = asyncio.create_task(port.server.stop(DisconnectCause.REBOOTING))
        assert code_of(await gateway.receive()) == 2001
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await WirePeer().connect(*address)
        await gateway.answer_next(Command.DISCONNECT_PEER)
        assert await gateway.ended() == []
        await stopping


async def test_requests_during_the_stop_are_refused_so_that_they_go_elsewhere() -> None:
    finishing = asyncio.Event()
    async with diameter_port(drain=finishing.wait) as port, await port.open_peer() as gateway:  # type: ignore[arg-type]
        stopping = asyncio.create_task(port.server.stop())
        await port.until(lambda: port.peers.draining)
        assert code_of(await gateway.ask(gateway.ccr())) == ResultCode.UNABLE_TO_DELIVER
        finishing.set()
        await gateway.answer_next(Command.DISCONNECT_PEER)
        await stopping


async def test_a_peer_that_never_answers_the_dpr_does_not_hold_up_the_stop() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway, await port.connect() as nobody:
        await port.until(lambda: len(port.peers.connections) == 2)
        stopping = asyncio.create_task(port.server.stop())
        await gateway.receive()
        port.timers.advance(5)
        await stopping
        assert await gateway.ended() == []
        assert await nobody.ended() == []


async def test_a_stop_without_peers_is_immediate() -> None:
    async with diameter_port() as port:
        await asyncio.wait_for(port.server.stop(), 1)
        assert port.server.addresses == ()
