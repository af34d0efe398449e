"""`ocs session show` after a session with everything in it: each message, what it reported, moved and got, and why."""

import asyncio

import pytest

from diameter_ocs.assemble import Ocs as Node
from diameter_ocs.charging.outbox import RequestState
from diameter_ocs.config import load_config
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import Credit
from diameter_ocs.values.units import UnitType
from tests.scenarios.test_server_requests import asked, reach, reply
from tests.support.catalogue import TEXT
from tests.support.cli import Ocs, make_config
from tests.support.gy import INITIAL, TERMINATION, UPDATE, Line, granted, group_codes
from tests.support.ocs import MB, code_of, gateway, money, mscc

THRESHOLD, FINAL, EXHAUSTED, FORCED = 0, 2, 3, 7


@pytest.fixture
async def line(tmp_path):
    """On a node whose database the command line opens beside it."""
    config = make_config(tmp_path)
    (tmp_path / "catalogue" / "demo.toml").write_text(TEXT)
    node = Node(load_config(config, {}, {"log.level": "warning"}))
    await node.start()
    try:
        async with gateway(node) as peer:
            yield Line(node, peer)
    finally:
        await node.stop()


async def test_the_whole_history_of_a_session(line, tmp_path):
    """A refused group, an over-use, a final grant, a top-up with its RAR, and the end."""
    await line.open(money(400_000))
    session = line.session()
    assert group_codes(await session.ask(INITIAL, mscc(10), mscc(40))) == [(10, 2001), (40, 4010)]
    wish = [("CC-Total-Octets", 20 * MB)]
    assert granted(await session.ask(UPDATE, mscc(10, wants=wish, used=12 * MB, reason=EXHAUSTED))) == [8 * MB]
    assert group_codes(await session.ask(UPDATE, mscc(10, used=8 * MB, reason=EXHAUSTED))) == [(10, 4012)]
    await line.node.engine.execute(Credit(line.account_id, Bucket("money", UnitType.MONEY, 1_000_000), "voucher 7"))
    octets, _ = await asked(line.peer, Command.RE_AUTH)
    line.peer.send(reply(octets, 2002))
    assert granted(await session.ask(UPDATE, mscc(10, used=0, reason=FORCED))) == [10 * MB]
    await reach(line.node, session, RequestState.CCR_SEEN)
    await session.ask(TERMINATION, mscc(10, wants=None, used=1 * MB, reason=FINAL), mscc(99, wants=None, used=5))
    assert code_of(await session.ask(UPDATE, mscc(10, wants=None, used=1 * MB, reason=THRESHOLD))) == 5002

    ocs = Ocs(tmp_path / "ocs.toml")
    told = await asyncio.to_thread(ocs.json, "session", "show", session.session_id)
    history = told["history"]
    assert [(each["kind"], each["request_number"], each["answer"]["result_code"]) for each in history] == [
        ("ccr_initial", 0, 2001),
        ("ccr_update", 1, 2001),
        ("ccr_update", 2, 2001),
        ("ccr_update", 3, 2001),
        ("ccr_termination", 4, 2001),
        ("ccr_update", 5, 5002),
    ]
    groups = [
        [
            tuple(group[name] for name in ("rating_group", "reporting_reason", "used", "result_code", "granted"))
            for group in each["answer"]["groups"]
        ]
        for each in history
    ]
    assert groups == [
        [(10, None, 0, 2001, 10 * MB), (40, None, 0, 4010, None)],
        [(10, "quota exhausted", 12 * MB, 2001, 8 * MB)],
        [(10, "quota exhausted", 8 * MB, 4012, None)],
        [(10, "forced reauthorisation", 0, 2001, 10 * MB)],
        [(10, "final", MB, 2001, None), (99, None, 5, 5031, None)],
        [(10, "threshold", MB, 2001, None)],
    ]
    first, final = history[0]["answer"]["groups"][0], history[1]["answer"]["groups"][0]
    assert (first["sized_by"], first["final_action"], first["validity_seconds"]) == ("default", None, 3600)
    assert (final["sized_by"], final["final_action"]) == ("what balance, caps and claimants leave", "terminate")
    moved = [
        [(each["action"], each["bucket_id"], each["amount"], each["mark"]) for each in entry["postings"]]
        for entry in history
    ]
    assert moved[1] == [
        ("release", "money", 200_000, ""),
        ("debit", "money", 200_000, ""),
        ("debit", "money", 40_000, "overuse"),
        ("reserve", "money", 160_000, ""),
    ]
    assert moved[4] == [("release", "money", 200_000, ""), ("debit", "money", 20_000, ""), ("unrated", "", 0, "")]
    assert moved[5] == [("debit", "money", 20_000, "late")]
    (rar,) = told["requests"]
    asked_for = [rar[name] for name in ("kind", "cause", "rating_group", "result_code")]
    assert asked_for == ["reauthorize", "voucher 7", 10, 2002]

    text = (await asyncio.to_thread(ocs, "session", "show", session.session_id)).stdout
    for words in (
        "group 10: 12 MB, quota exhausted",
        "debited group 10: 0.04 EUR for 2 MB",
        "(overuse)",
        "reserved group 10: 0.16 EUR for 8 MB",
        "group 40: 4010 service denied",
        "group 10: 2001 10 MB (default)",
        "group 10: 4012 credit limit reached",
        "group 10: forced reauthorisation",
        "group 99: 5 B unrated",
        "group 99: 5031 rating failed",
        "5002 session unknown",
        "reauthorize",
        "voucher 7",
    ):
        assert words in text, text
