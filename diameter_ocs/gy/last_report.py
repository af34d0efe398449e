"""A CCR-Termination that must be refused is the last word of its session: what it reports is debited all the same.

No client sends it again after a 5xxx, so what it says can be read now or never. Whatever is wrong is left out;
a group whose lengths are wrong is left out as a whole, because nobody knows what else stood in it.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from diameter_ocs.charging.request import RequestType
from diameter_ocs.errors import InvalidAvpLength, MessageError
from diameter_ocs.wire.codec import Avp, decode_lenient
from diameter_ocs.wire.dictionary import Dictionary

KEY = ("Session-Id", "CC-Request-Type", "CC-Request-Number")
SUB_SESSION = "CC-Sub-Session-Id"
ONCE_IN_A_REPORT = (
    "Rating-Group",
    "CC-Total-Octets",
    "CC-Input-Octets",
    "CC-Output-Octets",
    "CC-Time",
    "CC-Money",
    "CC-Service-Specific-Units",
)
"""Which of two would be meant, nobody can say."""


def readable_termination(message: bytes, dictionary: Dictionary) -> tuple[Avp, ...] | None:
    """Every AVP of a CCR that can be read; None when it is no Termination, or its session cannot be told."""
    try:
        avps = decode_lenient(message, dictionary).avps
    except MessageError:
        return None
    key = [[avp for avp in avps if avp.name == name] for name in KEY]
    parts = [avp for avp in avps if avp.name == SUB_SESSION]
    if any(len(found) != 1 for found in key) or len(parts) > 1:
        return None
    if any(found[0].fault is not None for found in (*key, parts) if found):
        return None
    return _readable(avps) if key[1][0].value == RequestType.TERMINATION else None


def _readable(avps: Sequence[Avp]) -> tuple[Avp, ...]:
    whole = [avp for avp in avps if avp.fault is None and not _is_ambiguous(avp)]
    return tuple(replace(avp, children=_readable(avp.children)) if avp.children else avp for avp in whole)


def _is_ambiguous(group: Avp) -> bool:
    names = [avp.name for avp in group.children]
    if any(names.count(name) > 1 for name in ONCE_IN_A_REPORT):
        return True
    return any(isinstance(avp.fault, InvalidAvpLength) or _is_ambiguous(avp) for avp in group.children)
