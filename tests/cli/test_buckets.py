"""Buckets with terms, credit limits and caps from the command line."""

import pytest


@pytest.fixture
def family(ocs):
    ocs("account", "create", "family", "--balance", "10.00", "--msisdn", "491511000001", "--offer", "prepaid-data")
    ocs(
        "subscriber",
        "create",
        "--account",
        "family",
        "--id",
        "tom",
        "--msisdn",
        "491511000002",
        "--offer",
        "prepaid-data",
    )
    return ocs


def test_a_bucket_with_everything_that_may_bind_it(family):
    made = family.json(
        "bucket", "add", "family", "talk", "100 min", "--unit", "seconds", "--service", "voice", "--owner", "tom",
        "--valid-days", "30", "--priority", "5", "--blocking", "--pays-for", "events", "--at", "60 s",
    )  # fmt: skip
    bucket = next(each for each in made["buckets"] if each["bucket_id"] == "talk")
    assert (bucket["unit"], bucket["remaining"], bucket["priority"]) == ("seconds", 6000, 5)
    assert bucket["terms"] == {
        "owners": ["tom"],
        "services": ["voice"],
        "blocking": True,
        "overdraft": 0,
        "pays_for": "events",
        "factor": [60, 1],
        "destinations": [],
        "networks": [],
        "bands": [],
    }
    shown = family("account", "show", "family").stdout
    assert "voice; only tom; also events, 60 s for 1; blocks what comes after it" in shown


def test_a_credit_limit_is_shown(family):
    assert "down to -20.00 EUR" in family("bucket", "overdraft", "family", "20.00").stdout
    made = family.json("bucket", "overdraft", "family", "0")
    assert "terms" not in made["buckets"][-1]
    assert family.json("bucket", "overdraft", "family", "unlimited")["buckets"][-1]["terms"]["overdraft"] > 10**12


def test_caps_are_set_changed_and_removed(family):
    (limit,) = family.json("bucket", "limit", "family", "tom", "5.00", "--subscriber", "tom")["limits"]
    assert (limit["maximum"], limit["subscriber_id"], limit["used"]) == (5_000_000, "tom", 0)
    assert "tom" in family("bucket", "limit", "family", "tom", "6.00", "--subscriber", "tom").stdout
    assert family.json("bucket", "limit", "family", "tom", "none")["limits"] == []
    assert "has no limit tom" in family.refused("bucket", "limit", "family", "tom", "none", code=1)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("add", "family", "x", "5 parsecs"), "AMOUNT"),
        (("add", "family", "x", "0"), "at least 1"),
        (("add", "family", "x", "5", "--unit", "miles"), "none of: octets, seconds, events, money"),
        (("add", "family", "x", "5", "--owner", "ghost"), "--owner"),
        (("add", "family", "x", "5", "--at", "2"), "belongs to --pays-for"),
        (("add", "family", "x", "5", "--pays-for", "octets"), "must be another unit"),
        (("add", "family", "x", "5", "--pays-for", "seconds", "--at", "1/0"), "--at"),
        (("add", "family", "x", "5", "--service", "voise"), "--service: 'voise' is no service — did you mean 'voice'?"),
        (("overdraft", "family", "5", "--bucket", "gold"), "has no bucket 'gold'"),
        (("overdraft", "family", "-5"), ""),
        (("limit", "family", "cap", "lots"), "AMOUNT"),
    ],
)
def test_what_cannot_be_is_refused_by_name(family, args, told):
    assert told in family.refused("bucket", *args)


def test_a_bucket_is_never_turned_into_another_unit(family):
    told = family.refused("bucket", "add", "family", "money", "5 MB", code=1)
    assert "bucket money holds money" in told


def test_a_bucket_is_bound_to_places_and_times_of_the_catalogue(family):
    catalogue = family.config.parent / "catalogue" / "demo.toml"
    text = catalogue.read_text() + (
        '[bands.night]\nfrom = "22:00"\nuntil = "06:00"\n'
        '[networks.at_home]\nplmns = ["99901"]\n[destinations.spain]\nprefixes = ["599"]\n'
    )
    catalogue.write_text(text)
    where = ("--band", "night", "--network", "at_home", "--destination", "spain")
    made = family.json("bucket", "add", "family", "night", "1 GB", *where)
    terms = next(each for each in made["buckets"] if each["bucket_id"] == "night")["terms"]
    assert (terms["bands"], terms["networks"], terms["destinations"]) == (["night"], ["at_home"], ["spain"])
    assert "to spain; in at_home; during night" in " ".join(family("account", "show", "family").stdout.split())
    refused = family.refused("bucket", "add", "family", "x", "1 GB", "--band", "dawn")
    assert "the catalogue has no 'dawn': night" in refused


def test_some_of_a_bucket_is_given_to_a_member(family):
    family("bucket", "add", "family", "pool", "5 GB")
    given = family.json("bucket", "move", "family", "pool", "1 GB", "--to", "tom")
    left = {each["bucket_id"]: each["remaining"] for each in given["buckets"]}
    assert (left["pool"], left["pool>tom"]) == (4_000_000_000, 1_000_000_000)
    assert "has no bucket 'x'" in family.refused("bucket", "move", "family", "x", "1 GB", "--to", "tom")
    assert "no subscriber eve" in family.refused("bucket", "move", "family", "pool", "1 GB", "--to", "eve", code=1)
    family("audit")


def test_members_are_listed_with_what_they_used_of_their_limits(family):
    family("bucket", "limit", "family", "tom", "5.00", "--subscriber", "tom")
    shown = " ".join(family("account", "show", "family").stdout.split())
    assert "used of its limits" in shown
    assert "0.00 EUR of 5.00 EUR" in shown
