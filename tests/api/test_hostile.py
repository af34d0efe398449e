"""Whatever comes in, a problem document goes out, and the node goes on."""

import asyncio
import json

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from diameter_ocs.api import access
from diameter_ocs.api.describe import description
from diameter_ocs.errors import StoreUnavailable
from tests.support.api import api_in_memory, fields_of, key_for, line, money, problem_of, running_api

PATH = "/accounts/acme/topups"
HEADERS = {"idempotency-key": "k1", "content-type": "application/json"}


@pytest.fixture
async def api(tmp_path):
    async with running_api(tmp_path) as (node, client):
        assert (await client.post("/accounts", line())).status_code == 201
        yield node, client


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"text"',
        b"[" * 30_000,
        b'{"money": ' + b"9" * 5_000 + b"}",
        b'{"money": NaN}',
        b'{"reason": "\\ud800", "money": {"amount": "1", "currency": "EUR"}}',
        b'{"reason": "a\\u0000b", "money": {"amount": "1", "currency": "EUR"}}',
        json.dumps({"money": money("1"), "reason": "x" * 201}).encode(),
    ],
    ids=range(12),
)
async def test_bodies_that_are_none(api, text):
    _, client = api
    answer = await client.raw("POST", PATH, content=text, headers=HEADERS)
    assert problem_of(answer)[0] in (400, 422)
    assert (await client.get("/accounts/acme")).json()["tag"] == "1"


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"mony": money("1")}, "body.mony", "is not known; did you mean 'money'?"),
        ({"money": money("1") | {"curency": "EUR"}}, "body.money.curency", "did you mean 'currency'?"),
        ({"bucket": {"amount": 5, "prio": 1}}, "body.bucket.prio", "priority"),
        ({"money": money("0")}, "body.money.amount", "must be above 0 and at most 1000000000"),
        ({"money": money("1000000001")}, "body.money.amount", "must be above 0 and at most 1000000000"),
        ({"money": money("-1")}, "body.money.amount", "pattern"),
        ({"money": money("1e3")}, "body.money.amount", "pattern"),
        ({"money": {"amount": 5, "currency": "EUR"}}, "body.money.amount", "valid string"),
        ({"money": money("1", "USD")}, "body.money.currency", "the account is in EUR"),
        ({"bucket": {"amount": 1.5}}, "body.bucket.amount", "valid integer"),
        ({"bucket": {"amount": 0}}, "body.bucket.amount", "greater than 0"),
        ({"bucket": {"amount": 10**19}}, "body.bucket.amount", "less than"),
        ({"bucket": {"amount": True}}, "body.bucket.amount", "valid integer"),
        ({}, "body", "needs exactly one of money, bucket and product"),
        ({"money": money("1"), "bucket": {"amount": 1}}, "body", "needs exactly one of"),
        ({"money": money("1"), "subscriber_id": "anna"}, "body", "subscriber_id belongs to product"),
    ],
    ids=range(16),
)
async def test_every_mistake_names_its_field_and_rule(api, body, field, rule):
    _, client = api
    found = fields_of(await client.post(PATH, body))
    assert list(found) == [field]
    assert rule in found[field]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/accounts?limt=5", "query.limt"),
        ("/accounts?limit=0", "query.limit"),
        ("/accounts?limit=1001", "query.limit"),
        ("/accounts?limit=five", "query.limit"),
        ("/accounts?status=gone", "query.status"),
        ("/accounts/acme/entries?after=-1", "query.after"),
        ("/accounts/a%20b", "path.account_id"),
        ("/accounts/" + "x" * 65, "path.account_id"),
        ("/accounts/%00", "path.account_id"),
    ],
)
async def test_mistakes_in_addresses(api, path, field):
    _, client = api
    assert list(fields_of(await client.get(path))) == [field]


@pytest.mark.parametrize("path", ["/nowhere", "/accounts/", "/accounts/acme/topups/1", "/../metrics"])
async def test_pages_that_are_none(api, path):
    _, client = api
    assert problem_of(await client.get(path)) == (404, "no-such-page")


async def test_methods_that_are_none(api):
    _, client = api
    assert problem_of(await client.raw("DELETE", "/accounts/acme")) == (405, "method-not-allowed")


