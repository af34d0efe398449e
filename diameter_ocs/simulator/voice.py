"""Calls as a telephony server charges them: CC-Time alone, one service, IMS-Information (TS 32.260).

Written as Kamailio's ims_charging does: the application only inside Vendor-Specific-Application-Id,
accounting AVPs beside, Service-Identifier always. The units of its reports are seconds.
"""

from diameter_ocs.charging.request import RequestType
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
CALLED = "tel:+99955500303"


def write_call(request: Request, origin: Origin, at: int) -> AvpTree:
    """A CCR of a call."""
    method = "BYE" if request.request_type is RequestType.TERMINATION else "INVITE"
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
    caller = f"tel:+{request.subscriber.msisdn}"
    ims: AvpTree = [("Event-Type", [("SIP-Method", method)]), ("Role-Of-Node", 0)]
    ims += [("Node-Functionality", APPLICATION_SERVER), ("Calling-Party-Address", caller)]
    ims += [("Called-Party-Address", CALLED), ("IMS-Charging-Identifier", request.session_id)]
    return [*tree, ("Service-Information", [("IMS-Information", ims)])]


def _mscc(report: Report) -> AvpTree:
    tree: AvpTree = [("Requested-Service-Unit", [("CC-Time", WISH_SECONDS)])] if report.asks else []
    if report.used:
        tree.append(("Used-Service-Unit", [("CC-Time", report.used)]))
    tree.append(("Service-Identifier", SERVICE))
    if report.rating_group is not None:
        tree.append(("Rating-Group", report.rating_group))
    return tree


KAMAILIO = Dialect("kamailio", write_call, session_suffix="ims")
