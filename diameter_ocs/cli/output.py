"""What commands print: tables for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from diameter_ocs.values.instant import instant as instant

WIDTH_ELSEWHERE = 160
"""Columns when the output goes to a file or another program, so that no cell is broken into two lines."""
NEVER = "-"


def console(*, to_stderr: bool = False, markup: bool = False) -> Console:
    """Where to print: colours and the width of the terminal on a terminal, plain and wide elsewhere.

    markup stays off wherever text from the network or from records is shown: a name may hold brackets.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() else int(os.environ.get("COLUMNS", "") or WIDTH_ELSEWHERE)
    return Console(file=stream, width=width, highlight=False, emoji=False, markup=markup)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False))


def plain(text: str) -> str:
    """Text from the network without control characters, which could play tricks on a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def table(title: str, *columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table; the columns named in `right` hold numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    numbers = set(right)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def when(at_ms: int | None) -> str:
    """The same for people: '2026-01-31 12:00:00', UTC."""
    text = instant(at_ms)
    return text[:19].replace("T", " ") if text else NEVER
