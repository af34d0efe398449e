"""Amounts as Diameter writes them: Value-Digits x 10^Exponent (RFC 8506 §8.8).

Exact both ways, in integers. What is finer than a micro-unit is refused, never rounded.
"""

from diameter_ocs.values.money import LARGEST_MICROS

MICRO_EXPONENT = -6
LARGEST_EXPONENT = 18
"""Ten to a higher power times a micro-unit is more than any amount can be."""


def micros_of(digits: int, exponent: int = 0) -> int:
    """Value-Digits and Exponent as micro-units. Raises ValueError when that is not exact, or too much."""
    if digits == 0:
        return 0
    if exponent > LARGEST_EXPONENT:
        raise ValueError("more than any amount can be")
    if exponent < MICRO_EXPONENT - LARGEST_EXPONENT:
        raise ValueError("finer than a millionth of the currency unit")
    factor: int = 10 ** abs(exponent - MICRO_EXPONENT)
    micros, rest = (digits * factor, 0) if exponent >= MICRO_EXPONENT else divmod(digits, factor)
    if rest:
        raise ValueError("finer than a millionth of the currency unit")
    if abs(micros) > LARGEST_MICROS:
        raise ValueError("more than any amount can be")
    return micros


def digits_of(micros: int) -> tuple[int, int]:
    """Value-Digits and Exponent (0 or below) of an amount, with no more digits than it needs: 70,000 is 7, -2."""
    digits, exponent = micros, MICRO_EXPONENT
    while exponent and digits % 10 == 0:
        digits //= 10
        exponent += 1
    return digits, exponent
