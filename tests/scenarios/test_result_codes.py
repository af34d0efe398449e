"""Situations of credit control and their Result-Codes, row by row: code, level, E bit, Failed-AVP, and what is on disk.

The rows are those of docs/result-codes.md: 1 to 41 here and in test_events.py, 50 to 72 in test_message_codes.py.
"""

import pytest

from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.ledger.account import Status
from diameter_ocs.ledger.journal import Action
from diameter_ocs.recharge.commands import SetAccountStatus, SetSubscriberStatus
from diameter_ocs.values.verdict import Verdict
from tests.support.gy import (
    EVENT,
    INITIAL,
    TERMINATION,
    UPDATE,
    avp,
    debited,
    e164,
    exchange,
    extended,
    failed_avp,
    granted,
    group_codes,
    postings,
    stored_session,
    with_header,
)
from tests.support.ocs import MB, OCS_HOST, code_of, data, groups, money, mscc, value

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {"sessions__max_open_per_account": 3}
USD = 840


async def stop_service(line, whom, status=Status.BLOCKED):
    if whom == "account":
        command = SetAccountStatus(line.account_id, status, "test")
    else:
        command = SetSubscriberStatus(line.account_id, f"sub-{line.account_id}", status, "test")
    assert (await line.node.engine.execute(command)).verdict is Verdict.SUCCESS


# Credit control -------------------------------------------------------------------------------


@pytest.mark.row(1)
async def test_all_right(line):
    """Row 1: debit, release, reserve; the answer is stored."""
    session = (await line.open(data(100 * MB))).session()
    answer = await session.ask(INITIAL, mscc(10), mscc(20))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (
        2001,
        [(10, 2001), (20, 2001)],
        [10 * MB, 10 * MB],
    )
    assert await line.buckets() == {"data-1": (100 * MB, 20 * MB)}
    answer = await session.ask(UPDATE, mscc(10, used=8 * MB, reason=0))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(10, 2001)], [10 * MB])
    assert await line.buckets() == {"data-1": (92 * MB, 20 * MB)}
    answer = await session.ask(TERMINATION, mscc(10, wants=None, used=1 * MB, reason=2), Termination_Cause=1)
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(10, 2001)], [None])
    assert await line.buckets() == {"data-1": (91 * MB, 0)}
    assert await line.sessions() == {session.session_id: "closed"}
    assert (await line.account()).open_sessions == 0


