"""`ocs audit`: does the journal prove every balance?"""

from typing import TYPE_CHECKING

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import CHECK_FAILED
from diameter_ocs.cli.output import console, print_json

if TYPE_CHECKING:
    from diameter_ocs.config import Config
    from diameter_ocs.storage.audit import AuditReport


def audit(context: typer.Context, config: options.ConfigFile = None, as_json: options.AsJson = False) -> None:
    """Fold the journal of every account and compare it with the balances, also while the node runs.

    Then conservation, unit by unit: what came in is left, reserved, consumed, expired or taken out.
    Exit code 1 on any discrepancy.
    """
    report = node.run(_audit(node.settings(context, config), quiet=as_json))
    if as_json:
        print_json(_facts(report))
    else:
        _print(report)
    if not report.is_clean:
        raise typer.Exit(CHECK_FAILED)


async def _audit(config: "Config", *, quiet: bool) -> "AuditReport":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from diameter_ocs.storage.audit import audit_store

    out = console(to_stderr=True)
    columns = ("auditing accounts", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with node.opened(config) as store:
        total = (await store.totals()).accounts
        with Progress(*columns, console=out, disable=quiet or not out.is_terminal, transient=True) as bar:
            task = bar.add_task("", total=total)
            return await audit_store(store, lambda done: bar.update(task, completed=done))


def _facts(report: "AuditReport") -> dict[str, object]:
    return {
        "ok": report.is_clean,
        "accounts": report.accounts,
        "entries": report.entries,
        "open_sessions": report.open_sessions,
        "faulty_accounts": report.faulty_accounts,
        "faulty": [{"account_id": each.account_id, "discrepancies": each.discrepancies} for each in report.faulty],
        "totals": {
            unit: {
                "credited": each.credited,
                "available": each.available,
                "reserved": each.reserved,
                "consumed": each.consumed,
                "expired": each.expired,
                "withdrawn": each.withdrawn,
                "missing": each.missing,
            }
            for unit, each in report.totals.items()
        },
    }


def _print(report: "AuditReport") -> None:
    from diameter_ocs.demo.summary import conservation_table

    out = console()
    for faulty in report.faulty:
        for discrepancy in faulty.discrepancies:
            out.print(f"! {faulty.account_id}: {discrepancy}", style="red", soft_wrap=True)
    if report.totals:
        out.print(conservation_table(report.totals))
    verdict = "every balance is proved by its journal"
    if not report.is_clean:
        verdict = f"{report.faulty_accounts:,} accounts are not proved by their journal"
    counted = f"{report.accounts:,} accounts, {report.entries:,} entries, {report.open_sessions:,} open sessions"
    out.print(f"{counted}: {verdict}", style="green" if report.is_clean else "red")
