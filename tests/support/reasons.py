"""What every journal has to tell of itself: why each amount is what it is, and what was left."""

from collections.abc import Sequence

from diameter_ocs.charging.basis import read_basis
from diameter_ocs.ledger.audit import fold
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.rating.rate import price_of_report

MOVES_REMAINING = {Action.CREDIT, Action.DEBIT, Action.EXPIRE, Action.WITHDRAW}


def check_reasons(entries: Sequence[Entry]) -> None:
    """Each debit is worked out again from its basis; each posting tells what was left in its bucket."""
    left: dict[str, int] = {}
    for entry in entries:
        for posting in entry.postings:
            if posting.action is Action.DEBIT:
                assert posting.amount == worked_out(posting)
                assert entry.plan or entry.request_number is None
            if posting.action in MOVES_REMAINING:
                change = posting.amount if posting.action is Action.CREDIT else -posting.amount
                left[posting.bucket_id] = left.get(posting.bucket_id, 0) + change
                assert posting.left == left[posting.bucket_id]
    assert left == {bucket_id: folded.remaining for bucket_id, folded in fold(entries).items() if bucket_id in left}


def worked_out(posting: Posting) -> int:
    """The amount of a debit from what the journal keeps beside it."""
    why = read_basis(posting.basis)
    return (
        posting.units if why.rate is None else price_of_report(why.rate, posting.before, why.paid_units(posting.units))
    )
