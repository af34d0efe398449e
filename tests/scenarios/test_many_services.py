"""Many services in one request: each answered in its place, and the money exact to the micro-unit."""

import pytest

from diameter_ocs.ledger.journal import Action
from tests.support.gy import INITIAL, TERMINATION, UPDATE, granted, group_codes, postings
from tests.support.ocs import MB, code_of, groups, money, mscc, value

pytestmark = pytest.mark.asyncio(loop_scope="module")
EURO = 1_000_000
CENT = EURO // 100
PER_MB = 2 * CENT
"""Of every group of the offer 'ending', and of group 10 of 'standard'; group 20 there costs 5 cents."""


async def test_fifty_services_in_one_request(line):
    """Each has its own grant, reservation and report; the bill is the sum of what each used."""
    session = (await line.open(money(100 * EURO), offer="ending")).session()
    numbers = range(1000, 1050)
    answer = await session.ask(INITIAL, *(mscc(number) for number in numbers))
    assert group_codes(answer) == [(number, 2001) for number in numbers]
    assert granted(answer) == [10 * MB] * 50
    assert await line.buckets() == {"money": (100 * EURO, 50 * 10 * PER_MB)}
    reports = [mscc(number, used=at * 100_000, reason=0) for at, number in enumerate(numbers)]
    answer = await session.ask(UPDATE, *reports)
    assert (group_codes(answer), granted(answer)) == ([(number, 2001) for number in numbers], [10 * MB] * 50)
    started = sum(-(-at // 10) for at in range(50))
    assert (await line.buckets())["money"][0] == 100 * EURO - started * PER_MB
    last = [mscc(number, wants=None, used=at * 100_000, reason=2) for at, number in enumerate(numbers)]
    assert code_of(await session.ask(TERMINATION, *reversed(last))) == 2001
    in_all = sum(-(-2 * at // 10) for at in range(50))
    assert await line.buckets() == {"money": (100 * EURO - in_all * PER_MB, 0)}
    paid = [each.amount for entry in await line.entries() for each in entry.postings if each.action is Action.DEBIT]
    assert sum(paid) == in_all * PER_MB


async def test_fifty_services_and_not_enough_for_all(line):
    """Nobody is promised what another was: the reservations are the balance at most, and every code is in its place."""
    session = (await line.open(money(5 * EURO))).session()
    answer = await session.ask(INITIAL, *(mscc(10, services=(number,)) for number in range(100, 150)))
    assert [value(each, "Service-Identifier") for each in groups(answer)] == list(range(100, 150))
    sizes = [size or 0 for size in granted(answer)]
    assert set(group_codes(answer)) <= {(10, 2001), (10, 4012)}
    reserved = sum(-(-size // MB) * PER_MB for size in sizes)
    assert reserved <= 5 * EURO
    assert await line.buckets() == {"money": (5 * EURO, reserved)}
    assert all(size >= 1 * MB for size, (_, code) in zip(sizes, group_codes(answer), strict=True) if code == 2001)


async def test_the_same_group_three_times_in_one_request(line):
    """One promise, and each of the three reports is debited once, priced as one running total."""
    session = (await line.open(money(10 * EURO))).session()
    answer = await session.ask(INITIAL, mscc(10), mscc(10), mscc(20))
    assert (group_codes(answer), granted(answer)) == ([(10, 2001), (10, 2001), (20, 2001)], [10 * MB, None, 10 * MB])
    assert await line.buckets() == {"money": (10 * EURO, 10 * PER_MB + 10 * 5 * CENT)}
    reports = [mscc(10, used=400_000), mscc(10, used=400_000), mscc(10, used=400_000)]
    answer = await session.ask(UPDATE, *reports)
    assert (group_codes(answer), granted(answer)) == ([(10, 2001)] * 3, [10 * MB, None, None])
    debits = postings(await line.entries(), Action.DEBIT)
    assert sum(units for units, _ in debits) == 1_200_000
    assert (await line.buckets())["money"][0] == 10 * EURO - 2 * PER_MB
    assert code_of(await session.repeat()) == 2001
    assert (await line.buckets())["money"][0] == 10 * EURO - 2 * PER_MB


async def test_a_group_and_its_services_in_one_request(line):
    """Credit of the group, of a service alone and of a service of the group: three quotas, told apart by their ids."""
    session = (await line.open(money(10 * EURO))).session()
    group, service, both = mscc(10), mscc(None, services=(7,)), mscc(20, services=(8,))
    answer = await session.ask(INITIAL, group, service, both)
    ids = [(value(each, "Rating-Group"), value(each, "Service-Identifier")) for each in groups(answer)]
    assert ids == [(10, None), (None, 7), (20, 8)]
    assert granted(answer) == [10 * MB] * 3
    assert [value(each, "Result-Code") for each in groups(answer)] == [2001] * 3
    prices = [PER_MB, PER_MB, 5 * CENT]
    assert await line.buckets() == {"money": (10 * EURO, sum(10 * price for price in prices))}
    answer = await session.ask(
        UPDATE,
        mscc(10, used=1 * MB),
        mscc(None, services=(7,), used=2 * MB),
        mscc(20, services=(8,), wants=None, used=3 * MB),
    )
    assert granted(answer) == [10 * MB, 10 * MB, None]
    used = 1 * PER_MB + 2 * PER_MB + 3 * 5 * CENT
    assert await line.buckets() == {"money": (10 * EURO - used, 20 * PER_MB)}
    last = (mscc(10, wants=None, used=5 * MB), mscc(None, services=(7,), wants=None, used=4 * MB))
    assert code_of(await session.ask(TERMINATION, *last)) == 2001
    assert await line.buckets() == {"money": (10 * EURO - used - 9 * PER_MB, 0)}
