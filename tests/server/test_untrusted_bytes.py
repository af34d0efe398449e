"""Whatever bytes come, in whatever portions: no exception leaves a connection, and what it sends is Diameter."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.wire.framing import Framer
from tests.support.diameter_server import diameter_port
from tests.support.vectors import VECTORS
from tests.support.wire_peer import WirePeer

MESSAGES = [bytes.fromhex(vector["hex"]) for vector in VECTORS]


class MemoryTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 3868), "peername": ("127.0.0.1", 40_000)})
        self.written = b""
        self.ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Real messages, some with a few octets changed or cut, in portions of any size."""
    data = b""
    for message in draw(st.lists(st.sampled_from(MESSAGES), max_size=6)):
        changed = bytearray(message)
        for _ in range(draw(st.integers(0, 3))):
            changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
        data += changed
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@settings(deadline=None, max_examples=60)
@given(stream=streams(), introduced=st.booleans())
async def test_a_connection_survives_any_bytes(stream: list[bytes], introduced: bool) -> None:
    async with diameter_port(listen=()) as port:
        connection, transport = port.peers.accept(), MemoryTransport()
        connection.connection_made(transport)
        if introduced:
            connection.data_received(WirePeer().cer())
        for portion in stream:
            if not transport.ended:
                connection.data_received(portion)
        port.timers.advance(30)
        connection.connection_lost(None)
        for answer in Framer().feed(transport.written):
            assert answer[0] == 1
