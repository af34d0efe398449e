"""Runs the demo: a node and three simulated gateways in one process, then the proof that nothing was lost."""

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

from msgspec import Struct

from diameter_ocs.assemble import Ocs, store_of
from diameter_ocs.config import load_config
from diameter_ocs.demo import subscribers
from diameter_ocs.demo.books import differences_of
from diameter_ocs.demo.folder import DemoFolder
from diameter_ocs.demo.screen import Picture
from diameter_ocs.demo.subscribers import DEMO_SUBSCRIBERS, PGW, SMF, TAS, DemoSubscriber
from diameter_ocs.demo.summary import Check, Summary
from diameter_ocs.demo.traffic import Pace, State, Traffic, size
from diameter_ocs.ledger.account import Account
from diameter_ocs.simulator.credit import Answer, Request, SessionBooks
from diameter_ocs.simulator.dialect import Origin
from diameter_ocs.simulator.gateway import Gateway
from diameter_ocs.simulator.histogram import Histogram
from diameter_ocs.storage.audit import AuditReport, audit_store

ONCE_SESSIONS = 2
"""Of each subscriber, with --once."""
ONCE_PACE = Pace(step_seconds=0.1, page_seconds=0.1, rests=False)
BALANCE_SECONDS = 0.5
"""Between two looks at the balances."""
REALM = "epc.mnc001.mcc001.3gppnetwork.org"
MICROSECONDS = 1_000_000
MAX_PROBLEMS = 20


class Books(Struct):
    """How many ended sessions and events were compared with the journal, and where they differed."""

    compared: int = 0
    problems: list[str] = []


