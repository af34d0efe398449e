"""Log lines: one format for all sources, no names of people."""

import io
import json
import logging
import warnings

import pytest
import structlog

from diameter_ocs.telemetry.logs import setup_logging
from diameter_ocs.values.identity import Identity, IdentityKind


@pytest.fixture
def stream():
    """Logging goes there during a test; afterwards all is as before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_carry_event_level_and_time(stream):
    setup_logging("info", "json", stream)
    structlog.get_logger("ocs.server").info("peer admitted", peer="pgw01", connections=2)
    (line,) = lines(stream)
    assert line["logger"] == "ocs.server"
    assert line["event"] == "peer admitted"
    assert line["level"] == "info"
    assert line["connections"] == 2
    assert str(line["timestamp"]).endswith("Z")


def test_bytes_go_to_a_binary_stream(stream):
    binary = io.BytesIO()
    text = io.TextIOWrapper(binary)
    setup_logging("info", "json", text)
    structlog.get_logger().info("started", path=logging)
    assert json.loads(binary.getvalue())["path"].startswith("<module 'logging'")
    text.detach()


def test_auto_is_json_without_a_terminal(stream):
    setup_logging("info", "auto", stream)
    structlog.get_logger().info("started")
    assert lines(stream)[0]["event"] == "started"


def test_console_lines_are_text(stream):
    setup_logging("info", "console", stream)
    structlog.get_logger().warning("store is slow", seconds=3)
    assert "store is slow" in stream.getvalue()
    assert "seconds=3" in stream.getvalue()


def test_lower_levels_are_not_written(stream):
    setup_logging("warning", "json", stream)
    structlog.get_logger().info("unseen")
    logging.getLogger("anything").info("unseen")
    assert stream.getvalue() == ""


def test_an_unknown_level_is_an_error():
    with pytest.raises(KeyError):
        setup_logging("loud")


def test_names_of_people_are_masked(stream):
    setup_logging("info", "json", stream)
    structlog.get_logger().info(
        "subscriber unknown",
        msisdn="4915112345678",
        imsi=262011234567890,
        identity=None,
        who=Identity(IdentityKind.E164, "4915112345678"),
        identities=["262011234567890", "12"],
        request={"imsi": "262011234567890", "number": 3},
        peer="pgw01",
    )
    text = stream.getvalue()
    (line,) = lines(stream)
    assert "49151" not in text
    assert "26201" not in text
    assert line["msisdn"] == "**********678"
    assert line["who"] == "msisdn:**********678"
    assert line["identities"] == ["************890", "***"]
    assert line["request"] == {"imsi": "************890", "number": 3}
    assert line["identity"] is None
    assert line["peer"] == "pgw01"


def test_the_standard_library_takes_the_same_way(stream):
    setup_logging("info", "json", stream)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").warning("odd request %s", "x")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("old call", stacklevel=1)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("library").exception("it failed")
    odd, old, failed = lines(stream)
    assert (odd["event"], odd["logger"], odd["level"]) == ("odd request x", "uvicorn.error", "warning")
    assert "old call" in str(old["event"])
    assert "ValueError: broken" in str(failed["exception"])
