"""Keys of the programs that use the API. Only a digest is kept: who has the database cannot use a key.

A key is `ocs_ID_SECRET`. The secret has 256 random bits, so a plain keyed hash is as good as a slow one: there is
nothing to guess.
"""

import hmac
import re
from hashlib import sha256

from msgspec import Struct

ID_OCTETS = 6
SECRET_OCTETS = 32
SHAPE = re.compile(r"ocs_([0-9a-f]{12})_([0-9a-f]{64})\Z")


class ApiKey(Struct, frozen=True):
    """What is kept of a key.

    client: the program that has it; a rotated key has the client of the old one. role and scopes: what it may do, see
    api/roles.py; scopes empty: all that the role may. expires_ms, revoked_ms, used_ms: None for never; used_ms may
    lag behind some minutes.
    """

    key_id: str
    client: str
    role: str
    digest: str
    created_ms: int
    scopes: tuple[str, ...] = ()
    expires_ms: int | None = None
    revoked_ms: int | None = None
    used_ms: int | None = None

    def is_good(self, at_ms: int) -> bool:
        """May it be used now?"""
        return self.revoked_ms is None and (self.expires_ms is None or at_ms < self.expires_ms)

    def is_proved_by(self, secret: str) -> bool:
        """Does the secret belong to it? Takes the same time whether it does or not."""
        return hmac.compare_digest(self.digest, digest_of(self.key_id, secret))


def key_text(key_id: str, secret: str) -> str:
    """The key as its owner has it."""
    return f"ocs_{key_id}_{secret}"


def parts_of(text: str) -> tuple[str, str] | None:
    """Id and secret of a key; None for what is no key."""
    found = SHAPE.match(text)
    return (found[1], found[2]) if found else None


def digest_of(key_id: str, secret: str) -> str:
    return hmac.new(key_id.encode(), secret.encode(), sha256).hexdigest()
