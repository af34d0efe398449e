"""One stream of log lines for the whole process, for machines or for people.

Lines of the standard library (the HTTP server, asyncio, other libraries) take the same way as our own.
"""

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import Processor

from diameter_ocs.telemetry.masking import mask_personal_fields

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
CHATTY = ("uvicorn.error", "uvicorn.access", "asyncio", "aiosqlite")
"""Libraries whose info lines say nothing an operator needs."""

_encoder = msgspec.json.Encoder(enc_hook=repr)


def setup_logging(level: str = "info", format: str = "auto", stream: TextIO | None = None) -> None:  # noqa: A002
    """Send all log lines to `stream` (standard error), in the format 'json', 'console' or 'auto'.

    'auto' is console on a terminal. Raises KeyError for an unknown level.
    """
    out = stream if stream is not None else sys.stderr
    is_console = format == "console" or (format == "auto" and out.isatty())
    structlog.configure(
        processors=[*_common(), *(_for_people(out) if is_console else _for_machines())],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=_named(_ForPeople, out) if is_console else _named(_ForMachines, _binary(out)),
        cache_logger_on_first_use=True,
    )
    _route_standard_library(LEVELS[level])


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        _add_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_personal_fields,
    ]


def _for_people(out: TextIO) -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]


def _for_machines() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]


def _json(event: Any, **_: Any) -> bytes:
    return _encoder.encode(event)


class _ForPeople(structlog.WriteLogger):
    name = ""


class _ForMachines(structlog.BytesLogger):
    name = ""


def _named(kind: type[_ForPeople] | type[_ForMachines], out: Any) -> Callable[..., Any]:
    """A factory whose loggers remember the name they were asked for by: get_logger('ocs.engine')."""

    def make(*names: str) -> _ForPeople | _ForMachines:
        logger = kind(out)
        logger.name = names[0] if names else ""
        return logger

    return make


def _add_name(logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if logger.name:
        event.setdefault("logger", logger.name)
    return event


def _binary(out: TextIO) -> Any:
    """The stream under a text stream; text in memory has none."""
    return out.buffer if hasattr(out, "buffer") else _Decoding(out)


class _Decoding:
    def __init__(self, out: TextIO) -> None:
        self.write = lambda line: out.write(line.decode())
        self.flush = out.flush


class _ToStructlog(logging.Handler):
    """Hands a record of the standard library to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = max(record.levelno, logging.DEBUG)
            structlog.get_logger().log(level, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:
            self.handleError(record)


def _route_standard_library(level: int) -> None:
    logging.basicConfig(handlers=[_ToStructlog()], level=level, force=True)
    logging.captureWarnings(True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
