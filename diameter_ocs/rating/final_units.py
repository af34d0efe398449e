"""What becomes of a service when its last units are used up (RFC 8506 §5.6, §8.34 to §8.40)."""

import re
from enum import Enum, IntEnum
from ipaddress import ip_network

from msgspec import Struct

LINK_TOKEN = "{token}"  # noqa: S105 - a place holder
"""Stands in a redirect URL for the signed token of values/portal_link.py."""


class FinalUnitAction(IntEnum):
    """Final-Unit-Action (RFC 8506 §8.35)."""

    TERMINATE = 0
    REDIRECT = 1
    RESTRICT_ACCESS = 2


class RedirectAddressType(IntEnum):
    """Redirect-Address-Type (RFC 8506 §8.38)."""

    IPV4 = 0
    IPV6 = 1
    URL = 2
    SIP_URI = 3


class AfterRestriction(Enum):
    """What a restricted gateway is told when its time is over and no money came."""

    AGAIN = "again"
    """The same restriction for another Validity-Time."""
    REFUSE = "refuse"
    """4012, until there is money."""


class Throttle(Struct, frozen=True, gc=False):
    """Speeds in bits per second; None: not limited."""

    download_bits: int | None = None
    upload_bits: int | None = None


class FinalProfile(Struct, frozen=True, gc=False):
    """What the gateway is told to do after the last unit.

    address: of the Redirect-Server, may hold {token}. filter_ids, filter_rules: traffic that stays allowed.
    validity_seconds: how long the restricted mode lasts. is_extended: QoS-Final-Unit-Indication comes
    beside Final-Unit-Indication. announcement: Announcement-Identifier played with the last grant,
    announcement_seconds before its end; None leaves the Time-Indicator out. throttle: in place of all that, a gateway
    that can goes on for nothing at these speeds.
    """

    action: FinalUnitAction = FinalUnitAction.TERMINATE
    address_type: RedirectAddressType | None = None
    address: str = ""
    filter_ids: tuple[str, ...] = ()
    filter_rules: tuple[str, ...] = ()
    validity_seconds: int = 1800
    afterwards: AfterRestriction = AfterRestriction.AGAIN
    is_extended: bool = False
    announcement: int | None = None
    announcement_seconds: int | None = None
    throttle: Throttle | None = None

    @property
    def restricts(self) -> bool:
        """The service goes on in a restricted mode."""
        return self.action is not FinalUnitAction.TERMINATE


_RULE = re.compile(
    r"(?P<action>permit|deny) (?P<way>in|out) (?P<protocol>ip|\d{1,3}) "
    r"from (?P<source>\S+)(?: (?P<from>[\d,-]+))? to (?P<target>\S+)(?: (?P<to>[\d,-]+))?"
    r"(?P<options>(?: (?:frag|established|setup|(?:ipoptions|tcpoptions|tcpflags|icmptypes) \S+))*)"
)
_PORTS = re.compile(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*")


def check_filter_rule(rule: str) -> None:
    """Is it an IPFilterRule (RFC 6733 §4.3.1)? Raises ValueError that says what is wrong."""
    match = _RULE.fullmatch(rule)
    if match is None:
        raise ValueError(
            f"{rule!r} is not of the form 'permit out ip from 203.0.113.80 to assigned': action (permit, deny), "
            "direction (in, out), protocol (ip or a number), from ADDRESS [ports] to ADDRESS [ports] [options]"
        )
    if match["protocol"] != "ip" and int(match["protocol"]) > 255:
        raise ValueError(f"{rule!r}: {match['protocol']} is not a protocol number")
    for place in ("source", "target"):
        _check_place(rule, match[place])
    for place in ("from", "to"):
        _check_ports(rule, match[place])


def _check_place(rule: str, text: str) -> None:
    address = text.removeprefix("!")
    if address in ("any", "assigned"):
        return
    try:
        ip_network(address, strict=False)
    except ValueError:
        raise ValueError(f"{rule!r}: {text!r} is not an address, 'any' or 'assigned'") from None


def _check_ports(rule: str, text: str | None) -> None:
    if text is None:
        return
    if not _PORTS.fullmatch(text) or any(int(port) > 65_535 for port in re.split("[,-]", text)):
        raise ValueError(f"{rule!r}: {text!r} is not a list of ports such as 80,443 or 8000-8080")
