"""Traffic from the command line against a node in another process, and what is seen of it afterwards."""

import os
import re

import pytest

from tests.support.cli import ROOT, serving

SCENARIOS = ROOT / "config" / "scenarios"


def test_a_session_is_played_shown_and_audited(ocs):
    ocs("account", "seed")
    with serving(ocs.config) as address:
        report = ocs.json("simulate", str(SCENARIOS / "basic-session.toml"), "--server", address, "--check")
        sessions = ocs.json("session", "list", "--all", "--account", "demo-01")
        assert ocs.json("session", "list") == []
        assert ocs.json("session", "show")["session_id"] == sessions[0]["session_id"]
        assert ocs.json("audit")["ok"]
    assert report["ok"]
    assert report["differences"] == []
    (session,) = sessions
    assert session["status"] == "closed"
    assert session["quotas"][0]["used"] == 25_000_000
    shown = ocs.json("session", "show", session["session_id"])
    kinds = [entry["kind"] for entry in shown["history"]]
    assert kinds[0] == "ccr_initial"
    assert kinds[-1] == "ccr_termination"
    assert [entry["request_number"] for entry in shown["history"]] == list(range(len(kinds)))
    moved = [posting for entry in shown["history"] for posting in entry["postings"]]
    assert sum(posting["units"] for posting in moved if posting["action"] == "debit") == 25_000_000
    assert shown["history"][0]["answer"]["groups"][0]["granted"] == 10_000_000
    assert shown["conditions"]["apn"] == "internet"
    assert shown["conditions"]["visited_plmn"] == "00101"
    text = ocs("session", "show", session["session_id"]).stdout
    assert "rat E-UTRAN" in text
    assert "0.20 EUR for 10 MB" in text
    assert "ccr termination" in text
    assert "25 MB" in ocs("session", "list", "--all").stdout
    assert "every balance is proved by its journal" in ocs("audit").stdout


def test_every_scenario_that_is_shipped_holds(ocs):
    ocs("account", "seed")
    with serving(ocs.config) as address:
        said = ocs("simulate", str(SCENARIOS), "--server", address, "--check").stdout
    count = len(list(SCENARIOS.glob("*.toml")))
    assert f"{count} of {count} scenarios held" in said
    assert "books equal" in said


def test_events_and_calls_are_shown_in_their_units(ocs):
    ocs("account", "seed")
    with serving(ocs.config) as address:
        for name in ("sms-refund", "voice-call"):
            ocs("simulate", str(SCENARIOS / f"{name}.toml"), "--server", address, "--check")
    shown = ocs.json("account", "show", "demo-03")
    debit, refund = shown["latest_events"]
    assert (debit["kind"], refund["kind"]) == ("event_debit", "event_refund")
    assert [(each["action"], each["amount"], each["units"]) for each in debit["postings"]] == [("debit", 140_000, 2)]
    table = ocs("account", "show", "demo-03").stdout
    assert "Latest one-time events" in table
    assert "group 100: 0.14 EUR for 2" in table
    (event,) = ocs.json("session", "show", debit["session_id"])["history"]
    assert event == debit
    assert f"a one-time event of account {shown['account_id']}" in ocs("session", "show", debit["session_id"]).stdout
    calls = ocs.json("session", "list", "--all", "--account", "demo-01")
    (call,) = [each for each in calls if each["quotas"][0]["used"]]
    assert (call["quotas"][0]["unit"], call["quotas"][0]["used"]) == ("seconds", 150)
    assert call["quotas"][0]["charged_micros"] == 50_000 + 150 * 1500
    assert "for 60 s" in ocs("session", "show", call["session_id"]).stdout


def test_video_and_forwarding_cost_what_the_catalogue_says(ocs):
    """50 s of sound and 10 s more at 0.09 a minute, 90 s of video at 0.30, one connect fee; 45 s forwarded at 0.12.

    The first minute is whole, so the first 10 s of video are paid with it.
    """
    ocs("account", "seed")
    with serving(ocs.config) as address:
        ocs("simulate", str(SCENARIOS / "video-call.toml"), "--server", address, "--check")
    for account, cost, units in (
        ("demo-01", 50_000 + 90_000 + 80 * 5000 + 10 * 1500, 150),
        ("demo-02", 120_000, 45),
    ):
        (call,) = ocs.json("session", "list", "--all", "--account", account)
        assert (call["quotas"][0]["used"], call["quotas"][0]["charged_micros"]) == (units, cost)


