"""A node as an operating system sees it: a process that can be killed."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from diameter_ocs.server.address import Address, parse_address
from diameter_ocs.server.resources import config_dir

PATIENCE_SECONDS = 20.0


class ServerProcess:
    """`ocs serve` in a process group of its own, so that nothing of it survives a test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: list[str] = []
        self._listens: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read_log())

    @classmethod
    async def start(cls, database: Path, *more: str) -> "ServerProcess":
        """Running and listening when this returns. more: further options of `ocs serve`."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "diameter_ocs", "serve", "--config", str(config_dir() / "ocs.toml")),
            *("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--store", f"sqlite:///{database}", *more),
            env={**os.environ, "OCS_LOG__FORMAT": "json", "OCS_LOG__LEVEL": "info"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        server = cls(process)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                server.address = await server._listens
        except BaseException:
            await server.kill()
            raise
        return server

    address: Address
    """Of the Diameter port; of the API where there is none."""
    api: Address | None = None

    async def kill(self) -> None:
        """SIGKILL to all of it: no handler runs, no buffer is written."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM: an end in order. The exit code."""
        return await self._end(signal.SIGTERM)

    async def told(self, text: str) -> None:
        """Returns as soon as its log has said this."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(text in line for line in self._lines):  # noqa: ASYNC110
                await asyncio.sleep(0)

    def hang_up(self) -> None:
        """SIGHUP: read the catalogue again."""
        os.killpg(self._process.pid, signal.SIGHUP)

    def interrupt(self) -> None:
        """SIGINT, as Ctrl-C sends it."""
        os.killpg(self._process.pid, signal.SIGINT)

    async def ended(self) -> int:
        """The exit code, once the process has come to its end by itself."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._process.wait()

    async def _end(self, how: signal.Signals) -> int:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        async with asyncio.timeout(PATIENCE_SECONDS):
            code = await self._process.wait()
            await self._reading
        return code

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._lines.append(line.decode())
            if b"node started" in line:
                told = json.loads(line)
                self.api = parse_address(told["api"]) if told.get("api") else None
                self._listens.set_result(parse_address([*told.get("diameter", ()), told.get("api")][0]))
        if not self._listens.done():
            self._listens.set_exception(AssertionError("the server ended:\n" + "".join(self._lines)))


@contextlib.asynccontextmanager
async def server_process(database: Path, *more: str) -> AsyncIterator[ServerProcess]:
    """Killed at the end, if it is still there."""
    server = await ServerProcess.start(database, *more)
    try:
        yield server
    finally:
        await server.kill()
