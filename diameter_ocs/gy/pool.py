"""Credit pools in answers: which pool a grant goes into, and what its units count there (RFC 8506 §8.30)."""

from struct import Struct as Packer

from diameter_ocs.gy.units import unit_value_of
from diameter_ocs.rating.pool import PoolShare
from diameter_ocs.values.units import UnitType
from diameter_ocs.wire.definition import pack_avp

CC_UNIT_TYPES = {UnitType.SECONDS: 0, UnitType.OCTETS: 2, UnitType.EVENTS: 5}
"""CC-Unit-Type (RFC 8506 §8.32): TIME, TOTAL-OCTETS, SERVICE-SPECIFIC-UNITS."""
_U32 = Packer(">I").pack


def pool_reference(share: PoolShare, unit: UnitType) -> bytes:
    """G-S-U-Pool-Reference; its Unit-Value is the multiplier."""
    pool_id = pack_avp(453, 0, True, _U32(share.pool_id))
    unit_type = pack_avp(454, 0, True, _U32(CC_UNIT_TYPES[unit]))
    return pack_avp(457, 0, True, pool_id + unit_type + unit_value_of(*_shortest(share.multiplier)))


def _shortest(number: int) -> tuple[int, int]:
    """Value-Digits and Exponent with no more digits than it needs: 250 is 25, 1."""
    digits, exponent = number, 0
    while digits % 10 == 0:
        digits, exponent = digits // 10, exponent + 1
    return digits, exponent
