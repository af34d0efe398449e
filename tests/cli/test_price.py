"""`ocs price`, and `ocs quota explain` under conditions of use."""

import pytest

SHEET = """
[tariffs.sheet]
csv = "rates.csv"
per = "60 s"
[offers.by-number]
[[offers.by-number.groups]]
name = "calls"
service = "voice"
default = true
tariff = "sheet"
quota = "call"
[offers.by-place]
[[offers.by-place.groups]]
name = "internet"
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "mobile"
[[offers.by-place.groups.when]]
name = "fast"
rat = "NR"
apn = "gold"
price = "0.05"
per = "1 MB"
[[offers.by-place.groups.when]]
name = "airport"
location = "airport"
treatment = "free"
[[offers.by-place.groups.when]]
name = "staff"
segment = "staff"
treatment = "barred"
[locations.airport]
areas = ["TAI 26201-*"]
"""


@pytest.fixture
def shop(ocs):
    catalogue = ocs.config.parent / "catalogue" / "demo.toml"
    catalogue.write_text(catalogue.read_text() + SHEET)
    (catalogue.parent / "rates.csv").write_text("prefix,price\n33,0.30\n")
    ocs("account", "create", "acc-1", "--balance", "5", "--offer", "travel", "--msisdn", "99955500101")
    return ocs


@pytest.mark.parametrize(
    ("offer", "options", "rule", "cost"),
    [
        ("travel", (), "internet", "0.20"),
        ("travel", ("--network", "26201"), "internet", "0.20"),
        ("travel", ("--network", "20801"), "internet in the EU", "0.30"),
        ("travel", ("--network", "310410"), "internet elsewhere", "50.00"),
        ("by-place", ("--rat", "nr", "--apn", "gold"), "fast", "0.50"),
        ("by-place", ("--location", "TAI 26201-1A2B"), "airport", "0.00"),
    ],
)
def test_data_by_conditions(shop, offer, options, rule, cost):
    asked = ("price", offer, "10 MB", "--rating-group", "10", *options)
    found = shop.json(*asked)
    assert (found["rule"], found["cost"], found["currency"]) == (rule, cost, "EUR")
    assert f"{cost} EUR" in shop(*asked).stdout


def test_a_call_by_number(shop):
    call = ("price", "by-number", "90 s", "--of", "voice", "--destination")
    found = shop.json(*call, "0033612345678")
    told = {name: found[name] for name in ("number", "prefix", "destination", "rule", "cost")}
    expected = {"number": "33612345678", "prefix": "33", "destination": "eu", "rule": "calls", "cost": "0.60"}
    assert told == expected
    assert "number 33612345678: prefix 33, eu" in shop(*call, "0033612345678").stdout
    said = shop(*call, "+8112345").stdout
    assert "number 8112345: prefix 8, world" in said
    assert "5031" in said


def test_messages_and_calls_of_the_sample(shop):
    found = shop.json("price", "travel", "3", "--of", "sms", "--destination", "+12025550100")
    assert (found["rule"], found["destination"], found["cost"]) == ("text messages abroad", "world", "0.75")
    assert shop.json("price", "travel", "60 s", "--of", "voice", "--destination", "110")["cost"] == "0.00"


def test_a_price_line_by_line(shop):
    found = shop.json("price", "by-place", "10 MB", "5 MB", "--rating-group", "10")
    assert [(line["kind"], line["units"], line["amount"], line["words"]) for line in found["lines"]] == [
        ("steps", 15_000_000, 300_000, "15 MB at 0.02 EUR per MB")
    ]
    shown = shop("price", "by-place", "10 MB", "--rating-group", "10").stdout
    assert "0.20 EUR  10 MB at 0.02 EUR per MB" in shown


def test_what_a_subscriber_would_pay_with(shop):
    shop("account", "credit", "acc-1", "--data", "4 MB")
    asked = ("price", "--subscriber", "99955500101", "10 MB", "--rating-group", "10", "--at", "2026-11-01T12:00")
    found = shop.json(*asked)
    assert (found["offer"], found["cost"], found["at"]) == ("travel", "0.12", "2026-11-01T12:00:00.000Z")
    assert [(each["unit"], each["units"], each["remaining_after"]) for each in found["paid_by"]] == [
        ("octets", 4_000_000, 0),
        ("money", 6_000_000, 4_880_000),
    ]
    assert "paid by money: 0.12 EUR, 4.88 EUR left" in shop(*asked).stdout
    assert [each["remaining"] for each in shop.json("account", "show", "acc-1")["buckets"]] == [4_000_000, 5_000_000]
    much = shop.json("price", "--subscriber", "99955500101", "1 GB", "--rating-group", "10")
    assert (much["refused"]["result_code"], much["refused"]["units"]) == (4012, 746_000_000)
    said = shop("price", "--subscriber", "99955500101", "1 GB", "--rating-group", "10").stdout
    assert "746000000 units would not be granted: 4012" in said


def test_a_grant_by_conditions(shop):
    asked = ("quota", "explain", "--subscriber", "99955500101", "--rating-group", "10")
    assert shop.json(*asked)["rule"] == "internet"
    assert shop.json(*asked, "--network", "20801")["rule"] == "internet in the EU"
    elsewhere = shop.json(*asked, "--network", "310410")
    assert (elsewhere["rule"], elsewhere["granted"], elsewhere["final"]) == (
        "internet elsewhere",
        1_000_000,
        "terminate",
    )


def test_a_segment_is_kept_with_the_subscriber(shop):
    names = ("--offer", "by-place", "--segment", "staff", "--msisdn", "99955500102")
    made = shop.json("subscriber", "create", "--account", "acc-1", *names)
    assert made["segment"] == "staff"
    found = shop.json("quota", "explain", "--subscriber", "99955500102", "--rating-group", "10")
    assert (found["rule"], found["result_code"]) == ("staff", 4010)


def test_mistakes(shop):
    assert "--network" in shop.refused("price", "travel", "1", "--network", "abc")
    assert "--rat" in shop.refused("price", "travel", "1", "--rat", "6G")
    assert "AMOUNT" in shop.refused("price", "travel", "1 mile", "--rating-group", "10")
    assert "AMOUNT: at most 500 GB, which are 10,000 grants of internet" in shop.refused("price", "travel", "501 GB")
    assert "did you mean 'travel'" in shop.refused("price", "travl", "1")
    assert "AMOUNT: say how much" in shop.refused("price", "travel")
    assert "--at" in shop.refused("price", "travel", "1", "--at", "noon")
    assert "--segment" in shop.refused("price", "--subscriber", "99955500101", "1", "--segment", "staff")
    assert "there is no subscriber" in shop.refused("price", "--subscriber", "99955500999", "1", code=1)
    assert "no tariff for fax" in shop.refused("price", "travel", "1", "--of", "fax", code=1)


def test_lines_of_a_rate_sheet_are_told(shop):
    (shop.config.parent / "catalogue" / "rates.csv").write_text("prefix,price\n33,0.30\n44,much\n")
    assert "rates.csv:3: price — 'much' is not an amount" in shop.refused("config", "check")


def test_overlapping_prefixes_are_reported(shop):
    catalogue = shop.config.parent / "catalogue" / "demo.toml"
    catalogue.write_text(catalogue.read_text().replace('prefixes = ["49"]', 'prefixes = ["49", "4915", "336"]'))
    found = shop.json("config", "check")["destinations"]
    assert (found["prefixes"], found["overlapping"], found["without_effect"]) == (26, 14, ["4915"])
    assert "without effect, as a shorter one says the same: 4915" in shop("config", "check").stdout
