"""How a request ended, in words of charging. What each means on the wire is wire/result_code.py's business."""

from enum import Enum


class Verdict(Enum):
    """The outcome of a whole request or of one Multiple-Services-Credit-Control in it."""

    SUCCESS = "success"
    NOT_CHARGED = "not_charged"
    """Nobody has to pay: the service goes on without credit control."""
    USER_UNKNOWN = "user_unknown"
    SERVICE_DENIED = "service_denied"
    """The account, the subscriber or this service is barred for now."""
    GROUP_NOT_ALLOWED = "group_not_allowed"
    """The offer never includes this rating group."""
    CREDIT_LIMIT_REACHED = "credit_limit_reached"
    RATING_FAILED = "rating_failed"
    """No tariff fits: unknown rating group or service."""
    SERVICE_NOT_SOLD = "service_not_sold"
    """The offer has no tariff at all for the service that the Service-Context-Id names."""
    UNIT_TYPE_UNSUPPORTED = "unit_type_unsupported"
    SESSION_UNKNOWN = "session_unknown"
    SESSION_ALREADY_OPEN = "session_already_open"
    REPEAT_CONTRADICTS = "repeat_contradicts"
    """The key of an earlier request came back with other content."""
    TOO_MANY_SESSIONS = "too_many_sessions"
    TOO_MANY_GROUPS = "too_many_groups"
    """The session has its maximum of rating groups and services."""
    CURRENCY_UNKNOWN = "currency_unknown"
    """An amount in another currency than the account's."""
    REFUND_UNKNOWN = "refund_unknown"
    """The reference of a refund was never given, is too old, used already, or for less than is asked."""
    TOO_BUSY = "too_busy"
    STORE_UNAVAILABLE = "store_unavailable"
    INTERNAL_ERROR = "internal_error"
    """Our own mistake before anything was written; the same request may be sent again."""
    CONFLICT = "conflict"
    """An administrative command met something that is already there."""
    CHANGED_MEANWHILE = "changed_meanwhile"
    """An administrative command was meant for another state of its record."""
    NOT_FOUND = "not_found"

    __hash__ = object.__hash__  # members are singletons; the hash of Enum is a slow function
