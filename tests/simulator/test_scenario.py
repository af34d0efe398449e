"""Scenario files: what is shipped runs, what goes wrong is said, mistakes are all found."""

import json
from pathlib import Path

import pytest

from diameter_ocs.demo.subscribers import seed
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.simulator.conservation import consumed_by_session, differences
from diameter_ocs.simulator.scenario import run_scenario
from diameter_ocs.simulator.scenario_file import OPERATOR_DEEDS, load_scenario, parse_scenario
from tests.simulator.support.stub_ocs import Ccr, Policy, StubOcs
from tests.support.ocs import add_line, running_ocs

FOLDER = Path(__file__).parents[2] / "config" / "scenarios"
FOR_A_NODE = [
    FOLDER / f"{name}.toml"
    for name in ("balance-check", "credit-pool", "misbehaving", "sms-event", "sms-refund", "video-call", "voice-call")
]
FILES = sorted(set(FOLDER.glob("*.toml")) - set(FOR_A_NODE))
SHIPPED = [file for file in FILES if not any(step.deed in OPERATOR_DEEDS for step in load_scenario(file).steps)]
"""Those that need no operator; tests/cli plays all of them against a node."""
MB = 1_000_000
BLOCKED = "001010000000119"


def demo_server() -> StubOcs:
    """Twenty subscribers of whom 118 has little, 119 is blocked and 120 has nothing."""
    balances = {f"001010000000{number}": 10_000 * MB for number in range(101, 121)}
    balances |= {"001010000000118": 15 * MB, "001010000000120": 0}

    def code(ccr: Ccr) -> int:
        return 4010 if ccr.imsi == BLOCKED else 2001

    policy = Policy(slice_octets=10 * MB, threshold=2 * MB, holding_seconds=600, command_code=code)
    return StubOcs(balances, policy)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
async def test_every_shipped_scenario_holds(file: Path) -> None:
    async with demo_server() as ocs:
        report = await run_scenario(file, [ocs.address])
    assert [step for step in report.steps if not step.ok] == []
    assert report.ok
    assert differences(report.books, ocs.consumed) == []
    assert json.loads(json.dumps(report.as_json()))["name"] == report.name


