"""Requests as known gateways send them, odd as they are, and answers held against what each of them demands."""

import pytest
from msgspec import structs

from diameter_ocs.wire.codec import decode_lenient
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.clients import ALL_THREE, Open5gs, credit, magma, open5gs, usage
from tests.support.gy import (
    INITIAL,
    TERMINATION,
    UPDATE,
    assert_digestible,
    avp,
    e164,
    exchange,
    extended,
    failed_avp,
    granted,
    group_codes,
    imsi,
    session_name,
)
from tests.support.ocs import (
    MB,
    OCS_HOST,
    OCS_REALM,
    PGW,
    PGW_HOST,
    PGW_REALM,
    code_of,
    data,
    gateway,
    groups,
    mscc,
    value,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
SISTER = f"ocs02.{OCS_REALM}"
SETTINGS = {"node__cluster_hosts": [SISTER]}


# Open5GS ---------------------------------------------------------------------------------------


async def test_open5gs_from_attach_to_detach(line):
    session = open5gs(await line.open(data(10 * MB)))
    attached = await session.report(INITIAL)
    assert (group_codes(attached), granted(attached)) == ([(None, 2001)], [1 * MB])
    for number in (1, 2):
        used = usage(sent=300_000, received=500_000, seconds=30, reason=0)
        answer = await session.report(UPDATE, used)
        assert (code_of(answer), granted(answer)) == (2001, [1 * MB])
        assert await line.buckets() == {"data-1": (10 * MB - number * 800_000, 1 * MB)}
    detached = await session.report(TERMINATION, usage(sent=0, received=7, seconds=1), ("Reporting-Reason", 2))
    assert (code_of(detached), group_codes(detached), granted(detached)) == (2001, [(None, 2001)], [None])
    assert await line.buckets() == {"data-1": (10 * MB - 1_600_007, 0)}


async def test_open5gs_reports_while_others_are_on_their_way(line):
    """CCR-U 1, 2 and 3 and the CCR-T in one go: all answered, in order of arrival, all charged."""
    session = open5gs(await line.open(data(10 * MB)))
    await session.report(INITIAL)
    used = usage(sent=100_000, received=200_000)
    kinds = (UPDATE, UPDATE, UPDATE, TERMINATION)
    requests = [session.request(kind, *session.avps(kind, used), **session.heads(kind)) for kind in kinds]
    line.peer.send(b"".join(requests))
    for request in requests:
        octets = await line.peer.receive_bytes()
        assert_digestible(request, octets)
        assert code_of(decode_lenient(octets, default_dictionary())) == 2001
    assert await line.buckets() == {"data-1": (10 * MB - 4 * 300_000, 0)}


async def test_open5gs_ends_a_session_that_was_never_granted(line):
    """4012 in the only MSCC: nothing stays reserved, and a CCR-T with zero usage may or may not come, even twice."""
    session = open5gs(await line.open(data(0)))
    refused = await session.report(INITIAL)
    assert (code_of(refused), group_codes(refused)) == (2001, [(None, 4012)])
    zero = usage(sent=0, received=0, seconds=0)
    assert code_of(await session.report(TERMINATION, zero)) == 2001
    assert code_of(await session.repeat()) == 2001
    assert code_of(await session.report(TERMINATION, zero)) == 5002
    assert await line.buckets() == {"data-1": (0, 0)}
    assert (await line.account()).open_sessions == 0


async def test_open5gs_attaches_again_without_ending_the_first_session(line):
    """Two sessions then share the balance; the first one is left to supervision."""
    await line.open(data(10 * MB))
    first, second = open5gs(line), Open5gs(line.peer, line.msisdn, session_name(f"{line.number};again"))
    assert granted(await first.report(INITIAL)) == [1 * MB]
    assert granted(await second.report(INITIAL)) == [1 * MB]
    assert await line.buckets() == {"data-1": (10 * MB, 2 * MB)}


async def test_open5gs_ends_twice(line):
    """With the same number the stored answer, with the next one 5002; charged once."""
    session = open5gs(await line.open(data(10 * MB)))
    await session.report(INITIAL)
    used = usage(sent=100, received=200)
    assert code_of(await session.report(TERMINATION, used)) == 2001
    assert code_of(await session.repeat()) == 2001
    assert await line.buckets() == {"data-1": (10 * MB - 300, 0)}


# Magma -----------------------------------------------------------------------------------------

WISHES = {
    "all three": (ALL_THREE, 10 * MB),
    "empty": ([], 10 * MB),
    "all zero": ([(name, 0) for name, _ in ALL_THREE], 10 * MB),
    "one way only": ([("CC-Output-Octets", 3 * MB)], 3 * MB),
    "time only": ([("CC-Time", 600)], 10 * MB),
}


@pytest.mark.parametrize("wish", WISHES)
async def test_magma_wishes(line, wish):
    """Any form of Requested-Service-Unit is a wish for octets, zero and other types are none."""
    await line.open(data(100 * MB))
    members, expected = WISHES[wish]
    asked = [credit(("Requested-Service-Unit", members), ("Rating-Group", group)) for group in (10, 20)]
    _, answer = await exchange(line.peer, magma(line, INITIAL, 0, *asked))
    assert (group_codes(answer), granted(answer)) == ([(10, 2001), (20, 2001)], [expected, expected])


async def test_magma_counts_all_three_and_is_billed_once(line):
    """80 % of the grant, reported as exhausted; total = input + output is not added up. Ids are echoed."""
    await line.open(data(100 * MB))
    ids = ("Service-Identifier", 7), ("Rating-Group", 10)
    wish = ("Requested-Service-Unit", ALL_THREE)
    await exchange(line.peer, magma(line, INITIAL, 0, credit(wish, *ids)))
    used = usage(total=8 * MB, sent=3 * MB, received=5 * MB, reason=3)
    _, answer = await exchange(line.peer, magma(line, UPDATE, 1, credit(wish, used, *ids)))
    assert granted(answer) == [10 * MB]
    assert await line.buckets() == {"data-1": (92 * MB, 10 * MB)}
    last = credit(usage(total=0, sent=0, received=0), *ids, ("Reporting-Reason", 2))
    _, answer = await exchange(line.peer, magma(line, TERMINATION, 2, last))
    assert code_of(answer) == 2001
    assert await line.buckets() == {"data-1": (92 * MB, 0)}


async def test_magma_writes_again_without_the_t_flag(line):
    """On a new connection, the very same octets: the stored answer."""
    await line.open(data(100 * MB))
    await exchange(line.peer, magma(line, INITIAL, 0, credit(("Requested-Service-Unit", []), ("Rating-Group", 10))))
    report = credit(("Requested-Service-Unit", []), usage(total=1 * MB), ("Rating-Group", 10))
    first, _ = await exchange(line.peer, magma(line, UPDATE, 1, report))
    async with gateway(line.node, structs.replace(PGW, origin_host=PGW_HOST.replace("pgw01", "pgw02"))) as other:
        again, _ = await exchange(other, magma(line, UPDATE, 1, report))
    assert first == again
    assert await line.buckets() == {"data-1": (99 * MB, 10 * MB)}


# ergw ------------------------------------------------------------------------------------------


async def test_ergw_mixes_wishes_and_reports(line):
    """Wish only, report only and both in one CCR-U; several reports in one MSCC; every reason inside of them."""
    session = (await line.open(data(100 * MB))).session()
    context = {"Service_Context_Id": "14.32251@3gpp.org"}
    wish = ("Requested-Service-Unit", [])
    await session.ask(INITIAL, credit(wish, ("Rating-Group", 10)), credit(wish, ("Rating-Group", 20)), **context)
    parts = (
        usage(total=1 * MB, sent=400_000, received=600_000, seconds=5, reason=3, switch=0),
        usage(total=2 * MB, sent=1 * MB, received=1 * MB, seconds=5, reason=3, switch=1),
    )
    answer = await session.ask(
        UPDATE,
        credit(wish, *parts, ("Rating-Group", 10)),
        credit(usage(total=4 * MB, reason=2), ("Rating-Group", 20)),
        credit(wish, ("Rating-Group", 30)),
        **context,
    )
    assert group_codes(answer) == [(10, 2001), (20, 2001), (30, 2001)]
    assert granted(answer) == [10 * MB, None, 10 * MB]
    assert await line.buckets() == {"data-1": (93 * MB, 10 * MB)}
    empty = credit(("Used-Service-Unit", []), ("Rating-Group", 10))
    assert code_of(await session.ask(TERMINATION, empty, Termination_Cause=1, **context)) == 2001
    assert await line.buckets() == {"data-1": (93 * MB, 0)}


async def test_the_reason_counts_wherever_it_stands(line):
    """FINAL inside the Used-Service-Unit ends the group as FINAL in the MSCC does, although more is wished."""
    session = (await line.open(data(100 * MB))).session()
    wish = ("Requested-Service-Unit", [])
    await session.ask(INITIAL, credit(wish, ("Rating-Group", 10)))
    answer = await session.ask(UPDATE, credit(wish, usage(total=1 * MB, reason=2), ("Rating-Group", 10)))
    assert (group_codes(answer), granted(answer)) == ([(10, 2001)], [None])
    assert await line.buckets() == {"data-1": (99 * MB, 0)}


# Kamailio, and whoever names the application only inside a group --------------------------------


async def test_kamailio_names_the_application_inside_a_group(line):
    """No Auth-Application-Id of its own in the request; the answer has it all the same."""
    session = (await line.open(data(100 * MB))).session()
    inside = "Vendor-Specific-Application-Id", [("Vendor-Id", 10415), ("Auth-Application-Id", 4)]
    request = session.request(INITIAL, inside, mscc(10), leave=("Auth-Application-Id",))
    octets, answer = await exchange(line.peer, request)
    assert (code_of(answer), granted(answer)) == (2001, [10 * MB])
    assert value(decode_lenient(octets, default_dictionary()), "Auth-Application-Id") == 4


@pytest.mark.parametrize(
    "context", ["32251@3gpp.org", "8.32251@3gpp.org", "01.001.8.32251@3gpp.org", "pcef.01.001.8.32251@3GPP.org"]
)
async def test_the_context_in_every_spelling(line, context):
    session = (await line.open(data(100 * MB))).session()
    assert granted(await session.ask(INITIAL, mscc(10), Service_Context_Id=context)) == [10 * MB]


async def test_a_service_that_nobody_offers_is_refused(line):
    session = (await line.open(data(100 * MB))).session()
    answer = await session.ask(INITIAL, mscc(10), Service_Context_Id="ext.01.001.8.32299@3gpp.org")
    assert (code_of(answer), await line.sessions()) == (5031, {})


# Commercial gateways ---------------------------------------------------------------------------


async def test_a_termination_replayed_for_hours(line):
    """Nokia: again and again until answered, from a restarted node even; always the stored answer, charged once."""
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, mscc(10))
    for _ in range(8):
        await session.ask(UPDATE, mscc(10, used=1 * MB))
    await session.ask(TERMINATION, mscc(10, wants=None, used=1 * MB), Termination_Cause=1)
    last = session.received
    for _ in range(3):
        await session.repeat()
        assert session.received == last
    assert await line.buckets() == {"data-1": (91 * MB, 0)}


