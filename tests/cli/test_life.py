"""The life of a subscriber from the command line."""

import pytest


@pytest.fixture
def acme(ocs):
    catalogue = ocs.config.parent / "catalogue" / "demo.toml"
    catalogue.write_text(
        catalogue.read_text()
        + """
[lifecycles.prepaid]
start = "pre-active"
active_for = "90 days"
grace = "30 days"
[offers.sim]
lifecycle = "prepaid"
[[offers.sim.groups]]
all_others = true
quota = "mobile"
"""
    )
    ocs("account", "create", "acme", "--msisdn", "491511000001", "--offer", "sim")
    return ocs


def test_the_stage_is_shown_and_can_be_extended(acme):
    shown = acme("subscriber", "show", "491511000001").stdout
    assert "pre-active" in shown
    life = acme.json("subscriber", "show", "491511000001")["life"]
    assert (life["stage"], life["until"]) == ("pre-active", None)
    life = acme.json("subscriber", "extend", "491511000001", "30 days")["life"]
    assert life["stage"] == "active"
    later = acme.json("subscriber", "extend", "491511000001", "1 year")["life"]
    assert later["until"] > life["until"] > life["since"]
    acme("audit")


def test_what_cannot_be_extended_is_refused_in_words(acme):
    assert "'moon' is not a period" in acme.refused("subscriber", "extend", "491511000001", "moon")
    acme("account", "create", "other", "--msisdn", "491511000002", "--offer", "prepaid-data")
    assert "has no life cycle" in acme.refused("subscriber", "extend", "491511000002", "1 day", code=1)
    assert "life" not in acme.json("subscriber", "show", "491511000002")
