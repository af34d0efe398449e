"""Calls: IMS (TS 32.260), its telephony (TS 32.275), and circuit-switched ones through a proxy (TS 32.276). Seconds.

IMS-Information says in which role the network serves the subscriber, of which media the call consists, and
whether it is an emergency.
"""

from collections.abc import Iterator

from diameter_ocs.gy.services.service import Service
from diameter_ocs.rating.catalogue import EMERGENCY, VIDEO
from diameter_ocs.rating.catalogue import VOICE as SOUND
from diameter_ocs.wire.codec import Avp

DIRECTIONS = {0: "originating", 1: "terminating", 2: "forwarded"}
"""Of Role-Of-Node."""
EMERGENCY_URN = "urn:service:sos"
SDP_MEDIA_COMPONENT = (843).to_bytes(4, "big")
ANSWER = 1
"""SDP-Type."""
REFUSED = "0"
"""Port of a medium that was refused or taken away (RFC 3264 §6)."""


def rated_as(name: str, information: Avp) -> str:
    """'voice/originating', 'video/terminating' and so on; without the slash when the role is not said."""
    ims = information.first("IMS-Information")
    if ims is None:
        return name
    if _is_emergency(ims):
        return EMERGENCY
    role = ims.first("Role-Of-Node")
    direction = DIRECTIONS.get(role.value) if role is not None and isinstance(role.value, int) else None
    service = _by_media(ims) or name
    return service if direction is None else f"{service}/{direction}"


def changed_to(information: Avp) -> str:
    """'video' or 'voice' by the media of a call that is under way; empty when they are not said."""
    ims = information.first("IMS-Information")
    return "" if ims is None else _by_media(ims)


def _by_media(ims: Avp) -> str:
    components = list(ims.all("SDP-Media-Component"))
    if not components:
        return ""
    agreed = [each for each in components if _is_answer(each)]
    return VIDEO if any(name == VIDEO for each in agreed or components for name in _names(each)) else SOUND


def _is_answer(component: Avp) -> bool:
    """What was answered holds, not what had been offered."""
    kind = component.first("SDP-Type")
    return kind is not None and kind.value == ANSWER


def _names(component: Avp) -> Iterator[str]:
    """The media that flow: the first words of m= lines (RFC 8866 §5.14), but for those with port 0."""
    line = component.first("SDP-Media-Name")
    words = str(line.value).removeprefix("m=").split() if line is not None else []
    if len(words) < 2 or words[1].partition("/")[0] != REFUSED:
        yield from (word.lower() for word in words[:1])


def _is_emergency(ims: Avp) -> bool:
    indicator = ims.first("IMS-Emergency-Indicator")
    if indicator is not None and indicator.value == 1:
        return True
    called = [avp.value for avp in ims.all("Called-Party-Address") if isinstance(avp.value, str)]
    return any(_names_emergency(address.lower()) for address in called)


def _names_emergency(address: str) -> bool:
    """urn:service:sos and what is below it, such as urn:service:sos.police."""
    return address == EMERGENCY_URN or address.startswith(EMERGENCY_URN + ".")


VOICE = Service(SOUND, ("32260", "32275", "32276"), rated_as, SDP_MEDIA_COMPONENT, changed_to)
