"""Scenario files: what a gateway does and what has to come of it, as TOML.

    name = "A session of one rating group"
    dialect = "3gpp"

    [sessions.web]
    msisdn = "99955500101"
    imsi = "001010000000101"

    [[step]]
    do = "start"
    session = "web"
    groups = [10]
    expect = { result = 2001, granted = { 10 = ">= 1 MB" } }

Every mistake in a file is found before anything runs.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.simulator.credit import Subscriber
from diameter_ocs.simulator.dialect import DIALECTS as DATA_DIALECTS
from diameter_ocs.simulator.dialect import Dialect
from diameter_ocs.simulator.event import RATING_GROUP
from diameter_ocs.simulator.misdeeds import Mix
from diameter_ocs.simulator.mix_file import parse_mix
from diameter_ocs.simulator.spelling import suggestion
from diameter_ocs.simulator.voice import KAMAILIO, Call, Direction, Media
from diameter_ocs.values.money import parse_money
from diameter_ocs.values.units import UnitType, parse_quantity

DIALECTS: Mapping[str, Dialect] = {**DATA_DIALECTS, KAMAILIO.name: KAMAILIO}
TOP = ("name", "description", "dialect", "parallel", "overuse", "sessions", "step", "misbehave")
SESSION = ("msisdn", "imsi")
CALL = ("direction", "media")
"""Keys of a session of the voice dialect."""
EXPECT = (
    "result",
    "groups",
    "granted",
    "final",
    "refused",
    "phase",
    "passed",
    "stopped",
    "restricted",
    "pools",
    "resent",
    "enough",
    "cost",
)
Choice = TypeVar("Choice", bound=Enum)
PHASES = ("open", "closed", "failed")
COMPARISON = re.compile(r"\s*(>=|<=|==|>|<|=)?\s*(.+)")
NO_GROUP = "none"
"""How a file names the rating group of a gateway that sends none."""


class Deed(Enum):
    """What a step does."""

    START = "start"
    USE = "use"
    IDLE = "idle"
    WAIT_VALIDITY = "wait_validity"
    DROP_CONNECTION = "drop_connection"
    RECONNECT = "reconnect"
    CHANGE_MEDIA = "change_media"
    END = "end"
    CREDIT = "credit"
    BLOCK = "block"
    UNBLOCK = "unblock"
    EXPECT_RAR = "expect_rar"
    EXPECT_ASR = "expect_asr"
    DEBIT = "debit"
    REFUND = "refund"
    CHECK_BALANCE = "check_balance"
    ASK_PRICE = "ask_price"


OPERATOR_DEEDS = (Deed.CREDIT, Deed.BLOCK, Deed.UNBLOCK)
"""Done to the account of the session's subscriber, by whoever runs the scenario."""

NEEDS: Mapping[Deed, tuple[str, ...]] = {
    Deed.START: ("session",),
    Deed.USE: ("session",),
    Deed.IDLE: ("session", "seconds"),
    Deed.WAIT_VALIDITY: ("session",),
    Deed.DROP_CONNECTION: (),
    Deed.RECONNECT: (),
    Deed.CHANGE_MEDIA: ("session", "media"),
    Deed.END: ("session",),
    Deed.DEBIT: ("session",),
    Deed.REFUND: ("session",),
    Deed.CHECK_BALANCE: ("session",),
    Deed.ASK_PRICE: ("session",),
    Deed.CREDIT: ("session", "amount"),
    Deed.BLOCK: ("session",),
    Deed.UNBLOCK: ("session",),
    Deed.EXPECT_RAR: ("session",),
    Deed.EXPECT_ASR: ("session",),
}
EVENT_KEYS = ("units", "group", "lose_answer")
MAY: Mapping[Deed, tuple[str, ...]] = {
    Deed.START: ("groups", "lose_answer"),
    Deed.USE: ("lose_answer", "octets", "seconds"),
    Deed.END: ("lose_answer",),
    Deed.DEBIT: EVENT_KEYS,
    Deed.REFUND: EVENT_KEYS,
    Deed.CHECK_BALANCE: EVENT_KEYS,
    Deed.ASK_PRICE: EVENT_KEYS,
}


EVENTS = frozenset({Deed.DEBIT, Deed.REFUND, Deed.CHECK_BALANCE, Deed.ASK_PRICE})


class Comparison(Struct, frozen=True):
    """`>= 10 MB` as a sign and a number of octets."""

    sign: str
    octets: int

    def holds(self, value: int) -> bool:
        signs = {">=": value >= self.octets, "<=": value <= self.octets, ">": value > self.octets}
        return (signs | {"<": value < self.octets}).get(self.sign, value == self.octets)

    def __str__(self) -> str:
        return f"{self.sign} {self.octets:,}"


