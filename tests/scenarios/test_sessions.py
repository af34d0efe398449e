"""Sessions from end to end over the wire: grants, thresholds, final units, sharing, silence, restarts."""

import asyncio
import contextlib

import pytest
from msgspec import structs

from diameter_ocs.ledger.journal import Action
from diameter_ocs.peer import messages
from diameter_ocs.wire.codec import decode_lenient
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.catalogue import catalogue_in
from tests.support.gy import (
    INITIAL,
    TERMINATION,
    UPDATE,
    Line,
    assert_digestible,
    debited,
    exchange,
    granted,
    group_codes,
    move_clock,
    with_header,
)
from tests.support.ocs import MB, PGW, code_of, data, gateway, groups, money, mscc, running_ocs, value

pytestmark = pytest.mark.asyncio(loop_scope="module")


def granted_group(answer, index=0):
    return value(groups(answer)[index], "Granted-Service-Unit", "CC-Total-Octets")


async def test_several_groups_from_attach_to_detach(line):
    """Each group has its own quota and tariff; a report of one leaves the others alone; all is priced to the cent."""
    session = (await line.open(money(5_000_000))).session()
    first = await session.ask(INITIAL, mscc(10), mscc(20), mscc(30), mscc(40))
    assert group_codes(first) == [(10, 2001), (20, 2001), (30, 2001), (40, 4010)]
    assert granted(first) == [10 * MB, 10 * MB, 10 * MB, None]
    assert await line.buckets() == {"money": (5_000_000, 200_000 + 500_000)}
    await session.ask(UPDATE, mscc(20, used=2_500_000, reason=0))
    assert await line.buckets() == {"money": (5_000_000 - 150_000, 700_000)}
    await session.ask(UPDATE, mscc(20, wants=None, used=400_000, reason=1), mscc(30, used=5 * MB, reason=3))
    assert await line.buckets() == {"money": (4_850_000, 200_000)}
    await session.ask(TERMINATION, mscc(10, wants=None, used=1, reason=2), mscc(20, wants=None, used=200_000, reason=2))
    assert await line.buckets() == {"money": (4_850_000 - 20_000 - 50_000, 0)}
    assert debited(await line.entries(), session.session_id) == 2_500_000 + 400_000 + 5 * MB + 1 + 200_000


async def test_what_a_grant_tells_the_gateway(line):
    """Validity, threshold and holding time as the quota policy says; no Final-Unit-Indication while there is more."""
    session = (await line.open(data(1000 * MB))).session()
    (group,) = groups(await session.ask(INITIAL, mscc(10, wants=[("CC-Total-Octets", 30 * MB)])))
    told = {name: value(group, name) for name in ("Validity-Time", "Volume-Quota-Threshold", "Quota-Holding-Time")}
    assert told == {"Validity-Time": 3600, "Volume-Quota-Threshold": 6 * MB, "Quota-Holding-Time": 600}
    assert group.first("Final-Unit-Indication") is None


@pytest.mark.parametrize(("wish", "size"), [(1, 1 * MB), (30 * MB, 30 * MB), (2**64 - 1, 50 * MB), (0, 10 * MB)])
async def test_a_wish_is_honoured_within_bounds(line, wish, size):
    session = (await line.open(data(1000 * MB))).session()
    assert granted(await session.ask(INITIAL, mscc(10, wants=[("CC-Total-Octets", wish)]))) == [size]


@pytest.mark.parametrize("reason", [0, 3, 4, 5, 6, 7, 8, None], ids=str)
async def test_reasons_that_ask_for_more(line, reason):
    """The rest of the old grant is never added to the new one; without a reason a wish is a wish."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    assert granted(await session.ask(UPDATE, mscc(10, used=4 * MB, reason=reason))) == [10 * MB]
    assert await line.buckets() == {"data-1": (96 * MB, 10 * MB)}


@pytest.mark.parametrize("reason", [1, 2, 9, None], ids=str)
async def test_reasons_that_give_quota_back(line, reason):
    """Holding time, end of the group, unused quota: released; a later wish starts anew on the same running total."""
    session = (await line.open(money(1_000_000))).session()
    await session.ask(INITIAL, mscc(10))
    answer = await session.ask(UPDATE, mscc(10, wants=None, used=500_000, reason=reason))
    assert (group_codes(answer), granted(answer)) == ([(10, 2001)], [None])
    assert await line.buckets() == {"money": (980_000, 0)}
    assert granted(await session.ask(UPDATE, mscc(10))) == [10 * MB]
    await session.ask(UPDATE, mscc(10, used=500_000))
    assert (await line.buckets())["money"][0] == 980_000


async def test_validity_without_traffic(line):
    """A report of nothing is a report: released, granted again, charged nothing."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    answer = await session.ask(UPDATE, mscc(10, used=0, reason=4))
    assert granted(answer) == [10 * MB]
    assert await line.buckets() == {"data-1": (100 * MB, 10 * MB)}


