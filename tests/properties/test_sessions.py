"""Whatever gateways send, the books balance: money and units neither appear nor vanish."""

from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.charging.commands import AbortSession
from diameter_ocs.charging.decide import abort_session, expire_session
from diameter_ocs.charging.decision import Decision
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import Silence
from diameter_ocs.charging.session import SessionStatus
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.audit import audit_account
from diameter_ocs.ledger.book import Book, spend_key
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.values.units import UnitType
from tests.support.charging import AT_MS, CATALOGUE_TEXT, MB, Line, ask, money, octets, report, request
from tests.support.pools import PoolLine
from tests.support.reasons import check_reasons

TUNED_OFFER = """
[quota.tuned]
extends = "standard"
first_default = "2 MB"
first_maximum = "5 MB"
session_cap = "30 MB"
pace = "60 s"
threshold_percent = 0
threshold = "3 MB"
triggers = [4]
[final.portal]
action = "redirect"
address = "https://topup.example.net/{token}"
validity = "10 min"
[final.walled]
action = "restrict"
filter_ids = ["portal-only"]
afterwards = "refuse"
[offers.tuned]
default_rating_group = 10
final = "portal"
[offers.tuned.answers]
remaining_balance = true
cost_information = true
[[offers.tuned.groups]]
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "tuned"
[[offers.tuned.groups]]
rating_groups = [20]
prices = [{from = "08:00", to = "15:00", price = "0.01"}, {from = "15:00", to = "08:00", price = "0.03"}]
per = "1 MB"
quota = "standard"
final = "walled"
[[offers.tuned.groups]]
rating_groups = [30]
treatment = "free"
quota = "tuned"
[[offers.tuned.groups]]
rating_groups = [40]
treatment = "not controlled"
quota = "tuned"
[offers.pooled]
default_rating_group = 10
final = "portal"
[[offers.pooled.groups]]
rating_groups = [10, 99]
price = "0.02"
per = "1 MB"
pool = 1
quota = "standard"
[[offers.pooled.groups]]
rating_groups = [20]
price = "0.07"
per = "3 MB"
pool = 1
quota = "standard"
final = "walled"
[[offers.pooled.groups]]
rating_groups = [30]
treatment = "free"
quota = "tuned"
"""
"""Final units that redirect and restrict, every way to tune a quota, and a credit pool."""

groups = st.sampled_from((None, 10, 10, 20, 30, 40, 99))
amounts = st.one_of(st.none(), st.integers(0, 60 * MB))
wishes = st.one_of(st.none(), st.builds(ServiceUnits, amounts))
sides = st.sampled_from((None, None, 0, 1, 2))
reports = st.lists(st.builds(ServiceUnits, amounts, side=sides), max_size=2).map(tuple)
credits_asked = st.builds(ServiceCredit, groups, st.just(()), wishes, reports, st.one_of(st.none(), st.integers(0, 9)))
moves = st.tuples(
    st.sampled_from(("I", "U", "U", "U", "T", "X", "A")),
    st.integers(0, 2),
    st.integers(0, 6),
    st.lists(credits_asked, max_size=3),
    st.integers(0, 4_000_000),
)
buckets = st.builds(
    lambda unit, remaining, priority, until, only: (unit, remaining, priority, until, only),
    st.sampled_from((UnitType.OCTETS, UnitType.MONEY)),
    st.integers(0, 50 * MB),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(1, 10_000_000)),
    st.sampled_from(((), (), (10,), (20,))),
)


def with_journal(line: Line, wallet: tuple[Bucket, ...]) -> Line:
    """The line with buckets, and a first entry that says where they came from."""
    book = Book(line.account)
    for bucket in wallet:
        book.add(bucket)
    line.account = book.account()
    line.entries = [Entry("acc-1", 1, AT_MS, "account_created", tuple(book.postings))]
    return line


