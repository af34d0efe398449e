"""Calls as a telephony server charges them: CC-Time alone, one service, IMS-Information (TS 32.260).

Written as Kamailio's ims_charging does: the application only inside Vendor-Specific-Application-Id,
accounting AVPs beside, Service-Identifier always; its media as application servers write them. The units of
its reports are seconds.
"""

from enum import Enum
from functools import partial

from msgspec import Struct

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator.credit import Report, Request
from diameter_ocs.simulator.dialect import CREDIT_CONTROL, E164, Dialect, Origin, subscription
from diameter_ocs.simulator.packet_data import AvpTree

CONTEXT = "ext.01.001.8.32260@3gpp.org"
WISH_SECONDS = 60
SERVICE = 1
VENDOR_3GPP = 10415
APPLICATION_SERVER = 6
"""Node-Functionality."""
START_RECORD, INTERIM_RECORD, STOP_RECORD = 2, 3, 4
RECORDS = {
    RequestType.INITIAL: START_RECORD,
    RequestType.UPDATE: INTERIM_RECORD,
    RequestType.TERMINATION: STOP_RECORD,
}
OTHER_PARTY, TARGET = "tel:+99955500303", "tel:+99955500304"
DIVERSION, MEDIA_COMPOSITION = 6, 40
"""MMTel-SService-Type, Trigger-Type."""


class Direction(Enum):
    """Whom the network serves: who calls, who is called, or who had the call sent on to somebody else."""

    ORIGINATING = "originating"
    TERMINATING = "terminating"
    FORWARDED = "forwarded"


ROLES = {Direction.ORIGINATING: 0, Direction.TERMINATING: 1, Direction.FORWARDED: 2}
"""Role-Of-Node."""


class Media(Enum):
    """What flows."""

    AUDIO = "audio"
    VIDEO = "video"


class Call(Struct, frozen=True):
    """What a call is besides its time; the subscriber of its session pays."""

    direction: Direction = Direction.ORIGINATING
    media: Media = Media.AUDIO


def write_call(call: Call, request: Request, origin: Origin, at: int) -> AvpTree:
    """A CCR of a call."""
    tree: AvpTree = [
        ("Session-Id", request.session_id),
        ("Origin-Host", origin.host),
        ("Origin-Realm", origin.realm),
        ("Destination-Realm", origin.destination_realm),
        ("Vendor-Specific-Application-Id", [("Vendor-Id", VENDOR_3GPP), ("Auth-Application-Id", CREDIT_CONTROL)]),
        ("Accounting-Record-Type", RECORDS[request.request_type]),
        ("Accounting-Record-Number", request.number),
        ("Service-Context-Id", CONTEXT),
        ("CC-Request-Type", int(request.request_type)),
        ("CC-Request-Number", request.number),
        ("Event-Timestamp", at),
        subscription(E164, request.subscriber.msisdn),
        ("Multiple-Services-Indicator", 1),
    ]
    if request.termination_cause:
        tree.append(("Termination-Cause", int(request.termination_cause)))
    tree += [("Multiple-Services-Credit-Control", _mscc(report)) for report in request.reports]
    return [*tree, ("Service-Information", [("IMS-Information", _ims(call, request))])]


def _ims(call: Call, request: Request) -> AvpTree:
    """Media stand in every INVITE, as each brings its SDP; a BYE has none."""
    is_end = request.request_type is RequestType.TERMINATION
    event: AvpTree = [("SIP-Method", "BYE" if is_end else "INVITE")]
    tree: AvpTree = [("Event-Type", event), ("Role-Of-Node", ROLES[call.direction])]
    tree += [("Node-Functionality", APPLICATION_SERVER), *_parties(call, f"tel:+{request.subscriber.msisdn}")]
    tree.append(("IMS-Charging-Identifier", request.session_id))
    return tree if is_end else [*tree, *_media(call)]


def _parties(call: Call, served: str) -> AvpTree:
    if call.direction is Direction.ORIGINATING:
        return [("Calling-Party-Address", served), ("Called-Party-Address", OTHER_PARTY)]
    if call.direction is Direction.TERMINATING:
        return [("Calling-Party-Address", OTHER_PARTY), ("Called-Party-Address", served)]
    return [
        ("Calling-Party-Address", OTHER_PARTY),
        ("Called-Party-Address", TARGET),
        ("Requested-Party-Address", served),
        ("MMTel-Information", [("Supplementary-Service", [("MMTel-SService-Type", DIVERSION)])]),
    ]


def _media(call: Call) -> AvpTree:
    """The video line stays when there are no pictures any more, with port 0 (RFC 3264 §8.2)."""
    port = 51372 if call.media is Media.VIDEO else 0
    lines = ("audio 49170 RTP/AVP 97", f"video {port} RTP/AVP 99")
    return [("SDP-Media-Component", [("SDP-Media-Name", line)]) for line in lines]


def _mscc(report: Report) -> AvpTree:
    tree: AvpTree = [("Requested-Service-Unit", [("CC-Time", WISH_SECONDS)])] if report.asks else []
    if report.used:
        tree.append(("Used-Service-Unit", [("CC-Time", report.used)]))
    tree.append(("Service-Identifier", SERVICE))
    if report.rating_group is not None:
        tree.append(("Rating-Group", report.rating_group))
    if report.reason is ReportingReason.RATING_CONDITION_CHANGE:
        tree += [("Reporting-Reason", int(report.reason)), ("Trigger", [("Trigger-Type", MEDIA_COMPOSITION)])]
    return tree


def call_dialect(call: Call) -> Dialect:
    """How such a call is written."""
    return Dialect("kamailio", partial(write_call, call), session_suffix="ims")


KAMAILIO = call_dialect(Call())
