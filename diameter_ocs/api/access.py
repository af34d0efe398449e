"""The door of the API: a key at every request, not too many of them, and none too large."""

import asyncio
import math
from collections.abc import Callable, Container
from typing import Any, Protocol

import structlog
from fastapi import Depends, Request
from msgspec import Struct
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diameter_ocs.api import problems
from diameter_ocs.api.problems import Refused
from diameter_ocs.api.roles import SCOPES, rights
from diameter_ocs.errors import StoreError
from diameter_ocs.values.api_key import ApiKey, parts_of

log = structlog.get_logger("ocs.api")

MOST_BODY_OCTETS = 64 * 1024
BODY_SECONDS = 10.0
"""A body that has not come by then will not come."""
USE_NOTED_MS = 5 * 60 * 1000
"""The last use of a key is written so often at most."""
BURST_SECONDS = 2.0
"""Requests of so long a time may come at once."""


class Caller(Struct, frozen=True):
    """Who asks, and what it may do."""

    client: str
    scopes: frozenset[str]


class KeyStore(Protocol):
    """See storage.protocol.Store."""

    async def api_key(self, key_id: str) -> ApiKey | None: ...

    async def note_key_use(self, key_id: str, at_ms: int) -> None: ...


class Pace:
    """How many requests each client may make: `per_second`, and those of a short time at once."""

    def __init__(self, per_second: float, now: Callable[[], float]) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST_SECONDS)
        self._now = now
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, client: str) -> float:
        """Seconds until the next request may come; 0 when it may now, and then it counts."""
        now = self._now()
        left, since = self._left.get(client, (self._most, now))
        left = min(self._most, left + (now - since) * self._per_second)
        if left < 1:
            return (1 - left) / self._per_second
        self._left[client] = left - 1, now
        return 0.0


class Door:
    """Wraps the application: what comes in has a good key and a whole body of moderate size."""

    def __init__(self, app: ASGIApp, store: KeyStore, at_ms: Callable[[], int], pace: Pace) -> None:
        self._app = app
        self._store = store
        self._at_ms = at_ms
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            scope["caller"] = await self._caller(_bearer(scope))
            body = await _body(receive)
        except Refused as refused:
            await problems.response(refused)(scope, receive, send)
        except StoreError as error:
            log.error("a key cannot be looked up", error=str(error))
            await problems.response(Refused(problems.STORE))(scope, receive, send)
        else:
            await self._app(scope, _again(body, receive), send)

    async def _caller(self, text: str) -> Caller:
        """Raises Refused. That a key does not exist and that its secret is wrong look the same."""
        parts = parts_of(text)
        key = await self._store.api_key(parts[0]) if parts is not None else None
        at_ms = self._at_ms()
        if key is None or parts is None or not key.is_proved_by(parts[1]):
            raise _unauthenticated("the key is unknown")
        if not key.is_good(at_ms):
            raise _unauthenticated("the key has expired" if key.revoked_ms is None else "the key is revoked")
        seconds = self._pace.wait(key.client)
        if seconds:
            raise Refused(problems.TOO_MANY, headers={"retry-after": str(math.ceil(seconds))})
        if key.used_ms is None or at_ms - key.used_ms >= USE_NOTED_MS:
            await self._store.note_key_use(key.key_id, at_ms)
        return Caller(key.client, rights(key.role, key.scopes))


def needs(scope: str) -> Any:
    """A dependency: the caller, who has the right to do this."""
    assert scope in SCOPES

    async def caller(request: Request) -> Caller:
        found: Caller = request.scope["caller"]
        demand(found.scopes, scope)
        return found

    caller.needed_scope = scope  # type: ignore[attr-defined]
    return Depends(caller)


def demand(scopes: Container[str], scope: str) -> None:
    """Raises Refused when the scope is not among those."""
    if scope not in scopes:
        raise Refused(problems.FORBIDDEN, f"it needs the scope {scope}")


def _unauthenticated(detail: str) -> Refused:
    return Refused(problems.UNAUTHENTICATED, detail, headers={"www-authenticate": 'Bearer realm="ocs"'})


def _bearer(scope: Scope) -> str:
    """The key of the Authorization header (RFC 6750 §2.1). Raises Refused."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    kind, _, key = values[0].decode("latin-1").partition(" ") if len(values) == 1 else ("", "", "")
    if kind.lower() != "bearer":
        raise _unauthenticated("send the header Authorization: Bearer and a key of `ocs api key create`")
    return key.strip()


async def _body(receive: Receive) -> bytes:
    """All of it. Raises Refused when it is too large or does not come."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Refused(problems.MALFORMED, "the connection was closed")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MOST_BODY_OCTETS:
                    raise Refused(problems.TOO_LARGE, f"a body has {MOST_BODY_OCTETS} octets at most")
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refused(problems.SLOW, headers={"connection": "close"}) from None


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as if it had not been read."""
    told = False

    async def once_more() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more
