"""Which AVPs a command or a group must, may and must not hold: the notation of RFC 6733 §3.2 and its checks.

Two additions to the RFC's notation: a slash separates alternatives, `{ A / B }` for exactly one of them and
`1* { A / B }` for at least one; and the application number stands in every Diameter Header.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from diameter_ocs.errors import AvpNotAllowed, AvpOccursTooManyTimes, MessageError, MissingAvp
from diameter_ocs.wire.definition import AvpDefinition, example_avp, wrap

ANY = "AVP"
UNBOUNDED = 1 << 32

_TOKEN = re.compile(
    r"(?P<qualifier>\d*\*\d*|\d+)?\s*(?:<\s*(?P<fixed>[^<>]+?)\s*>|\{\s*(?P<required>[^{}]+?)\s*\}|\[\s*(?P<optional>[^\[\]]+?)\s*\])"
)
_HEADER = re.compile(
    r"Diameter Header:\s*(?P<code>\d+|code)(?P<words>(?:\s*,\s*(?:REQ|PXY|ERR))*)(?:\s*,\s*(?P<app>\d+))?"
)


class Rank(IntEnum):
    """Order in which the mistakes of one message are reported: rows of RFC 6733 §7 as an order of checks."""

    STRUCTURE = 7
    BITS = 14
    UNKNOWN = 15
    MISSING = 16
    NOT_ALLOWED = 17
    TOO_MANY = 18
    VALUE = 19


class Finding(NamedTuple):
    """One mistake and its place in the order of checks."""

    rank: Rank
    error: MessageError


class GrammarError(ValueError):
    """A grammar text that cannot be read."""


class Element(NamedTuple):
    """One element of a grammar text. `names` has more than one member for alternatives."""

    names: tuple[str, ...]
    minimum: int
    maximum: int
    fixed: bool


class CommandHeader(NamedTuple):
    """`< Diameter Header: 272, REQ, PXY, 4 >`. `code` is None for the answer-message of RFC 6733 §7.2."""

    code: int | None
    is_request: bool
    proxiable: bool
    application: int


@dataclass(frozen=True, slots=True)
class Rule:
    """How often one AVP (or one of several alternatives) may occur."""

    definitions: tuple[AvpDefinition, ...]
    minimum: int
    maximum: int
    fixed: bool

    @property
    def is_choice(self) -> bool:
        return len(self.definitions) > 1


@dataclass(frozen=True, slots=True)
class GroupGrammar:
    """Members of a Grouped AVP or of a command.

    open: any other known AVP may be there as well. limits: highest number of occurrences by AVP key, for AVPs
    that `rules` names. required: AVPs that must be there by key. choices: rules with alternatives.
    """

    name: str
    rules: tuple[Rule, ...]
    open: bool
    limits: dict[int, int] = field(init=False)
    required: dict[int, AvpDefinition] = field(init=False)
    choices: tuple[Rule, ...] = field(init=False)
    repeated: tuple[Rule, ...] = field(init=False)

    def __post_init__(self) -> None:
        single = [rule for rule in self.rules if not rule.is_choice]
        choices = tuple(rule for rule in self.rules if rule.is_choice)
        limits = {member.key: 1 for rule in choices for member in rule.definitions}
        limits |= {rule.definitions[0].key: rule.maximum for rule in single}
        required = {rule.definitions[0].key: rule.definitions[0] for rule in single if rule.minimum > 0}
        object.__setattr__(self, "limits", limits)
        object.__setattr__(self, "required", required)
        object.__setattr__(self, "choices", choices)
        object.__setattr__(self, "repeated", tuple(rule for rule in single if rule.minimum > 1))


@dataclass(frozen=True, slots=True)
class CommandGrammar(GroupGrammar):
    """A command of one application. code 0 is the answer-message, which stands for every command."""

    code: int
    application: int
    is_request: bool
    proxiable: bool

    @property
    def short(self) -> str:
        """CCR for Credit-Control-Request."""
        return "".join(word[0] for word in self.name.split("-"))


class Member(Protocol):
    """What a check has to know of a received AVP."""

    @property
    def definition(self) -> AvpDefinition | None: ...
    @property
    def raw(self) -> bytes: ...


# Reading ------------------------------------------------------------------------------------------


def _occurrences(qualifier: str | None, required: bool) -> tuple[int, int]:
    if qualifier is None:
        return int(required), 1
    low, star, high = qualifier.partition("*")
    if not star:
        raise GrammarError(f"'{qualifier}' needs a star")
    minimum = int(low) if low else int(required and high != "0")
    maximum = int(high) if high else UNBOUNDED
    if minimum > maximum:
        raise GrammarError(f"'{qualifier}' allows no number of occurrences")
    return minimum, maximum


def _element(token: re.Match[str]) -> Element:
    body = token["fixed"] or token["required"] or token["optional"]
    minimum, maximum = _occurrences(token["qualifier"], token["optional"] is None)
    return Element(tuple(name.strip() for name in body.split("/")), minimum, maximum, token["fixed"] is not None)


def _elements(text: str) -> Iterator[Element]:
    position = 0
    for token in _TOKEN.finditer(text):
        between = text[position : token.start()].strip()
        if between:
            raise GrammarError(f"'{between}' is none of < fixed >, {{ required }}, [ optional ]")
        position = token.end()
        yield _element(token)
    rest = text[position:].strip()
    if rest:
        raise GrammarError(f"'{rest}' is none of < fixed >, {{ required }}, [ optional ]")


def parse_elements(text: str) -> tuple[Element, ...]:
    """The elements of a grammar text in their order. Raises GrammarError."""
    return tuple(_elements(text))


def parse_command(text: str) -> tuple[CommandHeader, tuple[Element, ...]]:
    """A grammar text that opens with its Diameter Header. Raises GrammarError."""
    elements = parse_elements(text)
    found = _HEADER.fullmatch(elements[0].names[0]) if elements else None
    if found is None:
        raise GrammarError("a command starts with < Diameter Header: code, REQ, PXY, application >")
    words = set(re.findall(r"[A-Z]+", found["words"]))
    code = None if found["code"] == "code" else int(found["code"])
    return CommandHeader(code, "REQ" in words, "PXY" in words, int(found["app"] or 0)), elements[1:]


def rules_of(
    elements: Sequence[Element], lookup: Callable[[str], AvpDefinition | None]
) -> tuple[tuple[Rule, ...], bool]:
    """Rules and openness of a grammar. Raises GrammarError with all names that `lookup` does not know."""
    known = {name: lookup(name) for element in elements for name in element.names if name != ANY}
    unknown = [name for name, definition in known.items() if definition is None]
    if unknown:
        raise GrammarError(f"no AVP is named {', '.join(unknown)}")
    definitions = {name: definition for name, definition in known.items() if definition is not None}
    rules = tuple(
        Rule(tuple(definitions[name] for name in names), minimum, maximum, fixed)
        for names, minimum, maximum, fixed in elements
        if names != (ANY,)
    )
    return rules, any(element.names == (ANY,) for element in elements)


# Checking -----------------------------------------------------------------------------------------


def check(grammar: GroupGrammar, members: Sequence[Member], path: tuple[AvpDefinition, ...] = ()) -> list[Finding]:
    """Every mistake of `members` against the grammar, unordered. `path`: the groups around them, outermost first.

    AVPs that no dictionary knows are never a mistake here.
    """
    counts: dict[int, int] = {}
    for member in members:
        definition = member.definition
        if definition is not None:
            counts[definition.key] = counts.get(definition.key, 0) + 1
    findings: list[Finding] = []
    if not grammar.required.keys() <= counts.keys() or grammar.repeated:
        findings += _missing(grammar, counts, path)
    limits, other = grammar.limits, UNBOUNDED if grammar.open else 0
    for key, count in counts.items():
        if count > limits.get(key, other):
            findings.append(_too_many(key, limits.get(key, other), members, path))
    for choice in grammar.choices:
        findings += _choice(choice, members, path)
    return findings


def _missing(grammar: GroupGrammar, counts: dict[int, int], path: tuple[AvpDefinition, ...]) -> Iterator[Finding]:
    for rule in grammar.rules:
        if not rule.is_choice and counts.get(rule.definitions[0].key, 0) < rule.minimum:
            yield _is_missing(rule.definitions, path)


def _is_missing(definitions: Sequence[AvpDefinition], path: tuple[AvpDefinition, ...]) -> Finding:
    names = " or ".join(definition.name for definition in definitions)
    examples = b"".join(example_avp(definition) for definition in definitions)
    return Finding(Rank.MISSING, MissingAvp(f"{names} is missing{_inside(path)}", wrap(path, examples)))


def _too_many(key: int, limit: int, members: Sequence[Member], path: tuple[AvpDefinition, ...]) -> Finding:
    """The first AVP above the limit is the one that failed; above a limit of none, it is not allowed at all."""
    found = [member for member in members if member.definition and member.definition.key == key]
    name = found[0].definition.name if found[0].definition else ""
    failed = wrap(path, found[limit].raw)
    if limit == 0:
        return Finding(Rank.NOT_ALLOWED, AvpNotAllowed(f"{name} must not be there{_inside(path)}", failed))
    text = f"{name} occurs {len(found)} times{_inside(path)}, at most {limit} allowed"
    return Finding(Rank.TOO_MANY, AvpOccursTooManyTimes(text, failed))


def _choice(rule: Rule, members: Sequence[Member], path: tuple[AvpDefinition, ...]) -> Iterator[Finding]:
    keys = {definition.key for definition in rule.definitions}
    found = [member for member in members if member.definition and member.definition.key in keys]
    if len(found) < rule.minimum:
        yield _is_missing(rule.definitions if rule.maximum == 1 else rule.definitions[:1], path)
    elif len({member.definition.key for member in found if member.definition}) > rule.maximum:
        names = ", ".join(definition.name for definition in rule.definitions)
        failed = wrap(path, b"".join(member.raw for member in found))
        yield Finding(Rank.TOO_MANY, AvpOccursTooManyTimes(f"only one of {names} may be there{_inside(path)}", failed))


def _inside(path: tuple[AvpDefinition, ...]) -> str:
    return f" in {path[-1].name}" if path else ""
