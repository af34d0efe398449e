"""Keys and their lives: made, replaced, taken back."""

import secrets

from msgspec.structs import replace

from diameter_ocs.values.api_key import ID_OCTETS, SECRET_OCTETS, ApiKey, digest_of, key_text


def new_key(
    client: str, role: str, scopes: tuple[str, ...], at_ms: int, expires_ms: int | None = None
) -> tuple[ApiKey, str]:
    """What is kept of a new key, and the key itself: nobody will see it again."""
    key_id, secret = secrets.token_hex(ID_OCTETS), secrets.token_hex(SECRET_OCTETS)
    digest = digest_of(key_id, secret)
    return ApiKey(key_id, client, role, digest, at_ms, scopes, expires_ms), key_text(key_id, secret)


def rotated(old: ApiKey, at_ms: int, grace_ms: int) -> tuple[ApiKey, ApiKey, str]:
    """The old key as it ends after a time of grace, and a new one with the same rights."""
    lifetime = None if old.expires_ms is None else old.expires_ms - old.created_ms
    new, text = new_key(old.client, old.role, old.scopes, at_ms, None if lifetime is None else at_ms + lifetime)
    end_ms = at_ms + grace_ms
    ending = replace(old, expires_ms=end_ms if old.expires_ms is None else min(end_ms, old.expires_ms))
    return ending, new, text


def revoked(key: ApiKey, at_ms: int) -> ApiKey:
    """The same key, good for nothing from now on."""
    return key if key.revoked_ms is not None else replace(key, revoked_ms=at_ms)
