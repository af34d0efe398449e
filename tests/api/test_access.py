"""Who may do what: keys, roles, pace."""

import pytest
from msgspec.structs import replace

from diameter_ocs.api.access import USE_NOTED_MS, Pace
from diameter_ocs.api.app import create_api, needed_scope
from diameter_ocs.api.keys import new_key, revoked, rotated
from diameter_ocs.api.roles import ROLES, SCOPES, rights
from diameter_ocs.api.service import Service
from tests.support.api import Client, client_of, key_for, line, money, problem_of, running_api
from tests.support.telemetry import StoppedTime

DAY_MS = 86_400_000


@pytest.fixture
async def api(tmp_path):
    async with running_api(tmp_path) as (node, client):
        await client.post("/accounts", line())
        yield node, client


def pages_of(node):
    """Every page with a concrete path, its methods and its scope."""
    names = {"account_id": "acme", "subscriber_id": "anna", "bucket_id": "money", "name": "x", "owned_id": "x"}
    app = create_api(Service(node.store, node.engine.execute, None, None, 0, list), 1.0, None)
    for route in app.pages.routes:
        path = route.path_format.format(**names, session_key="s")
        for method in route.methods:
            yield method, path.removeprefix("/api/v1"), needed_scope(route)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer x",
        "Basic dGVzdDp0ZXN0",
        "Bearer ocs_" + "0" * 12 + "_" + "0" * 64,
        "Bearer \xff",
        "ocs_000000000000_" + "0" * 64,
    ],
)
async def test_nothing_without_a_key(api, header):
    """Not even the description, nor that a page does not exist."""
    node, _ = api
    client = Client(node.api.address, "")
    headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
    for path in ("/accounts/acme", "/openapi.json", "/nowhere", "/me"):
        del client._http.headers["authorization"]
        answer = await client.raw("GET", path, headers=headers)
        client._http.headers["authorization"] = ""
        assert problem_of(answer) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == 'Bearer realm="ocs"'
    await client.close()


async def test_the_id_of_a_key_without_its_secret(api):
    node, _ = api
    text = await key_for(node.store, client="shop")
    forged = Client(node.api.address, text[:-1] + ("0" if text[-1] != "0" else "1"))
    assert problem_of(await forged.get("/me")) == (401, "unauthenticated")
    await forged.close()
    assert text not in str(await node.store.api_keys())


async def test_expired_and_revoked_keys(api):
    node, _ = api
    now = node.clock.at_ms()
    ended, ended_text = new_key("a", "admin", (), now - DAY_MS, now - 1)
    back, back_text = new_key("b", "admin", (), now)
    await node.store.write_api_keys([ended, revoked(back, now)])
    for text, why in ((ended_text, "expired"), (back_text, "revoked")):
        client = Client(node.api.address, text)
        answer = await client.get("/me")
        assert problem_of(answer) == (401, "unauthenticated")
        assert why in answer.json()["detail"]
        await client.close()


async def test_a_rotated_key_is_good_for_a_while_and_keeps_its_outcomes(api):
    node, _ = api
    now = node.clock.at_ms()
    old, old_text = new_key("shop", "channel", ("topups:write", "accounts:read"), now, now + 90 * DAY_MS)
    await node.store.write_api_keys([old])
    before = Client(node.api.address, old_text)
    first = await before.post("/accounts/acme/topups", {"money": money("1")}, "k1")
    ending, new, new_text = rotated(old, now, DAY_MS)
    await node.store.write_api_keys([ending, new])
    assert (ending.expires_ms, new.expires_ms, new.scopes) == (now + DAY_MS, now + 90 * DAY_MS, old.scopes)
    after = Client(node.api.address, new_text)
    assert (await after.post("/accounts/acme/topups", {"money": money("1")}, "k1")).json() == first.json()
    assert (await before.get("/me")).status_code == 200
    await node.store.write_api_keys([revoked(ending, now)])
    assert (await before.get("/me")).status_code == 401
    assert (await after.get("/me")).json() == {"client": "shop", "scopes": ["accounts:read", "topups:write"]}
    await before.close()
    await after.close()


async def test_the_last_use_is_noted_now_and_then(api):
    node, client = api
    (key,) = await node.store.api_keys()
    assert abs(key.used_ms - node.clock.at_ms()) < 60_000
    noted = key.used_ms
    await client.get("/me")
    (key,) = await node.store.api_keys()
    assert key.used_ms == noted
    assert USE_NOTED_MS > 60_000


async def test_every_page_needs_its_scope(api):
    """With all scopes but its own, each page is refused; with its own alone, it is not."""
    node, _ = api
    seen = set()
    for method, path, scope in pages_of(node):
        if path == "/me":
            assert scope is None
            continue
        assert scope in SCOPES, path
        assert scope.endswith(":write") is (method != "GET"), (method, path)
        seen.add(scope)
        others = tuple(each for each in SCOPES if each != scope)
        async with client_of(node, scopes=others) as without, client_of(node, scopes=(scope,)) as having:
            refused = await without.write(method, path, {})
            assert problem_of(refused) == (403, "forbidden"), (method, path)
            assert refused.json()["detail"] == f"it needs the scope {scope}"
            assert (await having.write(method, path, {})).status_code != 403, (method, path)
    assert seen == set(SCOPES), "every scope is needed somewhere"


def test_roles_are_sets_of_scopes():
    assert rights("admin", ()) == set(SCOPES)
    assert rights("care", ("topups:write", "limits:write")) == {"topups:write"}
    assert rights("nobody", ()) == rights("nobody", ("topups:write",)) == frozenset()
    assert not any(scope.endswith(":write") for scope in ROLES["read"])
    assert "adjustments:write" not in ROLES["care"] | ROLES["channel"] | ROLES["operator"]
    assert all(scopes <= set(SCOPES) for scopes in ROLES.values())


def test_the_pace_of_a_client():
    now = StoppedTime()
    pace = Pace(5.0, now)
    assert [pace.wait("a") for _ in range(10)] == [0.0] * 10
    assert pace.wait("a") == pytest.approx(0.2)
    assert pace.wait("b") == 0.0
    now.seconds += 0.2
    assert pace.wait("a") == 0.0
    assert pace.wait("a") > 0
    now.seconds += 1_000
    assert [pace.wait("a") for _ in range(11)].count(0.0) == 10


async def test_too_many_requests(tmp_path):
    async with running_api(tmp_path, api__requests_per_second=1.0) as (node, client):
        answers = [await client.get("/me") for _ in range(12)]
        late = [each for each in answers if each.status_code == 429]
        assert len(late) >= 5
        assert problem_of(late[0]) == (429, "too-many-requests")
        assert int(late[0].headers["retry-after"]) >= 1
        async with client_of(node, name="another") as other:
            assert (await other.get("/me")).status_code == 200


def test_a_key_is_revoked_once():
    key, _ = new_key("a", "read", (), 1)
    assert revoked(revoked(key, 5), 9) == replace(key, revoked_ms=5)
