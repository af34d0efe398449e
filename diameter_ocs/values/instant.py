"""Moments for people and programs."""

from datetime import UTC, datetime


def instant(at_ms: int | None) -> str | None:
    """Milliseconds since 1970 as '2026-01-31T12:00:00.000Z'; None and 0 are no instant."""
    if not at_ms:
        return None
    try:
        moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(at_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
