"""Who may connect: the allow-list of peers.

A peer is known by the Origin-Host of its CER. Its Host-IP-Address proves nothing (real gateways
advertise addresses they do not connect from), so networks are held against the socket's address.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from msgspec import Struct

Network = IPv4Network | IPv6Network


class PeerRule(Struct, frozen=True, kw_only=True):
    """One entry of the allow-list.

    host: an Origin-Host, or '*.suffix' for every host below suffix. realm: the
    Origin-Realm demanded, None for any. networks: where the connection may come from; empty is
    anywhere. connect: 'host:port' to which this node opens the connection itself, None to only
    wait for the peer. Raises ValueError when a pattern is to be dialled: a CEA is held against one name.
    """

    host: str
    realm: str | None = None
    networks: tuple[Network, ...] = ()
    connect: str | None = None

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("a peer needs a host: its Origin-Host or '*.suffix'")
        if "*" in self.host.removeprefix("*.") or self.host == "*.":
            raise ValueError(f"{self.host!r}: a star stands only in front, as in '*.example.org'")
        if self.connect is not None and self.is_pattern:
            raise ValueError(f"{self.host!r} has a connect address, so it must be one Origin-Host and no pattern")

    @property
    def is_pattern(self) -> bool:
        """True when the rule stands for many hosts."""
        return self.host.startswith("*")


class NotAdmitted(Struct, frozen=True):
    """Why a peer is refused, in words for an operator."""

    text: str


def admit(rules: tuple[PeerRule, ...], origin_host: str, origin_realm: str, address: str) -> PeerRule | NotAdmitted:
    """The rule that lets a peer in: exact hosts before patterns, longer suffixes before shorter ones.

    address: where the connection really comes from, as text. Names are compared without case.
    """
    matching = [rule for rule in rules if _host_matches(rule, origin_host)]
    if not matching:
        return NotAdmitted(f"no rule for Origin-Host {origin_host}")
    for rule in sorted(matching, key=_closeness, reverse=True):
        if _realm_matches(rule, origin_realm) and _network_matches(rule, address):
            return rule
    return NotAdmitted(_near_miss(max(matching, key=_closeness), origin_realm, address))


def rule_naming(rules: tuple[PeerRule, ...], origin_host: str) -> PeerRule | None:
    """The rule that names a host most closely, wherever it connects from; None when no rule does."""
    return max((rule for rule in rules if _host_matches(rule, origin_host)), key=_closeness, default=None)


def _host_matches(rule: PeerRule, origin_host: str) -> bool:
    pattern, host = rule.host.lower(), origin_host.lower()
    return host.endswith(pattern[1:]) if rule.is_pattern else host == pattern


def _closeness(rule: PeerRule) -> tuple[bool, int]:
    return not rule.is_pattern, len(rule.host)


def _realm_matches(rule: PeerRule, origin_realm: str) -> bool:
    return rule.realm is None or rule.realm.lower() == origin_realm.lower()


def _network_matches(rule: PeerRule, address: str) -> bool:
    source = _address(address)
    return not rule.networks or any(source in network for network in rule.networks)


def _address(text: str) -> IPv4Address | IPv6Address:
    """The address without its IPv6 scope; an IPv4 peer seen on an IPv6 socket is an IPv4 peer."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _near_miss(rule: PeerRule, origin_realm: str, address: str) -> str:
    if not _realm_matches(rule, origin_realm):
        return f"the rule for {rule.host} demands realm {rule.realm}, the peer is in {origin_realm}"
    networks = ", ".join(map(str, rule.networks))
    return f"the rule for {rule.host} allows connections from {networks}, not from {address}"
