"""Legal histories audit clean; whatever is changed in one afterwards is found."""

from collections.abc import Callable
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.ledger.account import Account, Bucket
from diameter_ocs.ledger.audit import UNKNOWN_UNIT, AccountAudit, UnitTotals, add_up, audit_account, fold
from diameter_ocs.ledger.journal import Action, Entry, Posting
from diameter_ocs.values.units import UnitType

BUCKETS = {"data": UnitType.OCTETS, "voice": UnitType.SECONDS, "money": UnitType.MONEY}
A = Action


class History(msgspec.Struct, frozen=True):
    """An account and everything that is compared with it."""

    account: Account
    open_sessions: int
    reservations: dict[str, int]
    entries: tuple[Entry, ...]

    def audit(self) -> AccountAudit:
        return audit_account(self.account, self.open_sessions, self.reservations, self.entries)


def entry(seq: int, *postings: Posting, account_id: str = "acc") -> Entry:
    return Entry(account_id, seq, seq, "test", postings)


def credit(bucket_id: str, amount: int) -> Posting:
    return Posting(A.CREDIT, bucket_id, amount, unit=BUCKETS[bucket_id])


def history(*entries: Entry, **buckets: tuple[int, int]) -> History:
    """An account whose buckets hold (remaining, reserved), with one open session that holds all reservations."""
    kept = tuple(Bucket(name, BUCKETS[name], *amounts) for name, amounts in buckets.items())
    held = {bucket.bucket_id: bucket.reserved for bucket in kept if bucket.reserved}
    account = Account("acc", buckets=kept, last_seq=len(entries), open_sessions=int(bool(held)))
    return History(account, account.open_sessions, held, entries)


SESSION = history(
    entry(1, credit("data", 1000), credit("money", 50)),
    entry(2, Posting(A.RESERVE, "data", 300)),
    entry(3, Posting(A.RELEASE, "data", 300), Posting(A.DEBIT, "data", 250), Posting(A.RESERVE, "data", 200)),
    entry(4, Posting(A.WITHDRAW, "money", 20), Posting(A.UNRATED, "", 0, 7, 99), Posting(A.FREE, "", 0, 8, 5)),
    data=(750, 200),
    money=(30, 0),
)


# examples -----------------------------------------------------------------------------------------


def test_a_session_in_progress_is_clean_and_conserved() -> None:
    audit = SESSION.audit()
    assert audit.discrepancies == ()
    assert audit.totals == {
        "octets": UnitTotals(credited=1000, consumed=250, remaining=750, reserved=200),
        "money EUR": UnitTotals(credited=50, withdrawn=20, remaining=30),
    }
    octets = audit.totals["octets"]
    assert (octets.available, octets.missing) == (550, 0)


def test_a_bucket_that_expired_and_is_gone_leaves_its_totals() -> None:
    gone = history(entry(1, credit("data", 100)), entry(2, Posting(A.DEBIT, "data", 30), Posting(A.EXPIRE, "data", 70)))
    assert gone.audit().discrepancies == ()
    assert gone.audit().totals == {"octets": UnitTotals(credited=100, consumed=30, expired=70)}


def test_a_forgiven_debt_is_clean() -> None:
    debt = history(
        entry(1, credit("data", 100)), entry(2, Posting(A.DEBIT, "data", 130), Posting(A.EXPIRE, "data", -30))
    )
    assert debt.audit().discrepancies == ()
    assert debt.audit().totals["octets"].missing == 0


def test_over_use_leaves_a_bucket_below_zero() -> None:
    overused = history(entry(1, credit("data", 100)), entry(2, Posting(A.DEBIT, "data", 130)), data=(-30, 0))
    assert overused.audit().discrepancies == ()


def test_a_bucket_nobody_credited_is_found_and_counted_apart() -> None:
    stray = history(entry(1, Posting(A.DEBIT, "ghost", 5)))
    audit = stray.audit()
    assert "bucket ghost is gone, but its entries leave -5 remaining" in audit.discrepancies[0]
    assert audit.totals[UNKNOWN_UNIT].missing == -5


