"""From the address in the configuration to a store: the one place that names the engines."""

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.storage.memory import MemoryStore
from diameter_ocs.storage.protocol import Store
from diameter_ocs.storage.sqlite import SqliteStore

SQLITE = "sqlite:///"
MEMORY = ("memory:", "memory://")


def open_store(url: str, *, busy_timeout_seconds: float = 2.0) -> Store:
    """The store at an address, not connected yet: await its open().

    'sqlite:///var/ocs.db' is relative to the working directory, 'sqlite:////var/lib/ocs.db' absolute,
    'memory://' keeps nothing. Raises ConfigurationError.
    """
    if url in MEMORY:
        return MemoryStore()
    path = url.removeprefix(SQLITE)
    if not url.startswith(SQLITE) or not path or path.endswith(("/", ":memory:")):
        raise ConfigurationError([f"store address {url!r}: {_suggestion(url)}"])
    return SqliteStore(path, busy_timeout_seconds=busy_timeout_seconds)


def _suggestion(url: str) -> str:
    scheme, _, rest = url.partition(":")
    path = rest.lstrip("/").rstrip("/")
    if ":memory:" in url:
        return "use 'memory://' to keep nothing"
    if scheme == "sqlite" and path:
        return f"did you mean '{SQLITE}{path}' (relative) or '{SQLITE}/{path}' (absolute)?"
    if scheme in ("sqlite", "sqlite3"):
        return f"a file is missing, such as '{SQLITE}var/ocs.db'"
    if scheme in ("postgresql", "postgres"):
        return f"this release keeps accounts in SQLite only; use '{SQLITE}var/ocs.db'"
    if ":" not in url and url:
        return f"did you mean '{SQLITE}{url}'?"
    return f"use '{SQLITE}' and a path, or 'memory://'"
