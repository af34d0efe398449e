"""Messages on one connection: every check of RFC 6733 §7 before the application, and every bound."""

import asyncio
import socket

import pytest
from structlog.testing import capture_logs

from diameter_ocs.peer.avps import AvpCode, octets, text
from diameter_ocs.peer.messages import Command
from diameter_ocs.server.connection import MAX_PENDING_REQUESTS
from diameter_ocs.wire.header import ERROR, PROXIABLE, REQUEST, read_header
from tests.support.diameter_server import OCS, diameter_port
from tests.support.wire_peer import GATEWAY, EchoApplication, WirePeer, code_of, credit_control_answer

CCR_FLAGS = REQUEST | PROXIABLE
IDENTITY = text(AvpCode.ORIGIN_HOST, GATEWAY.origin_host) + text(AvpCode.ORIGIN_REALM, GATEWAY.origin_realm)


async def test_a_ccr_is_answered_with_its_own_identifiers() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        request = gateway.ccr(number=3)
        answer = await gateway.ask(request)
    assert code_of(answer) == 2001
    assert answer.header[5:] == read_header(request)[5:]


async def test_requests_of_one_read_are_all_answered_in_one_write() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        gateway.send(b"".join(gateway.ccr(number) for number in range(50)))
        numbers = [(await gateway.receive()).first("CC-Request-Number") for _ in range(50)]
    assert [avp.value for avp in numbers if avp] == list(range(50))


async def test_a_message_in_single_octets_is_put_together() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        for octet in gateway.ccr():
            gateway.send(bytes([octet]))
            await asyncio.sleep(0)
        assert code_of(await gateway.receive()) == 2001


async def test_the_application_learns_who_asks_and_when() -> None:
    class Curious(EchoApplication):
        def handle(self, message: bytes, client: object, arrived: float) -> None:
            self.seen = (client.origin_host, client.origin_realm, client.label, arrived)  # type: ignore[attr-defined]
            super().handle(message, client, arrived)

    curious = Curious(OCS)
    async with diameter_port(curious) as port, await port.open_peer() as gateway:
        await gateway.ask(gateway.ccr())
        assert curious.seen == ("pgw.example.org", "example.org", "pgw.example.org", port.timers.now())


# Order of checks, rows 2 to 6 -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "application", "flags", "code"),
    [
        (272, 4, CCR_FLAGS | ERROR, 3008),
        (280, 0, REQUEST | PROXIABLE, 3008),
        (282, 0, REQUEST | ERROR, 3008),
        (272, 16777238, CCR_FLAGS, 3007),
        (272, 0xFFFFFFFF, CCR_FLAGS, 3007),
        (999, 4, CCR_FLAGS, 3001),
        (258, 4, CCR_FLAGS, 3001),
        (272, 0, CCR_FLAGS, 3001),
        (257, 4, REQUEST, 3001),
    ],
)
async def test_a_wrong_header_is_answered_and_the_connection_stays(
    command: int, application: int, flags: int, code: int
) -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        body = text(AvpCode.SESSION_ID, "a;1;1") + IDENTITY
        wrong = gateway.send(gateway.request(command, body, application=application, flags=flags))
        answer = await gateway.receive()
        assert code_of(answer) == code
        assert answer.avps[0].name == "Session-Id"
        assert answer.header.command == command
        assert answer.header.flags == (flags & PROXIABLE) | ERROR
        assert answer.header[4:] == read_header(wrong)[4:]
        assert code_of(await gateway.ask(gateway.ccr())) == 2001
        assert port.application.requests == [port.application.requests[-1]]  # type: ignore[attr-defined]


async def test_another_version_is_answered_5011_in_version_1() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        answer = await gateway.ask(b"\x02" + gateway.ccr(number=5)[1:])
        assert code_of(answer) == 5011
        assert (answer.header.version, answer.header.flags) == (1, PROXIABLE)
        assert [avp.value for avp in answer.all("CC-Request-Number")] == [5]
        assert code_of(await gateway.ask(gateway.dwr())) == 2001


async def test_a_damaged_dwr_is_answered_with_its_error() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        missing = await gateway.ask(gateway.request(280, text(AvpCode.ORIGIN_HOST, GATEWAY.origin_host)))
        assert code_of(missing) == 5005
        overrun = await gateway.ask(gateway.request(280, IDENTITY + b"\0\0\1\x16\x40\0\1\0\0\0\0\0"))
        assert code_of(overrun) == 5014
        assert [avp.name for avp in missing.first("Failed-AVP").children] == ["Origin-Realm"]  # type: ignore[union-attr]