@pytest.mark.parametrize("file", FOR_A_NODE, ids=lambda path: path.stem)
async def test_calls_events_and_misdeeds_hold_on_a_node(file: Path, tmp_path: Path) -> None:
    """The stub knows only data and good manners: these play against a node with the demo's subscribers."""
    async with running_ocs(tmp_path) as node:
        await seed(node.engine, node.store, "EUR", node.clock.at_ms())
        host, port = node.transport.addresses[0]
        report = await run_scenario(file, [(host, port)])
        assert [step for step in report.steps if not step.ok] == []
        assert differences(report.books, await consumed_by_session(node.store)) == []
        assert json.loads(json.dumps(report.as_json()))["name"] == report.name


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"do": "use"}, "step 1.octets: is missing"),
        ({"do": "debit", "units": "three"}, "step 1.units"),
        ({"do": "debit", "expect": {"cost": "cheap"}}, "step 1.expect.cost"),
        ({"do": "check_balance", "expect": {"enough": 1}}, "must be true or false"),
        ({"do": "refund", "group": "all"}, "step 1.group"),
    ],
)
def test_mistakes_in_steps_of_calls_and_events(step: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_scenario(minimal(step=[{"session": "one", **step}]))
    assert any(told in line for line in caught.value.problems), caught.value.problems


async def test_events_that_do_not_hold_are_said_in_words(tmp_path: Path) -> None:
    steps = [
        {"do": "check_balance", "session": "one", "expect": {"enough": True, "result": 4010}},
        {"do": "debit", "session": "one", "expect": {"cost": "0.07", "granted": {"100": "= 1"}}},
    ]
    async with running_ocs(tmp_path) as node:
        await add_line(node)
        host, port = node.transport.addresses[0]
        report = await run_scenario(parse_scenario(minimal(step=steps)), [(host, port)])
    assert report.steps[0].reasons == (
        "the result is 2001, expected 4010",
        "the balance is too little, expected enough",
    )
    assert report.steps[1].reasons == (
        "it costs nothing, expected 0.07",
        "group 100 was granted 0 units, expected = 1",
    )


def test_there_are_scenarios_to_run() -> None:
    assert len(SHIPPED) >= 8


def minimal(**changes: object) -> dict[str, object]:
    content: dict[str, object] = {
        "name": "test",
        "sessions": {"one": {"msisdn": "99955500101", "imsi": "001010000000101"}},
        "step": [{"do": "start", "session": "one", "groups": [10]}],
    }
    return content | changes


async def test_what_does_not_hold_is_said_in_words() -> None:
    expect = {
        "result": 5030,
        "phase": "closed",
        "groups": {"10": 4012},
        "granted": {"10": "> 1 GB"},
        "final": [10],
        "refused": {"10": 4010},
        "stopped": [10],
        "restricted": [10],
        "passed": {"10": "1 MB"},
        "resent": 3,
    }
    step = {"do": "start", "session": "one", "groups": [10], "expect": expect}
    async with demo_server() as ocs:
        report = await run_scenario(parse_scenario(minimal(step=[step])), [ocs.address])
    assert not report.ok
    (failed,) = report.steps
    for words in (
        "the result is 2001, expected 5030",
        "the session is open, expected closed",
        "group 10 got 2001, expected 4012",
        "was granted 10,000,000 octets, expected > 1,000,000,000",
        "group 10 has no final units",
        "expected it refused with 4010",
        "group 10 is active, expected it stopped",
        "group 10 is active, expected it restricted",
        "0 octets of group 10 passed, expected = 1,000,000",
        "0 requests were sent again, expected 3",
    ):
        assert any(words in reason for reason in failed.reasons), words


async def test_a_group_that_is_not_there_is_named() -> None:
    step = {"do": "start", "session": "one", "groups": [10], "expect": {"groups": {"77": 2001}}}
    async with demo_server() as ocs:
        report = await run_scenario(parse_scenario(minimal(step=[step])), [ocs.address])
    assert report.steps[0].reasons == ("group 77 is not part of the session",)


async def test_final_units_are_seen() -> None:
    step = {"do": "start", "session": "one", "groups": [10], "expect": {"final": [10]}}
    async with demo_server() as ocs:
        ocs.balances["001010000000101"] = 5 * MB
        report = await run_scenario(parse_scenario(minimal(step=[step])), [ocs.address])
    assert report.ok


async def test_no_session_is_left_open_on_the_server() -> None:
    async with demo_server() as ocs:
        await run_scenario(parse_scenario(minimal()), [ocs.address])
    assert ocs.numbers() == [(1, 0), (3, 1)]


# Mistakes in files -----------------------------------------------------------------------------


def mistakes(content: dict[str, object]) -> str:
    with pytest.raises(ConfigurationError) as raised:
        parse_scenario(content, "file.toml")
    return "\n".join(raised.value.problems)


def test_all_mistakes_of_a_file_are_listed_at_once() -> None:
    found = mistakes(
        {
            "nmae": "typo",
            "dialect": "opengs",
            "parallel": "yes",
            "sessions": {"one": {"msisdn": 99955500101, "imsi": "12a4", "apn": "internet"}},
            "step": [
                {"do": "strat", "session": "one"},
                {"do": "use", "session": "two", "octets": {"x": "5 parsecs"}},
                {"do": "idle", "session": "one"},
                {"do": "end", "session": "one", "expect": {"phase": "shut", "result": "2001", "grnated": {}}},
            ],
        }
    )
    for words in (
        "file.toml: file.nmae: is unknown here, did you mean 'name'?",
        "dialect: 'opengs' is unknown, did you mean 'open5gs'?",
        "parallel: must be true or false, not 'yes'",
        "sessions.one.msisdn: must be a text of 4 to 15 digits, not 99955500101",
        "sessions.one.imsi: must be a text of 4 to 15 digits, not '12a4'",
        "sessions.one.apn: is unknown here",
        "step 1.do: 'strat' is no deed, did you mean 'start'?",
        "step 2.session: no session 'two'",
        "step 2.octets: 'x' is no rating group",
        "step 2.octets: '5 parsecs' is not a whole number of octets",
        "step 3.seconds: is missing: 'idle' needs it",
        "step 4.expect.phase: 'shut' is none of open, closed, failed",
        "step 4.expect.result: must be a whole number, not '2001'",
        "step 4.expect.grnated: is unknown here, did you mean 'granted'?",
        "name: is missing",
    ):
        assert words in found, words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sessions": []}, "sessions: must be tables"),
        ({"sessions": {}}, "sessions: is missing"),
        ({"step": {}}, "step: must be a list of tables"),
        ({"name": 7}, "name: must be a text, not 7"),
        ({"step": [{"do": "start", "session": "one", "groups": 10}]}, "groups: must be a list"),
        ({"step": [{"do": "use", "session": "one", "octets": 10}]}, "octets: must be by rating group"),
        ({"step": [{"do": "use", "session": "one", "octets": {"10": True}}]}, "True is not a whole number of octets"),
        ({"step": [{"do": "end", "session": "one", "expect": 2001}]}, "expect: must be a table"),
        ({"step": [{"do": "end", "session": "one", "seconds": 1}]}, "step 1.seconds: is unknown here"),
    ],
)
def test_wrong_shapes_are_explained(changes: dict[str, object], words: str) -> None:
    assert words in mistakes(minimal(**changes))


def test_mistakes_in_calls() -> None:
    who = {"msisdn": "99955500101", "imsi": "001010000000101"}
    change = {"do": "change_media", "session": "one", "media": "smell"}
    found = mistakes(minimal(dialect="kamailio", sessions={"one": who | {"direction": "sideways"}}, step=[change]))
    assert "sessions.one.direction: 'sideways' is none of originating, terminating, forwarded" in found
    assert "step 1.media: 'smell' is none of audio, video" in found
    found = mistakes(minimal(sessions={"one": who | {"media": "video"}}, step=[change | {"media": "video"}]))
    assert "sessions.one.media: is unknown here" in found
    assert "'change_media' is for calls: dialect = \"kamailio\"" in found


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    for file in (broken, tmp_path / "missing.toml"):
        with pytest.raises(ConfigurationError, match=file.name):
            load_scenario(file)
