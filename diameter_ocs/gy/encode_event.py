"""What the answer to a one-time event holds between its header AVPs and its Proxy-Infos (RFC 8506 §3.2, §6)."""

from collections.abc import Callable

from diameter_ocs.charging.request import CreditOutcome, EventResult, Outcome
from diameter_ocs.gy.decode import CreditControlRequest
from diameter_ocs.gy.units import cost_information, remaining_balance
from diameter_ocs.values.verdict import Verdict
from diameter_ocs.wire.definition import pack_avp

MULTIPLE_SERVICES, REFUND_INFORMATION, VENDOR_3GPP = 456, 2022, 10415
CHECK_BALANCE_RESULT, FAILED_AVP = 422, 279
ENOUGH, NO_CREDIT = 0, 1
MSCC_HEADER_OCTETS = 8

EncodeCredit = Callable[[CreditOutcome], bytes]


def event_parts(
    request: CreditControlRequest, outcome: Outcome, encode_credit: EncodeCredit, command_level: EncodeCredit
) -> bytes:
    """Units, cost and balance of an event that was done."""
    result = outcome.event or EventResult()
    if not request.is_command_level:
        units = b"".join(
            _with_reference(encode_credit(credit), at, result) for at, credit in enumerate(outcome.credits)
        )
    elif outcome.credits:
        units = command_level(outcome.credits[0])
    else:
        units = b""
    if result.cost_micros is not None:
        units += cost_information(result.cost_micros, result.currency, result.cost_unit)
    if result.is_enough is not None:
        number = ENOUGH if result.is_enough else NO_CREDIT
        units += pack_avp(CHECK_BALANCE_RESULT, 0, True, number.to_bytes(4, "big"))
    if result.balance_micros is not None:
        units += remaining_balance(result.balance_micros, result.currency)
    return units


def _with_reference(mscc: bytes, at: int, result: EventResult) -> bytes:
    """The Multiple-Services-Credit-Control with what its refund has to name."""
    reference = result.references[at] if at < len(result.references) else b""
    if not reference:
        return mscc
    refund = pack_avp(REFUND_INFORMATION, VENDOR_3GPP, True, reference)
    return pack_avp(MULTIPLE_SERVICES, 0, True, mscc[MSCC_HEADER_OCTETS:] + refund)


def refused_event_parts(request: CreditControlRequest, outcome: Outcome, encode_credit: EncodeCredit) -> bytes:
    """The service that refuses an event, with its own Result-Code; and the refund that was not known, if it is that."""
    refused = [each for each in enumerate(outcome.credits) if each[1].verdict is not Verdict.SUCCESS]
    parts = b"" if request.is_command_level else b"".join(encode_credit(credit) for _, credit in refused)
    if outcome.verdict is Verdict.REFUND_UNKNOWN and request.event is not None:
        reference = request.event.credits[refused[0][0]].refund if refused else b""
        failed = pack_avp(REFUND_INFORMATION, VENDOR_3GPP, True, reference)
        parts += pack_avp(FAILED_AVP, 0, True, failed)
    return parts