async def test_a_termination_of_a_session_forgotten_long_ago(line):
    """5002, every time, and the balance stays: charging it might charge it twice."""
    session = (await line.open(data(100 * MB))).session(first=9)
    for _ in range(3):
        session.next = 9
        answer = await session.ask(TERMINATION, mscc(10, wants=None, used=1 * MB), Termination_Cause=1)
        assert code_of(answer) == 5002
    assert await line.buckets() == {"data-1": (100 * MB, 0)}


async def test_cisco_reports_without_wish_and_group_after_the_last_units(line):
    """No RSU and no Rating-Group: the default group; its usage counts, the answer names no group either."""
    session = (await line.open(data(3 * MB))).session()
    await session.ask(INITIAL, mscc(None))
    answer = await session.ask(UPDATE, credit(usage(sent=1 * MB, received=2 * MB, reason=3)))
    assert (code_of(answer), group_codes(answer), granted(answer)) == (2001, [(None, 2001)], [None])
    assert await line.buckets() == {"data-1": (0, 0)}


@pytest.mark.parametrize("first", [0, 1, 7])
async def test_numbers_may_start_anywhere(line, first):
    session = (await line.open(data(100 * MB))).session(first=first)
    assert code_of(await session.ask(INITIAL, mscc(10))) == 2001
    assert code_of(await session.ask(UPDATE, mscc(10, used=1 * MB))) == 2001
    assert code_of(await session.repeat()) == 2001
    assert await line.buckets() == {"data-1": (99 * MB, 10 * MB)}


