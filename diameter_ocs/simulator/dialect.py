"""How different gateways write the same CCR: which AVPs, in which order, with which units.

`THREE_GPP` follows TS 32.299 word by word; `OPEN5GS` and `MAGMA` write what those gateways were
seen to write, including what the standard does not foresee.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator import packet_data
from diameter_ocs.simulator.credit import Report, Request, Subscriber
from diameter_ocs.simulator.group import Habits
from diameter_ocs.simulator.packet_data import AvpTree

CREDIT_CONTROL = 4
"""Application-Id of RFC 8506."""
REASONS_IN_USED_UNITS = {
    ReportingReason.THRESHOLD,
    ReportingReason.QUOTA_EXHAUSTED,
    ReportingReason.OTHER_QUOTA_TYPE,
    ReportingReason.POOL_EXHAUSTED,
}
"""Reporting-Reasons that stand in the Used-Service-Unit, the others in the MSCC (TS 32.299 §7.2.175)."""
OPEN5GS_WISH_OCTETS = 1_000_000
MAGMA_WISH_OCTETS = 10_000_000
E164, IMSI = 0, 1


class Origin(Struct, frozen=True):
    """Who a gateway is and whom it talks to. state_id: Origin-State-Id, the seconds of 1970 it started."""

    host: str = "pgw01.epc.mnc001.mcc001.3gppnetwork.org"
    realm: str = "epc.mnc001.mcc001.3gppnetwork.org"
    destination_realm: str = "ocs.mnc001.mcc001.3gppnetwork.org"
    state_id: int = 1


def sister_host(host: str, number: int) -> str:
    """The name of another gateway of the same kind: of pgw01 the first is pgw02; of pgw it is pgw-2."""
    label, dot, domain = host.partition(".")
    digits = re.search(r"\d+$", label)
    if number == 0:
        return host
    if digits is None:
        return f"{label}-{number + 1}{dot}{domain}"
    counted = str(int(digits[0]) + number).zfill(len(digits[0]))
    return f"{label[: digits.start()]}{counted}{dot}{domain}"


Writer = Callable[[Request, Origin, int], AvpTree]
"""From a request, the gateway and the Event-Timestamp (seconds since 1970) to the AVPs of the CCR."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of gateway. session_suffix ends its Session-Ids; '{imsi}' is replaced."""

    name: str
    write: Writer
    session_suffix: str = "gy"
    has_rating_groups: bool = True
    habits: Habits = field(default_factory=Habits)

    def session_id(self, origin: Origin, number: int, subscriber: Subscriber) -> str:
        """`<host>;<high>;<low>;<suffix>` (RFC 6733 §8.8)."""
        return f"{origin.host};{origin.state_id};{number};{self.session_suffix.format(imsi=subscriber.imsi)}"


def subscription(kind: int, value: str) -> tuple[str, AvpTree]:
    return ("Subscription-Id", [("Subscription-Id-Type", kind), ("Subscription-Id-Data", value)])


def split(octets: int) -> tuple[int, int]:
    """Input and output of a total: one eighth goes up."""
    return octets // 8, octets - octets // 8


# TS 32.299 -------------------------------------------------------------------------------------


def write_3gpp(request: Request, origin: Origin, at: int) -> AvpTree:
    """A CCR as TS 32.299 §6.4.2 lays it out."""
    initial = request.request_type is RequestType.INITIAL
    tree: AvpTree = [
        ("Session-Id", request.session_id),
        ("Origin-Host", origin.host),
        ("Origin-Realm", origin.realm),
        ("Destination-Realm", origin.destination_realm),
        ("Auth-Application-Id", CREDIT_CONTROL),
        ("Service-Context-Id", "32251@3gpp.org"),
        ("CC-Request-Type", int(request.request_type)),
        ("CC-Request-Number", request.number),
        *_destination(request),
        ("Origin-State-Id", origin.state_id),
        ("Event-Timestamp", at),
        subscription(E164, request.subscriber.msisdn),
        subscription(IMSI, request.subscriber.imsi),
        *_cause(request),
    ]
    if initial:
        tree.append(("Multiple-Services-Indicator", 1))
    tree += [("Multiple-Services-Credit-Control", _mscc_3gpp(report)) for report in request.reports]
    if initial:
        tree.append(("User-Equipment-Info", packet_data.user_equipment()))
    network = [*packet_data.charging_ids(), *packet_data.serving_network()]
    return [*tree, packet_data.service_information(packet_data.bearer(at) if initial else network)]


def _destination(request: Request) -> AvpTree:
    return [("Destination-Host", request.destination_host)] if request.destination_host else []


def _cause(request: Request) -> AvpTree:
    return [("Termination-Cause", int(request.termination_cause))] if request.termination_cause else []


def _mscc_3gpp(report: Report) -> AvpTree:
    tree: AvpTree = [("Requested-Service-Unit", [])] if report.asks else []
    if report.used is not None:
        up, down = split(report.used)
        octets = [("CC-Total-Octets", report.used), ("CC-Input-Octets", up), ("CC-Output-Octets", down)]
        tree.append(("Used-Service-Unit", [("CC-Time", report.seconds), *octets, *_reason_inside(report)]))
    if report.rating_group is not None:
        tree.append(("Rating-Group", report.rating_group))
    return tree + _reason_outside(report)


def _reason_inside(report: Report) -> AvpTree:
    return [("Reporting-Reason", int(report.reason))] if report.reason in REASONS_IN_USED_UNITS else []


def _reason_outside(report: Report) -> AvpTree:
    if report.reason is None or report.reason in REASONS_IN_USED_UNITS:
        return []
    return [("Reporting-Reason", int(report.reason))]


# Open5GS SMF -----------------------------------------------------------------------------------