def test_an_empty_account_is_clean() -> None:
    assert audit_account(Account("acc"), 0, {}, ()) == AccountAudit("acc", (), {})


def changed(**fields: object) -> Account:
    return msgspec.structs.replace(SESSION.account, **fields)


DATA, MONEY = SESSION.account.buckets
WRONG = {
    "remaining": (changed(buckets=(msgspec.structs.replace(DATA, remaining=751), MONEY)), "751 remaining"),
    "reserved": (changed(buckets=(msgspec.structs.replace(DATA, reserved=201), MONEY)), "201 reserved"),
    "missing bucket": (changed(buckets=(DATA,)), "bucket money is gone"),
    "second bucket": (changed(buckets=(DATA, MONEY, MONEY)), "same id"),
    "unexplained bucket": (changed(buckets=(DATA, MONEY, Bucket("voice", UnitType.SECONDS, 1))), "its entries say 0"),
    "unit": (changed(buckets=(msgspec.structs.replace(DATA, unit=UnitType.EVENTS), MONEY)), "octets were credited"),
    "last_seq": (changed(last_seq=5), "ends with entry 4"),
    "open sessions": (changed(open_sessions=2), "counts 2 open sessions, there are 1"),
    "account": (changed(account_id="other"), "belongs to account acc"),
}


