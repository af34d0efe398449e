"""Which sessions a change concerns, and what their gateways are asked."""

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.commands import AbortSession, AskGateway
from diameter_ocs.charging.decide import abort_session
from diameter_ocs.charging.outbox import (
    GatewayRequest,
    RequestKind,
    RequestState,
    aborts,
    requests_after_credit,
)
from diameter_ocs.charging.request import FinalUnitAction
from diameter_ocs.charging.rules import Silence
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.ledger.account import Status
from diameter_ocs.recharge import decide as recharge
from diameter_ocs.recharge.commands import Credit, SetAccountStatus, SetSubscriberStatus
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, MB, Line, ask, octets, report

TOP_UP = octets(50 * MB, "top-up")


def scopes(line, bucket=TOP_UP):
    found = requests_after_credit(line.sessions.values(), bucket, 7, "top-up", AT_MS)
    return [(each.session_id, each.rating_group, each.service_identifier) for each in found]


def test_a_session_with_credit_is_left_alone():
    line = Line(octets(500 * MB))
    line.initial(ask(10))
    assert scopes(line) == []


def test_a_refused_group_is_asked_for_again():
    line = Line(octets(1 * MB, rating_groups=(20,)))
    line.initial(ask(10), ask(20))
    assert scopes(line, octets(MB, "more", rating_groups=(10,))) == [("s;1;1", 10, None)]
    assert scopes(line) == [("s;1;1", None, None)], "group 20 holds its last units"
    assert scopes(line, octets(MB, "more", rating_groups=(60,))) == []


def test_final_units_are_replaced():
    line = Line(octets(5 * MB))
    (group,) = line.initial(ask(10)).outcome.credits
    assert group.final is FinalUnitAction.TERMINATE
    assert scopes(line) == [("s;1;1", 10, None)]


def test_a_group_that_reported_its_final_units_stays_dry_until_it_is_granted_again():
    """Redirected or cut off behind its final units, it asks for nothing by itself."""
    line = Line(octets(5 * MB))
    line.initial(ask(10))
    line.update(1, report(10, 5 * MB, more=False, reason=3))
    assert scopes(line) == [("s;1;1", 10, None)]
    line.account = recharge.credit(Credit("acc-1", TOP_UP), line.account, AT_MS).account
    line.update(2, ask(10))
    assert scopes(line) == []


def test_a_refusal_is_remembered_while_other_groups_go_on():
    line = Line(octets(500 * MB, rating_groups=(20,)))
    line.initial(ask(10), ask(20))
    for number in range(1, 8):
        line.update(number, report(20, MB))
    assert scopes(line) == [("s;1;1", 10, None)]


def test_a_service_without_rating_group_is_named():
    line = Line(octets(500 * MB, rating_groups=(20,)))
    line.initial(ask(None, services=(7,)), ask(20))
    assert scopes(line) == [("s;1;1", None, 7)]


def test_closed_sessions_are_never_asked_about():
    line = Line(octets(5 * MB))
    line.initial(ask(10))
    line.terminate(1)
    assert scopes(line) == []
    assert aborts(line.sessions.values(), 7, "fraud", AT_MS) == ()


def test_credit_writes_its_requests_with_its_entry():
    line = Line()
    line.initial(ask(10))
    decision = recharge.credit(Credit("acc-1", TOP_UP, "bought"), line.account, AT_MS, line.sessions.values())
    (row,) = decision.requests
    assert row == GatewayRequest(
        "acc-1", f"{decision.entry.seq}-0", "s;1;1", RequestKind.REAUTHORIZE, "bought", AT_MS, 10
    )
    blocked = replace(line.account, status=Status.BLOCKED)
    assert recharge.credit(Credit("acc-1", TOP_UP), blocked, AT_MS, line.sessions.values()).requests == ()


@pytest.mark.parametrize(("status", "count"), [(Status.BLOCKED, 2), (Status.ACTIVE, 0)])
def test_blocking_an_account_aborts_all_its_sessions(status, count):
    line = Line(octets(500 * MB))
    line.initial(ask(10))
    line.initial(ask(10), session_id="s;1;2")
    command = SetAccountStatus("acc-1", status)
    rows = recharge.set_account_status(command, line.account, AT_MS, line.sessions.values()).requests
    assert [row.kind for row in rows] == [RequestKind.ABORT] * count
    assert len({row.request_id for row in rows}) == count


