"""Runs scenario files against servers and reports step by step what held and what did not."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from diameter_ocs.charging.event import Action
from diameter_ocs.errors import OcsError
from diameter_ocs.simulator.connection import Address
from diameter_ocs.simulator.credit import Reported, SessionBooks, Subscriber
from diameter_ocs.simulator.dialect import Dialect, Origin
from diameter_ocs.simulator.event import EventSender
from diameter_ocs.simulator.gateway import Gateway, NoAnswer
from diameter_ocs.simulator.group import GroupPhase, Habits
from diameter_ocs.simulator.live_session import LiveSession
from diameter_ocs.simulator.message import ABORT_SESSION, RE_AUTH
from diameter_ocs.simulator.misbehaving import MisdeedCount, SetBlocked, run_mix
from diameter_ocs.simulator.scenario_file import (
    DIALECTS,
    EVENTS,
    OPERATOR_DEEDS,
    Deed,
    Expectation,
    Scenario,
    Step,
    group_name,
    load_scenario,
)
from diameter_ocs.simulator.voice import call_dialect
from diameter_ocs.values.money import format_money

RECONNECT_SECONDS = 10.0
ACTIONS = {
    Deed.DEBIT: Action.DIRECT_DEBITING,
    Deed.REFUND: Action.REFUND_ACCOUNT,
    Deed.CHECK_BALANCE: Action.CHECK_BALANCE,
    Deed.ASK_PRICE: Action.PRICE_ENQUIRY,
}
FIRST_NUMBER_BITS = 31
"""Session-Ids are unique for ever, also when two scenarios start in the same second (RFC 6733 §8.8)."""


Operator = Callable[[Deed, Subscriber, int], Awaitable[None]]
"""Credits so many octets to the account of a subscriber, blocks or unblocks it. Raises OcsError."""
AWAITED: Mapping[Deed, int] = {Deed.EXPECT_RAR: RE_AUTH, Deed.EXPECT_ASR: ABORT_SESSION}


class StepReport(Struct, frozen=True):
    """One step: what it was, whether all held, and if not, why."""

    number: int
    text: str
    ok: bool
    reasons: tuple[str, ...] = ()


class GroupTotals(Struct, frozen=True):
    """The gateway's books of one session and rating group, in octets."""

    session_id: str
    rating_group: str
    granted: int
    answered: int
    unanswered: int
    refused: int
    doubtful: int


class ScenarioReport(Struct, frozen=True):
    """A whole scenario. misdeeds: what a mix did. `books` is for the conservation check and is not part of the JSON."""

    name: str
    ok: bool
    seconds: float
    steps: tuple[StepReport, ...]
    totals: tuple[GroupTotals, ...]
    books: SessionBooks
    misdeeds: tuple[MisdeedCount, ...] = ()

    def as_json(self) -> dict[str, Any]:
        content: dict[str, Any] = to_builtins(
            {name: getattr(self, name) for name in self.__struct_fields__ if name != "books"}
        )
        return content


async def run_scenario(
    file: Path | Scenario,
    servers: Sequence[Address],
    origin: Origin | None = None,
    on_step: Callable[[StepReport], None] | None = None,
    operator: Operator | None = None,
) -> ScenarioReport:
    """Play a scenario against servers.

    operator: does what a scenario asks of an operator; without one such a step fails.
    Raises ConfigurationError for a wrong file, NoAnswer when no server takes the connection. After
    a step that failed the others are still played, because sessions have to be closed.
    """
    scenario = file if isinstance(file, Scenario) else load_scenario(file)
    started = time.monotonic()
    gateway = Gateway(servers, origin)
    await gateway.start()
    player = _Player(scenario, gateway, operator)
    reports = []
    try:
        for number, step in enumerate(scenario.steps, 1):
            reports.append(await player.play(number, step))
            if on_step is not None:
                on_step(reports[-1])
        await player.end_all()
    finally:
        await gateway.stop()
    books: dict[str, Mapping[int | None, Reported]] = {**player.books()}
    misdeeds: tuple[MisdeedCount, ...] = ()
    if scenario.mix is not None:
        mixed = await run_mix(
            scenario.mix, tuple(scenario.sessions.values()), servers, gateway.origin, _blocker(operator)
        )
        text = f"{mixed.sessions:,} sessions that misbehave, {mixed.requests:,} requests"
        reports.append(StepReport(len(reports) + 1, text, not mixed.faults, mixed.faults))
        if on_step is not None:
            on_step(reports[-1])
        books |= mixed.books
        misdeeds = mixed.counts
    return ScenarioReport(
        name=scenario.name,
        ok=all(report.ok for report in reports),
        seconds=round(time.monotonic() - started, 3),
        steps=tuple(reports),
        totals=tuple(player.totals()),
        books=books,
        misdeeds=misdeeds,
    )


