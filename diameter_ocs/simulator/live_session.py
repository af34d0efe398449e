"""A session that runs: the model of a session joined to a gateway on the network.

Time is the session's own: the clock of the gateway plus what was skipped with `idle`, so that
hours of Validity-Time pass at once.
"""

import asyncio
from collections.abc import Mapping

from diameter_ocs.simulator.credit import Request, Subscriber, TerminationCause
from diameter_ocs.simulator.dialect import THREE_GPP, Dialect
from diameter_ocs.simulator.gateway import Gateway, NoAnswer, Scope
from diameter_ocs.simulator.group import GroupPhase, Habits
from diameter_ocs.simulator.message import ABORT_SESSION
from diameter_ocs.simulator.session import GatewaySession
from diameter_ocs.wire.result_code import ResultCode

MAX_ROUNDS = 100_000
"""Requests one `use` may cause; a server that grants an octet at a time does not hold us for ever."""


class LiveSession:
    """One session of a subscriber. Every method returns when all its requests are answered or given up."""

    def __init__(
        self,
        gateway: Gateway,
        subscriber: Subscriber,
        number: int,
        dialect: Dialect = THREE_GPP,
        habits: Habits | None = None,
    ) -> None:
        session_id = dialect.session_id(gateway.origin, number, subscriber)
        self.model = GatewaySession(session_id, subscriber, habits or dialect.habits)
        self.dialect = dialect
        self.gateway = gateway
        self._skipped_seconds = 0.0
        self._under_way: set[asyncio.Task[None]] = set()
        self._asked: list[int] = []
        self._was_asked = asyncio.Event()

    @property
    def session_id(self) -> str:
        return self.model.session_id

    def now(self) -> float:
        return self.gateway.clock() + self._skipped_seconds

    async def start(self, rating_groups: tuple[int | None, ...] = ()) -> None:
        """Open the session, asking for quota for the groups."""
        self.model.initial(rating_groups, self.now())
        await self.settle()

    async def use(self, octets: Mapping[int | None, int]) -> dict[int | None, int]:
        """Traffic of several groups at once, until all of it passed or no more may; what passed by group."""
        left, passed = dict(octets), dict.fromkeys(octets, 0)
        for _ in range(MAX_ROUNDS):
            flowed = {group: self.model.use(group, left[group], self.now()) for group in octets}
            for group, count in flowed.items():
                left[group] -= count
                passed[group] += count
            asked = await self.settle()
            if not any(left.values()) or not (asked or any(flowed.values())):
                break
        return passed

    async def idle(self, seconds: float) -> None:
        """Nothing flows for so long; every timer that ends on the way does so at its time."""
        until = self.now() + seconds
        while (deadline := self.model.deadline()) is not None and deadline <= until:
            self._skip_to(deadline)
            self.model.due(self.now())
            if not await self.settle() and self.model.deadline() == deadline:
                break
        self._skip_to(until)

    async def wait_validity(self) -> None:
        """Until the next Validity-Time of the session ends, as if a trickle kept Quota-Holding-Time off."""
        ends = [
            group.valid_until
            for group in self.model.groups.values()
            if group.valid_until is not None and group.phase in (GroupPhase.ACTIVE, GroupPhase.RESTRICTED)
        ]
        if ends:
            self._skip_to(min(ends))
            self.model.due(self.now())
            await self.settle()

    async def change_media(self, dialect: Dialect) -> None:
        """The call has other media from now on, as `dialect` writes them."""
        self.dialect = dialect
        self.model.change_conditions()
        await self.settle()

    async def end(self, cause: TerminationCause = TerminationCause.LOGOUT) -> None:
        """Close the session."""
        self.model.terminate(self.now(), cause)
        await self.settle()

    async def settle(self) -> bool:
        """Send what is due and obey the answers until nothing is left to say; whether anything was sent."""
        sent = self._dispatch()
        while self._under_way:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            sent = self._dispatch() or sent
        return sent

    def server_request(self, command: int, scope: Scope) -> ResultCode:
        """A RAR or ASR came: what to answer; the CCR that follows is sent by itself (RFC 8506 §5.5)."""
        self._asked.append(command)
        self._was_asked.set()
        if self.model.is_over:
            return ResultCode.UNKNOWN_SESSION_ID
        if command == ABORT_SESSION:
            self.model.terminate(self.now(), TerminationCause.ADMINISTRATIVE)
            self._dispatch()
            return ResultCode.SUCCESS
        asked = self.model.reauthorise(scope.rating_group, scope.pool)
        self._dispatch()
        return ResultCode.LIMITED_SUCCESS if asked else ResultCode.SUCCESS

    async def await_request(self, command: int, timeout_seconds: float) -> None:
        """Until the server has asked this since the last time, and what follows is done. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while command not in self._asked:
                self._was_asked.clear()
                await self._was_asked.wait()
        self._asked.remove(command)
        await self.settle()

    def _skip_to(self, moment: float) -> None:
        self._skipped_seconds += max(0.0, moment - self.now())

    def _dispatch(self) -> bool:
        self._under_way = {task for task in self._under_way if not task.done()}
        requests = self.model.requests(self.now())
        for request in requests:
            task = asyncio.create_task(self._exchange(request), name=f"CCR of {self.session_id}")
            self._under_way.add(task)
        return bool(requests)

    async def _exchange(self, request: Request) -> None:
        try:
            answer = await self.gateway.exchange(request, self.dialect, self.model.habits.tx_seconds)
        except NoAnswer:
            self.model.fail()
        else:
            self.model.answer(answer, self.now())
        self._dispatch()
