"""Where a socket listens or connects: a host and a port, written 'host:port' or '[v6-address]:port'."""

import ipaddress
import re
from typing import NamedTuple

HIGHEST_PORT = 65_535
HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?\Z")


class Address(NamedTuple):
    """host: a name, an IPv4 or an IPv6 address without brackets. Port 0: any free port, for listening only."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """'127.0.0.1:3868', '[::1]:3868' or 'localhost:3868'. Raises ValueError that names the rule broken."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not host:
        raise ValueError("needs a host and a port, joined by a colon")
    if not (port.isascii() and port.isdigit() and int(port) <= HIGHEST_PORT):
        raise ValueError(f"port {port!r} is not a number from 0 to {HIGHEST_PORT}")
    return Address(_host(host), int(port))


def _host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return str(ipaddress.IPv6Address(text[1:-1]))
    if ":" in text:
        raise ValueError("an IPv6 address stands in brackets: [::1]:3868")
    if re.fullmatch(r"[0-9.]+", text):
        return str(ipaddress.IPv4Address(text))
    if not HOST_NAME.match(text):
        raise ValueError(f"{text!r} is neither an IP address nor a host name")
    return text


def ip_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def overlap(one: Address, other: Address) -> bool:
    """Would two listeners take the same port of the same interface? A wildcard takes every interface."""
    if one.port != other.port or one.port == 0:
        return False
    return one.host.lower() == other.host.lower() or _is_wildcard_for(one, other) or _is_wildcard_for(other, one)


def _is_wildcard_for(one: Address, other: Address) -> bool:
    first, second = ip_of(one.host), ip_of(other.host)
    if first is None or not first.is_unspecified:
        return False
    return second is None or first.version == second.version
