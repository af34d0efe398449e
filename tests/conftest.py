"""Every test starts with the logging of a fresh process, whatever the one before set up."""

import logging
import sys
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """Undo `setup_logging`: its settings, the loggers that have cached them, and its handler for other libraries."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    for name, module in list(sys.modules.items()):
        log = getattr(module, "log", None)
        if name.startswith("diameter_ocs") and log is not None:
            vars(log).pop("bind", None)
    root.handlers[:] = handlers
    root.setLevel(level)
