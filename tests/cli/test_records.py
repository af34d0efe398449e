"""Accounts, subscribers and sessions from the command line."""

import pytest


def opened(ocs, *more):
    return ocs.json(
        "account", "create", "acme", "--balance", "10.00", "--msisdn", "+49 151 1000001", "--imsi",
        "001010000000001", "--offer", "prepaid-data", *more,
    )  # fmt: skip


def test_an_account_is_opened_with_money_data_and_a_subscriber(ocs):
    account = opened(
        ocs, "--data", "5 GB", "--data", "500 MB", "--valid-days", "30", "--rating-group", "10", "--name", "Acme"
    )
    assert account["account_id"] == "acme"
    assert account["status"] == "active"
    assert account["currency"] == "EUR"
    buckets = {bucket["bucket_id"]: bucket for bucket in account["buckets"]}
    assert list(buckets) == ["data-1", "data-2", "money"]
    assert buckets["money"]["available"] == 10_000_000
    assert buckets["money"]["valid_until"] is None
    assert buckets["data-1"]["remaining"] == 5_000_000_000
    assert buckets["data-2"]["rating_groups"] == [10]
    assert buckets["data-2"]["valid_until"].endswith("Z")
    (subscriber,) = account["subscribers"]
    assert subscriber["offer"] == "prepaid-data"
    assert {"kind": "msisdn", "value": "491511000001"} in subscriber["identities"]
    assert ocs.json("account", "show", "acme") == account | {"latest_events": []}


def test_tables_are_for_people(ocs):
    opened(ocs, "--data", "5 GB")
    shown = ocs("account", "show", "acme").stdout
    assert "10.00 EUR" in shown
    assert "5 GB" in shown
    assert "msisdn 491511000001" in shown
    assert "acme" in ocs("account", "list").stdout
    assert "491511000001" in ocs("subscriber", "list").stdout
    assert "10.00 EUR" in ocs("subscriber", "show", "491511000001").stdout


def test_an_account_without_a_name_gets_one(ocs):
    first, second = (ocs.json("account", "create") for _ in range(2))
    assert first["account_id"] != second["account_id"]
    assert [each["account_id"] for each in ocs.json("account", "list")] == sorted(
        [first["account_id"], second["account_id"]]
    )
    assert len(ocs.json("account", "list", "--limit", "1")) == 1


def test_an_account_is_opened_once(ocs):
    opened(ocs)
    assert "acme exists" in ocs.refused("account", "create", "acme", code=1)
    refused = ocs.refused("account", "create", "other", "--msisdn", "491511000001", "--offer", "prepaid-data", code=1)
    assert "msisdn 491511000001 belongs to another subscriber" in refused


def test_credit_adds_to_money_and_makes_new_data_buckets(ocs):
    opened(ocs, "--data", "1 GB")
    ocs("account", "credit", "acme", "--balance", "2.50", "--data", "2 GB", "--priority", "5")
    buckets = {bucket["bucket_id"]: bucket for bucket in ocs.json("account", "show", "acme")["buckets"]}
    assert buckets["money"]["remaining"] == 12_500_000
    assert buckets["data-1"]["remaining"] == 1_000_000_000
    assert buckets["data-2"]["remaining"] == 2_000_000_000
    assert buckets["data-2"]["priority"] == 5
    assert ocs.json("audit")["ok"]


def test_accounts_and_subscribers_are_blocked_and_unblocked(ocs):
    opened(ocs)
    assert ocs.json("account", "block", "acme", "--reason", "fraud")["status"] == "blocked"
    assert ocs.json("subscriber", "show", "491511000001")["account_status"] == "blocked"
    assert ocs.json("account", "unblock", "acme")["status"] == "active"
    assert ocs.json("subscriber", "block", "imsi:001010000000001")["status"] == "blocked"
    assert ocs.json("subscriber", "unblock", "001010000000001")["status"] == "active"


def test_a_subscriber_joins_an_account_and_is_found_by_every_name(ocs):
    opened(ocs)
    made = ocs.json(
        "subscriber", "create", "--account", "acme", "--offer", "bundle-only", "--id", "tablet",
        "--nai", "Tablet@Example.org", "--sip", "sip:tablet@example.org", "--private", "badge 7",
    )  # fmt: skip
    assert made["subscriber_id"] == "tablet"
    for name in ("tablet@example.org", "nai:tablet@example.org", "sip:tablet@example.org", "private:badge 7",
                 "acme/tablet"):  # fmt: skip
        assert ocs.json("subscriber", "show", name)["subscriber_id"] == "tablet"
    assert len(ocs.json("subscriber", "list", "--account", "acme")) == 2
    assert len(ocs.json("subscriber", "list", "--limit", "1")) == 1


def test_a_subscriber_has_a_time_zone_that_stays_when_it_is_blocked(ocs):
    account = opened(ocs, "--time-zone", "Asia/Tokyo")
    assert [each["time_zone"] for each in account["subscribers"]] == ["Asia/Tokyo"]
    made = ocs.json("subscriber", "create", "--account", "acme", "--offer", "bundle-only", "--imsi", "001010000000009")
    assert made["time_zone"] is None
    shown = ocs("subscriber", "list").stdout
    assert "Asia/Tokyo" in shown
    assert "operator's" in shown
    ocs("subscriber", "block", "491511000001")
    assert ocs.json("subscriber", "unblock", "491511000001")["time_zone"] == "Asia/Tokyo"


