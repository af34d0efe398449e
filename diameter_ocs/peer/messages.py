"""The base protocol's own messages as bytes: CER, DWR, DPR and their answers (RFC 6733 §5.3-5.5).

Requests leave their Hop-by-Hop Identifier 0: the connection that sends them puts its own in with `stamped`.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum

from diameter_ocs.errors import MessageError
from diameter_ocs.peer.answers import answer, origin
from diameter_ocs.peer.avps import AvpCode, address, octets, readable_avps, text, unsigned32
from diameter_ocs.peer.capabilities import RELAY, Capabilities
from diameter_ocs.peer.events import CeaReceived, DisconnectCause
from diameter_ocs.peer.node import VENDOR_3GPP, Node
from diameter_ocs.wire.codec import Message, decode_message
from diameter_ocs.wire.dictionary import Dictionary
from diameter_ocs.wire.header import HEADER_OCTETS, REQUEST, pack_header
from diameter_ocs.wire.result_code import ResultCode, is_protocol_error


class Command(IntEnum):
    """Command Codes that this node knows (RFC 6733 §3.1, RFC 8506 §3)."""

    CAPABILITIES_EXCHANGE = 257
    RE_AUTH = 258
    CREDIT_CONTROL = 272
    ABORT_SESSION = 274
    DEVICE_WATCHDOG = 280
    DISCONNECT_PEER = 282


_U32 = struct.Struct("!I")
_HOP_BY_HOP_AT = 12


def first_end_to_end(unix_seconds: int, random_bits: int) -> int:
    """An End-to-End Identifier to count up from after a start: 12 bits of time, 20 of chance (RFC 6733 §3)."""
    return (unix_seconds & 0xFFF) << 20 | (random_bits & 0xFFFFF)


def stamped(request: bytes, hop_by_hop: int) -> bytes:
    """The request with the Hop-by-Hop Identifier of the connection it goes out on."""
    return request[:_HOP_BY_HOP_AT] + _U32.pack(hop_by_hop) + request[_HOP_BY_HOP_AT + 4 :]


def hop_by_hop_of(message: bytes) -> int:
    """Hop-by-Hop Identifier of a framed message."""
    return int.from_bytes(message[_HOP_BY_HOP_AT : _HOP_BY_HOP_AT + 4], "big")


def cer(node: Node, addresses: Sequence[str], end_to_end: int) -> bytes:
    """Capabilities-Exchange-Request. addresses: local addresses of the connection, as text."""
    return _request(Command.CAPABILITIES_EXCHANGE, origin(node) + _capabilities(node, addresses), end_to_end)


def cea(request: bytes, node: Node, addresses: Sequence[str]) -> bytes:
    """Capabilities-Exchange-Answer, success: lists every application of this node, not only the common ones."""
    body = _result(ResultCode.SUCCESS) + origin(node) + _capabilities(node, addresses)
    return answer(request, body)


def cea_error(
    request: bytes, node: Node, addresses: Sequence[str], code: int, reason: str, failed_avp: bytes = b""
) -> bytes:
    """Capabilities-Exchange-Answer that refuses the peer; the connection is closed behind it."""
    body = _result(code) + origin(node) + _capabilities(node, addresses)
    body += text(AvpCode.ERROR_MESSAGE, reason, mandatory=False)
    if failed_avp:
        body += octets(AvpCode.FAILED_AVP, failed_avp)
    return answer(request, body, error=is_protocol_error(code))


def dwr(node: Node, end_to_end: int) -> bytes:
    """Device-Watchdog-Request."""
    return _request(Command.DEVICE_WATCHDOG, origin(node) + _origin_state(node), end_to_end)


def dwa(request: bytes, node: Node) -> bytes:
    """Device-Watchdog-Answer, success."""
    return answer(request, _result(ResultCode.SUCCESS) + origin(node) + _origin_state(node))


def dpr(node: Node, cause: DisconnectCause, end_to_end: int) -> bytes:
    """Disconnect-Peer-Request."""
    body = origin(node) + unsigned32(AvpCode.DISCONNECT_CAUSE, cause)
    return _request(Command.DISCONNECT_PEER, body, end_to_end)


def dpa(request: bytes, node: Node) -> bytes:
    """Disconnect-Peer-Answer, success."""
    return answer(request, _result(ResultCode.SUCCESS) + origin(node))


def capabilities_of(message: Message) -> Capabilities:
    """What a CER or CEA that passed its grammar says."""
    numbers = [avp.value for name in _APPLICATION_IDS for avp in message.all(name)]
    for group in message.all("Vendor-Specific-Application-Id"):
        numbers += [avp.value for name in _APPLICATION_IDS for avp in group.all(name)]
    return Capabilities(
        _text(message, "Origin-Host"),
        _text(message, "Origin-Realm"),
        applications=frozenset(number for number in numbers if isinstance(number, int)),
        security=frozenset(avp.value for avp in message.all("Inband-Security-Id") if isinstance(avp.value, int)),
        origin_state_id=_number(message, "Origin-State-Id"),
        vendor_id=_number(message, "Vendor-Id"),
        product_name=_text(message, "Product-Name"),
    )


def cea_received(message: bytes, dictionary: Dictionary) -> CeaReceived:
    """The event of a CEA. A faulty one counts as one that says nothing: no error is sent for an answer (§7)."""
    try:
        decoded = decode_message(message, dictionary)
    except MessageError as fault:
        return CeaReceived(0, None, fault.text)
    code = _number(decoded, "Result-Code")
    accepted = code == ResultCode.SUCCESS
    return CeaReceived(code, capabilities_of(decoded) if accepted else None, _text(decoded, "Error-Message"))


def disconnect_cause_of(message: Message) -> int:
    """Disconnect-Cause of a DPR."""
    return _number(message, "Disconnect-Cause")


def origin_state_of(message: bytes) -> int:
    """Origin-State-Id of a DWR or DWA; 0 when it has none that can be read."""
    found = (avp.data for avp in readable_avps(message) if avp.code == AvpCode.ORIGIN_STATE_ID and not avp.vendor)
    data = next(found, b"")
    return int.from_bytes(data, "big") if len(data) == 4 else 0


_APPLICATION_IDS = ("Auth-Application-Id", "Acct-Application-Id")


def _text(message: Message, name: str) -> str:
    value = message.value(name)
    return value if isinstance(value, str) else ""


def _number(message: Message, name: str) -> int:
    value = message.value(name)
    return value if isinstance(value, int) else 0


def _request(command: Command, body: bytes, end_to_end: int) -> bytes:
    return pack_header(REQUEST, command, 0, 0, end_to_end, length=HEADER_OCTETS + len(body)) + body


def _result(code: int) -> bytes:
    return unsigned32(AvpCode.RESULT_CODE, code)


def _origin_state(node: Node) -> bytes:
    return unsigned32(AvpCode.ORIGIN_STATE_ID, node.origin_state_id) if node.origin_state_id else b""


def _capabilities(node: Node, addresses: Sequence[str]) -> bytes:
    """Host-IP-Address to Vendor-Specific-Application-Id, in the order of the CER's grammar (§5.3.1)."""
    return b"".join(
        (
            *(address(AvpCode.HOST_IP_ADDRESS, ip) for ip in addresses),
            unsigned32(AvpCode.VENDOR_ID, node.vendor_id),
            text(AvpCode.PRODUCT_NAME, node.product_name, mandatory=False),
            _origin_state(node),
            unsigned32(AvpCode.SUPPORTED_VENDOR_ID, VENDOR_3GPP),
            *(unsigned32(AvpCode.AUTH_APPLICATION_ID, application) for application in sorted(node.applications)),
            *(_of_3gpp(application) for application in sorted(node.applications - {RELAY})),
        )
    )


def _of_3gpp(application: int) -> bytes:
    """Clients look for an application either plain or inside Vendor-Specific-Application-Id: it stands in both."""
    inner = unsigned32(AvpCode.VENDOR_ID, VENDOR_3GPP) + unsigned32(AvpCode.AUTH_APPLICATION_ID, application)
    return octets(AvpCode.VENDOR_SPECIFIC_APPLICATION_ID, inner)
