"""Subscribers over HTTP: found, added, changed."""

import pytest

from tests.support.api import fields_of, line, problem_of, running_api


def subscriber(name, msisdn, **more):
    return {"subscriber_id": name, "identities": [{"kind": "msisdn", "value": msisdn}], "offer": "prepaid-data", **more}


@pytest.fixture
async def client(tmp_path):
    async with running_api(tmp_path) as (_, made):
        assert (await made.post("/accounts", line())).status_code == 201
        yield made


async def test_one_more_subscriber(client):
    body = subscriber("tom", "+49 151-000 0002", time_zone="Europe/Berlin", segment="youth")
    made = await client.post("/accounts/acme/subscribers", body)
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/accounts/acme/subscribers/tom")
    shown = await client.get("/accounts/acme/subscribers/tom")
    assert shown.headers["etag"] == made.headers["etag"]
    assert [shown.json()] == made.json()["subscribers"]
    assert shown.json()["identities"] == [{"kind": "msisdn", "value": "491510000002"}]
    assert (shown.json()["time_zone"], shown.json()["segment"]) == ("Europe/Berlin", "youth")
    found = (await client.get("/subscribers?identity=msisdn:%2B491510000002&fields=subscriber_id")).json()
    assert found == {"items": [{"subscriber_id": "tom"}], "next": None}
    assert problem_of(await client.post("/accounts/acme/subscribers", body)) == (409, "conflict")


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"offer": "prepaid-dat"}, "body.offer", "did you mean 'prepaid-data'?"),
        ({"time_zone": "Europe/Berlinn"}, "body.time_zone", "Berlinn"),
        ({"identities": []}, "body.identities", "at least 1 item"),
        ({"identities": [{"kind": "msisdn", "value": "anna"}]}, "body.identities.0", "4 to 15 digits"),
        ({"identities": [{"kind": "phone", "value": "49151"}]}, "body.identities.0.kind", "msisdn"),
        ({"segmet": "x"}, "body.segmet", "did you mean 'segment'?"),
        ({"subscriber_id": "a b"}, "body.subscriber_id", "pattern"),
    ],
)
async def test_what_a_new_subscriber_cannot_be(client, change, field, rule):
    answer = await client.post("/accounts/acme/subscribers", {**subscriber("tom", "49151000002"), **change})
    found = fields_of(answer)
    assert list(found) == [field]
    assert rule in found[field]


async def test_blocked_and_another_offer(client):
    path = "/accounts/acme/subscribers/anna"
    blocked = await client.write("PATCH", path, {"status": "blocked"})
    assert blocked.json()["subscribers"][0]["status"] == "blocked"
    assert (await client.get("/subscribers?status=blocked&offer=prepaid-data")).json()["items"][0][
        "subscriber_id"
    ] == "anna"
    changed = await client.write("PATCH", path, {"offer": "travel"})
    assert changed.json()["subscribers"][0]["offer"] == "travel"
    assert problem_of(await client.write("PATCH", path, {"offer": "travel"})) == (409, "conflict")
    both = await client.write("PATCH", path, {"offer": "travel", "status": "active"})
    assert fields_of(both) == {"body": "needs exactly one of status and offer"}
    nobody = await client.write("PATCH", "/accounts/acme/subscribers/ghost", {"status": "active"})
    assert problem_of(nobody) == (404, "not-found")


async def test_all_subscribers_page_by_page(client):
    for number in range(3):
        await client.post("/accounts", {"account_id": f"acc-{number}"})
        for name in ("a", "b"):
            digits = f"4915200000{number}{ord(name)}"
            await client.post(f"/accounts/acc-{number}/subscribers", subscriber(name, digits))
    pages, after = [], ""
    while after is not None:
        page = (await client.get(f"/subscribers?limit=2&after={after}")).json()
        pages += [[f"{each['account_id']}/{each['subscriber_id']}" for each in page["items"]]]
        after = page["next"]
    assert [each for page in pages for each in page] == [
        "acc-0/a", "acc-0/b", "acc-1/a", "acc-1/b", "acc-2/a", "acc-2/b", "acme/anna",
    ]  # fmt: skip
    assert len((await client.get("/accounts/acc-1/subscribers")).json()["items"]) == 2


@pytest.mark.parametrize("text", ["49151", "phone:49151", "msisdn:x", "msisdn:"])
async def test_names_that_are_none(client, text):
    assert list(fields_of(await client.get(f"/subscribers?identity={text}"))) == ["query.identity"]


async def test_a_name_that_nobody_has(client):
    assert (await client.get("/subscribers?identity=msisdn:49151999999")).json() == {"items": [], "next": None}


async def test_only_lives_can_be_prolonged(client):
    """The offer has no life cycle."""
    path = "/accounts/acme/subscribers/anna/extensions"
    assert problem_of(await client.post(path, {"period": "30 days"}))[0] in (404, 409)
    assert list(fields_of(await client.post(path, {"period": "soon"}))) == ["body.period"]
