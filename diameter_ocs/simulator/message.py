"""Whole Diameter messages of a gateway: requests into octets, answers into values (RFC 6733 §5, RFC 8506 §3)."""

from fractions import Fraction

from diameter_ocs.errors import MessageError
from diameter_ocs.simulator.credit import SUCCESS, Answer, GroupAnswer, Request
from diameter_ocs.simulator.dialect import CREDIT_CONTROL, Dialect, Origin
from diameter_ocs.simulator.packet_data import AvpTree
from diameter_ocs.simulator.pool import PoolReference
from diameter_ocs.values.amount import micros_of
from diameter_ocs.wire.codec import Avp, Message, decode_message, encode_avp, encode_message
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.header import PROXIABLE, REQUEST, Header

CAPABILITIES_EXCHANGE, RE_AUTH, CREDIT_CONTROL_COMMAND = 257, 258, 272
ABORT_SESSION, DEVICE_WATCHDOG, DISCONNECT_PEER = 274, 280, 282
BASE = 0
"""Application-Id of the base protocol."""
VENDOR_3GPP = 10415
PRODUCT_NAME = "diameter_ocs gateway"
REBOOTING = 0
COMMAND_UNSUPPORTED = 3001


def encode_request(command: int, application: int, hop_by_hop: int, end_to_end: int, tree: AvpTree) -> bytes:
    """A request; credit control may be proxied, the base protocol may not (RFC 6733 §3)."""
    flags = REQUEST | (PROXIABLE if application else 0)
    return _encode(flags, command, application, hop_by_hop, end_to_end, tree)


def encode_answer(request: Header, tree: AvpTree, error_flag: int = 0) -> bytes:
    """The answer to a received request: its identifiers and P bit (RFC 6733 §6.2)."""
    flags = request.flags & PROXIABLE | error_flag
    return _encode(flags, request.command, request.application, request.hop_by_hop, request.end_to_end, tree)


def _encode(flags: int, command: int, application: int, hop_by_hop: int, end_to_end: int, tree: AvpTree) -> bytes:
    dictionary = default_dictionary()
    avps = [encode_avp(name, value, dictionary) for name, value in tree]
    return encode_message(flags, command, application, hop_by_hop, end_to_end, avps)


def encode_ccr(
    request: Request, dialect: Dialect, origin: Origin, at: int, hop_by_hop: int = 0, end_to_end: int = 0
) -> bytes:
    """A CCR in the words of a dialect. `at`: Event-Timestamp, seconds since 1970."""
    tree = dialect.write(request, origin, at)
    return encode_request(CREDIT_CONTROL_COMMAND, CREDIT_CONTROL, hop_by_hop, end_to_end, tree)


# The base protocol -----------------------------------------------------------------------------


def origin_of(origin: Origin) -> AvpTree:
    return [("Origin-Host", origin.host), ("Origin-Realm", origin.realm)]


def capabilities(origin: Origin, address: str) -> AvpTree:
    """A CER offering credit control plainly and as a 3GPP application (RFC 6733 §5.3.1)."""
    application = [("Vendor-Id", VENDOR_3GPP), ("Auth-Application-Id", CREDIT_CONTROL)]
    return [
        *origin_of(origin),
        ("Host-IP-Address", address),
        ("Vendor-Id", VENDOR_3GPP),
        ("Product-Name", PRODUCT_NAME),
        ("Origin-State-Id", origin.state_id),
        ("Supported-Vendor-Id", VENDOR_3GPP),
        ("Auth-Application-Id", CREDIT_CONTROL),
        ("Vendor-Specific-Application-Id", application),
    ]


def watchdog(origin: Origin) -> AvpTree:
    return [*origin_of(origin), ("Origin-State-Id", origin.state_id)]


def disconnect(origin: Origin) -> AvpTree:
    return [*origin_of(origin), ("Disconnect-Cause", REBOOTING)]


def success(origin: Origin, result_code: int = SUCCESS) -> AvpTree:
    return [("Result-Code", result_code), *origin_of(origin)]


# Answers ---------------------------------------------------------------------------------------


