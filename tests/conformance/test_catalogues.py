"""What every store promises of catalogues (diameter_ocs/storage/catalogues.py)."""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from diameter_ocs.ledger.owned import Owned
from diameter_ocs.rating.versions import Activation, CatalogueSource, VersionFacts
from diameter_ocs.storage.catalogues import CatalogueUse
from diameter_ocs.storage.protocol import AccountWrite, Store
from diameter_ocs.storage.sqlite import SqliteStore
from tests.support.stores import account, creation, subscriber

SPRING = CatalogueSource("spring", "# Zoë's prices\nversion = 'spring'\n", {"rates/all.csv": "prefix,price\n49,0.02\n"})
SUMMER = CatalogueSource("summer", "version = 'summer'\n")


async def test_a_version_is_kept_as_it_was_written(store: Store) -> None:
    kept = await store.keep_catalogue(SPRING, 5, "anna", "first prices")
    assert kept == VersionFacts("spring", SPRING.checksum, 5, "anna", "first prices")
    assert await store.catalogue_source("spring") == SPRING
    assert await store.catalogue_source("winter") is None


async def test_a_version_is_never_replaced(store: Store) -> None:
    first = await store.keep_catalogue(SPRING, 5, "anna", "")
    assert await store.keep_catalogue(SPRING, 9, "ben", "again") == first
    other = replace(SPRING, files={"rates/all.csv": "prefix,price\n49,0.01\n"})
    assert other.checksum != SPRING.checksum
    assert await store.keep_catalogue(other, 9, "ben", "cheaper") == first
    assert await store.catalogue_source("spring") == SPRING


async def test_versions_are_listed_in_their_order(store: Store) -> None:
    assert list(await store.catalogue_versions()) == []
    for number, source in enumerate((SUMMER, SPRING)):
        await store.keep_catalogue(source, number, "anna", "")
    assert [facts.version for facts in await store.catalogue_versions()] == ["summer", "spring"]


async def test_activations_are_numbered_as_they_are_said(store: Store) -> None:
    for source in (SPRING, SUMMER):
        await store.keep_catalogue(source, 1, "anna", "")
    first = await store.activate_catalogue("summer", 900, 2, "anna", "in good time")
    second = await store.activate_catalogue("spring", 10, 3, "ben", "")
    assert first == Activation(1, "summer", 900, 2, "anna", "in good time")
    assert second == Activation(2, "spring", 10, 3, "ben")
    assert list(await store.activations()) == [first, second]


async def test_only_what_is_kept_can_be_activated(store: Store) -> None:
    assert await store.activate_catalogue("winter", 1, 1, "anna", "") is None
    assert list(await store.activations()) == []


async def test_a_cancelled_activation_stays_in_the_list(store: Store) -> None:
    await store.keep_catalogue(SPRING, 1, "anna", "")
    said = await store.activate_catalogue("spring", 900, 2, "anna", "")
    assert said is not None
    assert await store.cancel_activation(said.number, 7, "ben") is True
    assert await store.cancel_activation(said.number, 8, "carl") is False
    assert await store.cancel_activation(99, 8, "carl") is False
    assert list(await store.activations()) == [replace(said, cancelled_ms=7, cancelled_by="ben")]


async def test_activations_said_at_once_are_all_kept(store: Store) -> None:
    await store.keep_catalogue(SPRING, 1, "anna", "")
    said = await asyncio.gather(*(store.activate_catalogue("spring", at, at, "anna", "") for at in range(20)))
    assert sorted(each.number for each in said if each is not None) == list(range(1, 21))
    assert len(await store.activations()) == 20


async def test_what_accounts_rely_on_is_counted(store: Store) -> None:
    assert await store.catalogue_use() == CatalogueUse()
    await store.commit([creation("acc-1"), creation("acc-2")])
    more = (subscriber("acc-2", "sub-b", "gold"),)
    owned = (Owned("pack-1", "pack"), Owned("pack-2", "pack"), Owned("other-3", "other"))
    await store.commit([AccountWrite("acc-2", 1, replace(account("acc-2"), currency="USD", owned=owned), more)])
    used = CatalogueUse({"EUR": 1, "USD": 1}, {"basic": 2, "gold": 1}, {"pack": 1, "other": 1})
    assert await store.catalogue_use() == used


async def test_another_process_sees_them_at_once(tmp_path: Path) -> None:
    one, other = SqliteStore(tmp_path / "ocs.db"), SqliteStore(tmp_path / "ocs.db")
    await one.open()
    await other.open()
    await one.keep_catalogue(SPRING, 1, "anna", "")
    said = await one.activate_catalogue("spring", 900, 2, "anna", "")
    assert list(await other.activations()) == [said]
    assert await other.catalogue_source("spring") == SPRING
    await one.close()
    await other.close()
