"""Addresses as networks write them, to numbers that prefixes can be looked up with."""

import re
from functools import lru_cache

from msgspec import Struct

SHORT = "s"
"""Stands before a short number: 110 of one country is not the beginning of a number in another."""
_SCHEME = re.compile(r"(?:tel|sips?):", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=\+([0-9.\-()]+)", re.IGNORECASE)
_SEPARATORS = str.maketrans("", "", " -.()/")
NUMBERS_REMEMBERED = 4096
"""Requests of one call come with the same number."""
MAX_DIGITS = 32
"""E.164 has 15; with prefixes and extensions no number is longer."""


class Numbering(Struct, frozen=True, cache_hash=True):
    """How numbers are dialled at home.

    country_code: of the home country, such as '49'; '': national numbers are not known as such.
    national_digits: lengths that a national number has where it is dialled without a prefix.
    short_digits: a number without any prefix that has no more digits is a short one, such as 110.
    """

    country_code: str = ""
    international_prefix: str = "00"
    national_prefix: str = "0"
    national_digits: tuple[int, ...] = ()
    short_digits: int = 6

    def normal(self, address: str) -> str:
        """'tel:0151-1234;phone-context=+49', '+49 151 1234' and '0049 1511234' as '491511234'; '110' as 's110'.

        Empty for what is no number, such as 'sip:alice@example.org'. Digits without any prefix that are
        not short are international already: so are the addresses of short messages.
        """
        return _normal(self, address)

    def in_context(self, country_code: str, digits: str) -> str:
        """A local number of a tel URI, by the number that its phone-context begins with (RFC 3966 §5.1.5)."""
        is_national = bool(self.national_prefix) and digits.startswith(self.national_prefix)
        if country_code == self.country_code and len(digits) <= self.short_digits and not is_national:
            return SHORT + digits
        return country_code + digits.removeprefix(self.national_prefix)


@lru_cache(NUMBERS_REMEMBERED)
def _normal(plan: Numbering, address: str) -> str:
    context = _CONTEXT.search(address)
    text = _SCHEME.sub("", address.strip(), count=1).partition("@")[0].partition(";")[0].translate(_SEPARATORS)
    is_global = text[:1] == "+"
    digits = text[is_global:]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS):
        return ""
    if is_global:
        return digits
    if context is not None:
        return plan.in_context(context[1].translate(_SEPARATORS), digits)
    if plan.international_prefix and digits.startswith(plan.international_prefix):
        return digits[len(plan.international_prefix) :]
    if plan.country_code and plan.national_prefix and digits.startswith(plan.national_prefix):
        return plan.country_code + digits[len(plan.national_prefix) :]
    if plan.country_code and len(digits) in plan.national_digits:
        return plan.country_code + digits
    return SHORT + digits if len(digits) <= plan.short_digits else digits
