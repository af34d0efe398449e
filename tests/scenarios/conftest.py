"""One node per module of tests, a gateway connected to it, and a subscriber for each test."""

import pytest
import pytest_asyncio

from diameter_ocs.gy.limits import Sparing
from tests.support.catalogue import catalogue_in
from tests.support.gy import Line
from tests.support.ocs import gateway, running_ocs


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_node(request, tmp_path_factory):
    """A node that all tests of a module use, one after the other; SETTINGS of the module are its settings.

    Its journal is audited when the module is done. It tells every refusal: tests come faster than gateways err.
    """
    folder = tmp_path_factory.mktemp("node")
    settings = catalogue_in(folder) | getattr(request.module, "SETTINGS", {})
    async with running_ocs(folder, **settings) as node:
        node.application.sparing = Sparing(lines_per_second=1_000_000)
        yield node


@pytest_asyncio.fixture(loop_scope="module")
async def peer(shared_node):
    async with gateway(shared_node) as connected:
        yield connected


@pytest.fixture
def line(shared_node, peer):
    """Not opened yet: every test says what its subscriber has."""
    return Line(shared_node, peer)
