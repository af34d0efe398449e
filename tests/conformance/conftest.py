"""One open store per test, of every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from diameter_ocs.storage.protocol import Store
from tests.support.stores import STORES


@pytest.fixture(params=sorted(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made = STORES[request.param](tmp_path)
    await made.open()
    yield made
    await made.close()
