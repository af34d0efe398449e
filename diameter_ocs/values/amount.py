"""Amounts as Diameter writes them: Value-Digits x 10^Exponent (RFC 8506 §8.8), and codes of currencies (ISO 4217).

Exact both ways, in integers. What is finer than a micro-unit is refused, never rounded.
"""

from diameter_ocs.values.money import LARGEST_MICROS

MICRO_EXPONENT = -6
LARGEST_EXPONENT = 18
"""Ten to a higher power times a micro-unit is more than any amount can be."""

CURRENCY_NUMBERS = {
    "AED": 784, "ARS": 32, "AUD": 36, "BDT": 50, "BGN": 975, "BHD": 48, "BRL": 986, "CAD": 124, "CHF": 756,
    "CLP": 152, "CNY": 156, "COP": 170, "CZK": 203, "DKK": 208, "EGP": 818, "EUR": 978, "GBP": 826, "GHS": 936,
    "HKD": 344, "HUF": 348, "IDR": 360, "ILS": 376, "INR": 356, "ISK": 352, "JOD": 400, "JPY": 392, "KES": 404,
    "KRW": 410, "KWD": 414, "LKR": 144, "MAD": 504, "MXN": 484, "MYR": 458, "NGN": 566, "NOK": 578, "NZD": 554,
    "OMR": 512, "PEN": 604, "PHP": 608, "PKR": 586, "PLN": 985, "QAR": 634, "RON": 946, "RUB": 643, "SAR": 682,
    "SEK": 752, "SGD": 702, "THB": 764, "TND": 788, "TRY": 949, "TWD": 901, "UAH": 980, "USD": 840, "VND": 704,
    "XAF": 950, "XOF": 952, "ZAR": 710,
}  # fmt: skip
"""Numbers of the common currencies, as Currency-Code (RFC 8506 §8.11) carries them."""


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
