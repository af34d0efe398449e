"""The signed token of a redirect link: tells a top-up portal whose session it is, for a short time.

A token is `BODY.SIGNATURE` in URL-safe base64. The body is readable by whoever sees the link; only the
holder of the key can make one. Pure: key and time are arguments.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, Encoder

MIN_KEY_OCTETS = 16
MAX_TOKEN_CHARACTERS = 4096
TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
"""A token inside of other text: a signature has 43 characters, so no host name looks like one."""


class PortalLink(Struct, frozen=True, array_like=True, gc=False):
    """Whose session a link belongs to, and until when it is good (milliseconds since 1970 UTC)."""

    session_id: str
    account_id: str
    subscriber_id: str
    until_ms: int


class PortalKey(Struct, frozen=True, gc=False):
    """What links are signed with, and how long they are good."""

    secret: bytes
    seconds: int

    def __repr__(self) -> str:
        return f"PortalKey(***, {self.seconds})"


class LinkRefused(ValueError):
    """The token was not made with this key, was changed, or is too old."""


class LinkExpired(LinkRefused):
    """The token is genuine, but its time is over."""

    def __init__(self, link: PortalLink) -> None:
        super().__init__("the link is too old")
        self.link = link


_encoder = Encoder()
_decoder = Decoder(PortalLink)


def sign(secret: bytes, link: PortalLink) -> str:
    """The token of a link: HMAC-SHA256 over its body."""
    body = _text(_encoder.encode(link))
    return f"{body}.{_signature(secret, body)}"


def verify(secret: bytes, token: str, at_ms: int) -> PortalLink:
    """The link a token stands for. Raises LinkRefused."""
    body, _, signature = token.partition(".")
    if len(token) > MAX_TOKEN_CHARACTERS or TOKEN.fullmatch(token) is None:
        raise LinkRefused("not a token: that is BODY.SIGNATURE in URL-safe base64 without padding")
    if not hmac.compare_digest(signature, _signature(secret, body)):
        raise LinkRefused("the signature is wrong: signed with another secret, or changed")
    try:
        link = _decoder.decode(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, DecodeError):
        raise LinkRefused("not a token: what is signed is not a link") from None
    if at_ms >= link.until_ms:
        raise LinkExpired(link)
    return link


def token_in(text: str) -> str:
    """The token of a whole link: the last thing in it that looks like one; the text itself where nothing does."""
    found = TOKEN.findall(text)
    return found[-1] if found else text.strip()


def _signature(secret: bytes, body: str) -> str:
    return _text(hmac.digest(secret, body.encode(), "sha256"))


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
