"""A whole node under load, and python-diameter's own Node with the same answer and no database."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from diameter_ocs.assemble import engine_of, store_of
from diameter_ocs.config import Config, load_config
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.recharge.commands import NewSubscriber, OpenAccount
from diameter_ocs.server.resources import config_dir
from diameter_ocs.simulator.load import run_load
from diameter_ocs.simulator.load_report import LoadProfile, LoadReport
from diameter_ocs.storage.audit import audit_store
from diameter_ocs.values.identity import Identity, IdentityKind
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from scripts.bench.messages import FIRST_IMSI, FIRST_MSISDN, GROUPS, USED_OCTETS, subscriber
from scripts.bench.processes import Server, free_port, started

SUBSCRIBERS = 1000
SESSIONS = 1000
UPDATES = 10
MICRO = 1_000_000


class Run(NamedTuple):
    """One load on one server. Latencies in milliseconds, CPU in microseconds per answered request."""

    server: str
    offered: int | None
    answered: float
    p50: float
    p99: float
    cpu: float
    good: bool


def profile(seconds: float, rate: int | None, connections: int = 4, sessions: int = SESSIONS) -> LoadProfile:
    return LoadProfile(
        rate=rate,
        duration_seconds=seconds,
        sessions=sessions,
        subscribers=SUBSCRIBERS,
        first_msisdn=str(FIRST_MSISDN),
        first_imsi=f"{FIRST_IMSI:015d}",
        rating_groups=GROUPS,
        updates=UPDATES,
        octets=USED_OCTETS,
        connections=connections,
    )


async def load(name: str, server: Server, wanted: LoadProfile) -> Run:
    before = server.cpu_seconds()
    report = await run_load(wanted, [server.address])
    spent = server.cpu_seconds() - before
    return _run(name, wanted, report, spent)


def _run(name: str, wanted: LoadProfile, report: LoadReport, cpu_seconds: float) -> Run:
    latency = report.latencies()["all"]
    answered = max(report.tally.answered, 1)
    return Run(
        name,
        wanted.rate,
        report.rate,
        latency["p50"] / 1000,
        latency["p99"] / 1000,
        cpu_seconds / answered * MICRO,
        report.all_answered,
    )


def node_config(folder: Path) -> tuple[Path, Config, int]:
    """The shipped configuration on free ports, with a database of its own. The node gets it by its environment."""
    port, http = free_port(), free_port()
    file = config_dir() / "ocs.toml"
    settings = {
        "diameter.listen": [f"127.0.0.1:{port}"],
        "http.listen": f"127.0.0.1:{http}",
        "store.url": f"sqlite:///{folder / 'ocs.db'}",
        "log.level": "warning",
    }
    os.environ.update(
        OCS_DIAMETER__LISTEN=f'["127.0.0.1:{port}"]',
        OCS_HTTP__LISTEN=settings["http.listen"],
        OCS_STORE__URL=settings["store.url"],
        OCS_LOG__LEVEL="warning",
    )
    return file, load_config(file, {}, settings), port


async def seed(config: Config) -> None:
    """Subscribers with a data bucket for one group and money for the other, more than any run can use."""
    store = store_of(config)
    await store.open()
    engine = await engine_of(config, store)
    await engine.start()
    outcomes = await asyncio.gather(*(engine.execute(_account(index)) for index in range(SUBSCRIBERS)))
    assert all(outcome.verdict is Verdict.SUCCESS for outcome in outcomes)
    await engine.stop()
    await store.close()


def _account(index: int) -> OpenAccount:
    who = subscriber(index)
    names = (Identity(IdentityKind.E164, who.msisdn), Identity(IdentityKind.IMSI, who.imsi))
    data = Bucket("data-1", UnitType.OCTETS, 1 << 50, rating_groups=(10,))
    buckets = (data, Bucket("money", UnitType.MONEY, 1 << 50))
    new = NewSubscriber(f"sub-{index}", names, "prepaid-data")
    return OpenAccount(f"acc-{index}", "EUR", buckets=buckets, subscribers=(new,))


@contextmanager
def node(folder: Path) -> Iterator[tuple[Server, Config]]:
    """This server with seeded subscribers on SQLite."""
    file, config, port = node_config(folder)
    asyncio.run(seed(config))
    ready = f"http://{config.http.listen}/readyz"
    with started(["-m", "diameter_ocs", "serve", "--config", str(file)], port, ready) as server:
        yield server, config


def measure_node(folder: Path, seconds: float) -> list[Run]:
    """As much as it takes, then parts of that."""
    runs = []
    with node(folder) as (server, config):
        asyncio.run(load("warm-up", server, profile(min(seconds, 2.0), 2000)))
        most = asyncio.run(load("diameter_ocs", server, profile(seconds, None)))
        runs.append(most)
        wanted = [profile(seconds, int(most.answered * part)) for part in (0.8, 0.5, 0.2)]
        wanted.append(profile(seconds, 50, connections=1, sessions=1))
        runs += [asyncio.run(load("diameter_ocs", server, each)) for each in wanted]
    asyncio.run(_audit(config))
    return runs


async def _audit(config: Config) -> None:
    store = store_of(config)
    await store.open()
    report = await audit_store(store)
    await store.close()
    if not report.is_clean:
        raise RuntimeError(f"the audit found {report.faulty_accounts} faulty accounts")


def measure_library(seconds: float) -> list[Run]:
    """python-diameter's Node: its codec, its threads, its best answer."""
    port = free_port()
    runs = []
    with started(["-m", "scripts.bench.library_node", str(port)], port) as server:
        for rate in (200, 400, None):
            wanted = profile(seconds, rate, connections=1, sessions=32)
            runs.append(asyncio.run(load("python-diameter Node", server, wanted)))
    return runs
