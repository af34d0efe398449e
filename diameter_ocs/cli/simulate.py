"""`ocs simulate`: scenario files against a server."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options, servers
from diameter_ocs.cli.failure import CHECK_FAILED, WRONG_USAGE, Failure
from diameter_ocs.cli.output import console, print_json

if TYPE_CHECKING:
    from diameter_ocs.simulator.dialect import Origin
    from diameter_ocs.simulator.scenario import Operator, ScenarioReport, StepReport
    from diameter_ocs.simulator.scenario_file import Scenario


def simulate(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Scenario files, or folders of them: config/scenarios.")
    ],
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="HOST:PORT", help="The server; diameter.listen when left out. May repeat."),
    ] = None,
    origin_host: servers.OriginHost = f"pgw01.{servers.REALM}",
    origin_realm: servers.OriginRealm = servers.REALM,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Compare the journal in the configured store afterwards.")
    ] = False,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Let a simulated gateway play scenarios and say what held and what did not.

    Exit code 1 when an expectation did not hold or the books differ. Every mistake in a file is found before
    anything runs. The scenarios of config/scenarios use the demo's subscribers: ocs account seed. What a scenario
    asks of an operator (credit, block) is done in the configured store.
    """
    from diameter_ocs.cli.operating import operator
    from diameter_ocs.simulator.dialect import Origin

    scenarios = _loaded(files)
    loaded = node.settings(context, config)
    targets = servers.addresses(server, loaded)
    host = servers.diameter_name("--origin-host", origin_host)
    realm = servers.diameter_name("--origin-realm", origin_realm)
    origin = Origin(host, realm, loaded.node.origin_realm, int(time.time()))
    reports = [node.run(_play(scenario, targets, origin, operator(loaded), quiet=as_json)) for scenario in scenarios]
    seen = {session_id: books for report in reports for session_id, books in report.books.items()}
    differ = node.run(servers.sessions_differ(loaded, seen)) if check else []
    ok = all(report.ok for report in reports) and not differ
    if as_json:
        scenes = [report.as_json() for report in reports]
        print_json({"ok": ok, "scenarios": scenes, "books_checked": check, "differences": differ})
    else:
        _print_end(reports, differ, check=check)
    if not ok:
        raise typer.Exit(CHECK_FAILED)


def _loaded(paths: Sequence[Path]) -> "list[Scenario]":
    """Every scenario, or every mistake in any of them. Raises Failure."""
    from diameter_ocs.errors import ConfigurationError
    from diameter_ocs.simulator.scenario_file import load_scenario

    scenarios, problems = [], []
    for path in paths:
        found = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        problems += [] if found else [f"{path}: holds no scenario files (*.toml)"]
        for file in found:
            try:
                scenarios.append(load_scenario(file))
            except ConfigurationError as error:
                problems += error.problems
    if problems:
        raise Failure(problems, WRONG_USAGE)
    return scenarios


async def _play(
    scenario: "Scenario", targets: list[tuple[str, int]], origin: "Origin", operate: "Operator", *, quiet: bool
) -> "ScenarioReport":
    from diameter_ocs.simulator.gateway import NoAnswer
    from diameter_ocs.simulator.scenario import run_scenario

    out = console()
    if not quiet:
        out.print(scenario.name, style="bold", soft_wrap=True)

    def show(step: "StepReport") -> None:
        if not quiet:
            _print_step(step, out)

    try:
        return await run_scenario(scenario, targets, origin, show, operate)
    except NoAnswer as error:
        raise servers.unreachable(targets, error) from None


def _print_step(step: "StepReport", out: Any) -> None:
    out.print("  ✓" if step.ok else "  ✗", style="green" if step.ok else "bold red", end=" ")
    out.print(f"{step.number:2} {step.text}", soft_wrap=True)
    for reason in step.reasons:
        out.print(f"       {reason}", style="red", soft_wrap=True)


def _print_end(reports: "Sequence[ScenarioReport]", differ: list[str], *, check: bool) -> None:
    out = console()
    for report in reports:
        for count in report.misdeeds:
            out.print(f"     {count}", soft_wrap=True)
    held = sum(report.ok for report in reports)
    seconds = sum(report.seconds for report in reports)
    out.print(
        f"{held} of {len(reports)} scenarios held, {seconds:.1f} s", style="green" if held == len(reports) else "red"
    )
    for line in differ:
        out.print(f"! {line}", soft_wrap=True)
    if check and not differ:
        out.print("the server's books equal the gateway's", style="green")
