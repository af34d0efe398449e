"""Gy as the transport sees it: CCR bytes in, one CCA out, now or when its effect is durable.

Every request gets exactly one answer or, when its time is over, none: late answers crash real gateways.
"""

import asyncio
from collections.abc import Callable, Container
from typing import Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.request import Outcome
from diameter_ocs.engine.engine import Clock, Engine
from diameter_ocs.errors import InvalidAvpLength, MessageError, RealmNotServed, TooBusy, UnableToDeliver
from diameter_ocs.gy.decode import CcrDecoder, CreditControlRequest
from diameter_ocs.gy.encode import CcaEncoder
from diameter_ocs.gy.limits import HEAVY_OCTETS, HeavyAllowance, Sparing
from diameter_ocs.gy.meter import Meter, Unmetered
from diameter_ocs.peer.answers import MAX_ERROR_MESSAGE, busy_code, destination_host, error_answer
from diameter_ocs.peer.avps import AvpCode, readable_avps
from diameter_ocs.peer.node import Node
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.result_code import RESULT_CODE_OF_VERDICT, ResultCode, result_code_of

log = structlog.get_logger("ocs.gy")

DEFAULT_DEADLINE_SECONDS = 4.5
REFUSAL_GRACE_SECONDS = 0.4
"""A refusal because the time is over comes when it is over; later than this nobody may get even that."""
DESTINATION_REALM = 283
NOT_FOR_US = (UnableToDeliver, RealmNotServed)
NOT_DONE = frozenset({Verdict.TOO_BUSY, Verdict.STORE_UNAVAILABLE, Verdict.INTERNAL_ERROR})
"""Nothing was charged, and the same request may be sent again."""


class Client(Protocol):
    """The peer a request came from."""

    @property
    def label(self) -> str:
        """Name for metrics, of a bounded set."""

    @property
    def gateway(self) -> GatewayProfile:
        """What the peer understands."""

    def send(self, message: bytes) -> None:
        """Queue a message for the connection; a lost connection swallows it."""


class GySettings(Struct, frozen=True):
    """cluster_hosts: every name accepted as Destination-Host beside the node's own."""

    answer_deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    cluster_hosts: frozenset[str] = frozenset()


