"""Settings from environment variables: OCS_DIAMETER__WATCHDOG_SECONDS=12 is watchdog_seconds of [diameter].

Lists are written as in the file or with commas between the items; OCS_PEERS holds a list of
tables as in the file. A secret may also be read from a file: OCS_STORE__URL_FILE names it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from diameter_ocs.config.model import Config, section_of
from diameter_ocs.config.problems import Path, Problem, unknown_key

PREFIX = "OCS_"
NESTING = "__"
OF_FILE = "_file"


class Setting(NamedTuple):
    """One setting that a variable makes."""

    path: Path
    value: Any
    variable: str


def settings_in(environ: Mapping[str, str]) -> tuple[list[Setting], list[Problem]]:
    """Every setting of the environment, and what is wrong with the variables that look like one."""
    settings: list[Setting] = []
    problems: list[Problem] = []
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        try:
            settings.extend(_setting(variable, environ[variable]))
        except Problem as problem:
            problems.append(problem)
    return settings, problems


def _setting(variable: str, text: str) -> Iterator[Setting]:
    path = tuple(variable.removeprefix(PREFIX).lower().split(NESTING))
    if path == ("peers",):
        yield Setting(path, _toml(text, text), variable)
    elif len(path) == 2:
        yield _in_section(variable, path, text)
    elif len(path) == 1:
        _refuse_single_underscore(variable, path[0])
    else:
        raise _mistake(variable, "has too many parts", f"write {PREFIX}SECTION{NESTING}KEY")


def _in_section(variable: str, path: Path, text: str) -> Setting:
    section = section_of(path[:1]) if path[0] != "peers" else None
    if section is None:
        raise _mistake(variable, f"{path[0]!r} is no section", f"use one of: {', '.join(Config.model_fields)}")
    name = str(path[1])
    if field := section.model_fields.get(name):
        return Setting(path, _decoded(field, text), variable)
    secret = section.model_fields.get(name.removesuffix(OF_FILE))
    if name.endswith(OF_FILE) and secret and is_secret(secret):
        return Setting((path[0], name.removesuffix(OF_FILE)), _content(variable, text), variable)
    raise _mistake(variable, "is no setting", unknown_key(path).suggestion)


def _mistake(variable: str, rule: str, suggestion: str) -> Problem:
    return Problem((), rule, suggestion, variable=variable)


def is_secret(field: FieldInfo) -> bool:
    """May it hold a password?"""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("secret"))


def _content(variable: str, name: str) -> str:
    try:
        return FilePath(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _mistake(variable, f"cannot be read: {error}", "name a readable text file") from None


def _decoded(field: FieldInfo, text: str) -> Any:
    """Text for text; lists by brackets or commas; numbers and truth as in the file."""
    if field.default.__class__ is tuple:
        return _toml(text, [item.strip() for item in text.split(",") if item.strip()])
    return _toml(text, text) if isinstance(field.default, bool | int | float) else text


def _toml(text: str, otherwise: Any) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return otherwise


def _refuse_single_underscore(variable: str, name: str) -> None:
    """OCS_NODE_ORIGIN_HOST would be ignored without a word; other single names are somebody else's."""
    for section, field in Config.model_fields.items():
        model = field.annotation
        key = name.removeprefix(f"{section}_")
        if isinstance(model, type) and issubclass(model, BaseModel) and key != name and key in model.model_fields:
            right = f"{PREFIX}{section}{NESTING}{key}".upper()
            raise _mistake(variable, "has one underscore between section and key", f"write {right}")
