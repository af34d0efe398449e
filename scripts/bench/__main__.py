"""All measurements in one run, side by side: python -m scripts.bench."""

import argparse
import asyncio
import json
import platform
import sqlite3
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.bench import floor, steps, whole
from scripts.bench.processes import LOAD_CORE, pin


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load (default 5)")
    parser.add_argument("--folder", type=Path, help="where databases are made; its disk is what is measured")
    parser.add_argument("--only", choices=("steps", "node", "library", "floor"), help="measure one part")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    console = Console(file=sys.stderr if options.json else sys.stdout)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="ocs-bench-") as name:
        measured = _measure(Path(name), options.seconds, options.only, console)
    if options.json:
        print(json.dumps(measured, indent=2))


def _measure(folder: Path, seconds: float, only: str | None, console: Console) -> dict[str, Any]:
    measured: dict[str, Any] = {"machine": machine()}
    console.print(measured["machine"])
    pin(LOAD_CORE)
    if only in (None, "steps"):
        measured["steps"] = asyncio.run(steps.measure(folder))
        console.print(_steps_table(measured["steps"]))
    runs: list[whole.Run] = []
    if only in (None, "node"):
        runs += whole.measure_node(folder, seconds)
    if only in (None, "library"):
        runs += whole.measure_library(seconds)
    if runs:
        measured["runs"] = runs
        console.print(_runs_table(runs))
    if only in (None, "floor"):
        measured["floors"] = [floor.echo(min(seconds, 3.0)), floor.group_commit(folder)]
        console.print(_floor_table(measured["floors"]))
    return measured


def machine() -> str:
    """What the figures were measured on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "CPU"
    )
    python, now = platform.python_version(), datetime.now(UTC)
    return f"{now:%Y-%m-%d} {cpu}, CPython {python}, SQLite {sqlite3.sqlite_version}, {platform.system()}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _steps_table(found: list[steps.Step]) -> Table:
    table = Table("step of one CCR-Update", "CPU µs", "budget µs", title="CPU per step, plain Python, one core")
    for step in found:
        table.add_row(step.name, f"{step.microseconds:.1f}", "" if step.budget is None else f"{step.budget:g}")
    return table


def _runs_table(runs: list[whole.Run]) -> Table:
    title = "Whole servers: one core for the server, the load from the other"
    table = Table(
        "server", "offered/s", "answered/s", "p50 ms", "p99 ms", "server CPU µs/CCR", "all right", title=title
    )
    for run in runs:
        offered = "as it takes" if run.offered is None else f"{run.offered:,}"
        figures = (f"{run.answered:,.0f}", f"{run.p50:.2f}", f"{run.p99:.2f}", f"{run.cpu:.0f}")
        table.add_row(run.server, offered, *figures, "yes" if run.good else "no")
    return table


def _floor_table(found: list[floor.Floor]) -> Table:
    table = Table("floor", "per second", title="What nothing can be faster than")
    for each in found:
        table.add_row(each.name, f"{each.per_second:,.0f}")
    return table


if __name__ == "__main__":
    main()
