"""Tests that an operator writes into a catalogue are decided as a gateway's requests would be."""

import pytest

from diameter_ocs.catalogues.files import read_catalogue
from diameter_ocs.charging.examples import check_examples
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.server.resources import config_dir

CATALOGUE = """
version = "tried"
currency = "EUR"
time_zone = "Europe/Berlin"
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
[bands.night]
from = "22:00"
until = "06:00"
[destinations.france]
prefixes = ["33"]
[networks.abroad]
plmns = ["208*"]
[offers.basic]
default_rating_group = 10
[[offers.basic.groups]]
rating_groups = [10]
name = "internet"
prices = [{ band = "night", price = "0.01" }]
price = "0.02"
per = "1 MB"
quota = "data"
[[offers.basic.groups.when]]
network = "abroad"
price = "0.50"
per = "1 MB"
[[offers.basic.groups]]
rating_groups = [40]
treatment = "barred"
quota = "data"
[[offers.basic.groups]]
service = "voice"
default = true
name = "calls"
price = "0.12"
per = "60 s"
first_step = "60 s"
next_step = "1 s"
quota = "call"
[[offers.basic.groups.when]]
destination = "france"
price = "0.60"
per = "60 s"
"""
SHIPPED = sorted((config_dir() / "catalogue").rglob("*.toml"))
HEAD = len(CATALOGUE.splitlines())


def failures(example: str) -> list[str]:
    """What is wrong with one example of a file 'c.toml'."""
    text = f"{CATALOGUE}[[tests]]\nname = 'it'\noffer = 'basic'\n{example}\n"
    checked = check_examples(parse_catalogue(text, "c.toml"), text, "c.toml")
    assert checked.count == 1
    return checked.failures


@pytest.mark.parametrize(
    "example",
    [
        "used = ['3 MB']\ncharge = '0.06'",
        "used = ['500 kB', '500 kB', '1 B']\ncharge = '0.04'",
        "used = ['3 MB']\nat = '2027-01-04T22:30'\ncharge = '0.03'",
        "used = ['3 MB']\nat = 2027-01-04T22:30:00\ncharge = '0.03'",
        "used = ['3 MB']\nat = '2027-01-04T22:30Z'\ncharge = '0.03'",
        "used = ['3 MB']\nat = '2027-01-04T21:30Z'\ncharge = '0.03'",
        "used = ['3 MB']\nat = '2027-01-04T20:30Z'\ncharge = '0.06'",
        "used = ['2 MB']\nat = '2027-01-04T21:58'\nlasting = '4 min'\ncharge = '0.03'",
        "used = ['3 MB']\nnetwork = '20801'\ncharge = '1.50'",
        "service = 'voice'\nused = ['61 s']\ncharge = '0.122'",
        "service = 'voice'\ndestination = '+33612345678'\nused = ['30 s', '31 s']\ncharge = '1.20'",
        "rating_group = 40\nrefused = 'barred'\ncharge = '0'",
        "rating_group = 41\nrefused = 'no price'",
        "service = 'sms'\nrefused = 'no price'",
        "buckets = [{ name = 'bundle', amount = '5 MB' }]\nused = ['6 MB']\nrefused = 'no credit'\ncharge = '0'",
        "buckets = [{ name = 'bundle', amount = '5 MB' }, { name = 'cash', unit = 'money', amount = '1' }]\n"
        "used = ['4 MB', '3 MB']\ntaken = { bundle = '5 MB', cash = '0.04' }\ncharge = '0.04'",
    ],
)
def test_an_example_that_is_right(example):
    assert failures(example) == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_catalogues_have_examples_and_pass_them(file):
    source, catalogue = read_catalogue(file)
    checked = check_examples(catalogue, source.text, str(file))
    assert checked.count > 0
    assert checked.failures == []


def test_use_counts_on_from_report_to_report_in_what_a_subscriber_remembers():
    text = CATALOGUE.replace(
        'price = "0.12"\nper = "60 s"\nfirst_step = "60 s"\nnext_step = "1 s"\n', 'tariff = "month"\n'
    )
    text += "[tariffs.month]\nper = '60 s'\ntiers_per = 'calendar month'\n"
    text += "tiers = [{ up_to = '2 min', price = '0.10' }, { price = '0.01' }]\n"
    text += "[[tests]]\nname = 'it'\noffer = 'basic'\nservice = 'voice'\nused = ['2 min', '3 min']\ncharge = '0.23'\n"
    assert check_examples(parse_catalogue(text, "c.toml"), text, "c.toml").failures == []


def test_a_failure_tells_place_expectation_and_why():
    (line,) = failures("used = ['3 MB', '1 B']\ncharge = '0.07'")
    assert line == (
        f"c.toml:{HEAD + 5}: tests.0.charge — 'it': cost 0.08 EUR, expected 0.07 EUR — rule 'internet': "
        "On 4 January 2027 at 12:00 you used 3 MB of internet: 3 MB at 0.02 EUR per MB = 0.08 EUR from your balance."
    )


def test_every_expectation_is_compared():
    found = failures(
        "buckets = [{ name = 'bundle', amount = '5 MB' }, { name = 'cash', unit = 'money', amount = '1' }]\n"
        "used = ['7 MB']\ntaken = { bundle = '6 MB' }\ncharge = '0.02'"
    )
    assert len(found) == 3
    assert "took 5,000,000 octets of bundle, expected 6,000,000 octets" in found[0] + found[1] + found[2]
    assert any("took 0.04 of cash, expected 0.00" in line for line in found)


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("rating_group = 40\ncharge = '0'", "tests.0.refused — 'it': was refused (barred), expected quota"),
        ("used = ['1 MB']\nrefused = 'barred'", "tests.0.refused — 'it': was not refused, expected 'barred'"),
        ("used = ['1 mile']\ncharge = '0'", "tests.0.used — '1 mile' is not a whole number of octets"),
        ("taken = { bundle = 1 }", "tests.0.taken — there is no bucket 'bundle' in this example"),
        ("time_zone = 'Berlin'\ncharge = '0'", "tests.0.time_zone — 'Berlin' is not a time zone"),
        ("buckets = [{ name = 'b', amount = 'x' }]\ncharge = '0'", "tests.0.buckets — 'x' is not a whole number"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(example, said):
    (line,) = failures(example)
    assert said in line
    assert line.startswith("c.toml:")


def test_an_unknown_offer_is_told():
    text = CATALOGUE + "[[tests]]\nname = 'it'\noffer = 'basik'\ncharge = '0'\n"
    checked = check_examples(parse_catalogue(text, "c.toml"), text, "c.toml")
    assert checked.failures == [f"c.toml:{HEAD + 3}: tests.0.offer — there is no [offers.basik]"]


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("used = ['1 MB']", "say what to expect: charge, taken or refused"),
        ("charge = '0'\ndestinatoin = '49'", "tests.0.destinatoin — is no key here — did you mean 'destination'?"),
        ("charge = '0'\nat = 'noon'", "'noon' is not a date and time such as '2027-01-04T22:30'"),
        ("charge = '0'\nrat = '6G'", "'6G' is none of"),
        ("charge = '0'\nrefused = 'maybe'", "tests.0.refused — must be 'barred'"),
        ("charge = '0'\nbuckets = [{ name = 'b', amount = 1, units = 'money' }]", "did you mean 'unit'?"),
    ],
)
def test_a_table_that_is_wrong_is_a_mistake_of_the_catalogue(example, said):
    from diameter_ocs.errors import ConfigurationError

    with pytest.raises(ConfigurationError) as raised:
        failures(example)
    assert said in "\n".join(raised.value.problems)
