"""An operator's catalogue file: read whole, or every mistake told at once."""

import os
import re
import subprocess
import sys

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.gy.services import SERVICES as GY_SERVICES
from diameter_ocs.rating import service_names
from diameter_ocs.rating.catalogue import Treatment, changed_offers
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.pool import PoolShare
from diameter_ocs.rating.rate import CallTerms, Rate, price_of
from diameter_ocs.server.resources import config_dir
from tests.support.charging import CATALOGUE_TEXT, catalogue

SHIPPED = config_dir() / "catalogue" / "demo.toml"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(text, "shop.toml")
    return caught.value.problems


def test_the_shipped_catalogue_is_right():
    text = (config_dir() / "catalogue" / "demo.toml").read_text()
    assert {"prepaid-data", "bundle-only"} <= set(parse_catalogue(text, "demo.toml").offers)


def test_service_then_group_then_others():
    standard, bundle = catalogue().offers["standard"], catalogue().offers["bundle"]
    assert standard.rule_for(20, (7,)).rate == Rate(1_000_000, 20_000)
    assert standard.rule_for(20, ()).rate == Rate(1_000_000, 50_000)
    assert standard.rule_for(None, ()) is standard.rule_for(10, ())
    assert standard.rule_for(99, ()) is None
    assert bundle.rule_for(99, ()).rate is None


def test_every_service_of_a_context_has_a_name_here():
    assert {service.name for service in GY_SERVICES} < set(service_names.SERVICES)


def test_treatments():
    offer = catalogue().offers["standard"]
    found = [offer.rule_for(group, ()).treatment for group in (10, 30, 40, 50)]
    assert found == [Treatment.CHARGE, Treatment.FREE, Treatment.BARRED, Treatment.NOT_INCLUDED]


def test_every_mistake_is_told_with_its_key():
    text = CATALOGUE_TEXT.replace('default = "10 MB"', 'default = "100 MB"').replace(
        'price = "0.05"', 'price = "0.0000001"'
    )
    assert any("offers.standard.groups.1.price" in line and "six decimals" in line for line in problems(text))
    only_sizes = CATALOGUE_TEXT.replace('default = "10 MB"', 'default = "100 MB"').replace(
        'quota = "seconds"', 'quota = "secnds"'
    )
    found = problems(only_sizes)
    assert any("quota.standard — sizes must be" in line for line in found)
    assert any("did you mean 'seconds'" in line for line in found)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('price = "0.02"', "price = 0.02", "write it in quotes"),
        ('price = "0.02"\nper = "1 MB"', 'price = "0.02"', "price and per belong together"),
        ("rating_groups = [20]", "rating_groups = [10]", "already served"),
        ("rating_groups = [20]", "", "name rating_groups"),
        ("default_rating_group = 10\n[[offers.standard", "default_rating_group = 11\n[[offers.standard", "no group of"),
        ('currency = "EUR"', 'currency = "Euro"', "currency"),
        ('validity = "1 h"', 'validity = "0 s"', "greater than 0"),
        ("rating_groups = [20]", 'service = "voce"\ndefault = true', "'voce' is no service — did you mean 'voice'?"),
        ("rating_groups = [20]", 'service = "fax"\ndefault = true', "'fax' is no service: data, voice, video"),
        ('validity = "1 h"', "validity = 1.5", "is not a whole number of seconds"),
        ('maximum = "50 MB"', 'maximum = "18446744074 GB"', "CC-Total-Octets holds at most 18446744073709551615"),
        ('maximum = "1 h"', "maximum = 4294967296", "CC-Time holds at most 4294967295 seconds"),
        ('treatment = "free"', 'treatment = "gratis"', "treatment"),
        ('version = "test"', 'version = "test', "not valid TOML"),
        ("rating_groups = [20]", "rating_groups = [4294967296]", "rating_groups"),
        ("rating_groups = [20]", "rating_grups = [20]", "is no key here — did you mean 'rating_groups'?"),
        ('version = "test"', 'version = "test"\ncolour = 1', "use one of: version"),
        ('currency = "EUR"', "", 'currency — is required — for example: currency = "EUR"'),
        (
            'treatment = "free"',
            'treatment = "gratis"',
            "must be 'charge', 'free', 'not controlled', 'barred' or 'not included'",
        ),
    ],
)
def test_mistakes(old, new, told):
    assert old in CATALOGUE_TEXT
    found = problems(CATALOGUE_TEXT.replace(old, new, 1))
    assert all(re.match(r"shop\.toml(:\d+)?: ", line) for line in found)
    assert any(told in line for line in found), found


