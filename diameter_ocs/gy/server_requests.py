"""Requests of this node to gateways: RAR and ASR to bytes, and what their answers say.

RFC 8506 §5.5 (re-authorisation), RFC 6733 §8.3 and §8.5. These are rare, so python-diameter builds them.
"""

from diameter_ocs.charging.outbox import GatewayRequest, RequestKind
from diameter_ocs.charging.session import Session
from diameter_ocs.errors import MessageError
from diameter_ocs.peer.node import CREDIT_CONTROL, Node
from diameter_ocs.values.session_key import parts_of_key
from diameter_ocs.wire.codec import Tree, decode_lenient
from diameter_ocs.wire.dictionary import Dictionary
from diameter_ocs.wire.header import RETRANSMIT
from diameter_ocs.wire.oracle import encode_base

AUTHORIZE_ONLY = 0
"""Re-Auth-Request-Type (RFC 6733 §8.12): credit control authenticates nobody."""


def encode_request(
    request: GatewayRequest, session: Session, node: Node, dictionary: Dictionary, end_to_end: int
) -> bytes:
    """RAR or ASR about a session, to the host its last request came from. Hop-by-Hop Identifier 0."""
    session_id, sub_session = parts_of_key(session.session_id)
    tree: list[tuple[str, object]] = [
        ("Session-Id", session_id),
        ("Origin-Host", node.origin_host),
        ("Origin-Realm", node.origin_realm),
        ("Destination-Realm", session.origin_realm),
        ("Destination-Host", session.origin_host),
        ("Auth-Application-Id", CREDIT_CONTROL),
    ]
    name = "Abort-Session-Request"
    if request.kind is RequestKind.REAUTHORIZE:
        name = "Re-Auth-Request"
        tree.append(("Re-Auth-Request-Type", AUTHORIZE_ONLY))
    if sub_session is not None:
        tree.append(("CC-Sub-Session-Id", sub_session))
    if request.kind is RequestKind.REAUTHORIZE:
        tree += _scope(request)
    return encode_base(name, tree, dictionary, hop_by_hop=0, end_to_end=end_to_end)


def _scope(request: GatewayRequest) -> Tree:
    named = (
        ("G-S-U-Pool-Identifier", request.pool),
        ("Service-Identifier", request.service_identifier),
        ("Rating-Group", request.rating_group),
    )
    return [(name, number) for name, number in named if number is not None]


def sent_again(message: bytes) -> bytes:
    """The same request with the T flag (RFC 6733 §5.5.4)."""
    return message[:4] + bytes((message[4] | RETRANSMIT,)) + message[5:]


def without_mark(message: bytes) -> bytes:
    """The same request without the T flag: after an error answer it is no retransmission."""
    return message[:4] + bytes((message[4] & ~RETRANSMIT,)) + message[5:]


def result_of(answer: bytes, dictionary: Dictionary) -> tuple[int, str]:
    """Result-Code and Origin-Host of an RAA or ASA; 0 and '' for what cannot be read."""
    try:
        message = decode_lenient(answer, dictionary)
    except MessageError:
        return 0, ""
    code, host = message.first("Result-Code"), message.first("Origin-Host")
    return (
        code.value if code is not None and isinstance(code.value, int) else 0,
        host.value if host is not None and isinstance(host.value, str) else "",
    )
