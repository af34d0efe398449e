"""Requests to gateways from the command line: written here, sent by whoever serves."""

import asyncio

import pytest

from diameter_ocs.assemble import engine_of, store_of
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits, SessionRequest
from diameter_ocs.config import load_config
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.verdict import Verdict

SESSION = "pgw01.example.org;1;1"
MSISDN = Identity(IdentityKind.E164, "49151000001")


async def send(config, kind, number, session=SESSION, who=MSISDN, groups=(10,), **more):
    """A CCR for some rating groups, on the engine of a node that is gone again."""
    loaded = load_config(config, {})
    store = store_of(loaded)
    await store.open()
    engine = await engine_of(loaded, store)
    await engine.start()
    try:
        asked = tuple(ServiceCredit(group, (), ServiceUnits()) for group in groups)
        request = SessionRequest(session, kind, number, 1, "32251@3gpp.org", "pgw01.example.org", "example.org",
                                 (who,), asked, **more)  # fmt: skip
        assert (await engine.execute(request)).verdict is Verdict.SUCCESS
    finally:
        await engine.stop()
        await store.close()


@pytest.fixture
def dry(ocs):
    """An open session without credit."""
    ocs("account", "create", "acme", "--msisdn", MSISDN.value, "--offer", "prepaid-data")
    asyncio.run(send(ocs.config, RequestType.INITIAL, 0))
    return ocs


def test_a_credit_makes_a_request_for_a_dry_session(dry):
    assert dry.json("session", "show")["requests"] == []
    dry("account", "credit", "acme", "--data", "1 GB", "--reason", "voucher 7")
    (request,) = dry.json("session", "show")["requests"]
    told = {name: request[name] for name in ("kind", "rating_group", "cause", "state", "tries", "result_code")}
    assert told == {
        "kind": "reauthorize",
        "rating_group": 10,
        "cause": "voucher 7",
        "state": "waiting",
        "tries": 0,
        "result_code": None,
    }
    shown = dry("session", "show").stdout
    assert "Requests to the gateway" in shown
    assert "voucher 7" in shown


def test_an_operator_asks_for_a_group_or_for_the_end(dry):
    one = dry.json("session", "reauthorize", SESSION, "--rating-group", "10")["requests"]
    assert [(each["kind"], each["rating_group"]) for each in one] == [("reauthorize", 10)]
    assert "ocs session reauthorize" in dry("session", "reauthorize", SESSION).stdout
    three = dry.json("session", "abort", SESSION, "--reason", "fraud")["requests"]
    assert [each["kind"] for each in three] == ["reauthorize", "reauthorize", "abort"]
    history = dry.json("session", "show")["history"]
    assert [each["kind"] for each in history][1:] == ["reauthorize_asked", "reauthorize_asked", "abort_asked"]
    assert "abort asked" in dry("session", "show").stdout
    assert "every balance is proved" in dry("audit").stdout


@pytest.fixture
def pooled(ocs):
    """A session with two groups in a pool."""
    ocs("account", "create", "acme", "--msisdn", MSISDN.value, "--offer", "pooled-data", "--balance", "9.00")
    asyncio.run(send(ocs.config, RequestType.INITIAL, 0, groups=(10, 20), multiple_services=True))
    return ocs


def test_a_pool_is_shown_explained_and_asked_for(pooled):
    shown = pooled.json("session", "show")
    assert [each["pool"] for each in shown["quotas"]] == [1, 1]
    (pool,) = shown["pools"]
    assert pool["reserved_micros"] == 200_000 + 300_000
    assert pool["multipliers"] == [{"rating_group": 10, "multiplier": 2}, {"rating_group": 20, "multiplier": 3}]
    said = pooled("session", "show").stdout
    assert "Credit pools" in said
    assert "10 x 2, 20 x 3" in said
    asked = ["quota", "explain", "--subscriber", MSISDN.value, "--rating-group", "20", "--session", SESSION]
    assert pooled.json(*asked)["pool"] == {"pool": 1, "multiplier": 3}
    assert "in pool 1 at multiplier 3" in pooled(*asked).stdout
    (row,) = pooled.json("session", "reauthorize", SESSION, "--pool", "1")["requests"]
    assert (row["pool"], row["rating_group"]) == (1, None)
    assert "pool 1" in pooled("session", "show").stdout
    assert "every balance is proved" in pooled("audit").stdout


def test_only_one_scope_and_only_a_pool_that_is_there(pooled):
    assert "name one of them" in pooled.refused(
        "session", "reauthorize", SESSION, "--pool", "1", "--rating-group", "10"
    )
    assert "has no credit pool 7" in pooled.refused("session", "reauthorize", SESSION, "--pool", "7", code=1)


def test_blocking_aborts_open_sessions(dry):
    dry("subscriber", "block", MSISDN.value)
    assert [each["kind"] for each in dry.json("session", "show")["requests"]] == ["abort"]


def test_nothing_is_asked_about_a_session_that_is_not_open(dry):
    asyncio.run(send(dry.config, RequestType.TERMINATION, 1))
    assert "no open session" in dry.refused("session", "abort", SESSION, code=1)
    assert "there is no session x" in dry.refused("session", "reauthorize", "x", code=1)
    dry("account", "credit", "acme", "--balance", "1.00")
    assert dry.json("session", "show")["requests"] == []


def test_a_sub_session_is_shown_and_asked_for_by_its_own_name(dry):
    """What the tables call 'SESSION, sub-session 3' is named with --sub-session 3."""
    asyncio.run(send(dry.config, RequestType.INITIAL, 0, f"{SESSION}#3"))
    listed = dry.json("session", "list")
    assert {(each["session_id"], each["sub_session_id"]) for each in listed} == {(SESSION, None), (SESSION, 3)}
    dry("session", "reauthorize", SESSION, "--sub-session", "3")
    shown = dry.json("session", "show", SESSION, "--sub-session", "3")
    assert (shown["session_id"], shown["sub_session_id"]) == (SESSION, 3)
    assert {(each["session_id"], each["sub_session_id"]) for each in shown["history"]} == {(SESSION, 3)}
    assert [each["kind"] for each in shown["requests"]] == ["reauthorize"]
    assert dry.json("session", "show", SESSION)["requests"] == []
    assert f"{SESSION}, sub-session 3" in dry("session", "show", SESSION, "--sub-session", "3").stdout
    assert "sub-session 4" in dry.refused("session", "show", SESSION, "--sub-session", "4", code=1)
    dry("session", "abort", SESSION, "--sub-session", "3")
    assert [each["kind"] for each in dry.json("session", "show", SESSION)["requests"]] == []


def test_a_change_of_plan_asks_the_gateway_and_is_on_record(dry):
    shown = dry.json("subscriber", "offer", MSISDN.value, "bundle-only", "--reason", "at the shop")
    assert shown["offer"] == "bundle-only"
    (request,) = dry.json("session", "show")["requests"]
    assert (request["kind"], request["cause"]) == ("reauthorize", "plan change prepaid-data -> bundle-only")
    assert "has offer bundle-only already" in dry.refused("subscriber", "offer", MSISDN.value, "bundle-only", code=1)
    assert "OFFER: 'gratis' is no offer" in dry.refused("subscriber", "offer", MSISDN.value, "gratis")
