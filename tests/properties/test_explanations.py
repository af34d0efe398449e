"""Whatever happened: explanations add up to what was charged, and the past can be told from either end."""

from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.charging.request import RequestType
from diameter_ocs.charging.rules import Silence
from diameter_ocs.charging.sentence import sentence
from diameter_ocs.charging.why import USAGE, explain, in_all
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.book import spend_key
from diameter_ocs.ledger.history import Past
from diameter_ocs.ledger.journal import Action
from diameter_ocs.rating.local_time import time_zone
from diameter_ocs.values.units import UnitType
from tests.properties.test_sessions import TUNED_OFFER, buckets, expire, moves, with_journal
from tests.support.charging import AT_MS, CATALOGUE_TEXT, Line, request
from tests.support.pools import PoolLine

KINDS = {"I": RequestType.INITIAL, "U": RequestType.UPDATE, "T": RequestType.TERMINATION}


def played(wallet, offer, silence, sequence):
    """A line after a random life, and what its buckets held after each entry."""
    made = tuple(
        Bucket(f"b{index}", unit, remaining, 0, priority, 0, AT_MS + until if until else None, only)
        for index, (unit, remaining, priority, until, only) in enumerate(wallet)
    )
    line = (PoolLine if offer == "pooled" else Line)(offer=offer, text=CATALOGUE_TEXT + TUNED_OFFER, silence=silence)
    with_journal(line, tuple(sorted(made, key=spend_key)))
    seen = [{}, held_by(line)]
    for kind, session, number, asked, wait_ms in sequence:
        line.at_ms += wait_ms
        session_id = f"s;1;{session}"
        if kind in KINDS:
            line.send(request(KINDS[kind], number, *asked, session_id=session_id))
        else:
            expire(line, session_id)
        if len(line.entries) == len(seen):
            seen.append(held_by(line))
    return line, seen


def held_by(line: Line) -> dict[str, tuple[int, int]]:
    return {each.bucket_id: (each.remaining, each.reserved) for each in line.account.buckets if moved(each)}


def moved(bucket: Bucket) -> bool:
    return bucket.remaining != 0 or bucket.reserved != 0


lives = st.tuples(
    st.lists(buckets, max_size=4),
    st.sampled_from(("standard", "bundle", "tuned", "pooled")),
    st.sampled_from(Silence),
    st.lists(moves, max_size=12),
)


@settings(max_examples=150, deadline=None)
@given(lives)
def test_every_charge_is_explained_to_the_last_unit(life):
    line, _ = played(*life)
    explained = explain(line.entries, line.account.buckets)
    for entry, told in zip(line.entries, explained, strict=True):
        for posting, share in zip(entry.postings, told.shares, strict=True):
            assert (share.amount, share.units) == (posting.amount, posting.units)
            if share.rate is not None:
                assert sum(each.amount for each in share.lines) == posting.amount
            elif share.is_usage and share.action is Action.DEBIT:
                assert share.paid_in is share.counted
                assert share.amount == share.units
            if share.action is Action.UNRATED:
                assert share.why
        text = sentence([told], "EUR", time_zone("Europe/Berlin"))
        assert text.startswith("On ")
        assert text.endswith(".")


@settings(max_examples=150, deadline=None)
@given(lives)
def test_a_session_is_explained_as_the_sum_of_its_entries(life):
    line, _ = played(*life)
    explained = explain(line.entries, line.account.buckets)
    postings = [posting for entry in line.entries for posting in entry.postings]
    shares = in_all(explained)
    for unit in (UnitType.MONEY, UnitType.OCTETS):
        paid = sum(share.amount for share in shares if share.paid_in is unit)
        assert paid == sum(share.amount for each in explained for share in each.usage if share.paid_in is unit)
    used = [posting.units for posting in postings if posting.action in USAGE]
    assert sum(share.units for share in shares) == sum(used)


@settings(max_examples=150, deadline=None)
@given(lives)
def test_balances_of_the_past_are_the_same_from_both_ends(life):
    line, seen = played(*life)
    for seq, held in enumerate(seen):
        onwards, back = Past(), Past(line.account.buckets)
        for entry in line.entries[:seq]:
            onwards.redo(entry)
        for entry in reversed(line.entries[seq:]):
            back.undo(entry)
        assert {each.bucket_id: (each.remaining, each.reserved) for each in onwards.buckets()} == held
        assert {each.bucket_id: (each.remaining, each.reserved) for each in back.buckets()} == held
