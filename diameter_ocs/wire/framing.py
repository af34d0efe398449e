"""A stream of octets cut into messages (RFC 6733 §2.1, §3). Looks at nothing but the Message Length field."""

from diameter_ocs.errors import FramingLost
from diameter_ocs.wire.header import HEADER_OCTETS

MAX_MESSAGE_OCTETS = 65_536
"""A CCR of a hundred rating groups is a quarter of it; whatever is longer is damage or an attack."""
LENGTH_FIELD_ENDS = 4


class Framer:
    """Holds at most one unfinished message of one connection.

    Damage cannot be repaired, because nobody knows where the next message starts: `feed` raises FramingLost,
    whose `messages` are those completed before the damage. From then on every `feed` raises.
    """

    def __init__(self, max_length: int = MAX_MESSAGE_OCTETS) -> None:
        self.max_length = max_length
        self._unfinished = bytearray()
        self._needed = LENGTH_FIELD_ENDS
        self._damage = ""

    @property
    def pending(self) -> int:
        """Octets kept because their message is not complete."""
        return len(self._unfinished)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, each as its own bytes object, version and content unchecked."""
        if self._damage:
            raise FramingLost(self._damage)
        if self._unfinished:
            self._unfinished += data
            if len(self._unfinished) < self._needed:
                return []
            data = bytes(self._unfinished)
            self._unfinished.clear()
        messages: list[bytes] = []
        start, end = 0, len(data)
        while end - start >= LENGTH_FIELD_ENDS:
            length = int.from_bytes(data[start + 1 : start + LENGTH_FIELD_ENDS], "big")
            if length < HEADER_OCTETS or length & 3 or length > self.max_length:
                raise self._lost(length, messages)
            if start + length > end:
                self._needed = length
                break
            messages.append(data[start : start + length])
            start += length
        else:
            self._needed = LENGTH_FIELD_ENDS
        self._unfinished += data[start:]
        return messages

    def _lost(self, length: int, messages: list[bytes]) -> FramingLost:
        if length < HEADER_OCTETS:
            rule = f"shorter than the header of {HEADER_OCTETS}"
        elif length > self.max_length:
            rule = f"above the limit of {self.max_length}"
        else:
            rule = "not a multiple of 4"
        self._damage = f"a Message Length of {length} octets is {rule}"
        return FramingLost(self._damage, tuple(messages))
