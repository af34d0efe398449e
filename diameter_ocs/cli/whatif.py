"""`ocs whatif`: recorded usage rated by another offer or version: revenue, winners and losers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diameter_ocs.cli import node, options
from diameter_ocs.cli.failure import WRONG_USAGE, Failure, wrong_option
from diameter_ocs.cli.output import console, instant, plain, print_json, table, when

if TYPE_CHECKING:
    from rich.table import Table

    from diameter_ocs.charging.whatif import Change, Comparison
    from diameter_ocs.config import Config
    from diameter_ocs.rating.catalogue import Catalogue, Offer

PERCENTILES = (5, 25, 50, 75, 95)
PICTURES = (".png", ".svg")
DAYS = 30


def whatif(
    context: typer.Context,
    offer: Annotated[str, typer.Option("--offer", metavar="NEW", help="The offer to rate by.")],
    catalogue: Annotated[
        str | None,
        typer.Option("--catalogue", metavar="FILE|VERSION", help="Where NEW stands; the one in force when left out."),
    ] = None,
    of: Annotated[
        str | None, typer.Option("--of", metavar="OFFER", help="Whose usage; that recorded under NEW when left out.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="As 2026-11-01 or 2026-11-01T12:00; 30 days ago.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Before this moment; now.")] = None,
    top: Annotated[int, typer.Option("--top", min=0, max=100_000, help="How many winners and losers to name.")] = 10,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw it too: a .png or .svg (extra `plots`).")
    ] = None,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Rate recorded usage by another offer or version, and show what revenue and subscribers would gain or lose.

    Behaviour does not change: everybody uses what was recorded. Allowances pay for the same units; what was free or
    paid by money is rated anew, on the running total of its session. A report costs what holds when its quota was
    granted. Left out: prices of products, refunds, usage without a rule, and usage that NEW counts in another unit.

    Example: ocs whatif --offer prepaid-data --catalogue next.toml --from 2026-10-01 --to 2026-11-01 --plot next.svg
    """
    from diameter_ocs.server.clock import Clock

    loaded = node.settings(context, config)
    if plot is not None:
        _demand_plots(plot)
    sold = _catalogue(loaded, catalogue)
    new = _offer(sold, offer)
    now_ms = Clock().at_ms()
    until_ms = now_ms if until is None else options.moment("--to", until, sold.zone)
    from_ms = until_ms - DAYS * options.MS_PER_DAY if since is None else options.moment("--from", since, sold.zone)
    if from_ms >= until_ms:
        raise wrong_option("--from", "must be before --to")
    found = node.run(_compare(loaded, new, of or offer, from_ms, until_ms))
    facts = {
        "of": of or offer,
        "offer": offer,
        "version": sold.version,
        "from": instant(from_ms),
        "to": instant(until_ms),
        "currency": sold.currency,
        **_facts(found, top),
    }
    if plot is not None:
        _draw(found, plot, f"{facts['of']} as {offer} of {sold.version}", sold.currency)
    if as_json:
        print_json(facts)
    else:
        _print(facts, found, top, when(from_ms), when(until_ms))


def _catalogue(config: "Config", name: str | None) -> "Catalogue":
    """Raises Failure, ConfigurationError."""
    from diameter_ocs.catalogues.files import read_source
    from diameter_ocs.cli.catalogue import source_of

    return node.catalogue(config) if name is None else read_source(source_of(config, name))


def _offer(catalogue: "Catalogue", name: str) -> "Offer":
    from diameter_ocs.cli.recharging import known_offer

    return catalogue.offers[known_offer(name, catalogue)]


async def _compare(config: "Config", offer: "Offer", of: str, from_ms: int, until_ms: int) -> "Comparison":
    from diameter_ocs.charging.whatif import Comparison, OfAccount
    from diameter_ocs.storage.usage import LEAD_IN_MS, accounts, entries_between

    found = Comparison()
    async with node.opened(config) as store:
        async for owner in accounts(store):
            account = OfAccount(owner.subscribers, offer, of, from_ms, until_ms)
            async for entry in entries_between(store, owner.account, from_ms - LEAD_IN_MS, until_ms):
                account.take(entry)
            found.changes += account.changes
    return found


