"""The messages that are measured: those of a packet gateway with PS-Information and two rating groups."""

from diameter_ocs.charging.request import ReportingReason, RequestType
from diameter_ocs.simulator.credit import Report, Request, Subscriber
from diameter_ocs.simulator.dialect import THREE_GPP, Origin
from diameter_ocs.simulator.message import encode_ccr

ORIGIN = Origin(state_id=1_790_000_000)
OCS_REALM = ORIGIN.destination_realm
OCS_HOST = f"ocs01.{OCS_REALM}"
GROUPS = (10, 20)
FIRST_MSISDN, FIRST_IMSI = 999_000_000_01, 1_010_000_000_001
USED_OCTETS = 900_000


def subscriber(index: int) -> Subscriber:
    """One of the load's subscribers."""
    return Subscriber(str(FIRST_MSISDN + index), f"{FIRST_IMSI + index:015d}")


def ccr(kind: RequestType, number: int, index: int = 0, session: int = 1) -> bytes:
    """A CCR-Initial asks for both groups; a CCR-Update reports both and asks for more."""
    asks = kind is not RequestType.TERMINATION
    used = None if kind is RequestType.INITIAL else USED_OCTETS
    reason = None if used is None else ReportingReason.THRESHOLD
    reports = tuple(Report(group, asks, used, reason, 60) for group in GROUPS)
    who = subscriber(index)
    host = "" if kind is RequestType.INITIAL else OCS_HOST
    session_id = THREE_GPP.session_id(ORIGIN, session, who)
    request = Request(session_id, kind, number, who, reports, host)
    return encode_ccr(request, THREE_GPP, ORIGIN, 1_790_000_000, 1, number)
