"""All AVPs and commands by number and by name, read from the TOML files of `dictionaries/` and of the operator.

The notation of the files is explained at the top of base.toml. Every mistake in them is found before one is reported.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.wire.definition import AvpDefinition, AvpType, avp_key
from diameter_ocs.wire.grammar import (
    CommandGrammar,
    GrammarError,
    GroupGrammar,
    parse_command,
    parse_elements,
    rules_of,
)

__all__ = ["AvpDefinition", "AvpType", "Dictionary", "avp_key", "default_dictionary", "load_dictionary"]

OWN_FILES = ("base.toml", "credit-control.toml", "3gpp.toml")
SECTIONS = ("vendor", "avp", "enum", "open-enum", "group", "command")
ROW_KEYS = ("code", "vendor", "type", "flags")
FLAGS = ("", "M")
HIGHEST_NUMBER = 0xFFFF_FFFF
ANSWER_MESSAGE = "answer-message"
AVP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What is known of AVPs and commands.

    by_key: see `avp_key`. commands: by command code, application and "is a request". groups: by AVP key; a Grouped
    AVP that is not in it may hold anything. answer_message: the form of error answers, RFC 6733 §7.2.
    """

    by_key: dict[int, AvpDefinition]
    by_name: dict[str, AvpDefinition]
    commands: dict[tuple[int, int, bool], CommandGrammar]
    groups: dict[int, GroupGrammar]
    answer_message: GroupGrammar
    vendor_codes: frozenset[int]
    """Codes that only vendors use, above the range shared with RADIUS: without the V bit they mean nothing."""

    def __getitem__(self, name: str) -> AvpDefinition:
        """Raises KeyError for a name in no file."""
        return self.by_name[name]

    def command(self, name: str) -> CommandGrammar:
        """By full or short name (Credit-Control-Request or CCR). Raises KeyError."""
        for grammar in self.commands.values():
            if name in (grammar.name, grammar.short):
                return grammar
        raise KeyError(name)


@cache
def default_dictionary() -> Dictionary:
    """The dictionary that comes with the package."""
    return load_dictionary()


def load_dictionary(extra_paths: Iterable[str | Path] = ()) -> Dictionary:
    """The own dictionaries and those of the operator: files, or folders with *.toml files.

    Raises ConfigurationError that lists every mistake of every file.
    """
    loader = _Loader()
    own = _own_folder()
    for path in [*(own / name for name in OWN_FILES), *_files(extra_paths, loader.problems)]:
        loader.read(path)
    return loader.finish()


def _own_folder() -> Path:
    """Inside an installed package, or at the top of a checkout."""
    here = Path(__file__).resolve()
    installed = here.parents[1] / "data" / "dictionaries"
    return installed if installed.is_dir() else here.parents[2] / "dictionaries"