async def test_time_quota(line):
    """Seconds in, seconds out, priced by started ten seconds."""
    session = (await line.open(money(1_000_000))).session()
    (group,) = groups(await session.ask(INITIAL, mscc(60)))
    assert value(group, "Granted-Service-Unit", "CC-Time") == 300
    assert value(group, "Time-Quota-Threshold") == 30
    report = [("Requested-Service-Unit", []), ("Used-Service-Unit", [("CC-Time", 41)]), ("Rating-Group", 60)]
    await session.ask(UPDATE, ("Multiple-Services-Credit-Control", report))
    assert await line.buckets() == {"money": (1_000_000 - 50_000, 300_000)}


async def test_down_to_the_last_unit_and_below(line):
    """Grants, the last one final, 4012, and over-use as debt: every octet that was reported is debited."""
    session = (await line.open(data(25 * MB))).session()
    assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
    assert granted(await session.ask(UPDATE, mscc(10, used=10 * MB, reason=3))) == [10 * MB]
    last = await session.ask(UPDATE, mscc(10, used=10 * MB, reason=3))
    assert granted(last) == [5 * MB]
    assert value(groups(last)[0], "Final-Unit-Indication", "Final-Unit-Action") == 0
    over = await session.ask(UPDATE, mscc(10, used=5_000_123, reason=3))
    assert (code_of(over), group_codes(over)) == (2001, [(10, 4012)])
    assert await line.buckets() == {"data-1": (-123, 0)}
    again = await session.ask(UPDATE, mscc(10))
    assert group_codes(again) == [(10, 4012)]
    ended = await session.ask(TERMINATION, mscc(10, wants=None, used=1, reason=2))
    assert code_of(ended) == 2001
    assert await line.buckets() == {"data-1": (-124, 0)}


async def test_two_sessions_share_the_last_of_a_balance(line):
    """Never more is reserved than there is, both get a part, and only what leaves nothing behind is final."""
    await line.open(data(13 * MB))
    sessions = [line.session("a"), line.session("b")]
    for session in sessions:
        await session.ask(INITIAL)
    left, finals = 13 * MB, []
    running = list(sessions)
    used = dict.fromkeys((each.session_id for each in sessions), None)
    while running:
        for session in tuple(running):
            answer = await session.ask(UPDATE, mscc(10, used=used[session.session_id], reason=3))
            ((remaining, reserved),) = (await line.buckets()).values()
            assert 0 <= reserved <= remaining
            left -= used[session.session_id] or 0
            assert remaining == left
            size = granted(answer)[0]
            used[session.session_id] = size
            if groups(answer)[0].first("Final-Unit-Indication"):
                finals.append(session)
            if size is None:
                running.remove(session)
                await session.ask(TERMINATION)
    assert await line.buckets() == {"data-1": (0, 0)}
    assert finals
    assert (await line.account()).open_sessions == 0


async def test_sessions_of_one_account_all_at_once(line):
    """Twenty sessions ask in the same moment over several connections for more than there is."""
    await line.open(data(30 * MB))
    sessions = [line.session(f"p{number}") for number in range(20)]
    async with gateway(line.node, second_gateway()) as other:
        for index, session in enumerate(sessions):
            session.peer = (line.peer, other)[index % 2]
            session.sent = session.request(INITIAL, mscc(10))
            session.peer.send(session.sent)
        sizes = [granted(await received(session)) for session in sessions]
    total = sum(size or 0 for (size,) in sizes)
    assert total <= 30 * MB
    assert await line.buckets() == {"data-1": (30 * MB, total)}
    assert (await line.account()).open_sessions == 20


def second_gateway():
    return structs.replace(PGW, origin_host=PGW.origin_host.replace("pgw01", "pgw02"))


async def received(session):
    octets = await session.peer.receive_bytes()
    assert_digestible(session.sent, octets)
    return decode_lenient(octets, default_dictionary())


