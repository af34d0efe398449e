"""Accounts over HTTP: opened, looked at, topped up, corrected, limited."""

import pytest

from tests.support.api import fields_of, line, money, problem_of, running_api

BUCKET = {"bucket_id": "data-1", "amount": 5_000_000_000, "valid_days": 30}


@pytest.fixture
async def client(tmp_path):
    async with running_api(tmp_path) as (_, made):
        yield made


@pytest.fixture
async def acme(client):
    """The client, and an account with 10 EUR and 5 GB."""
    made = await client.post("/accounts", line(buckets=[BUCKET]))
    assert made.status_code == 201, made.text
    return client


async def money_of(client, account="acme"):
    (found,) = [
        each for each in (await client.get(f"/accounts/{account}")).json()["balances"] if each["unit"] == "money"
    ]
    return found["available"]


async def test_an_account_is_opened_and_shown(client):
    made = await client.post("/accounts", line(buckets=[BUCKET], name="Acme Ltd"))
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/accounts/acme")
    shown = await client.get("/accounts/acme")
    assert shown.headers["etag"] == made.headers["etag"]
    account = shown.json()
    assert account == made.json()["account"]
    assert (account["name"], account["status"], account["currency"]) == ("Acme Ltd", "active", "EUR")
    assert [bucket["available"] for bucket in account["buckets"]] == [5_000_000_000, "10.00"]
    assert account["buckets"][0]["valid_until"] > account["created"]
    assert made.json()["subscribers"][0]["identities"] == [{"kind": "msisdn", "value": "49151000001"}]


async def test_ids_are_made_up_when_left_out(client):
    subscriber = {"identities": [{"kind": "imsi", "value": "001010000000001"}], "offer": "prepaid-data"}
    made = (
        await client.post("/accounts", {"subscribers": [subscriber], "buckets": [{"amount": 5}, {"amount": 6}]})
    ).json()
    account_id = made["account_id"]
    assert (await client.get(f"/accounts/{account_id}")).status_code == 200
    subscriber_id = made["subscribers"][0]["subscriber_id"]
    assert (await client.get(f"/accounts/{account_id}/subscribers/{subscriber_id}")).status_code == 200
    assert len({bucket["bucket_id"] for bucket in made["account"]["buckets"]}) == 2


async def test_what_is_in_use_is_not_given_twice(acme):
    assert problem_of(await acme.post("/accounts", line(msisdn="49151000002"))) == (409, "conflict")
    twin = await acme.post("/accounts", line("other"))
    assert problem_of(twin) == (409, "conflict")
    assert "msisdn 49151000001 belongs to another subscriber" in twin.json()["detail"]
    assert problem_of(await acme.get("/accounts/other")) == (404, "not-found")


async def test_a_top_up_is_confirmed_with_the_new_balance(acme):
    done = await acme.post("/accounts/acme/topups", {"money": money("5.50"), "channel": "app", "reason": "card 4711"})
    assert done.status_code == 201, done.text
    assert (done.json()["bucket"]["available"], done.json()["bucket"]["currency"]) == ("15.50", "EUR")
    entries = (await acme.get("/accounts/acme/entries?kind=credit")).json()["items"]
    assert [(each["seq"], each["reason"]) for each in entries] == [
        (done.json()["entry"], "card 4711; channel app; by tests")
    ]
    assert entries[0]["postings"][0]["amount"] == 5_500_000


async def test_units_are_topped_up_with_their_terms(acme):
    bucket = {
        "unit": "seconds",
        "amount": 6000,
        "valid_days": 7,
        "services": ["voice"],
        "owners": ["anna"],
        "rating_groups": [10],
        "priority": 5,
    }
    done = await acme.post("/accounts/acme/topups", {"bucket": bucket})
    made = done.json()["bucket"]
    assert (made["unit"], made["available"], made["services"], made["owners"]) == ("seconds", 6000, ["voice"], ["anna"])
    assert (made["rating_groups"], made["priority"], made["currency"]) == ([10], 5, None)
    more = {"bucket": {"bucket_id": "data-1", "amount": 1_000}}
    assert (await acme.post("/accounts/acme/topups", more)).json()["bucket"]["available"] == 5_000_001_000
    wrong = await acme.post("/accounts/acme/topups", {"bucket": {"amount": 5, "owners": ["ana"]}})
    assert fields_of(wrong) == {"body.bucket.owners": "'ana' is no subscriber of the account; did you mean 'anna'?"}


