"""The one key of a credit-control session: its Session-Id, and its CC-Sub-Session-Id if it is a sub-session.

Every (Session-Id, CC-Sub-Session-Id) is a session of its own (RFC 8506 §8.5). Its key is the Session-Id
itself, as a rule; that of a sub-session is `SESSION-ID#NUMBER`. So that no Session-Id can be taken for the key
of a sub-session, one that has a # in it gets one more behind it. Two different sessions never share a key.
"""

MARK = "#"


def session_key(session_id: str, sub_session: int | None = None) -> str:
    """Under which a session is stored. sub_session: CC-Sub-Session-Id; None: the message has none."""
    if sub_session is not None:
        return f"{session_id}{MARK}{sub_session}"
    return session_id + MARK if MARK in session_id else session_id


def parts_of_key(key: str) -> tuple[str, int | None]:
    """Session-Id and CC-Sub-Session-Id of a key."""
    if MARK not in key:
        return key, None
    session_id, _, number = key.rpartition(MARK)
    return session_id, int(number) if number else None


def told_key(key: str) -> str:
    """A key for people: 'gw;1;2, sub-session 3'."""
    session_id, sub_session = parts_of_key(key)
    return session_id if sub_session is None else f"{session_id}, sub-session {sub_session}"
