#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Load a running server with simulated gateways and check its books.

    scripts/load_test.py --rate 5000 --duration 30 --connections 4 --database sqlite:///var/ocs.db

The load is open loop: requests are due by the clock, and their latency counts from that moment.
--rate max sends as much as the server takes. With --database, the journal is compared with what the
gateways saw, session by session. Exit code 0 only if every request was answered and the books agree.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from diameter_ocs.errors import ConfigurationError, StoreError
from diameter_ocs.server.address import parse_address
from diameter_ocs.simulator.connection import Address
from diameter_ocs.simulator.conservation import consumed_by_session, differences
from diameter_ocs.simulator.load import run_load
from diameter_ocs.simulator.load_report import LoadProfile, LoadProgress, LoadReport
from diameter_ocs.storage import open_store
from diameter_ocs.values.units import UnitType, parse_quantity

FAILED, WRONG_USAGE = 1, 2
MICROS_PER_MS = 1000


def server(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None


def rate(text: str) -> int | None:
    if text in ("max", "0"):
        return None
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor 'max'")
    return int(text)


def octets(text: str) -> int:
    try:
        return parse_quantity(text, UnitType.OCTETS)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser() -> argparse.ArgumentParser:
    usual = LoadProfile()
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = made.add_argument
    add("--server", type=server, action="append", metavar="HOST:PORT", help="may repeat (127.0.0.1:3868)")
    add("--connections", type=int, help="gateways, each with one connection (one per --server)")
    add("--rate", type=rate, default=usual.rate, help="CCRs per second, or max (%(default)s)")
    add("--duration", type=float, default=usual.duration_seconds, help="seconds (%(default)s)")
    add("--deviation", type=float, default=usual.deviation, help="how much the rate sways, 0.2 is 20 %% (%(default)s)")
    add("--ramp", type=float, default=usual.ramp_seconds, help="seconds in which the rate grows from 0 (%(default)s)")
    add("--sessions", type=int, default=usual.sessions, help="under way at once (%(default)s)")
    add("--subscribers", type=int, default=usual.subscribers, help="they belong to (%(default)s)")
    add("--first-msisdn", default=usual.first_msisdn, help="of the first subscriber (%(default)s)")
    add("--first-imsi", default=usual.first_imsi, help="of the first subscriber (%(default)s)")
    add("--rating-group", type=int, action="append", help="may repeat (10 and 20)")
    add("--updates", type=int, default=usual.updates, help="CCR-Updates of a session (%(default)s)")
    add("--used", type=octets, default=usual.octets, metavar="SIZE", help="per report and group (%(default)s octets)")
    add("--overuse", action="store_true", help="report --used even where less was granted")
    add("--timeout", type=float, default=usual.timeout_seconds, help="seconds to wait for an answer (%(default)s)")
    add("--origin-host", default=usual.origin_host, help="of the first gateway (%(default)s)")
    add("--origin-realm", default=usual.origin_realm, help="(%(default)s)")
    add("--destination-realm", default=usual.destination_realm, help="(%(default)s)")
    add("--database", metavar="URL", help="the server's store, such as sqlite:///var/ocs.db: compare its journal")
    add("--json", action="store_true", help="print the report as JSON")
    return made


def profile_of(given: argparse.Namespace) -> LoadProfile:
    """Raises ConfigurationError for values that make no sense together."""
    profile = LoadProfile(
        rate=given.rate,
        duration_seconds=given.duration,
        ramp_seconds=given.ramp,
        deviation=given.deviation,
        sessions=given.sessions,
        subscribers=given.subscribers,
        first_msisdn=given.first_msisdn,
        first_imsi=given.first_imsi,
        rating_groups=tuple(given.rating_group or LoadProfile().rating_groups),
        updates=given.updates,
        octets=given.used,
        overuse=given.overuse,
        connections=len(given.server or [None]) if given.connections is None else given.connections,
        timeout_seconds=given.timeout,
        origin_host=given.origin_host,
        origin_realm=given.origin_realm,
        destination_realm=given.destination_realm,
    )
    profile.check()
    return profile


async def load(profile: LoadProfile, servers: Sequence[Address], quiet: bool) -> LoadReport:
    """Run the load with a progress bar on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("load", total=profile.duration_seconds, words="")

        def show(now: LoadProgress) -> None:
            words = f"{now.answered:,} answered, {now.sent - now.answered:,} under way, {now.backlog:,} overdue"
            bar.update(task, completed=now.elapsed_seconds, description=now.phase, words=words)

        return await run_load(profile, servers, show)


async def books_differ(report: LoadReport, url: str) -> list[str]:
    """Where the journal in a store is not what the gateways saw. Raises StoreError."""
    store = open_store(url)
    await store.open()
    try:
        consumed: dict[str, dict[int | None, int]] = {}
        for prefix in report.books.prefixes:
            consumed |= await consumed_by_session(store, prefix)
    finally:
        await store.close()
    return differences(report.books.by_session(), consumed)


def print_report(report: LoadReport, differ: list[str] | None) -> None:
    console, tally = Console(), report.tally
    offered = f"{report.profile.rate:,}/s offered" if report.profile.rate else "as much as the server takes"
    console.print(f"[bold]{report.rate:,.0f} CCR/s answered[/], {offered}, for {report.seconds:.1f} s")
    console.print(
        f"{tally.answered:,} answered, {tally.unanswered:,} unanswered, {tally.late:,} late, "
        f"{tally.resends:,} sent again, {report.books.sessions:,} sessions"
    )
    latency = Table("ms", "p50", "p90", "p99", "p99.9", "max")
    for name, summary in report.latencies().items():
        latency.add_row(name, *(f"{value / MICROS_PER_MS:.2f}" for value in summary.values()))
    console.print(latency)
    content = report.as_json()
    codes = Table("Result-Code", "answers")
    for name, count in content["result_codes"].items():
        codes.add_row(name, f"{count:,}")
    for name, count in content["group_result_codes"].items():
        codes.add_row(f"rating group {name}", f"{count:,}")
    console.print(codes)
    for line in (*report.notes, *report.errors, *(differ or ())):
        console.print(f"! {line}", markup=False, soft_wrap=True)
    if differ is not None:
        console.print("the server's books " + ("differ" if differ else "equal those of the gateways"))


def run(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    servers = given.server or [("127.0.0.1", 3868)]
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    try:
        profile = profile_of(given)
        with runner:
            report = runner.run(load(profile, servers, given.json))
            differ = runner.run(books_differ(report, given.database)) if given.database else None
    except (ConfigurationError, ConnectionError, StoreError) as error:
        print(error, file=sys.stderr)
        return WRONG_USAGE
    ok = report.all_answered and not differ
    if given.json:
        checked = {"books_checked": differ is not None, "differences": differ or [], "ok": ok}
        print(json.dumps(report.as_json() | checked, indent=2))
    else:
        print_report(report, differ)
    return 0 if ok else FAILED


if __name__ == "__main__":
    sys.exit(run())
