"""`ocs load`: an open-loop load on a server, and whether its books are right afterwards."""

from typing import TYPE_CHECKING, Annotated

import typer

from diameter_ocs.cli import node, options, servers
from diameter_ocs.cli.failure import CHECK_FAILED
from diameter_ocs.cli.output import console, print_json

if TYPE_CHECKING:
    from diameter_ocs.config import Config
    from diameter_ocs.recharge.commands import OpenAccount
    from diameter_ocs.simulator.load_report import LoadProfile, LoadReport

MICROS_PER_MS = 1000
PREPARED_MICROS = 1_000_000 * 1_000_000
PREPARED_AT_ONCE = 1000


def load(
    context: typer.Context,
    rate: Annotated[int, typer.Option("--rate", min=0, help="CCRs per second; 0 for all the server takes.")] = 500,
    duration: Annotated[float, typer.Option("--duration", min=0.1, max=86_400, help="Seconds.")] = 10.0,
    ramp: Annotated[float, typer.Option("--ramp", min=0, help="Seconds in which the rate grows from 0.")] = 0.0,
    deviation: Annotated[
        float, typer.Option("--deviation", min=0, max=1, help="How much the rate sways, as a part of it: 0.2 is 20 %.")
    ] = 0.0,
    sessions: Annotated[int, typer.Option("--sessions", min=1, help="Sessions under way at once.")] = 200,
    subscribers: Annotated[int, typer.Option("--subscribers", min=1, help="Subscribers they belong to.")] = 20,
    first_msisdn: Annotated[str, typer.Option("--first-msisdn", help="MSISDN of the first one.")] = "99955500101",
    first_imsi: Annotated[str, typer.Option("--first-imsi", help="IMSI of the first one.")] = "001010000000101",
    rating_group: Annotated[
        list[int] | None,
        typer.Option("--rating-group", min=0, max=options.HIGHEST_RATING_GROUP, help="May repeat. 10 and 20."),
    ] = None,
    updates: Annotated[int, typer.Option("--updates", min=0, help="CCR-Updates of a session.")] = 10,
    used: Annotated[str, typer.Option("--used", metavar="SIZE", help="Used per report and group.")] = "10 KB",
    connections: Annotated[int, typer.Option("--connections", min=1, help="Gateways, each with one.")] = 2,
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="HOST:PORT", help="The server; diameter.listen when left out. May repeat."),
    ] = None,
    origin_host: servers.OriginHost = f"load01.{servers.REALM}",
    origin_realm: servers.OriginRealm = servers.REALM,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="First open an account with plenty of money for every subscriber.")
    ] = False,
    offer: Annotated[str, typer.Option("--offer", help="Offer of the prepared subscribers.")] = "prepaid-data",
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Compare the journal in the configured store afterwards.")
    ] = True,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Load a server with realistic sessions and check its books against those of the gateways.

    Requests are due by the clock, and their latency counts from then, whether or not the server keeps up.
    Exit code 1 when a request stayed unanswered or the books differ.
    """
    from diameter_ocs.simulator.load_report import LoadProfile

    loaded = node.settings(context, config)
    profile = LoadProfile(
        rate=rate or None,
        duration_seconds=duration,
        ramp_seconds=ramp,
        deviation=deviation,
        sessions=sessions,
        subscribers=subscribers,
        first_msisdn=first_msisdn,
        first_imsi=first_imsi,
        rating_groups=tuple(rating_group or (10, 20)),
        updates=updates,
        octets=options.octets("--used", used),
        connections=connections,
        origin_host=servers.diameter_name("--origin-host", origin_host),
        origin_realm=servers.diameter_name("--origin-realm", origin_realm),
        destination_realm=loaded.node.origin_realm,
    )
    profile.check()
    targets = servers.addresses(server, loaded)
    if prepare:
        node.run(_prepare(loaded, profile, offer))
    report = node.run(_run(profile, targets, quiet=as_json))
    differ = node.run(servers.books_differ(loaded, report.books.prefixes, report.books.by_session())) if check else []
    if as_json:
        print_json(report.as_json() | {"books_checked": check, "differences": differ, "ok": _ok(report, differ)})
    else:
        _print(report, differ, check)
    if not _ok(report, differ):
        raise typer.Exit(CHECK_FAILED)


def _ok(report: "LoadReport", differ: list[str]) -> bool:
    return report.all_answered and not differ


async def _run(profile: "LoadProfile", targets: list[tuple[str, int]], *, quiet: bool) -> "LoadReport":
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from diameter_ocs.simulator.load import run_load
    from diameter_ocs.simulator.load_report import LoadProgress

    out = console(to_stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
    with Progress(*columns, console=out, disable=quiet or not out.is_terminal, transient=True) as bar:
        task = bar.add_task("load", total=profile.duration_seconds, words="")

        def show(now: LoadProgress) -> None:
            words = f"{now.answered:,} answered, {now.sent - now.answered:,} under way, {now.backlog:,} due"
            bar.update(task, completed=now.elapsed_seconds, description=now.phase, words=words)

        try:
            return await run_load(profile, targets, show)
        except ConnectionError as error:
            raise servers.unreachable(targets, error) from None


async def _prepare(config: "Config", profile: "LoadProfile", offer: str) -> None:
    """An account for each subscriber of the range; those that are there stay as they are."""
    import asyncio

    from diameter_ocs.assemble import engine_of
    from diameter_ocs.cli.recharging import known_offer

    async with node.opened(config, must_exist=False) as store:
        engine = await engine_of(config, store)
        catalogue = engine.terms.catalogue
        known_offer(offer, catalogue)
        await engine.start()
        try:
            for start in range(0, profile.subscribers, PREPARED_AT_ONCE):
                numbers = range(start, min(start + PREPARED_AT_ONCE, profile.subscribers))
                commands = [_account(profile, number, offer, catalogue.currency) for number in numbers]
                await asyncio.gather(*(engine.execute(command) for command in commands))
        finally:
            await engine.stop()


def _account(profile: "LoadProfile", number: int, offer: str, currency: str) -> "OpenAccount":
    from diameter_ocs.ledger.account import Bucket
    from diameter_ocs.recharge.commands import NewSubscriber, OpenAccount
    from diameter_ocs.values.identity import Identity, IdentityKind
    from diameter_ocs.values.units import UnitType

    msisdn, imsi = (str(int(first) + number).zfill(len(first)) for first in (profile.first_msisdn, profile.first_imsi))
    names = (Identity(IdentityKind.E164, msisdn), Identity(IdentityKind.IMSI, imsi))
    money = Bucket("money", UnitType.MONEY, PREPARED_MICROS)
    new = NewSubscriber(f"sub-{msisdn}", names, offer)
    return OpenAccount(f"load-{msisdn}", currency, buckets=(money,), subscribers=(new,), reason="ocs load --prepare")


def _print(report: "LoadReport", differ: list[str], check: bool) -> None:
    from diameter_ocs.cli.output import table

    out, tally = console(), report.tally
    offered = f"{report.profile.rate:,}/s offered" if report.profile.rate else "as fast as the server takes"
    out.print(f"{report.rate:,.0f} CCR/s answered, {offered}, for {report.seconds:.1f} s", style="bold")
    out.print(
        f"{tally.answered:,} answered, {tally.unanswered:,} unanswered, {tally.late:,} late, "
        f"{tally.resends:,} sent again, {report.books.sessions:,} sessions"
    )
    made = table("Latency in ms", "request", "p50", "p90", "p99", "p99.9", "max", right=("p50", "p90", "p99", "p99.9"))
    for name, summary in report.latencies().items():
        made.add_row(name, *(f"{value / MICROS_PER_MS:.2f}" for value in summary.values()))
    out.print(made)
    codes = table("Answers", "request and Result-Code", "count", right=("count",))
    for name, count in report.as_json()["result_codes"].items():
        codes.add_row(name, f"{count:,}")
    out.print(codes)
    for line in (*report.notes, *report.errors, *differ):
        out.print(f"! {line}", soft_wrap=True)
    if check:
        verdict = "differ from" if differ else "equal"
        out.print(f"the server's books {verdict} the gateways'", style="red" if differ else "green")