@pytest.mark.row(2)
async def test_a_report_without_a_wish(line):
    """Row 2: debit, release, no Granted-Service-Unit."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    answer = await session.ask(UPDATE, mscc(10, wants=None, used=3 * MB, reason=1))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(10, 2001)], [None])
    assert value(groups(answer)[0], "Validity-Time") is None
    assert await line.buckets() == {"data-1": (97 * MB, 0)}


@pytest.mark.row(3)
async def test_an_initial_request_without_credits(line):
    """Row 3: the session is open, nothing is reserved."""
    session = (await line.open(data(100 * MB))).session()
    answer = await session.ask(INITIAL, ("Multiple-Services-Indicator", 1))
    assert (code_of(answer), groups(answer)) == (2001, [])
    assert await line.buckets() == {"data-1": (100 * MB, 0)}
    assert await line.sessions() == {session.session_id: "open"}


@pytest.mark.row(4)
async def test_user_unknown(line):
    """Row 4: nothing happens, no session."""
    session = line.session()
    assert code_of(await session.ask(INITIAL, mscc(10))) == 5030
    assert await stored_session(line.node, session.session_id) is None


@pytest.mark.row(5)
async def test_nobody_named(line):
    """Row 5: example Subscription-Id; a User-Name or an identity in Service-Information is good enough."""
    await line.open(data(100 * MB))
    answer = await line.session().ask(INITIAL, mscc(10), leave=("Subscription-Id",))
    assert code_of(answer) == 5005
    assert failed_avp(answer).hex() == "000001bb40000008"
    assert await line.sessions() == {}
    by_name = line.session("name")
    answer = await by_name.ask(INITIAL, mscc(10), User_Name=f"{line.imsi}@example.org", leave=("Subscription-Id",))
    assert code_of(answer) == 2001
    inside = line.session("inside")
    answer = await inside.ask(
        INITIAL, mscc(10), ("Service-Information", [e164(line.msisdn)]), leave=("Subscription-Id",)
    )
    assert code_of(answer) == 2001
    assert await line.sessions() == {by_name.session_id: "open", inside.session_id: "open"}


@pytest.mark.row(6)
@pytest.mark.parametrize("order", [1, -1])
async def test_identity_of_an_unknown_type(line, order):
    """Row 6: only when no other one is usable; the Failed-AVP is that Subscription-Id."""
    await line.open(data(100 * MB))
    strange = avp("Subscription-Id", [("Subscription-Id-Type", 0), ("Subscription-Id-Data", "1234567")])
    strange = strange.replace(bytes.fromhex("000001c24000000c00000000"), bytes.fromhex("000001c24000000c00000009"))
    both = [strange, avp(*e164(line.msisdn))][::order]
    bare = line.session().request(INITIAL, mscc(10), leave=("Subscription-Id",))
    _, answer = await exchange(line.peer, extended(bare, strange))
    assert (code_of(answer), failed_avp(answer)) == (5004, strange)
    assert await line.sessions() == {}
    _, answer = await exchange(line.peer, extended(bare, *both))
    assert code_of(answer) == 2001


@pytest.mark.row(7)
@pytest.mark.parametrize("whom", ["account", "subscriber"])
async def test_blocked_at_the_start(line, whom):
    """Row 7: 4010, no session."""
    await line.open(data(100 * MB))
    await stop_service(line, whom)
    answer = await line.session().ask(INITIAL, mscc(10))
    assert (code_of(answer), groups(answer)) == (4010, [])
    assert (await line.sessions(), await line.buckets()) == ({}, {"data-1": (100 * MB, 0)})


@pytest.mark.row(8)
@pytest.mark.parametrize("whom", ["account", "subscriber"])
async def test_blocked_during_a_session(line, whom):
    """Row 8: debit the usage, release everything, close."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10), mscc(20))
    await stop_service(line, whom)
    answer = await session.ask(UPDATE, mscc(10, used=4 * MB))
    assert code_of(answer) == 4010
    assert await line.buckets() == {"data-1": (96 * MB, 0)}
    assert await line.sessions() == {session.session_id: "closed"}


@pytest.mark.row(9, 10)
@pytest.mark.parametrize(("group", "code"), [(40, 4010), (50, 5003)])
async def test_a_group_that_is_refused(line, group, code):
    """Rows 9 and 10: in the MSCC only; its usage is debited, the others go on."""
    session = (await line.open(data(100 * MB))).session()
    answer = await session.ask(INITIAL, mscc(group), mscc(10))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (
        2001,
        [(group, code), (10, 2001)],
        [None, 10 * MB],
    )
    answer = await session.ask(UPDATE, mscc(group, used=2 * MB))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(group, code)], [None])
    assert failed_avp(answer) is None
    assert await line.buckets() == {"data-1": (98 * MB, 10 * MB)}


@pytest.mark.row(11)
async def test_a_free_group(line):
    """Row 11: a grant at price 0, nothing reserved, not even without a balance."""
    session = (await line.open()).session()
    answer = await session.ask(INITIAL, mscc(30))
    assert (group_codes(answer), granted(answer)) == ([(30, 2001)], [10 * MB])
    answer = await session.ask(UPDATE, mscc(30, used=9 * MB))
    assert (group_codes(answer), granted(answer)) == ([(30, 2001)], [10 * MB])
    assert value(groups(answer)[0], "Final-Unit-Indication") is None
    assert debited(await line.entries()) == 9 * MB
    assert await line.buckets() == {}


