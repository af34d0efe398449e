"""What the demo's subscribers do: they open sessions, use traffic, and stop when the money is gone.

Chance here decides who uses how much: nothing secret.
"""
# ruff: noqa: S311

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from diameter_ocs.demo.subscribers import BUNDLE, MB, DemoSubscriber
from diameter_ocs.simulator.credit import SUCCESS
from diameter_ocs.simulator.dialect import OPEN5GS, THREE_GPP, Dialect
from diameter_ocs.simulator.gateway import Gateway, Scope
from diameter_ocs.simulator.group import Group, GroupPhase
from diameter_ocs.simulator.live_session import LiveSession
from diameter_ocs.simulator.session import Phase
from diameter_ocs.values.units import UnitType, format_quantity
from diameter_ocs.wire.result_code import ResultCode

INTERNET, VIDEO, MESSAGING, BARRED = 10, 20, 30, 40
CHOICES: tuple[tuple[int | None, ...], ...] = (
    (INTERNET,),
    (INTERNET, VIDEO),
    (INTERNET, VIDEO),
    (INTERNET, MESSAGING),
    (INTERNET, VIDEO, MESSAGING),
    (INTERNET, BARRED),
)
STEPS = 6, 14
"""Portions of traffic in one session."""
REST_SECONDS = 0.5, 3.0
"""Between two sessions of a subscriber."""
SHOP_SECONDS = 15.0
"""So long a subscriber without credit waits until it buys again."""


class State(Enum):
    """Where a subscriber stands, as shown."""

    IDLE = "idle"
    ONLINE = "online"
    LOW = "running low"
    CUT_OFF = "cut off"
    BLOCKED = "blocked"
    NO_CREDIT = "no credit"
    FAILED = "no answer"


@dataclass(slots=True)
class Life:
    """One subscriber as it is seen. changed: when `event` happened, monotonic seconds."""

    who: DemoSubscriber
    gateway: str
    state: State = State.IDLE
    event: str = ""
    changed: float = 0.0
    sessions: int = 0
    used: int = 0

    def happened(self, event: str, now: float, state: State | None = None) -> None:
        self.event, self.changed = event, now
        self.state = state or self.state


@dataclass(slots=True)
class Count:
    """What happened in all sessions together."""

    sessions: int = 0
    open: int = 0
    failed: int = 0
    octets: int = 0
    cut_off: int = 0
    refused: Counter[State] = field(default_factory=Counter)
    topped_up: int = 0


@dataclass(slots=True)
class Pace:
    """How fast things go: seconds between two portions of traffic, and whether subscribers rest between sessions."""

    step_seconds: float = 0.3
    rests: bool = True


