"""Who a subscriber is on the network, and names for our own records."""

from enum import Enum
from typing import NamedTuple

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
CHANCE_BITS = 40


class IdentityKind(Enum):
    """Kinds of Subscription-Id (RFC 8506 §8.47)."""

    E164 = "msisdn"
    IMSI = "imsi"
    SIP_URI = "sip"
    NAI = "nai"
    PRIVATE = "private"

    __hash__ = object.__hash__  # members are singletons; the hash of Enum is a slow function


class Identity(NamedTuple):
    """One name by which the network knows a subscriber."""

    kind: IdentityKind
    value: str


class SubscriberRef(NamedTuple):
    """Where a subscriber's records live. Every subscriber belongs to exactly one account."""

    account_id: str
    subscriber_id: str


def identity(kind: IdentityKind, value: str) -> Identity:
    """An identity in the one spelling that is stored and looked up: '+49 151' and '49151' are the same.

    Raises ValueError when the value cannot be of that kind.
    """
    text = value.strip().rstrip("\0")
    if kind is IdentityKind.E164:
        text = text.lstrip("+").replace(" ", "").replace("-", "")
    if kind in (IdentityKind.E164, IdentityKind.IMSI):
        if not (text.isascii() and text.isdigit() and 4 <= len(text) <= 15):
            raise ValueError(f"{value!r} is not a {kind.name}: 4 to 15 digits are needed")
    elif kind in (IdentityKind.SIP_URI, IdentityKind.NAI):
        text = text.lower()
    if not text or len(text) > 255:
        raise ValueError(f"an identity of kind {kind.value} needs 1 to 255 characters")
    return Identity(kind, text)


def new_id(prefix: str, at_ms: int, chance: int) -> str:
    """A new record name such as 'acc-01k8...': sorts by time. chance: at least 40 random bits, to be unique."""
    number = (at_ms << CHANCE_BITS) | (chance & ((1 << CHANCE_BITS) - 1))
    digits = []
    for _ in range(18):
        number, index = divmod(number, 32)
        digits.append(ALPHABET[index])
    return f"{prefix}-{''.join(reversed(digits))}"
