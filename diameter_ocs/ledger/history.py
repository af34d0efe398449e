"""What an account held at a moment of the past, from its journal: forwards from nothing, or backwards from today."""

from collections.abc import Collection

from msgspec import Struct

from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.values.units import UnitType


class Held(Struct, frozen=True, gc=False):
    """A bucket at that moment. unit None: the journal does not tell it."""

    bucket_id: str
    unit: UnitType | None
    remaining: int
    reserved: int

    @property
    def available(self) -> int:
        return self.remaining - self.reserved


SIGNS = {
    Action.CREDIT: (1, 0),
    Action.DEBIT: (-1, 0),
    Action.EXPIRE: (-1, 0),
    Action.WITHDRAW: (-1, 0),
    Action.RESERVE: (0, 1),
    Action.RELEASE: (0, -1),
}
"""What a posting adds to `remaining` and `reserved`, times its amount."""


class Past:
    """Buckets as they were; every entry that is taken moves them one step."""

    def __init__(self, buckets: Collection[Bucket] = ()) -> None:
        self._held = {each.bucket_id: (each.remaining, each.reserved) for each in buckets}
        self._units: dict[str, UnitType | None] = {each.bucket_id: each.unit for each in buckets}

    def redo(self, entry: Entry) -> None:
        """One entry later."""
        for posting in entry.postings:
            self._move(posting, 1)

    def undo(self, entry: Entry) -> None:
        """One entry earlier."""
        for posting in entry.postings:
            self._move(posting, -1)

    def buckets(self) -> list[Held]:
        """Those that held or promised something, by id."""
        return [
            Held(bucket_id, self._units.get(bucket_id), remaining, reserved)
            for bucket_id, (remaining, reserved) in sorted(self._held.items())
            if remaining or reserved
        ]

    def _move(self, posting: Posting, direction: int) -> None:
        signs = SIGNS.get(posting.action)
        if signs is None:
            return
        bucket_id, amount = posting.bucket_id, posting.amount * direction
        remaining, reserved = self._held.get(bucket_id, (0, 0))
        self._held[bucket_id] = (remaining + signs[0] * amount, reserved + signs[1] * amount)
        if posting.unit is not None:
            self._units[bucket_id] = posting.unit
