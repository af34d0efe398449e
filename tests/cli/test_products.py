"""Products from the command line."""

import pytest


@pytest.fixture
def acme(ocs):
    catalogue = ocs.config.parent / "catalogue" / "demo.toml"
    catalogue.write_text(
        catalogue.read_text()
        + """
[products.test-pack]
title = "Test pack"
price = "2.00"
renews = "30 days"
[[products.test-pack.allowances]]
name = "internet"
amount = "1 GB"
"""
    )
    ocs("account", "create", "acme", "--balance", "5.00", "--msisdn", "491511000001", "--offer", "prepaid-data")
    return ocs


def test_products_are_listed_bought_and_cancelled(acme):
    listed = next(each for each in acme.json("product", "list") if each["product"] == "test-pack")
    assert (listed["price"], listed["period"], listed["renews"]) == (2_000_000, "30 days", True)
    shown = acme("product", "list").stdout
    assert "every 30 days" in shown
    assert "internet 1 GB" in shown
    bought = acme.json("product", "buy", "acme", "test-pack")
    (owned,) = bought["products"]
    assert (owned["owned_id"], owned["state"]) == ("test-pack-2", "active")
    assert {each["bucket_id"]: each["remaining"] for each in bought["buckets"]} == {
        "test-pack-2/internet/0": 10**9,
        "money": 3_000_000,
    }
    assert "test-pack-2" in acme("account", "show", "acme").stdout
    assert acme.json("product", "cancel", "acme", "test-pack-2")["products"][0]["state"] == "cancelled"
    assert acme.json("product", "cancel", "acme", "test-pack-2", "--at-once")["products"] == []
    acme("audit")


def test_what_cannot_be_bought_is_refused_in_words(acme):
    acme("product", "buy", "acme", "test-pack")
    acme("product", "buy", "acme", "test-pack")
    assert "costs 2.00 EUR; the account has less" in acme.refused("product", "buy", "acme", "test-pack", code=1)
    assert "has no product ghost" in acme.refused("product", "buy", "acme", "ghost", code=1)
    assert "no subscriber tom" in acme.refused("product", "buy", "acme", "test-pack", "--subscriber", "tom", code=1)
    assert "has no product x-1" in acme.refused("product", "cancel", "acme", "x-1", code=1)
    assert "there is no account ghost" in acme.refused("product", "buy", "ghost", "test-pack", code=1)


def test_a_limit_starts_anew_each_period(acme):
    (limit,) = acme.json("bucket", "limit", "acme", "cap", "5.00", "--every", "calendar month")["limits"]
    assert limit["until"].endswith("-01T00:00:00Z") or "-01T" in limit["until"]
    assert "is not a period" in acme.refused("bucket", "limit", "acme", "cap", "5.00", "--every", "moon")
