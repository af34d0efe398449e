"""What nothing can be faster than: an echo of the same bytes, and a bare group commit of the same rows."""

import asyncio
import contextlib
import sqlite3
import sys
import time
from pathlib import Path
from typing import NamedTuple

from diameter_ocs.charging.request import RequestType
from diameter_ocs.wire.framing import Framer
from scripts.bench.messages import ccr
from scripts.bench.processes import free_port, started

BATCH = 64
ROUNDS = 300
ECHO_BURST = 128
ROW_BYTES = 600


class Floor(NamedTuple):
    name: str
    per_second: float


class Echo(asyncio.Protocol):
    """Frames what comes and sends it back, one write per read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._framer = Framer()

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"".join(self._framer.feed(data)))


async def serve_echo(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
    await server.serve_forever()


async def _ask_echo(port: int, seconds: float) -> float:
    message = ccr(RequestType.UPDATE, 1)
    burst = message * ECHO_BURST
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done, started_at = 0, time.perf_counter()
    while time.perf_counter() - started_at < seconds:
        writer.write(burst)
        await reader.readexactly(len(burst))
        done += ECHO_BURST
    writer.close()
    return done / (time.perf_counter() - started_at)


def echo(seconds: float) -> Floor:
    port = free_port()
    with started(["-m", "scripts.bench.floor", str(port)], port):
        return Floor("echo of the same bytes", asyncio.run(_ask_echo(port, seconds)))


def group_commit(folder: Path) -> Floor:
    """Three rows per request, 64 requests per transaction, synchronous=FULL, nothing else."""
    db = sqlite3.connect(folder / "floor.db", isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE a (k TEXT PRIMARY KEY, v TEXT); CREATE TABLE s (k TEXT PRIMARY KEY, v TEXT);"
        "CREATE TABLE e (k TEXT, n INTEGER, v TEXT, PRIMARY KEY (k, n))"
    )
    row = "x" * ROW_BYTES
    keys = [f"acc-{number}" for number in range(BATCH)]
    started_at = time.perf_counter()
    for turn in range(ROUNDS):
        db.execute("BEGIN IMMEDIATE")
        for table in "as":
            db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", [(key, row) for key in keys])
        db.executemany("INSERT INTO e VALUES (?, ?, ?)", [(key, turn, row) for key in keys])
        db.execute("COMMIT")
    spent = time.perf_counter() - started_at
    db.close()
    return Floor(f"bare group commit of {BATCH}", ROUNDS * BATCH / spent)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_echo(int(sys.argv[1])))
