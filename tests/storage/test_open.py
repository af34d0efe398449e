"""Addresses of stores."""
# ruff: noqa: ASYNC240

import os
from pathlib import Path

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.storage import open_store
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.storage.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:///var/ocs.db", "var/ocs.db"), ("sqlite:////var/lib/ocs.db", "/var/lib/ocs.db")]
)
def test_a_sqlite_address_holds_a_path(url: str, path: str) -> None:
    store = open_store(url)
    assert isinstance(store, SqliteStore)
    assert os.path.normpath(store.path) == path


@pytest.mark.parametrize("url", ["memory:", "memory://"])
def test_memory_needs_no_path(url: str) -> None:
    assert isinstance(open_store(url), MemoryStore)


@pytest.mark.parametrize(
    ("url", "suggestion"),
    [
        ("sqlite://var/ocs.db", "sqlite:///var/ocs.db"),
        ("sqlite:/var/ocs.db", "sqlite:////var/ocs.db"),
        ("sqlite:", "sqlite:///var/ocs.db"),
        ("sqlite:///", "sqlite:///var/ocs.db"),
        ("sqlite:///:memory:", "memory://"),
        ("ocs.db", "sqlite:///ocs.db"),
        ("postgresql://host/ocs", "SQLite only"),
        ("", "sqlite:///"),
        ("mysql://host/ocs", "sqlite:///"),
    ],
)
def test_a_wrong_address_gets_a_suggestion(url: str, suggestion: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    assert suggestion in caught.value.problems[0]
    assert repr(url) in caught.value.problems[0]


async def test_nothing_is_touched_before_open(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/ocs.db")
    assert list(tmp_path.iterdir()) == []
