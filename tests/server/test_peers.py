"""The peer table over real sockets: who gets in, who is kept, and how it ends."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from diameter_ocs.peer.admission import PeerRule
from diameter_ocs.peer.avps import AvpCode, text
from diameter_ocs.peer.events import DisconnectCause
from diameter_ocs.peer.messages import Command
from diameter_ocs.peer.node import Node
from diameter_ocs.server.transport import DiameterServer, TransportSettings
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import ERROR
from diameter_ocs.wire.result_code import ResultCode
from tests.support.diameter_server import OCS, RULES, diameter_port
from tests.support.wire_peer import GATEWAY, EchoApplication, WirePeer, code_of

STRANGER = Node(origin_host="stranger.example.net", origin_realm="example.net")


def told(logs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What an operator sees without asking for details."""
    return [entry for entry in logs if entry["log_level"] != "debug"]


# Capabilities exchange ------------------------------------------------------------------------


async def test_a_cea_names_this_node_and_all_it_can_do() -> None:
    async with diameter_port() as port, await port.connect() as gateway:
        cea = await gateway.introduce()
        assert code_of(cea) == 2001
        assert [(avp.name, avp.value) for avp in cea.avps if avp.value is not None] == [
            ("Result-Code", 2001),
            ("Origin-Host", "ocs.example.org"),
            ("Origin-Realm", "example.org"),
            ("Host-IP-Address", cea.avps[3].value),
            ("Vendor-Id", 0),
            ("Product-Name", "diameter_ocs"),
            ("Origin-State-Id", 7),
            ("Supported-Vendor-Id", 10415),
            ("Auth-Application-Id", 4),
        ]
        assert str(cea.avps[3].value) == "127.0.0.1"
        group = cea.first("Vendor-Specific-Application-Id")
        assert group
        assert [avp.value for avp in group.children] == [10415, 4]
        assert cea.problems == ()


async def test_a_peer_is_known_by_its_name_without_case() -> None:
    async with diameter_port() as port, await port.connect() as gateway:
        shouting = replace(GATEWAY, origin_host="PGW.Example.ORG", origin_realm="EXAMPLE.org")
        assert code_of(await gateway.introduce(shouting)) == 2001
        assert port.status().host == "PGW.Example.ORG"
        assert set(port.peers.realms) == {"example.org"}


async def test_a_relay_is_welcome() -> None:
    async with diameter_port() as port, await port.connect() as relay:
        assert code_of(await relay.introduce(replace(GATEWAY, applications=frozenset({0xFFFFFFFF})))) == 2001


async def test_an_unknown_peer_gets_3010_and_the_operator_the_lines_that_admit_it() -> None:
    async with diameter_port() as port, await port.connect(STRANGER) as stranger:
        with capture_logs() as logs:
            cea = await stranger.introduce()
            assert await stranger.ended() == []
        assert code_of(cea) == ResultCode.UNKNOWN_PEER
        assert cea.header.flags == ERROR
        lines = '[[peers]]\nhost = "stranger.example.net"\nrealm = "example.net"\nnetworks = ["127.0.0.1/32"]'
        assert [entry["event"] for entry in told(logs)] == ["peer refused"]
        assert lines in told(logs)[0]["hint"]
        assert [(refused.host, refused.hint) for refused in port.peers.refused] == [("stranger.example.net", lines)]


async def test_the_hint_cannot_be_abused_to_write_into_the_configuration() -> None:
    async with diameter_port() as port, await port.connect() as stranger:
        await stranger.introduce(replace(STRANGER, origin_host='x"\n[[peers]]\nhost="y'))
        for refused in port.peers.refused:
            assert refused.hint.count("\n") == 3


async def test_a_known_peer_from_a_foreign_network_is_refused() -> None:
    rule = PeerRule(host=GATEWAY.origin_host, networks=(ipaddress.ip_network("192.0.2.0/24"),))
    async with diameter_port(rules=(rule,)) as port, await port.connect() as gateway:
        assert code_of(await gateway.introduce()) == ResultCode.UNKNOWN_PEER
        assert "not from 127.0.0.1" in port.peers.refused[0].reason


