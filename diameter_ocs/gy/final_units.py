"""Final units on the wire: Final-Unit-Indication and its extended form (RFC 8506 §8.34 to §8.40, §8.64, §8.68)."""

from ipaddress import ip_address
from struct import Struct as Packer

from diameter_ocs.charging.extras import CreditExtras, FinalUnits
from diameter_ocs.rating.final_units import FinalUnitAction, RedirectAddressType
from diameter_ocs.wire.definition import pack_avp

_I32 = Packer(">i").pack
IPV4_FAMILY, IPV6_FAMILY = b"\0\1", b"\0\2"
"""Address families in front of an Address (RFC 6733 §4.3.1)."""


def encode_final_units(action: FinalUnitAction, extras: CreditExtras | None) -> bytes:
    """Final-Unit-Indication, and QoS-Final-Unit-Indication when the profile wants it."""
    details = extras.final if extras is not None else None
    act = pack_avp(449, 0, True, _I32(action))
    if details is None:
        return pack_avp(430, 0, True, act)
    filters = b"".join(pack_avp(11, 0, True, name.encode()) for name in details.filter_ids)
    rules = b"".join(pack_avp(438, 0, True, rule.encode()) for rule in details.filter_rules)
    plain = pack_avp(430, 0, True, act + rules + filters + _redirect_server(details))
    if not details.is_extended:
        return plain
    return plain + pack_avp(669, 0, False, act + filters + _redirect_extension(details))


def _redirect_server(details: FinalUnits) -> bytes:
    if details.address_type is None:
        return b""
    kind = pack_avp(433, 0, True, _I32(details.address_type))
    return pack_avp(434, 0, True, kind + pack_avp(435, 0, True, details.address.encode()))


def _redirect_extension(details: FinalUnits) -> bytes:
    """Redirect-Server-Extension: exactly one typed member (RFC 8506 §8.64)."""
    kind, text = details.address_type, details.address
    if kind is None:
        return b""
    if kind == RedirectAddressType.URL:
        member = pack_avp(667, 0, False, text.encode())
    elif kind == RedirectAddressType.SIP_URI:
        member = pack_avp(668, 0, False, text.encode())
    else:
        family = IPV4_FAMILY if kind == RedirectAddressType.IPV4 else IPV6_FAMILY
        member = pack_avp(666, 0, False, family + ip_address(text).packed)
    return pack_avp(665, 0, False, member)
