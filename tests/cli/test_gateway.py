"""`ocs gateway`."""

import pytest

from diameter_ocs.charging.gateway_file import KEYS, parse_profile
from diameter_ocs.cli.gateway import said
from diameter_ocs.server.resources import config_dir

FILES = sorted((config_dir() / "gateways").glob("*.toml"))


def test_the_list_names_shipped_profiles_and_ones_own(ocs):
    (ocs.config.parent / "gateways").mkdir()
    (ocs.config.parent / "gateways" / "lab.toml").write_text('about = "our test bed"\n')
    shown = ocs("gateway", "list").stdout
    assert "our test bed" in shown
    assert "Open5GS SMF" in shown
    assert {each["name"] for each in ocs.json("gateway", "list")} == {"lab", *(file.stem for file in FILES)}


def test_a_profile_is_shown_in_words(ocs):
    shown = ocs("gateway", "show", "kamailio").stdout
    assert "an empty balance is 4012, never a redirect without a grant" in shown
    assert "redirects to: sip_uri" in shown
    assert ocs.json("gateway", "show", "kamailio")["units"] == ["seconds"]


def test_what_holds_for_a_peer_is_shown_with_its_overrides(ocs):
    with ocs.config.open("a") as file:
        file.write('[[peers]]\nhost = "smf.example.org"\nprofile = "open5gs"\noverrides = {aborts = true}\n')
    assert ocs.json("gateway", "show", "smf.example.org")["aborts"] is True
    assert ocs.json("gateway", "show", "open5gs")["aborts"] is False
    assert ocs.json("gateway", "show", "pgw01.epc.mnc001.mcc001.3gppnetwork.org")["name"] == "generic"
    assert "{aborts = true}" in ocs("config", "show").stdout
    assert "'nobody' is neither a profile" in ocs.refused("gateway", "show", "nobody", code=1)


def test_a_wrong_file_is_told(ocs):
    (ocs.config.parent / "gateways").mkdir()
    (ocs.config.parent / "gateways" / "lab.toml").write_text("thresholds = 1\n")
    assert "lab.toml thresholds — must be true or false, not 1" in ocs.refused("gateway", "list")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_key_can_be_said_in_words(file):
    rows = said(parse_profile(file.read_text(), file.stem, str(file)))
    assert [key for key, _, _ in rows] == [key for key in KEYS if key != "about"]
    assert all(words for _, _, words in rows)