@pytest.mark.row(13)
async def test_no_credit_for_one_group(line):
    """Row 13: its usage is debited, it gets no grant; others go on and the session stays."""
    session = (await line.open(data(10 * MB))).session()
    await session.ask(INITIAL, mscc(10), mscc(30))
    answer = await session.ask(UPDATE, mscc(10, used=10 * MB), mscc(30, used=1 * MB))
    assert (code_of(answer), group_codes(answer)) == (2001, [(10, 4012), (30, 2001)])
    assert granted(answer) == [None, 10 * MB]
    assert await line.buckets() == {"data-1": (0, 0)}
    assert await line.sessions() == {session.session_id: "open"}


@pytest.mark.row(14, 15)
async def test_no_credit_ends_the_session(line):
    """Rows 14 and 15: an offer may refuse the whole session; usage is debited, the rest as debt."""
    await line.open(money(200_000), offer="ending")
    session, refused = line.session("a"), line.session("b")
    assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
    assert code_of(await refused.ask(INITIAL, mscc(10))) == 4012
    assert await line.buckets() == {"money": (200_000, 200_000)}
    assert await line.sessions() == {session.session_id: "open"}
    answer = await session.ask(UPDATE, mscc(10, used=11 * MB))
    assert (code_of(answer), groups(answer)) == (4012, [])
    assert await line.buckets() == {"money": (-20_000, 0)}
    assert await line.sessions() == {session.session_id: "closed"}


@pytest.mark.row(17)
async def test_less_than_asked(line):
    """Row 17: what is left, with Final-Unit-Indication TERMINATE, and without threshold."""
    session = (await line.open(data(6 * MB))).session()
    answer = await session.ask(INITIAL, mscc(10, wants=[("CC-Total-Octets", 20 * MB)]))
    (group,) = groups(answer)
    assert (group_codes(answer), granted(answer)) == ([(10, 2001)], [6 * MB])
    assert value(group, "Final-Unit-Indication", "Final-Unit-Action") == 0
    assert value(group, "Volume-Quota-Threshold") is None
    assert await line.buckets() == {"data-1": (6 * MB, 6 * MB)}


