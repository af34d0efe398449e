"""Keys of the API: what their owners have, and what is kept of them."""

import pytest
from msgspec.structs import replace

from diameter_ocs.values.api_key import ApiKey, digest_of, key_text, parts_of

ID, SECRET = "0123456789ab", "c" * 64
KEY = ApiKey(ID, "shop", "channel", digest_of(ID, SECRET), 10)


def test_a_key_is_proved_by_its_secret_only():
    assert parts_of(key_text(ID, SECRET)) == (ID, SECRET)
    assert KEY.is_proved_by(SECRET)
    assert not KEY.is_proved_by("d" * 64)
    assert not replace(KEY, key_id="ffffffffffff").is_proved_by(SECRET), "a digest is worth nothing under another id"
    assert SECRET not in str(KEY)


@pytest.mark.parametrize(
    "text", ["", "ocs_", f"ocs_{ID}_{SECRET}\n", f"OCS_{ID}_{SECRET}", f"ocs_{ID}_{SECRET}0", "ocs_é_é"]
)
def test_what_is_no_key(text):
    assert parts_of(text) is None


def test_how_long_a_key_is_good():
    assert KEY.is_good(10**15)
    ending = replace(KEY, expires_ms=50)
    assert (ending.is_good(49), ending.is_good(50)) == (True, False)
    assert not replace(KEY, revoked_ms=20).is_good(5)
