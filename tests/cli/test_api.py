"""`ocs api`: keys made, listed, replaced, taken back; the description."""

import asyncio

import pytest

from diameter_ocs.storage import open_store
from diameter_ocs.values.api_key import parts_of


def stored(ocs):
    async def read():
        store = open_store(f"sqlite:///{ocs.config.parent}/ocs.db", busy_timeout_seconds=2.0)
        await store.open()
        try:
            return list(await store.api_keys())
        finally:
            await store.close()

    return asyncio.run(read())


def test_a_key_is_shown_once_and_kept_as_a_digest(ocs):
    shown = ocs("api", "key", "create", "shop", "--role", "channel", "--scope", "topups:write", "--days", "10")
    key_id, secret = parts_of(shown.stdout.strip())
    (kept,) = stored(ocs)
    assert (kept.key_id, kept.client, kept.role, kept.scopes) == (key_id, "shop", "channel", ("topups:write",))
    assert kept.is_proved_by(secret)
    assert kept.expires_ms - kept.created_ms == 10 * 86_400_000
    listed = ocs("api", "key", "list").stdout
    assert key_id in listed
    assert secret not in listed + str(kept)


def test_a_client_has_one_good_key(ocs):
    made = ocs.json("api", "key", "create", "shop", "--role", "care")
    again = ocs.refused("api", "key", "create", "shop", "--role", "care", code=1)
    assert f"shop has the key {made['key_id']}: rotate or revoke it" in again


def test_rotate_and_revoke(ocs):
    old = ocs.json("api", "key", "create", "shop", "--role", "care", "--days", "10")
    new = ocs.json("api", "key", "rotate", old["key_id"], "--grace-hours", "1")
    assert (new["client"], new["role"], new["key_id"] != old["key_id"]) == ("shop", "care", True)
    listed = {each["key_id"]: each for each in ocs.json("api", "key", "list")}
    assert listed.keys() == {old["key_id"], new["key_id"]}
    assert listed[old["key_id"]]["expires"] < old["expires"]
    assert ocs.json("api", "key", "revoke", old["key_id"])["revoked"] is not None
    assert "is revoked" in ocs("api", "key", "revoke", old["key_id"]).stdout
    assert [each["key_id"] for each in ocs.json("api", "key", "list")] == [new["key_id"]]
    assert len(ocs.json("api", "key", "list", "--all")) == 2
    assert "revoked" in ocs("api", "key", "list", "--all").stdout
    assert "there is no good key" in ocs.refused("api", "key", "rotate", old["key_id"], code=1)
    assert "there is no key x" in ocs.refused("api", "key", "revoke", "x", code=1)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("shop", "--role", "chanel"), "'chanel' is no role; did you mean 'channel'?"),
        (("shop", "--role", "care", "--scope", "topup:write"), "did you mean 'topups:write'?"),
        (("shop", "--role", "read", "--scope", "limits:write"), "is not in role read"),
        (("a shop", "--role", "read"), "must be 1 to 64 letters"),
    ],
)
def test_mistakes_are_told(ocs, args, expected):
    assert expected in ocs.refused("api", "key", "create", *args)


def test_roles_and_description(ocs):
    assert "topups:write" in ocs.json("api", "roles")["channel"]
    assert "adjustments:write" in ocs("api", "roles").stdout
    assert '"/api/v1/accounts/{account_id}/topups"' in ocs("api", "openapi").stdout


def test_the_api_alone_needs_an_address(ocs):
    assert "api.listen — is not set — set it, or give --api" in ocs.refused("serve", "--role", "api")
