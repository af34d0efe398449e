"""One SQLite connection with its thread, as an awaitable way to run whole functions there.

aiosqlite awaits a thread change per statement; a batch of writes must cost one. aiosqlite has no
public call for that, and none to wait for the thread of a failed connection, so its `_execute` and
`_thread` are used here, and nowhere else.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar

import aiosqlite

from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.storage.sqlite_errors import store_error

P = ParamSpec("P")
T = TypeVar("T")

logging.getLogger("aiosqlite").setLevel(logging.INFO)  # its debug lines show arguments: identities and balances

STATEMENTS_KEPT = 256
"""Prepared statements per connection: every chunk size of every statement, and room."""


class SqliteThread:
    """A connection in autocommit mode: functions begin and commit for themselves, failures are rolled back."""

    def __init__(self, path: str, connection: aiosqlite.Connection) -> None:
        self._path = path
        self._connection = connection
        self._is_closed = False

    @classmethod
    async def open(cls, path: str, busy_timeout_seconds: float) -> "SqliteThread":
        """Raises StoreError."""
        connecting = aiosqlite.connect(
            path, timeout=busy_timeout_seconds, isolation_level=None, cached_statements=STATEMENTS_KEPT
        )
        try:
            return cls(path, await connecting)
        except sqlite3.Error as error:
            await asyncio.to_thread(connecting._thread.join)  # it still reports to this loop
            raise store_error(error, path) from error

    async def run(self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """Call `function(connection, ...)` on the thread. Raises StoreError, after a rollback.

        A cancelled caller does not stop a function that has begun.
        """
        if self._is_closed:
            raise StoreUnavailable(f"{self._path}: the store is closed")
        execute: Callable[..., Awaitable[T]] = self._connection._execute
        return await execute(self._guarded, function, *args, **kw)

    async def close(self) -> None:
        """Ends the thread, which would otherwise keep the process alive. Safe to call twice."""
        self._is_closed = True
        try:
            await self._connection.close()
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error

    def _guarded(self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kw: P.kwargs) -> T:
        raw = self._connection._conn
        try:
            return function(raw, *args, **kw)
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error
        finally:
            if raw.in_transaction:
                with suppress(sqlite3.Error):
                    raw.rollback()
