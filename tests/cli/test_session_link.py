"""`ocs session link`, and the page from which the developers of a portal write their own verifier."""

import re
import subprocess
import time

import pytest

from diameter_ocs.values.portal_link import PortalLink, sign
from tests.support.cli import ROOT

PAGE = (ROOT / "docs" / "portal-links.md").read_text()
EXAMPLE = dict(re.findall(r"^\| (\w+) \| `([^`]+)`", PAGE, re.MULTILINE))
SECRET = EXAMPLE["secret"]
TOKEN = f"{EXAMPLE['BODY']}.{EXAMPLE['SIGNATURE']}"
NAMES = EXAMPLE["session_id"], EXAMPLE["account_id"], EXAMPLE["subscriber_id"]
UNTIL_MS = int(EXAMPLE["until_ms"])
(OLD_TOKEN,) = re.findall(r"`([\w-]+\.[\w-]{43})`", PAGE)


@pytest.fixture
def signing(ocs, monkeypatch):
    monkeypatch.setenv("OCS_PORTAL__SECRET", SECRET)
    return ocs


@pytest.mark.parametrize(
    "text", [TOKEN, f"https://topup.example.net/t/{TOKEN}", f"https://x.net/?t={TOKEN}&lang=de#top"]
)
def test_a_link_tells_whose_session_it_is(signing, text):
    shown = signing.json("session", "link", text)
    assert tuple(shown[name] for name in ("session_id", "account_id", "subscriber_id")) == NAMES
    assert shown["good_until"] == "2100-01-01T00:00:00.000Z"
    assert shown["seconds_left"] == pytest.approx(UNTIL_MS / 1000 - time.time(), abs=60)
    said = signing("session", "link", text).stdout
    assert all(name in said for name in NAMES)


def test_a_link_of_a_sub_session_tells_both_of_its_numbers(signing):
    shown = signing.json("session", "link", sign(SECRET.encode(), PortalLink("pgw;1;2#7", *NAMES[1:], UNTIL_MS)))
    assert (shown["session_id"], shown["sub_session_id"]) == ("pgw;1;2", 7)
    assert signing.json("session", "link", TOKEN)["sub_session_id"] is None


def test_a_link_that_has_to_be_refused_says_why(signing):
    forged = sign(b"another secret here", PortalLink(*NAMES, UNTIL_MS))
    changed = TOKEN[:10] + ("A" if TOKEN[10] != "A" else "B") + TOKEN[11:]
    assert "another secret, or changed" in signing.refused("session", "link", f"https://x.net/{forged}", code=1)
    assert "another secret, or changed" in signing.refused("session", "link", changed, code=1)
    assert f"expired: it was good until - UTC, for session {NAMES[0]}" in signing.refused(
        "session", "link", OLD_TOKEN, code=1
    )
    late = sign(SECRET.encode(), PortalLink(*NAMES, 1_767_225_600_000))
    assert "good until 2026-01-01 00:00:00 UTC" in signing.refused("session", "link", late, code=1)
    for text in ("", "https://topup.example.net/", TOKEN[:-1], "ü"):
        assert "not a token" in signing.refused("session", "link", text, code=1)


def test_without_a_secret_nothing_can_be_verified(ocs):
    assert "portal.secret — is not set" in ocs.refused("session", "link", TOKEN)


def test_the_example_of_the_page_is_what_the_server_signs():
    assert sign(SECRET.encode(), PortalLink(*NAMES, UNTIL_MS)) == TOKEN
    assert sign(SECRET.encode(), PortalLink(*NAMES, 0)) == OLD_TOKEN
    assert EXAMPLE["JSON"] == f'["{NAMES[0]}","{NAMES[1]}","{NAMES[2]}",{UNTIL_MS}]'


def test_the_verifier_of_the_page_works_without_this_product():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    room: dict = {}
    exec(code, room)
    assert room["verify"](SECRET, TOKEN) == NAMES
    for token, why in ((TOKEN[:-1] + "A", "forged"), ("x" + TOKEN, "forged"), ("", "forged"), (OLD_TOKEN, "expired")):
        with pytest.raises(ValueError, match=why):
            room["verify"](SECRET, token)


def test_the_shell_line_of_the_page_makes_the_signature():
    (line,) = re.findall(r"```\n(printf .*?)```", PAGE, re.DOTALL)
    env = {"BODY": EXAMPLE["BODY"], "SECRET": SECRET, "PATH": "/usr/bin:/bin"}
    made = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == EXAMPLE["SIGNATURE"]