async def test_answers_nobody_waits_for_are_discarded() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        gateway.send(credit_control_answer(gateway.ccr(), OCS))
        assert code_of(await gateway.ask(gateway.dwr())) == 2001


async def test_a_mistake_of_the_application_costs_one_5012() -> None:
    class Broken(EchoApplication):
        def handle(self, message: bytes, client: object, arrived: float) -> None:
            if not self.requests:
                self.requests.append(message)
                raise RuntimeError("on purpose")
            super().handle(message, client, arrived)

    async with diameter_port(Broken(OCS)) as port, await port.open_peer() as gateway:
        with capture_logs() as logs:
            assert code_of(await gateway.ask(gateway.ccr())) == 5012
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["request failed"]
        assert code_of(await gateway.ask(gateway.ccr())) == 2001


# Damage and bounds ----------------------------------------------------------------------------


async def reset_by(peer: WirePeer) -> list[dict[str, object]]:
    """What was logged while the server ended the connection."""
    with capture_logs() as logs:
        assert await peer.ended() == []
    return [dict(entry) for entry in logs if entry["log_level"] == "warning"]


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (b"GET / HTTP/1.1\r\nHost: ocs\r\n\r\n", "Message Length"),
        (bytes.fromhex("01fffffc80000101") + bytes(12), "16777212 octets is above the limit of 65536"),
        (bytes.fromhex("01000010c0000110") + bytes(12), "16 octets is shorter than the header"),
        (bytes.fromhex("01000185c0000110") + bytes(400), "389 octets is not a multiple of 4"),
    ],
)
@pytest.mark.parametrize("introduced", [False, True])
async def test_damaged_framing_ends_the_connection_with_one_line(damage: bytes, cause: str, introduced: bool) -> None:
    async with diameter_port() as port, await port.connect() as gateway:
        if introduced:
            await gateway.introduce()
        gateway.send(damage)
        lines = await reset_by(gateway)
        assert cause in str(lines[0]["cause"])
        assert [line["event"] for line in lines] == ["peer closed" if introduced else "connection reset"]


async def test_framing_is_ended_by_a_reset_not_by_an_orderly_close() -> None:
    loop = asyncio.get_running_loop()
    async with diameter_port() as port:
        with socket.socket() as raw:
            raw.setblocking(False)
            await loop.sock_connect(raw, port.server.addresses[0][:2])
            await loop.sock_sendall(raw, b"\xff" * 40)
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(loop.sock_recv(raw, 1), 10)


async def test_what_was_whole_before_the_damage_is_still_answered() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        gateway.send(gateway.ccr() + b"\x01\0\0\x01")
        await gateway.ended()
        assert len(port.application.requests) == 1  # type: ignore[attr-defined]


async def test_other_peers_do_not_notice() -> None:
    async with diameter_port() as port, await port.open_peer() as good, await port.connect() as bad:
        bad.send(b"\xff" * 1000)
        await bad.ended()
        assert code_of(await good.ask(good.ccr())) == 2001