# freeDiameter as it fails over -------------------------------------------------------------------


async def test_fail_over_from_a_sister_node(line):
    """T set, the old Destination-Host, a new Hop-by-Hop Identifier, another connection: new or known, both work."""
    session = (await line.open(data(100 * MB))).session()
    first = await session.ask(INITIAL, mscc(10), Destination_Host=SISTER, flags=0xD0)
    assert (code_of(first), value(first, "Origin-Host")) == (2001, OCS_HOST)
    await session.ask(UPDATE, mscc(10, used=2 * MB), Destination_Host=OCS_HOST)
    known = session.received
    moved = session.request(
        UPDATE, mscc(10, used=2 * MB), number=1, Destination_Host=SISTER, flags=0xD0, hop_by_hop=0x999
    )
    async with gateway(line.node, structs.replace(PGW, origin_host=PGW_HOST.replace("pgw01", "pgw03"))) as other:
        octets, _ = await exchange(other, moved)
    assert octets[16:] == known[16:]
    assert await line.buckets() == {"data-1": (98 * MB, 10 * MB)}


async def test_a_host_outside_the_cluster_is_told_so(line):
    await line.open(data(100 * MB))
    answer = await line.session().ask(INITIAL, mscc(10), Destination_Host=f"ocs03.{OCS_REALM}")
    assert (code_of(answer), await line.sessions()) == (3002, {})


