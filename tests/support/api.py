"""Nodes with an API, and clients of it."""

import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from diameter_ocs.api.app import create_api
from diameter_ocs.api.keys import new_key
from diameter_ocs.api.service import Service
from diameter_ocs.assemble import Ocs, engine_of
from diameter_ocs.config import load_config
from diameter_ocs.server.clock import Clock
from diameter_ocs.server.resources import config_dir
from diameter_ocs.storage import Store
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.storage.memory import MemoryStore
from tests.support.ocs import running_ocs

_numbers = itertools.count()


async def key_for(store: Store, role: str = "admin", client: str = "tests", scopes: tuple[str, ...] = ()) -> str:
    """A new key, as its owner has it."""
    made, text = new_key(client, role, scopes, 1)
    await store.write_api_keys([made])
    return text


class Client:
    """Somebody with a key. Every write gets an Idempotency-Key of its own unless it is given one."""

    def __init__(self, address: object, key: str, transport: httpx2.ASGITransport | None = None) -> None:
        self._http = httpx2.AsyncClient(
            base_url=f"http://{address}/api/v1",
            timeout=20,
            headers={"authorization": f"Bearer {key}"},
            transport=transport,
        )

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self._http.get(path, headers=_spelled(headers))

    async def write(
        self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str
    ) -> httpx2.Response:
        sent = {"idempotency-key": key or f"key-{next(_numbers)}", **_spelled(headers)}
        return await self._http.request(method, path, json=body, headers=sent)

    async def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> httpx2.Response:
        return await self.write("POST", path, body, key, **headers)

    async def raw(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return await self._http.request(method, path, **more)

    async def close(self) -> None:
        await self._http.aclose()


def _spelled(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@contextlib.asynccontextmanager
async def client_of(
    node: Ocs, role: str = "admin", name: str = "tests", scopes: tuple[str, ...] = ()
) -> AsyncIterator[Client]:
    assert node.api is not None
    client = Client(node.api.address, await key_for(node.store, role, name, scopes))
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def running_api(folder: Path, **overrides: Any) -> AsyncIterator[tuple[Ocs, Client]]:
    """A whole node with an API, and a client that may everything. Ends with a clean audit."""
    settings = {"api__listen": "127.0.0.1:0", "api__requests_per_second": 10_000.0, **overrides}
    async with running_ocs(folder, **settings) as node, client_of(node) as client:
        yield node, client


@contextlib.asynccontextmanager
async def api_in_memory() -> AsyncIterator[Client]:
    """The API on an engine and a store in memory, without sockets. Ends with a clean audit."""
    store, clock = MemoryStore(), Clock()
    await store.open()
    engine = await engine_of(load_config(config_dir() / "ocs.toml", {}), store)
    await engine.start()
    service = Service(store, engine.execute, lambda: engine.terms.catalogue, clock.at_ms, 86_400_000)
    client = Client("test", await key_for(store), httpx2.ASGITransport(create_api(service, 1e6, clock.now)))
    try:
        yield client
        assert (await audit_store(store)).faulty == ()
    finally:
        await client.close()
        await engine.stop()
        await store.close()


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def line(account_id: str = "acme", msisdn: str = "49151000001", **more: Any) -> dict[str, Any]:
    """A body that opens an account with one subscriber."""
    names = [{"kind": "msisdn", "value": msisdn}]
    subscriber = {"subscriber_id": "anna", "identities": names, "offer": "prepaid-data"}
    return {"account_id": account_id, "balance": money("10.00"), "subscribers": [subscriber], **more}


def problem_of(answer: httpx2.Response) -> tuple[int, str]:
    """Status and kind, of what must be a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    return answer.status_code, body["type"].removeprefix("urn:ocs:problem:")


def fields_of(answer: httpx2.Response) -> dict[str, str]:
    """The fields that a problem names, and the rules they break."""
    assert problem_of(answer) == (422, "invalid"), answer.text
    return {each["field"]: each["rule"] for each in answer.json()["errors"]}
