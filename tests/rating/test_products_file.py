"""[products] of a catalogue: what it says, and every mistake by its key."""

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.periods import parse_period
from diameter_ocs.rating.products import ALL_OF_IT, Allowance, Product
from diameter_ocs.values.units import UnitType
from tests.support.charging import CATALOGUE_TEXT


def parsed(text: str):
    return parse_catalogue(CATALOGUE_TEXT + text, "test.toml")


def mistakes(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parsed(text)
    return "\n".join(caught.value.problems)


def test_a_product_says_what_it_costs_and_brings():
    catalogue = parsed("""
[products.talk]
title = "100 minutes"
price = "4.99"
renews = "calendar month"
retry = "6 h"
grace = "0 s"
shared = true
[[products.talk.allowances]]
name = "minutes"
unit = "seconds"
amount = "100 min"
priority = 5
services = ["voice"]
rating_groups = [1, 2, 1]
blocking = true
pays_for = "events"
at = "30 s"
carry_over = "all"
carry_periods = 3
[[products.talk.allowances]]
name = "bonus"
unit = "money"
amount = "1.50"
carry_over = "0.50"
""")
    assert catalogue.products["talk"] == Product(
        "talk",
        "100 minutes",
        4_990_000,
        parse_period("calendar month"),
        True,
        (
            Allowance(
                "minutes", UnitType.SECONDS, 6000, 5, (1, 2), ("voice",), True, UnitType.EVENTS, (30, 1), ALL_OF_IT, 3
            ),
            Allowance("bonus", UnitType.MONEY, 1_500_000, carried=500_000),
        ),
        6 * 3600,
        0,
        True,
    )


def test_a_bundle_holds_what_is_in_what_is_in_it():
    catalogue = parsed("""
[products.a]
[[products.a.allowances]]
name = "a"
amount = 1
[products.b]
includes = ["a"]
[[products.b.allowances]]
name = "b"
amount = 1
[products.c]
includes = ["b", "a"]
""")
    assert [each.name for each in catalogue.allowances(catalogue.products["c"])] == ["b", "a"]
    assert catalogue.bundle("ghost") == []


ONE = '[[products.p.allowances]]\nname = "x"\namount = "1 MB"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[products.p]\nrenews = "1 month"\nlasts = "1 day"\n' + ONE, "products.p — say renews"),
        ('[products.p]\nrenews = "1 moon"\n' + ONE, "products.p.renews — '1 moon' is not a period"),
        ('[products.p]\nlasts = "0 days"\n' + ONE, "products.p.lasts — '0 days'"),
        ('[products.p]\nprice = "1"\n', "products.p — a product needs [[allowances]]"),
        ('[products.p]\nprice = "-1"\n' + ONE, "products.p.price"),
        ('[products.p]\nincludes = ["ghost"]\n', "products.p.includes — there is no [products.ghost]"),
        ('[products.p]\nincludes = ["q"]\n[products.q]\nincludes = ["p"]\n', "goes round in a circle: p -> q -> p"),
        (
            "[products.p]\n" + ONE + 'services = ["voice", "sms/orig"]\n',
            "allowances.0.services.1 — 'orig' is no direction",
        ),
        (
            "[products.p]\n" + ONE + 'services = ["data/originating"]\n',
            "allowances.0.services.0 — data has no direction",
        ),
        ("[products.p]\n" + ONE + ONE, "products.p.allowances.1.name — 'x' is the name of another"),
        (
            '[products.p]\nincludes = ["q"]\n' + ONE + "[products.q]\n" + ONE.replace(".p.", ".q."),
            "products.p.includes — p and q both have 'x'",
        ),
        ('[products.p]\n[[products.p.allowances]]\nname = "x"\namount = "5 miles"\n', "products.p.allowances.0.amount"),
        ('[products.p]\n[[products.p.allowances]]\nname = "x"\namount = 0\n', "more than nothing"),
        ("[products.p]\n" + ONE + 'carry_over = "all"\n', "carry_over — belongs to a product that renews"),
        ("[products.p]\n" + ONE + 'at = "2"\n', "at — belongs to pays_for"),
        ("[products.p]\n" + ONE + 'pays_for = "octets"\n', "pays_for — must be another unit"),
        ("[products.p]\n" + ONE + 'pays_for = "seconds"\nat = "1/0"\n', "at — must be more than nothing"),
        ('[products."two words"]\n' + ONE, "products"),
        ("[products.p]\n" + ONE.replace("amount", "ammount"), "did you mean 'amount'"),
        ("[products.p]\npryce = 1\n" + ONE, "did you mean 'price'"),
        (
            '[offers.x]\nproducts = ["ghost"]\n[[offers.x.groups]]\nall_others = true\nquota = "standard"\n',
            "products.ghost",
        ),
    ],
)
def test_a_mistake_names_its_key_and_rule(text, told):
    assert told in mistakes(text)
    assert mistakes(text).startswith("test.toml:")


def test_an_allowance_is_bound_to_names_that_are_there():
    text = """
[bands.night]
from = "22:00"
until = "06:00"
[networks.home]
plmns = ["26201"]
[destinations.spain]
prefixes = ["34"]
[products.nights]
[[products.nights.allowances]]
name = "night"
amount = "1 GB"
bands = ["night"]
networks = ["home"]
destinations = ["spain"]
"""
    (allowance,) = parsed(text).products["nights"].allowances
    assert (allowance.bands, allowance.networks, allowance.destinations) == (("night",), ("home",), ("spain",))
    told = mistakes(text.replace('bands = ["night"]', 'bands = ["nigth"]').replace('s = ["home"]', 's = ["x"]'))
    assert "products.nights.allowances.0.bands — there is no [bands.nigth] — did you mean 'night'?" in told
    assert "products.nights.allowances.0.networks — there is no [networks.x]" in told