def _blocker(operator: Operator | None) -> SetBlocked | None:
    """Blocks and unblocks accounts for a mix."""
    if operator is None:
        return None

    async def set_blocked(subscriber: Subscriber, is_blocked: bool) -> None:
        await operator(Deed.BLOCK if is_blocked else Deed.UNBLOCK, subscriber, 0)

    return set_blocked


class _Player:
    """Plays the steps of one scenario."""

    def __init__(self, scenario: Scenario, gateway: Gateway, operator: Operator | None = None) -> None:
        self.gateway = gateway
        self.operator = operator
        dialect = DIALECTS[scenario.dialect]
        first = random.getrandbits(FIRST_NUMBER_BITS)
        habits = Habits(
            obeys_threshold=dialect.habits.obeys_threshold,
            exhausted_percent=dialect.habits.exhausted_percent,
            overuses=scenario.overuse,
            merges=not scenario.parallel,
        )
        self.calls = dict(scenario.calls)
        self.sessions = {
            name: LiveSession(gateway, subscriber, number, self._dialect(name, dialect), habits)
            for number, (name, subscriber) in enumerate(scenario.sessions.items(), first)
        }
        self.senders = {
            name: EventSender(gateway, subscriber, number)
            for number, (name, subscriber) in enumerate(scenario.sessions.items(), first)
        }
        by_id = {live.session_id: live for live in self.sessions.values()}
        unknown = gateway.on_server_request
        gateway.on_server_request = lambda command, session_id, scope: (
            by_id[session_id].server_request(command, scope)
            if session_id in by_id
            else unknown(command, session_id, scope)
        )

    def _dialect(self, name: str, otherwise: Dialect) -> Dialect:
        return call_dialect(self.calls[name]) if name in self.calls else otherwise

    async def play(self, number: int, step: Step) -> StepReport:
        """One step and a look at what came of it."""
        resent = self.gateway.counters.resends
        try:
            passed = await self._do(step)
        except TimeoutError:
            what = "request" if step.deed in AWAITED else "connection"
            return StepReport(number, str(step), False, (f"no {what} within {RECONNECT_SECONDS:.0f} s",))
        except (NoAnswer, OcsError) as error:
            return StepReport(number, str(step), False, (str(error),))
        live = None if step.deed in EVENTS else self.sessions.get(step.session)
        reasons = list(_group_mismatches(step.expect, live, passed)) if live is not None else []
        if live is not None:
            reasons += _session_mismatches(step.expect, live)
        if step.deed in EVENTS:
            reasons += _event_mismatches(step.expect, self.senders[step.session])
        resent = self.gateway.counters.resends - resent
        if step.expect.resent is not None and resent != step.expect.resent:
            reasons.append(f"{resent} requests were sent again, expected {step.expect.resent}")
        return StepReport(number, str(step), not reasons, tuple(reasons))

    async def _do(self, step: Step) -> dict[int | None, int]:
        if step.lose_answer:
            self.gateway.lose_next_answer()
        if step.deed is Deed.DROP_CONNECTION:
            self.gateway.drop_connections()
        elif step.deed is Deed.RECONNECT:
            await self._reconnect()
        elif step.deed in EVENTS:
            await self.senders[step.session].send(ACTIONS[step.deed], step.units, step.group)
        else:
            return await self._do_in_session(step, self.sessions[step.session])
        return {}

    async def _reconnect(self) -> None:
        """Let a line that was just cut be noticed, then wait for the next one."""
        await asyncio.sleep(0)
        await self.gateway.wait_open(RECONNECT_SECONDS)

    async def _do_in_session(self, step: Step, live: LiveSession) -> dict[int | None, int]:
        if step.deed is Deed.START:
            await live.start(step.groups)
        elif step.deed is Deed.USE:
            return await live.use(step.octets)
        elif step.deed is Deed.IDLE:
            await live.idle(step.seconds)
        elif step.deed is Deed.WAIT_VALIDITY:
            await live.wait_validity()
        elif step.deed is Deed.CHANGE_MEDIA:
            call = self.calls[step.session] = replace(self.calls[step.session], media=step.media)
            await live.change_media(call_dialect(call))
        elif step.deed in AWAITED:
            await live.await_request(AWAITED[step.deed], RECONNECT_SECONDS)
        elif step.deed in OPERATOR_DEEDS:
            await self._operate(step, live)
        else:
            await live.end()
        return {}

    async def _operate(self, step: Step, live: LiveSession) -> None:
        if self.operator is None:
            raise OcsError("nobody here can change accounts")
        await self.operator(step.deed, live.model.subscriber, step.amount)

    async def end_all(self) -> None:
        """Leave no session open on the server."""
        for live in self.sessions.values():
            await live.end()

    def books(self) -> dict[str, dict[int | None, Reported]]:
        books = {live.session_id: dict(live.model.books.groups) for live in self.sessions.values()}
        for sender in self.senders.values():
            books |= sender.books
        return books

    def totals(self) -> Iterator[GroupTotals]:
        for session_id, groups in self.books().items():
            for group, book in groups.items():
                yield GroupTotals(
                    session_id,
                    group_name(group),
                    book.granted,
                    book.answered,
                    book.unanswered,
                    book.refused,
                    book.doubtful,
                )