@pytest.mark.parametrize("host", [OCS_HOST.upper(), SISTER.title()])
@pytest.mark.parametrize("realm", [OCS_REALM.upper(), PGW_REALM.title()])
async def test_names_have_no_case(line, host, realm):
    session = (await line.open(data(100 * MB))).session()
    answer = await session.ask(INITIAL, mscc(10), Destination_Host=host, Destination_Realm=realm)
    assert code_of(answer) == 2001


# Who is charged --------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["e164 imsi", "imsi e164", "imsi", "e164"])
async def test_names_in_any_order(line, names):
    """Updates may name nobody: the session knows its subscriber."""
    await line.open(data(100 * MB))
    made = {"e164": avp(*e164(f"+{line.msisdn}")), "imsi": avp(*imsi(line.imsi))}
    session = line.session()
    request = extended(
        session.request(INITIAL, mscc(10), leave=("Subscription-Id",)), *(made[name] for name in names.split())
    )
    _, answer = await exchange(line.peer, request)
    assert code_of(answer) == 2001
    answer = await session.ask(UPDATE, mscc(10, used=1 * MB), leave=("Subscription-Id",))
    assert (code_of(answer), granted(answer)) == (2001, [10 * MB])
    assert await line.buckets() == {"data-1": (99 * MB, 10 * MB)}


# The command level -----------------------------------------------------------------------------


async def test_units_at_command_level(line):
    """RFC 8506 without MSCC: the grant stands where the wish stood."""
    session = (await line.open(data(100 * MB))).session()
    answer = await session.ask(INITIAL, ("Requested-Service-Unit", [("CC-Total-Octets", 4 * MB)]))
    assert (code_of(answer), groups(answer)) == (2001, [])
    assert value(answer, "Granted-Service-Unit", "CC-Total-Octets") == 4 * MB
    assert value(answer, "Validity-Time") > 0
    answer = await session.ask(UPDATE, ("Requested-Service-Unit", []), usage(total=4 * MB))
    assert value(answer, "Granted-Service-Unit", "CC-Total-Octets") == 10 * MB
    answer = await session.ask(TERMINATION, usage(total=1 * MB), Termination_Cause=1)
    assert (code_of(answer), answer.first("Granted-Service-Unit")) == (2001, None)
    assert await line.buckets() == {"data-1": (95 * MB, 0)}


REFUSED_UNDIVIDED = {
    "no credit": ("standard", [], 4012, None),
    "no price for the unit": (
        "standard",
        [("CC-Service-Specific-Units", 5)],
        5004,
        avp("Requested-Service-Unit", [("CC-Service-Specific-Units", 5)]),
    ),
    "no default group": ("nameless", [], 5031, bytes.fromhex("000001b04000000c00000000")),
}


@pytest.mark.parametrize("case", REFUSED_UNDIVIDED)
async def test_a_refusal_at_command_level_refuses_the_session(line, case):
    offer, wish, code, failed = REFUSED_UNDIVIDED[case]
    session = (await line.open(data(0), offer=offer)).session()
    answer = await session.ask(INITIAL, ("Requested-Service-Unit", wish))
    assert (code_of(answer), failed_avp(answer)) == (code, failed)
    assert (await line.sessions(), (await line.account()).open_sessions) == ({}, 0)


async def test_the_last_units_at_command_level(line):
    """FUI with them, then 4012, and the session is over: debited below zero, nothing reserved."""
    session = (await line.open(data(4 * MB))).session()
    answer = await session.ask(INITIAL, ("Requested-Service-Unit", []))
    assert value(answer, "Granted-Service-Unit", "CC-Total-Octets") == 4 * MB
    assert value(answer, "Final-Unit-Indication", "Final-Unit-Action") == 0
    answer = await session.ask(UPDATE, ("Requested-Service-Unit", []), usage(total=5 * MB))
    assert code_of(answer) == 4012
    assert code_of(await session.repeat()) == 4012
    assert await line.buckets() == {"data-1": (-1 * MB, 0)}
    assert await line.sessions() == {session.session_id: "closed"}


async def test_the_same_number_with_other_units_at_command_level(line):
    session = (await line.open(data(100 * MB))).session()
    await session.ask(INITIAL, ("Requested-Service-Unit", []))
    await session.ask(UPDATE, ("Requested-Service-Unit", []), usage(total=5 * MB), number=1)
    answer = await session.ask(UPDATE, ("Requested-Service-Unit", []), usage(total=6 * MB), number=1)
    assert (code_of(answer), await line.buckets()) == (5012, {"data-1": (95 * MB, 10 * MB)})