async def test_no_common_application_is_5010_without_e_bit_and_the_end() -> None:
    async with diameter_port() as port, await port.connect() as gateway:
        cea = await gateway.introduce(replace(GATEWAY, applications=frozenset({16777238})))
        assert (code_of(cea), cea.header.flags) == (5010, 0)
        assert [avp.value for avp in cea.all("Auth-Application-Id")] == [4]
        assert await gateway.ended() == []
        assert port.status().state == "closed"


async def test_a_damaged_cer_is_answered_and_the_connection_closed() -> None:
    async with diameter_port() as port, await port.connect() as gateway:
        with capture_logs() as logs:
            answer = await gateway.ask(gateway.request(Command.CAPABILITIES_EXCHANGE, b""))
            assert await gateway.ended() == []
        assert code_of(answer) == ResultCode.MISSING_AVP
        assert "Origin-Host is missing" in told(logs)[0]["reason"]


@pytest.mark.parametrize("first", ["ccr", "dwr", "dpr"])
async def test_whatever_comes_before_the_cer_ends_the_connection(first: str) -> None:
    async with diameter_port() as port, await port.connect() as gateway:
        gateway.send(getattr(gateway, first)())
        with capture_logs() as logs:
            assert await gateway.ended() == []
        assert ["came before a CER" in entry["cause"] for entry in told(logs)] == [True]
        assert port.application.requests == []  # type: ignore[attr-defined]


async def test_silence_before_the_cer_ends_the_connection() -> None:
    async with diameter_port(cer_timeout_seconds=3.0) as port, await port.connect() as gateway:
        await port.until(lambda: len(port.peers.connections) == 1)
        port.timers.advance(3)
        assert await gateway.ended() == []


async def test_a_second_cer_is_answered_5012_and_the_connection_goes_on() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        assert code_of(await gateway.introduce()) == ResultCode.UNABLE_TO_COMPLY
        assert code_of(await gateway.ask(gateway.ccr())) == 2001


async def test_a_duplicate_connection_is_closed_and_the_first_one_asked() -> None:
    async with diameter_port() as port, await port.open_peer() as first, await port.connect() as second:
        second.send(second.cer())
        assert await second.ended() == []
        await first.answer_next(Command.DEVICE_WATCHDOG)
        assert code_of(await first.ask(first.ccr())) == 2001


async def test_a_crashed_peer_gets_back_in_once_its_old_socket_is_gone() -> None:
    async with diameter_port() as port:
        crashed = await port.open_peer()
        crashed.reset()
        await port.until_state("closed")
        async with await port.open_peer() as again:
            assert code_of(await again.ask(again.ccr())) == 2001


async def test_who_asks_for_it_is_told_of_a_peer_that_opens_and_of_its_state() -> None:
    opened, told = [], []
    async with diameter_port() as port:
        port.peers.on_opened = opened.append
        port.peers.on_origin_state = lambda host, state: told.append((host, state))
        for state in (0, 10):
            connection = await port.open_peer(replace(GATEWAY, origin_state_id=state))
            await connection.close()
            await port.until_state("closed")
    assert opened == [GATEWAY.origin_host] * 2
    assert told == [(GATEWAY.origin_host, 0), (GATEWAY.origin_host, 10)]


async def test_routes_to_a_gateway_are_its_own_connection_then_those_of_its_realm_then_relays() -> None:
    agent = replace(
        GATEWAY,
        origin_host="dra.epc.example.org",
        origin_realm="agents.example.org",
        applications=frozenset({0xFFFFFFFF}),
    )
    other = replace(GATEWAY, origin_host="smf.epc.example.org")
    async with diameter_port() as port:
        routes = port.peers.routes_to
        assert routes("pgw.example.org", "example.org") == []
        async with await port.open_peer(agent), await port.open_peer(), await port.open_peer(other):
            names = [each.origin_host for each in routes("PGW.example.org", "Example.org")]
            assert names == ["pgw.example.org", "smf.epc.example.org", "dra.epc.example.org"]
            names = [each.origin_host for each in routes("gone.example.net", "example.net")]
            assert names == ["dra.epc.example.org"]


