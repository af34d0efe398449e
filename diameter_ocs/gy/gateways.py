"""Which profile a gateway has, by the Origin-Host of its requests."""

from collections.abc import Mapping

from diameter_ocs.charging.gateway_profile import GENERIC, GatewayProfile
from diameter_ocs.peer.admission import PeerRule, rule_naming

MEMO_LIMIT = 10_000
"""Names remembered; a full memo starts anew."""


class Gateways(dict[str, GatewayProfile | None]):
    """Profile by Origin-Host; None for a host that no rule names, such as one behind a relay.

    profiles: by the host of the rule; generic for those that are not in it.
    """

    def __init__(self, rules: tuple[PeerRule, ...] = (), profiles: Mapping[str, GatewayProfile] | None = None) -> None:
        super().__init__()
        self.rules = rules
        self._profiles = profiles or {}

    def __missing__(self, origin_host: str) -> GatewayProfile | None:
        if len(self) >= MEMO_LIMIT:
            self.clear()
        rule = rule_naming(self.rules, origin_host)
        found = self[origin_host] = None if rule is None else self._profiles.get(rule.host, GENERIC)
        return found
