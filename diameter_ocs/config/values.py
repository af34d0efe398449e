"""Single values of the configuration: from the text a person wrote to a checked value."""

import re
from collections.abc import Hashable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeVar

from pydantic import PlainValidator

from diameter_ocs.server.address import Address, parse_address

STORE_URLS = re.compile(r"sqlite:///.+|memory://\Z")
LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
REALM_NAME = re.compile(rf"{LABEL}(\.{LABEL})*\Z")
DIAMETER_NAME = re.compile(rf"{LABEL}(\.{LABEL})+\Z")
LOOPBACK: tuple[IPv4Network | IPv6Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

IpNetwork = IPv4Network | IPv6Network
Item = TypeVar("Item", bound=Hashable)


def diameter_name(text: str) -> str:
    """A full host name or realm (DiameterIdentity, RFC 6733 §4.3.1), in small letters."""
    if len(text) > 255 or not DIAMETER_NAME.match(text):
        raise ValueError("must be a full name of two or more labels, such as 'ocs01.example.org'")
    return text.lower()


def realm_name(text: str) -> str:
    """A realm, in small letters. Unlike a host it may have one label: 'localdomain' is what Open5GS is shipped with."""
    if len(text) > 255 or not REALM_NAME.match(text):
        raise ValueError("must be a realm such as 'example.org'")
    return text.lower()


def host_pattern(text: str) -> str:
    """A full host name, or '*.' before one."""
    bare = text.removeprefix("*.")
    if "*" in bare:
        raise ValueError("a star may only stand for the first labels, as in '*.example.org'")
    return diameter_name(bare) if bare == text else f"*.{realm_name(bare)}"


def store_url(text: str) -> str:
    """The address of a store this release knows."""
    if not STORE_URLS.match(text):
        raise ValueError("must be 'sqlite:///' and a path, or 'memory://'")
    return text


def no_doubles(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The same items, which must all differ."""
    if len(set(items)) != len(items):
        raise ValueError("names something twice")
    return items


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    return value


def _address(value: Any) -> Address:
    return value if isinstance(value, Address) else parse_address(_text(value))


def _connect_address(value: Any) -> Address:
    address = _address(value)
    if address.port == 0:
        raise ValueError("port 0 is no port to connect to")
    return address


def _network(value: Any) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = _text(value)
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        wider = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be an IP network such as '10.1.0.0/16' or an address") from None
    raise ValueError(f"has bits behind its prefix; the network is '{wider}'")


ADDRESS = PlainValidator(_address)
CONNECT_ADDRESS = PlainValidator(_connect_address)
NETWORK = PlainValidator(_network)
