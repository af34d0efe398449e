"""An Outcome to CCA bytes, Multiple-Services-Credit-Control by Multiple-Services-Credit-Control.

Only AVPs of RFC 8506 and TS 32.299, in the order of their grammar: gateways drop answers that hold
anything else with the M bit.
"""

from struct import Struct as Packer

from diameter_ocs.charging.extras import CreditExtras
from diameter_ocs.charging.request import CreditOutcome, Outcome, ServiceCredit
from diameter_ocs.gy.decode import CreditControlRequest
from diameter_ocs.gy.encode_event import event_parts, refused_event_parts
from diameter_ocs.gy.final_units import encode_final_units
from diameter_ocs.gy.options import encode_extras, encode_notices, granted_until_change
from diameter_ocs.gy.pool import pool_reference
from diameter_ocs.gy.units import cc_money, currency_code, specific_units, unit_avp
from diameter_ocs.peer.answers import busy_code
from diameter_ocs.peer.node import Node
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.definition import pack_avp
from diameter_ocs.wire.header import ERROR, PROXIABLE
from diameter_ocs.wire.result_code import RESULT_CODE_OF_VERDICT, ResultCode, is_protocol_error

M = 0x40000000
VM = 0xC0000000
VENDOR_3GPP = 10415
MAX_ERROR_MESSAGE = 200
THRESHOLD_CODES = {UnitType.OCTETS: 869, UnitType.SECONDS: 868, UnitType.EVENTS: 1226}
"""Volume-, Time- and Unit-Quota-Threshold (TS 32.299 §7.2)."""

_HEADER = Packer(">5I").pack
_U32 = Packer(">III").pack
_VENDOR_U32 = Packer(">IIII").pack
_GSU_OCTETS = Packer(">IIIIQ").pack
_GSU_SECONDS = Packer(">IIIII").pack
_GROUP = Packer(">II").pack
_TYPE_AND_NUMBER = Packer(">IIIIII").pack

_SUCCESS = _U32(268, M | 12, ResultCode.SUCCESS)


class CcaEncoder:
    """Encodes answers of one node.

    has_alternatives: other nodes serve the same subscribers, so a gateway may as well ask there (3002)
    when this one's store is out of reach.
    """

    def __init__(self, origin_host: str, origin_realm: str, *, has_alternatives: bool = False) -> None:
        origin = pack_avp(264, 0, True, origin_host.encode()) + pack_avp(296, 0, True, origin_realm.encode())
        self._origin_and_application = origin + _U32(258, M | 12, 4)
        self._success = _SUCCESS + self._origin_and_application
        self._node = Node(origin_host=origin_host, origin_realm=origin_realm)
        self._store_code = ResultCode.UNABLE_TO_DELIVER if has_alternatives else ResultCode.UNABLE_TO_COMPLY

    def refusal_code(self, verdict: Verdict, destination_host: str | None) -> int:
        """Command-level code of a verdict other than SUCCESS, by what the gateway had better do next."""
        if verdict is Verdict.TOO_BUSY:
            return busy_code(destination_host, self._node)
        return self._store_code if verdict is Verdict.STORE_UNAVAILABLE else RESULT_CODE_OF_VERDICT[verdict]

    def encode(self, message: bytes, request: CreditControlRequest, outcome: Outcome) -> tuple[int, bytes]:
        """Result-Code and CCA of a request; header fields are copied from `message` (RFC 6733 §6.2)."""
        verdict = outcome.verdict
        if request.is_command_level and verdict is Verdict.SUCCESS and outcome.credits:
            verdict = outcome.credits[0].verdict
        parts = [request.session_id_avp]
        code: int = ResultCode.SUCCESS
        if verdict is not Verdict.SUCCESS:
            code = self.refusal_code(verdict, request.destination_host)
        if code == ResultCode.SUCCESS:
            parts.append(self._success)
        else:
            parts.append(_U32(268, M | 12, code))
            parts.append(self._origin_and_application)
        parts.append(_TYPE_AND_NUMBER(416, M | 12, request.request_type, 415, M | 12, request.request_number))
        before, behind = encode_notices(outcome.notices)
        parts.append(before)
        if request.sub_session:
            parts.append(request.sub_session)
        if code != ResultCode.SUCCESS:
            if outcome.detail:
                parts.append(pack_avp(281, 0, False, outcome.detail[:MAX_ERROR_MESSAGE].encode()))
            if request.event is not None:
                parts.append(refused_event_parts(request, outcome, encode_credit))
            if verdict is Verdict.SERVICE_NOT_SOLD:
                parts.append(_failed_service(request))
            elif request.is_command_level:
                parts.append(_failed_at_command_level(request, verdict))
            elif request.event is not None:
                parts.append(_failed(request, outcome))
        elif request.event is not None:
            parts.append(event_parts(request, outcome, encode_credit, _command_level))
        elif request.is_command_level:
            parts.append(_command_level(outcome.credits[0]))
            parts.append(behind)
        else:
            session = request.session
            is_coded = session is None or session.gateway.success_code_in_groups
            parts += map(encode_credit if is_coded else _encode_bare_credit, outcome.credits)
            parts.append(behind)
            parts.append(_failed(request, outcome))
        parts.extend(request.proxy_infos)
        body = b"".join(parts)
        flags = message[4] & PROXIABLE | (ERROR if is_protocol_error(code) else 0)
        return code, (_HEADER(0x01000000 | len(body) + 20, flags << 24 | 272, 4, 0, 0)[:12] + message[12:20] + body)


def _encode_bare_credit(credit: CreditOutcome) -> bytes:
    """The same for gateways that want no Result-Code beside a grant: it then holds what the command says."""
    return encode_credit(credit, b"")


