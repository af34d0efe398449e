"""Keeps telephone numbers and other names of people out of logs: only the last digits are shown."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from diameter_ocs.values.identity import Identity

SHOWN = 3
"""Enough to tell two subscribers of a test apart, not enough to find a person."""
PERSONAL = frozenset(
    {
        "msisdn",
        "imsi",
        "e164",
        "imei",
        "nai",
        "sip",
        "private",
        "identity",
        "identities",
        "subscription_id",
        "user_name",
        "calling_party",
        "called_party",
        "called_station_id",
        "framed_ip_address",
    }
)
"""Names of fields whose values are masked, wherever they stand in a line."""


def mask(value: object) -> str:
    """'4915112345678' as '**********678'."""
    text = str(value)
    return "*" * max(len(text) - SHOWN, SHOWN) + (text[-SHOWN:] if len(text) > SHOWN else "")


def mask_personal_fields(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Processor of structlog: masks what PERSONAL names, and identities under any name."""
    for key, value in event.items():
        event[key] = _masked(value, key in PERSONAL)
    return event


def _masked(value: Any, is_personal: bool) -> Any:
    if isinstance(value, Identity):
        return f"{value.kind.value}:{mask(value.value)}"
    if isinstance(value, Mapping):
        return {key: _masked(inner, is_personal or key in PERSONAL) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(inner, is_personal) for inner in value]
    return mask(value) if is_personal and value is not None else value
