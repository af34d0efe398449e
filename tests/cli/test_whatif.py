"""`ocs whatif`: revenue, winners and losers under another catalogue, as text, JSON and picture."""

import asyncio
import sys

import pytest

from tests.cli.test_why import MSISDN, play

MB = 1_000_000
SVG = b"<?xml"
PNG = b"\x89PNG"


@pytest.fixture
def recorded(ocs):
    """7 MB of group 20 at 0.03 per MB; and a next catalogue in which they cost 0.05."""
    ocs("account", "create", "acme", "--balance", "10.00", "--msisdn", MSISDN.value, "--offer", "prepaid-data")
    asyncio.run(play(ocs.config, 5 * MB, 2 * MB))
    demo = (ocs.config.parent / "catalogue" / "demo.toml").read_text().partition("\n[[tests")[0]
    assert 'price = "0.03"' in demo
    next_one = ocs.config.parent / "catalogue" / "next.toml"
    next_one.write_text(demo.replace('price = "0.03"', 'price = "0.05"', 1).replace('version = "', 'version = "next-'))
    return ocs


def asked(ocs, *more):
    next_one = ocs.config.parent / "catalogue" / "next.toml"
    return ("whatif", "--offer", "prepaid-data", "--catalogue", str(next_one), *more)


def test_the_same_catalogue_changes_nothing(recorded):
    found = recorded.json("whatif", "--offer", "prepaid-data")
    assert (found["revenue_before"], found["revenue_after"], found["pay_the_same"]) == (210_000, 210_000, 1)
    assert found["winners"] == found["losers"] == []


def test_a_dearer_catalogue(recorded):
    found = recorded.json(*asked(recorded))
    assert (found["revenue_before"], found["revenue_after"], found["revenue_change"]) == (210_000, 350_000, 140_000)
    assert (found["subscribers"], found["pay_more"], found["pay_less"]) == (1, 1, 0)
    assert found["change_percentiles"]["50"] == 140_000
    assert [(each["account_id"], each["change"]) for each in found["losers"]] == [("acme", 140_000)]
    said = recorded(*asked(recorded)).stdout
    assert "revenue 0.21 EUR → 0.35 EUR: +0.14 EUR (+66.7 %)" in said
    assert "Losers" in said
    assert "Winners" not in said


def test_a_version_that_is_kept(recorded):
    version = recorded.json("catalogue", "load", asked(recorded)[-1])["version"]
    found = recorded.json("whatif", "--offer", "prepaid-data", "--catalogue", version)
    assert (found["version"], found["revenue_change"]) == (version, 140_000)


def test_only_what_was_asked_for(recorded):
    assert recorded.json(*asked(recorded, "--to", "2001-01-01", "--from", "2000-01-01"))["subscribers"] == 0
    assert recorded.json(*asked(recorded, "--of", "travel"))["subscribers"] == 0
    assert recorded.json(*asked(recorded, "--top", "0"))["losers"] == []
    assert "subscribers 0" in recorded(*asked(recorded, "--of", "travel")).stdout


@pytest.mark.parametrize(("name", "begins"), [("next.svg", SVG), ("next.png", PNG)])
@pytest.mark.parametrize("of", ["prepaid-data", "nobody"])
def test_a_picture(recorded, name, begins, of):
    file = recorded.config.parent / name
    recorded(*asked(recorded, "--plot", str(file), "--of", of))
    assert file.read_bytes().startswith(begins)


def test_without_matplotlib_it_is_said_what_to_install(recorded, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'diameter-ocs[plots]'" in recorded.refused(*asked(recorded, "--plot", "x.png"))


def test_mistakes(recorded):
    assert "must end in .png or .svg" in recorded.refused(*asked(recorded, "--plot", "x.pdf"))
    assert "did you mean 'prepaid-data'" in recorded.refused("whatif", "--offer", "prepaid-dta")
    asked_for = ("whatif", "--offer", "prepaid-data", "--catalogue")
    assert "nowhere.toml: cannot be read" in recorded.refused(*asked_for, "nowhere.toml", code=1)
    assert "there is no version '1999-1'" in recorded.refused(*asked_for, "1999-1", code=1)
    assert "before --to" in recorded.refused(*asked(recorded, "--from", "2001-01-02", "--to", "2001-01-01"))
