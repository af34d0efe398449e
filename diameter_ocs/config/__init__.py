"""Settings of a node: one TOML file, an overlay from the environment, every mistake listed at once.

`load_config` reads and checks, `describe` shows what holds and where it comes from.
"""

from diameter_ocs.config.describe import describe
from diameter_ocs.config.load import find_file, load_config
from diameter_ocs.config.model import (
    Catalogue,
    Config,
    Diameter,
    Engine,
    Http,
    Log,
    Node,
    PeerRule,
    Sessions,
    Store,
)

__all__ = [
    "Catalogue",
    "Config",
    "Diameter",
    "Engine",
    "Http",
    "Log",
    "Node",
    "PeerRule",
    "Sessions",
    "Store",
    "describe",
    "find_file",
    "load_config",
]
