"""What a peer machine asks the shell to do: the actions of RFC 6733 §5.6.3 and effects of RFC 3539.

Answers (DWA, DPA, CEA, refusals of a message) belong to the request that caused the step; the
shell still has its bytes. `side` says which connection, as in peer/events.py.
"""

from msgspec import Struct

from diameter_ocs.peer.events import DisconnectCause, Side
from diameter_ocs.wire.result_code import ResultCode


class Action(Struct, frozen=True):
    """Root of all actions."""


class Connect(Action, frozen=True):
    """I-Snd-Conn-Req."""


class Accept(Action, frozen=True):
    """R-Accept: the connection the CER came on belongs to this peer now."""


class Reject(Action, frozen=True):
    """R-Reject: close the connection the CER came on; with a code, send a CEA that says so first."""

    text: str
    code: ResultCode | None = None


class SendCer(Action, frozen=True):
    """I-Snd-CER."""


class SendCea(Action, frozen=True):
    """R-Snd-CEA, success."""


class SendDwr(Action, frozen=True):
    """I-Snd-DWR, R-Snd-DWR."""

    side: Side


class SendDwa(Action, frozen=True):
    """I-Snd-DWA, R-Snd-DWA."""

    side: Side


class SendDpr(Action, frozen=True):
    """I-Snd-DPR, R-Snd-DPR."""

    side: Side
    cause: DisconnectCause


class SendDpa(Action, frozen=True):
    """I-Snd-DPA, R-Snd-DPA."""

    side: Side


class Process(Action, frozen=True):
    """Process: the received message may go to its application."""

    side: Side


class Refuse(Action, frozen=True):
    """Answer the received request with an error."""

    side: Side
    code: ResultCode
    text: str


class Disconnect(Action, frozen=True):
    """I-Disc, R-Disc: close the transport connection, or drop the attempt to open it."""

    side: Side


class Opened(Action, frozen=True):
    """The peer entered R-Open or I-Open."""

    side: Side


class Closed(Action, frozen=True):
    """Cleanup, Error: the peer entered Closed. orderly: after DPR and DPA."""

    text: str
    orderly: bool = False


class FailOver(Action, frozen=True):
    """RFC 3539: requests of ours that are unanswered should go another way."""


class FailBack(Action, frozen=True):
    """RFC 3539: new requests of ours may use this connection again."""