@pytest.mark.parametrize(("who", "count"), [("sub-1", 1), ("sub-2", 0)])
def test_blocking_a_subscriber_aborts_its_own_sessions(who, count):
    line = Line(octets(500 * MB))
    line.initial(ask(10))
    members = {"sub-1": line.subscriber, "sub-2": replace(line.subscriber, subscriber_id="sub-2")}
    command = SetSubscriberStatus("acc-1", who, Status.BLOCKED)
    decision = recharge.set_subscriber_status(command, line.account, members, AT_MS, line.sessions.values())
    assert len(decision.requests) == count


def test_an_operator_asks_about_an_open_session():
    line = Line(octets(500 * MB))
    line.initial(ask(10))
    command = AskGateway("acc-1", "s;1;1", RequestKind.REAUTHORIZE, 10, "new price")
    decision = recharge.ask_gateway(command, line.account, line.sessions["s;1;1"], AT_MS)
    assert decision.entry.kind == "reauthorize_asked"
    assert decision.entry.reason == "new price"
    assert decision.account.last_seq == line.account.last_seq + 1
    assert decision.requests[0].rating_group == 10
    assert recharge.ask_gateway(command, line.account, None, AT_MS).outcome.verdict is Verdict.NOT_FOUND


@pytest.mark.parametrize(
    ("is_silent", "silence", "left"),
    [
        (False, Silence.CHARGE_GRANTED, 500),
        (True, Silence.CHARGE_GRANTED, 490),
        (True, Silence.RELEASE, 500),
    ],
)
def test_an_aborted_session_gives_its_reservation_back_or_is_settled_by_policy(is_silent, silence, left):
    line = Line(octets(500 * MB), silence=silence)
    line.initial(ask(10))
    command = AbortSession("acc-1", "s;1;1", "gone", is_silent)
    offer = line.terms.catalogue.offers["standard"]
    decision = abort_session(command, line.account, line.sessions["s;1;1"], offer, line.terms.rules, AT_MS + 5)
    (bucket,) = decision.account.buckets
    assert (bucket.remaining, bucket.reserved) == (left * MB, 0)
    assert (decision.session.status, decision.session.close_reason) == (SessionStatus.CLOSED, "gone")
    assert (decision.entry.kind, decision.entry.reason) == ("session_aborted", "gone")
    assert decision.account.open_sessions == 0


def test_a_session_that_was_heard_of_since_is_not_aborted():
    line = Line(octets(500 * MB))
    line.initial(ask(10))
    session, rules = line.sessions["s;1;1"], line.terms.rules
    for moment, verdict in ((AT_MS, Verdict.NOT_FOUND), (AT_MS + 1, Verdict.SUCCESS)):
        command = AbortSession("acc-1", "s;1;1", "peer restarted", True, moment)
        assert abort_session(command, line.account, session, None, rules, AT_MS + 9).outcome.verdict is verdict


@pytest.mark.parametrize(
    ("kind", "state", "code", "is_pending"),
    [
        (RequestKind.REAUTHORIZE, RequestState.WAITING, 0, True),
        (RequestKind.REAUTHORIZE, RequestState.SENT, 0, True),
        (RequestKind.REAUTHORIZE, RequestState.ANSWERED, 2002, False),
        (RequestKind.ABORT, RequestState.ANSWERED, 2001, True),
        (RequestKind.ABORT, RequestState.ANSWERED, 5005, False),
        (RequestKind.ABORT, RequestState.CLOSED, 2001, False),
        (RequestKind.ABORT, RequestState.CCR_SEEN, 2001, False),
        (RequestKind.REAUTHORIZE, RequestState.GAVE_UP, 0, False),
    ],
)
def test_what_is_left_to_do(kind, state, code, is_pending):
    row = GatewayRequest("acc", "1-0", "s", kind, "", 0, state=state, result_code=code)
    assert row.is_pending is is_pending