# Watchdog -------------------------------------------------------------------------------------


async def test_a_dwr_is_answered_with_our_origin_state_id() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        dwa = await gateway.ask(gateway.dwr())
        assert code_of(dwa) == 2001
        assert dwa.problems == ()
        state = dwa.first("Origin-State-Id")
        assert state
        assert state.value == 7


async def test_the_state_of_a_peer_is_read_in_its_watchdogs() -> None:
    """A gateway may restart behind a connection that something in front of it keeps."""
    told = []
    async with diameter_port() as port, await port.open_peer(replace(GATEWAY, origin_state_id=10)) as gateway:
        port.peers.on_origin_state = lambda host, state: told.append((host, state))
        gateway.node = replace(GATEWAY, origin_state_id=11)
        await gateway.ask(gateway.dwr())
        gateway.node = replace(GATEWAY, origin_state_id=12)
        port.timers.advance(30)
        await gateway.answer_next(Command.DEVICE_WATCHDOG)
        await port.until(lambda: len(told) == 2)
    assert told == [(GATEWAY.origin_host, 11), (GATEWAY.origin_host, 12)]


async def test_a_silent_peer_is_asked_and_stays_when_it_answers() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        for _ in range(3):
            port.timers.advance(30)
            await gateway.answer_next(Command.DEVICE_WATCHDOG)
            await port.until(lambda: not port.peers.connection_to(GATEWAY.origin_host)._pending)  # type: ignore[union-attr]
        assert port.status().watchdog == "okay"


async def test_a_busy_peer_is_not_asked() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        for number in range(10):
            port.timers.advance(20)
            assert (await gateway.ask(gateway.ccr(number))).header.command == Command.CREDIT_CONTROL


async def test_a_peer_without_answer_is_doubted_then_closed() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        port.timers.advance(60)
        assert port.status().watchdog == "suspect"
        port.timers.advance(30)
        await gateway.ended()
        assert (port.status().state, port.status().detail) == ("closed", "no answer to the watchdog")


async def test_a_doubted_peer_is_served_and_trusted_again() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        port.timers.advance(60)
        await gateway.receive()
        assert code_of(await gateway.ask(gateway.ccr())) == 2001
        assert port.status().watchdog == "okay"


# Disconnect -----------------------------------------------------------------------------------


async def test_a_dpr_is_answered_and_the_peer_closes() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        dpa = await gateway.ask(gateway.dpr())
        assert (code_of(dpa), dpa.problems) == (2001, ())
        assert port.status().state == "closing"
        await gateway.close()
        await port.until_state("closed")


async def test_a_peer_that_does_not_close_after_its_dpr_is_closed() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        await gateway.ask(gateway.dpr())
        port.timers.advance(5)
        assert await gateway.ended() == []


async def test_one_peer_can_be_disconnected() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        assert port.peers.disconnect("PGW.example.org", DisconnectCause.BUSY)
        request = await gateway.answer_next(Command.DISCONNECT_PEER)
        assert request.endswith(bytes([0, 0, 1, 0x11, 0x40, 0, 0, 12, 0, 0, 0, 1]))
        assert await gateway.ended() == []
        assert port.status().detail == "disconnected in order"
        assert not port.peers.disconnect(GATEWAY.origin_host, DisconnectCause.BUSY)


@pytest.mark.row(53)
async def test_a_request_that_crosses_our_dpr_goes_elsewhere() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        port.peers.disconnect(GATEWAY.origin_host, DisconnectCause.BUSY)
        await gateway.receive()
        answer = await gateway.ask(gateway.ccr())
        assert (code_of(answer), answer.header.flags & ERROR) == (ResultCode.UNABLE_TO_DELIVER, ERROR)
        answer = await gateway.ask(gateway.ccr(more=text(AvpCode.DESTINATION_HOST, "OCS.example.org")))
        assert (code_of(answer), answer.header.flags & ERROR) == (ResultCode.TOO_BUSY, ERROR)


