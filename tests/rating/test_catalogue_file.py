"""An operator's catalogue file: read whole, or every mistake told at once."""

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue import Treatment
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.rate import Rate
from diameter_ocs.server.resources import config_dir
from tests.support.charging import CATALOGUE_TEXT, catalogue


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
    assert all(line.startswith("shop.toml: ") for line in found)
    assert any(told in line for line in found), found
