"""Which line of a TOML text a key stands on: tomllib forgets it, people need it."""

import re
import tomllib
from typing import Any

from diameter_ocs.config.problems import Path, Problem

BARE_KEY = r"[A-Za-z0-9_-]+"
HEADER = re.compile(rf"\s*(\[\[?)\s*({BARE_KEY}(?:\s*\.\s*{BARE_KEY})*)\s*\]")
ASSIGNMENT = re.compile(rf"\s*({BARE_KEY}(?:\s*\.\s*{BARE_KEY})*)\s*=(.*)", re.DOTALL)
SYNTAX_ERROR = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)
LONG_QUOTES = ('"""', "'''")


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a text. Raises Problem with the line of the first syntax error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = SYNTAX_ERROR.match(str(error))
        rule = found[1] if found else str(error)
        line = int(found[2]) if found and found[2] else text.count("\n") + 1
        raise Problem((), f"is not TOML: {rule[:1].lower()}{rule[1:]}", _syntax_hint(text, line), line=line) from None


def _syntax_hint(text: str, line: int) -> str:
    lines = text.splitlines()
    shown = lines[line - 1].strip() if line <= len(lines) else ""
    if not shown:
        return "look for a bracket or quote that is not closed"
    return f"look at {shown[:60]!r}: text needs quotes, lists need brackets and commas"


def lines_of_keys(text: str) -> dict[Path, int]:
    """The line of every table and key; the tables of an array are counted from 0."""
    lines: dict[Path, int] = {}
    table: Path = ()
    arrays: dict[str, int] = {}
    quotes = ""
    for number, line in enumerate(text.splitlines(), 1):
        if quotes:
            quotes = "" if quotes in line else quotes
        elif header := HEADER.match(line):
            table = _table(header[1] == "[[", _split(header[2]), arrays)
            lines.setdefault(table, number)
        elif assignment := ASSIGNMENT.match(line):
            lines.setdefault(table + _split(assignment[1]), number)
            quotes = next((mark for mark in LONG_QUOTES if assignment[2].count(mark) == 1), "")
    return lines


def _table(is_array: bool, names: Path, arrays: dict[str, int]) -> Path:
    if not is_array:
        return names
    name = ".".join(map(str, names))
    arrays[name] = arrays.get(name, -1) + 1
    return (*names, arrays[name])


def _split(dotted: str) -> Path:
    return tuple(part.strip() for part in dotted.split("."))
