"""Gateways that misbehave, against a real node: whatever they do, each report is debited or recorded once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from diameter_ocs.assemble import Ocs
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.ledger.account import Status
from diameter_ocs.recharge.commands import SetAccountStatus
from diameter_ocs.simulator.conservation import consumed_by_session, differences
from diameter_ocs.simulator.credit import Subscriber
from diameter_ocs.simulator.misbehaving import MixReport, run_mix
from diameter_ocs.simulator.misdeeds import ENDINGS, OF_UPDATES, TRAITS, Misdeed, Mix, session_plan
from diameter_ocs.simulator.scenario_file import load_scenario, parse_scenario
from diameter_ocs.storage.audit import audit_store
from tests.simulator.support.stub_ocs import StubOcs
from tests.support.catalogue import catalogue_in
from tests.support.gy import move_clock
from tests.support.ocs import MB, add_line, data, money, running_ocs

HOURS = 3600
RICH, POOR, BROKE = (5000 * MB, 10_000_000), (20 * MB, 100_000), (0, 0)
LINES = [
    ("standard", RICH),
    ("standard", POOR),
    ("bundle", RICH),
    ("ending", POOR),
    ("standard", RICH),
    ("bundle", POOR),
    ("ending", BROKE),
    ("standard", RICH),
]
EVERYTHING = dict.fromkeys((*TRAITS, *OF_UPDATES), 4) | dict.fromkeys(ENDINGS, 12)
SHIPPED = Path(__file__).parents[2] / "config" / "scenarios" / "misbehaving.toml"


def subscriber(number: int) -> Subscriber:
    return Subscriber(f"4915100{number:04d}", f"00101000099{number:04d}")


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Ocs]:
    """With subscribers of several offers, rich and poor."""
    async with running_ocs(tmp_path, **catalogue_in(tmp_path)) as running:
        for number, (offer, (octets, micros)) in enumerate(LINES):
            who = subscriber(number)
            buckets = (data(octets), money(micros)) if offer != "bundle" else (data(octets),)
            await add_line(running, f"acc-{number}", *buckets, msisdn=who.msisdn, imsi=who.imsi, offer=offer)
        yield running


async def play(node: Ocs, mix: Mix, hours_before_late: int = 0) -> MixReport:
    """A mix on a node; supervision closes what is silent before the late ends come."""

    async def set_blocked(who: Subscriber, is_blocked: bool) -> None:
        status = Status.BLOCKED if is_blocked else Status.ACTIVE
        await node.engine.execute(SetAccountStatus(f"acc-{int(who.msisdn[-4:])}", status, "test"))

    async def let_time_pass() -> None:
        move_clock(node, hours_before_late * HOURS)
        await node.sweeper.sweep_once()

    subscribers = [subscriber(number) for number in range(len(LINES))]
    address = node.transport.addresses[0]
    return await run_mix(mix, subscribers, [address], set_blocked=set_blocked, before_late=let_time_pass)


async def assert_conserved(node: Ocs, report: MixReport) -> None:
    """Nothing lost, nothing doubled, every balance proved."""
    assert report.faults == ()
    assert differences(report.books, await consumed_by_session(node.store)) == []
    assert all(book.unanswered == 0 for groups in report.books.values() for book in groups.values())
    assert (await audit_store(node.store)).faulty == ()


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_gateways_do_every_report_counts_once(node: Ocs, seed: int) -> None:
    report = await play(node, Mix(seed, 300, EVERYTHING, (10, 20, 30), at_once=20))
    await assert_conserved(node, report)
    done = {count.misdeed: count for count in report.counts}
    assert done.keys() == {"", *(kind.value for kind in Misdeed)}
    answers = {name: set(count.result_codes) for name, count in done.items()}
    assert answers["contradict"] >= {2001, 5012}
    assert done["contradict"].result_codes[5012] == done["contradict"].done
    assert 5012 in answers["open_anew"]
    assert answers["update_after_end"] == {5002}
    assert 5002 in answers["end_early"]
    assert answers["skip_numbers"] - {4010, 4012, 5002} == {2001}
    assert all(code // 1000 != 3 for codes in answers.values() for code in codes)


async def test_ends_that_come_hours_after_supervision_has_closed_the_sessions(node: Ocs) -> None:
    report = await play(node, Mix(3, 40, {Misdeed.END_LATE: 100}, (10, 20)), hours_before_late=30)
    await assert_conserved(node, report)
    (late,) = [count for count in report.counts if count.misdeed == "end_late"]
    assert late.result_codes == {5002: late.done}
    assert all(each.status.value == "closed" for each in await node.store.sessions(open_only=False, limit=1000))


async def test_sessions_that_vanish_are_closed_by_supervision(node: Ocs) -> None:
    report = await play(node, Mix(4, 40, {Misdeed.VANISH: 50, Misdeed.LEAVE: 50}, (10, 20)))
    await assert_conserved(node, report)
    assert await node.store.sessions(limit=1000)
    move_clock(node, 30 * HOURS)
    await node.sweeper.sweep_once()
    assert await node.store.sessions(limit=1000) == []
    for number in range(len(LINES)):
        snapshot = await node.store.snapshot(f"acc-{number}")
        assert snapshot is not None
        assert all(bucket.reserved == 0 for bucket in snapshot[0].account.buckets)


async def test_huge_reports_ruin_no_balance(node: Ocs) -> None:
    """All but those of 2^32 are beyond belief."""
    report = await play(node, Mix(5, 60, {Misdeed.HUGE: 100}, (10,)))
    await assert_conserved(node, report)
    snapshot = await node.store.snapshot("acc-0")
    assert snapshot is not None
    assert all(bucket.remaining > -(1 << 40) for bucket in snapshot[0].account.buckets)


async def test_a_server_that_debits_copies_is_found_out() -> None:
    """What the checks are worth: a server without memory of what it answered."""
    async with StubOcs({subscriber(0).imsi: 100_000 * MB}) as ocs:
        ocs.forgets = True
        mix = Mix(6, 10, {Misdeed.RESEND: 50, Misdeed.CONTRADICT: 50}, (10,), at_once=1)
        report = await run_mix(mix, [subscriber(0)], [ocs.address])
        assert any("with two contents" in fault for fault in report.faults)
        assert any("at most" in line for line in differences(report.books, ocs.consumed))


# Plans -------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_plans() -> None:
    mix = Mix(1, 10, EVERYTHING)
    plans = [session_plan(mix, number) for number in range(200)]
    assert plans == [session_plan(Mix(1, 99, EVERYTHING, (7,), at_once=3), number) for number in range(200)]
    assert plans != [session_plan(Mix(2, 10, EVERYTHING), number) for number in range(200)]
    assert all(1 <= len(plan.updates) <= mix.updates for plan in plans)


def test_rates_are_those_of_the_mix() -> None:
    plans = [session_plan(Mix(1, 1, {Misdeed.VANISH: 30, Misdeed.HUGE: 100}), number) for number in range(1000)]
    assert sum(plan.ending is Misdeed.VANISH for plan in plans) == pytest.approx(300, abs=60)
    assert all(update.misdeed is Misdeed.HUGE for plan in plans for update in plan.updates)
    assert all(plan.trait is None for plan in plans)


# Files -------------------------------------------------------------------------------------------


def parsed(misbehave: object, **changes: object) -> Mix:
    who = {"one": {"msisdn": "99955500101", "imsi": "001010000000101"}}
    mix = parse_scenario({"name": "test", "sessions": who, "misbehave": misbehave} | changes).mix
    assert mix is not None
    return mix


def test_the_shipped_mix_does_everything() -> None:
    mix = load_scenario(SHIPPED).mix
    assert mix is not None
    assert set(mix.percent) == set(Misdeed)
    assert all(mix.percent.values())


def test_what_is_left_out_has_a_default() -> None:
    assert parsed({}) == Mix(1, 100, {})


@pytest.mark.parametrize(
    ("misbehave", "words"),
    [
        (7, "misbehave: must be a table, [misbehave]"),
        ({"sede": 7}, "misbehave.sede: is unknown here, did you mean 'seed'?"),
        ({"sessions": 0}, "misbehave.sessions: must be a whole number from 1 to 1,000,000, not 0"),
        ({"at_once": True}, "misbehave.at_once: must be a whole number"),
        ({"groups": []}, "misbehave.groups: must be a list of different rating groups"),
        ({"groups": [10, 10]}, "misbehave.groups: must be a list of different rating groups"),
        ({"groups": [-1]}, "misbehave.groups: must be a whole number from 0"),
        ({"percent": 7}, "misbehave.percent: must be a table"),
        ({"percent": {"resent": 7}}, "misbehave.percent.resent: is unknown here, did you mean 'resend'?"),
        ({"percent": {"resend": 101}}, "misbehave.percent.resend: must be a whole number from 0 to 100, not 101"),
        ({"percent": {"vanish": 60, "leave": 41}}, "vanish, leave exclude each other and are 101 percent together"),
    ],
)
def test_mistakes_in_a_mix_are_explained(misbehave: object, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parsed(misbehave)
    assert any(words in line for line in raised.value.problems), raised.value.problems


def test_a_mix_speaks_one_dialect() -> None:
    with pytest.raises(ConfigurationError, match="misbehave: is for the dialect 3gpp"):
        parsed({}, dialect="magma")
