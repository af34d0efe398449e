"""What the configured file means at the start of a node, and what no account could live with."""

import pytest

from diameter_ocs.catalogues.activation import FILE, activate_file, objections, take_file_at_start
from diameter_ocs.catalogues.files import read_catalogue
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.versions import in_force
from diameter_ocs.storage.catalogues import CatalogueUse
from diameter_ocs.storage.memory import MemoryStore
from tests.support.sold import source, write
from tests.support.stores import creation


@pytest.fixture
async def store():
    made = MemoryStore()
    await made.open()
    return made


def nothing_to_check(_catalogue):
    return None


async def started(store, folder, at_ms, *args, activates=True, **more):
    """A node starts with this file; the version that holds then."""
    file = write(folder, *args, **more)
    await take_file_at_start(store, file, at_ms, nothing_to_check, activates=activates)
    return await holding(store, at_ms)


async def holding(store, at_ms):
    current = in_force(await store.activations(), at_ms)
    return current.version if current is not None else None


async def test_an_empty_database_takes_the_file(store, tmp_path):
    assert await started(store, tmp_path, 5, "v1", activates=False) == "v1"
    (said,) = await store.activations()
    assert (said.from_ms, said.who, said.reason) == (5, FILE, str(tmp_path / "sold.toml"))


async def test_the_same_file_changes_nothing(store, tmp_path):
    for at_ms in (5, 6, 7):
        assert await started(store, tmp_path, at_ms, "v1") == "v1"
    assert len(await store.activations()) == 1


async def test_a_changed_file_holds_with_the_next_start(store, tmp_path):
    await started(store, tmp_path, 5, "v1")
    assert await started(store, tmp_path, 6, "v2", "0.03") == "v2"
    assert await started(store, tmp_path, 7, "v1") == "v1"
    assert [each.version for each in await store.activations()] == ["v1", "v2", "v1"]


async def test_a_changed_file_waits_for_a_command_when_that_is_set(store, tmp_path):
    await started(store, tmp_path, 5, "v1")
    assert await started(store, tmp_path, 6, "v2", "0.03", activates=False) == "v1"
    assert [facts.version for facts in await store.catalogue_versions()] == ["v1", "v2"]


async def test_a_file_that_has_not_changed_does_not_undo_a_command(store, tmp_path):
    await started(store, tmp_path, 5, "v1")
    await store.keep_catalogue(source(tmp_path, "v2", "0.03"), 6, "anna", "")
    await store.activate_catalogue("v2", 6, 6, "anna", "")
    assert await started(store, tmp_path, 7, "v1") == "v2"
    assert await started(store, tmp_path, 8, "v3", "0.04") == "v3"


async def test_a_file_does_not_undo_what_was_activated_before_the_first_start(store, tmp_path):
    await store.keep_catalogue(source(tmp_path, "v2", "0.03"), 1, "anna", "")
    await store.activate_catalogue("v2", 2, 1, "anna", "")
    assert await started(store, tmp_path, 5, "v1") == "v2"


async def test_a_file_that_changed_without_a_new_version_gets_a_name_of_its_own(store, tmp_path):
    await started(store, tmp_path, 5, "v1")
    name = await started(store, tmp_path, 6, "v1", "0.03")
    assert name is not None
    assert name.startswith("v1~")
    assert await started(store, tmp_path, 7, "v1", "0.03") == name
    assert len(await store.activations()) == 2


async def test_a_wrong_file_keeps_nothing_from_starting_but_the_first_time(store, tmp_path):
    with pytest.raises(ConfigurationError, match="price"):
        await started(store, tmp_path, 5, "v1", "cheap")
    assert await started(store, tmp_path, 5, "v1") == "v1"
    assert await started(store, tmp_path, 6, "v2", "cheap") == "v1"


async def test_a_changed_file_that_accounts_cannot_live_with_does_not_hold(store, tmp_path):
    await started(store, tmp_path, 5, "v1", offer="basic")
    await store.commit([creation("acc-1")])
    assert await started(store, tmp_path, 6, "v2", offer="gold") == "v1"
    assert await started(store, tmp_path, 7, "v3", offer="basic", currency="USD") == "v1"
    assert await started(store, tmp_path, 8, "v4", offer="basic") == "v4"


async def test_a_reloaded_file_holds_at_once_or_says_why_not(store, tmp_path):
    await started(store, tmp_path, 5, "v1", offer="basic")
    await store.commit([creation("acc-1")])
    await activate_file(store, write(tmp_path, "v2", offer="basic"), 6, nothing_to_check)
    assert await holding(store, 6) == "v2"
    await activate_file(store, write(tmp_path, "v2", offer="basic"), 7, nothing_to_check)
    assert len(await store.activations()) == 2
    with pytest.raises(ConfigurationError, match="it has no offer basic, which 1 subscribers have"):
        await activate_file(store, write(tmp_path, "v3", offer="gold"), 8, nothing_to_check)
    assert await holding(store, 9) == "v2"


async def test_a_reloaded_file_that_does_not_fit_the_settings_is_not_even_kept(store, tmp_path):
    def refuse(_catalogue):
        raise ConfigurationError(["portal.secret — is missing"])

    await started(store, tmp_path, 5, "v1")
    with pytest.raises(ConfigurationError, match="portal"):
        await activate_file(store, write(tmp_path, "v2"), 6, refuse)
    assert [facts.version for facts in await store.catalogue_versions()] == ["v1"]


def test_objections_are_counted_the_most_concerned_first(tmp_path):
    _, catalogue = read_catalogue(write(tmp_path, "v1"))
    use = CatalogueUse({"EUR": 7, "USD": 1_000}, {"standard": 3, "old": 2, "older": 5}, {"pack": 4})
    found = objections(catalogue, use)
    assert found.money == ("its currency is EUR, but 1,000 accounts are in USD",)
    assert found.things == (
        "it has no offer older, which 5 subscribers have",
        "it has no offer old, which 2 subscribers have",
        "it has no product pack, which 4 accounts own",
    )
    assert objections(catalogue, CatalogueUse({"EUR": 1}, {"standard": 1})).all == ()