def _files(paths: Iterable[str | Path], problems: list[str]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(path.glob("*.toml"))
        elif path.is_file():
            yield path
        else:
            problems.append(f"{path}: no such dictionary file or folder")


class _Loader:
    """Collects rows and problems of all files; grammars wait until every AVP name is known."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.avps: dict[str, AvpDefinition] = {}
        self.origin: dict[str, Path] = {}
        self.keys: dict[int, str] = {}
        self.enums: dict[str, tuple[Path, dict[int, str], bool]] = {}
        self.groups: dict[str, tuple[Path, str]] = {}
        self.commands: dict[str, tuple[Path, str]] = {}

    def problem(self, path: Path, key: str, rule: str) -> None:
        self.problems.append(f"{path}: {key}: {rule}")

    # one file -----------------------------------------------------------------------------------

    def read(self, path: Path) -> None:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
            self.problems.append(f"{path}: cannot be read as TOML: {fault}")
            return
        for section in sorted(content.keys() - set(SECTIONS)):
            self.problem(
                path, section, f"no such section{_suggest(section, SECTIONS)}; known are {', '.join(SECTIONS)}"
            )
        vendor = self._number(path, "vendor", content.get("vendor", 0))
        for name, row in self._table(path, content, "avp"):
            self._avp(path, name, row, vendor)
        for section in ("enum", "open-enum"):
            for name, values in self._table(path, content, section):
                self._enum(path, f"{section}.{name}", name, values)
        for section, kept in (("group", self.groups), ("command", self.commands)):
            for name, text in self._table(path, content, section):
                self._grammar(path, f"{section}.{name}", name, text, kept)

    def _table(self, path: Path, content: Mapping[str, Any], section: str) -> Iterable[tuple[str, Any]]:
        table = content.get(section, {})
        if isinstance(table, dict):
            return table.items()
        self.problem(path, section, f"must be a table, [{section}]")
        return ()

    def _number(self, path: Path, key: str, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST_NUMBER:
            return value
        self.problem(path, key, f"must be a whole number from 0 to {HIGHEST_NUMBER}, not {value!r}")
        return 0

    def _avp(self, path: Path, name: str, row: object, vendor: int) -> None:
        key = f"avp.{name}"
        if not AVP_NAME.fullmatch(name):
            self.problem(path, key, "a name has letters, digits and hyphens only")
        if not isinstance(row, dict):
            self.problem(path, key, 'must be a row such as { code = 1, type = "Unsigned32" }')
            return
        before = len(self.problems)
        for extra in sorted(row.keys() - set(ROW_KEYS)):
            self.problem(path, f"{key}.{extra}", f"no such entry{_suggest(extra, ROW_KEYS)}")
        code = self._number(path, f"{key}.code", row.get("code"))
        vendor = self._number(path, f"{key}.vendor", row.get("vendor", vendor))
        kind = self._type(path, f"{key}.type", row.get("type"))
        flags = row.get("flags", "")
        if flags not in FLAGS:
            self.problem(path, f"{key}.flags", f'must be "M" or be left out, not {flags!r}')
        if len(self.problems) == before and kind is not None:
            self._add(path, AvpDefinition(code, vendor, name, kind, flags == "M"))

    def _type(self, path: Path, key: str, name: object) -> AvpType | None:
        kinds = [kind.value for kind in AvpType]
        if isinstance(name, str) and name in kinds:
            return AvpType(name)
        self.problem(path, key, f"{name!r} is no type{_suggest(str(name), kinds)}; types are {', '.join(kinds)}")
        return None

    def _add(self, path: Path, avp: AvpDefinition) -> None:
        if avp.name in self.avps:
            self.problem(path, f"avp.{avp.name}", f"the name is taken in {self.origin[avp.name]}")
        elif avp.key in self.keys:
            taken = self.keys[avp.key]
            number = f"code {avp.code} of vendor {avp.vendor}"
            self.problem(path, f"avp.{avp.name}", f"{number} is {taken} in {self.origin[taken]}")
        else:
            self.avps[avp.name], self.origin[avp.name], self.keys[avp.key] = avp, path, avp.name

    def _enum(self, path: Path, key: str, name: str, values: object) -> None:
        if not isinstance(values, dict) or not values:
            self.problem(path, key, "must be a table of NAME = number")
            return
        if name in self.enums:
            self.problem(path, key, f"its values are already listed in {self.enums[name][0]}")
            return
        names: dict[int, str] = {}
        for word, number in values.items():
            if not isinstance(number, int) or isinstance(number, bool) or not -(2**31) <= number < 2**31:
                self.problem(path, f"{key}.{word}", f"must be a whole number of 32 bits, not {number!r}")
            elif number in names:
                self.problem(path, f"{key}.{word}", f"{number} is already {names[number]}")
            else:
                names[number] = word
        self.enums[name] = (path, names, key.startswith("enum."))

    def _grammar(self, path: Path, key: str, name: str, text: object, kept: dict[str, tuple[Path, str]]) -> None:
        if not isinstance(text, str):
            self.problem(path, key, 'must be a text such as "{ Origin-Host } * [ AVP ]"')
        elif name in kept:
            self.problem(path, key, f"there is already a grammar in {kept[name][0]}")
        else:
            kept[name] = (path, text)

    # all files ----------------------------------------------------------------------------------

    def finish(self) -> Dictionary:
        """Raises ConfigurationError when any problem was noted."""
        self._name_values()
        groups = dict(self._each(self.groups, "group", self._group))
        commands = dict(self._each(self.commands, "command", self._command))
        if self.problems:
            raise ConfigurationError(self.problems)
        base_codes = {avp.code for avp in self.avps.values() if not avp.vendor}
        return Dictionary(
            by_key={avp.key: avp for avp in self.avps.values()},
            by_name=self.avps,
            commands={(c.code, c.application, c.is_request): c for c in commands.values() if c.name != ANSWER_MESSAGE},
            groups={self.avps[name].key: grammar for name, grammar in groups.items()},
            answer_message=commands[ANSWER_MESSAGE],
            vendor_codes=frozenset(
                avp.code for avp in self.avps.values() if avp.vendor and avp.code > 255 and avp.code not in base_codes
            ),
        )

    def _each(
        self, texts: dict[str, tuple[Path, str]], section: str, build: Callable[[str, str], Loaded]
    ) -> Iterator[tuple[str, Loaded]]:
        for name, (path, text) in texts.items():
            try:
                yield name, build(name, text)
            except GrammarError as fault:
                self.problem(path, f"{section}.{name}", str(fault))

    def _name_values(self) -> None:
        for name, (path, values, closed) in self.enums.items():
            avp = self.avps.get(name)
            key = f"{'enum' if closed else 'open-enum'}.{name}"
            if avp is None:
                self.problem(path, key, f"no AVP of this name{_suggest(name, self.avps)}")
            elif avp.type not in (AvpType.ENUMERATED, AvpType.INTEGER32, AvpType.UNSIGNED32):
                self.problem(path, key, f"the AVP is of type {avp.type}, which has no named values")
            else:
                named = MappingProxyType(values)
                self.avps[name] = AvpDefinition(avp.code, avp.vendor, name, avp.type, avp.mandatory, named, closed)

    def _group(self, name: str, text: str) -> GroupGrammar:
        avp = self.avps.get(name)
        if avp is None:
            raise GrammarError(f"no AVP of this name{_suggest(name, self.avps)}")
        if avp.type is not AvpType.GROUPED:
            raise GrammarError(f"the AVP is of type {avp.type}, not Grouped")
        rules, is_open = rules_of(parse_elements(text), self.avps.get)
        return GroupGrammar(name, rules, is_open)

    def _command(self, name: str, text: str) -> CommandGrammar:
        header, elements = parse_command(text)
        if (header.code is None) != (name == ANSWER_MESSAGE):
            raise GrammarError(f"only {ANSWER_MESSAGE} is without a command code")
        rules, is_open = rules_of(elements, self.avps.get)
        return CommandGrammar(
            name, rules, is_open, header.code or 0, header.application, header.is_request, header.proxiable
        )


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f", did you mean {close[0]}?" if close else ""