class GyApplication:
    """Answers the CCRs of all peers. served_realms: lower case, may grow while running.

    on_origin_state: told Origin-Host and Origin-State-Id of every CCR that has one, before it is decided.
    """

    def __init__(
        self,
        node: Node,
        engine: Engine,
        decoder: CcrDecoder,
        served_realms: Container[str],
        clock: Clock,
        settings: GySettings | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.node = node
        self.engine = engine
        self.decoder = decoder
        self.clock = clock
        self.settings = settings or GySettings()
        self.meter: Meter = meter or Unmetered()
        self.served_realms = served_realms
        self.on_origin_state: Callable[[str, int], None] | None = None
        self._hosts = {node.origin_host.lower(), *(host.lower() for host in self.settings.cluster_hosts)}
        self.encoder = CcaEncoder(node.origin_host, node.origin_realm, has_alternatives=len(self._hosts) > 1)
        self.pending = 0
        """Requests taken and not answered yet."""
        self._idle: asyncio.Event | None = None
        self.sparing = Sparing()
        self.heavy = HeavyAllowance()

    def handle(self, message: bytes, client: Client, arrived: float) -> None:
        """Take a CCR of an open peer. arrived: monotonic seconds when its last octet was read."""
        if len(message) > HEAVY_OCTETS and not self.heavy.admits(client, len(message), arrived):
            self.refuse(message, client, arrived, TooBusy("too many octets of very large requests at a time"))
            return
        try:
            request = self.decoder.decode(message, client.gateway)
            self._check_route(request.destination_host, request.destination_realm)
        except MessageError as error:
            self._faulty(message, client, arrived, self._first_error(message, error))
            return
        except Exception:
            log.exception("a request could not be read", peer=client.label)
            self._answer_error(message, client, arrived, ResultCode.UNABLE_TO_COMPLY, "internal error", b"")
            return
        deadline = arrived + self.settings.answer_deadline_seconds
        pending = Pending(self, message, request, client, arrived, deadline)
        command = request.session or request.event
        assert command is not None
        if request.origin_state and self.on_origin_state is not None:
            self.on_origin_state(command.origin_host, request.origin_state)
        self.pending += 1
        self.engine.submit(command, pending.finish, deadline)

    def _faulty(self, message: bytes, client: Client, arrived: float, error: MessageError) -> None:
        """Refuse a message; what the last one of a session reports is debited before, if that can be read."""
        report = None if isinstance(error, NOT_FOR_US) else self.decoder.last_report(message)
        if report is None:
            self.refuse(message, client, arrived, error)
            return
        settled = LastReport(self, message, client, arrived, error)
        self.pending += 1
        report = replace(report, fault=f"refused with {result_code_of(error):d}: {error.text[:MAX_ERROR_MESSAGE]}")
        self.engine.submit(report, settled.finish, arrived + self.settings.answer_deadline_seconds)

    async def drain(self) -> None:
        """Wait until every request that was taken is answered."""
        if self.pending:
            self._idle = asyncio.Event()
            await self._idle.wait()

    def answered(self) -> None:
        """One request less to answer."""
        self.pending -= 1
        if not self.pending and self._idle is not None:
            self._idle.set()

    def count(self, outcome: Outcome) -> None:
        """Tell the meter of every group of an answer."""
        for credit in outcome.credits:
            success = credit.verdict is Verdict.SUCCESS
            self.meter.credit(credit, 2001 if success else RESULT_CODE_OF_VERDICT[credit.verdict])

    def _check_route(self, destination_host: str | None, destination_realm: str) -> None:
        """RFC 6733 §6.1.4: is this message for us?"""
        if destination_host is not None and destination_host.lower() not in self._hosts:
            raise UnableToDeliver(f"{destination_host} is not a name of this system")
        if destination_realm not in self.served_realms and destination_realm.lower() not in self.served_realms:
            raise RealmNotServed(f"realm {destination_realm} is not served here")

    def _first_error(self, message: bytes, error: MessageError) -> MessageError:
        """Routing is checked before AVPs are (RFC 6733 §7): a misrouted faulty message is told the former."""
        if isinstance(error, (InvalidAvpLength, *NOT_FOR_US)):
            return error
        found = {avp.code: avp.data.decode("ascii", "replace") for avp in readable_avps(message) if avp.vendor == 0}
        host, realm = found.get(AvpCode.DESTINATION_HOST), found.get(DESTINATION_REALM)
        try:
            if realm is not None:
                self._check_route(host, realm)
        except MessageError as routing:
            return routing
        if host is not None and realm is None:
            return UnableToDeliver("Destination-Host came without Destination-Realm")
        return error

    def refuse(self, message: bytes, client: Client, arrived: float, error: MessageError) -> None:
        """Answer an error, and tell it unless too many are told already."""
        code, text = result_code_of(error), error.text[:MAX_ERROR_MESSAGE]
        if isinstance(error, TooBusy):
            code = busy_code(destination_host(message), self.node)
        untold = self.sparing.untold(client.label, arrived)
        if untold is not None:
            log.info("request refused", peer=client.label, result_code=int(code), cause=text, untold_before=untold)
        self._answer_error(message, client, arrived, code, text, error.failed_avp)

    def refuse_undone(self, message: bytes, client: Client, arrived: float, outcome: Outcome) -> None:
        """Nothing happened: ask the gateway to try again or elsewhere."""
        code = self.encoder.refusal_code(outcome.verdict, destination_host(message))
        self._answer_error(message, client, arrived, code, outcome.detail, b"")

    def _answer_error(
        self, message: bytes, client: Client, arrived: float, code: int, text: str, failed_avp: bytes
    ) -> None:
        if self.clock.now() > arrived + self.settings.answer_deadline_seconds + REFUSAL_GRACE_SECONDS:
            self.meter.dropped_late()
            return
        client.send(error_answer(message, code, self.node, text, failed_avp))
        self.meter.answered(client.label, 0, code, self.clock.now() - arrived)


class LastReport:
    """The report of a CCR-Termination that is refused: on its way to the books before the error is told."""

    def __init__(
        self, application: GyApplication, message: bytes, client: Client, arrived: float, error: MessageError
    ) -> None:
        self._application = application
        self._message = message
        self._client = client
        self._arrived = arrived
        self._error = error

    def finish(self, outcome: Outcome) -> None:
        """The engine's answer: the report is on disk, or nothing of it is."""
        application = self._application
        application.answered()
        if outcome.verdict in NOT_DONE:
            application.refuse_undone(self._message, self._client, self._arrived, outcome)
            return
        application.refuse(self._message, self._client, self._arrived, self._error)
        if outcome.repeated:
            application.meter.repeated()
        else:
            application.count(outcome)


class Pending:
    """One request on the road: knows whom to answer, and until when."""

    __slots__ = ("_application", "_arrived", "_client", "_deadline", "_message", "_request")

    def __init__(
        self,
        application: GyApplication,
        message: bytes,
        request: CreditControlRequest,
        client: Client,
        arrived: float,
        deadline: float,
    ) -> None:
        self._application = application
        self._message = message
        self._request = request
        self._client = client
        self._arrived = arrived
        self._deadline = deadline

    def finish(self, outcome: Outcome) -> None:
        """The engine's answer."""
        self._application.answered()
        self(outcome)

    def __call__(self, outcome: Outcome) -> None:
        application = self._application
        meter = application.meter
        now = application.clock.now()
        if now > self._deadline + (REFUSAL_GRACE_SECONDS if outcome.verdict is Verdict.TOO_BUSY else 0.0):
            meter.dropped_late()
            return
        request = self._request
        try:
            code, answer = application.encoder.encode(self._message, request, outcome)
        except Exception:
            log.exception(
                "an answer could not be written; what was charged stays charged", verdict=outcome.verdict.value
            )
            outcome = Outcome(Verdict.INTERNAL_ERROR, detail="the answer could not be written")
            code, answer = application.encoder.encode(self._message, request, outcome)
        self._client.send(answer)
        meter.answered(self._client.label, request.request_type, code, now - self._arrived)
        if outcome.repeated:
            meter.repeated()
            return
        application.count(outcome)
        if outcome.verdict is Verdict.SESSION_UNKNOWN:
            self._count_unknown()

    def _count_unknown(self) -> None:
        session = self._request.session
        if session is not None:
            octets = sum(used.octets or 0 for credit in session.credits for used in credit.used)
            if octets:
                self._application.meter.unknown_usage(octets)
