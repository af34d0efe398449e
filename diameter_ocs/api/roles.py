"""Who may do what: scopes are single permissions, roles are sets of them, a key has one role."""

from collections.abc import Iterable

SCOPES = {
    "accounts:read": "See accounts: balances, buckets, limits, products.",
    "accounts:write": "Open accounts, block and unblock them.",
    "subscribers:read": "See subscribers and find them by their names.",
    "subscribers:write": "Add subscribers, block and unblock them, change their offers.",
    "entries:read": "See the journal of accounts.",
    "topups:write": "Add money or units.",
    "adjustments:write": "Correct balances upwards and downwards.",
    "limits:write": "Change credit limits and caps on what is spent.",
    "products:write": "Buy and cancel products.",
    "sessions:read": "See sessions.",
    "sessions:write": "Ask gateways to re-authorise or to end a session.",
    "catalogue:read": "See offers and products.",
    "peers:read": "See peers.",
}

READ = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
CARE = frozenset({"accounts:write", "subscribers:write", "topups:write", "products:write", "sessions:write"})

ROLES = {
    "read": READ,
    "care": READ | CARE,
    "finance": READ | {"topups:write", "adjustments:write", "limits:write"},
    "operator": READ | {"sessions:write"},
    "channel": frozenset({"accounts:read", "subscribers:read", "catalogue:read", "topups:write", "products:write"}),
    "admin": frozenset(SCOPES),
}
"""channel: a shop, an app or another way in which subscribers recharge."""


def rights(role: str, scopes: Iterable[str]) -> frozenset[str]:
    """What a key may do: all of its role, or those of it that its scopes name. A role that is unknown may nothing."""
    of_role = ROLES.get(role, frozenset())
    chosen = frozenset(scopes)
    return of_role & chosen if chosen else of_role