class Traffic:
    """All subscribers on their gateways, until `stopping` is set or each has had `sessions`.

    on_closed is awaited with every session that has ended; buy sells a subscriber new credit.
    """

    def __init__(
        self,
        gateway: Gateway,
        smf: Gateway,
        subscribers: Iterable[DemoSubscriber],
        stopping: asyncio.Event,
        on_closed: Callable[[LiveSession], Awaitable[None]],
        buy: Callable[[DemoSubscriber], Awaitable[bool]],
        *,
        sessions: int | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.gateway = gateway
        self.smf = smf
        self.lives = [Life(who, "smf01" if who.offer == BUNDLE else "pgw01") for who in subscribers]
        self.count = Count()
        self._stopping = stopping
        self._on_closed = on_closed
        self._buy = buy
        self._sessions = sessions
        self._pace = pace or Pace()
        self._numbers = itertools.count(1)
        self._open: dict[str, LiveSession] = {}
        for each in (gateway, smf):
            each.on_server_request = self._server_request

    async def run(self) -> None:
        """Returns when every session has ended."""
        async with asyncio.TaskGroup() as tasks:
            for life in self.lives:
                tasks.create_task(self._live(life), name=f"demo subscriber {life.who.number}")

    # One subscriber ------------------------------------------------------------------------------

    async def _live(self, life: Life) -> None:
        await self._pause(random.uniform(0, 1) if self._pace.rests else 0)
        while self._may_begin(life):
            await self._session(life)
            if self._pace.rests:
                await self._rest(life)

    def _may_begin(self, life: Life) -> bool:
        return not self._stopping.is_set() and (self._sessions is None or life.sessions < self._sessions)

    async def _rest(self, life: Life) -> None:
        if life.state is State.CUT_OFF:
            await self._pause(SHOP_SECONDS)
            if not self._stopping.is_set() and await self._buy(life.who):
                self.count.topped_up += 1
                life.happened("bought new credit", self._now(), State.IDLE)
        elif life.state in (State.BLOCKED, State.NO_CREDIT):
            await self._pause(SHOP_SECONDS)
        await self._pause(random.uniform(*REST_SECONDS))

    async def _session(self, life: Life) -> None:
        live = self._new_session(life)
        self.count.sessions += 1
        self.count.open += 1
        life.sessions += 1
        self._open[live.session_id] = live
        try:
            groups = self._groups(live.dialect)
            await live.start(groups)
            if self._was_admitted(life, live):
                await self._use(life, live, groups)
                await live.end()
            self._closed(life, live)
        finally:
            self.count.open -= 1
            del self._open[live.session_id]
        await self._on_closed(live)

    def _server_request(self, command: int, session_id: str, scope: Scope) -> ResultCode:
        live = self._open.get(session_id)
        return ResultCode.UNKNOWN_SESSION_ID if live is None else live.server_request(command, scope)

    def _new_session(self, life: Life) -> LiveSession:
        is_smf = life.gateway == "smf01"
        dialect, gateway = (OPEN5GS, self.smf) if is_smf else (THREE_GPP, self.gateway)
        return LiveSession(gateway, life.who.sim, next(self._numbers), dialect)

    def _groups(self, dialect: Dialect) -> tuple[int | None, ...]:
        return random.choice(CHOICES) if dialect.has_rating_groups else (None,)

    async def _use(self, life: Life, live: LiveSession, groups: tuple[int | None, ...]) -> None:
        for _ in range(random.randint(*STEPS)):
            if self._stopping.is_set() or live.model.phase is not Phase.OPEN:
                return
            wanted = {group: self._portion(life, group) for group in groups}
            passed = sum((await live.use(wanted)).values())
            life.used += passed
            self.count.octets += passed
            if self._is_cut_off(life, live, passed):
                return
            await self._pause(self._pace.step_seconds)

    @staticmethod
    def _portion(life: Life, group: int | None) -> int:
        """Messages take little; no two portions are alike."""
        if group == MESSAGING:
            return random.randint(1, MB)
        return random.randint(life.who.appetite // 2, life.who.appetite * 3 // 2)

    # What is seen --------------------------------------------------------------------------------

    def _was_admitted(self, life: Life, live: LiveSession) -> bool:
        model = live.model
        states = {ResultCode.END_USER_SERVICE_DENIED: State.BLOCKED, ResultCode.CREDIT_LIMIT_REACHED: State.NO_CREDIT}
        codes = [model.result_code, *(group.result_code for group in model.groups.values())]
        if model.phase is Phase.OPEN and any(group.phase is GroupPhase.ACTIVE for group in model.groups.values()):
            granted = sum(group.quota for group in model.groups.values())
            life.happened(f"opened, {size(granted)} granted", self._now(), State.ONLINE)
            return True
        code = next((code for code in codes if code not in (0, SUCCESS)), model.result_code)
        state = states.get(ResultCode(code), State.FAILED) if code in set(ResultCode) else State.FAILED
        if state is State.NO_CREDIT and life.who.money_micros + len(life.who.data):
            state = State.CUT_OFF
        self.count.refused[state] += 1
        life.happened(f"refused with {code}", self._now(), state)
        return False

    def _is_cut_off(self, life: Life, live: LiveSession, passed: int) -> bool:
        """Look at what came of a portion of traffic, and whether it was the last."""
        groups = live.model.groups.values()
        is_dry = _is_dry(groups)
        if is_dry:
            self.count.cut_off += 1
            life.happened("out of credit", self._now(), State.CUT_OFF)
        elif any(group.final is not None and group.phase is GroupPhase.ACTIVE for group in groups):
            left = sum(group.allowance or 0 for group in groups)
            life.happened(f"last units, {size(left)} left", self._now(), State.LOW)
        else:
            life.happened(f"used {size(passed)}", self._now(), State.ONLINE)
        return is_dry

    def _closed(self, life: Life, live: LiveSession) -> None:
        if live.model.phase is Phase.FAILED:
            self.count.failed += 1
            life.happened("no answer came", self._now(), State.FAILED)
        elif life.state in (State.ONLINE, State.LOW):
            life.happened(f"closed, {size(life.used)} so far", self._now(), State.IDLE)

    async def _pause(self, seconds: float) -> None:
        """Cut short when everything stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _now(self) -> float:
        return self.gateway.clock()


def _is_dry(groups: Iterable[Group]) -> bool:
    """A group that costs something was stopped, and it had been paid for before."""
    return any(group.phase is GroupPhase.STOPPED and group.was_granted for group in groups)


def size(octets: int) -> str:
    return format_quantity(octets, UnitType.OCTETS)
