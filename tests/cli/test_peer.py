"""`ocs peer` beside a running node."""

import asyncio
import re

import pytest

from diameter_ocs.rating.catalogue_file import parse_catalogue
from tests.support.ocs import PGW_HOST, gateway, running_ocs
from tests.support.wire_peer import GATEWAY, WirePeer


@pytest.fixture
async def node(tmp_path):
    async with running_ocs(tmp_path / "node") as made:
        yield made


async def call(ocs, node, *args, code=0):
    return await asyncio.to_thread(ocs, *args, "--http", str(node.http.address), code=code)


async def test_list_shows_peers_and_how_to_admit_refused_ones(ocs, node):
    async with gateway(node), WirePeer() as stranger:
        await stranger.connect(*node.transport.addresses[0])
        await stranger.introduce()
        shown = (await call(ocs, node, "peer", "list")).stdout
    assert re.search(rf"{PGW_HOST} +generic +r-open", shown)
    assert f'[[peers]]\nhost = "{GATEWAY.origin_host}"' in shown


async def test_disconnect_sends_the_cause(ocs, node):
    async with gateway(node) as peer:
        await call(ocs, node, "peer", "disconnect", PGW_HOST, "--cause", "busy")
        request = await peer.receive()
    assert request.first("Disconnect-Cause").value == 1


async def test_what_goes_wrong_is_said(ocs, node):
    unknown = await call(ocs, node, "peer", "disconnect", "nobody.example.org", code=1)
    assert "nobody.example.org is not connected" in unknown.stderr
    assert "rebooting" in ocs.refused("peer", "disconnect", PGW_HOST, "--cause", "bored")
    assert "is `ocs serve` running?" in ocs.refused("peer", "list", "--http", "127.0.0.1:1")


async def test_the_catalogue_is_read_again(ocs, tmp_path):
    file = tmp_path / "catalogue" / "demo.toml"
    async with running_ocs(tmp_path / "node", catalogue__file=str(file)) as node:
        old = parse_catalogue(file.read_text(), str(file))
        file.write_text(file.read_text().replace('"demo-1"', '"demo-2"').replace('price = "0.02"', 'price = "0.03"'))
        new = parse_catalogue(file.read_text(), str(file))
        changed = [name for name in sorted(old.offers) if old.offers[name].fingerprint != new.offers[name].fingerprint]
        said = (await call(ocs, node, "catalogue", "reload")).stdout
        assert 0 < len(changed) < len(old.offers)
        assert f"catalogue demo-2 is in force; changed offers: {', '.join(changed)}\n" in said


async def test_every_mistake_of_a_catalogue_is_told(ocs, tmp_path):
    file = tmp_path / "catalogue" / "demo.toml"
    async with running_ocs(tmp_path / "node", catalogue__file=str(file)) as node:
        file.write_text("currency = 7")
        refused = (await call(ocs, node, "catalogue", "reload", code=1)).stderr
        assert len(refused.splitlines()) > 1
        assert "demo.toml" in refused
