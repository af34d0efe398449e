"""Short and multimedia messages: TS 32.274 and TS 32.270. Events; who pays is the Subscription-Id.

SMS-Information says on which interface a message came or went, and so whether the subscriber sent or got it.
"""

from diameter_ocs.gy.services.service import Service
from diameter_ocs.wire.codec import Avp

DIRECTIONS = {1: "originating", 2: "terminating", 3: "originating", 4: "terminating"}
"""Of Interface-Type: mobile and application, each originating and terminating."""


def rated_as(name: str, information: Avp) -> str:
    """'sms/originating' or 'sms/terminating'; 'sms' when no interface is told."""
    sms = information.first("SMS-Information")
    if sms is None:
        return name
    recipient = sms.first("Recipient-Info")
    groups = (
        sms.first("Originator-Interface"),
        sms.first("Destination-Interface"),
        recipient.first("Destination-Interface") if recipient is not None else None,
    )
    for group in groups:
        kind = group.first("Interface-Type") if group is not None else None
        if kind is not None and isinstance(kind.value, int) and kind.value in DIRECTIONS:
            return f"{name}/{DIRECTIONS[kind.value]}"
    return name


SMS = Service("sms", ("32274",), rated_as)
MMS = Service("mms", ("32270",))