async def test_a_body_that_is_too_large(api):
    _, client = api
    text = json.dumps({"reason": "x" * access.MOST_BODY_OCTETS})
    assert problem_of(await client.raw("POST", PATH, content=text, headers=HEADERS)) == (413, "too-large")

    async def endless():
        for _ in range(3):
            yield b"x" * (access.MOST_BODY_OCTETS // 2)

    assert problem_of(await client.raw("POST", PATH, content=endless(), headers=HEADERS)) == (413, "too-large")


async def test_a_body_that_does_not_come(api, monkeypatch):
    node, _ = api
    monkeypatch.setattr(access, "BODY_SECONDS", 0.05)
    secret = await key_for(node.store, client="slow")
    reader, writer = await asyncio.open_connection(*node.api.address)
    head = f"POST /api/v1{PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\ncontent-length: 50\r\n\r\n{{"
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_a_store_that_does_not_answer(api, monkeypatch):
    node, client = api

    async def broken(*_):
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(node.store, "look", broken)
    answer = await client.get("/accounts/acme")
    assert problem_of(answer) == (503, "store-unavailable")
    assert "retry-after" in answer.headers
    monkeypatch.setattr(node.store, "api_key", broken)
    assert problem_of(await client.get("/accounts/acme")) == (503, "store-unavailable")


async def test_a_commit_that_fails_is_told_and_may_be_repeated(api, monkeypatch):
    node, client = api

    async def broken(*_):
        raise StoreUnavailable("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(node.store, "commit", broken)
        assert problem_of(await client.post(PATH, {"money": money("1")}, "k1")) == (503, "store-unavailable")
    done = await client.post(PATH, {"money": money("1")}, "k1")
    assert (done.status_code, done.json()["bucket"]["available"]) == (201, "11.00")


# by the description --------------------------------------------------------------------------------

SPEC = description()
WRITES = [
    (method.upper(), path, operation)
    for path, methods in SPEC["paths"].items()
    for method, operation in methods.items()
    if method != "get"
]


def fits(value, schema):
    """Fails with what does not fit."""
    jsonschema.Draft202012Validator({**schema, "components": SPEC["components"]}).validate(value)


def test_the_description_is_whole():
    for path, methods in SPEC["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            assert operation["security"] == [{"key": []}]
            assert operation["responses"]["default"]["content"].keys() == {"application/problem+json"}
            assert "x-required-scope" in operation or path == "/api/v1/me"
    names = [operation["operationId"] for methods in SPEC["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


def test_examples_fit_their_schemas():
    shown = {name: schema for name, schema in SPEC["components"]["schemas"].items() if "example" in schema}
    assert len(shown) >= 10
    for name, schema in shown.items():
        fits(schema["example"], {"$ref": f"#/components/schemas/{name}"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)


def bodies(operation):
    """Examples of the body with one part replaced by anything, or left out, or anything at all."""
    if "requestBody" not in operation:
        return JSON
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = SPEC["components"]["schemas"][name]
    part = st.sampled_from(sorted(schema["properties"]))
    changed = st.builds(lambda name, value: {**schema.get("example", {}), name: value}, part, JSON)
    return st.one_of(changed, changed, JSON)


BOUNDED = (Phase.explicit, Phase.reuse, Phase.generate)
"""Nothing is made smaller: every attempt opens an account."""
PLACES = {
    "account_id": "acme",
    "subscriber_id": "anna",
    "bucket_id": "money",
    "name": "x",
    "owned_id": "x",
    "session_key": "s",
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=BOUNDED)
@given(data=st.data())
def test_no_body_is_too_much(data):
    """Never a mistake of the server, and what is answered is what the description says."""
    sent = [(*write, data.draw(bodies(write[2]))) for write in data.draw(st.lists(st.sampled_from(WRITES), max_size=8))]

    async def fire():
        async with api_in_memory() as client:
            assert (await client.post("/accounts", line())).status_code == 201
            for method, path, operation, body in sent:
                answer = await client.write(method, path.format(**PLACES).removeprefix("/api/v1"), body)
                assert answer.status_code < 500, answer.text
                told = operation["responses"].get(str(answer.status_code), operation["responses"]["default"])
                (content,) = told["content"].values()
                fits(answer.json(), content["schema"])

    asyncio.run(fire())
