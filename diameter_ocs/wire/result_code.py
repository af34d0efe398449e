"""Every Result-Code this server can send, and the one table from errors and verdicts to them.

RFC 6733 §7.1, RFC 8506 §9, TS 32.299 §7.1. A refusal or error without a row here turns
tests/test_house.py red. docs/result-codes.md says when each is sent, at which level, and what happens beside it.
"""

from enum import IntEnum

from diameter_ocs import errors
from diameter_ocs.values.verdict import Verdict


class ResultCode(IntEnum):
    """Values of the Result-Code AVP (268) that are sent, and those of RAA and ASA that mean something here."""

    SUCCESS = 2001
    LIMITED_SUCCESS = 2002
    COMMAND_UNSUPPORTED = 3001
    UNABLE_TO_DELIVER = 3002
    REALM_NOT_SERVED = 3003
    TOO_BUSY = 3004
    LOOP_DETECTED = 3005
    APPLICATION_UNSUPPORTED = 3007
    INVALID_HDR_BITS = 3008
    INVALID_AVP_BITS = 3009
    UNKNOWN_PEER = 3010
    END_USER_SERVICE_DENIED = 4010
    CREDIT_CONTROL_NOT_APPLICABLE = 4011
    CREDIT_LIMIT_REACHED = 4012
    AVP_UNSUPPORTED = 5001
    UNKNOWN_SESSION_ID = 5002
    AUTHORIZATION_REJECTED = 5003
    INVALID_AVP_VALUE = 5004
    MISSING_AVP = 5005
    RESOURCES_EXCEEDED = 5006
    CONTRADICTING_AVPS = 5007
    AVP_NOT_ALLOWED = 5008
    AVP_OCCURS_TOO_MANY_TIMES = 5009
    NO_COMMON_APPLICATION = 5010
    UNSUPPORTED_VERSION = 5011
    UNABLE_TO_COMPLY = 5012
    INVALID_AVP_LENGTH = 5014
    INVALID_MESSAGE_LENGTH = 5015
    NO_COMMON_SECURITY = 5017
    USER_UNKNOWN = 5030
    RATING_FAILED = 5031


RESULT_CODE_OF_ERROR: dict[type[errors.OcsError], ResultCode] = {
    errors.UnsupportedVersion: ResultCode.UNSUPPORTED_VERSION,
    errors.InvalidHeaderBits: ResultCode.INVALID_HDR_BITS,
    errors.CommandUnsupported: ResultCode.COMMAND_UNSUPPORTED,
    errors.ApplicationUnsupported: ResultCode.APPLICATION_UNSUPPORTED,
    errors.UnableToDeliver: ResultCode.UNABLE_TO_DELIVER,
    errors.RealmNotServed: ResultCode.REALM_NOT_SERVED,
    errors.InvalidMessageLength: ResultCode.INVALID_MESSAGE_LENGTH,
    errors.InvalidAvpLength: ResultCode.INVALID_AVP_LENGTH,
    errors.InvalidAvpBits: ResultCode.INVALID_AVP_BITS,
    errors.AvpUnsupported: ResultCode.AVP_UNSUPPORTED,
    errors.InvalidAvpValue: ResultCode.INVALID_AVP_VALUE,
    errors.MissingAvp: ResultCode.MISSING_AVP,
    errors.ContradictingAvps: ResultCode.CONTRADICTING_AVPS,
    errors.AvpNotAllowed: ResultCode.AVP_NOT_ALLOWED,
    errors.AvpOccursTooManyTimes: ResultCode.AVP_OCCURS_TOO_MANY_TIMES,
    errors.UnableToComply: ResultCode.UNABLE_TO_COMPLY,
    errors.ServiceContextUnknown: ResultCode.RATING_FAILED,
    errors.RatingInputUnknown: ResultCode.RATING_FAILED,
    errors.TooBusy: ResultCode.TOO_BUSY,
}

RESULT_CODE_OF_VERDICT: dict[Verdict, ResultCode] = {
    Verdict.SUCCESS: ResultCode.SUCCESS,
    Verdict.NOT_CHARGED: ResultCode.CREDIT_CONTROL_NOT_APPLICABLE,
    Verdict.USER_UNKNOWN: ResultCode.USER_UNKNOWN,
    Verdict.SERVICE_DENIED: ResultCode.END_USER_SERVICE_DENIED,
    Verdict.GROUP_NOT_ALLOWED: ResultCode.AUTHORIZATION_REJECTED,
    Verdict.CREDIT_LIMIT_REACHED: ResultCode.CREDIT_LIMIT_REACHED,
    Verdict.RATING_FAILED: ResultCode.RATING_FAILED,
    Verdict.SERVICE_NOT_SOLD: ResultCode.RATING_FAILED,
    Verdict.UNIT_TYPE_UNSUPPORTED: ResultCode.INVALID_AVP_VALUE,
    Verdict.SESSION_UNKNOWN: ResultCode.UNKNOWN_SESSION_ID,
    Verdict.SESSION_ALREADY_OPEN: ResultCode.UNABLE_TO_COMPLY,
    Verdict.REPEAT_CONTRADICTS: ResultCode.UNABLE_TO_COMPLY,
    Verdict.TOO_MANY_SESSIONS: ResultCode.RESOURCES_EXCEEDED,
    Verdict.TOO_MANY_GROUPS: ResultCode.RESOURCES_EXCEEDED,
    Verdict.CURRENCY_UNKNOWN: ResultCode.RATING_FAILED,
    Verdict.REFUND_UNKNOWN: ResultCode.RATING_FAILED,
    Verdict.TOO_BUSY: ResultCode.TOO_BUSY,
    Verdict.STORE_UNAVAILABLE: ResultCode.UNABLE_TO_COMPLY,
    Verdict.INTERNAL_ERROR: ResultCode.UNABLE_TO_COMPLY,
    Verdict.CONFLICT: ResultCode.UNABLE_TO_COMPLY,
    Verdict.CHANGED_MEANWHILE: ResultCode.UNABLE_TO_COMPLY,
    Verdict.NOT_FOUND: ResultCode.UNABLE_TO_COMPLY,
}


def is_protocol_error(code: int) -> bool:
    """True for 3xxx: the answer must carry the E bit (RFC 6733 §7.1.3)."""
    return 3000 <= code < 4000


def result_code_of(reason: errors.OcsError | Verdict) -> ResultCode:
    """The code of an error (found by walking its ancestors) or of a verdict."""
    if isinstance(reason, Verdict):
        return RESULT_CODE_OF_VERDICT[reason]
    for ancestor in type(reason).__mro__:
        if ancestor in RESULT_CODE_OF_ERROR:
            return RESULT_CODE_OF_ERROR[ancestor]
    return ResultCode.UNABLE_TO_COMPLY
