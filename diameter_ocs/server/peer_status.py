"""What an operator sees of peers: those known, and those refused with the way to admit them."""

import json

from msgspec import Struct

from diameter_ocs.peer.capabilities import Capabilities
from diameter_ocs.peer.events import Side

MAX_REFUSED_REMEMBERED = 50
"""Refused peers shown to an operator."""

MAX_SHOWN_NAME = 255
"""Characters of a name from the network that are logged or shown."""

DIRECTIONS = {Side.INITIATOR: "dialled", Side.RESPONDER: "accepted"}


class PeerStatus(Struct, frozen=True, kw_only=True):
    """One peer as an operator sees it. Times in milliseconds since 1970 UTC, None when there is no connection.

    direction: 'accepted', 'dialled' or ''. rule: host of the rule that admits it. profile: what it is known to
    understand, see charging.gateway_profile. detail: why it is closed.
    """

    host: str
    realm: str
    state: str
    direction: str
    address: str
    connected_since_ms: int | None
    last_message_ms: int | None
    watchdog: str
    messages_in: int
    messages_out: int
    applications: tuple[int, ...]
    product_name: str
    rule: str
    profile: str
    detail: str


class RefusedPeer(Struct, frozen=True):
    """A peer that was not let in. hint: the lines of the configuration that let it in."""

    at_ms: int
    host: str
    realm: str
    address: str
    reason: str
    hint: str


def refused_peer(who: Capabilities, ip: str, address: str, reason: str, at_ms: int) -> RefusedPeer:
    """The record of a refusal, with names cut to a bounded length."""
    host, realm = who.origin_host[:MAX_SHOWN_NAME], who.origin_realm[:MAX_SHOWN_NAME]
    return RefusedPeer(at_ms, host, realm, address, reason[: 4 * MAX_SHOWN_NAME], admission_hint(host, realm, ip))


def admission_hint(host: str, realm: str, ip: str) -> str:
    """The lines of ocs.toml that admit a peer."""
    network = f"{ip.partition('%')[0]}/{128 if ':' in ip else 32}"
    return f"[[peers]]\nhost = {json.dumps(host)}\nrealm = {json.dumps(realm)}\nnetworks = [{json.dumps(network)}]"
