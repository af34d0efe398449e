"""Writes that are repeated, and writes for a state that is gone."""

import asyncio

import pytest
from msgspec.structs import replace

from diameter_ocs.assemble_api import ApiNode
from tests.support.api import Client, client_of, key_for, line, money, problem_of, running_api
from tests.support.ocs import config_for

TOP_UP = {"money": money("5.00"), "reason": "card 4711"}
PATH = "/accounts/acme/topups"


@pytest.fixture
async def api(tmp_path):
    async with running_api(tmp_path) as (node, client):
        assert (await client.post("/accounts", line())).status_code == 201
        yield node, client


async def balance(client):
    return (await client.get("/accounts/acme")).json()["balances"][0]["available"]


async def test_a_repeat_gets_the_first_answer(api):
    _, client = api
    first = await client.post(PATH, TOP_UP, "k1")
    await client.post(PATH, {"money": money("1")})
    again = await client.post(PATH, TOP_UP, "k1")
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.json(), again.headers["etag"]) == (201, first.json(), first.headers["etag"])
    assert await balance(client) == "16.00"


async def test_many_at_once_are_one(api):
    _, client = api
    answers = await asyncio.gather(*(client.post(PATH, TOP_UP, "k1") for _ in range(20)))
    assert {each.status_code for each in answers} == {201}
    assert sum("idempotent-replayed" not in each.headers for each in answers) == 1
    assert len({each.text for each in answers}) == 1
    assert await balance(client) == "15.00"


async def test_spelling_does_not_make_another_request(api):
    _, client = api
    await client.post(PATH, TOP_UP, "k1")
    headers = {"idempotency-key": "k1", "content-type": "application/json"}
    text = ' {"reason":"card 4711",\n "money": {"currency":"EUR", "amount":"5.00"}}'
    again = await client.raw("POST", PATH, content=text, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"


async def test_the_same_key_for_something_else_is_refused(api):
    node, client = api
    await client.post(PATH, TOP_UP, "k1")
    assert problem_of(await client.post(PATH, {"money": money("6")}, "k1")) == (422, "idempotency-key-reused")
    await client.post("/accounts", line("other", "49151000002"))
    elsewhere = await client.post("/accounts/other/topups", TOP_UP, "k1")
    assert problem_of(elsewhere) == (422, "idempotency-key-reused")
    async with client_of(node, name="another-client") as other:
        assert "idempotent-replayed" not in (await other.post(PATH, TOP_UP, "k1")).headers
    assert await balance(client) == "20.00"


async def test_a_write_needs_a_key(api):
    _, client = api
    assert problem_of(await client.raw("POST", PATH, json=TOP_UP)) == (400, "idempotency-key-missing")
    for key in ("", "a b", "x" * 256):
        answer = await client.raw("POST", PATH, json=TOP_UP, headers={"idempotency-key": key})
        assert problem_of(answer) == (422, "invalid"), key
    assert await balance(client) == "10.00"


async def test_a_refused_write_may_succeed_later(api):
    _, client = api
    body = {"direction": "out", "money": money("12"), "code": "fee"}
    path = "/accounts/acme/adjustments"
    assert problem_of(await client.post(path, body, "k1")) == (409, "insufficient-credit")
    await client.post(PATH, TOP_UP)
    assert (await client.post(path, body, "k1")).status_code == 201
    assert await balance(client) == "3.00"


async def test_a_repeat_does_not_care_what_is_sold_now(api):
    """The product is gone from the catalogue: the first answer still stands."""
    node, client = api
    product = next(iter(node.engine.terms.catalogue.products))
    await client.post("/accounts/acme/adjustments", {"direction": "in", "money": money("500"), "code": "goodwill"})
    first = await client.post(PATH, {"product": product}, "k1")
    assert first.status_code == 201, first.text
    node.engine.terms = replace(node.engine.terms, catalogue=replace(node.engine.terms.catalogue, products={}))
    again = await client.post(PATH, {"product": product}, "k1")
    assert again.json() == first.json()
    assert problem_of(await client.post(PATH, {"product": product})) == (422, "invalid")


async def test_after_a_restart(tmp_path):
    async with running_api(tmp_path) as (_, client):
        opened = await client.post("/accounts", line(), "k0")
        first = await client.post(PATH, TOP_UP, "k1")
    async with running_api(tmp_path) as (_, client):
        assert (await client.post(PATH, TOP_UP, "k1")).json() == first.json()
        assert (await client.post("/accounts", line(), "k0")).json() == opened.json()
        assert await balance(client) == "15.00"


async def test_alone_beside_a_node(api, tmp_path):
    """A process with the API only: both write to one store, neither doubles what the other has done."""
    node, client = api
    alone = ApiNode(config_for(tmp_path, api__listen="127.0.0.1:0"))
    await alone.start()
    other = Client(alone.api.address, await key_for(node.store))
    try:
        first = await client.post(PATH, TOP_UP, "k1")
        assert (await other.post(PATH, TOP_UP, "k1")).json() == first.json()
        both = await asyncio.gather(
            *(each.post(PATH, {"money": money("1")}, f"k-{number}") for number in range(10) for each in (client, other))
        )
        assert [each.status_code for each in both] == [201] * 20
        assert await balance(client) == await balance(other) == "25.00"
        assert problem_of(await other.get("/peers")) == (404, "no-such-page")
    finally:
        await other.close()
        await alone.stop()


# states --------------------------------------------------------------------------------------------


async def test_a_write_for_a_state_that_is_gone_is_refused(api):
    _, client = api
    tag = (await client.get("/accounts/acme")).headers["etag"]
    assert (await client.post(PATH, TOP_UP, if_match=f'"nothing", {tag}')).status_code == 201
    assert problem_of(await client.post(PATH, TOP_UP, if_match=tag)) == (412, "changed-meanwhile")
    assert (await client.post(PATH, TOP_UP, if_match="*")).status_code == 201
    assert await balance(client) == "20.00"


async def test_only_one_of_two_writers_wins(api):
    _, client = api
    tag = (await client.get("/accounts/acme")).headers["etag"]
    answers = await asyncio.gather(*(client.post(PATH, TOP_UP, if_match=tag) for _ in range(10)))
    assert sorted(each.status_code for each in answers) == [201, *[412] * 9]


async def test_the_state_of_a_subscriber(api):
    _, client = api
    path = "/accounts/acme/subscribers/anna"
    tag = (await client.get(path)).headers["etag"]
    await client.post(PATH, TOP_UP)
    blocked = await client.write("PATCH", path, {"status": "blocked"}, if_match=tag)
    assert blocked.headers["etag"] == (await client.get(path)).headers["etag"] != tag
    late = await client.write("PATCH", path, {"status": "active"}, if_match=tag)
    assert problem_of(late) == (412, "changed-meanwhile")


@pytest.mark.parametrize("text", ["17", 'W/"17"', '"17" "18"', '"'])
async def test_tags_that_are_none(api, text):
    _, client = api
    answer = await client.post(PATH, TOP_UP, if_match=text)
    assert problem_of(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["field"] == "header.if-match"