# What is shown --------------------------------------------------------------------------------


@dataclass
class Seen:
    """An observer that remembers."""

    told: list[tuple[object, ...]] = field(default_factory=list)

    def received(self, peer: str, command: int, count: int) -> None:
        self.told.append(("received", peer, command, count))

    def sent(self, peer: str, command: int, count: int) -> None:
        self.told.append(("sent", peer, command, count))

    def state_changed(self, peer: str, state: str) -> None:
        self.told.append(("state", peer, state))

    def refused(self, code: int) -> None:
        self.told.append(("refused", code))

    def error_answered(self, peer: str, code: int) -> None:
        self.told.append(("error", peer, code))


async def test_an_observer_sees_messages_states_and_errors() -> None:
    seen = Seen()
    settings = TransportSettings(
        origin_host=OCS.origin_host,
        origin_realm=OCS.origin_realm,
        dictionary=default_dictionary(),
        listen=("127.0.0.1:0",),
        rules=RULES,
    )
    server = DiameterServer(settings, EchoApplication(OCS), observer=seen)
    await server.start()
    async with await WirePeer().connect(*server.addresses[0]) as gateway:
        await gateway.introduce()
        await gateway.ask(gateway.ccr())
        await gateway.ask(gateway.request(999, b"", application=4))
    async with await WirePeer(STRANGER).connect(*server.addresses[0]) as stranger:
        await stranger.introduce()
    await server.stop()
    name = GATEWAY.origin_host
    assert seen.told[:10] == [
        ("received", "unknown", 257, 1),
        ("sent", "unknown", 257, 1),
        ("state", name, "r-open"),
        ("received", name, 272, 1),
        ("sent", name, 272, 1),
        ("received", name, 0, 1),
        ("error", name, 3001),
        ("sent", name, 999, 1),
        ("state", name, "closed"),
        ("received", "unknown", 257, 1),
    ]
    assert ("refused", 3010) in seen.told


async def test_the_status_of_a_peer() -> None:
    async with diameter_port() as port:
        assert (port.status().state, port.status().connected_since_ms) == ("closed", None)
        async with await port.open_peer() as gateway:
            await gateway.ask(gateway.ccr())
            port.timers.advance(5)
            status = port.status()
            assert (status.state, status.direction, status.realm) == ("r-open", "accepted", "example.org")
            assert (status.messages_in, status.messages_out) == (2, 2)
            assert status.applications == (4,)
            assert status.last_message_ms == port.timers.at_ms() - 5000
        await port.until_state("closed")
        assert (port.status().messages_in, port.status().detail) == (2, "closed by the peer")


async def test_peers_of_a_pattern_appear_when_they_come() -> None:
    async with diameter_port() as port:
        assert [status.host for status in port.peers.statuses()] == [GATEWAY.origin_host]
        smf = Node(origin_host="smf1.epc.example.org", origin_realm="epc.example.org")
        async with await port.open_peer(smf):
            assert port.status(smf.origin_host).rule == "*.epc.example.org"
            assert set(port.peers.realms) == {"epc.example.org"}


@pytest.mark.row(52)
async def test_a_realm_is_served_as_long_as_one_of_its_peers_is_open() -> None:
    smfs = [Node(origin_host=f"smf{n}.epc.example.org", origin_realm="EPC.example.org") for n in (1, 2)]
    async with diameter_port() as port:
        async with await port.open_peer(smfs[0]):
            async with await port.open_peer(smfs[1]):
                assert port.peers.realms == {"epc.example.org": 2}
            await port.until_state("closed", smfs[1].origin_host)
            assert "epc.example.org" in port.peers.realms
        await port.until_state("closed", smfs[0].origin_host)
        assert port.peers.realms == {}
        async with await port.open_peer(smfs[0]):
            assert port.peers.realms == {"epc.example.org": 1}