class Demo:
    """First `start`, then `run`; the rest is for looking at it meanwhile.

    stopping: set to end in order.
    """

    def __init__(self, folder: DemoFolder, stopping: asyncio.Event, *, once: bool) -> None:
        self.folder = folder
        self.config = load_config(folder.config_file, _own_environment(os.environ))
        self.latency = Histogram()
        self.books = Books()
        self.is_ending = False
        self.accounts: dict[str, Account] = {}
        self._started = time.monotonic()
        self._stopping = stopping
        self.ocs = Ocs(self.config)
        host, port = folder.diameter
        named = {name: self._gateway(name, host, port) for name in (PGW, SMF, TAS)}
        self.gateways = list(named.values())
        self.traffic = Traffic(
            named,
            DEMO_SUBSCRIBERS,
            stopping,
            self._prove,
            self._recharge,
            sessions=ONCE_SESSIONS if once else None,
            pace=ONCE_PACE if once else None,
        )

    def _gateway(self, name: str, host: str, port: int) -> Gateway:
        origin = Origin(f"{name}.{REALM}", REALM, self.config.node.origin_realm, int(time.time()))
        gateway = Gateway([(host, port)], origin)
        gateway.on_answer = self._answered
        return gateway

    # Life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Let the node listen. Raises ConfigurationError or StoreError with nothing left running."""
        await self.ocs.start()

    async def run(self) -> Summary:
        """Charge until told to stop, end in order, prove."""
        try:
            await self._seed()
            watching = asyncio.create_task(self._watch(), name="demo balances")
            try:
                await asyncio.gather(*(gateway.start() for gateway in self.gateways))
                await self.traffic.run()
            finally:
                watching.cancel()
                await asyncio.wait([watching])
            self.is_ending = True
            await self.gateways[0].stop()
        finally:
            await self.ocs.stop()
            await asyncio.gather(*(gateway.stop() for gateway in self.gateways))
        return await self._summary()

    async def _seed(self) -> None:
        ocs = self.ocs
        await subscribers.seed(ocs.engine, ocs.store, ocs.engine.terms.catalogue.currency, ocs.clock.at_ms())
        self.accounts = await subscribers.accounts(ocs.store)

    async def _watch(self) -> None:
        while True:
            self.accounts = await subscribers.accounts(self.ocs.store)
            await asyncio.sleep(BALANCE_SECONDS)

    async def _recharge(self, who: DemoSubscriber) -> str:
        return await subscribers.recharge(self.ocs.engine, who)

    def _answered(self, request: Request, answer: Answer, seconds: float) -> None:
        self.latency.record(int(seconds * MICROSECONDS))

    # Proof ---------------------------------------------------------------------------------------

    async def _prove(self, seen: SessionBooks) -> None:
        """Hold what has ended against the journal: every unit that was answered was booked, and no other."""
        found = await differences_of(self.ocs.store, seen)
        self.books.compared += len(seen)
        self.books.problems.extend(found[: MAX_PROBLEMS - len(self.books.problems)])

    async def _summary(self) -> Summary:
        store = store_of(self.config)
        await store.open()
        try:
            report = await audit_store(store)
        finally:
            await store.close()
        checks = (self._all_answered(), self._books_equal(), _proved(report), _conserved(report))
        return Summary(time.monotonic() - self._started, self._counts(), checks, report.totals)

    def _all_answered(self) -> Check:
        counters = [gateway.counters for gateway in self.gateways]
        sent, answered = sum(each.requests for each in counters), sum(each.answers for each in counters)
        problems = [f"{sent - answered:,} requests stayed without an answer"] if sent != answered else []
        faulty = sum(each.faulty_answers + each.unmatched_answers for each in counters)
        problems += [f"{faulty:,} answers fitted no request"] if faulty else []
        problems += [] if answered else ["nothing was answered at all"]
        return Check("every request was answered", f"{answered:,} of {sent:,}", tuple(problems))

    def _books_equal(self) -> Check:
        books, count = self.books, self.traffic.count
        problems, missing = list(books.problems), count.sessions + count.messages - books.compared
        if missing:
            problems.append(f"{missing:,} sessions and messages could not be compared")
        facts = f"{count.sessions:,} sessions, {count.messages:,} messages, {self._used()}"
        return Check("the gateways' books equal the journal", facts, tuple(problems))

    def _used(self) -> str:
        count = self.traffic.count
        return f"{size(count.octets)} of data, {count.seconds // 60:,} min of calls"

    def _counts(self) -> dict[str, str]:
        count, summary = self.traffic.count, self.latency.summary()
        codes: dict[int, int] = {}
        for gateway in self.gateways:
            for code, number in gateway.counters.result_codes.items():
                codes[code] = codes.get(code, 0) + number
        return {
            "sessions": f"{count.sessions:,}",
            "answers": ", ".join(f"{number:,} x {code}" for code, number in sorted(codes.items())),
            "latency": f"p50 {summary['p50'] / 1000:.2f} ms, p99 {summary['p99'] / 1000:.2f} ms",
            "traffic": f"{self._used()}, {count.messages:,} messages",
            "cut off": f"{count.cut_off:,} in a session, {count.refused[State.CUT_OFF]:,} at its start",
            "refused": ", ".join(f"{number:,} {state.value}" for state, number in count.refused.items()) or "none",
            "recharges": f"{count.recharges:,}",
            "went on after a RAR": f"{count.went_on:,}",
        }

    # What is seen --------------------------------------------------------------------------------

    def picture(self) -> Picture:
        """The moment, for the screen."""
        telemetry, now = self.ocs.telemetry, time.monotonic()
        return Picture(
            diameter=str(self.folder.diameter),
            http=str(self.folder.http),
            hints=(*self.folder.moved, f"look closer: {_command(self.folder.config_file)} account list"),
            status=telemetry.status(),
            peers=telemetry.peers(),
            count=self.traffic.count,
            latency=self.latency,
            lives=self.traffic.lives,
            accounts=self.accounts,
            now=now,
            elapsed=now - self._started,
            is_ending=self.is_ending or self._stopping.is_set(),
        )


def _own_environment(environ: "os._Environ[str]") -> dict[str, str]:
    """Settings of a real node have no place in the demo."""
    return {name: value for name, value in environ.items() if not name.startswith("OCS_")}


def _command(config_file: Path) -> str:
    """How another terminal calls commands on the demo."""
    program = "ocs" if shutil.which("ocs") else str(_short(Path(sys.executable).parent / "ocs"))
    return f"{program} --config {_short(config_file)}"


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _proved(report: AuditReport) -> Check:
    problems = [f"{each.account_id}: {line}" for each in report.faulty for line in each.discrepancies]
    facts = f"{report.accounts:,} accounts, {report.entries:,} entries, {report.open_sessions:,} open sessions"
    return Check("the journal proves every balance", facts, tuple(problems[:MAX_PROBLEMS]))


def _conserved(report: AuditReport) -> Check:
    problems = [f"{unit}: {each.missing:,} are missing" for unit, each in report.totals.items() if each.missing]
    return Check("nothing was created or lost", "unit by unit, below", tuple(problems))
