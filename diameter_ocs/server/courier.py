"""Brings a request of this node to a gateway and its answer back: routes, tries, pauses (RFC 6733 §5.5.4, §6.1)."""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct

from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.outbox import GatewayRequest
from diameter_ocs.charging.session import Session
from diameter_ocs.gy.server_requests import encode_request, result_of, sent_again, without_mark
from diameter_ocs.peer.node import Node
from diameter_ocs.server.connection import OnAnswer
from diameter_ocs.wire.dictionary import Dictionary
from diameter_ocs.wire.result_code import ResultCode

TRY_ELSEWHERE = frozenset({ResultCode.UNABLE_TO_DELIVER, ResultCode.TOO_BUSY, ResultCode.LOOP_DETECTED})
"""Answers of an agent on the way, or of a gateway that could not look at the request."""


class Line(Protocol):
    """A connection that requests can be sent on."""

    origin_host: str

    def request(self, message: bytes, on_answer: OnAnswer, timeout_seconds: float | None = None) -> bool: ...


class Routes(Protocol):
    """The peer table, as the courier needs it."""

    def routes_to(self, host: str, realm: str) -> Sequence[Line]:
        """Open connections to that host, best first; none when it cannot be reached."""

    def gateway_of(self, host: str, realm: str) -> GatewayProfile:
        """What that host understands."""

    def next_end_to_end(self) -> int: ...


class Persistence(Struct, frozen=True, kw_only=True):
    """How hard to try. tries: how often one request is sent at most. pause_seconds doubles from try to try."""

    answer_seconds: float = 5.0
    tries: int = 3
    pause_seconds: float = 2.0


class Fate(Enum):
    """What became of a request. NO_ROUTE: it may be tried again when the gateway is back."""

    ANSWERED = "answered"
    NO_ANSWER = "no answer"
    NO_ROUTE = "no route"


class Report(Struct, frozen=True):
    """tries: how often it was sent this time. code: Result-Code of the last answer, 0 without one.

    is_from_gateway: the answer came from the session's own host, not from an agent or another gateway.
    """

    fate: Fate
    tries: int
    code: int = 0
    is_from_gateway: bool = False


class Courier:
    """Sends for one node."""

    def __init__(self, node: Node, dictionary: Dictionary, routes: Routes, persistence: Persistence) -> None:
        self._node = node
        self._dictionary = dictionary
        self._routes = routes
        self._persistence = persistence

    def can_reach(self, host: str, realm: str) -> bool:
        return bool(self._routes.routes_to(host, realm))

    def gateway_of(self, session: Session) -> GatewayProfile:
        return self._routes.gateway_of(session.origin_host, session.origin_realm)

    async def deliver(
        self, request: GatewayRequest, session: Session, on_sent: Callable[[int], None], is_moot: Callable[[], bool]
    ) -> Report:
        """Send until there is an answer or its tries are used up, by another connection each time if there is one.

        on_sent: told the number of tries so far. is_moot: asked before each further try, whether it is still needed.
        """
        message = encode_request(request, session, self._node, self._dictionary, self._routes.next_end_to_end())
        budget = self._persistence.tries - request.tries
        tries, code, is_own = 0, 0, False
        while tries < budget and not (tries and is_moot()):
            answer = self._ask(session, message, tries)
            if answer is None:
                await asyncio.sleep(self._persistence.pause_seconds)
                return Report(Fate.NO_ROUTE, tries)
            tries += 1
            on_sent(tries)
            octets = await answer
            if octets is not None:
                code, host = result_of(octets, self._dictionary)
                is_own = host.lower() == session.origin_host.lower()
                if code not in TRY_ELSEWHERE:
                    return Report(Fate.ANSWERED, tries, code, is_own)
            message = without_mark(message) if octets is not None else sent_again(message)
            if tries < budget:
                await asyncio.sleep(self._persistence.pause_seconds * 2 ** (tries - 1))
        return Report(Fate.ANSWERED if code else Fate.NO_ANSWER, tries, code, is_own)

    def _ask(self, session: Session, message: bytes, turn: int) -> asyncio.Future[bytes | None] | None:
        """The answer to come, on the best connection first, then on the next; None when nothing could be sent."""
        routes = self._routes.routes_to(session.origin_host, session.origin_realm)
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        def heard(octets: bytes | None) -> None:
            if not answer.done():
                answer.set_result(octets)

        is_sent = bool(routes) and routes[turn % len(routes)].request(message, heard, self._persistence.answer_seconds)
        return answer if is_sent else None
