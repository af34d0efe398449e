"""Events, calls and messages in any order: the books balance, and a refund undoes its debit exactly."""

from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.charging.event import Action
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.book import Book, spend_key
from diameter_ocs.ledger.journal import Entry
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.properties.test_sessions import check_books
from tests.support.charging import AT_MS
from tests.support.events import EventLine, messages, session_request

KINDS = {"I": RequestType.INITIAL, "U": RequestType.UPDATE, "T": RequestType.TERMINATION}
services = st.sampled_from(("data", "voice/originating", "voice/terminating", "sms"))
groups = st.sampled_from((None, 10, 100, 101, 102, 103, 104, 70, 200))
amounts = st.one_of(st.none(), st.integers(0, 500))
micros = st.one_of(st.none(), st.none(), st.integers(1, 400_000))
units = st.builds(
    lambda octets, seconds, events, amount: ServiceUnits(octets, seconds, events, amount),
    st.one_of(st.none(), st.integers(0, 5_000_000)),
    amounts,
    amounts,
    micros,
)


def in_session(group: int | None, wish: ServiceUnits | None, used: tuple[ServiceUnits, ...]) -> ServiceCredit:
    """As the decoder builds it."""
    every = (*used, *(() if wish is None else (wish,)))
    in_money = bool(every) and all(each.is_money_only for each in every)
    return ServiceCredit(group, (), wish, used, in_money=in_money)


credits_asked = st.builds(in_session, groups, st.one_of(st.none(), units), st.lists(units, max_size=2).map(tuple))
sessions = st.tuples(
    st.sampled_from(("I", "U", "U", "T")), st.integers(0, 2), st.integers(0, 6), st.lists(credits_asked, max_size=3)
)
events = st.tuples(
    st.sampled_from(Action), st.integers(0, 8), st.lists(st.tuples(groups, st.integers(1, 30)), min_size=1, max_size=3)
)
wallets = st.lists(
    st.tuples(
        st.sampled_from((UnitType.EVENTS, UnitType.SECONDS, UnitType.MONEY, UnitType.OCTETS)),
        st.integers(0, 3_000_000),
        st.integers(0, 3),
        st.one_of(st.none(), st.integers(1, 4_000)),
    ),
    max_size=4,
)


def line_with(wallet: list[tuple[UnitType, int, int, int | None]]) -> EventLine:
    """A line whose first entry says where its buckets came from."""
    made = [
        Bucket(f"b{index}", unit, remaining, 0, priority, 0, AT_MS + until if until else None)
        for index, (unit, remaining, priority, until) in enumerate(wallet)
    ]
    line = EventLine()
    book = Book(line.account)
    for bucket in sorted(made, key=spend_key):
        book.add(bucket)
    line.account = book.account()
    line.entries = [Entry("acc-1", 1, AT_MS, "account_created", tuple(book.postings))]
    return line


def amounts_in(line: EventLine) -> dict[str, tuple[int, int]]:
    return {bucket.bucket_id: (bucket.remaining, bucket.reserved) for bucket in line.account.buckets}


@settings(max_examples=300, deadline=None)
@given(wallets, st.lists(st.one_of(sessions, events), max_size=15), services, st.data())
def test_books_balance_whatever_comes(wallet, sequence, rated_as, drawn):
    line, references = line_with(wallet), [b"none"]
    for first, second, *rest in sequence:
        if isinstance(first, Action):
            refund = drawn.draw(st.sampled_from(references)) if first is Action.REFUND_ACCOUNT else b""
            asked = [messages(number, group=group, refund=refund) for group, number in rest[0]]
            before = amounts_in(line)
            decision = line.event(first, *asked, session_id=f"e{second}")
            if decision.outcome.verdict is not Verdict.SUCCESS or decision.outcome.repeated:
                assert amounts_in(line) == before
            elif decision.outcome.event is not None:
                references += [each for each in decision.outcome.event.references if each]
        else:
            number, asked = rest
            request = session_request(KINDS[first], number, *asked, rated_as=rated_as, session_id=f"s{second}")
            line.send(request)
        line.at_ms += 300
        check_books(line)


@settings(max_examples=300, deadline=None)
@given(wallets.map(lambda wallet: [(*each[:3], None) for each in wallet]), st.lists(st.integers(1, 60), min_size=1))
def test_a_refund_undoes_its_debit(wallet, numbers):
    line = line_with(wallet)
    undo = []
    for number in numbers:
        before = amounts_in(line)
        outcome = line.event(Action.DIRECT_DEBITING, messages(number)).outcome
        if outcome.verdict is Verdict.SUCCESS:
            undo.append((before, outcome.event.references[0]))
        else:
            assert amounts_in(line) == before
    for before, reference in reversed(undo):
        assert line.event(Action.REFUND_ACCOUNT, messages(refund=reference)).outcome.verdict is Verdict.SUCCESS
        assert amounts_in(line) == before
        assert line.event(Action.REFUND_ACCOUNT, messages(refund=reference)).outcome.verdict is Verdict.REFUND_UNKNOWN
    check_books(line)