def _session_mismatches(expect: Expectation, live: LiveSession) -> Iterator[str]:
    model = live.model
    if expect.result is not None and model.result_code != expect.result:
        yield f"the result is {model.result_code}, expected {expect.result}"
    if expect.phase is not None and model.phase.value != expect.phase:
        yield f"the session is {model.phase.value}, expected {expect.phase}"


def _event_mismatches(expect: Expectation, sender: EventSender) -> Iterator[str]:
    answer = sender.last
    assert answer is not None
    if expect.result is not None and answer.result_code != expect.result:
        yield f"the result is {answer.result_code}, expected {expect.result}"
    if expect.enough is not None and answer.has_enough is not expect.enough:
        yield f"the balance is {_enough(answer.has_enough)}, expected {_enough(expect.enough)}"
    if expect.cost_micros is not None and answer.cost_micros != expect.cost_micros:
        told = "nothing" if answer.cost_micros is None else format_money(answer.cost_micros)
        yield f"it costs {told}, expected {format_money(expect.cost_micros)}"
    for group, comparison in expect.granted.items():
        found = answer.group(group)
        granted = (found.granted if found is not None else None) or 0
        if not comparison.holds(granted):
            yield f"group {group_name(group)} was granted {granted:,} units, expected {comparison}"


def _enough(result: bool | None) -> str:
    return "not told" if result is None else "enough" if result else "too little"


def _group_mismatches(expect: Expectation, live: LiveSession, passed: dict[int | None, int]) -> Iterator[str]:
    groups = live.model.groups
    named = {*expect.groups, *expect.granted, *expect.final, *expect.refused, *expect.stopped, *expect.restricted}
    named |= expect.pools.keys()
    named -= groups.keys()
    for group in named:
        yield f"group {group_name(group)} is not part of the session"
    for group, code in expect.groups.items():
        if group in groups and groups[group].result_code != code:
            yield f"group {group_name(group)} got {groups[group].result_code}, expected {code}"
    for group, code in expect.refused.items():
        if group in groups and (groups[group].phase is not GroupPhase.STOPPED or groups[group].result_code != code):
            seen = f"{groups[group].phase.value} with {groups[group].result_code}"
            yield f"group {group_name(group)} is {seen}, expected it refused with {code}"
    for group, comparison in expect.granted.items():
        if group in groups and not comparison.holds(groups[group].quota):
            yield f"group {group_name(group)} was granted {groups[group].quota:,} octets, expected {comparison}"
    for group, comparison in expect.passed.items():
        if not comparison.holds(passed.get(group, 0)):
            yield f"{passed.get(group, 0):,} octets of group {group_name(group)} passed, expected {comparison}"
    for group in expect.final:
        if group in groups and groups[group].final is None:
            yield f"group {group_name(group)} has no final units"
    for group in expect.stopped:
        if group in groups and groups[group].phase is not GroupPhase.STOPPED:
            yield f"group {group_name(group)} is {groups[group].phase.value}, expected it stopped"
    for group in expect.restricted:
        if group in groups and groups[group].phase is not GroupPhase.RESTRICTED:
            yield f"group {group_name(group)} is {groups[group].phase.value}, expected it restricted"
    for group, pool_id in expect.pools.items():
        share, pool = groups[group].share if group in groups else None, live.model.pools.get(pool_id)
        if group in groups and (share is None or share.pool is not pool):
            yield f"group {group_name(group)} does not draw on pool {pool_id}"