def test_gateways_that_misbehave_are_told_by_kind_and_the_books_are_right(ocs):
    """The summary says how often each thing was done and what was answered."""
    ocs("account", "seed")
    with serving(ocs.config) as address:
        said = ocs("simulate", str(SCENARIOS / "misbehaving.toml"), "--server", address, "--check").stdout
        assert ocs.json("audit")["ok"]
    assert "150 sessions that misbehave" in said
    assert "the server's books equal the gateway's" in said
    done = dict(re.findall(r"^ +(\w+): ([\d,]+)", said, re.MULTILINE))
    for kind in ("resend", "resend_elsewhere", "contradict", "reorder", "huge", "wrong_unit", "end_early", "vanish"):
        assert int(done[kind]) > 0
    assert re.search(r"contradict: (\d+) .*5012: \1\)", said)


def test_a_blocked_account_is_refused_at_its_next_request_while_the_node_runs(ocs, tmp_path):
    scenario = (SCENARIOS / "basic-session.toml").read_text()
    refused = tmp_path / "refused.toml"
    refused.write_text(scenario.partition("[[step]]")[0] + '[[step]]\ndo = "start"\nsession = "web"\n'
                       'groups = [10]\nexpect = { result = 4010 }\n')  # fmt: skip
    ocs("account", "seed")
    with serving(ocs.config) as address:
        ocs("simulate", str(SCENARIOS / "basic-session.toml"), "--server", address)
        ocs("account", "block", "demo-01")
        ocs("simulate", str(refused), "--server", address)
        assert "✗" in ocs("simulate", str(SCENARIOS / "basic-session.toml"), "--server", address, code=1).stdout
        ocs("account", "unblock", "demo-01")
        ocs("simulate", str(SCENARIOS / "basic-session.toml"), "--server", address)
    assert ocs.json("audit")["ok"]


def test_a_load_is_answered_and_its_books_are_right(ocs):
    with serving(ocs.config) as address:
        report = ocs.json(
            "load", "--rate", "200", "--duration", "0.5", "--sessions", "10", "--prepare", "--first-msisdn",
            "49151000000", "--first-imsi", "001010009000000", "--server", address,
        )  # fmt: skip
        assert report["ok"]
        assert report["answered"] == report["sent"] > 0
        assert report["differences"] == []
        said = ocs("load", "--rate", "0", "--duration", "0.3", "--sessions", "5", "--subscribers", "5",
                   "--first-msisdn", "49151000000", "--first-imsi", "001010009000000", "--server", address)  # fmt: skip
    assert "equal the gateways'" in said.stdout
    assert "p99" in said.stdout
    assert len(ocs.json("account", "list")) == 20


WRONG = [
    (("simulate", "nowhere.toml"), "nowhere.toml: cannot be read"),
    (("simulate", "."), "deed"),
    (("simulate", "{scenario}", "--server", "nowhere"), "--server: 'nowhere' needs a host and a port"),
    (("simulate", "{scenario}", "--server", "127.0.0.1:1"), "is `ocs serve` running"),
    (("simulate", "{scenario}"), "port 0"),
    (("simulate", "{scenario}", "--server", "127.0.0.1:1", "--origin-host", "pgw"), "--origin-host: 'pgw' must be"),
    (("load", "--duration", "0", "--server", "127.0.0.1:1"), "--duration"),
    (("load", "--ramp", "11", "--server", "127.0.0.1:1"), "ramp must be between"),
    (("load", "--used", "lots", "--server", "127.0.0.1:1"), "--used: 'lots'"),
    (("load", "--rating-group", "10", "--rating-group", "10", "--server", "127.0.0.1:1"), "named twice"),
    (("load", "--first-msisdn", "x", "--server", "127.0.0.1:1"), "MSISDNs must keep"),
    (("load", "--prepare", "--offer", "zzz", "--server", "127.0.0.1:1"), "--offer: 'zzz' is no offer"),
]


@pytest.mark.parametrize(("args", "rule"), WRONG, ids=[" ".join(args)[:60] for args, _ in WRONG])
def test_wrong_usage_is_said_before_anything_runs(ocs, tmp_path, args, rule):
    (tmp_path / "wrong.toml").write_text('[[step]]\ndo = "dance"\n')
    (tmp_path / "ocs.toml").rename(tmp_path / "config.ocs")
    ocs.config = tmp_path / "config.ocs"
    given = [arg.format(scenario=SCENARIOS / "basic-session.toml") for arg in args]
    assert rule in ocs.refused(*given)


def test_a_node_that_cannot_start_says_why(ocs, tmp_path):
    with serving(ocs.config) as address:
        assert f"cannot listen on {address}" in ocs.refused("serve", "--listen", address, "--http", "127.0.0.1:0")
    (tmp_path / "ocs.db").write_bytes(os.urandom(8192))
    assert "store: " in ocs.refused("serve")
    assert "diameter.listen" in ocs.refused("serve", "--listen", "nonsense")
