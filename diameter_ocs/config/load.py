"""Finds the configuration file, lays the environment over it, and gives back settings or every mistake."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from diameter_ocs.config import environment, problems
from diameter_ocs.config.checks import check
from diameter_ocs.config.model import Config
from diameter_ocs.config.problems import Problem, dotted, problems_of
from diameter_ocs.config.toml_text import parse_toml
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.values.toml_lines import lines_of_keys

FILE_VARIABLE = "OCS_CONFIG"
PLACES = (
    "ocs.toml",
    "config/ocs.toml",
    "~/.config/diameter_ocs/ocs.toml",
    "/etc/diameter_ocs/ocs.toml",
)
LARGEST_FILE_BYTES = 4_194_304


class _Source(NamedTuple):
    """What was read: the file, its tables, the line of each key, and the variable of each key."""

    file: Path | None
    tables: dict[str, Any]
    lines: dict[problems.Path, int]
    variables: dict[problems.Path, str]

    def origin(self, path: problems.Path) -> str | None:
        """'ocs.toml:12' or the variable's name: of the key, or of the nearest table around it."""
        for around in _outwards(path):
            if around in self.variables:
                return self.variables[around]
            if around in self.lines:
                return f"{self.file}:{self.lines[around]}"
        return str(self.file) if self.file else None

    def line(self, path: problems.Path) -> int:
        """The line of a key or of the nearest table around it; 0 when the file has neither."""
        return next((self.lines[around] for around in _outwards(path) if around in self.lines), 0)


def _outwards(path: problems.Path) -> Iterable[problems.Path]:
    return (path[:length] for length in range(len(path), 0, -1))


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: the one asked for, the one OCS_CONFIG names, or the first of the usual places that exists."""
    if path is not None:
        return path
    if environ.get(FILE_VARIABLE):
        return Path(environ[FILE_VARIABLE])
    return next((place for place in (Path(name).expanduser() for name in PLACES) if place.is_file()), None)


def load_config(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Config:
    """All settings, checked.

    overrides: settings of the command line by dotted key, such as {"http.listen": "127.0.0.1:0"};
    they win over the environment, which wins over the file. Raises ConfigurationError with every
    mistake, one line each: 'where key — rule — suggestion'.
    """
    file = find_file(path, environ)
    text = _read(file)
    try:
        tables = parse_toml(text)
    except Problem as problem:
        raise ConfigurationError([_line(problem, f"{file}:{problem.line}")]) from None
    settings, mistakes = environment.settings_in(environ)
    source = _Source(file, tables, lines_of_keys(text), {})
    _overlay(source, [*settings, *_of_command_line(overrides or {})])
    return _checked(source, mistakes)


def _read(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise ConfigurationError([f"{file} — is longer than {LARGEST_FILE_BYTES} bytes — is it the right file?"])
        return content.decode("utf-8")
    except OSError as error:
        raise ConfigurationError([f"{file} — cannot be read: {error.strerror} — name another with --config"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{file} — is not UTF-8 text — save it as UTF-8"]) from None


def _of_command_line(overrides: Mapping[str, Any]) -> Iterable[environment.Setting]:
    for key, value in overrides.items():
        yield environment.Setting(tuple(key.split(".")), value, "command line")


def _overlay(source: _Source, settings: Iterable[environment.Setting]) -> None:
    for path, value, variable in settings:
        table = source.tables
        for part in path[:-1]:
            inner = table.setdefault(str(part), {})
            if not isinstance(inner, dict):
                break
            table = inner
        else:
            table[str(path[-1])] = value
            source.variables[path] = variable


def _checked(source: _Source, mistakes: list[Problem]) -> Config:
    config = None
    source.tables.setdefault("node", {})
    try:
        config = Config.model_validate(source.tables).came_from(source.file, _origins(source))
    except ValidationError as error:
        mistakes = [*mistakes, *problems_of(error)]
    if config is not None:
        mistakes = [*mistakes, *check(config)]
    if config is None or mistakes:
        raise ConfigurationError(_lines(source, mistakes))
    return config


def _origins(source: _Source) -> dict[str, str]:
    of_file = {dotted(path): f"{source.file}:{line}" for path, line in source.lines.items()}
    return of_file | {dotted(path): variable for path, variable in source.variables.items()}


def _lines(source: _Source, mistakes: Iterable[Problem]) -> list[str]:
    """One line per mistake, those of the file in its order."""
    in_order = sorted(mistakes, key=lambda problem: source.line(problem.path))
    lines = [_line(problem, problem.variable or source.origin(problem.path)) for problem in in_order]
    if source.file is None:
        places = ", ".join(PLACES)
        lines.insert(0, f"no configuration file — looked for {places} — name one with --config or {FILE_VARIABLE}")
    return lines


def _line(problem: Problem, origin: str | None) -> str:
    where = " ".join(part for part in (origin, dotted(problem.path)) if part)
    return f"{where or 'configuration'} — {problem.rule} — {problem.suggestion}"
