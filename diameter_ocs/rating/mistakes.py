"""Mistakes in a file of the catalogue, told so that they can be found: file, line, key, rule, suggestion."""

import re
from typing import Protocol

from diameter_ocs.values.toml_lines import lines_of_keys

_SYNTAX_ERROR = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


class Tell(Protocol):
    """Takes key, rule and suggestion of a mistake."""

    def __call__(self, key: str, rule: str, suggestion: str = "") -> None: ...


class Mistakes:
    """Everything that is wrong, each told once. found: the lines for people, in the order they were told."""

    def __init__(self, origin: str, text: str) -> None:
        self._origin = origin
        self._text = text
        self._lines: dict[str, int] | None = None
        self._found: dict[str, None] = {}

    @property
    def found(self) -> list[str]:
        return list(self._found)

    def tell(self, key: str, rule: str, suggestion: str = "") -> None:
        """key: dotted, positions in lists from 0. A key that is missing is told with the line of its table."""
        line = self._line(key)
        place = self._origin if line is None else f"{self._origin}:{line}"
        self.add(f"{place}: {key} — {rule}" + (f" — {suggestion}" if suggestion else ""))

    def tell_syntax(self, message: str) -> None:
        """What tomllib says of a text that is not TOML."""
        match = _SYNTAX_ERROR.match(message)
        line = match[2] if match is not None and match[2] else str(self._text.count("\n") + 1)
        self.add(f"{self._origin}:{line}: not valid TOML: {message}")

    def add(self, line: str) -> None:
        """A line that has its place already, such as one about another file."""
        self._found[line] = None

    def _line(self, key: str) -> int | None:
        if self._lines is None:
            self._lines = {".".join(map(str, path)): line for path, line in lines_of_keys(self._text).items()}
        while key and key not in self._lines:
            key = key.rpartition(".")[0]
        return self._lines.get(key)
