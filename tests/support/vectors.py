"""The example messages of tests/vectors/vectors.json and their decoded trees in plain form."""

import json
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from diameter_ocs.wire.codec import Avp

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "vectors.json").read_text(encoding="utf-8")
)["vectors"]
VALID = [vector for vector in VECTORS if vector["kind"] == "valid"]
FAULTY = [vector for vector in VECTORS if vector["kind"] != "valid"]


def octets_of(name: str) -> bytes:
    """The message of a vector."""
    return bytes.fromhex(next(vector["hex"] for vector in VECTORS if vector["name"] == name))


def plain(avp: Avp) -> Any:
    """A value in the form the vectors use: octets as hex, addresses as text."""
    if isinstance(avp.value, bytes):
        return avp.value.hex()
    return str(avp.value) if isinstance(avp.value, IPv4Address | IPv6Address) else avp.value


def rows(avps: Iterable[Avp], depth: int = 0) -> list[tuple[int, int, int, int, int]]:
    """Depth, code, vendor, flags and length of every AVP in wire order."""
    found = []
    for avp in avps:
        found.append((depth, avp.code, avp.vendor, avp.flags, int.from_bytes(avp.raw[5:8], "big")))
        found += rows(avp.children, depth + 1)
    return found


def flat(avps: Iterable[Avp]) -> list[Avp]:
    """All AVPs of all depths in wire order."""
    return [found for avp in avps for found in (avp, *flat(avp.children))]
