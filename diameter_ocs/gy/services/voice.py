"""Calls: IMS (TS 32.260), its telephony (TS 32.275), and circuit-switched ones through a proxy (TS 32.276). Seconds.

IMS-Information says in which role the network serves the subscriber, and whether the call is an emergency.
"""

from diameter_ocs.gy.services.service import Service
from diameter_ocs.rating.catalogue import EMERGENCY
from diameter_ocs.wire.codec import Avp

DIRECTIONS = {0: "originating", 1: "terminating", 2: "forwarded"}
"""Of Role-Of-Node."""
EMERGENCY_URN = "urn:service:sos"


def rated_as(name: str, information: Avp) -> str:
    """'voice/originating' and so on; 'voice' when the role is not said."""
    ims = information.first("IMS-Information")
    if ims is None:
        return name
    if _is_emergency(ims):
        return EMERGENCY
    role = ims.first("Role-Of-Node")
    direction = DIRECTIONS.get(role.value) if role is not None and isinstance(role.value, int) else None
    return name if direction is None else f"{name}/{direction}"


def _is_emergency(ims: Avp) -> bool:
    indicator = ims.first("IMS-Emergency-Indicator")
    if indicator is not None and indicator.value == 1:
        return True
    called = [avp.value for avp in ims.all("Called-Party-Address") if isinstance(avp.value, str)]
    return any(_names_emergency(address.lower()) for address in called)


def _names_emergency(address: str) -> bool:
    """urn:service:sos and what is below it, such as urn:service:sos.police."""
    return address == EMERGENCY_URN or address.startswith(EMERGENCY_URN + ".")


VOICE = Service("voice", ("32260", "32275", "32276"), rated_as)