POOLED = CATALOGUE_TEXT.replace('per = "1 MB"\n', 'per = "1 MB"\npool = 1\n')
SHARED = 'price = "0.02"\nper = "1 MB"\npool = 1'


def test_groups_of_a_pool_pay_in_proportion_at_multipliers_of_one_unit():
    offer = parse_catalogue(POOLED, "shop.toml").offers["standard"]
    rules = [offer.rule_for(group, ()) for group in (10, 20)]
    assert [rule.pool for rule in rules] == [PoolShare(1, 2, 100), PoolShare(1, 5, 100)]
    assert [price_of(rule.rate, 1_000_001) for rule in rules] == [20_001, 50_001]
    assert (offer.has_pools, catalogue().offers["standard"].has_pools) == (True, False)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('treatment = "free"', 'treatment = "free"\npool = 1', "groups.2.pool — a group of a pool needs a price"),
        (SHARED, "pool = 1", "groups.0.pool — a group of a pool needs a price"),
        (SHARED, SHARED.replace("0.02", "0"), "needs a price above zero"),
        (SHARED, SHARED + '\nconnect_fee = "0.10"', "pays in proportion to use: price and per, without fees"),
        (SHARED, SHARED + '\nnext_step = "10 kB"', "pays in proportion to use"),
        (SHARED, SHARED + '\nmaximum_charge = "9.00"', "pays in proportion to use"),
        (
            SHARED,
            SHARED.replace("pool = 1", "pool = 2"),
            "no other group of this service shares pool 1",
        ),
        (SHARED, SHARED.replace("pool = 1", 'pool = "one"'), "groups.0.pool"),
        (SHARED, SHARED.replace("1 MB", "999999999989 B"), "make them rounder"),
        (
            SHARED,
            'per = "1 MB"\npool = 1\nprices = [{from = "00:00", until = "24:00", price = "0.02"}]',
            "a group of a pool has one price for all use",
        ),
        ("holding_time", 'session_cap = "1 GB"\nholding_time', "their policy has no caps"),
        (
            'pool = 1\nquota = "standard"',
            'pool = 1\nquota = "standard"\n[[offers.standard.groups.when]]\nrat = "NR"\nprice = "0.01"\nper = "1 MB"',
            "a group of a pool has one price for all use",
        ),
    ],
)
def test_mistakes_about_pools(old, new, told):
    assert old in POOLED
    found = problems(POOLED.replace(old, new, 1))
    assert any(told in line for line in found), found


def test_a_group_that_serves_several_shares_a_pool_with_itself():
    text = CATALOGUE_TEXT.replace('per = "10 s"\n', 'per = "10 s"\npool = 3\n')
    assert any("no other group" in line for line in problems(text))
    assert parse_catalogue(text.replace("rating_groups = [60]", "rating_groups = [60, 61]"), "shop.toml")


