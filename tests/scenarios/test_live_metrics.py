"""A real node under real traffic, seen from its HTTP port: every dashboard has data, nothing personal is shown."""

import asyncio
import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import structlog

from diameter_ocs.charging.session import SessionStatus
from tests.support.dashboards import unanswerable
from tests.support.ocs import (
    IMSI,
    MB,
    MSISDN,
    PGW_HOST,
    add_line,
    bucket_of,
    ccr,
    code_of,
    data,
    gateway,
    groups,
    money,
    mscc,
    running_ocs,
)
from tests.support.telemetry import names_on
from tests.support.vectors import octets_of
from tests.support.wire_peer import WirePeer


async def get(node, path, body=None):
    """Status and content of a page."""
    url = f"http://{node.http.address}{path}"
    content = None if body is None else json.dumps(body).encode()
    request = Request(url, content, {"content-type": "application/json"})

    def fetch():
        try:
            with urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def traffic(node):
    """A session with a repeat, refusals, an unknown user, an unknown session, an unknown command and a stranger."""
    stranger = [("Subscription-Id-Type", 0), ("Subscription-Id-Data", "4711")]
    async with gateway(node) as peer:
        await peer.ask(ccr(1, 0, mscc(10), mscc(20), mscc(99)))
        update = ccr(2, 1, mscc(10, used=2 * MB, reason=0), mscc(20, used=MB, reason=0))
        await peer.ask(update)
        await peer.ask(update)
        await peer.ask(ccr(1, 0, mscc(), session="other;1", Subscription_Id=stranger))
        await peer.ask(ccr(2, 5, mscc(used=MB), session="nobody;1", leave=("Subscription-Id",)))
        await peer.ask(octets_of("bad_command"))
        await peer.ask(peer.dwr())
    async with WirePeer() as unknown:
        await unknown.connect(*node.transport.addresses[0])
        assert code_of(await unknown.introduce()) == 3010


def sample(page, name, **labels):
    """The value of one series."""
    for line in page.splitlines():
        if line.startswith(name) and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no series {name} {labels}")


async def test_every_dashboard_expression_has_its_metric_on_a_live_node(tmp_path):
    async with running_ocs(tmp_path) as node:
        await add_line(node, "acc-1", data(100 * MB), money(1_000_000))
        await traffic(node)
        await node.sweeper.sweep_once()
        status, page = await get(node, "/metrics")
    assert status == 200
    assert unanswerable(names_on(page)) == {}
    assert sample(page, "ocs_ccr_answers_total", request_type="initial", result_code="2001") == 1
    assert sample(page, "ocs_ccr_answers_total", result_code="5030") == 1
    assert sample(page, "ocs_ccr_answers_total", result_code="5002") == 1
    assert sample(page, "ocs_mscc_results_total", result_code="5031", rating_group="99") == 1
    assert sample(page, "ocs_used_units_total", rating_group="10") == 2 * MB
    assert sample(page, "ocs_repeated_requests_total") == 1
    assert sample(page, "ocs_unknown_session_units_total") == MB
    assert sample(page, "ocs_reserved_units", rating_group="10") == 10 * MB
    assert sample(page, "ocs_reserved_units", rating_group="20") == 25 * MB


async def test_reserved_units_are_known_after_a_restart(tmp_path):
    async with running_ocs(tmp_path) as node:
        await add_line(node, "acc-1", data(100 * MB), money(1_000_000))
        await traffic(node)
    async with running_ocs(tmp_path) as node:
        _, page = await get(node, "/metrics")
        assert sample(page, "ocs_reserved_units", rating_group="10") == 10 * MB
        async with gateway(node) as peer:
            await peer.ask(ccr(3, 2, mscc(10, wants=None, used=0)))
        _, page = await get(node, "/metrics")
        assert sample(page, "ocs_reserved_units", rating_group="20") == 0


async def test_nothing_personal_is_shown(tmp_path):
    async with running_ocs(tmp_path) as node:
        await add_line(node, "acc-1", data(100 * MB))
        await traffic(node)
        pages = [(await get(node, path))[1] for path in ("/metrics", "/api/v1/status", "/api/v1/peers", "/readyz")]
    for page in pages:
        assert MSISDN not in page
        assert IMSI not in page
        assert "4711" not in page


async def test_status_and_peers(tmp_path):
    async with running_ocs(tmp_path) as node:
        await add_line(node, "acc-1", data(100 * MB))
        async with gateway(node) as peer:
            await peer.ask(ccr(1, 0, mscc()))
            status = json.loads((await get(node, "/api/v1/status"))[1])
            peers = json.loads((await get(node, "/api/v1/peers"))[1])["peers"]
    assert status["answers"]["by_result_code"] == {"2001": 1}
    assert [(each["host"], each["up"]) for each in peers] == [(PGW_HOST, True)]


async def test_a_peer_is_disconnected_by_order_with_the_cause(tmp_path):
    async with running_ocs(tmp_path) as node, gateway(node) as peer:
        path = f"/api/v1/peers/{PGW_HOST}/disconnect"
        assert (await get(node, path, {"cause": "bored"}))[0] == 422
        assert (await get(node, "/api/v1/peers/nobody.example.org/disconnect", {}))[0] == 404
        assert (await get(node, path, {"cause": "busy"}))[0] == 200
        request = await peer.receive()
        assert (request.header.command, request.first("Disconnect-Cause").value) == (282, 1)


async def test_a_silent_session_shows_as_leaked(tmp_path):
    async with running_ocs(tmp_path) as node:
        await add_line(node, "acc-1", data(100 * MB))
        async with gateway(node) as peer:
            assert code_of(await peer.ask(ccr(1, 0, mscc()))) == 2001
        node.clock.at_ms = lambda: 1 << 45
        await node.sweeper.sweep_once()
        _, page = await get(node, "/metrics")
        (session,) = await node.store.sessions(open_only=False)
    assert session.status is SessionStatus.CLOSED
    assert sample(page, "ocs_leaked_units_total") == 10 * MB


@pytest.mark.row(41)
async def test_what_nobody_can_have_used_is_told_and_not_debited(tmp_path):
    """A counter that wrapped around: the balance stays, the metric of units stays readable."""
    wrapped = (1 << 64) - 5 * MB
    with structlog.testing.capture_logs() as lines:
        async with running_ocs(tmp_path) as node:
            await add_line(node, "acc-1", data(100 * MB))
            async with gateway(node) as peer:
                await peer.ask(ccr(1, 0, mscc()))
                answer = await peer.ask(ccr(2, 1, mscc(used=wrapped)))
                assert code_of(answer) == code_of(groups(answer)[0]) == 2001
                await peer.ask(ccr(3, 2, mscc(wants=None, used=MB)))
            _, page = await get(node, "/metrics")
            assert (await bucket_of(node)).remaining == 99 * MB
    assert sample(page, "ocs_implausible_reports_total") == 1
    assert 'action="unrated"' not in page
    (told,) = [line for line in lines if line["event"] == "implausible usage not debited"]
    assert (told["account_id"], told["rating_group"], told["units"]) == ("acc-1", 10, wrapped)


async def test_believing_everything_is_a_setting(tmp_path):
    async with running_ocs(tmp_path, sessions__largest_report_octets=0) as node:
        await add_line(node, "acc-1", data(100 * MB))
        async with gateway(node) as peer:
            await peer.ask(ccr(1, 0, mscc()))
            for number in (1, 2, 3):
                await peer.ask(ccr(2, number, mscc(used=(1 << 64) - 1)))
        assert (await bucket_of(node)).remaining == 100 * MB - 3 * ((1 << 64) - 1)