@pytest.mark.row(18)
async def test_more_used_than_there_was(line):
    """Row 18: everything is debited, below zero, and marked."""
    session = (await line.open(data(6 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    answer = await session.ask(UPDATE, mscc(10, used=7 * MB, reason=3))
    assert group_codes(answer) == [(10, 4012)]
    assert await line.buckets() == {"data-1": (-1 * MB, 0)}
    assert (1 * MB, "overuse") in postings(await line.entries(), Action.DEBIT)


@pytest.mark.row(19)
async def test_a_group_nobody_sells(line):
    """Row 19: 5031 in the MSCC, the group in the Failed-AVP; its usage goes on record, others go on."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    answer = await session.ask(UPDATE, mscc(10, used=1 * MB), mscc(99, used=5 * MB))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (
        2001,
        [(10, 2001), (99, 5031)],
        [10 * MB, None],
    )
    assert failed_avp(answer).hex() == "000001c840000014000001b04000000c00000063"
    assert await line.buckets() == {"data-1": (99 * MB, 10 * MB)}
    assert postings(await line.entries(), Action.UNRATED) == [(5 * MB, "")]


@pytest.mark.row(20)
async def test_a_group_nobody_named(line):
    """Row 20: without default group 5031 and an example; with one the default group pays."""
    session = (await line.open(data(100 * MB), offer="nameless")).session()
    answer = await session.ask(INITIAL, mscc(None))
    assert (code_of(answer), group_codes(answer)) == (2001, [(None, 5031)])
    assert failed_avp(answer).hex() == "000001c840000014000001b04000000c00000000"
    assert await line.buckets() == {"data-1": (100 * MB, 0)}


@pytest.mark.row(21)
async def test_an_unknown_context(line):
    """Row 21: refused at the start; later the session's own context counts."""
    session = (await line.open(data(100 * MB))).session()
    answer = await session.ask(INITIAL, mscc(10), Service_Context_Id="99999@3gpp.org")
    assert (code_of(answer), failed_avp(answer)) == (5031, avp("Service-Context-Id", "99999@3gpp.org"))
    assert await line.sessions() == {}
    assert code_of(await session.ask(INITIAL, mscc(10))) == 2001
    answer = await session.ask(UPDATE, mscc(10, used=1 * MB), Service_Context_Id="99999@3gpp.org")
    assert (code_of(answer), group_codes(answer)) == (2001, [(10, 2001)])
    assert await line.buckets() == {"data-1": (99 * MB, 10 * MB)}


@pytest.mark.row(22)
@pytest.mark.parametrize("credit", [mscc(10), ("Requested-Service-Unit", [])], ids=["group", "command level"])
async def test_a_service_that_the_offer_does_not_sell(line, credit):
    """Row 22: 5031 with the Service-Context-Id; nothing is opened. An event is told the same."""
    await line.open(money(1_000_000), offer="nameless")
    voice = {"Service_Context_Id": "32260@3gpp.org"}
    session = line.session()
    for kind, more in ((INITIAL, {}), (EVENT, {"Requested_Action": 0})):
        answer = await session.ask(kind, credit, **voice, **more)
        assert (code_of(answer), failed_avp(answer)) == (5031, avp("Service-Context-Id", "32260@3gpp.org"))
    before = await line.entries()
    assert (await line.sessions(), await line.buckets()) == ({}, {"money": (1_000_000, 0)})
    assert code_of(await line.session("b").ask(INITIAL, mscc(10))) == 2001
    assert len(await line.entries()) == len(before) + 1


@pytest.mark.row(23)
@pytest.mark.parametrize("kind", [INITIAL, UPDATE, EVENT])
async def test_a_rating_input_of_an_unknown_type(line, kind):
    """Row 23: 5031 with it if it has to be understood; nothing is charged, and the session goes on without it."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    state = await line.account(), await line.sessions()
    known = avp("Service-Parameter-Info", [("Service-Parameter-Type", 1), ("Service-Parameter-Value", b"x")])
    strict = known[:4] + b"\x40" + known[5:]
    asking = line.session("b") if kind == INITIAL else session
    action = {"Requested_Action": 0} if kind == EVENT else {}
    request = asking.request(kind, mscc(10, used=4 * MB), **action)
    _, answer = await exchange(line.peer, extended(request, known, strict))
    assert (code_of(answer), failed_avp(answer)) == (5031, strict)
    assert (await line.account(), await line.sessions()) == state
    _, answer = await exchange(line.peer, extended(request, known))
    assert code_of(answer) == 2001


@pytest.mark.row(25)
async def test_reported_money_of_a_foreign_currency(line):
    """Row 25: 5031 in the MSCC with the Currency-Code; the amount is on record, no balance moves, others go on."""
    session = (await line.open(money(1_000_000))).session()
    await session.ask(INITIAL, mscc(10))
    dollars = [("Unit-Value", [("Value-Digits", 3)]), ("Currency-Code", USD)]
    foreign = [("Used-Service-Unit", [("CC-Money", dollars)]), ("Rating-Group", 20)]
    answer = await session.ask(UPDATE, ("Multiple-Services-Credit-Control", foreign), mscc(10, used=5 * MB))
    assert (code_of(answer), group_codes(answer)) == (2001, [(20, 5031), (10, 2001)])
    assert failed_avp(answer) == avp("Currency-Code", USD)
    assert await line.buckets() == {"money": (900_000, 200_000)}
    assert postings(await line.entries(), Action.UNRATED) == [(3_000_000, "")]


@pytest.mark.row(24)
async def test_a_unit_type_without_price_at_command_level(line):
    """Row 24: 5004 for the whole answer, with the unit; nothing is opened, of a session that runs usage is debited."""
    await line.open(data(100 * MB))
    wish = ("Requested-Service-Unit", [("CC-Service-Specific-Units", 5)])
    answer = await line.session("b").ask(INITIAL, wish)
    assert (code_of(answer), failed_avp(answer)) == (5004, avp(*wish))
    assert await line.sessions() == {}
    session = line.session()
    await session.ask(INITIAL, ("Requested-Service-Unit", []))
    answer = await session.ask(UPDATE, wish, ("Used-Service-Unit", [("CC-Total-Octets", 2 * MB)]))
    assert (code_of(answer), failed_avp(answer)) == (5004, avp(*wish))
    assert await line.buckets() == {"data-1": (98 * MB, 0)}
    assert await line.sessions() == {session.session_id: "closed"}


@pytest.mark.row(24)
async def test_a_unit_type_without_price(line):
    """Row 24: 5004 in the MSCC with the unit; usage is debited, nothing granted."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    answer = await session.ask(UPDATE, mscc(10, wants=[("CC-Service-Specific-Units", 5)], used=2 * MB))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(10, 5004)], [None])
    unit = avp("CC-Service-Specific-Units", 5)
    hierarchy = [("Requested-Service-Unit", [("CC-Service-Specific-Units", 5)])]
    assert unit in failed_avp(answer)
    assert failed_avp(answer) == avp("Multiple-Services-Credit-Control", hierarchy)
    assert await line.buckets() == {"data-1": (98 * MB, 0)}


@pytest.mark.row(26)
async def test_an_event_without_action(line):
    """Row 26: example Requested-Action."""
    await line.open(data(100 * MB))
    answer = await line.session().ask(EVENT, mscc(10))
    assert (code_of(answer), failed_avp(answer).hex()) == (5005, "000001b44000000c00000000")
    assert (await line.sessions(), await line.buckets()) == ({}, {"data-1": (100 * MB, 0)})


@pytest.mark.row(30)
@pytest.mark.parametrize("kind", [UPDATE, TERMINATION])
@pytest.mark.parametrize("who", ["known", "unknown", "nobody"])
async def test_a_session_never_known(line, kind, who):
    """Row 30: 5002 whoever is named; of a known subscriber the usage goes on record, the balance stays."""
    await line.open(data(100 * MB))
    session = line.session(first=4)
    if who == "unknown":
        session.msisdn = "99900000000"
    leave = ("Subscription-Id",) if who == "nobody" else ()
    for _ in range(2):
        answer = await session.ask(kind, mscc(10, wants=None, used=3 * MB), number=4, leave=leave)
        assert (code_of(answer), groups(answer)) == (5002, [])
    assert await line.buckets() == {"data-1": (100 * MB, 0)}
    stored = await stored_session(line.node, session.session_id)
    assert (stored.status.value if stored else None) == ("closed" if who == "known" else None)
    assert (await line.account()).open_sessions == 0
    recorded = [(3 * MB, "")] if who == "known" else []
    assert postings(await line.entries(), Action.UNRATED) == recorded


@pytest.mark.row(31)
@pytest.mark.parametrize("kind", [UPDATE, TERMINATION])
async def test_a_report_after_the_end(line, kind):
    """Row 31: debited at the session's tariff, once, and marked; no grant, 5002."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    await session.ask(TERMINATION, mscc(10, wants=None, used=2 * MB), Termination_Cause=1)
    first = await session.ask(kind, mscc(10, used=5 * MB))
    again = await session.repeat()
    assert [code_of(first), code_of(again)] == [5002, 5002]
    assert await line.buckets() == {"data-1": (93 * MB, 0)}
    assert (5 * MB, "late") in postings(await line.entries(), Action.DEBIT)
    assert (await line.account()).open_sessions == 0


@pytest.mark.row(32)
async def test_a_second_initial_request(line):
    """Row 32: 5012, the session stays as it is."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    before = await stored_session(line.node, session.session_id)
    assert code_of(await session.ask(INITIAL, mscc(20))) == 5012
    assert await stored_session(line.node, session.session_id) == before
    assert granted(await session.ask(UPDATE, mscc(10, used=1 * MB))) == [10 * MB]


@pytest.mark.row(33)
@pytest.mark.parametrize("flags", [0xC0, 0xD0])
async def test_a_repeat(line, flags):
    """Row 33: the same octets but for the Hop-by-Hop Identifier, no effect; with or without T."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    await session.ask(UPDATE, mscc(10, used=4 * MB))
    before, state = session.received, await line.account()
    session.sent = with_header(session.sent[:12] + b"\0\0\x0f\xff" + session.sent[16:], flags=flags)
    assert code_of(await session.repeat()) == 2001
    assert session.received[:12] + session.received[16:] == before[:12] + before[16:]
    assert await line.account() == state


@pytest.mark.row(34)
@pytest.mark.parametrize(
    ("kind", "credit"),
    [(UPDATE, mscc(10, used=5 * MB)), (UPDATE, mscc(20, used=4 * MB)), (TERMINATION, mscc(10, used=4 * MB))],
    ids=["other usage", "other group", "other type"],
)
async def test_the_same_number_for_another_request(line, kind, credit):
    """Row 34: 5012, no effect."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    await session.ask(UPDATE, mscc(10, used=4 * MB), number=1)
    before = await line.account()
    assert code_of(await session.ask(kind, credit, number=1)) == 5012
    assert await line.account() == before
    assert await line.sessions() == {session.session_id: "open"}


@pytest.mark.row(34)
@pytest.mark.parametrize(
    "change",
    [
        {"Subscription_Id": [("Subscription-Id-Type", 0), ("Subscription-Id-Data", "4915199999")]},
        {"Service_Context_Id": "32274@3gpp.org"},
    ],
    ids=["somebody else", "another service"],
)
async def test_a_session_id_taken_again_with_the_same_words(line, change):
    """Row 34: a first request is not told from another one by its MSCCs alone."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    before = await line.account()
    assert code_of(await session.ask(INITIAL, mscc(10), number=0, **change)) == 5012
    assert await line.account() == before
    assert await line.sessions() == {session.session_id: "open"}


@pytest.mark.row(35)
@pytest.mark.parametrize("kind", [0, 5, 0xFFFFFFFF])
async def test_an_unknown_request_type(line, kind):
    """Row 35: 5004 with it; the answer leaves out what would break its own grammar."""
    await line.open(data(100 * MB))
    wrong = bytes.fromhex("000001a04000000c") + kind.to_bytes(4, "big")
    request = extended(line.session().request(INITIAL, mscc(10), leave=("CC-Request-Type",)), wrong)
    answer = await line.peer.ask(request)
    assert (code_of(answer), failed_avp(answer)) == (5004, wrong)
    assert not answer.header.flags & 0x20
    assert value(answer, "CC-Request-Number") == 0
    assert answer.first("CC-Request-Type") is None
    assert (await line.sessions(), await line.buckets()) == ({}, {"data-1": (100 * MB, 0)})


@pytest.mark.row(36, 71)
async def test_an_internal_error_before_the_commit(line, monkeypatch):
    """Rows 36 and 71: 5012, nothing debited and nothing stored, so the resend is processed."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    before = await line.account()
    with monkeypatch.context() as broken:
        broken.setattr("diameter_ocs.engine.engine.decide", lambda *_: 1 // 0)
        assert code_of(await session.ask(UPDATE, mscc(10, used=4 * MB))) == 5012
    assert await line.account() == before
    assert granted(await session.repeat()) == [10 * MB]
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}


@pytest.mark.row(36)
async def test_a_request_that_cannot_be_read_by_a_mistake_of_ours(line, monkeypatch):
    """Row 36: 5012 as well; nothing of it has happened, and the resend is processed."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    before = await line.account()
    with monkeypatch.context() as broken:
        broken.setattr(line.node.application.decoder, "decode", lambda _: 1 // 0)
        assert code_of(await session.ask(UPDATE, mscc(10, used=4 * MB))) == 5012
    assert await line.account() == before
    assert granted(await session.repeat()) == [10 * MB]
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}


@pytest.mark.row(36)
async def test_the_engine_stumbles(line, monkeypatch):
    """Row 36: what was decided and not on its way to the store is refused and forgotten."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    before = await line.account()
    with monkeypatch.context() as broken:
        broken.setattr("diameter_ocs.engine.batch.Batch.seal", lambda _: 1 // 0)
        assert code_of(await session.ask(UPDATE, mscc(10, used=4 * MB))) == 5012
    assert await line.account() == before
    assert granted(await session.repeat()) == [10 * MB]
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}


@pytest.mark.row(37)
async def test_an_outcome_that_cannot_be_written(line, monkeypatch):
    """Row 37: 5012 at once instead of silence; the debit stands, the repeat gets the stored answer."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    with monkeypatch.context() as broken:
        broken.setattr("diameter_ocs.gy.encode.encode_credit", lambda _: 1 // 0)
        answer = await session.ask(UPDATE, mscc(10, used=4 * MB))
    assert (code_of(answer), groups(answer)) == (5012, [])
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}
    assert granted(await session.repeat()) == [10 * MB]
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}
    assert granted(await session.ask(UPDATE, mscc(10, used=1 * MB))) == [10 * MB]


@pytest.mark.row(37)
async def test_an_internal_error_after_the_commit(line, monkeypatch):
    """Row 37: the debit stands, the repeat gets the stored answer."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    with monkeypatch.context() as broken:
        broken.setattr(line.node.application.encoder, "encode", lambda *_: 1 // 0)
        session.sent = session.request(UPDATE, mscc(10, used=4 * MB))
        line.peer.send(session.sent)
        assert code_of(await line.peer.ask(line.peer.dwr())) == 2001
        await line.node.application.drain()
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}
    assert granted(await session.repeat()) == [10 * MB]
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}


@pytest.mark.row(38)
@pytest.mark.parametrize("has_sisters", [False, True])
async def test_the_store_is_unavailable(line, monkeypatch, has_sisters):
    """Row 38: 3002 with E when another node can take it, else 5012; nothing debited, the resend is processed."""

    async def refuse(*_):
        raise StoreUnavailable("out of order")

    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    before = await line.account()
    with monkeypatch.context() as broken:
        broken.setattr(line.node.store, "commit", refuse)
        if has_sisters:
            sisters = type(line.node.application.encoder)(
                OCS_HOST, line.node.config.node.origin_realm, has_alternatives=True
            )
            broken.setattr(line.node.application, "encoder", sisters)
        answer = await session.ask(UPDATE, mscc(10, used=4 * MB))
    assert code_of(answer) == (3002 if has_sisters else 5012)
    assert await line.account() == before
    assert granted(await session.repeat()) == [10 * MB]
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}


@pytest.mark.row(40)
async def test_too_many_sessions(line):
    """Row 40: 5006, no session; one that ends makes room."""
    await line.open(data(100 * MB))
    sessions = [line.session(name) for name in "abcd"]
    codes = [code_of(await session.ask(INITIAL, mscc(10))) for session in sessions]
    assert codes == [2001, 2001, 2001, 5006]
    assert await line.buckets() == {"data-1": (100 * MB, 30 * MB)}
    await sessions[0].ask(TERMINATION, Termination_Cause=1)
    assert code_of(await sessions[3].repeat()) == 2001