def test_mistakes_have_their_line():
    """As an editor jumps to it; what is missing is told where its table begins."""
    text = CATALOGUE_TEXT.replace('price = "0.05"', 'price = "0.0000001"').replace("rating_groups = [30]", "group = 30")
    rows, found = text.splitlines(), problems(text)
    assert len(found) == 2
    for line, row, rest in (
        (found[0], 'price = "0.0000001"', "offers.standard.groups.1.price — "),
        (found[1], "group = 30", "offers.standard.groups.2.group — is no key here — did you mean"),
    ):
        assert line.startswith(f"shop.toml:{rows.index(row) + 1}: {rest}")
    header = CATALOGUE_TEXT.splitlines().index("[quota.seconds]") + 1
    missing = problems(CATALOGUE_TEXT.replace('validity = "30 min"', ""))
    assert missing[0].startswith(f"shop.toml:{header}: quota.seconds.validity — is required — for example: validity = ")
    assert problems("currency = 5 5")[0].startswith("shop.toml:1: not valid TOML: ")


SERVICES = """
[[offers.standard.groups]]
service = "voice"
default = true
rating_groups = [10]
price = "0.09"
per = "60 s"
connect_fee = "0.05"
first_step = "60 s"
next_step = "1 s"
minimum_charge = "0.10"
quota = "seconds"
[[offers.standard.groups]]
service = "voice"
direction = "terminating"
rating_groups = [11]
treatment = "free"
quota = "seconds"
"""


def with_services(text: str = SERVICES) -> str:
    return CATALOGUE_TEXT.replace("[offers.bundle]", text + "[offers.bundle]")


def test_services_have_rules_of_their_own():
    offer = parse_catalogue(with_services(), "shop.toml").offers["standard"]
    voice, terminating = offer.part("voice"), offer.part("voice/terminating")
    assert voice.rule_for(10, ()).rate == Rate(60, 90_000, CallTerms(50_000, 60, 1, 100_000))
    assert offer.part("data").rule_for(10, ()).rate == Rate(1_000_000, 20_000)
    assert voice.rule_for(None, ()) is voice.rule_for(None, (5,)) is voice.rule_for(10, ())
    assert (voice.rule_for(20, ()), voice.rule_for(11, ())) == (None, None)
    assert terminating.rule_for(11, ()).treatment is Treatment.FREE
    assert terminating.rule_for(None, ()) is voice.rule_for(10, ())
    assert offer.part("voice/originating") is voice
    assert offer.part("sms") is None
    assert offer.part("emergency").rule_for(None, ()).treatment is Treatment.FREE


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("rating_groups = [11]", "rating_groups = [11]\ndefault = true\nprice = '1'\nper = 1", "has no price"),
        ('service = "voice"\ndirection', "direction", "data has no direction"),
        ('direction = "terminating"', 'direction = "up"', "direction"),
        ('price = "0.09"\nper = "60 s"', "", "belong to a price"),
        (
            'price = "0.09"\n',
            'prices = [{from = "20:00", until = "06:00", price = "0.05"}]\nprice = "0.09"\nround_to = "0.01"\n',
            "round_to — belongs to one price, not to prices by the time",
        ),
        ('next_step = "1 s"', "next_step = 0", "at least 1 unit"),
        ('direction = "terminating"\nrating_groups = [11]', "rating_groups = [10]", "already served"),
        ('direction = "terminating"', "default = true", "may be its default"),
        ('version = "test"', 'version = "test"\nenquiry_offer = "none"', "no [offers.none]"),
    ],
)
def test_mistakes_in_services(old, new, told):
    text = with_services()
    assert old in text
    found = problems(text.replace(old, new, 1))
    assert any(told in line for line in found), found


def test_a_fingerprint_tells_a_change_of_one_offer_and_is_the_same_in_every_process():
    first, again = (parse_catalogue(SHIPPED.read_text(), "a.toml") for _ in range(2))
    assert changed_offers(first, again) == []
    dearer = parse_catalogue(CATALOGUE_TEXT.replace('price = "0.05"', 'price = "0.06"'), "a.toml")
    assert changed_offers(catalogue(), dearer) == ["standard"]
    code = f"""
from diameter_ocs.rating.catalogue_file import parse_catalogue
print([offer.fingerprint for offer in parse_catalogue(open({str(SHIPPED)!r}).read(), "a.toml").offers.values()])
"""
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert told.stdout.strip() == str([offer.fingerprint for offer in first.offers.values()])