def _facts(found: "Comparison", top: int) -> dict[str, Any]:
    """Amounts in millionths of the currency."""
    changes = found.changes
    return {
        "revenue_before": found.before,
        "revenue_after": found.after,
        "revenue_change": found.after - found.before,
        "subscribers": len(changes),
        "pay_less": sum(each.difference < 0 for each in changes),
        "pay_more": sum(each.difference > 0 for each in changes),
        "pay_the_same": sum(each.difference == 0 for each in changes),
        "change_percentiles": {str(each): value for each, value in found.percentiles(*PERCENTILES).items()},
        "with_refused_use": sum(each.refused > 0 for each in changes),
        "left_out": sum(each.left_out for each in changes),
        "winners": [_change_facts(each) for each in found.winners(top)],
        "losers": [_change_facts(each) for each in found.losers(top)],
    }


def _change_facts(change: "Change") -> dict[str, Any]:
    return {
        "account_id": change.account_id,
        "subscriber_id": change.subscriber_id,
        "before": change.before,
        "after": change.after,
        "change": change.difference,
        "refused_use": change.refused > 0,
    }


def _print(facts: dict[str, Any], found: "Comparison", top: int, since: str, until: str) -> None:
    from diameter_ocs.values.money import format_money

    def money(micros: int, sign: str = "") -> str:
        plus = sign if micros > 0 else ""
        return plus + format_money(micros, facts["currency"])

    out = console()
    what = f"usage of {facts['of']} from {since} until {until} UTC, rated as {facts['offer']} of {facts['version']}"
    out.print(plain(what), style="bold", soft_wrap=True)
    change, before = facts["revenue_change"], facts["revenue_before"]
    percent = f" ({change * 100 / before:+.1f} %)" if before else ""
    out.print(f"revenue {money(before)} → {money(facts['revenue_after'])}: {money(change, '+')}{percent}")
    told = (f"{facts[name]} pay {word}" for name, word in (("pay_less", "less"), ("pay_more", "more")))
    out.print(f"subscribers {facts['subscribers']}: {', '.join(told)}, {facts['pay_the_same']} the same")
    if facts["change_percentiles"]:
        parts = (f"{each} %: {money(value, '+')}" for each, value in facts["change_percentiles"].items())
        out.print(f"change per subscriber, below it so many: {', '.join(parts)}", soft_wrap=True)
    if facts["with_refused_use"]:
        out.print(f"{facts['with_refused_use']} used something that the new offer does not have, or bars: not rated")
    if facts["left_out"]:
        out.print(f"left out: {money(facts['left_out'])} of use that the new offer counts in another unit")
    for title, rows in (("Winners", found.winners(top)), ("Losers", found.losers(top))):
        if rows:
            out.print(_table(title, rows, money))


def _table(title: str, rows: "list[Change]", money: Any) -> "Table":
    made = table(title, "account", "subscriber", "before", "after", "change", right=("before", "after", "change"))
    for each in rows:
        amounts = (money(each.before), money(each.after), money(each.difference, "+"))
        made.add_row(each.account_id, each.subscriber_id, *amounts)
    return made


def _demand_plots(file: Path) -> None:
    if file.suffix.lower() not in PICTURES:
        raise wrong_option("--plot", f"{file} must end in {' or '.join(PICTURES)}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise Failure("--plot needs matplotlib: pip install 'diameter-ocs[plots]'", WRONG_USAGE) from None


def _draw(found: "Comparison", file: Path, title: str, currency: str) -> None:
    from diameter_ocs.cli.whatif_plot import draw

    try:
        draw(found, file, title, currency)
    except OSError as error:
        raise Failure(f"--plot: {file} cannot be written: {error.strerror}", WRONG_USAGE) from None
