"""A Diameter peer under the hand of a test: sends exactly the bytes it is told to and decodes what it gets."""

import asyncio
import contextlib
from itertools import count
from types import TracebackType

from diameter_ocs.peer import messages
from diameter_ocs.peer.answers import answer
from diameter_ocs.peer.avps import AvpCode, text, unsigned32
from diameter_ocs.peer.events import DisconnectCause
from diameter_ocs.peer.messages import Command
from diameter_ocs.peer.node import Node
from diameter_ocs.wire.codec import LenientMessage, decode_lenient
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.framing import Framer
from diameter_ocs.wire.header import HEADER_OCTETS, PROXIABLE, REQUEST, pack_header

PATIENCE_SECONDS = 10.0
GATEWAY = Node(origin_host="pgw.example.org", origin_realm="example.org", product_name="test gateway")


class WirePeer:
    """One connection. `node` is who it says it is."""

    def __init__(self, node: Node = GATEWAY) -> None:
        self.node = node
        self._ids = count(0x51)
        self._framer = Framer(1 << 24)
        self._received: list[bytes] = []

    async def connect(self, host: str, port: int) -> "WirePeer":
        self._reader, self._writer = await asyncio.open_connection(host, port)
        return self

    @classmethod
    async def accepted(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, node: Node) -> "WirePeer":
        peer = cls(node)
        peer._reader, peer._writer = reader, writer
        return peer

    async def __aenter__(self) -> "WirePeer":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        self._writer.transport.abort()

    # Sending ----------------------------------------------------------------------------------

    def send(self, message: bytes) -> bytes:
        self._writer.write(message)
        return message

    def request(self, command: int, body: bytes, *, application: int = 0, flags: int = REQUEST) -> bytes:
        number = next(self._ids)
        header = pack_header(flags, command, application, number, 0x1000 + number, length=HEADER_OCTETS + len(body))
        return header + body

    def cer(self, node: Node | None = None) -> bytes:
        return messages.stamped(messages.cer(node or self.node, ("127.0.0.1",), 0x1001), next(self._ids))

    def dwr(self) -> bytes:
        return messages.stamped(messages.dwr(self.node, 0x1002), next(self._ids))

    def dpr(self, cause: DisconnectCause = DisconnectCause.REBOOTING) -> bytes:
        return messages.stamped(messages.dpr(self.node, cause, 0x1003), next(self._ids))

    def ccr(self, number: int = 0, session: str = "pgw.example.org;1;1", more: bytes = b"") -> bytes:
        """Just enough of a CCR-Update for answers to be told apart."""
        return self.request(
            Command.CREDIT_CONTROL,
            text(AvpCode.SESSION_ID, session)
            + text(AvpCode.ORIGIN_HOST, self.node.origin_host)
            + text(AvpCode.ORIGIN_REALM, self.node.origin_realm)
            + unsigned32(AvpCode.AUTH_APPLICATION_ID, 4)
            + unsigned32(AvpCode.CC_REQUEST_TYPE, 2)
            + unsigned32(AvpCode.CC_REQUEST_NUMBER, number)
            + more,
            application=4,
            flags=REQUEST | PROXIABLE,
        )

    # Receiving --------------------------------------------------------------------------------

    async def receive_bytes(self) -> bytes:
        """The next message. Raises EOFError when the connection has ended, TimeoutError when nothing comes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self._received:
                data = await self._reader.read(65_536)
                if not data:
                    raise EOFError
                self._received += self._framer.feed(data)
        return self._received.pop(0)

    async def receive(self) -> LenientMessage:
        return decode_lenient(await self.receive_bytes(), default_dictionary())

    async def ask(self, message: bytes) -> LenientMessage:
        self.send(message)
        return await self.receive()

    async def introduce(self, node: Node | None = None) -> LenientMessage:
        return await self.ask(self.cer(node))

    async def answer_next(self, expected: Command) -> bytes:
        """Wait for a request of the server and answer it well."""
        request = await self.receive_bytes()
        assert int.from_bytes(request[5:8], "big") == expected
        builders = {Command.DEVICE_WATCHDOG: messages.dwa, Command.DISCONNECT_PEER: messages.dpa}
        self.send(builders[expected](request, self.node))
        return request

    async def accept_cer(self) -> bytes:
        """As a responder: wait for the CER and send the CEA."""
        request = await self.receive_bytes()
        self.send(messages.cea(request, self.node, ("127.0.0.1",)))
        return request

    async def ended(self) -> list[bytes]:
        """Wait for the end of the connection; what came before it."""
        rest: list[bytes] = []
        try:
            while True:
                rest.append(await self.receive_bytes())
        except (EOFError, ConnectionError):
            return rest


def code_of(message: LenientMessage) -> int:
    avp = message.first("Result-Code")
    assert avp is not None
    assert isinstance(avp.value, int)
    return avp.value


class EchoApplication:
    """Answers every CCR with 2001 and remembers it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.requests: list[bytes] = []

    def handle(self, message: bytes, client: object, arrived: float) -> None:
        self.requests.append(message)
        client.send(credit_control_answer(message, self.node))  # type: ignore[attr-defined]


def credit_control_answer(request: bytes, node: Node) -> bytes:
    ids = {avp.code: avp.raw for avp in decode_lenient(request, default_dictionary()).avps}
    body = ids[AvpCode.SESSION_ID] + unsigned32(AvpCode.RESULT_CODE, 2001)
    body += text(AvpCode.ORIGIN_HOST, node.origin_host) + text(AvpCode.ORIGIN_REALM, node.origin_realm)
    kept = (AvpCode.AUTH_APPLICATION_ID, AvpCode.CC_REQUEST_TYPE, AvpCode.CC_REQUEST_NUMBER)
    return answer(request, body + b"".join(ids[code] for code in kept))
