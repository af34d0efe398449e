"""decode, config, version, help."""

import json
import subprocess
import sys
import tomllib

import pytest

from tests.support.cli import ROOT

VECTORS = json.loads((ROOT / "tests" / "vectors" / "vectors.json").read_text())["vectors"]
VALID = next(vector for vector in VECTORS if vector["name"] == "gy_ccr_i")


def test_hex_is_decoded_to_a_tree(ocs):
    tree = ocs("decode", VALID["hex"]).stdout
    assert "Credit-Control" in tree
    assert "Session-Id (263)" in tree
    assert "Rating-Group (432)" in tree


def test_control_characters_do_not_reach_the_terminal(ocs):
    octets = bytearray.fromhex(VALID["hex"])
    octets[30] = 0x1B
    assert "\x1b" not in ocs("decode", octets.hex()).stdout


def test_json_holds_every_avp(ocs):
    (message,) = ocs.json("decode", VALID["hex"])["messages"]
    assert message["code"] == 272
    assert message["avps"][0]["name"] == "Session-Id"


@pytest.mark.parametrize("form", ["raw", "hex", "dump"])
def test_files_and_input_hold_raw_octets_or_hex_and_several_messages(ocs, tmp_path, form):
    octets = bytes.fromhex(VALID["hex"]) * 3
    text = {"raw": octets, "hex": octets.hex().encode(), "dump": octets.hex(":").upper().encode() + b"\n"}[form]
    file = tmp_path / "messages"
    file.write_bytes(text)
    assert len(ocs.json("decode", str(file))["messages"]) == 3
    assert len(json.loads(ocs("decode", "-", "--json", stdin=text).stdout)["messages"]) == 3


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_no_vector_breaks_it(ocs, vector):
    """Right or wrong, every message is shown; a wrong one makes the exit code 1."""
    result = ocs_any(ocs, "decode", vector["hex"])
    assert result.stdout


def ocs_any(ocs, *args):
    from typer.testing import CliRunner

    from diameter_ocs.cli import app

    result = CliRunner().invoke(app, ["--config", str(ocs.config), *args])
    assert result.exit_code in (0, 1), result.output
    assert "Traceback" not in result.output
    return result


def test_what_is_left_over_is_said(ocs):
    cut = ocs("decode", VALID["hex"][:-8], code=1).stdout
    assert "not complete" in cut
    assert "Session-Id" in cut
    twice = ocs("decode", VALID["hex"] + "0100", code=1).stdout
    assert "2 octets are left" in twice
    assert ocs.json("decode", VALID["hex"] + "01000001", code=1)["rest"]


@pytest.mark.parametrize("source", ["nowhere.bin", "abc", "zz", "0x", "\0", "x" * 5000, "{folder}", "{empty}"])
def test_what_is_neither_hex_nor_a_file_is_said(ocs, tmp_path, source):
    (tmp_path / "empty").write_bytes(b"")
    given = source.format(folder=tmp_path, empty=tmp_path / "empty")
    assert ocs.refused("decode", given).startswith("ocs: HEX|FILE|-: ")


def test_vendor_dictionaries_of_the_configuration_are_used(ocs, tmp_path):
    text = ocs.config.read_text().replace("#dictionaries = []", 'dictionaries = ["nowhere.toml"]')
    ocs.config.write_text(text)
    assert "nowhere.toml" in ocs.refused("decode", VALID["hex"])


def test_a_right_configuration_is_said_to_be_right(ocs):
    assert "is right" in ocs("config", "check").stdout
    tables = tomllib.loads((ocs.config.parent / "catalogue" / "demo.toml").read_text())
    facts = ocs.json("config", "check")
    assert facts.pop("destinations")["without_effect"] == []
    assert facts == {
        "ok": True,
        "problems": [],
        "file": str(ocs.config),
        "catalogue": "demo-1",
        "offers": sorted(tables["offers"]),
    }


def test_every_mistake_is_listed(ocs):
    text = ocs.config.read_text().replace("#watchdog_seconds = 30", "watchdog_seconds = 3\nwatchdog = 1")
    ocs.config.write_text(text.replace("#queue_limit = 10000", 'queue_limit = "many"'))
    lines = ocs("config", "check", code=2).stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"ocs: {ocs.config}:") for line in lines)
    report = ocs.json("config", "check", code=2)
    assert report["ok"] is False
    assert len(report["problems"]) == 3


def test_a_wrong_catalogue_is_a_mistake_of_the_configuration(ocs, tmp_path):
    (tmp_path / "catalogue" / "demo.toml").write_text("version = 1\n")
    assert "demo.toml" in ocs.refused("config", "check")
    (tmp_path / "catalogue" / "demo.toml").write_bytes(b"\xff\xfe")
    assert "is not UTF-8 text" in ocs.refused("config", "check")


def test_a_file_that_is_not_there_is_said(ocs):
    said = ocs.refused("config", "show", "--config", "nowhere.toml")
    assert "nowhere.toml" in said
    assert "cannot be read" in said


def test_settings_are_shown_with_their_origin(ocs, monkeypatch):
    monkeypatch.setenv("OCS_DIAMETER__WATCHDOG_SECONDS", "12")
    settings = {each["key"]: each for each in ocs.json("config", "show")["settings"]}
    assert settings["diameter.watchdog_seconds"]["value"] == 12
    assert settings["diameter.watchdog_seconds"]["origin"] == "OCS_DIAMETER__WATCHDOG_SECONDS"
    assert settings["engine.queue_limit"]["origin"] == "default"
    assert "OCS_DIAMETER__WATCHDOG_SECONDS" in ocs("config", "show").stdout


def test_a_sample_configuration_is_written_once(ocs, tmp_path):
    made = ocs("config", "init", str(tmp_path / "etc")).stdout.split()
    examples = [f"examples/{file.name}" for file in sorted((ROOT / "config" / "catalogue" / "examples").iterdir())]
    assert len(examples) > 5
    assert made == [
        f"{tmp_path}/etc/{name}" for name in ("ocs.toml", "catalogue/demo.toml", "catalogue/schema.json")
    ] + [f"{tmp_path}/etc/catalogue/{name}" for name in examples]
    ocs.config = tmp_path / "etc" / "ocs.toml"
    assert ocs.json("config", "check")["ok"]
    assert "is there already" in ocs.refused("config", "init", str(tmp_path / "etc"))
    assert "cannot be written" in ocs.refused("config", "init", str(ocs.config))


def test_version(ocs):
    from diameter_ocs import __version__

    assert __version__ in ocs("version").stdout
    assert ocs.json("version")["version"] == __version__


def test_help_names_every_command_and_the_exit_codes():
    said = subprocess.run(
        [sys.executable, "-m", "diameter_ocs", "--help"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    for command in ("serve", "demo", "simulate", "load", "account", "subscriber", "session", "audit", "decode"):
        assert command in said
    assert "Exit codes: 0 all is well" in said