def check_books(line: Line) -> None:
    """The audit is clean, and what sessions hold is exactly what buckets have reserved."""
    held: dict[str, int] = {}
    open_sessions = [session for session in line.sessions.values() if session.status is SessionStatus.OPEN]
    for session in line.sessions.values():
        for holder in (*session.quotas, *session.pools):
            for each in holder.reservations:
                assert session.status is SessionStatus.OPEN
                held[each.bucket_id] = held.get(each.bucket_id, 0) + each.amount
    assert line.account.open_sessions == len(open_sessions)
    audit = audit_account(line.account, len(open_sessions), held, line.entries)
    assert audit.discrepancies == ()
    for bucket in line.account.buckets:
        assert bucket.reserved >= 0
    check_reasons(line.entries)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(buckets, max_size=4),
    st.sampled_from(("standard", "bundle", "tuned", "pooled", "pooled")),
    st.sampled_from(Silence),
    st.lists(moves, max_size=15),
)
def test_books_balance_after_any_sequence_of_requests(wallet, offer, silence, sequence):
    made = tuple(
        Bucket(f"b{index}", unit, remaining, 0, priority, 0, AT_MS + until if until else None, only)
        for index, (unit, remaining, priority, until, only) in enumerate(wallet)
    )
    line = (PoolLine if offer == "pooled" else Line)(offer=offer, text=CATALOGUE_TEXT + TUNED_OFFER, silence=silence)
    with_journal(line, tuple(sorted(made, key=spend_key)))
    for kind, session, number, asked, wait_ms in sequence:
        line.at_ms += wait_ms
        session_id = f"s;1;{session}"
        if kind == "X":
            expire(line, session_id)
        elif kind == "A":
            abort(line, session_id, is_silent=number % 2 == 0)
        else:
            types = {"I": RequestType.INITIAL, "U": RequestType.UPDATE, "T": RequestType.TERMINATION}
            sent = request(types[kind], number, *asked, session_id=session_id)
            before = line.account
            decision = line.send(sent)
            overdrawn = {b.bucket_id for b in before.buckets if b.available < 0}
            check_grants(line, decision, overdrawn)
        check_books(line)


def expire(line: Line, session_id: str) -> None:
    session = line.sessions.get(session_id)
    if session is None:
        return
    offer = line.terms.catalogue.offers[line.subscriber.offer]
    line.at_ms = max(line.at_ms, session.expires_ms)
    take(line, expire_session(line.account, session, offer, line.terms.rules, line.at_ms))


def abort(line: Line, session_id: str, *, is_silent: bool) -> None:
    session = line.sessions.get(session_id)
    if session is None:
        return
    offer = line.terms.catalogue.offers[line.subscriber.offer]
    command = AbortSession("acc-1", session_id, "gone", is_silent)
    take(line, abort_session(command, line.account, session, offer, line.terms.rules, line.at_ms))


def take(line: Line, decision: Decision) -> None:
    if decision.account is not None:
        assert decision.session is not None
        line.account, line.sessions[decision.session.session_id] = decision.account, decision.session
        line.entries.append(decision.entry)


def check_grants(line: Line, decision, overdrawn) -> None:
    """Nothing is promised that is not there, and Validity-Time is never 0."""
    used_beyond = any(p.mark for p in (decision.entry.postings if decision.entry else ()))
    for bucket in line.account.buckets:
        if not used_beyond and bucket.bucket_id not in overdrawn:
            assert bucket.available >= 0
    for credit in decision.outcome.credits:
        assert credit.final is None or credit.granted or (credit.final and credit.validity_seconds > 0)
        assert credit.granted is None or credit.granted > 0 or credit.extras.pool is not None
        assert credit.granted is None or credit.validity_seconds > 0
        assert credit.threshold is None or 0 < credit.threshold <= credit.granted


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 12 * MB), min_size=1, max_size=8), st.integers(0, 40 * MB), st.data())
def test_a_session_costs_the_same_in_whatever_slices_it_is_reported(used, bundle, data):
    """Total charge depends on what was used, not on how often it was reported or how large the grants were."""

    def run(slices: list[int]) -> dict[str, int]:
        line = Line(octets(bundle), money(1_000_000_000))
        line.initial(ask(10, data.draw(st.integers(0, 50 * MB))))
        for number, part in enumerate(slices, 1):
            line.update(number, report(10, part))
        line.terminate(len(slices) + 1)
        return {bucket.bucket_id: bucket.remaining for bucket in line.account.buckets}

    assert run(used) == run([sum(used)])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 30 * MB), st.lists(st.integers(0, 10 * MB), min_size=1, max_size=12))
def test_a_gateway_that_stays_within_its_grants_never_overdraws(balance, appetite):
    line = Line(octets(balance))
    granted = line.initial(ask()).outcome.credits[0].granted or 0
    for number, wanted in enumerate(appetite, 1):
        used = min(wanted, granted)
        granted = line.update(number, report(10, used)).outcome.credits[0].granted or 0
        assert all(bucket.available >= 0 for bucket in line.account.buckets)
