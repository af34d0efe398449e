"""Names of services, as groups, allowances and buckets are bound to them: 'sms', 'voice/originating'."""

import difflib

from diameter_ocs.rating.catalogue import DATA, VIDEO, VOICE

SERVICES = (DATA, VOICE, VIDEO, "sms", "mms", "other")
"""Those of gy/services, and video, which a call becomes by its media."""
DIRECTIONS = ("originating", "terminating", "forwarded")


def mistake_in_service(text: str) -> str:
    """What is wrong with a name; empty: nothing. One that no request has would bind a bucket to nothing."""
    service, slash, direction = text.partition("/")
    if service not in SERVICES:
        near = difflib.get_close_matches(service, SERVICES, 1)
        return f"{service!r} is no service" + (f" — did you mean {near[0]!r}?" if near else f": {', '.join(SERVICES)}")
    if slash and service == DATA:
        return "data has no direction"
    if slash and direction not in DIRECTIONS:
        return f"{direction!r} is no direction: {', '.join(DIRECTIONS)}"
    return ""
