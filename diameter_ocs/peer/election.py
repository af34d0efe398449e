"""Which of two simultaneous connections of one pair of peers survives (RFC 6733 §5.6.4)."""


def election_won(local_host: str, remote_host: str) -> bool:
    """True when the local node keeps the connection it accepted and closes the one it opened.

    Origin-Host values are compared octet by octet with a-z equal to A-Z; the larger one wins.
    A peer with our own name loses nothing either way: it gets the connection it opened closed.
    """
    return local_host.lower().encode() > remote_host.lower().encode()
