"""Versions of the catalogue under traffic: everybody changes over, nothing is lost, every report is paid as granted."""

import asyncio
import os
import signal
import sys

import pytest

from diameter_ocs.server.clock import Clock
from diameter_ocs.storage.sqlite import SqliteStore
from tests.support.cli import ROOT
from tests.support.engines import until
from tests.support.gy import INITIAL, UPDATE, GySession, granted, session_name
from tests.support.ocs import MB, add_line, code_of, gateway, money, mscc, running_ocs
from tests.support.server_process import server_process
from tests.support.sold import source, write

CENT = 10_000
PLENTY = 10_000_000_000
SESSIONS = 8
POLL_SECONDS = 0.02


def settings(folder, version="v1", price="0.01"):
    file = write(folder, version, price)
    return {"catalogue__file": str(file), "catalogue__poll_seconds": POLL_SECONDS}


async def plan(node, folder, version, price, in_ms):
    """As another process does it; when it begins to hold."""
    store = SqliteStore(folder / "ocs.db")
    await store.open()
    await store.keep_catalogue(source(folder, version, price), 1, "anna", "")
    from_ms = node.clock.at_ms() + in_ms
    await store.activate_catalogue(version, from_ms, 1, "anna", "")
    await store.close()
    return from_ms


async def test_every_process_on_a_database_changes_over(tmp_path):
    database = tmp_path / "ocs.db"
    async with server_process(database) as one, server_process(database) as other:
        store = SqliteStore(database)
        await store.open()
        (current,) = {each.version for each in await store.activations()}
        kept = await store.catalogue_source(current)
        assert kept is not None
        assert kept.text == (ROOT / "config" / "catalogue" / "demo.toml").read_text()
        await store.keep_catalogue(source(tmp_path, "next", offer="prepaid-data"), 1, "anna", "")
        await store.activate_catalogue("next", Clock().at_ms(), 1, "anna", "")
        for server in (one, other):
            await server.told('"catalogue in force"')
        await store.close()
        assert [await server.stop() for server in (one, other)] == [0, 0]


async def test_a_planned_change_under_load_loses_nothing_and_is_exact(tmp_path):
    async with running_ocs(tmp_path, **settings(tmp_path)) as node, gateway(node) as peer:
        sessions = []
        for number in range(SESSIONS):
            msisdn, imsi = f"9995550{number:04d}", f"00101000000{number:04d}"
            await add_line(node, f"acc-{number}", money(PLENTY), msisdn=msisdn, imsi=imsi, offer="standard")
            sessions.append(GySession(peer, msisdn, session_name(number)))
        for session in sessions:
            assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
        from_ms = await plan(node, tmp_path, "v2", "0.03", in_ms=700)
        reports, after = 0, 0
        async with asyncio.timeout(30):
            while after < 5:
                for session in sessions:
                    answer = await session.ask(UPDATE, mscc(10, used=MB))
                    assert code_of(answer) == 2001
                    reports += 1
                after += node.engine.terms.catalogue.version == "v2"
        charged, seen = [], set()
        for number, session in enumerate(sessions):
            granted_ms = 0
            for entry in await node.store.session_entries(session.session_id):
                debits = [posting.amount for posting in entry.postings if posting.action.value == "debit"]
                if debits:
                    wanted = 1 if granted_ms < from_ms else 3
                    assert sum(debits) == wanted * CENT, (number, entry.seq, entry.at_ms, granted_ms, from_ms)
                    charged.append(sum(debits))
                    seen.add(wanted)
                granted_ms = entry.at_ms if entry.kind.startswith("ccr") else granted_ms
        assert len(charged) == reports
        assert seen == {1, 3}


async def test_a_node_that_starts_after_a_change_still_pays_as_granted(tmp_path):
    async with running_ocs(tmp_path, **settings(tmp_path)) as node, gateway(node) as peer:
        await add_line(node, "acc-1", money(PLENTY), offer="standard")
        session = GySession(peer, "99955500101", session_name("a"))
        assert granted(await session.ask(INITIAL, mscc(10))) == [10 * MB]
        await plan(node, tmp_path, "v2", "0.03", in_ms=0)
    async with running_ocs(tmp_path, **settings(tmp_path)) as node, gateway(node) as peer:
        assert node.engine.terms.catalogue.version == "v2"
        again = GySession(peer, "99955500101", session.session_id, first=1)
        for _ in range(2):
            assert code_of(await again.ask(UPDATE, mscc(10, used=MB))) == 2001
        entries = await node.store.session_entries(session.session_id)
        debits = [each.amount for entry in entries for each in entry.postings if each.action.value == "debit"]
        assert debits == [CENT, 3 * CENT]


KILLED_AFTER_LOAD = """
import asyncio, os, signal, sys
from pathlib import Path
from diameter_ocs.catalogues.files import read_catalogue
from diameter_ocs.storage.sqlite import SqliteStore

async def load():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await store.keep_catalogue(read_catalogue(Path(sys.argv[2]))[0], 1, "anna", "")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(load())
"""


async def test_a_kill_between_load_and_activation_leaves_what_holds(tmp_path):
    async with running_ocs(tmp_path, **settings(tmp_path)) as node:
        (tmp_path / "other").mkdir()
        file = write(tmp_path / "other", "v2", "0.03")
        command = (sys.executable, "-c", KILLED_AFTER_LOAD, str(tmp_path / "ocs.db"), str(file))
        killed = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert await killed.wait() == -signal.SIGKILL
        await node.catalogues.look()
        assert node.engine.terms.catalogue.version == "v1"
        assert [facts.version for facts in await node.store.catalogue_versions()] == ["v1", "v2"]
        await node.store.activate_catalogue("v2", node.clock.at_ms(), 1, "anna", "")
        await until(lambda: node.engine.terms.catalogue.version == "v2")


async def test_a_version_of_a_newer_release_is_told_and_the_last_good_one_holds(tmp_path):
    async with running_ocs(tmp_path, **settings(tmp_path)) as node:
        newer = source(tmp_path, "v2")
        strange = type(newer)("v2", newer.text + "\n[fraud]\nrules = 1\n")
        await node.store.keep_catalogue(strange, 1, "anna", "")
        await node.store.activate_catalogue("v2", node.clock.at_ms(), 1, "anna", "")
        await until(lambda: node.catalogues.problem is not None)
        assert node.engine.terms.catalogue.version == "v1"
        assert await node.readiness.reasons() == ["catalogue: version v2 holds by the database and cannot be read"]
    async with running_ocs(tmp_path, **settings(tmp_path)) as node:
        assert node.engine.terms.catalogue.version == "v1"
        assert await node.readiness.reasons() == ["catalogue: version v2 holds by the database and cannot be read"]
        await node.store.activate_catalogue("v1", node.clock.at_ms(), 1, "anna", "")
        await until(lambda: node.catalogues.problem is None)


@pytest.mark.parametrize(("activate", "held"), [("on start", "v2"), ("by command", "v1")])
async def test_a_changed_file_at_the_start(tmp_path, activate, held):
    async with running_ocs(tmp_path, **settings(tmp_path)) as node:
        assert node.engine.terms.catalogue.version == "v1"
    async with running_ocs(tmp_path, **settings(tmp_path, "v2"), catalogue__activate=activate) as node:
        assert node.engine.terms.catalogue.version == held
