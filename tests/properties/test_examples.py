"""What holds of everything that the example catalogues sell, however it is used."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.charging.request import RequestType
from diameter_ocs.rating.catalogue import Treatment
from diameter_ocs.rating.rate import Rate, price_of_report, units_affordable
from diameter_ocs.values.units import UnitType
from tests.support.charging import AT_MS, MB
from tests.support.examples import FOLDER, NAMES
from tests.support.shop import PLACES, Customer, catalogue, everything_sold, paid_units

SOLD = list(everything_sold())
CHARGED = [each for each in SOLD if each.rule.treatment is Treatment.CHARGE]
BY_MONEY = [each for each in CHARGED if each.rule.rate is not None or each.rule.chooser is not None]
SMALL = {UnitType.OCTETS: 40 * MB, UnitType.SECONDS: 400, UnitType.EVENTS: 15}
LARGE = {UnitType.OCTETS: 12_000 * MB, UnitType.SECONDS: 20_000, UnitType.EVENTS: 150}
"""Of one report: across some steps; and across tiers of a month and the ends of packs."""
RENEWED = [(name, product) for name in NAMES for product in catalogue(name).products.values() if product.renews]
INITIAL, UPDATE, TERMINATION = RequestType.INITIAL, RequestType.UPDATE, RequestType.TERMINATION


def label(sold):
    return f"{sold.catalogue}-{sold.offer}-{sold.rated_as}-{sold.rating_group}"


PREFIXES = [line.partition(",")[0] for line in (FOLDER / "voice-rates.csv").read_text().splitlines()[1:]]


def rates_in(name):
    """Every price of a catalogue."""
    found = set()
    for offer in catalogue(name).offers.values():
        for rule in offer.rules():
            found |= {rule.rate} if rule.rate is not None else set()
            found |= set(rule.timed.rates) if rule.timed is not None else set()
            if rule.chooser is not None and rule.chooser.sheet is not None:
                sheet = rule.chooser.sheet.rates
                found |= {sheet.find(prefix, at_ms) for prefix in PREFIXES for at_ms in (AT_MS, 2 * AT_MS)}
    return sorted(found, key=repr)


def some_products(name):
    """None, some or all of what a catalogue sells beside its offers, each once."""
    return st.sets(st.sampled_from(sorted(catalogue(name).products)) if catalogue(name).products else st.nothing())


def amounts(sold):
    return st.integers(0, SMALL[sold.rule.unit]) | st.integers(0, LARGE[sold.rule.unit])


def session_of(customer, sold, parts):
    """One session with a report for each part."""
    customer.session(INITIAL, 0, sold.rated_as, sold.credit())
    for number, part in enumerate(parts, 1):
        decision = customer.session(UPDATE, number, sold.rated_as, sold.credit(part))
        assert sum(paid_units(decision).values()) == part
    customer.session(TERMINATION, len(parts) + 1, sold.rated_as)
    customer.check()


# Slices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sold", SOLD, ids=label)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_same_usage_costs_the_same_in_whatever_slices(sold, data):
    parts = data.draw(st.lists(amounts(sold), min_size=1, max_size=8))
    products = tuple(sorted(data.draw(some_products(sold.catalogue))))
    told = data.draw(st.sampled_from(PLACES))
    sliced, whole = (Customer(sold.catalogue, sold.offer, products=products, told=told) for _ in range(2))
    session_of(sliced, sold, parts)
    session_of(whole, sold, [sum(parts)])
    assert sliced.left() == whole.left()


@pytest.mark.parametrize("sold", [each for each in SOLD if each.rule.unit is UnitType.EVENTS], ids=label)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_events_cost_the_same_one_by_one_and_at_once(sold, data):
    count = data.draw(st.integers(1, 120))
    products = tuple(sorted(data.draw(some_products(sold.catalogue))))
    told = data.draw(st.sampled_from(PLACES))
    single, together = (Customer(sold.catalogue, sold.offer, products=products, told=told) for _ in range(2))
    for number in range(count):
        assert paid_units(single.event(sold, 1, number)) == {sold.rating_group: 1}
    together.event(sold, count, 0)
    assert single.left() == together.left()
    single.check()


@pytest.mark.parametrize("sold", SOLD, ids=label)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_more_usage_never_costs_less(sold, data):
    some, more = data.draw(amounts(sold)), data.draw(amounts(sold))
    products = tuple(sorted(data.draw(some_products(sold.catalogue))))
    told = data.draw(st.sampled_from(PLACES))
    small, large = (Customer(sold.catalogue, sold.offer, products=products, told=told) for _ in range(2))
    session_of(small, sold, [some])
    session_of(large, sold, [some + more])
    before, after = small.left(), large.left()
    assert all(after[bucket] <= before[bucket] for bucket in before)


# Prices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_price_and_units_for_a_price_are_inverse(name, data):
    rate: Rate = data.draw(st.sampled_from(rates_in(name)))
    most = st.integers(0, 10 * rate.step_units) | st.integers(0, 3000 * rate.step_units)
    before, units = data.draw(most), data.draw(most)
    cost = price_of_report(rate, before, units)
    # What a session costs nothing for as it is so short is no credit (free_below).
    if cost or not price_of_report(rate, before, 1000 * rate.step_units):
        assert units_affordable(rate, before, cost, units) == units
    amount = data.draw(st.integers(0, 2 * cost + 1_000_000))
    bought = units_affordable(rate, before, amount, units)
    assert 0 <= bought <= units
    assert price_of_report(rate, before, bought) <= amount or not bought
    if bought and bought < units:
        assert price_of_report(rate, before, bought + 1) > amount


# Whatever a subscriber does -----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_unit_is_paid_once_and_the_journal_tells_the_state(name, data):
    """Several groups and services at once, with little money and any products, while places change and days pass."""
    offer = data.draw(st.sampled_from(sorted(catalogue(name).offers)))
    mine = [each for each in SOLD if (each.catalogue, each.offer) == (name, offer)]
    wallet = data.draw(st.integers(0, 60_000_000))
    customer = Customer(name, offer, wallet, tuple(sorted(data.draw(some_products(name)))))
    sessions: dict[str, tuple[int, int]] = {}
    for _ in range(data.draw(st.integers(1, 14))):
        sold = data.draw(st.sampled_from(mine))
        customer.told = data.draw(st.sampled_from(PLACES))
        which, number = sessions.get(sold.rated_as, (0, 0))
        used = data.draw(amounts(sold)) if number else 0
        is_last = number > 0 and data.draw(st.integers(0, 4)) == 0
        kind = TERMINATION if is_last else UPDATE if number else INITIAL
        wish = data.draw(st.none() | amounts(sold))
        asked = sold.credit(used if number else None, more=not is_last, wish=wish)
        decision = customer.session(kind, number, sold.rated_as, asked, session_id=f"{sold.rated_as};{which}")
        assert sum(paid_units(decision).values()) == used
        customer.check()
        sessions[sold.rated_as] = (which + 1, 0) if is_last else (which, number + 1)
        customer.until(customer.at_ms + data.draw(st.sampled_from((0, 0, 60_000, 86_400_000))))
        customer.check()


# Renewals -----------------------------------------------------------------------------------------

YEARS = 10
BOUGHT_FROM_MS, BOUGHT_UNTIL_MS = AT_MS - 3 * 366 * 86_400_000, AT_MS + 4 * 366 * 86_400_000


def wall(at_ms, zone):
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone)


def renewal_days(product, first):
    """Days of all periods of ten years after the one that began at `first`, as people count them."""
    for number in range(1, YEARS * 12 + 1):
        year, month = divmod(first.year * 12 + first.month - 1 + number, 12)
        last = monthrange(year, month + 1)[1]
        yield (year, month + 1, 1 if product.period.is_calendar else min(first.day, last))


def assert_stated(due_ms, zone, product, first, day):
    """On that day, at the time of purchase on the clock, for calendar months at midnight, or where a gap ends."""
    at = time() if product.period.is_calendar else first.time()
    moment, stated = wall(due_ms, zone), datetime.combine(date(*day), at)
    assert (moment.year, moment.month, moment.day) == day
    if moment.replace(tzinfo=None, fold=0) == stated:
        assert moment.fold == 0
    else:
        before = wall(due_ms - 1, zone).replace(tzinfo=None, fold=0)
        assert before < stated < moment.replace(tzinfo=None, fold=0)


@pytest.mark.parametrize(("name", "product"), RENEWED, ids=[product.name for _, product in RENEWED])
def test_periods_of_ten_years_begin_on_the_stated_days_in_every_time_zone(name, product):
    zones = [ZoneInfo(each) for each in sorted(available_timezones())]
    assert len(zones) > 400
    for zone in zones:
        first = datetime(2027, 1, 31, 2, 30, tzinfo=zone)
        bought_ms = int(first.timestamp() * 1000)
        for number, day in enumerate(renewal_days(product, first)):
            assert_stated(product.end_of(number, bought_ms, zone), zone, product, first, day)


@pytest.mark.parametrize(("name", "product"), RENEWED, ids=[product.name for _, product in RENEWED])
@settings(max_examples=30, deadline=None)
@given(
    zone=st.sampled_from(sorted(available_timezones())).map(ZoneInfo),
    bought_ms=st.integers(BOUGHT_FROM_MS, BOUGHT_UNTIL_MS),
)
def test_renewals_over_ten_years_land_on_the_stated_days_in_every_time_zone(name, product, zone, bought_ms):
    offer = next(iter(catalogue(name).offers))
    customer = Customer(name, offer, products=(product.name,), zone=zone, at_ms=bought_ms)
    first = wall(bought_ms, zone)
    price, start_ms = customer.spent(), bought_ms
    assert price == product.price_micros
    for number, day in enumerate(renewal_days(product, first), 1):
        due_ms = customer.account.owned[0].next_ms
        assert due_ms > start_ms
        assert_stated(due_ms, zone, product, first, day)
        assert "product_renewed" not in customer.until(due_ms - 1)
        assert customer.until(due_ms).count("product_renewed") == 1
        assert customer.spent() == (number + 1) * price
        start_ms = due_ms
    customer.check()