NO_SUCH = [
    ("account", "show", "nobody"),
    ("account", "block", "nobody"),
    ("account", "credit", "nobody", "--balance", "1"),
    ("subscriber", "show", "49999"),
    ("subscriber", "show", "nobody/x"),
    ("subscriber", "show", "acme/x"),
    ("subscriber", "show", "???"),
    ("subscriber", "block", "49999"),
    ("subscriber", "list", "--account", "nobody"),
    ("subscriber", "create", "--account", "nobody", "--offer", "prepaid-data", "--imsi", "001010000000009"),
    ("session", "show", "no;such;session"),
    ("session", "list", "--account", "nobody"),
]


@pytest.mark.parametrize("args", NO_SUCH, ids=" ".join)
def test_what_is_not_there_is_said_in_one_line(ocs, args):
    opened(ocs)
    said = ocs(*args, code=1).stderr
    assert said.startswith("ocs: there is no ") or "has no subscriber" in said
    assert said.count("\n") == 1


OFFERS = "bundle-only, contract, family-child, family-parent, pooled-data, prepaid-data, smart, travel"
WRONG = [
    (("account", "create", "--balance", "ten"), "--balance: 'ten' is not an amount"),
    (("account", "create", "--balance", "-1"), "--balance: '-1' must be above 0"),
    (("account", "create", "--balance", "0"), "--balance: '0' must be above 0"),
    (("account", "create", "--balance", "nan"), "--balance: "),
    (("account", "create", "--balance", "0.0000001"), "six decimals"),
    (("account", "create", "--balance", "1e999999999"), "--balance: "),
    (("account", "create", "--balance", "9" * 60), "too long for an amount"),
    (("account", "create", "--balance", "2000000000"), "at most 1,000,000,000"),
    (("account", "create", "--data", "5 bananas"), "--data: '5 bananas' is not a whole number of octets"),
    (("account", "create", "--data", "0"), "--data: '0' must be above 0"),
    (("account", "create", "--data", "5 GB", "--valid-days", "0"), "--valid-days"),
    (("account", "create", "--data", "5 GB", "--rating-group", "-1"), "--rating-group"),
    (("account", "create", "--valid-days", "3"), "--valid-days: belongs to data buckets"),
    (("account", "create", "--rating-group", "3"), "--rating-group: belongs to data buckets"),
    (("account", "create", "a b"), "ACCOUNT: 'a b' must be"),
    (("account", "create", "x" * 65), "ACCOUNT: "),
    (
        ("account", "create", "--msisdn", "12345"),
        f"--offer: a subscriber needs one of: {OFFERS}",
    ),
    (("account", "create", "--offer", "prepaid-data"), "--msisdn: a subscriber needs an identity"),
    (("account", "create", "--offer", "prepaid-date", "--imsi", "12345"), "did you mean 'prepaid-data'?"),
    (("account", "create", "--offer", "zzz", "--imsi", "12345"), f"known: {OFFERS}"),
    (("account", "create", "--imsi", "12a45", "--offer", "prepaid-data"), "--imsi: '12a45' is not a IMSI"),
    (
        ("account", "create", "--imsi", "12345", "--offer", "prepaid-data", "--time-zone", "Mars"),
        "--time-zone: 'Mars' is not a time zone such as 'Europe/Berlin'",
    ),
    (("account", "create", "--time-zone", "UTC"), "--msisdn: a subscriber needs an identity"),
    (("account", "credit", "acme"), "--balance: say what to add"),
    (("subscriber", "create", "--offer", "prepaid-data"), "--account"),
    (("subscriber", "create", "--account", "acme", "--offer", "prepaid-data"), "--msisdn: a subscriber needs"),
    (("session", "list", "--limit", "0"), "--limit"),
    (("nonsense",), "No such command 'nonsense'"),
    (("account", "shwo", "x"), "Did you mean 'show'"),
]


@pytest.mark.parametrize(("args", "rule"), WRONG, ids=[" ".join(args)[:60] for args, _ in WRONG])
def test_wrong_usage_names_the_option_and_the_rule(ocs, args, rule):
    assert rule in ocs.refused(*args)


def test_without_any_session_there_is_none_to_show(ocs):
    opened(ocs)
    assert ocs.refused("session", "show", code=1) == "ocs: there is no session yet"


def test_a_name_that_cannot_be_is_said(ocs):
    opened(ocs)
    assert "msisdn:12: '12' is not" in ocs.refused("subscriber", "show", "msisdn:12")


@pytest.mark.parametrize("args", [("account", "list"), ("session", "list"), ("audit",)], ids=" ".join)
def test_looking_makes_no_database(ocs, tmp_path, args):
    assert f"{tmp_path}/ocs.db does not exist" in ocs.refused(*args)
    assert not (tmp_path / "ocs.db").exists()


def test_the_demo_accounts_can_be_seeded_again_and_again(ocs):
    first = ocs.json("account", "seed")
    second = ocs.json("account", "seed")
    assert len(first) == 18
    assert sum(len(each["subscribers"]) for each in first) == 20
    assert [each["buckets"] for each in first] == [each["buckets"] for each in second]
    assert [each["status"] for each in second].count("blocked") == 1
    assert ocs.json("subscriber", "show", "99955500101")["offer"] == "prepaid-data"


def test_a_database_that_is_none_is_said(ocs, tmp_path):
    (tmp_path / "ocs.db").write_text("this is no database, only text that is long enough to be looked at " * 20)
    assert ocs.refused("account", "list").startswith("ocs: store: ")
    assert ocs.refused("account", "create").startswith("ocs: store: ")


def test_names_that_look_like_markup_are_shown_as_they_are(ocs):
    ocs("account", "create", "acme", "--name", "[/red] [bold", "--nai", "[/x]@example.org", "--offer", "bundle-only")
    assert "[/red] [bold" in ocs("account", "show", "acme").stdout
    assert "[/red] [bold" in ocs("account", "list").stdout
    assert "[/x]@example.org" in ocs("subscriber", "list").stdout
