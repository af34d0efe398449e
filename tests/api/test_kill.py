"""A server that is killed between a write and its answer: the repeat is done once."""

import asyncio
import json

from diameter_ocs.storage import open_store
from diameter_ocs.storage.audit import audit_store
from tests.support.api import Client, key_for, line, money
from tests.support.server_process import server_process

ROUNDS = 2
TOP_UP = {"money": money("1.00")}


async def on_disk(store, count):
    """Returns as soon as the journal of the account is so long."""
    async with asyncio.timeout(20):
        while len(await store.entries("acme")) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def send(address, secret, key):
    """A top-up whose answer nobody will read."""
    body = json.dumps(TOP_UP)
    head = (
        f"POST /api/v1/accounts/acme/topups HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {secret}\r\n"
        f"idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(*address)
    writer.write((head + body).encode())
    await writer.drain()
    return writer


async def test_killed_between_a_write_and_its_answer(tmp_path):
    database = tmp_path / "ocs.db"
    store = open_store(f"sqlite:///{database}", busy_timeout_seconds=2.0)
    await store.open()
    secret = await key_for(store)
    try:
        async with server_process(database, "--api", "127.0.0.1:0") as server:
            client = Client(server.api, secret)
            assert (await client.post("/accounts", line())).status_code == 201
            await client.close()
        for number in range(ROUNDS):
            async with server_process(database, "--api", "127.0.0.1:0") as server:
                writer = await send(server.api, secret, f"k-{number}")
                if number % 2:
                    await on_disk(store, number + 2)
                await server.kill()
                writer.close()
            role = ("--role", "api") if number % 2 else ()
            async with server_process(database, "--api", "127.0.0.1:0", *role) as server:
                client = Client(server.api, secret)
                again = await client.post("/accounts/acme/topups", TOP_UP, f"k-{number}")
                assert again.status_code == 201
                assert again.json()["bucket"]["available"] == f"{11 + number}.00"
                if number % 2:
                    assert again.headers["idempotent-replayed"] == "true"
                await client.close()
                assert await server.stop() == 0
            assert len(await store.entries("acme")) == number + 2
        assert (await audit_store(store)).is_clean
    finally:
        await store.close()
