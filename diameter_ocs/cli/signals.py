"""How a running command is told to stop, or to read its catalogue again."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any

from diameter_ocs.errors import ConfigurationError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
USUAL_SCREEN = b"\x1b[?1049l\x1b[?25h"
"""Leaves a terminal's second screen and shows the cursor (xterm control sequences)."""


def stop_on_signals() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM; a second one ends the process at once."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell() -> None:
        told.set()
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, _die)

    for number in SIGNALS:
        loop.add_signal_handler(number, tell)
    return told


def reload_on_signal(reload: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """At every SIGHUP; mistakes are told by the log, and what was in force stays."""
    running: set[asyncio.Task[None]] = set()

    async def attempt() -> None:
        with suppress(ConfigurationError):
            await reload()

    def start() -> None:
        task = asyncio.create_task(attempt())
        running.add(task)
        task.add_done_callback(running.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, start)


def _die(number: int, _: FrameType | None) -> None:
    """By the signal itself: after an exception the threads of the store would keep the process alive."""
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), USUAL_SCREEN)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