def decode(message: bytes) -> Message:
    """Raises MessageError for anything the strict codec refuses."""
    return decode_message(message, default_dictionary())


def read_answer(message: Message) -> Answer:
    """A CCA. An error answer may lack type and number, which are then 0 (RFC 6733 §7.2).

    Raises MessageError when nothing can be learned from it.
    """
    session_id, code = _text(message.first("Session-Id")), _number(message.first("Result-Code"))
    if not session_id or code is None:
        raise MessageError("a CCA without Session-Id or Result-Code answers nothing")
    return Answer(
        session_id=session_id,
        request_type=_number(message.first("CC-Request-Type")) or 0,
        number=_number(message.first("CC-Request-Number")) or 0,
        result_code=code,
        origin_host=_text(message.first("Origin-Host")),
        groups=tuple(_group(mscc) for mscc in message.all("Multiple-Services-Credit-Control")),
        has_enough=_enough(_number(message.first("Check-Balance-Result"))),
        cost_micros=_cost(message.first("Cost-Information")),
    )


def _enough(result: int | None) -> bool | None:
    """ENOUGH_CREDIT is 0 (RFC 8506 §8.6)."""
    return None if result is None else result == 0


def _cost(information: Avp | None) -> int | None:
    amount = information.first("Unit-Value") if information is not None else None
    if amount is None:
        return None
    return micros_of(_number(amount.first("Value-Digits")) or 0, _number(amount.first("Exponent")) or 0)


def _group(mscc: Avp) -> GroupAnswer:
    granted, final = mscc.first("Granted-Service-Unit"), mscc.first("Final-Unit-Indication")
    code = _number(mscc.first("Result-Code"))
    return GroupAnswer(
        rating_group=_number(mscc.first("Rating-Group")),
        result_code=SUCCESS if code is None else code,
        granted=_units(granted) if granted else None,
        validity_seconds=_number(mscc.first("Validity-Time")),
        threshold=_number(mscc.first("Volume-Quota-Threshold") or mscc.first("Time-Quota-Threshold")) or 0,
        holding_seconds=_number(mscc.first("Quota-Holding-Time")) or 0,
        final_action=_number(final.first("Final-Unit-Action")) if final else None,
        redirect_address=_redirect_address(final) if final else "",
        filters=_filters(final) if final else (),
        reference=_octets(mscc.first("Refund-Information")),
        pool=_pool(mscc.first("G-S-U-Pool-Reference")),
    )


def _pool(reference: Avp | None) -> PoolReference | None:
    amount = reference.first("Unit-Value") if reference is not None else None
    if reference is None or amount is None:
        return None
    digits, exponent = _number(amount.first("Value-Digits")) or 0, _number(amount.first("Exponent")) or 0
    multiplier = Fraction(digits) * Fraction(10) ** exponent
    return PoolReference(_number(reference.first("G-S-U-Pool-Identifier")) or 0, multiplier)


def _redirect_address(final: Avp) -> str:
    server = final.first("Redirect-Server")
    return _text(server.first("Redirect-Server-Address")) if server is not None else ""


def _filters(final: Avp) -> tuple[str, ...]:
    return tuple(_text(avp) for name in ("Filter-Id", "Restriction-Filter-Rule") for avp in final.all(name))


def _octets(avp: Avp | None) -> bytes:
    return avp.value if avp is not None and isinstance(avp.value, bytes) else b""


def _units(granted: Avp) -> int | None:
    """CC-Total-Octets, CC-Time or CC-Service-Specific-Units; or the sum of both directions where only those are."""
    for name in ("CC-Total-Octets", "CC-Time", "CC-Service-Specific-Units"):
        total = _number(granted.first(name))
        if total is not None:
            return total
    parts = [_number(granted.first(name)) for name in ("CC-Input-Octets", "CC-Output-Octets")]
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _number(avp: Avp | None) -> int | None:
    return avp.value if avp is not None and isinstance(avp.value, int) else None


def _text(avp: Avp | None) -> str:
    return avp.value if avp is not None and isinstance(avp.value, str) else ""
