"""Money as integer micro-units. The only module that rounds, and it says in which direction."""

from decimal import Decimal
from enum import Enum

MICROS_PER_UNIT = 1_000_000
LARGEST_MICROS = (1 << 63) - 1
"""What every store and program can hold as an integer."""


def divide_up(amount: int, by: int) -> int:
    """Quotient rounded towards plus infinity: started steps count as whole ones."""
    return -(-amount // by)


class Rounding(Enum):
    """Which way an amount goes that falls between two."""

    UP = "up"
    DOWN = "down"
    HALF_UP = "half up"


def divide(amount: int, by: int, rounding: Rounding) -> int:
    """Quotient of an amount that is not negative, rounded to a whole number."""
    if rounding is Rounding.UP:
        return -(-amount // by)
    return amount // by if rounding is Rounding.DOWN else (2 * amount + by) // (2 * by)


def within_limits(micros: int) -> int:
    """An amount as it can be told: beyond the largest, the largest."""
    return max(-LARGEST_MICROS, min(micros, LARGEST_MICROS))


def share_of(amount: int, part: int, whole: int) -> int:
    """What `part` of `whole` equal units have of an amount, rounded towards minus infinity."""
    return amount * part // whole


def parse_money(text: str | int | Decimal) -> int:
    """'0.02' as 20,000 micro-units. Raises ValueError for more than six decimals, floats, words, and too much."""
    if isinstance(text, bool | float):
        raise ValueError(f"{text!r} is not an amount: write it in quotes, such as '0.02'")
    try:
        micros = Decimal(str(text).strip()) * MICROS_PER_UNIT
        is_exact = micros.is_finite() and micros == micros.to_integral_value()
    except ArithmeticError:
        raise ValueError(f"{text!r} is not an amount such as '0.02'") from None
    if not is_exact:
        raise ValueError(f"{text!r} has more than six decimals; the smallest amount is 0.000001")
    if abs(micros) > LARGEST_MICROS:
        raise ValueError(f"{text!r} is more than any amount can be")
    return int(micros)


def format_money(micros: int, currency: str = "") -> str:
    """20,000 as '0.02'; at least two decimals, never a rounded one."""
    sign = "-" if micros < 0 else ""
    whole, fraction = divmod(abs(micros), MICROS_PER_UNIT)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}" + (f" {currency}" if currency else "")
