"""[lifecycles] of a catalogue: what it says, and every mistake by its key."""

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.lifecycles import Lifecycle, TopUp
from diameter_ocs.rating.periods import parse_period
from tests.support.charging import CATALOGUE_TEXT

OFFER = """
[offers.sim]
lifecycle = "prepaid"
[[offers.sim.groups]]
all_others = true
quota = "standard"
"""


def parsed(text: str):
    return parse_catalogue(CATALOGUE_TEXT + text, "test.toml")


def test_a_life_cycle_says_how_long_each_stage_lasts():
    catalogue = parsed(
        """
[lifecycles.prepaid]
start = "pre-active"
unused_for = "1 year"
active_for = "90 days"
grace = "30 days"
expired_for = "2 months"
expired_returns = false
[[lifecycles.prepaid.top_ups]]
at_least = "5.00"
active_for = "30 days"
"""
        + OFFER
    )
    assert catalogue.lifecycle_of("sim") == Lifecycle(
        "prepaid",
        False,
        *map(parse_period, ("1 year", "90 days", "30 days", "2 months")),
        (TopUp(5_000_000, parse_period("30 days")),),
        False,
    )
    assert catalogue.lifecycle_of("standard") is None
    assert catalogue.lifecycle_of("gone") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[lifecycles.a]\nstart = "dead"', "lifecycles.a.start"),
        ('[lifecycles.a]\nunused_for = "1 day"', "lifecycles.a.unused_for — belongs to start"),
        ('[lifecycles.a]\ngrace = "1 day"', "lifecycles.a.grace — belongs to active_for"),
        ('[lifecycles.a]\nactive_for = "soon"', "lifecycles.a.active_for — 'soon' is not a period"),
        ('[lifecycles.a]\nactive = "1 day"', "did you mean 'active_for'?"),
        (
            '[lifecycles.a]\nactive_for = "1 day"\ntop_ups = [{at_least = "2", active_for = "x"}]',
            "lifecycles.a.top_ups.0.active_for — 'x' is not a period",
        ),
        (
            '[lifecycles.a]\nactive_for = "1 day"\n'
            'top_ups = [{at_least = "2", active_for = "1 day"}, {at_least = "1", active_for = "2 days"}]',
            "lifecycles.a.top_ups — stand in rising order of at_least",
        ),
        ("[lifecycles.prepayed]" + OFFER, "offers.sim.lifecycle — there is no [lifecycles.prepaid] — did you mean"),
    ],
)
def test_mistakes_are_told_by_key_and_rule(text, told):
    with pytest.raises(ConfigurationError) as caught:
        parsed(text)
    assert told in "\n".join(caught.value.problems)