def encode_credit(credit: CreditOutcome, success: bytes = _SUCCESS) -> bytes:
    """One Multiple-Services-Credit-Control (RFC 8506 §8.16, TS 32.299 §7.2) with the ids that were asked for."""
    parts = []
    if credit.granted is not None:
        parts.append(_granted(credit.unit, credit.granted, credit.extras))
    parts += [_U32(439, M | 12, service) for service in credit.service_identifiers]
    if credit.rating_group is not None:
        parts.append(_U32(432, M | 12, credit.rating_group))
    if credit.extras is not None and credit.extras.pool is not None:
        parts.append(pool_reference(credit.extras.pool, credit.unit))
    if credit.validity_seconds is not None:
        parts.append(_U32(448, M | 12, credit.validity_seconds))
    if credit.verdict is Verdict.SUCCESS:
        parts.append(success)
    else:
        parts.append(_U32(268, M | 12, RESULT_CODE_OF_VERDICT[credit.verdict]))
    if credit.granted is not None or credit.final is not None:
        parts.append(_terms(credit))
    body = b"".join(parts)
    return _GROUP(456, M | len(body) + 8) + body


def _terms(credit: CreditOutcome) -> bytes:
    """Final-Unit-Indication, threshold and Quota-Holding-Time of a grant."""
    terms = b""
    if credit.final is not None:
        terms = encode_final_units(credit.final, credit.extras)
    if credit.threshold is not None and credit.unit in THRESHOLD_CODES:
        kind = THRESHOLD_CODES[credit.unit]
        terms += _VENDOR_U32(kind, VM | 16, VENDOR_3GPP, min(credit.threshold, 0xFFFFFFFF))
    if credit.holding_seconds is not None:
        terms += _VENDOR_U32(871, VM | 16, VENDOR_3GPP, credit.holding_seconds)
    if credit.extras is not None:
        terms += encode_extras(credit.extras)
    return terms


def _granted(unit: UnitType, units: int, extras: CreditExtras | None) -> bytes:
    """Granted-Service-Unit with CC-Total-Octets, CC-Time, CC-Service-Specific-Units, or CC-Money of the account."""
    if extras is not None and extras.tariff_change_s is not None:
        return granted_until_change(unit, units, extras.tariff_change_s)
    if unit is UnitType.OCTETS:
        return _GSU_OCTETS(431, M | 24, 421, M | 16, units)
    if unit is UnitType.EVENTS:
        return pack_avp(431, 0, True, specific_units(units))
    if unit is UnitType.MONEY:
        return pack_avp(431, 0, True, cc_money(units, ""))
    return _GSU_SECONDS(431, M | 20, 420, M | 12, units)


def _command_level(credit: CreditOutcome) -> bytes:
    """Units outside of any Multiple-Services-Credit-Control (RFC 8506 §3.2)."""
    parts = b""
    if credit.granted is not None:
        parts += _granted(credit.unit, credit.granted, credit.extras)
    if credit.final is not None:
        parts += encode_final_units(credit.final, credit.extras)
    if credit.validity_seconds is not None:
        parts += _U32(448, M | 12, credit.validity_seconds)
    return parts


def _failed(request: CreditControlRequest, outcome: Outcome) -> bytes:
    """Failed-AVP for the first group that could not be rated or whose unit type has no price (RFC 8506 §9)."""
    for index, credit in enumerate(outcome.credits):
        if credit.verdict is Verdict.SUCCESS:
            continue
        if credit.verdict is Verdict.RATING_FAILED:
            group = _U32(432, M | 12, credit.rating_group or 0)
            return pack_avp(279, 0, True, pack_avp(456, 0, True, group))
        if credit.verdict is Verdict.UNIT_TYPE_UNSUPPORTED:
            unit = pack_avp(437, 0, True, _unit_in_vain(request, index))
            return pack_avp(279, 0, True, pack_avp(456, 0, True, unit))
        if credit.verdict is Verdict.CURRENCY_UNKNOWN:
            return pack_avp(279, 0, True, _currency_in(request, index))
    return b""


def _unit_in_vain(request: CreditControlRequest, index: int) -> bytes:
    """The AVP of the unit type that has no price."""
    if index in request.strange_units:
        return request.strange_units[index]
    asked = request.session or request.event
    wish = asked.credits[index].requested if asked is not None else None
    return unit_avp(wish) if wish is not None else b""


def _currency_in(request: CreditControlRequest, index: int) -> bytes:
    """The Currency-Code that the amounts of one service are in."""
    asked = request.session or request.event
    credit = asked.credits[index] if asked is not None else ServiceCredit(None)
    named = (units.currency for units in (credit.requested, *credit.used) if units is not None)
    return currency_code(next((currency for currency in named if currency), ""))


def _failed_service(request: CreditControlRequest) -> bytes:
    """The Service-Context-Id that the offer has no tariff for."""
    asked = request.session or request.event
    context = asked.service_context.encode() if asked is not None else b""
    return pack_avp(279, 0, True, pack_avp(461, 0, True, context))


def _failed_at_command_level(request: CreditControlRequest, verdict: Verdict) -> bytes:
    """The same for units that stand in no group: the unit, or an example of the id that was missing."""
    if verdict is Verdict.UNIT_TYPE_UNSUPPORTED:
        return pack_avp(279, 0, True, pack_avp(437, 0, True, _unit_in_vain(request, 0)))
    if verdict is Verdict.RATING_FAILED:
        return pack_avp(279, 0, True, _U32(432, M | 12, 0))
    if verdict is Verdict.CURRENCY_UNKNOWN:
        return pack_avp(279, 0, True, _currency_in(request, 0))
    return b""
