"""Tariffs of a catalogue file: what a group may say of its price, said once for many groups."""

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.rate import CallTerms, Rate
from diameter_ocs.rating.special_terms import SpecialTerms, Tier
from diameter_ocs.values.money import Rounding

TEXT = """
version = "1"
currency = "EUR"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[quota.call]
unit = "seconds"
default = "60 s"
minimum = "10 s"
maximum = "10 min"
validity = "1 h"
[tariffs.plain]
price = "0.02"
per = "1 MB"
[tariffs.abroad]
price = "0.30"
per = "60 s"
connect_fee = "0.10"
first_step = "60 s"
next_step = "30 s"
minimum_charge = "0.20"
maximum_charge = "5"
free_below = "3 s"
rounding = "half up"
round_to = "0.01"
[tariffs.volume]
per = "1 MB"
[[tariffs.volume.tiers]]
up_to = "1 GB"
price = "0.02"
[[tariffs.volume.tiers]]
up_to = "5 GB"
price = "0.01"
[[tariffs.volume.tiers]]
price = "0"
[tariffs.later]
price = "0.02"
per = "1 MB"
[[tariffs.later.tiers]]
from = "1 GB"
price = "0.01"
[offers.shop]
[[offers.shop.groups]]
rating_groups = [10]
tariff = "plain"
quota = "data"
[[offers.shop.groups]]
rating_groups = [20]
tariff = "plain"
quota = "data"
[[offers.shop.groups]]
rating_groups = [30]
tariff = "volume"
quota = "data"
[[offers.shop.groups]]
rating_groups = [40]
tariff = "later"
quota = "data"
[[offers.shop.groups]]
service = "voice"
default = true
tariff = "abroad"
quota = "call"
"""
LATER, VOLUME = "[tariffs.later]\n", "[tariffs.volume]\n"


def rate(group, service="data"):
    return parse_catalogue(TEXT, "shop.toml").offers["shop"].part(service).rule_for(group, ()).rate


def problems(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(text, "shop.toml")
    return caught.value.problems


def test_groups_share_a_tariff():
    assert rate(10) == rate(20) == Rate(1_000_000, 20_000)


def test_everything_a_tariff_can_say():
    terms = SpecialTerms(3, 5_000_000, (), False, Rounding.HALF_UP, 10_000)
    assert rate(None, "voice") == Rate(60, 300_000, CallTerms(100_000, 60, 30, 200_000, terms))


def test_tiers_by_their_end_or_their_start():
    gb = 10**9
    tiers = rate(30).call.special.tiers
    assert tiers == (Tier(0, 20_000), Tier(gb, 10_000), Tier(5 * gb, 0))
    assert rate(40).call.special.tiers == tiers[:2]
    assert rate(40).step_micros == 20_000


def test_a_group_says_the_same_itself():
    own = TEXT.replace('tariff = "plain"', 'price = "0.02"\nper = "1 MB"\nmaximum_charge = "1"', 1)
    found = parse_catalogue(own, "shop.toml").offers["shop"].rule_for(10, ()).rate
    assert found.call.special == SpecialTerms(maximum_micros=1_000_000)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('tariff = "plain"', 'tariff = "plan"', "there is no [tariffs.plan] — did you mean 'plain'?"),
        ('tariff = "plain"', 'tariff = "plain"\nprice = "1"\nper = 1', "in the group or in its tariff, not in both"),
        ('tariff = "plain"', 'tariff = "plain"\ntreatment = "free"', "a group that is 'free' has no price"),
        ('[tariffs.plain]\nprice = "0.02"\nper = "1 MB"', "[tariffs.plain]", "is no tariff without price"),
        ('per = "1 MB"', "", "price and per belong together"),
        ('maximum_charge = "5"', 'maximum_charge = "0.1"', "must not be less than minimum_charge"),
        ('round_to = "0.01"', 'round_to = "0"', "must be greater than 0"),
        ('rounding = "half up"', 'rounding = "half"', "must be 'up', 'down' or 'half up'"),
        ('free_below = "3 s"', 'free_below = "3 MB"', "abroad.free_below — '3 MB' is not a whole number of seconds"),
        ('up_to = "5 GB"', 'up_to = "1 GB"', "begin above the one before it"),
        ('up_to = "5 GB"', "", "say up_to in every tier but the last one"),
        ('up_to = "5 GB"', 'form = "5 GB"', "is no key here — did you mean 'from'?"),
        ('from = "1 GB"', 'from = "0"', "begin above the one before it"),
        (f'{LATER}price = "0.02"', LATER, "begins at 0, or price says"),
        (VOLUME, f'{VOLUME}price = "1"\n', "has its own price"),
        (VOLUME, f"{VOLUME}whole = true\n", "1000000001 octets would cost less than 1000000000"),
        ('per = "60 s"', 'per = "60 s"\nwhole = true', "is said of tiers, and there are none"),
        ("[offers.shop]", '[tariffs.new]\nprice = "1"\nper = "1 mile"\n[offers.shop]', "new.per — '1 mile' is not"),
    ],
)
def test_mistakes(old, new, told):
    assert old in TEXT
    found = problems(TEXT.replace(old, new, 1))
    assert any(told in line for line in found), found


def test_a_mistake_in_a_tariff_is_told_once():
    text = TEXT.replace('per = "1 MB"', 'per = "1 mile"', 1)
    line = text.splitlines().index('per = "1 mile"') + 1
    assert [each.split(" — ")[0] for each in problems(text)] == [f"shop.toml:{line}: tariffs.plain.per"]
