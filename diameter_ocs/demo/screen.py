"""The live picture of the demo: the node, its peers, and the subscribers with their balances."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from diameter_ocs.demo.traffic import Count, Life, State
from diameter_ocs.ledger.account import Account, Status
from diameter_ocs.simulator.histogram import Histogram
from diameter_ocs.values.money import format_money
from diameter_ocs.values.units import UnitType, format_quantity

STYLES = {
    State.IDLE: "dim",
    State.ONLINE: "green",
    State.LOW: "yellow",
    State.CUT_OFF: "bold red",
    State.BLOCKED: "magenta",
    State.NO_CREDIT: "red",
    State.FAILED: "bold red",
}
FRESH_SECONDS = 1.5
"""So long an event stands out."""
LINES_AROUND = 14
"""Lines of the picture that are neither subscribers nor hints, with four peers."""
SECONDS_PER_MINUTE = 60
FEWEST_ROWS = 4
MICROS_PER_MS = 1000
SHOWN_PEERS = 4


class Picture(Struct, frozen=True):
    """Everything that is shown at one moment. now: monotonic seconds, as in Life.changed."""

    diameter: str
    http: str
    hints: Sequence[str]
    status: Mapping[str, Any]
    peers: Sequence[Mapping[str, Any]]
    count: Count
    latency: Histogram
    lives: Sequence[Life]
    accounts: Mapping[str, Account]
    now: float
    elapsed: float
    is_ending: bool = False


def render(picture: Picture, height: int = 1000) -> RenderableType:
    """The whole picture in at most about `height` lines, best at 100 columns."""
    rows = height - LINES_AROUND - len(picture.hints)
    return Group(_head(picture), _numbers(picture), Text(), _peers(picture), Text(), _subscribers(picture, rows))


def _head(picture: Picture) -> Panel:
    where = Table.grid(padding=(0, 2))
    http = f"http://{picture.http}"
    where.add_row("[dim]Diameter[/]", picture.diameter, "[dim]metrics[/]", f"{http}/metrics")
    where.add_row("[dim]health[/]", f"{http}/readyz", "[dim]API[/]", f"{http}/api/v1/status")
    lines: list[RenderableType] = [where, *(Text(hint, style="dim") for hint in picture.hints)]
    title = f"[bold]diameter_ocs demo[/] [dim]{picture.elapsed:.0f} s[/]"
    end = "[yellow]ending in order...[/]" if picture.is_ending else "[dim]Ctrl-C ends in order[/]"
    return Panel(Group(*lines), title=title, title_align="left", subtitle=end, subtitle_align="right", box=box.ROUNDED)


def _numbers(picture: Picture) -> Table:
    """One line of figures."""
    made = Table.grid(expand=True)
    summary = picture.latency.summary()
    figures = {
        "sessions open": f"{picture.count.open}",
        "CCR/s": f"{picture.status['answers']['per_second']:.0f}",
        "answered": f"{picture.status['answers']['total']:,}",
        "p50": f"{summary['p50'] / MICROS_PER_MS:.2f} ms",
        "p99": f"{summary['p99'] / MICROS_PER_MS:.2f} ms",
        "used": format_quantity(picture.count.octets, UnitType.OCTETS),
        "talked": f"{picture.count.seconds // SECONDS_PER_MINUTE} min",
        "messages": f"{picture.count.messages}",
        "cut off": f"{picture.count.cut_off}",
        "recharged": f"{picture.count.recharges}",
    }
    for _ in figures:
        made.add_column(justify="center")
    made.add_row(*(f"[bold cyan]{value}[/]" for value in figures.values()))
    made.add_row(*(f"[dim]{name}[/]" for name in figures))
    return made


def _peers(picture: Picture) -> Table:
    made = Table(box=None, header_style="dim", expand=True, padding=(0, 1))
    for name in ("peer", "state", "watchdog", "address"):
        made.add_column(name, no_wrap=True, overflow="ellipsis")
    made.add_column("in", justify="right")
    made.add_column("out", justify="right")
    for peer in picture.peers[:SHOWN_PEERS]:
        style = "green" if peer["up"] else "red"
        made.add_row(
            str(peer["host"]).partition(".")[0] + "[dim]." + str(peer["host"]).partition(".")[2] + "[/]",
            f"[{style}]{peer['state']}[/]",
            str(peer["watchdog"]),
            str(peer["address"]),
            f"{peer['messages_in']:,}",
            f"{peer['messages_out']:,}",
        )
    return made


def _subscribers(picture: Picture, rows: int) -> Table:
    made = Table(box=None, header_style="dim", expand=True, padding=(0, 1))
    made.add_column("subscriber", no_wrap=True)
    made.add_column("offer", no_wrap=True, style="dim")
    made.add_column("money", justify="right", no_wrap=True)
    made.add_column("packs", justify="right", no_wrap=True)
    made.add_column("reserved", justify="right", no_wrap=True, style="dim")
    made.add_column("state", no_wrap=True)
    made.add_column("last event", no_wrap=True, overflow="ellipsis", ratio=1)
    for life in _shown(picture.lives, max(rows, FEWEST_ROWS)):
        made.add_row(*_row(life, picture.accounts.get(life.who.account_id), picture.now))
    return made


def _shown(lives: Sequence[Life], rows: int) -> list[Life]:
    """All, or on a low screen those to whom something happened last, in their usual order."""
    latest = sorted(lives, key=lambda life: life.changed, reverse=True)[:rows]
    return sorted(latest, key=lambda life: life.who.number)


def _row(life: Life, account: Account | None, now: float) -> tuple[RenderableType, ...]:
    style = STYLES[life.state]
    event = Text(life.event, style="" if now - life.changed < FRESH_SECONDS else "dim")
    money = _sums(account).get(UnitType.MONEY)
    told = "-" if money is None else format_money(money, account.currency if account else "")
    return (
        life.who.sim.msisdn,
        life.who.offer.partition("-")[0],
        Text(told, style="red" if money is not None and money <= 0 and not life.who.credit_micros else ""),
        _packs(account),
        _reserved(account),
        Text(life.state.value, style=style),
        event,
    )


def _sums(account: Account | None, *, reserved: bool = False) -> dict[UnitType, int]:
    """What an account holds, or has promised, by unit; the units that it has buckets of."""
    found: dict[UnitType, int] = {}
    for bucket in account.buckets if account is not None else ():
        found[bucket.unit] = found.get(bucket.unit, 0) + (bucket.reserved if reserved else bucket.remaining)
    return found


def _packs(account: Account | None) -> Text:
    """Data, minutes and messages that are left."""
    left = {unit: amount for unit, amount in _sums(account).items() if unit is not UnitType.MONEY}
    return Text(" ").join(
        Text(_short(left[unit], unit), style="red" if left[unit] <= 0 else "") for unit in UnitType if unit in left
    )


def _short(amount: int, unit: UnitType) -> str:
    if unit is UnitType.SECONDS:
        return f"{amount // SECONDS_PER_MINUTE} min"
    return f"{amount} msg" if unit is UnitType.EVENTS else format_quantity(amount, unit)


def _reserved(account: Account | None) -> str:
    """What is out at the gateways."""
    if account is None or account.status is Status.BLOCKED:
        return ""
    held = _sums(account, reserved=True)
    order = (UnitType.MONEY, UnitType.OCTETS, UnitType.SECONDS, UnitType.EVENTS)
    parts = [(held[unit], unit) for unit in order if held.get(unit)]
    return " + ".join(
        format_money(amount) if unit is UnitType.MONEY else _short(amount, unit) for amount, unit in parts
    )
