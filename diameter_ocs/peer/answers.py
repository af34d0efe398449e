"""Answers to requests, errors above all (RFC 6733 §6.2, §7.2).

An error answer is built from whatever can still be read of the request: the header, and the AVPs
before the damage.
"""

from collections.abc import Mapping
from functools import lru_cache

from diameter_ocs.peer.avps import AvpCode, octets, readable_avps, text, unsigned32
from diameter_ocs.peer.node import CREDIT_CONTROL, Node
from diameter_ocs.wire.header import ERROR, HEADER_OCTETS, PROXIABLE, pack_header, read_header
from diameter_ocs.wire.result_code import ResultCode, is_protocol_error

CREDIT_CONTROL_COMMAND = 272

MAX_ERROR_MESSAGE = 200
"""Characters of an Error-Message: it is for human eyes, and may quote what the peer sent."""

OCTETS_OF: Mapping[int, int] = {AvpCode.CC_REQUEST_NUMBER: 4, AvpCode.CC_SUB_SESSION_ID: 8}
"""What a CCA repeats beside the CC-Request-Type, and how long its data is if it can be read."""

MAX_PROXY_INFOS = 16
"""Proxy-Infos copied into an answer; each is one agent on the way, and no sane route has more."""


def answer(request: bytes, body: bytes, *, error: bool = False) -> bytes:
    """An answer with its AVPs encoded already: ids, command, application and P are copied, R and T are clear."""
    header = read_header(request)
    flags = (header.flags & PROXIABLE) | (ERROR if error else 0)
    length = HEADER_OCTETS + len(body)
    return pack_header(flags, *header[3:], length=length) + body


def error_answer(request: bytes, code: int, node: Node, reason: str = "", failed_avp: bytes = b"") -> bytes:
    """The generic error answer (RFC 6733 §7.2), with the E bit for 3xxx only.

    Session-Id comes first and every Proxy-Info in its order (§6.2). For a CCR the AVPs by which
    clients correlate a CCA are copied as well. failed_avp: content of the Failed-AVP, encoded.
    """
    found = _Echo(request)
    parts = [found.session_id, unsigned32(AvpCode.RESULT_CODE, code), origin(node), found.credit_control]
    if reason:
        parts.append(text(AvpCode.ERROR_MESSAGE, reason[:MAX_ERROR_MESSAGE], mandatory=False))
    if failed_avp:
        parts.append(octets(AvpCode.FAILED_AVP, failed_avp))
    return answer(request, b"".join(parts + found.proxy_infos), error=is_protocol_error(code))


def busy_code(destination_host: str | None, node: Node) -> ResultCode:
    """3004 only for a request that names this very node; any other may be served elsewhere: 3002 (RFC 6733 §7.1.3).

    destination_host: as the request says it, None when it names nobody.
    """
    is_named = destination_host is not None and destination_host.lower() == node.origin_host.lower()
    return ResultCode.TOO_BUSY if is_named else ResultCode.UNABLE_TO_DELIVER


def destination_host(request: bytes) -> str | None:
    """Destination-Host of a request, as far as it can be read."""
    found = (avp.data for avp in readable_avps(request) if avp.code == AvpCode.DESTINATION_HOST and not avp.vendor)
    host = next(found, None)
    return None if host is None else host.decode("ascii", "replace")


@lru_cache(maxsize=16)
def origin(node: Node) -> bytes:
    """Origin-Host and Origin-Realm of this node."""
    return text(AvpCode.ORIGIN_HOST, node.origin_host) + text(AvpCode.ORIGIN_REALM, node.origin_realm)


class _Echo:
    """What of a request its answer repeats."""

    def __init__(self, request: bytes) -> None:
        self.session_id = b""
        self.proxy_infos: list[bytes] = []
        self._copied: dict[int, bytes] = {}
        self._is_ccr = _is_credit_control(request)
        for avp in readable_avps(request):
            if avp.vendor == 0:
                self._take(avp.code, avp.data, avp.raw)

    def _take(self, code: int, data: bytes, raw: bytes) -> None:
        if code == AvpCode.SESSION_ID and not self.session_id:
            self.session_id = octets(AvpCode.SESSION_ID, data)
        elif code == AvpCode.PROXY_INFO and len(self.proxy_infos) < MAX_PROXY_INFOS:
            self.proxy_infos.append(raw)
        elif _is_request_type(code, data) or len(data) == OCTETS_OF.get(code, -1):
            self._copied.setdefault(code, octets(AvpCode(code), data))

    @property
    def credit_control(self) -> bytes:
        """Auth-Application-Id of the CCA, and whose answer it is, as far as that is known."""
        if not self._is_ccr:
            return b""
        copied = (self._copied.get(code, b"") for code in (AvpCode.CC_REQUEST_TYPE, *OCTETS_OF))
        return unsigned32(AvpCode.AUTH_APPLICATION_ID, CREDIT_CONTROL) + b"".join(copied)


def _is_request_type(code: int, data: bytes) -> bool:
    """A CC-Request-Type that RFC 8506 §8.3 does not know would spoil the answer as it spoilt the request."""
    return code == AvpCode.CC_REQUEST_TYPE and len(data) == 4 and 1 <= int.from_bytes(data, "big") <= 4


def _is_credit_control(request: bytes) -> bool:
    return request[5:12] == CREDIT_CONTROL_COMMAND.to_bytes(3, "big") + CREDIT_CONTROL.to_bytes(4, "big")