class Expectation(Struct, frozen=True):
    """What must be true after a step; what is left out is not looked at.

    result: Result-Code of the last answer. groups: MSCC Result-Code by group. final: groups whose
    quota now has final units. refused: groups stopped, with the code. passed: octets let through by
    this step. phase: open, closed, failed. stopped: groups that no longer let traffic through.
    restricted: groups that are redirected or restricted after their final units. pools: number of the credit
    pool that a group draws on.
    resent: requests sent again with the T flag in this step. enough: result of a balance check.
    cost_micros: what Cost-Information says.
    """

    result: int | None = None
    groups: Mapping[int | None, int] = {}
    granted: Mapping[int | None, Comparison] = {}
    passed: Mapping[int | None, Comparison] = {}
    final: tuple[int | None, ...] = ()
    stopped: tuple[int | None, ...] = ()
    restricted: tuple[int | None, ...] = ()
    pools: Mapping[int | None, int] = {}
    refused: Mapping[int | None, int] = {}
    phase: str | None = None
    resent: int | None = None
    enough: bool | None = None
    cost_micros: int | None = None


class Step(Struct, frozen=True):
    """One thing the gateway does. octets (seconds of a call if is_in_seconds) by rating group, all flowing at once.

    units: messages of an event, in `group`. amount: octets that are credited.
    lose_answer: the connection breaks after the request has left and before its answer is read.
    """

    deed: Deed
    session: str = ""
    groups: tuple[int | None, ...] = ()
    octets: Mapping[int | None, int] = {}
    seconds: int = 0
    amount: int = 0
    media: Media = Media.AUDIO
    units: int = 1
    group: int | None = RATING_GROUP
    is_in_seconds: bool = False
    lose_answer: bool = False
    expect: Expectation = Expectation()

    def __str__(self) -> str:
        parts = [self.deed.value.replace("_", " "), self.session]
        unit = "seconds" if self.is_in_seconds else "octets"
        parts += [f"{amount:,} {unit} of group {group_name(group)}" for group, amount in self.octets.items()]
        parts += [f"to {self.media.value}"] if self.deed is Deed.CHANGE_MEDIA else []
        parts += [f"{self.amount:,} octets"] if self.deed is Deed.CREDIT else []
        parts += [f"{self.seconds} s"] if self.deed is Deed.IDLE else []
        parts += [f"{self.units} units of group {group_name(self.group)}"] if self.deed in EVENTS else []
        return " ".join(filter(None, parts))


class Scenario(Struct, frozen=True):
    """A whole file. parallel: one CCR per rating group, several under way at once. calls: of the voice dialect.

    mix: sessions of all subscribers that misbehave, after the steps.
    """

    name: str
    sessions: Mapping[str, Subscriber]
    steps: tuple[Step, ...]
    description: str = ""
    dialect: str = "3gpp"
    parallel: bool = False
    overuse: bool = False
    calls: Mapping[str, Call] = {}
    mix: Mix | None = None


