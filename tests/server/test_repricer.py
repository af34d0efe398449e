"""Gateways are asked about every session that was rated otherwise, page by page."""

import pytest
from msgspec.structs import replace

from diameter_ocs.charging.outbox import RequestKind
from diameter_ocs.charging.request import Outcome
from diameter_ocs.errors import StoreUnavailable
from diameter_ocs.server.repricer import Repricer
from diameter_ocs.storage.protocol import SessionRef
from tests.support.charging import catalogue


class Store:
    """Sessions of one tariff each."""

    def __init__(self, **tariffs):
        self.tariffs = tariffs
        self.fails = False
        self.pages = []

    async def sessions_priced_otherwise(self, tariffs, after="", limit=1000):
        if self.fails:
            raise StoreUnavailable("locked")
        found = [each for each, tariff in self.tariffs.items() if tariff != tariffs["standard"] and each > after]
        self.pages.append(found[:limit])
        return [SessionRef("acc", each) for each in found[:limit]]


@pytest.fixture
def asked():
    return []


@pytest.fixture
def execute(asked):
    async def take(command):
        asked.append(command)
        return Outcome()

    return take


async def test_every_session_of_other_prices_is_asked_about_once(asked, execute):
    sold = catalogue()
    same = sold.offers["standard"].fingerprint
    store = Store(a=1, b=same, c=2, d=3)
    await Repricer(store, execute, 20_000).run(sold)
    assert [each.session_id for each in asked] == ["a", "c", "d"]
    assert {each.kind for each in asked} == {RequestKind.REAUTHORIZE}
    assert {each.reason for each in asked} == {"price change: catalogue test"}


async def test_they_are_asked_in_portions(asked, execute):
    store = Store(**{f"s{number}": 1 for number in range(5)})
    await Repricer(store, execute, 20).run(replace(catalogue(), version="v2"))
    assert [len(page) for page in store.pages] == [2, 2, 1, 0]
    assert len(asked) == 5


async def test_nobody_is_asked_when_it_is_off_or_the_store_fails(asked, execute):
    store = Store(a=1)
    await Repricer(store, execute, 0).run(catalogue())
    store.fails = True
    await Repricer(store, execute, 100).run(catalogue())
    assert asked == []