async def test_updates_overtake_one_another(line):
    """Numbers 3, 1, 2 of one session, sent at once: all answered and charged, and each repeat gets its own answer."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10), mscc(20), mscc(30))
    asked = {3: (10, 3 * MB), 1: (20, 1 * MB), 2: (30, 2 * MB)}
    requests = {n: session.request(UPDATE, mscc(group, used=used), number=n) for n, (group, used) in asked.items()}
    line.peer.send(b"".join(requests.values()))
    answers = {number: await line.peer.receive_bytes() for number in requests}
    for number, request in requests.items():
        assert_digestible(request, answers[number])
        assert group_codes(decode_lenient(answers[number], default_dictionary())) == [(asked[number][0], 2001)]
    assert await line.buckets() == {"data-1": (96 * MB, 20 * MB)}
    for number, request in requests.items():
        octets, _ = await exchange(line.peer, request)
        assert octets == answers[number]
    assert await line.buckets() == {"data-1": (96 * MB, 20 * MB)}


async def test_a_session_that_opens_without_credits_gets_them_with_traffic(line):
    session = (await line.open(data(100 * MB))).session()
    assert groups(await session.ask(INITIAL)) == []
    assert granted(await session.ask(UPDATE, mscc(10))) == [10 * MB]
    assert groups(await session.ask(TERMINATION)) == []
    assert await line.buckets() == {"data-1": (100 * MB, 0)}


async def test_usage_of_a_group_that_was_never_granted(line):
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    answer = await session.ask(UPDATE, mscc(20, wants=None, used=1 * MB, reason=2))
    assert (code_of(answer), group_codes(answer)) == (2001, [(20, 2001)])
    assert await line.buckets() == {"data-1": (99 * MB, 10 * MB)}


async def test_the_same_group_twice_in_one_request(line):
    """In order, one answer each; what is reserved once is granted once."""
    session = (await line.open(data(100 * MB))).session()
    answer = await session.ask(INITIAL, mscc(10), mscc(10))
    assert granted(answer) == [10 * MB, None]
    assert await line.buckets() == {"data-1": (100 * MB, 10 * MB)}
    await session.ask(UPDATE, mscc(10, wants=None, used=1 * MB), mscc(10, wants=None, used=2 * MB))
    assert await line.buckets() == {"data-1": (97 * MB, 0)}


async def test_two_hundred_small_reports_cost_what_one_large_one_costs(line):
    session = (await line.open(money(1_000_000))).session()
    await session.ask(INITIAL, mscc(10))
    for _ in range(200):
        await session.ask(UPDATE, mscc(10, used=10_001))
    await session.ask(TERMINATION)
    assert await line.buckets() == {"money": (1_000_000 - 3 * 20_000, 0)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path


async def test_a_silent_session_is_closed_by_the_sweeper(folder):
    """Not before twice its validity and the grace; then released, with an entry that says why; late reports count."""
    async with running_ocs(folder, **catalogue_in(folder)) as node, gateway(node) as peer:
        line = await Line(node, peer).open(data(100 * MB))
        silent, busy = line.session("silent"), line.session("busy")
        await silent.ask(INITIAL, mscc(10))
        await busy.ask(INITIAL, mscc(10))
        move_clock(node, 7200)
        await busy.ask(UPDATE, mscc(10, used=1 * MB))
        assert (await node.sweeper.sweep_once()).closed == 0
        move_clock(node, 61)
        assert (await node.sweeper.sweep_once()).closed == 1
        assert await line.sessions() == {silent.session_id: "closed", busy.session_id: "open"}
        assert await line.buckets() == {"data-1": (99 * MB, 10 * MB)}
        (expired,) = [entry for entry in await line.entries() if entry.kind == "session_expired"]
        assert expired.session_id == silent.session_id
        assert "no request for 7261 s" in expired.reason
        late = await silent.ask(TERMINATION, mscc(10, wants=None, used=2 * MB))
        assert code_of(late) == 5002
        assert await line.buckets() == {"data-1": (97 * MB, 10 * MB)}
        move_clock(node, 2 * 86_400)
        await node.sweeper.sweep_once()
        assert silent.session_id not in await line.sessions()


async def test_silence_that_is_charged(folder):
    """The other policy: the whole grant counts as used; a late report is charged for what goes beyond it."""
    settings = catalogue_in(folder) | {"sessions__silence": "charge granted"}
    async with running_ocs(folder, **settings) as node, gateway(node) as peer:
        line = await Line(node, peer).open(data(100 * MB))
        session = line.session()
        await session.ask(INITIAL, mscc(10))
        move_clock(node, 8000)
        await node.sweeper.sweep_once()
        assert await line.buckets() == {"data-1": (90 * MB, 0)}
        assert code_of(await session.ask(TERMINATION, mscc(10, wants=None, used=12 * MB))) == 5002
        assert await line.buckets() == {"data-1": (88 * MB, 0)}


async def test_a_bucket_that_ends_during_a_session(folder):
    """Validity-Time does not reach beyond it; it pays for what it had promised, and the rest is written off."""
    async with running_ocs(folder, **catalogue_in(folder)) as node, gateway(node) as peer:
        ends = node.clock.at_ms() + 600_000
        line = await Line(node, peer).open(data(100 * MB, valid_until_ms=ends), data(50 * MB, "data-2"))
        session = line.session()
        (group,) = groups(await session.ask(INITIAL, mscc(10)))
        assert 590 <= value(group, "Validity-Time") <= 600
        move_clock(node, 700)
        (group,) = groups(await session.ask(UPDATE, mscc(10, used=4 * MB, reason=4)))
        assert value(group, "Granted-Service-Unit", "CC-Total-Octets") == 10 * MB
        assert await line.buckets() == {"data-1": (96 * MB, 0), "data-2": (50 * MB, 10 * MB)} or (
            await line.buckets() == {"data-2": (50 * MB, 10 * MB)}
        )
        await session.ask(TERMINATION, mscc(10, wants=None, used=1 * MB))
        assert await line.buckets() == {"data-2": (49 * MB, 0)}
        expired = [each for each in await line.entries() for each in each.postings if each.action is Action.EXPIRE]
        assert sum(each.amount for each in expired) == 96 * MB


async def test_a_restart_in_the_middle(folder):
    """Sessions go on, and repeats get the stored octets, be they in the session still or in the journal only."""
    settings = catalogue_in(folder)
    sent = []
    async with running_ocs(folder, **settings) as node, gateway(node) as peer:
        line = await Line(node, peer).open(data(100 * MB))
        session = line.session()
        await session.ask(INITIAL, mscc(10), mscc(20))
        sent.append((session.sent, session.received))
        for _ in range(8):
            await session.ask(UPDATE, mscc(10, used=1 * MB, reason=0))
            sent.append((session.sent, session.received))
    async with running_ocs(folder, **settings) as node, gateway(node) as peer:
        line.node = node
        for request, answer in reversed(sent):
            octets, _ = await exchange(peer, with_header(request, flags=0xD0))
            assert octets == answer
        assert await line.buckets() == {"data-1": (92 * MB, 20 * MB)}
        session.peer = peer
        await session.ask(UPDATE, mscc(10, used=2 * MB))
        await session.ask(TERMINATION, mscc(10, wants=None, used=1), Termination_Cause=1)
        sent.append((session.sent, session.received))
    async with running_ocs(folder, **settings) as node, gateway(node) as peer:
        line.node = node
        octets, _ = await exchange(peer, session.sent)
        assert octets == session.received
        octets, _ = await exchange(peer, sent[3][0])
        assert octets == sent[3][1]
        assert await line.buckets() == {"data-1": (90 * MB - 1, 0)}


async def test_a_stop_finishes_what_was_taken(folder):
    """What was sent before the end is answered, or was never charged: the next node knows."""
    settings = catalogue_in(folder)
    async with running_ocs(folder, **settings) as node, gateway(node) as peer:
        line = await Line(node, peer).open(data(1000 * MB))
        sessions = [line.session(f"s{number}") for number in range(100)]
        for session in sessions:
            session.sent = session.request(INITIAL, mscc(10, wants=[("CC-Total-Octets", 1 * MB)]))
            peer.send(session.sent)
        answers = [decode_lenient(await peer.receive_bytes(), default_dictionary())]
        stopping = asyncio.create_task(node.transport.stop())
        with contextlib.suppress(EOFError):
            while True:
                octets = await peer.receive_bytes()
                if octets[4] & 0x80:
                    peer.send(messages.dpa(octets, PGW))
                else:
                    answers.append(decode_lenient(octets, default_dictionary()))
        await stopping
    accepted = [value(each, "Session-Id") for each in answers if code_of(each) == 2001]
    assert accepted
    assert {code_of(each) for each in answers} <= {2001, 3004}
    async with running_ocs(folder, **settings) as node:
        line.node = node
        assert sorted(await line.sessions()) == sorted(accepted)
