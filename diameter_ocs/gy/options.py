"""Optional AVPs of answers: triggers and announcements of a group, notices of the whole session.

Only sent where an operator wants them: a gateway that does not know an AVP with the M bit drops the answer.
"""

from struct import Struct as Packer

from diameter_ocs.charging.extras import CreditExtras, SessionNotices
from diameter_ocs.gy.units import currency_code, specific_units, unit_value_of
from diameter_ocs.values.currency import digits_and_exponent
from diameter_ocs.values.money import within_limits
from diameter_ocs.values.units import UnitType
from diameter_ocs.wire.definition import pack_avp

VENDOR_3GPP = 10415
SECONDS_1900_TO_1970 = 2_208_988_800
"""Time counts from 1900 (RFC 6733 §4.3.1)."""
NO_NOTICES = b"", b""
_U32 = Packer(">I").pack


def encode_extras(extras: CreditExtras) -> bytes:
    """Time counting, Trigger, QoS-Information and Announcement-Information of one group (TS 32.299 §7.2)."""
    parts = b""
    if extras.consumption_seconds is not None:
        parts = pack_avp(881, VENDOR_3GPP, True, _U32(extras.consumption_seconds))
    if extras.triggers is not None:
        types = b"".join(pack_avp(870, VENDOR_3GPP, True, _U32(each)) for each in extras.triggers)
        parts += pack_avp(1264, VENDOR_3GPP, True, types)
    if extras.mechanism is not None:
        kind, base = extras.mechanism
        counted = pack_avp(1271, VENDOR_3GPP, True, _U32(kind)) + pack_avp(1265, VENDOR_3GPP, True, _U32(base))
        parts += pack_avp(1270, VENDOR_3GPP, True, counted)
    if extras.throttle is not None:
        speeds = zip((516, 515), reversed(extras.throttle), strict=True)
        limits = b"".join(pack_avp(code, VENDOR_3GPP, True, _U32(bits)) for code, bits in speeds if bits is not None)
        parts += pack_avp(1016, VENDOR_3GPP, True, limits)
    if extras.announcement is not None:
        told = pack_avp(3905, VENDOR_3GPP, True, _U32(extras.announcement))
        if extras.announcement_seconds is not None:
            told += pack_avp(3911, VENDOR_3GPP, True, _U32(extras.announcement_seconds))
        parts += pack_avp(3904, VENDOR_3GPP, True, told)
    return parts


def granted_until_change(unit: UnitType, units: int, change_s: int) -> bytes:
    """Granted-Service-Unit with Tariff-Time-Change (RFC 8506 §8.20); seconds since 1970."""
    amount = specific_units(units) if unit is UnitType.EVENTS else pack_avp(421, 0, True, units.to_bytes(8, "big"))
    change = pack_avp(451, 0, True, _U32(change_s + SECONDS_1900_TO_1970 & 0xFFFFFFFF))
    return pack_avp(431, 0, True, change + amount)


def encode_notices(notices: SessionNotices | None) -> tuple[bytes, bytes]:
    """What stands before the Multiple-Services-Credit-Controls, and behind them (RFC 8506 §3.2)."""
    if notices is None:
        return NO_NOTICES
    before, behind = b"", b""
    if notices.session_failover is not None:
        before = pack_avp(418, 0, True, _U32(notices.session_failover))
    if notices.cost_micros is not None:
        behind += _amount(423, 0, notices.cost_micros, notices.currency)
    if notices.failure_handling is not None:
        behind += pack_avp(427, 0, True, _U32(notices.failure_handling))
    if notices.debit_failure_handling is not None:
        behind += pack_avp(428, 0, True, _U32(notices.debit_failure_handling))
    if notices.low_balance is not None:
        behind += pack_avp(2020, VENDOR_3GPP, True, _U32(notices.low_balance))
    if notices.balance_micros is not None:
        behind += _amount(2021, VENDOR_3GPP, notices.balance_micros, notices.currency)
    if notices.unused_quota_seconds is not None:
        timer = pack_avp(4407, VENDOR_3GPP, True, _U32(notices.unused_quota_seconds))
        behind += pack_avp(873, VENDOR_3GPP, True, pack_avp(874, VENDOR_3GPP, True, timer))
    return before, behind


def _amount(code: int, vendor: int, micros: int, currency: str) -> bytes:
    """{Unit-Value}{Currency-Code}; nothing for a currency whose number is not known, as both are required."""
    number = currency_code(currency)
    if not number:
        return b""
    return pack_avp(code, vendor, True, unit_value_of(*digits_and_exponent(within_limits(micros), currency)) + number)
