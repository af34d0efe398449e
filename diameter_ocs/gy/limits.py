"""What one peer may cost the others: lines in the log, and time for very large requests."""

from weakref import WeakKeyDictionary

REFUSALS_TOLD_PER_SECOND = 5
"""Log lines about refused requests of one peer; what is left out is counted in the next one."""
HEAVY_OCTETS = 16_384
"""A CCR with fifty services has a third of it."""
HEAVY_OCTETS_PER_SECOND = 1_048_576
"""Of larger requests, per connection: some tenths of a second of decoding."""


class HeavyAllowance:
    """Keeps very large requests of one connection from taking the time of all others."""

    def __init__(self, octets_per_second: int = HEAVY_OCTETS_PER_SECOND) -> None:
        self._limit = octets_per_second
        self._spent: WeakKeyDictionary[object, tuple[int, int]] = WeakKeyDictionary()

    def admits(self, connection: object, octets: int, now: float) -> bool:
        """False when the connection has had its octets of this second."""
        second, spent = self._spent.get(connection, (0, 0))
        if second != int(now):
            spent = 0
        if spent + octets > self._limit:
            return False
        self._spent[connection] = (int(now), spent + octets)
        return True


class Sparing:
    """Keeps a peer that sends nothing but faults from flooding the log: so many lines per peer and second."""

    def __init__(self, lines_per_second: int = REFUSALS_TOLD_PER_SECOND) -> None:
        self._limit = lines_per_second
        self._peers: dict[str, tuple[int, int, int]] = {}

    def untold(self, peer: str, now: float) -> int | None:
        """How many lines were left out before this one; None when this one is left out too."""
        second, told, left_out = self._peers.get(peer, (0, 0, 0))
        if second != int(now):
            told = 0
        is_told = told < self._limit
        self._peers[peer] = (int(now), told + is_told, 0 if is_told else left_out + 1)
        return left_out if is_told else None
