"""`ocs quota explain`."""

import asyncio

import pytest

from diameter_ocs.charging.request import RequestType
from diameter_ocs.values.identity import Identity, IdentityKind
from tests.cli.test_requests import send

MSISDN = Identity(IdentityKind.E164, "99955500101")


@pytest.fixture
def customer(ocs):
    ocs("account", "create", "acc-1", "--balance", "1.00", "--offer", "prepaid-data", "--msisdn", "99955500101")
    return ocs


def test_which_rule_gave_which_grant(customer):
    found = customer.json(
        "quota", "explain", "--subscriber", "99955500101", "--rating-group", "10", "--requested", "80 MB"
    )
    assert found["steps"] == [
        {"rule": "the gateway asks for", "units": 80_000_000},
        {"rule": "no more than maximum", "units": 50_000_000},
    ]
    assert (found["result_code"], found["granted"], found["final"]) == (2001, 50_000_000, "terminate")
    assert [each["amount"] for each in found["reserved"]] == [1_000_000]
    said = customer("quota", "explain", "--subscriber", "99955500101").stdout
    assert "default" in said
    assert "granted 10 MB" in said
    assert customer.json("account", "show", "acc-1")["buckets"][0]["reserved"] == 0


@pytest.mark.parametrize(("group", "code"), [(30, 2001), (40, 4010), (99, 5031)])
def test_groups_that_are_not_charged(customer, group, code):
    found = customer.json("quota", "explain", "--subscriber", "99955500101", "--rating-group", str(group))
    assert found["result_code"] == code
    assert str(code) in customer("quota", "explain", "--subscriber", "99955500101", "--rating-group", str(group)).stdout


def test_a_blocked_account_gets_nothing(customer):
    customer("account", "block", "acc-1")
    assert customer.json("quota", "explain", "--subscriber", "99955500101")["result_code"] == 4010


def test_mistakes(customer):
    assert "--requested" in customer.refused("quota", "explain", "--subscriber", "99955500101", "--requested", "much")
    assert "there is no subscriber" in customer.refused("quota", "explain", "--subscriber", "99955500999", code=1)
    assert "no session" in customer.refused(
        "quota", "explain", "--subscriber", "99955500101", "--session", "nobody", code=1
    )


@pytest.mark.parametrize(
    ("service", "requested", "unit", "granted"),
    [("sms", "3", "events", 3), ("voice", "45 s", "seconds", 45), ("voice/terminating", "90 s", "seconds", 90)],
)
def test_other_services_than_data(customer, service, requested, unit, granted):
    asked = ["quota", "explain", "--subscriber", "99955500101", "--of", service, "--requested", requested]
    found = customer.json(*asked)
    assert (found["result_code"], found["unit"], found["granted"]) == (2001, unit, granted)
    assert "granted" in customer(*asked).stdout


def test_a_service_that_the_offer_does_not_have(customer):
    said = customer.refused("quota", "explain", "--subscriber", "99955500101", "--of", "fax", code=1)
    assert "has no tariff for fax" in said


def test_what_is_used_of_a_daily_cap(customer):
    catalogue = customer.config.parent / "catalogue" / "demo.toml"
    catalogue.write_text(catalogue.read_text().replace("[quota.mobile]", '[quota.mobile]\nday_cap = "15 MB"'))
    asyncio.run(send(customer.config, RequestType.INITIAL, 0, who=MSISDN))
    (use,) = customer.json("account", "show", "acc-1")["subscribers"][0]["day_use"]
    assert (use["group"], use["unit"], use["used"], use["promised"]) == ("internet", "octets", 0, 10_000_000)
    assert "Used of daily caps" in customer("account", "show", "acc-1").stdout
    found = customer.json("quota", "explain", "--subscriber", MSISDN.value, "--rating-group", "10")
    assert found["steps"][-1] == {"rule": "what is left of day_cap", "units": 5_000_000}
