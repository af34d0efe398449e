"""Mistakes in a configuration, said so that a person can mend them: where, what rule, what to write instead."""

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined

from diameter_ocs.config.model import section_of

Path = tuple[str | int, ...]

RULES = {
    "missing": "is required",
    "int_type": "must be a whole number without quotes",
    "float_type": "must be a number without quotes",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text in quotes",
    "path_type": "must be text in quotes",
    "tuple_type": "must be a list in brackets",
    "model_type": "must be a table of keys",
    "model_attributes_type": "must be a table of keys",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}


class Problem(Exception):
    """One mistake.

    path: the key it concerns, () for none. line: of the file, where no key tells it. variable: the
    environment variable that is itself the mistake.
    """

    def __init__(
        self, path: Path, rule: str, suggestion: str, *, line: int | None = None, variable: str | None = None
    ) -> None:
        super().__init__(rule)
        self.path = path
        self.rule = rule
        self.suggestion = suggestion
        self.line = line
        self.variable = variable


def dotted(path: Path) -> str:
    """('peers', 0, 'host') as 'peers[0].host'."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def problems_of(error: ValidationError) -> list[Problem]:
    """One problem per finding, in the order of the keys."""
    return [_problem(dict(found)) for found in error.errors(include_url=False) if not _is_echo(dict(found))]


def _is_echo(found: dict[str, Any]) -> bool:
    """A list whose only items are wrong is also called empty: once is enough."""
    return found["type"] == "too_short" and bool(found["input"])


def _problem(found: dict[str, Any]) -> Problem:
    path: Path = found["loc"]
    if found["type"] == "extra_forbidden":
        return unknown_key(path)
    return Problem(path, _rule(found), _example(path))


def _rule(found: dict[str, Any]) -> str:
    if found["type"] == "value_error":
        return f"{found['ctx']['error']}, not {found['input']!r}"
    if found["type"] == "missing":
        return RULES["missing"]
    bound: str = found["msg"].removeprefix("Input should be ").removeprefix("Value should ")
    rule = RULES.get(found["type"], f"must be {bound}")
    return rule if isinstance(found["input"], dict) else f"{rule}, not {found['input']!r}"


def unknown_key(path: Path) -> Problem:
    """A key or section that no setting has, with the nearest one that exists."""
    section = section_of(path[:-1])
    known = list(section.model_fields) if section else []
    near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
    where = f"[{dotted(path[:-1])}]" if path[:-1] else "the file"
    suggestion = f"did you mean '{near[0]}'?" if near else f"remove it, or use one of: {', '.join(known)}"
    return Problem(path, f"is no key of {where}", suggestion)


def _example(path: Path) -> str:
    keys = [part for part in path if isinstance(part, str)]
    if path[:1] == ("peers",) and len(keys) == 1:
        return 'for example: host = "*.epc.mnc001.mcc001.3gppnetwork.org"'
    section = section_of(path[:2] if path[:1] == ("peers",) else path[:1])
    field = section.model_fields.get(keys[-1]) if section and len(keys) > 1 else None
    if field is None:
        return "see the sample ocs.toml"
    if field.default is PydanticUndefined or field.default is None:
        return f"for example: {keys[-1]} = {EXAMPLES.get(keys[-1], '...')}"
    return f"for example: {keys[-1]} = {toml_value(field.default)}"


EXAMPLES = {
    "origin_host": '"ocs01.ocs.mnc001.mcc001.3gppnetwork.org"',
    "origin_realm": '"ocs.mnc001.mcc001.3gppnetwork.org"',
    "host": '"pgw01.epc.mnc001.mcc001.3gppnetwork.org"',
    "realm": '"epc.mnc001.mcc001.3gppnetwork.org"',
    "connect": '"192.0.2.10:3868"',
}


def plain(value: Any) -> Any:
    """A setting as JSON and TOML know it: numbers, text, truth, lists, tables."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(getattr(value, "value", value))


def toml_value(value: Any) -> str:
    """A setting as it would be written in the file."""
    simple = plain(value)
    if isinstance(simple, bool):
        return "true" if simple else "false"
    if isinstance(simple, list):
        return "[" + ", ".join(toml_value(item) for item in simple) + "]"
    if isinstance(simple, dict):
        return "{" + ", ".join(f"{key} = {toml_value(item)}" for key, item in simple.items()) + "}"
    return f'"{simple}"' if isinstance(simple, str) else str(simple)
