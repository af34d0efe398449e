"""What is wrong with a request can be seen from its header: rows 2 to 6 of the order of checks (RFC 6733 §7)."""

from diameter_ocs.errors import ApplicationUnsupported, CommandUnsupported, InvalidHeaderBits, UnsupportedVersion
from diameter_ocs.peer.messages import Command
from diameter_ocs.peer.node import CREDIT_CONTROL
from diameter_ocs.wire.header import ERROR, PROXIABLE, VERSION, Header

BASE = 0
"""Application Id of the base protocol's own commands."""

NOT_PROXIABLE = frozenset({Command.CAPABILITIES_EXCHANGE, Command.DEVICE_WATCHDOG, Command.DISCONNECT_PEER})
"""Commands that never leave the connection they came on, so P is an error (RFC 6733 §5.3-5.5)."""

SERVED = {BASE: NOT_PROXIABLE, CREDIT_CONTROL: frozenset({Command.CREDIT_CONTROL})}
"""Requests this node answers, by Application Id."""


def check_request(header: Header) -> None:
    """Raises the first of UnsupportedVersion, InvalidHeaderBits, ApplicationUnsupported, CommandUnsupported."""
    if header.version != VERSION:
        raise UnsupportedVersion(f"version {header.version} of Diameter is not known")
    if header.flags & ERROR:
        raise InvalidHeaderBits("a request must not have the E bit")
    if header.flags & PROXIABLE and header.command in NOT_PROXIABLE:
        raise InvalidHeaderBits(f"command {header.command} must not have the P bit")
    if header.application not in SERVED:
        raise ApplicationUnsupported(f"application {header.application} is not served here")
    if header.command not in SERVED[header.application]:
        raise CommandUnsupported(f"command {header.command} is not known in application {header.application}")