@pytest.mark.parametrize(("account", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_account_is_described(account: Account, words: str) -> None:
    audit = msgspec.structs.replace(SESSION, account=account).audit()
    assert any(words in each for each in audit.discrepancies), audit.discrepancies


@pytest.mark.parametrize("reservations", [{}, {"data": 199}, {"data": 200, "money": 1}, {"data": 200, "ghost": 1}])
def test_reservations_that_are_not_those_of_the_sessions_are_found(reservations: dict[str, int]) -> None:
    audit = msgspec.structs.replace(SESSION, reservations=reservations).audit()
    assert any("open sessions hold" in each for each in audit.discrepancies)


@pytest.mark.parametrize(
    ("posting", "words"),
    [
        (Posting(A.CREDIT, "data", -1), "below zero"),
        (Posting(A.RESERVE, "data", -1), "below zero"),
        (Posting(A.UNRATED, "", 3), "must move nothing"),
        (Posting(A.DEBIT, "", 3), "names no bucket"),
    ],
)
def test_an_impossible_posting_is_found(posting: Posting, words: str) -> None:
    audit = history(entry(1, posting)).audit()
    assert any(words in each for each in audit.discrepancies)


def test_two_wrong_postings_that_cancel_each_other_are_found_by_their_sign() -> None:
    cancelling = history(
        entry(1, credit("data", 10), Posting(A.DEBIT, "data", 5), Posting(A.DEBIT, "data", -5)), data=(10, 0)
    )
    assert len(cancelling.audit().discrepancies) == 1


def test_totals_of_accounts_add_up() -> None:
    one, two = (
        {"octets": UnitTotals(5, 2, 1, 0, 2, 1)},
        {"octets": UnitTotals(1, 0, 0, 1, 0, 0), "events": UnitTotals(3)},
    )
    assert add_up([one, two]) == {"octets": UnitTotals(6, 2, 1, 1, 2, 1), "events": UnitTotals(3)}
    assert add_up([]) == {}


# properties ---------------------------------------------------------------------------------------


def legal_posting(random: Random, buckets: dict[str, list[int]]) -> Posting | None:
    """One movement that the ledger could make; `buckets` (remaining, reserved) follow it."""
    name = random.choice(sorted(BUCKETS))
    action = random.choice(list(Action))
    if name not in buckets and action is not A.CREDIT:
        return None
    amounts = buckets.setdefault(name, [0, 0])
    amount = random.randint(1, 1000)
    if action is A.CREDIT:
        amounts[0] += amount
        return credit(name, amount)
    if action in (A.FREE, A.UNRATED):
        return Posting(action, "", 0, 10, amount)
    if action is A.RATED:
        return Posting(action, "", amount, 10, amount)
    if action is A.RESERVE:
        amounts[1] += amount
    elif action is A.RELEASE:
        amount = min(amount, amounts[1])
        amounts[1] -= amount
    else:
        amount = amounts[0] if action is A.EXPIRE else amount
        amounts[0] -= amount
    return Posting(action, name, amount, 10) if amount else None


def legal_history(random: Random) -> History:
    buckets: dict[str, list[int]] = {}
    entries = []
    for seq in range(1, random.randint(2, 12)):
        made = (legal_posting(random, buckets) for _ in range(random.randint(0, 4)))
        entries.append(entry(seq, *(posting for posting in made if posting is not None)))
    for name in [name for name, amounts in buckets.items() if amounts == [0, 0] and random.random() < 0.5]:
        del buckets[name]
    return history(*entries, **{name: (amounts[0], amounts[1]) for name, amounts in buckets.items()})


def without_entry(random: Random, of: History) -> History:
    gone = random.randrange(len(of.entries))
    return msgspec.structs.replace(of, entries=of.entries[:gone] + of.entries[gone + 1 :])


def with_repeated_entry(random: Random, of: History) -> History:
    again = random.choice(of.entries)
    return msgspec.structs.replace(of, entries=(*of.entries, again))


def with_other_amount(random: Random, of: History) -> History | None:
    at = [(e, p) for e, each in enumerate(of.entries) for p, post in enumerate(each.postings) if post.bucket_id]
    if not at:
        return None
    number, place = random.choice(at)
    old = of.entries[number]
    posting = msgspec.structs.replace(
        old.postings[place], amount=old.postings[place].amount + random.choice((-1, 1, 500))
    )
    postings = (*old.postings[:place], posting, *old.postings[place + 1 :])
    entries = list(of.entries)
    entries[number] = msgspec.structs.replace(old, postings=postings)
    return msgspec.structs.replace(of, entries=tuple(entries))


def with_other_bucket(random: Random, of: History) -> History | None:
    if not of.account.buckets:
        return None
    place = random.randrange(len(of.account.buckets))
    bucket = of.account.buckets[place]
    field = random.choice(("remaining", "reserved"))
    wrong = msgspec.structs.replace(bucket, **{field: getattr(bucket, field) + random.choice((-7, 1))})
    buckets = (*of.account.buckets[:place], wrong, *of.account.buckets[place + 1 :])
    return msgspec.structs.replace(of, account=msgspec.structs.replace(of.account, buckets=buckets))


MUTATIONS: list[Callable[[Random, History], History | None]] = [
    without_entry,
    with_repeated_entry,
    with_other_amount,
    with_other_bucket,
]


@given(st.randoms(use_true_random=False))
def test_every_legal_history_is_clean_and_conserved(random: Random) -> None:
    audit = legal_history(random).audit()
    assert audit.discrepancies == ()
    assert all(totals.missing == 0 for totals in audit.totals.values())


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.sampled_from(MUTATIONS))
def test_any_single_change_is_found(random: Random, mutation: Callable[[Random, History], History | None]) -> None:
    mutated = mutation(random, legal_history(random))
    if mutated is not None:
        assert mutated.audit().discrepancies != ()


@given(st.randoms(use_true_random=False))
def test_a_journal_folded_in_parts_gives_the_same(random: Random) -> None:
    whole = legal_history(random)
    buckets = {bucket.bucket_id: (bucket.remaining, bucket.reserved) for bucket in whole.account.buckets}
    told = {name: (each.remaining, each.reserved) for name, each in fold(whole.entries).items()}
    assert {name: told.get(name, (0, 0)) for name in buckets} == buckets
