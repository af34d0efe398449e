"""Currencies by number and their amounts on the wire (ISO 4217; RFC 8506 §8.8, §8.11)."""

from diameter_ocs.values.money import MICROS_PER_UNIT

NUMERIC_CODES = {
    "AED": 784, "ARS": 32, "AUD": 36, "BAM": 977, "BDT": 50, "BGN": 975, "BHD": 48, "BRL": 986, "CAD": 124,
    "CHF": 756, "CLP": 152, "CNY": 156, "COP": 170, "CZK": 203, "DKK": 208, "EGP": 818, "EUR": 978, "GBP": 826,
    "GHS": 936, "HKD": 344, "HUF": 348, "IDR": 360, "ILS": 376, "INR": 356, "ISK": 352, "JOD": 400, "JPY": 392,
    "KES": 404, "KRW": 410, "KWD": 414, "LKR": 144, "MAD": 504, "MXN": 484, "MYR": 458, "NGN": 566, "NOK": 578,
    "NZD": 554, "OMR": 512, "PEN": 604, "PHP": 608, "PKR": 586, "PLN": 985, "QAR": 634, "RON": 946, "RSD": 941,
    "RUB": 643, "SAR": 682, "SEK": 752, "SGD": 702, "THB": 764, "TND": 788, "TRY": 949, "TWD": 901, "TZS": 834,
    "UAH": 980, "UGX": 800, "USD": 840, "UYU": 858, "VND": 704, "XAF": 950, "XOF": 952, "ZAR": 710,
}  # fmt: skip
"""Currency-Code of a currency's letters."""
_MINOR_DIGITS = {"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3} | dict.fromkeys(
    ("CLP", "ISK", "JPY", "KRW", "UGX", "VND", "XAF", "XOF"), 0
)


def minor_digits(currency: str) -> int:
    """Decimals of the smallest coin."""
    return _MINOR_DIGITS.get(currency, 2)


def digits_and_exponent(micros: int, currency: str) -> tuple[int, int]:
    """Value-Digits and Exponent, exactly: 12.34 EUR is (1234, -2), 500 JPY is (500, 0).

    At least the decimals of the currency's coins, more when the amount has them.
    """
    decimals = minor_digits(currency)
    while micros * 10**decimals % MICROS_PER_UNIT:
        decimals += 1
    return micros * 10**decimals // MICROS_PER_UNIT, -decimals
