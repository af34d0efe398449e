"""Which line of a TOML text a table, a key or an item of a list stands on: tomllib forgets it, people need it."""

import re

Path = tuple[str | int, ...]
"""Keys and positions, such as ('peers', 0, 'host')."""

_BLANK = re.compile(r"(?:[ \t]|#[^\n]*)*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_TEXT = re.compile(r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\]|\\.)*"|'[^']*\'''', re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\r\n]*")
_ESCAPED = re.compile(r'\\(["\\])')


def lines_of_keys(text: str) -> dict[Path, int]:
    """The line of every header, key and item; lists and the tables of an array are counted from 0.

    `text` is TOML that has been read before: of other text only the beginning is told.
    """
    return _Scanner(text).lines()


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """The line of a key, or of what it should stand in; None for one that belongs to no table."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


class _Scanner:
    """Walks through a text once; every method starts and ends at `at`."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.line = 1
        self.counted = 0
        self.arrays: dict[Path, int] = {}
        self.found: dict[Path, int] = {}

    def lines(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK_LINES)
        while self.at < len(self.text):
            start = self.at
            if self.text[start] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK_LINES)
            if self.at == start:
                break
        return self.found

    def _skip(self, what: re.Pattern[str]) -> str:
        match = what.match(self.text, self.at)
        self.at = match.end() if match is not None else self.at
        return match[0] if match is not None else ""

    def _take(self, sign: str) -> bool:
        is_there = self.text.startswith(sign, self.at)
        self.at += len(sign) if is_there else 0
        return is_there

    def _note(self, path: Path) -> None:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        self.found.setdefault(path, self.line)

    def _names(self) -> Path:
        names = [self._name()]
        while self._take("."):
            names.append(self._name())
        return tuple(names)

    def _name(self) -> str:
        match = _KEY.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        name = match[1]
        if name[0] == "'":
            return name[1:-1]
        return _ESCAPED.sub(r"\1", name[1:-1]) if name[0] == '"' else name

    def _header(self) -> Path:
        is_array = self._take("[[")
        self.at += not is_array
        path: Path = ()
        names = self._names()
        for name in names[:-1]:
            path = (*path, name)
            path = (*path, self.arrays[path]) if path in self.arrays else path
        path = (*path, names[-1])
        if is_array:
            self.arrays[path] = self.arrays.get(path, -1) + 1
            path = (*path, self.arrays[path])
        self._note(path)
        self._take("]]" if is_array else "]")
        return path

    def _pair(self, table: Path) -> None:
        self._skip(_BLANK)
        start = self.at
        path = table
        for name in self._names():
            path = (*path, name)
            self._note(path)
        if self.at == start or not self._take("="):
            self.at = len(self.text)
            return
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_BLANK)
        if self._take("["):
            self._items(path)
        elif self._take("{"):
            self._members(path)
        elif not self._skip(_TEXT):
            self._skip(_PLAIN)

    def _items(self, path: Path) -> None:
        index = 0
        self._skip(_BLANK_LINES)
        while self.at < len(self.text) and not self._take("]"):
            self._note((*path, index))
            self._value((*path, index))
            index += 1
            self._skip(_BLANK_LINES)
            if not self._take(",") and not self.text.startswith("]", self.at):
                self.at = len(self.text)
            self._skip(_BLANK_LINES)

    def _members(self, path: Path) -> None:
        self._skip(_BLANK_LINES)
        while self.at < len(self.text) and not self._take("}"):
            self._pair(path)
            self._skip(_BLANK_LINES)
            self._take(",")
            self._skip(_BLANK_LINES)
