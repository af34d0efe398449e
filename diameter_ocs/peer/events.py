"""What can happen to a peer: the events of RFC 6733 §5.6.1 and §5.6.2 with their facts.

The RFC writes I- for the connection this node opened and R- for the one it accepted; here that is
the field `side`. Send-Message is no event: in an open state the shell sends at once (RFC 6733 §5.6).
"""

from enum import Enum, IntEnum

from msgspec import Struct

from diameter_ocs.peer.capabilities import Capabilities


class Side(Enum):
    """Which of the two possible connections of one peer."""

    INITIATOR = "I"
    RESPONDER = "R"


class DisconnectCause(IntEnum):
    """Disconnect-Cause (RFC 6733 §5.4.3)."""

    REBOOTING = 0
    BUSY = 1
    DO_NOT_WANT_TO_TALK_TO_YOU = 2


class Event(Struct, frozen=True):
    """Root of all events."""


class Start(Event, frozen=True):
    """Start: open a connection to the peer."""


class Stop(Event, frozen=True):
    """Stop: end the connection in order, telling the peer the cause."""

    cause: DisconnectCause = DisconnectCause.REBOOTING


class Timeout(Event, frozen=True):
    """Timeout, and Tw of RFC 3539: the deadline has passed. last_received: monotonic time of the last message."""

    last_received: float = 0.0


class WinElection(Event, frozen=True):
    """Win-Election: the local Origin-Host is the larger one."""


class ConnAck(Event, frozen=True):
    """I-Rcv-Conn-Ack: the transport connection we asked for is there."""


class ConnNack(Event, frozen=True):
    """I-Rcv-Conn-Nack: it could not be opened."""

    text: str


class ConnCer(Event, frozen=True):
    """R-Conn-CER: a CER arrived on a connection we accepted that belongs to nobody yet."""

    capabilities: Capabilities


class CeaReceived(Event, frozen=True):
    """I-Rcv-CEA. capabilities None: it refuses us, or (code 0) does not carry what a CEA must."""

    code: int
    capabilities: Capabilities | None
    text: str = ""


class NonCeaReceived(Event, frozen=True):
    """I-Rcv-Non-CEA: another message where only the CEA may come."""


class PeerDisc(Event, frozen=True):
    """I-Peer-Disc, R-Peer-Disc: the transport connection is gone."""

    side: Side
    text: str = "connection closed by peer"


class MessageReceived(Event, frozen=True):
    """I-Rcv-Message, R-Rcv-Message: anything but the base protocol's own messages."""

    side: Side


class CerReceived(Event, frozen=True):
    """A CER on a connection that already had one."""

    side: Side


class DwrReceived(Event, frozen=True):
    """I-Rcv-DWR, R-Rcv-DWR."""

    side: Side


class DwaReceived(Event, frozen=True):
    """I-Rcv-DWA, R-Rcv-DWA."""

    side: Side


class DprReceived(Event, frozen=True):
    """I-Rcv-DPR, R-Rcv-DPR."""

    side: Side
    cause: int


class DpaReceived(Event, frozen=True):
    """I-Rcv-DPA, R-Rcv-DPA."""

    side: Side
