"""Profiles of gateways as files say them: every key read, every mistake told."""

import re

import pytest
from msgspec import structs

from diameter_ocs.charging.gateway_file import KEYS, changed, parse_profile
from diameter_ocs.charging.gateway_profile import GENERIC, GatewayProfile
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.server.resources import config_dir

FILES = sorted((config_dir() / "gateways").glob("*.toml"))


def parsed(text):
    return parse_profile(text, "mine", "mine.toml")


def mistakes(text):
    with pytest.raises(ConfigurationError) as caught:
        parsed(text)
    return caught.value.problems


def test_the_generic_file_says_every_key_as_it_is_without_a_profile():
    text = (config_dir() / "gateways" / "generic.toml").read_text()
    assert parse_profile(text, "generic", "generic.toml") is GENERIC
    assert re.findall(r"^(\w+) = ", text, re.MULTILINE) == list(dict.fromkeys(["about", *KEYS]))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_shipped_profile_is_one_and_says_whose_it_is(file):
    text = file.read_text()
    profile = parse_profile(text, file.stem, str(file))
    assert profile.name == file.stem
    assert text.startswith("# ")
    assert profile is GENERIC or profile.about != GENERIC.about


def test_what_a_file_leaves_out_is_generic():
    profile = parsed('about = "mine"\nthresholds = false\nfinal_units = ["terminate"]')
    expected = structs.replace(GENERIC, name="mine", about="mine", thresholds=False, final_units=("terminate",))
    assert profile == expected


def test_every_mistake_of_a_file_is_told():
    told = mistakes(
        'treshold = true\nthresholds = "no"\nfinal_units = ["stop"]\nunits = ["money"]\ngroup_codes = [4010]'
    )
    assert told == [
        "mine.toml treshold — is no key of a gateway profile — did you mean 'thresholds'?",
        "mine.toml thresholds — must be true or false, not 'no' — see config/gateways/generic.toml",
        "mine.toml final_units — must be a list of any of 'terminate', 'redirect', 'restrict', not ['stop'] — "
        "see config/gateways/generic.toml",
        "mine.toml units — must hold octets, seconds or events — the unit types that the gateway counts",
        "mine.toml group_codes — must hold 4012 and 5031 — refusals for which there is nothing else",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 'other'", "name — is no key"),
        ("about = 5", "must be text, not 5"),
        ("units = ['octets', 'apples']", "'octets', 'seconds', 'events', 'money', not ['octets', 'apples']"),
        ("group_codes = [2001]", "4010, 4011, 4012, 5003, 5004, 5006, 5031, not [2001]"),
        ("reauthorisation = 'maybe'", "must be one of 'group', 'session', 'ignored', not 'maybe'"),
        ("xyzzy = 1", "use one of: about, units"),
        ("thresholds =", "mine.toml: is not TOML"),
    ],
)
def test_a_mistake_names_the_key_and_the_rule(text, words):
    (told,) = mistakes(text)
    assert words in told


def test_overrides_change_single_keys():
    made = changed(GatewayProfile(name="mine", triggers=False), {"aborts": False})
    assert (made.name, made.triggers, made.aborts, made.thresholds) == ("mine", False, False, True)
    assert changed(GENERIC, {}) is GENERIC
