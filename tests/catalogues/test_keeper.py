"""The engine decides by what holds by the database, and changes over by its own clock."""

import pytest

from diameter_ocs.catalogues.keeper import RECENT, CatalogueKeeper
from diameter_ocs.charging.decide import Terms
from diameter_ocs.charging.rules import ChargingRules
from diameter_ocs.errors import ConfigurationError, StoreUnavailable
from diameter_ocs.storage.memory import MemoryStore
from tests.support.charging import AT_MS
from tests.support.engines import ManualClock, engine_on
from tests.support.sold import source

HOUR_MS = 3_600_000


class Bench:
    """A store, an engine whose clock is at hand, and their keeper."""

    def __init__(self, folder):
        self.folder = folder
        self.store = MemoryStore()
        self.clock = ManualClock()
        self.engine = engine_on(self.store, self.clock)
        self.changes = []
        self.unreadable = set()
        self.made = []
        self.keeper = CatalogueKeeper(self.store, self.engine, self.make, self.clock.at_ms, 1.0, self.note)

    def make(self, catalogue):
        if catalogue.version in self.unreadable:
            raise ConfigurationError([f"{catalogue.version}: of a newer release"])
        self.made.append(catalogue.version)
        return Terms(catalogue, ChargingRules())

    def note(self, before, after):
        self.changes.append((before.version, after.version))

    async def activate(self, version, price="0.02", hours=0.0):
        await self.store.keep_catalogue(source(self.folder, version, price), 1, "anna", "")
        said = await self.store.activate_catalogue(version, AT_MS + int(hours * HOUR_MS), 1, "anna", "")
        return said.number

    @property
    def version(self):
        return self.engine.terms.catalogue.version

    def former_prices(self):
        former = self.engine.terms.former.values()
        return sorted(each.offer.by_group[10].rate.step_micros for each in former)


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path)
    await made.store.open()
    return made


async def test_what_holds_is_taken_at_the_start(bench):
    await bench.activate("v1", hours=-2)
    await bench.activate("v2", "0.03", hours=-1)
    await bench.activate("v3", "0.04", hours=1)
    await bench.keeper.start()
    assert bench.version == "v2"
    assert bench.keeper.problem is None
    assert bench.changes == []


async def test_without_any_version_nothing_starts(bench):
    with pytest.raises(ConfigurationError, match="no version of the catalogue is active"):
        await bench.keeper.start()


async def test_a_new_activation_is_noticed(bench):
    await bench.activate("v1", hours=-2)
    await bench.keeper.start()
    await bench.activate("v2", "0.03")
    await bench.keeper.look()
    assert bench.version == "v2"
    assert bench.changes == [("v1", "v2")]
    await bench.keeper.look()
    assert bench.changes == [("v1", "v2")]


async def test_the_engine_changes_over_although_nobody_looks(bench):
    await bench.activate("v1", hours=-2)
    await bench.activate("v2", "0.03", hours=1)
    await bench.keeper.start()
    bench.clock.seconds += 3600
    bench.engine.keep_time(bench.clock.at_ms())
    assert bench.version == "v2"
    await bench.keeper.look()
    assert bench.changes == [("v1", "v2")]


async def test_a_cancelled_activation_does_not_come(bench):
    await bench.activate("v1", hours=-2)
    number = await bench.activate("v2", "0.03", hours=1)
    await bench.keeper.start()
    await bench.store.cancel_activation(number, 2, "anna")
    await bench.keeper.look()
    bench.clock.seconds += 7200
    await bench.keeper.look()
    assert bench.version == "v1"


async def test_each_version_is_read_once(bench):
    await bench.activate("v1", hours=-2)
    await bench.activate("v2", "0.03", hours=1)
    await bench.keeper.start()
    for _ in range(3):
        await bench.keeper.look()
    bench.clock.seconds += 3600
    await bench.keeper.look()
    assert bench.made == ["v1", "v2"]


async def test_offers_as_they_were_sold_before_are_remembered(bench):
    for number in range(RECENT + 3):
        await bench.activate(f"v{number}", f"0.{number + 10}", hours=number - 20)
    await bench.keeper.start()
    assert bench.former_prices() == [(number + 10) * 10_000 for number in range(2, RECENT + 2)]
    await bench.activate("next", "0.90", hours=1)
    await bench.keeper.look()
    bench.clock.seconds += 3600
    bench.engine.keep_time(bench.clock.at_ms())
    assert bench.version == "next"
    assert (RECENT + 2 + 10) * 10_000 in bench.former_prices()


async def test_what_is_sold_as_before_is_not_remembered_twice(bench):
    await bench.activate("v1", "0.02", hours=-2)
    await bench.activate("v2", "0.02", hours=-1)
    await bench.keeper.start()
    assert bench.former_prices() == []


async def test_a_version_that_cannot_be_read_leaves_the_last_good_one(bench):
    bench.unreadable.add("v2")
    await bench.activate("v1", hours=-2)
    await bench.activate("v2", "0.03", hours=-1)
    await bench.keeper.start()
    assert bench.version == "v1"
    assert bench.keeper.problem == "version v2 holds by the database and cannot be read"
    await bench.activate("v3", "0.04")
    await bench.keeper.look()
    assert (bench.version, bench.keeper.problem) == ("v3", None)


async def test_a_version_to_come_that_cannot_be_read_is_a_problem_when_its_time_has_come(bench):
    bench.unreadable.add("v2")
    await bench.activate("v1", hours=-2)
    await bench.activate("v2", "0.03", hours=1)
    await bench.keeper.start()
    assert bench.keeper.problem is None
    bench.clock.seconds += 3600
    await bench.keeper.look()
    assert bench.version == "v1"
    assert bench.keeper.problem == "version v2 holds by the database and cannot be read"


async def test_nothing_that_can_be_read_starts_nothing(bench):
    bench.unreadable.add("v1")
    await bench.activate("v1", hours=-2)
    with pytest.raises(ConfigurationError, match="version v1 cannot be read: v1: of a newer release"):
        await bench.keeper.start()


async def test_a_store_that_fails_leaves_what_holds_and_what_is_planned(bench):
    await bench.activate("v1", hours=-2)
    await bench.activate("v2", "0.03", hours=1)
    await bench.keeper.start()
    await bench.store.close()
    with pytest.raises(StoreUnavailable):
        await bench.keeper.look()
    bench.clock.seconds += 3600
    bench.engine.keep_time(bench.clock.at_ms())
    assert bench.version == "v2"


async def test_the_terms_of_the_node_come_with_every_version(bench):
    await bench.activate("v1")
    rules = ChargingRules(grace_seconds=7)
    keeper = CatalogueKeeper(
        bench.store, bench.engine, lambda sold: Terms(sold, rules), bench.clock.at_ms, 1.0, bench.note
    )
    await keeper.start()
    assert bench.engine.terms.rules is rules
