"""What is sold, over HTTP."""

import pytest

from tests.support.api import problem_of, running_api


@pytest.fixture
async def api(tmp_path):
    async with running_api(tmp_path) as (node, client):
        yield node, client


async def test_what_is_sold_now(api):
    node, client = api
    catalogue = node.engine.terms.catalogue
    shown = (await client.get("/catalogue")).json()
    assert (shown["version"], shown["currency"]) == (catalogue.version, "EUR")
    assert shown["offers"] == sorted(each["offer"] for each in (await client.get("/offers")).json()["items"])
    products = {each["product"]: each for each in (await client.get("/products")).json()["items"]}
    assert shown["products"] == sorted(products)
    assert (await client.get("/products/data-5gb")).json() == products["data-5gb"]
    assert products["data-5gb"]["price"] == "9.99"
    assert products["data-5gb"]["allowances"][0]["amount"] == 5_000_000_000
    assert "data" in (await client.get("/offers/prepaid-data")).json()["services"]


@pytest.mark.parametrize(
    ("path", "hint"), [("offers/prepaid-dat", "'prepaid-data'"), ("products/data-5g", "'data-5gb'")]
)
async def test_what_is_not_sold(api, path, hint):
    _, client = api
    answer = await client.get(f"/{path}")
    assert problem_of(answer) == (404, "not-found")
    assert f"did you mean {hint}?" in answer.json()["detail"]


async def test_versions_and_since_when_they_hold(api):
    node, client = api
    (only,) = (await client.get("/catalogue/versions")).json()["items"]
    assert (only["version"], only["in_force"], len(only["from_moments"])) == (
        node.engine.terms.catalogue.version,
        True,
        1,
    )
    assert await node.store.activate_catalogue(only["version"], node.clock.at_ms() + 10**9, 1, "tests", "later")
    (only,) = (await client.get("/catalogue/versions")).json()["items"]
    assert len(only["from_moments"]) == 2