async def test_a_product_is_bought_shown_and_cancelled(acme):
    products = (await acme.get("/products")).json()["items"]
    product = next(each for each in products if each["renews"] and float(each["price"]) <= 10)
    done = await acme.post("/accounts/acme/topups", {"product": product["product"], "channel": "app"})
    assert done.status_code == 201, done.text
    owned = done.json()["owned_id"]
    left = 10 - float(product["price"])
    assert float(await money_of(acme)) == pytest.approx(left)
    shown = (await acme.get("/accounts/acme/products")).json()["items"]
    assert [(each["owned_id"], each["state"]) for each in shown] == [(owned, "active")]
    ended = await acme.post(f"/accounts/acme/products/{owned}/cancel", {"at_once": True})
    assert ended.json()["account"]["products"] == []
    assert problem_of(await acme.post(f"/accounts/acme/products/{owned}/cancel", {})) == (404, "not-found")


async def test_too_little_money_and_unknown_products(acme):
    await acme.post("/accounts/acme/adjustments", {"direction": "out", "money": money("9.99"), "code": "fee"})
    products = (await acme.get("/products")).json()["items"]
    dear = next(each["product"] for each in products if float(each["price"]) > 1)
    assert problem_of(await acme.post("/accounts/acme/products", {"product": dear})) == (409, "insufficient-credit")
    unknown = await acme.post("/accounts/acme/products", {"product": dear + "x"})
    assert f"did you mean {dear!r}?" in fields_of(unknown)["body.product"]


async def test_corrections_go_both_ways(acme):
    path = "/accounts/acme/adjustments"
    out = await acme.post(path, {"direction": "out", "money": money("2.50"), "code": "chargeback", "reason": "dispute"})
    assert out.json()["bucket"]["available"] == "7.50"
    much = {"direction": "out", "money": money("8"), "code": "chargeback"}
    assert problem_of(await acme.post(path, much)) == (409, "insufficient-credit")
    assert (await acme.post(path, {**much, "below_zero": True})).json()["bucket"]["available"] == "-0.50"
    units = {"direction": "in", "units": 7, "bucket_id": "data-1", "code": "goodwill"}
    assert (await acme.post(path, units)).json()["bucket"]["available"] == 5_000_000_007
    entries = (await acme.get("/accounts/acme/entries?kind=withdrawal")).json()["items"]
    assert [each["postings"][0]["amount"] for each in entries] == [2_500_000, 8_000_000]
    assert entries[0]["reason"] == "dispute; code chargeback; by tests"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"direction": "in", "units": 5, "code": "fee"}, "body.units"),
        ({"direction": "in", "money": money("5"), "bucket_id": "data-1", "code": "fee"}, "body.money"),
        ({"direction": "out", "money": money("5", "USD"), "code": "fee"}, "body.money.currency"),
    ],
)
async def test_corrections_in_the_unit_of_the_bucket_only(acme, body, field):
    assert list(fields_of(await acme.post("/accounts/acme/adjustments", body))) == [field]


async def test_a_bucket_that_is_not_there_is_not_corrected(acme):
    body = {"direction": "in", "units": 5, "bucket_id": "ghost", "code": "fee"}
    assert problem_of(await acme.post("/accounts/acme/adjustments", body)) == (404, "not-found")


async def test_credit_limits_and_caps(acme):
    done = await acme.write("PUT", "/accounts/acme/buckets/money/overdraft", {"money": "20.00"})
    assert done.json()["bucket"]["overdraft"] == "20.00"
    wrong = await acme.write("PUT", "/accounts/acme/buckets/data-1/overdraft", {"money": "20.00"})
    assert fields_of(wrong) == {"body.money": "the bucket holds octets"}
    cap = {"money": "5.00", "subscriber_id": "anna", "period": "calendar month"}
    assert (await acme.write("PUT", "/accounts/acme/limits/anna", cap)).status_code == 200
    (limit,) = (await acme.get("/accounts/acme/limits")).json()["items"]
    assert (limit["maximum"], limit["period"], limit["used"]) == ("5.00", "calendar month", "0.00")
    bad = await acme.write("PUT", "/accounts/acme/limits/anna", {**cap, "period": "fortnight"})
    assert "is not a period" in fields_of(bad)["body.period"]
    assert (await acme.write("DELETE", "/accounts/acme/limits/anna")).json()["account"]["limits"] == []
    assert problem_of(await acme.write("DELETE", "/accounts/acme/limits/anna")) == (404, "not-found")


async def test_an_account_is_blocked_and_served_again(acme):
    blocked = await acme.write("PATCH", "/accounts/acme", {"status": "blocked", "reason": "stolen"})
    assert blocked.json()["account"]["status"] == "blocked"
    assert problem_of(await acme.post("/accounts/acme/products", {"product": "data-1gb"}))[1] in ("blocked", "invalid")
    assert (await acme.get("/accounts?status=blocked")).json()["items"][0]["account_id"] == "acme"
    await acme.write("PATCH", "/accounts/acme", {"status": "active"})
    assert (await acme.get("/accounts?status=blocked")).json() == {"items": [], "next": None}