def write_open5gs(request: Request, origin: Origin, at: int) -> AvpTree:
    """One MSCC without Rating-Group, MSI 0, Requested-Action in a session, input and output octets only.

    Its Destination-Realm is always its own realm.
    """
    tree: AvpTree = [
        ("Session-Id", request.session_id),
        ("Origin-Host", origin.host),
        ("Origin-Realm", origin.realm),
        ("Destination-Realm", origin.realm),
        ("Auth-Application-Id", CREDIT_CONTROL),
        ("Service-Context-Id", "32251@3gpp.org"),
        ("CC-Request-Type", int(request.request_type)),
        ("CC-Request-Number", request.number),
        *_destination(request),
        ("Event-Timestamp", at),
        subscription(IMSI, request.subscriber.imsi),
        subscription(E164, request.subscriber.msisdn),
        *_cause(request),
        ("Requested-Action", 0),
        ("AoC-Request-Type", 1),
    ]
    if request.request_type is RequestType.INITIAL:
        tree.append(("Multiple-Services-Indicator", 0))
    tree += [("Multiple-Services-Credit-Control", _mscc_open5gs(report)) for report in request.reports]
    return [*tree, packet_data.service_information(_bearer_open5gs(request.request_type))]


def _mscc_open5gs(report: Report) -> AvpTree:
    tree: AvpTree = [("Requested-Service-Unit", [("CC-Total-Octets", OPEN5GS_WISH_OCTETS)])] if report.asks else []
    if report.used is not None:
        up, down = split(report.used)
        octets = [("CC-Input-Octets", up), ("CC-Output-Octets", down)]
        tree.append(("Used-Service-Unit", [*_reason_inside(report), ("CC-Time", report.seconds), *octets]))
    return [*tree, *_reason_outside(report), ("QoS-Information", packet_data.quality_of_service())]


def _bearer_open5gs(request_type: RequestType) -> AvpTree:
    named = dict(packet_data.serving_network())
    pdp_type: AvpTree = [("3GPP-PDP-Type", 0)] if request_type is RequestType.INITIAL else []
    kept = ("SGSN-Address", "GGSN-Address", "Called-Station-Id", "3GPP-Selection-Mode", "3GPP-SGSN-MCC-MNC")
    return [
        ("3GPP-Charging-Id", packet_data.CHARGING_ID.to_bytes(4, "big")),
        *pdp_type,
        ("PDP-Address", "198.51.100.17"),
        *((name, named[name]) for name in kept),
        ("3GPP-NSAPI", b"\x05"),
        ("3GPP-User-Location-Info", packet_data.USER_LOCATION),
        ("3GPP-RAT-Type", b"\x06"),
        ("User-Equipment-Info", packet_data.user_equipment()),
    ]


# Magma -----------------------------------------------------------------------------------------


def write_magma(request: Request, origin: Origin, at: int) -> AvpTree:
    """MSCC and Service-Information first, origin and destination last, all three octet counters, no cause in T."""
    reports = [("Multiple-Services-Credit-Control", _mscc_magma(report)) for report in request.reports]
    return [
        ("Session-Id", request.session_id),
        *reports,
        *_destination(request),
        packet_data.service_information(_bearer_magma()),
        ("Event-Timestamp", at),
        ("Auth-Application-Id", CREDIT_CONTROL),
        ("CC-Request-Type", int(request.request_type)),
        ("Service-Context-Id", "32251@3gpp.org"),
        ("CC-Request-Number", request.number),
        subscription(E164, request.subscriber.msisdn),
        subscription(IMSI, request.subscriber.imsi),
        ("User-Equipment-Info", packet_data.user_equipment()),
        ("Multiple-Services-Indicator", 1),
        ("Origin-Host", origin.host),
        ("Origin-Realm", origin.realm),
        ("Origin-State-Id", origin.state_id),
        ("Destination-Realm", origin.destination_realm),
    ]


def _octets_magma(octets: int) -> AvpTree:
    up, down = split(octets)
    return [("CC-Input-Octets", up), ("CC-Output-Octets", down), ("CC-Total-Octets", octets)]


def _mscc_magma(report: Report) -> AvpTree:
    wish = MAGMA_WISH_OCTETS
    asked = [("CC-Input-Octets", wish), ("CC-Output-Octets", wish), ("CC-Total-Octets", wish)]
    tree: AvpTree = [("Rating-Group", report.rating_group)]
    if report.asks:
        tree.append(("Requested-Service-Unit", asked))
    if report.used is not None:
        tree.append(("Used-Service-Unit", [*_octets_magma(report.used), *_reason_inside(report)]))
    return tree + _reason_outside(report)


def _bearer_magma() -> AvpTree:
    named = dict(packet_data.serving_network())
    kept = ("3GPP-IMSI-MCC-MNC", "3GPP-GGSN-MCC-MNC", "3GPP-NSAPI", "Called-Station-Id", "3GPP-Selection-Mode")
    return [
        ("3GPP-PDP-Type", 0),
        ("PDP-Address", "198.51.100.17"),
        ("SGSN-Address", "192.0.2.20"),
        ("GGSN-Address", "192.0.2.20"),
        *((name, named[name]) for name in kept),
        ("3GPP-User-Location-Info", packet_data.USER_LOCATION),
        ("3GPP-RAT-Type", b"\x06"),
    ]


THREE_GPP = Dialect("3gpp", write_3gpp)
OPEN5GS = Dialect("open5gs", write_open5gs, session_suffix="app_gy", has_rating_groups=False)
MAGMA = Dialect(
    "magma",
    write_magma,
    session_suffix="IMSI{imsi}",
    habits=Habits(obeys_threshold=False, exhausted_percent=80),
)
DIALECTS = {dialect.name: dialect for dialect in (THREE_GPP, OPEN5GS, MAGMA)}
