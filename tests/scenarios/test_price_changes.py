"""A change of plan and a change of the catalogue under open sessions: RAR, the old price, then the new one."""

import asyncio
import contextlib
import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from diameter_ocs.charging.outbox import RequestState
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.peer.messages import Command
from diameter_ocs.recharge.commands import ChangeOffer
from diameter_ocs.storage.protocol import Wanted
from diameter_ocs.values.verdict import Verdict
from tests.scenarios.test_server_requests import FAST, asked, node_in, reach, reply, requests_of, session_on
from tests.support.gy import INITIAL, UPDATE, granted
from tests.support.ocs import MB, add_line, gateway, money, mscc, running_ocs, value

TEXT = """
version = "{version}"
currency = "EUR"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[offers.standard]
[[offers.standard.groups]]
rating_groups = [10]
price = "{price}"
per = "1 MB"
quota = "data"
[offers.dear]
[[offers.dear.groups]]
rating_groups = [10]
price = "1.00"
per = "1 MB"
quota = "data"
"""
START = 100_000_000
CENT = 10_000


def write(folder, version, price):
    file = folder / "sold.toml"
    file.write_text(TEXT.format(version=version, price=price))
    return {"catalogue__file": str(file)} | FAST


async def spent(node):
    found = await node.store.load(Wanted(accounts=["acc-1"]))
    return START - sum(bucket.remaining for bucket in found.accounts["acc-1"].account.buckets)


async def running_session(node, peer):
    await add_line(node, "acc-1", money(START), offer="standard")
    session = session_on(peer)
    assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
    return session


async def test_a_plan_change_asks_and_the_next_report_costs_the_old_price(tmp_path):
    async with running_ocs(tmp_path, **write(tmp_path, "v1", "0.02")) as node, gateway(node) as peer:
        session = await running_session(node, peer)
        outcome = await node.engine.execute(ChangeOffer("acc-1", "sub-acc-1", "dear", "at the shop"))
        assert outcome.verdict is Verdict.SUCCESS
        octets, request = await asked(peer, Command.RE_AUTH)
        assert value(request, "Session-Id") == session.session_id
        peer.send(reply(octets, 2002))
        await reach(node, session, RequestState.ANSWERED)
        assert granted(await session.ask(UPDATE, mscc(10, used=5 * MB, reason=7))) == [10 * MB]
        (row,) = await reach(node, session, RequestState.CCR_SEEN)
        assert row.cause == "plan change standard -> dear"
        assert await spent(node) == 10 * CENT
        await session.ask(UPDATE, mscc(10, used=MB))
        assert await spent(node) == 110 * CENT


async def test_a_changed_catalogue_asks_for_sessions_of_changed_offers_only(tmp_path):
    async with running_ocs(tmp_path, **write(tmp_path, "v1", "0.02")) as node, gateway(node) as peer:
        session = await running_session(node, peer)
        write(tmp_path, "v2", "0.02")
        assert await node.reload_catalogue() == ("v2", [])
        write(tmp_path, "v3", "0.10")
        assert await node.reload_catalogue() == ("v3", ["standard"])
        octets, _ = await asked(peer, Command.RE_AUTH)
        peer.send(reply(octets, 2002))
        await reach(node, session, RequestState.ANSWERED)
        await session.ask(UPDATE, mscc(10, used=MB, reason=7))
        (row,) = await reach(node, session, RequestState.CCR_SEEN)
        assert row.cause == "price change: catalogue v3"
        kinds = [entry.kind for entry in await node.store.session_entries(session.session_id)]
        assert "reauthorize_asked" in kinds
        before = await spent(node)
        await session.ask(UPDATE, mscc(10, used=MB))
        assert await spent(node) - before == 10 * CENT


async def test_a_catalogue_with_mistakes_changes_nothing(tmp_path):
    async with running_ocs(tmp_path, **write(tmp_path, "v1", "0.02")) as node, gateway(node) as peer:
        session = await running_session(node, peer)
        file = tmp_path / "sold.toml"
        file.write_text(file.read_text().replace('price = "0.02"', 'price = "cheap"').replace('"10 MB"', '"much"'))
        with pytest.raises(ConfigurationError) as refused:
            await node.reload_catalogue()
        assert len(refused.value.problems) >= 1
        assert node.engine.terms.catalogue.version == "v1"
        await session.ask(UPDATE, mscc(10, used=MB))
        assert await spent(node) == 2 * CENT
        assert await requests_of(node, session) == []


async def test_prices_that_changed_while_the_node_was_down(tmp_path):
    async with node_in(tmp_path, **write(tmp_path, "v1", "0.02")) as node, gateway(node) as peer:
        session = await running_session(node, peer)
    async with node_in(tmp_path, **write(tmp_path, "v2", "0.10")) as node, gateway(node) as peer:
        octets, request = await asked(peer, Command.RE_AUTH)
        assert value(request, "Session-Id") == session.session_id
        peer.send(reply(octets, 2002))
        (row,) = await reach(node, session, RequestState.ANSWERED)
        assert row.cause == "price change: catalogue v2"


async def test_the_order_over_http(tmp_path):
    async with running_ocs(tmp_path, **write(tmp_path, "v1", "0.02")) as node:
        address = f"http://{node.http.address}/api/v1/catalogue/reload"

        def order():
            with contextlib.closing(urlopen(Request(address, b"{}"), timeout=5)) as answer:
                return json.load(answer)

        write(tmp_path, "v2", "0.10")
        assert await asyncio.to_thread(order) == {"version": "v2", "changed_offers": ["standard"]}
        (tmp_path / "sold.toml").write_text("version = 1")
        with pytest.raises(HTTPError) as refused:
            await asyncio.to_thread(order)
        assert refused.value.code == 422
        told = json.load(refused.value)["detail"].splitlines()
        assert len(told) > 1
        assert all("sold.toml" in line for line in told)