def load_scenario(path: Path) -> Scenario:
    """Read a file. Raises ConfigurationError that lists every mistake in it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError([f"{path}: cannot be read: {error}"]) from None
    return parse_scenario(content, str(path))


def parse_scenario(content: Mapping[str, Any], origin: str = "scenario") -> Scenario:
    """A scenario from parsed TOML. Raises ConfigurationError."""
    return _Parser(origin).scenario(content)


class _Parser:
    """Collects every mistake; values that are wrong become harmless ones."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.problems: list[str] = []

    def problem(self, key: str, rule: str) -> None:
        self.problems.append(f"{self.origin}: {key}: {rule}")

    def scenario(self, content: Mapping[str, Any]) -> Scenario:
        self._known("file", content, TOP)
        dialect = self._text(content, "dialect", "3gpp")
        if dialect not in DIALECTS:
            self.problem("dialect", f"{dialect!r} is unknown{suggestion(dialect, DIALECTS)}")
        is_call = dialect == KAMAILIO.name
        rows = dict(self._tables(content, "sessions"))
        sessions = {name: self._subscriber(name, row, CALL if is_call else ()) for name, row in rows.items()}
        scenario = Scenario(
            name=self._text(content, "name", ""),
            description=self._text(content, "description", ""),
            dialect=dialect,
            parallel=self._flag(content, "parallel"),
            overuse=self._flag(content, "overuse"),
            sessions=sessions,
            steps=tuple(self._steps(content, sessions)),
            mix=self._mix(content, dialect),
            calls={name: self._call(name, row) for name, row in rows.items()} if is_call else {},
        )
        if not is_call and any(step.deed is Deed.CHANGE_MEDIA for step in scenario.steps):
            self.problem("step", f"'change_media' is for calls: dialect = \"{KAMAILIO.name}\"")
        for key in ("name", "sessions", "step"):
            if not content.get(key) and not (key == "step" and "misbehave" in content):
                self.problem(key, "is missing")
        if self.problems:
            raise ConfigurationError(self.problems)
        return scenario

    def _mix(self, content: Mapping[str, Any], dialect: str) -> Mix | None:
        if "misbehave" not in content:
            return None
        if dialect != "3gpp":
            self.problem("misbehave", "is for the dialect 3gpp")
        return parse_mix(content["misbehave"], self.problem)

    def _known(self, where: str, table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        for key in table:
            if key not in keys:
                self.problem(f"{where}.{key}", f"is unknown here{suggestion(key, keys)}; known: {', '.join(keys)}")

    def _text(self, table: Mapping[str, Any], key: str, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            self.problem(key, f"must be a text, not {value!r}")
            return default
        return value

    def _flag(self, table: Mapping[str, Any], key: str, where: str = "") -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            self.problem(where + key, f"must be true or false, not {value!r}")
        return value is True

    def _tables(self, content: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        tables = content.get(key, {})
        if not isinstance(tables, dict) or not all(isinstance(row, dict) for row in tables.values()):
            self.problem(key, "must be tables such as [sessions.web]")
            return
        yield from tables.items()

    def _call(self, name: str, row: Mapping[str, Any]) -> Call:
        where = f"sessions.{name}"
        direction = self._one_of(f"{where}.direction", row.get("direction", Direction.ORIGINATING.value), Direction)
        return Call(direction, self._one_of(f"{where}.media", row.get("media", Media.AUDIO.value), Media))

    def _one_of(self, key: str, value: object, kinds: type[Choice]) -> Choice:
        """A member by its name in files; the first when there is none of that name."""
        for kind in kinds:
            if kind.value == value:
                return kind
        self.problem(key, f"{value!r} is none of {', '.join(str(kind.value) for kind in kinds)}")
        return next(iter(kinds))

    def _subscriber(self, name: str, row: Mapping[str, Any], more: tuple[str, ...]) -> Subscriber:
        where = f"sessions.{name}"
        self._known(where, row, (*SESSION, *more))
        for key in SESSION:
            value = row.get(key)
            if not (isinstance(value, str) and value.isascii() and value.isdigit() and 4 <= len(value) <= 15):
                self.problem(f"{where}.{key}", f"must be a text of 4 to 15 digits, not {value!r}")
        return Subscriber(msisdn=str(row.get("msisdn")), imsi=str(row.get("imsi")))

    # Steps ---------------------------------------------------------------------------------------

    def _steps(self, content: Mapping[str, Any], sessions: Mapping[str, Subscriber]) -> Iterator[Step]:
        steps = content.get("step", [])
        if not isinstance(steps, list) or not all(isinstance(row, dict) for row in steps):
            self.problem("step", "must be a list of tables, [[step]]")
            return
        for number, row in enumerate(steps, 1):
            yield self._step(f"step {number}", row, sessions)

    def _step(self, where: str, row: Mapping[str, Any], sessions: Mapping[str, Subscriber]) -> Step:
        names = [deed.value for deed in Deed]
        name = row.get("do")
        if name not in names:
            self.problem(f"{where}.do", f"{name!r} is no deed{suggestion(str(name), names)}; known: {', '.join(names)}")
            return Step(Deed.RECONNECT)
        deed = Deed(name)
        self._known(where, row, ("do", "expect", *NEEDS[deed], *MAY.get(deed, ())))
        for key in NEEDS[deed]:
            if key not in row:
                self.problem(f"{where}.{key}", f"is missing: '{deed.value}' needs it")
        if deed is Deed.USE and not {"octets", "seconds"} & row.keys():
            self.problem(f"{where}.octets", "is missing: 'use' needs it, or seconds for a call")
        session = row.get("session", "")
        if "session" in row and session not in sessions:
            known = tuple(map(str, sessions))
            self.problem(f"{where}.session", f"no session {session!r}{suggestion(str(session), known)}")
        return Step(
            deed,
            session=str(session),
            groups=self._groups(f"{where}.groups", row.get("groups", [])),
            octets=self._flows(where, row) if deed is Deed.USE else {},
            seconds=0 if deed is Deed.USE else self._seconds(f"{where}.seconds", row.get("seconds", 0)),
            amount=self._octets(f"{where}.amount", row.get("amount", 0)),
            media=self._one_of(f"{where}.media", row.get("media", Media.AUDIO.value), Media),
            units=self._code(f"{where}.units", row.get("units", 1)) or 1,
            group=self._group(f"{where}.group", row.get("group", RATING_GROUP)),
            is_in_seconds=deed is Deed.USE and "octets" not in row,
            lose_answer=self._flag(row, "lose_answer", f"{where}."),
            expect=self._expectation(f"{where}.expect", row.get("expect", {})),
        )

    def _flows(self, where: str, row: Mapping[str, Any]) -> dict[int | None, int]:
        """What flows, by rating group: octets or seconds."""
        flows = {group: self._octets(f"{where}.octets", n) for group, n in self._by_group(where, row, "octets")}
        seconds = self._by_group(where, row, "seconds")
        return flows | {group: self._seconds(f"{where}.seconds", n) for group, n in seconds}

    def _expectation(self, where: str, table: object) -> Expectation:
        if not isinstance(table, dict):
            self.problem(where, "must be a table such as { result = 2001 }")
            return Expectation()
        self._known(where, table, EXPECT)
        phase = table.get("phase")
        if phase is not None and phase not in PHASES:
            self.problem(f"{where}.phase", f"{phase!r} is none of {', '.join(PHASES)}")
        return Expectation(
            result=self._code(f"{where}.result", table.get("result")),
            groups=self._codes(where, table, "groups"),
            granted=self._comparisons(where, table, "granted"),
            passed=self._comparisons(where, table, "passed"),
            final=self._groups(f"{where}.final", table.get("final", [])),
            stopped=self._groups(f"{where}.stopped", table.get("stopped", [])),
            restricted=self._groups(f"{where}.restricted", table.get("restricted", [])),
            pools=self._codes(where, table, "pools"),
            refused=self._codes(where, table, "refused"),
            phase=phase if isinstance(phase, str) else None,
            resent=self._code(f"{where}.resent", table.get("resent")),
            enough=self._flag(table, "enough", f"{where}.") if "enough" in table else None,
            cost_micros=self._money(f"{where}.cost", table["cost"]) if "cost" in table else None,
        )

    def _money(self, key: str, value: Any) -> int | None:
        try:
            return parse_money(value)
        except ValueError as error:
            self.problem(key, str(error))
            return None

    # Values --------------------------------------------------------------------------------------

    def _code(self, key: str, value: object) -> int | None:
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        self.problem(key, f"must be a whole number, not {value!r}")
        return None

    def _codes(self, where: str, table: Mapping[str, Any], key: str) -> dict[int | None, int]:
        pairs = self._by_group(where, table, key)
        return {group: self._code(f"{where}.{key}", code) or 0 for group, code in pairs}

    def _comparisons(self, where: str, table: Mapping[str, Any], key: str) -> dict[int | None, Comparison]:
        pairs = self._by_group(where, table, key)
        return {group: self._comparison(f"{where}.{key}", text) for group, text in pairs}

    def _by_group(self, where: str, table: Mapping[str, Any], key: str) -> Iterator[tuple[int | None, Any]]:
        pairs = table.get(key, {})
        if not isinstance(pairs, dict):
            self.problem(f"{where}.{key}", "must be by rating group, such as { 10 = ... }")
            return
        for group, value in pairs.items():
            yield self._group(f"{where}.{key}", group), value

    def _groups(self, key: str, value: object) -> tuple[int | None, ...]:
        if not isinstance(value, list):
            self.problem(key, "must be a list of rating groups, such as [10, 20]")
            return ()
        return tuple(self._group(key, group) for group in value)

    def _group(self, key: str, value: object) -> int | None:
        if value == NO_GROUP:
            return None
        text = str(value)
        if not text.isdigit() or isinstance(value, bool) or int(text) >= 1 << 32:
            self.problem(key, f"{value!r} is no rating group: a whole number or '{NO_GROUP}'")
            return None
        return int(text)

    def _octets(self, key: str, value: object) -> int:
        return self._quantity(key, value, UnitType.OCTETS)

    def _seconds(self, key: str, value: object) -> int:
        return self._quantity(key, value, UnitType.SECONDS)

    def _quantity(self, key: str, value: object, unit: UnitType) -> int:
        try:
            if isinstance(value, bool) or not isinstance(value, int | str):
                raise ValueError(f"{value!r} is not a whole number of {unit.value}")
            return parse_quantity(value, unit)
        except ValueError as error:
            self.problem(key, str(error))
            return 0

    def _comparison(self, key: str, value: object) -> Comparison:
        match = COMPARISON.fullmatch(str(value))
        assert match is not None or not str(value)
        sign, rest = (match[1] or "=", match[2]) if match else ("=", "")
        return Comparison(sign, self._octets(key, rest if isinstance(value, str) else value))


def group_name(group: int | None) -> str:
    """As it is written in a file and told in a report."""
    return NO_GROUP if group is None else str(group)
