"""CCRs encoded once and patched at fixed places: what lets the load generator outrun a server.

A template is written by the same code as every other CCR, with a model request; then the places of
what differs from session to session are looked up in the octets.
"""

from struct import Struct

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator.answer_reader import MSCC, places
from diameter_ocs.simulator.credit import Report, Request, Subscriber, TerminationCause
from diameter_ocs.simulator.dialect import THREE_GPP, Origin
from diameter_ocs.simulator.load_slot import Slot
from diameter_ocs.simulator.message import encode_ccr
from diameter_ocs.wire.datatypes import time_from_unix

LOW_DIGITS = 10
FIRST_LOW, LAST_LOW = 10 ** (LOW_DIGITS - 1), (1 << 32) - 1
"""Low parts of Session-Ids all have the same number of digits, so that all messages are equally long."""

SESSION_ID, EVENT_TIMESTAMP, SUBSCRIPTION_ID, SUBSCRIPTION_DATA = 263, 55, 443, 444
REQUEST_NUMBER, USED_UNITS, CC_TIME, REPORTING_REASON = 415, 446, 420, 872
TOTAL_OCTETS, INPUT_OCTETS, OUTPUT_OCTETS = 421, 412, 414
UNSIGNED64 = 0x40000010
"""Flags and length of an Unsigned64 with the M bit."""
GROUPS = frozenset({MSCC, USED_UNITS, SUBSCRIPTION_ID})
FLAGS_AT, IDENTIFIERS_AT = 4, 12
SECONDS_PER_REPORT = 1

_IDENTIFIERS = Struct(">II")
_NUMBER = Struct(">I")
_USAGE = Struct(">IIIQIIQIIQ")
"""Data of CC-Time, then CC-Total-, CC-Input- and CC-Output-Octets with their headers."""


class CcrTemplate:
    """One kind of CCR for a fixed list of rating groups. After `fill`, `octets` is a complete message."""

    __slots__ = ("_at", "_imsi", "_low", "_msisdn", "_number", "_reasons", "_usage", "octets")

    def __init__(
        self,
        kind: RequestType,
        origin: Origin,
        subscriber: Subscriber,
        rating_groups: tuple[int, ...],
        destination_host: str,
        started_at: int,
    ) -> None:
        request = _model(kind, origin, subscriber, rating_groups, destination_host)
        self.octets = bytearray(encode_ccr(request, THREE_GPP, origin, started_at))
        found: dict[tuple[int, ...], list[int]] = {}
        for place in places(bytes(self.octets), groups=GROUPS):
            found.setdefault(place.path, []).append(place.offset)
        low = found[SESSION_ID,][0] + len(f"{origin.host};{origin.state_id};")
        msisdn, imsi = found[SUBSCRIPTION_ID, SUBSCRIPTION_DATA]
        self._low = slice(low, low + LOW_DIGITS)
        self._msisdn = slice(msisdn, msisdn + len(subscriber.msisdn))
        self._imsi = slice(imsi, imsi + len(subscriber.imsi))
        self._number, self._at = found[REQUEST_NUMBER,][0], found[EVENT_TIMESTAMP,][0]
        self._usage = found.get((MSCC, USED_UNITS, CC_TIME), [])
        self._reasons = found.get((MSCC, USED_UNITS, REPORTING_REASON), [])

    def fill(self, slot: Slot, flags: int, hop_by_hop: int) -> None:
        """Make it the request that `slot` has prepared."""
        octets = self.octets
        octets[FLAGS_AT] = flags
        _IDENTIFIERS.pack_into(octets, IDENTIFIERS_AT, hop_by_hop, slot.end_to_end)
        octets[self._low] = slot.low_digits
        octets[self._msisdn] = slot.msisdn
        octets[self._imsi] = slot.imsi
        _NUMBER.pack_into(octets, self._number, slot.number)
        _NUMBER.pack_into(octets, self._at, slot.at)
        for offset, used in zip(self._usage, slot.used, strict=False):
            up = used >> 3
            _USAGE.pack_into(
                octets, offset, SECONDS_PER_REPORT,
                TOTAL_OCTETS, UNSIGNED64, used, INPUT_OCTETS, UNSIGNED64, up, OUTPUT_OCTETS, UNSIGNED64, used - up,
            )  # fmt: skip
        for offset, reason in zip(self._reasons, slot.reasons, strict=False):
            _NUMBER.pack_into(octets, offset, reason)


def event_timestamp(seconds_since_1970: int) -> int:
    """What `Slot.at` holds: the octets of Event-Timestamp as a number."""
    return time_from_unix(seconds_since_1970)


def _model(
    kind: RequestType, origin: Origin, subscriber: Subscriber, rating_groups: tuple[int, ...], destination_host: str
) -> Request:
    """A request that has everything `fill` will patch."""
    reports = {
        RequestType.INITIAL: [Report(group, asks=True) for group in rating_groups],
        RequestType.UPDATE: [Report(group, True, 0, ReportingReason.THRESHOLD) for group in rating_groups],
        RequestType.TERMINATION: [Report(group, False, 0, ReportingReason.FINAL) for group in rating_groups],
    }
    return Request(
        session_id=THREE_GPP.session_id(origin, FIRST_LOW, subscriber),
        request_type=kind,
        number=0,
        subscriber=subscriber,
        reports=tuple(reports[kind]),
        destination_host="" if kind is RequestType.INITIAL else destination_host,
        termination_cause=TerminationCause.LOGOUT if kind is RequestType.TERMINATION else None,
    )
