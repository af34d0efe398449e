"""Capabilities exchange (RFC 6733 §5.3): what two nodes can do and what they have in common."""

from msgspec import Struct

from diameter_ocs.wire.result_code import ResultCode

RELAY = 0xFFFFFFFF
"""Application Id of an agent that forwards everything; in common with every application (RFC 6733 §2.4)."""

NO_INBAND_SECURITY = 0
"""Inband-Security-Id: TLS is not negotiated inside Diameter (RFC 6733 §6.10)."""


class Capabilities(Struct, frozen=True):
    """What a CER or CEA says about its sender.

    applications: every Application Id in it, whether plain Auth, plain Acct or inside
    Vendor-Specific-Application-Id. security: Inband-Security-Ids; empty means NO_INBAND_SECURITY.
    origin_state_id: 0 when absent, which allows no conclusion (RFC 6733 §8.16).
    """

    origin_host: str
    origin_realm: str
    applications: frozenset[int] = frozenset()
    security: frozenset[int] = frozenset()
    origin_state_id: int = 0
    vendor_id: int = 0
    product_name: str = ""


class Refusal(Struct, frozen=True):
    """Why a CER is answered with an error."""

    code: ResultCode
    text: str


def common_applications(own: frozenset[int], offered: frozenset[int]) -> frozenset[int]:
    """Applications both sides have; a relay on either side has all of the other's."""
    if RELAY in offered:
        return own
    if RELAY in own:
        return offered
    return own & offered


def refusal_of(own: frozenset[int], cer: Capabilities) -> Refusal | None:
    """Process-CER: the error a CER earns, None when the peer is welcome (RFC 6733 §5.3, §5.6.4)."""
    if not common_applications(own, cer.applications):
        offered = ", ".join(map(str, sorted(cer.applications))) or "none"
        return Refusal(
            ResultCode.NO_COMMON_APPLICATION,
            f"no common application: this node has {', '.join(map(str, sorted(own)))}, the peer offers {offered}",
        )
    if cer.security and NO_INBAND_SECURITY not in cer.security:
        return Refusal(ResultCode.NO_COMMON_SECURITY, "in-band TLS is not supported; offer Inband-Security-Id 0")
    return None
