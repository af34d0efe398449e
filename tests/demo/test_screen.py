"""The picture of the demo: what it says, and that it keeps to the terminal."""

import msgspec
import pytest
from rich.console import Console

from diameter_ocs.demo.screen import LINES_AROUND, Picture, render
from diameter_ocs.demo.subscribers import DEMO_SUBSCRIBERS, DemoSubscriber
from diameter_ocs.demo.summary import Check, Summary
from diameter_ocs.demo.traffic import Count, Life, State
from diameter_ocs.ledger.account import Account, Bucket
from diameter_ocs.ledger.audit import UnitTotals
from diameter_ocs.simulator.histogram import Histogram
from diameter_ocs.values.units import UnitType

NOW = 100.0
PEER = {
    "host": "pgw01.epc.mnc001.mcc001.3gppnetwork.org",
    "state": "r-open",
    "watchdog": "okay",
    "address": "127.0.0.1:40000",
    "up": True,
    "messages_in": 1234,
    "messages_out": 1233,
}


def wallet(who: DemoSubscriber) -> tuple[Bucket, ...]:
    """Its money, and for who has a product something of everything."""
    packs = (
        Bucket("data", UnitType.OCTETS, 2_000_000_000, 50_000_000),
        Bucket("minutes", UnitType.SECONDS, 5_999),
        Bucket("messages", UnitType.EVENTS, 50),
    )
    return (*(packs if who.products else ()), Bucket("money", UnitType.MONEY, who.money_micros, 200_000))


@pytest.fixture
def picture() -> Picture:
    lives = [Life(who, "pgw01", changed=float(who.number)) for who in DEMO_SUBSCRIBERS]
    lives[0].happened("used 5.2 MB", NOW, State.ONLINE)
    lives[8].happened("out of credit", NOW, State.CUT_OFF)
    accounts = {who.account_id: Account(who.account_id, buckets=wallet(who)) for who in DEMO_SUBSCRIBERS}
    latency = Histogram()
    latency.record(1500)
    return Picture(
        diameter="127.0.0.1:3868",
        http="127.0.0.1:8868",
        hints=("port 3868 is taken, so Diameter is on port 40001",),
        status={"answers": {"per_second": 41.6, "total": 1234}},
        peers=[PEER, PEER],
        count=Count(open=7, octets=3_570_000_000, seconds=2_520, messages=77, cut_off=3, recharges=9),
        latency=latency,
        lives=lives,
        accounts=accounts,
        now=NOW,
        elapsed=12.0,
    )


def lines(picture, height=1000, width=100):
    console = Console(width=width)
    with console.capture() as captured:
        console.print(render(picture, height))
    return captured.get().splitlines()


def test_it_shows_the_node_its_peers_and_every_subscriber(picture):
    shown = lines(picture)
    text = "\n".join(shown)
    for words in ("127.0.0.1:3868", "http://127.0.0.1:8868/metrics", "readyz", "api/v1/status", "1.50 ms", "42",
                  "3.57 GB", "r-open", "1,234", "50.00 EUR", "2 GB 99 min 50 msg", "0.20 + 50 MB", "42 min", "77",
                  "cut off", "out of credit", "port 3868 is taken"):  # fmt: skip
        assert words in text
    assert sum("99955500" in line for line in shown) == 20
    assert all(len(line) <= 100 for line in shown)


@pytest.mark.parametrize("height", [24, 30, 50])
def test_a_low_terminal_shows_those_to_whom_something_happened(picture, height):
    shown = lines(picture, height)
    rows = max(4, height - LINES_AROUND - len(picture.hints))
    assert sum("99955500" in line for line in shown) == min(20, rows)
    assert len(shown) <= height


def test_a_narrow_terminal_is_not_overrun(picture):
    assert all(len(line) <= 60 for line in lines(picture, width=60))


def test_what_is_ending_is_said(picture):
    assert "ending in order" in "\n".join(lines(msgspec.structs.replace(picture, is_ending=True)))


def test_a_summary_holds_only_if_every_check_does():
    good, bad = Check("this holds", "1 of 1"), Check("this does not", "0 of 1", ("a [/red] reason",))
    totals = {"money EUR": UnitTotals(10_000_000, 1_000_000, 0, 0, 9_000_000, 0)}
    assert Summary(1.0, {}, (good,), totals).holds
    failed = Summary(1.0, {"sessions": "1"}, (good, bad), totals)
    assert not failed.holds
    assert failed.as_json()["checks"][1]["problems"] == ["a [/red] reason"]
    console = Console(width=100)
    with console.capture() as captured:
        console.print(failed.render())
    text = captured.get()
    assert "✗ this does not" in text
    assert "a [/red] reason" in text
    assert "10.00" in text


def test_the_screen_needs_no_answers_yet(picture):
    empty = msgspec.structs.replace(picture, latency=Histogram(), accounts={}, peers=[])
    assert "0.00 ms" in "\n".join(lines(empty))
