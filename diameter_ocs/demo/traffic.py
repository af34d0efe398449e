"""What the demo's subscribers do: they open sessions, use traffic, call and write, and stop when the money is gone.

Chance here decides who uses how much: nothing secret. Each subscriber has a chance of its own, so that one seed always
makes the same choices.
"""
# ruff: noqa: S311

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from diameter_ocs.charging.event import Action
from diameter_ocs.demo.roaming import visiting
from diameter_ocs.demo.subscribers import CHILD, MB, PGW, PREPAID, SMART, SMF, TAS, TRAVEL, DemoSubscriber
from diameter_ocs.simulator.credit import SUCCESS, SessionBooks
from diameter_ocs.simulator.dialect import OPEN5GS, THREE_GPP, Dialect
from diameter_ocs.simulator.event import EventSender
from diameter_ocs.simulator.gateway import Gateway, Scope
from diameter_ocs.simulator.group import Group, GroupPhase
from diameter_ocs.simulator.live_session import LiveSession
from diameter_ocs.simulator.message import RE_AUTH
from diameter_ocs.simulator.session import Phase
from diameter_ocs.simulator.voice import KAMAILIO
from diameter_ocs.values.units import UnitType, format_quantity
from diameter_ocs.wire.result_code import ResultCode

INTERNET, VIDEO, MESSAGING, ADULT = 10, 20, 30, 40
CALL, MESSAGE = 200, 100
Groups = tuple[int | None, ...]
USUAL: tuple[Groups, ...] = (
    (INTERNET,),
    (INTERNET, VIDEO),
    (INTERNET, VIDEO),
    (INTERNET, MESSAGING),
    (INTERNET, VIDEO, MESSAGING),
)
CHOICES: Mapping[str, tuple[Groups, ...]] = {
    PREPAID: (*USUAL, (INTERNET, ADULT)),
    SMART: ((INTERNET,), (INTERNET, VIDEO)),
    CHILD: (*USUAL, (INTERNET, ADULT)),
    TRAVEL: ((INTERNET,),),
}
"""Rating groups that come together, by offer; USUAL where nothing is said."""
STEPS = 6, 14
"""Portions of traffic in one session."""
TALK_SECONDS = 5, 40
"""Of a call, in one step."""
MOST_MESSAGES = 3
LED = "led to the shop"
AWAY_PERCENT = 70
"""Of the sessions of somebody who travels."""
REST_SECONDS = 0.5, 3.0
"""Between two sessions of a subscriber."""
SHOP_SECONDS = 15.0
"""So long a subscriber without credit waits until it buys again."""
PAGE_SECONDS = 4.0
"""So long a subscriber who was led to the shop looks at its page."""
SEEN_STEPS = 3
"""Portions of traffic for which a recharge and its RAR stand on the screen, one after the other."""
RAR_SECONDS = 10.0
"""So long the request that follows a recharge may take."""


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
    chance: random.Random = field(default_factory=random.Random)
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
    seconds: int = 0
    messages: int = 0
    cut_off: int = 0
    refused: Counter[State] = field(default_factory=Counter)
    recharges: int = 0
    went_on: int = 0
    """Sessions that a recharge brought back to life, by a RAR."""


@dataclass(slots=True)
class Pace:
    """How fast things go: seconds between two portions and before a page of the shop, and whether subscribers rest."""

    step_seconds: float = 0.3
    page_seconds: float = PAGE_SECONDS
    rests: bool = True


