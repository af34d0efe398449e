"""What is said at the end of the demo: what happened, and whether every check held."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from diameter_ocs.ledger.audit import UnitTotals
from diameter_ocs.values.money import format_money
from diameter_ocs.values.units import UnitType, format_quantity

MONEY = "money"


class Check(Struct, frozen=True):
    """One thing that must hold. facts: what was looked at; problems: nothing when it holds."""

    name: str
    facts: str
    problems: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.problems


class Summary(Struct, frozen=True):
    """counts: by what happened, in words. totals: conservation by unit."""

    seconds: float
    counts: Mapping[str, str]
    checks: tuple[Check, ...]
    totals: Mapping[str, UnitTotals]

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.holds,
            "seconds": round(self.seconds, 3),
            "counts": dict(self.counts),
            "checks": [
                {"name": check.name, "ok": check.holds, "facts": check.facts, "problems": list(check.problems)}
                for check in self.checks
            ],
            "totals": self.totals,
        }

    def render(self) -> Group:
        """For people."""
        counts = Table.grid(padding=(0, 2))
        for name, value in self.counts.items():
            counts.add_row(Text(name, style="dim"), Text(value))
        checks = Table.grid(padding=(0, 1))
        for check in self.checks:
            mark = "[green]✓[/]" if check.holds else "[bold red]✗[/]"
            checks.add_row(mark, escape(check.name), f"[dim]{escape(check.facts)}[/]")
            for problem in check.problems:
                checks.add_row("", f"[red]{escape(problem)}[/]", "")
        return Group(
            Text(f"The demo ran for {self.seconds:.0f} s", style="bold"),
            counts,
            Text(),
            checks,
            Text(),
            conservation_table(self.totals),
        )


def conservation_table(totals: Mapping[str, UnitTotals]) -> Table:
    """What came in against where it is now, unit by unit."""
    made = Table(title="Conservation", title_justify="left", title_style="bold", header_style="dim", box=None)
    made.add_column("unit")
    for column in ("came in", "= available", "+ reserved", "+ consumed", "+ expired", "+ taken out", "missing"):
        made.add_column(column, justify="right")
    for unit, each in sorted(totals.items()):
        parts = (each.credited, each.available, each.reserved, each.consumed, each.expired, each.withdrawn)
        missing = Text(_amount(each.missing, unit), style="red" if each.missing else "green")
        made.add_row(unit, *(_amount(part, unit) for part in parts), missing)
    return made


def _amount(value: int, unit: str) -> str:
    if unit.startswith(MONEY):
        return format_money(value)
    kind = UnitType(unit) if unit in {each.value for each in UnitType} else UnitType.EVENTS
    return format_quantity(value, kind)
