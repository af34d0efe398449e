"""Sessions over HTTP, and what a top-up does to one that had run dry."""

from urllib.parse import quote

from tests.support.api import line, money, problem_of, running_api
from tests.support.ocs import ccr, code_of, gateway, groups, mscc, value

SESSION = "pgw01;1;1;gy"
NAME = [("Subscription-Id-Type", 0), ("Subscription-Id-Data", "49151000001")]


def request(kind, number, *more):
    return ccr(kind, number, *more, session=SESSION, Subscription_Id=NAME)


async def test_sessions_are_shown_and_their_gateways_asked(tmp_path):
    async with running_api(tmp_path) as (node, client), gateway(node) as peer:
        await client.post("/accounts", line())
        peer.send(request(1, 0, mscc(10)))
        assert code_of(await peer.receive()) == 2001
        (shown,) = (await client.get("/sessions?account_id=acme")).json()["items"]
        assert (shown["session_id"], shown["status"], shown["subscriber_id"]) == (SESSION, "open", "anna")
        assert shown["quotas"][0]["granted"] > 0
        one = await client.get(f"/sessions/{quote(SESSION, safe='')}?fields=session_key,status")
        assert one.json() == {"session_key": SESSION, "status": "open"}
        asked = await client.post(f"/sessions/{SESSION}/reauthorize", {"rating_group": 10, "reason": "check"})
        assert (asked.status_code, bool(asked.json()["request_id"])) == (202, True)
        rar = await peer.receive()
        assert (rar.header.command, value(rar, "Session-Id"), value(rar, "Rating-Group")) == (258, SESSION, 10)
        ended = await client.post(f"/sessions/{SESSION}/abort", {})
        assert ended.status_code == 202
        peers = (await client.get("/peers")).json()["items"]
        assert [each["up"] for each in peers] == [True]
        assert problem_of(await client.get("/sessions/ghost;1")) == (404, "not-found")
        assert problem_of(await client.post("/sessions/ghost;1/abort", {})) == (404, "not-found")


async def test_a_top_up_lets_a_dry_session_go_on(tmp_path):
    async with running_api(tmp_path) as (node, client), gateway(node) as peer:
        await client.post("/accounts", {**line(), "balance": None})
        peer.send(request(1, 0, mscc(10)))
        dry = await peer.receive()
        assert code_of(groups(dry)[0]) == 4012
        done = await client.post("/accounts/acme/topups", {"money": money("5.00"), "channel": "app"})
        assert done.status_code == 201
        rar = await peer.receive()
        assert (rar.header.command, value(rar, "Session-Id")) == (258, SESSION)