class Traffic:
    """All subscribers on their gateways, until `stopping` is set or each has had `sessions`.

    gateways: by name. on_closed is awaited with the books of every session and event that has ended. recharge sells
    a subscriber new credit and says what, or nothing when there was none to sell.
    """

    def __init__(
        self,
        gateways: Mapping[str, Gateway],
        subscribers: Iterable[DemoSubscriber],
        stopping: asyncio.Event,
        on_closed: Callable[[SessionBooks], Awaitable[None]],
        recharge: Callable[[DemoSubscriber], Awaitable[str]],
        *,
        sessions: int | None = None,
        pace: Pace | None = None,
        seed: int = 1,
    ) -> None:
        self.gateways = gateways
        self.lives = [Life(who, who.gateway, chance=random.Random(f"{seed} {who.number}")) for who in subscribers]
        self.count = Count()
        self._stopping = stopping
        self._on_closed = on_closed
        self._recharge = recharge
        self._sessions = sessions
        self._pace = pace or Pace()
        self._numbers = itertools.count(1)
        self._open: dict[str, LiveSession] = {}
        for each in gateways.values():
            each.on_server_request = self._server_request

    async def run(self) -> None:
        """Returns when every session has ended."""
        async with asyncio.TaskGroup() as tasks:
            for life in self.lives:
                tasks.create_task(self._live(life), name=f"demo subscriber {life.who.number}")

    # One subscriber ------------------------------------------------------------------------------

    async def _live(self, life: Life) -> None:
        await self._pause(life.chance.uniform(0, 1) if self._pace.rests else 0)
        while self._may_begin(life):
            life.sessions += 1
            self.count.sessions += 1
            await (self._call(life) if self._decides(life, life.who.calls) else self._surf(life))
            if self._decides(life, life.who.texts) and not self._stopping.is_set():
                await self._write(life)
            if self._pace.rests:
                await self._rest(life)

    def _may_begin(self, life: Life) -> bool:
        return not self._stopping.is_set() and (self._sessions is None or life.sessions < self._sessions)

    @staticmethod
    def _decides(life: Life, percent: int) -> bool:
        return life.chance.randrange(100) < percent

    async def _rest(self, life: Life) -> None:
        if life.state is State.CUT_OFF:
            await self._pause(SHOP_SECONDS)
            if not self._stopping.is_set():
                await self._bought(life)
        elif life.state in (State.BLOCKED, State.NO_CREDIT):
            await self._pause(SHOP_SECONDS)
        await self._pause(life.chance.uniform(*REST_SECONDS))

    async def _bought(self, life: Life, state: State = State.IDLE) -> bool:
        told = await self._recharge(life.who)
        if told:
            self.count.recharges += 1
            life.happened(told, self._now(), state)
        return bool(told)

    async def _surf(self, life: Life) -> None:
        """A session of data."""
        dialect = self._dialect(life)
        groups = life.chance.choice(CHOICES.get(life.who.offer, USUAL)) if dialect.has_rating_groups else (None,)
        live = self._session(life.gateway, life, dialect)
        await live.start(groups)
        is_admitted = self._was_admitted(life, live, UnitType.OCTETS)
        if is_admitted and (life.state is State.ONLINE or await self._went_on(life, live)):
            await self._use(life, live, groups)
        await self._close(life, live, f"closed, {size(life.used)} so far")

    async def _call(self, life: Life) -> None:
        """A call that goes on while there is credit."""
        live = self._session(TAS, life, KAMAILIO)
        await live.start((CALL,))
        talked = 0
        if self._was_admitted(life, live, UnitType.SECONDS):
            for _ in range(life.chance.randint(*STEPS) // 2):
                if self._stopping.is_set() or live.model.phase is not Phase.OPEN:
                    break
                passed = (await live.use({CALL: life.chance.randint(*TALK_SECONDS)}))[CALL]
                talked += passed
                self.count.seconds += passed
                if self._is_cut_off(life, live, (CALL,), f"talks, {talked} s so far"):
                    break
                await self._pause(self._pace.step_seconds)
        await self._close(life, live, f"talked for {talked} s")

    async def _write(self, life: Life) -> None:
        """Short messages, each debited at once."""
        sender = EventSender(self.gateways[TAS], life.who.sim, next(self._numbers))
        for _ in range(life.chance.randint(1, MOST_MESSAGES)):
            answer = await sender.send(Action.DIRECT_DEBITING, 1, MESSAGE)
            if answer.result_code != SUCCESS:
                life.happened(f"message refused, {answer.result_code}", self._now())
                break
            self.count.messages += 1
            life.happened("sent a message", self._now())
        await self._on_closed(sender.books)

    def _dialect(self, life: Life) -> Dialect:
        if life.gateway == SMF:
            return OPEN5GS
        return visiting(life.who.visits) if life.who.visits and self._decides(life, AWAY_PERCENT) else THREE_GPP

    def _session(self, gateway: str, life: Life, dialect: Dialect) -> LiveSession:
        live = LiveSession(self.gateways[gateway], life.who.sim, next(self._numbers), dialect)
        self._open[live.session_id] = live
        self.count.open += 1
        return live

    async def _close(self, life: Life, live: LiveSession, told: str) -> None:
        await live.end()
        self.count.open -= 1
        del self._open[live.session_id]
        if live.model.phase is Phase.FAILED:
            self.count.failed += 1
            life.happened("no answer came", self._now(), State.FAILED)
        elif life.state in (State.ONLINE, State.LOW):
            life.happened(told, self._now(), State.IDLE)
        await self._on_closed({live.session_id: dict(live.model.books.groups)})

    def _server_request(self, command: int, session_id: str, scope: Scope) -> ResultCode:
        live = self._open.get(session_id)
        return ResultCode.UNKNOWN_SESSION_ID if live is None else live.server_request(command, scope)

    async def _use(self, life: Life, live: LiveSession, groups: Groups) -> None:
        for _ in range(life.chance.randint(*STEPS)):
            if self._stopping.is_set() or live.model.phase is not Phase.OPEN:
                return
            wanted = {group: self._portion(life, group) for group in groups}
            passed = sum((await live.use(wanted)).values())
            life.used += passed
            self.count.octets += passed
            if self._is_cut_off(life, live, groups, f"used {size(passed)}"):
                if not await self._went_on(life, live):
                    return
                groups = tuple(group for group in groups if live.model.groups[group].is_alive)
            await self._pause(self._pace.step_seconds)

    async def _went_on(self, life: Life, live: LiveSession) -> bool:
        """Buy something in a session that has run dry but is still there: the server asks its gateway to come back."""
        if live.model.phase is not Phase.OPEN or not life.who.recharges:
            return False
        await self._pause(self._pace.page_seconds)
        if self._stopping.is_set() or not await self._bought(life, State.CUT_OFF):
            return False
        await self._pause(SEEN_STEPS * self._pace.step_seconds)
        with suppress(TimeoutError):
            await live.await_request(RE_AUTH, RAR_SECONDS)
        granted = sum(group.quota for group in live.model.groups.values() if group.phase is GroupPhase.ACTIVE)
        if not granted:
            return False
        self.count.went_on += 1
        life.happened(f"RAR: {size(granted)} granted", self._now(), State.ONLINE)
        await self._pause(SEEN_STEPS * self._pace.step_seconds)
        return True

    @staticmethod
    def _portion(life: Life, group: int | None) -> int:
        """Messages take little; no two portions are alike."""
        if group == MESSAGING:
            return life.chance.randint(1, MB)
        return life.chance.randint(life.who.appetite // 2, life.who.appetite * 3 // 2)

    # What is seen --------------------------------------------------------------------------------

    def _was_admitted(self, life: Life, live: LiveSession, unit: UnitType) -> bool:
        model = live.model
        states = {ResultCode.END_USER_SERVICE_DENIED: State.BLOCKED, ResultCode.CREDIT_LIMIT_REACHED: State.NO_CREDIT}
        codes = [model.result_code, *(group.result_code for group in model.groups.values())]
        if model.phase is Phase.OPEN and any(group.phase is GroupPhase.ACTIVE for group in model.groups.values()):
            granted = sum(group.quota for group in model.groups.values())
            life.happened(f"opened, {format_quantity(granted, unit)} granted", self._now(), State.ONLINE)
            return True
        if model.phase is Phase.OPEN and any(group.phase is GroupPhase.RESTRICTED for group in model.groups.values()):
            life.happened(LED, self._now(), State.CUT_OFF)
            return True
        code = next((code for code in codes if code not in (0, SUCCESS)), model.result_code)
        state = states.get(ResultCode(code), State.FAILED) if code in set(ResultCode) else State.FAILED
        if state is State.NO_CREDIT and life.who.recharges:
            state = State.CUT_OFF
        self.count.refused[state] += 1
        life.happened(f"refused with {code}", self._now(), state)
        return False

    def _is_cut_off(self, life: Life, live: LiveSession, used: Groups, told: str) -> bool:
        """Look at what came of a portion of traffic, and whether it was the last."""
        groups = [live.model.groups[group] for group in used]
        is_dry = _is_dry(groups)
        if is_dry:
            self.count.cut_off += 1
            is_led = any(group.phase is GroupPhase.RESTRICTED for group in groups)
            life.happened(LED if is_led else "out of credit", self._now(), State.CUT_OFF)
        elif any(group.final is not None and group.phase is GroupPhase.ACTIVE for group in groups):
            life.happened(f"last units, {told}", self._now(), State.LOW)
        else:
            life.happened(told, self._now(), State.ONLINE)
        return is_dry

    async def _pause(self, seconds: float) -> None:
        """Cut short when everything stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _now(self) -> float:
        return self.gateways[PGW].clock()


def _is_dry(groups: Iterable[Group]) -> bool:
    """A group that costs something was stopped or redirected, and it had been paid for before."""
    ended = (GroupPhase.STOPPED, GroupPhase.RESTRICTED)
    return any(group.phase in ended and group.was_granted for group in groups)


def size(octets: int) -> str:
    return format_quantity(octets, UnitType.OCTETS)