async def test_pages_follow_each_other(client):
    for number in range(7):
        await client.post("/accounts", {"account_id": f"acc-{number}"})
    await client.write("PATCH", "/accounts/acc-5", {"status": "blocked"})
    pages, after = [], ""
    while after is not None:
        page = (await client.get(f"/accounts?limit=3&fields=account_id&after={after}")).json()
        pages.append([each["account_id"] for each in page["items"]])
        after = page["next"]
    assert [each for page in pages for each in page] == [f"acc-{number}" for number in range(7)]
    assert [len(page) for page in pages] == [3, 3, 1]
    active = (await client.get("/accounts?limit=6&status=active")).json()
    assert len(active["items"]) == 6
    rest = (await client.get(f"/accounts?limit=6&status=active&after={active['next']}")).json()
    assert rest == {"items": [], "next": None}


async def test_the_journal_is_read_in_pages(acme):
    for _ in range(5):
        await acme.post("/accounts/acme/topups", {"money": money("1")})
    first = (await acme.get("/accounts/acme/entries?limit=2&fields=seq,kind")).json()
    assert first == {"items": [{"seq": 1, "kind": "account_created"}, {"seq": 2, "kind": "credit"}], "next": 2}
    last = (await acme.get("/accounts/acme/entries?limit=4&after=2")).json()
    assert ([each["seq"] for each in last["items"]], last["next"]) == ([3, 4, 5, 6], None)
    nobody = (await acme.get("/accounts/acme/entries?subscriber_id=ghost")).json()
    assert nobody == {"items": [], "next": None}


async def test_chosen_fields(acme):
    assert (await acme.get("/accounts/acme?fields=tag,%20status")).json() == {"tag": "1", "status": "active"}
    wrong = await acme.get("/accounts/acme?fields=statu")
    assert fields_of(wrong) == {"query.fields": "'statu' is no field; did you mean 'status'?"}
    for page in ("balances", "buckets", "limits", "products", "subscribers"):
        assert (await acme.get(f"/accounts/acme/{page}")).status_code == 200, page


async def test_what_is_known_already_is_not_told_again(acme):
    tag = (await acme.get("/accounts/acme")).headers["etag"]
    assert (await acme.get("/accounts/acme", if_none_match=tag)).status_code == 304
    await acme.post("/accounts/acme/topups", {"money": money("1")})
    assert (await acme.get("/accounts/acme", if_none_match=tag)).status_code == 200


@pytest.mark.parametrize("path", ["accounts/ghost", "accounts/ghost/entries", "accounts/ghost/subscribers/anna"])
async def test_what_is_not_there(acme, path):
    assert problem_of(await acme.get(f"/{path}")) == (404, "not-found")


async def test_a_part_is_given_to_another_subscriber(acme):
    path = "/accounts/acme/buckets/data-1/moves"
    done = await acme.post(path, {"units": 1_000_000_000, "subscriber_id": "anna", "reason": "birthday"})
    assert done.status_code == 201, done.text
    assert done.json()["bucket"]["available"] == 4_000_000_000
    given = [bucket for bucket in done.json()["account"]["buckets"] if bucket["owners"] == ["anna"]]
    assert [bucket["available"] for bucket in given] == [1_000_000_000]
    much = {"units": 5_000_000_000, "subscriber_id": "anna"}
    assert problem_of(await acme.post(path, much)) == (409, "insufficient-credit")
    assert fields_of(await acme.post(path, {"money": "1.00"})) == {"body.money": "the bucket holds octets"}
    ghost = {"units": 1, "subscriber_id": "anna"}
    assert problem_of(await acme.post("/accounts/acme/buckets/ghost/moves", ghost)) == (404, "not-found")


async def test_what_a_product_brought_or_a_member_was_given_is_corrected_too(acme):
    assert (
        await acme.post("/accounts/acme/buckets/data-1/moves", {"units": 50, "subscriber_id": "anna"})
    ).status_code == 201
    taken = {"direction": "out", "units": 20, "code": "correction", "bucket_id": "data-1>anna"}
    done = await acme.post("/accounts/acme/adjustments", taken)
    assert done.status_code == 201, done.text
    assert done.json()["bucket"]["remaining"] == 30


async def test_units_are_not_put_where_the_money_goes(acme):
    bucket = {"bucket_id": "money", "amount": 5}
    assert problem_of(
        await acme.post("/accounts", line("new", msisdn="49151000009") | {"balance": None, "buckets": [bucket]})
    ) == (409, "conflict")
    assert (await acme.get("/accounts/new")).status_code == 404


async def test_a_service_that_there_is_not_is_refused(acme):
    wrong = await acme.post("/accounts/acme/topups", {"bucket": {"amount": 5, "services": ["dta"]}})
    assert list(fields_of(wrong)) == ["body.bucket.services.0"]