async def test_half_a_message_and_silence_is_ended_by_the_watchdog() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        ccr = gateway.ccr()
        gateway.send(ccr[: len(ccr) // 2])
        for _ in range(3):
            port.timers.advance(30)
        rest = await gateway.ended()
        assert [int.from_bytes(message[5:8], "big") for message in rest] == [Command.DEVICE_WATCHDOG]
        await port.until_state("closed")


async def test_half_a_cer_and_silence_is_ended_by_the_cer_timer() -> None:
    async with diameter_port() as port, await port.connect() as gateway:
        gateway.send(gateway.cer()[:30])
        await port.until(lambda: len(port.peers.connections) == 1)
        with capture_logs() as logs:
            port.timers.advance(10)
        assert [entry["cause"] for entry in logs] == ["no CER within 10 s"]
        assert await gateway.ended() == []


async def test_a_peer_that_never_reads_is_ended_and_memory_stays_bounded() -> None:
    class Verbose(EchoApplication):
        """Answers a kilobyte with a hundred."""

        def handle(self, message: bytes, client: object, arrived: float) -> None:
            self.requests.append(message)
            client.send(bytes(100_000))  # type: ignore[attr-defined]

    verbose = Verbose(OCS)
    async with diameter_port(verbose, write_buffer_bytes=200_000) as port, await port.open_peer() as gateway:
        burst = b"".join(gateway.ccr(number) for number in range(2_000))

        async def pour() -> None:
            while True:
                gateway.send(burst)
                await asyncio.wait_for(gateway._writer.drain(), 10)

        pouring = asyncio.create_task(pour())
        connection = next(iter(port.peers.connections))
        await port.until(lambda: connection._stalled is not None)
        served = len(verbose.requests)
        with capture_logs() as logs:
            port.timers.advance(10)
            await port.until_state("closed")
        assert len(verbose.requests) - served < 2_000
        assert "has not read its answers for 10 s" in logs[0]["cause"]
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)


async def test_a_slow_reader_that_catches_up_goes_on() -> None:
    async with diameter_port(write_buffer_bytes=65_536) as port, await port.open_peer() as gateway:
        total = 60_000
        gateway.send(b"".join(gateway.ccr(number) for number in range(total)))
        for number in range(total):
            answer = await gateway.receive_bytes()
            assert answer[0] == 1, number
        assert len(port.application.requests) == total  # type: ignore[attr-defined]
        port.timers.advance(11)
        assert port.status().state == "r-open"


async def test_connections_are_limited() -> None:
    async with diameter_port(max_connections=2) as port:
        kept = [await port.connect(), await port.connect()]
        await port.until(lambda: len(port.peers.connections) == 2)
        with capture_logs() as logs:
            one_too_many = await port.connect()
            assert await one_too_many.ended() == []
        assert "more than 2 connections" in logs[0]["cause"]
        for peer in kept:
            await peer.close()


# Requests of our own --------------------------------------------------------------------------


async def test_an_answer_finds_its_request_whatever_the_order() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        connection = port.peers.connection_to(GATEWAY.origin_host)
        assert connection is not None
        answers: dict[str, bytes | None] = {}
        for name in ("first", "second"):
            request = gateway.request(258, text(AvpCode.SESSION_ID, name), application=4, flags=CCR_FLAGS)
            assert connection.request(request, lambda answer, name=name: answers.update({name: answer}))
        asked = [await gateway.receive_bytes(), await gateway.receive_bytes()]
        for request in reversed(asked):
            gateway.send(bytes([1, *request[1:4], request[4] & ~REQUEST]) + request[5:])
        await port.until(lambda: len(answers) == 2)
        assert [b"first" in (answers["first"] or b""), b"second" in (answers["second"] or b"")] == [True, True]


async def test_a_request_without_answer_ends_with_none_once() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        connection = port.peers.connection_to(GATEWAY.origin_host)
        assert connection is not None
        answers: list[bytes | None] = []
        request = gateway.request(258, b"", application=4, flags=CCR_FLAGS)
        connection.request(request, answers.append, timeout_seconds=4)
        connection.request(request, answers.append, timeout_seconds=60)
        port.timers.advance(5)
        assert answers == [None]
        gateway.reset()
        await port.until_state("closed")
        assert answers == [None, None]
        assert not connection.request(request, answers.append)


async def test_requests_under_way_are_bounded() -> None:
    async with diameter_port() as port, await port.open_peer() as gateway:
        connection = port.peers.connection_to(GATEWAY.origin_host)
        assert connection is not None
        request = gateway.request(258, b"", application=4, flags=CCR_FLAGS)
        sent = [connection.request(request, lambda _: None) for _ in range(MAX_PENDING_REQUESTS + 1)]
        assert sent.count(False) == 1
        assert not sent[-1]


async def test_an_unknown_m_avp_in_the_cer_is_refused_before_anything_else() -> None:
    async with diameter_port() as port, await port.connect() as gateway:
        cer = gateway.cer()
        extra = octets(AvpCode.FIRMWARE_REVISION, bytes(4)).replace(b"\0\0\1\x0b", b"\0\x0f\x42\x40", 1)
        wrong = b"\x01" + (len(cer) + len(extra)).to_bytes(3, "big") + cer[4:] + extra
        answer = await gateway.ask(wrong)
        assert code_of(answer) == 5001
        assert await gateway.ended() == []
