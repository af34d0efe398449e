"""A TOML text as tables, or what is wrong with its syntax and where."""

import re
import tomllib
from typing import Any

from diameter_ocs.config.problems import Problem

SYNTAX_ERROR = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


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
