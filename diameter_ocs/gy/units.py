"""Unit AVPs that packet data does not have: CC-Money and CC-Service-Specific-Units, read and written.

What is read here has passed the checks of its grammar.
"""

from collections.abc import Iterator
from struct import Struct as Packer

from diameter_ocs.charging.request import ServiceUnits
from diameter_ocs.errors import InvalidAvpValue
from diameter_ocs.values.amount import digits_of, micros_of
from diameter_ocs.values.currency import NUMERIC_CODES
from diameter_ocs.values.money import within_limits
from diameter_ocs.wire.definition import pack_avp

CC_MONEY, CURRENCY_CODE, EXPONENT, UNIT_VALUE, VALUE_DIGITS = 413, 425, 429, 445, 447
SPECIFIC_UNITS, COST_INFORMATION, COST_UNIT, TIME, TOTAL_OCTETS = 417, 423, 424, 420, 421
REMAINING_BALANCE, VENDOR_3GPP = 2021, 10415
HEADER_OCTETS, VENDOR_HEADER_OCTETS, VENDOR_FLAG = 8, 12, 0x80
LARGEST_EVENTS = (1 << 32) - 1
"""More messages than anybody sends at once; their price stays within what an amount can be."""
LARGEST_OCTETS = (1 << 64) - 1

_HEAD = Packer(">II").unpack_from
_NAME_OF_CURRENCY = {number: name for name, number in NUMERIC_CODES.items()}


def members(avp: bytes) -> Iterator[tuple[int, bytes]]:
    """Code and AVP of each member without vendor of a group; all with their headers."""
    pos, end = HEADER_OCTETS, int.from_bytes(avp[5:8], "big")
    while pos < end:
        code, flags_and_length = _HEAD(avp, pos)
        length = flags_and_length & 0xFFFFFF
        if not avp[pos + 4] & VENDOR_FLAG:
            yield code, avp[pos : pos + length]
        pos += (length + 3) & ~3


def with_other_units(
    octets: int | None,
    seconds: int | None,
    money: bytes | None,
    specific: bytes | None,
    side: int | None = None,
    *,
    is_wish: bool,
) -> ServiceUnits:
    """Units of all types together. money, specific: the AVPs. Raises InvalidAvpValue for what cannot be charged."""
    events = None
    if specific is not None:
        events = int.from_bytes(specific[HEADER_OCTETS : HEADER_OCTETS + 8], "big")
        if events > LARGEST_EVENTS:
            raise InvalidAvpValue("more units than anything can be charged for", specific)
    if money is None:
        return ServiceUnits(octets, seconds, events, side=side)
    micros, currency = amount_in(money)
    if micros < 0:
        raise InvalidAvpValue("an amount of money is below zero", money)
    if is_wish and micros == 0:
        raise InvalidAvpValue("an amount that is asked for must be above zero", money)
    return ServiceUnits(octets, seconds, events, micros, currency_name(currency), side)


def amount_in(money: bytes) -> tuple[int, int | None]:
    """Micro-units and Currency-Code of a CC-Money AVP. Raises InvalidAvpValue when it is not exact."""
    parts = dict(members(money))
    value = dict(members(parts[UNIT_VALUE]))
    currency = parts.get(CURRENCY_CODE)
    try:
        micros = micros_of(_signed(value[VALUE_DIGITS]), _signed(value.get(EXPONENT, b"")))
        return micros, None if currency is None else int.from_bytes(currency[HEADER_OCTETS:], "big")
    except ValueError as error:
        raise InvalidAvpValue(f"an amount that cannot be charged: {error}", money) from None


def _signed(avp: bytes) -> int:
    """Content of an Integer AVP; 0 when it is absent."""
    return int.from_bytes(avp[HEADER_OCTETS:], "big", signed=True)


def unit_avp(wish: ServiceUnits) -> bytes:
    """The AVP of the unit type that was asked for in vain; nothing when none was named."""
    if wish.octets is not None:
        return pack_avp(TOTAL_OCTETS, 0, True, min(wish.octets, LARGEST_OCTETS).to_bytes(8, "big"))
    return b"" if wish.seconds is None else pack_avp(TIME, 0, True, wish.seconds.to_bytes(4, "big"))


def currency_name(number: int | None) -> str:
    """'EUR' for 978; an unknown number as its digits, so that it equals no currency of an account."""
    return "" if number is None else _NAME_OF_CURRENCY.get(number, str(number))


def currency_number(name: str) -> int | None:
    """978 for 'EUR'; the number itself for an unknown one that came as such; None when there is none."""
    return int(name) if name.isdigit() else NUMERIC_CODES.get(name)


def currency_code(name: str) -> bytes:
    """Currency-Code (RFC 8506 §8.11); nothing when the currency has no number here."""
    number = currency_number(name)
    return b"" if number is None else pack_avp(CURRENCY_CODE, 0, True, number.to_bytes(4, "big"))


def unit_value(micros: int) -> bytes:
    """Unit-Value (RFC 8506 §8.8) in as few digits as it needs."""
    return unit_value_of(*digits_of(within_limits(micros)))


def unit_value_of(digits: int, exponent: int) -> bytes:
    """Unit-Value of Value-Digits and Exponent; an exponent of 0 is left out."""
    body = pack_avp(VALUE_DIGITS, 0, True, digits.to_bytes(8, "big", signed=True))
    if exponent:
        body += pack_avp(EXPONENT, 0, True, exponent.to_bytes(4, "big", signed=True))
    return pack_avp(UNIT_VALUE, 0, True, body)


def cc_money(micros: int, currency: str) -> bytes:
    """CC-Money (RFC 8506 §8.22); without a currency it is the account's."""
    return pack_avp(CC_MONEY, 0, True, unit_value(micros) + currency_code(currency))


def specific_units(events: int) -> bytes:
    """CC-Service-Specific-Units (RFC 8506 §8.26)."""
    return pack_avp(SPECIFIC_UNITS, 0, True, events.to_bytes(8, "big"))


def cost_information(micros: int, currency: str, cost_unit: str) -> bytes:
    """Cost-Information (RFC 8506 §8.7); nothing when the currency has no number, which it must carry."""
    code = currency_code(currency)
    if not code:
        return b""
    body = unit_value(micros) + code
    if cost_unit:
        body += pack_avp(COST_UNIT, 0, True, cost_unit.encode())
    return pack_avp(COST_INFORMATION, 0, True, body)


def remaining_balance(micros: int, currency: str) -> bytes:
    """Remaining-Balance (TS 32.299 §7.2); nothing when the currency has no number, which it must carry."""
    code = currency_code(currency)
    return pack_avp(REMAINING_BALANCE, VENDOR_3GPP, True, unit_value(micros) + code) if code else b""
