"""A price that changes under a quota: sized at the dearer side, paid at the side where it was used."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from diameter_ocs.charging.decide import expire_session
from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.request import ServiceCredit, ServiceUnits
from diameter_ocs.charging.rules import Silence
from tests.support.charging import AT_MS, MB, Line, ask, money, octets, report

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MIDNIGHT = AT_MS - AT_MS % DAY_MS
SIX, EIGHT, NINE = (MIDNIGHT + hour * HOUR_MS for hour in (18, 20, 21))
TEXT = """
version = "switch"
currency = "EUR"
[quota.long]
default = "50 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "4 h"
[quota.seconds]
unit = "seconds"
default = "4 h"
minimum = "1 s"
maximum = "8 h"
validity = "4 h"
[offers.standard]
[[offers.standard.groups]]
rating_groups = [10]
prices = [{from = "00:00", to = "20:00", price = "0.10"}, {from = "20:00", to = "24:00", price = "0.20"}]
per = "1 MB"
quota = "long"
[[offers.standard.groups]]
rating_groups = [20]
prices = [{from = "00:00", to = "20:00", price = "0.01"}, {from = "20:00", to = "24:00", price = "0.02"}]
per = "1 min"
quota = "seconds"
[[offers.standard.groups]]
rating_groups = [30]
prices = [{from = "00:00", to = "20:00", price = "0.000001"}, {from = "20:00", to = "24:00", price = "0.000003"}]
per = "1 B"
quota = "long"
[[offers.standard.groups]]
rating_groups = [40]
prices = [
    {from = "21:00", to = "18:00", price = "0.10"},
    {from = "18:00", to = "20:00", price = "0.05"},
    {from = "20:00", to = "21:00", price = "0.20"},
]
per = "1 MB"
quota = "long"
[[offers.standard.groups]]
rating_groups = [50]
prices = [{from = "00:00", to = "20:00", price = "0.12"}, {from = "20:00", to = "24:00", price = "0.24"}]
per = "1 min"
connect_fee = "0.05"
first_step = "60 s"
next_step = "1 s"
quota = "seconds"
"""


def line_at(at_ms, *buckets, **rules):
    line = Line(*buckets, text=TEXT, **rules)
    line.at_ms = at_ms
    return line


def only(decision):
    (credit,) = decision.outcome.credits
    return credit


def split(*sides, group=10, more=True):
    """A report in parts: (units, Tariff-Change-Usage)."""
    used = tuple(ServiceUnits(octets=units, side=side) for units, side in sides)
    return ServiceCredit(group, (), ServiceUnits() if more else None, used)


def test_the_example_of_the_standard():
    """1.00 EUR, 0.10 per MB until 20:00 and 0.20 after: 5 MB at 18:00; 3 before and 2 after cost 0.70."""
    line = line_at(SIX, money(1_000_000))
    credit = only(line.initial(ask(10)))
    assert (credit.granted, credit.extras.tariff_change_s) == (5 * MB, EIGHT // 1000)
    assert line.bucket("money").reserved == 1_000_000
    line.at_ms = NINE
    line.terminate(1, split((3 * MB, 0), (2 * MB, 1), more=False))
    assert (line.bucket("money").remaining, line.bucket("money").reserved) == (300_000, 0)


def test_without_a_switch_in_its_time_a_grant_is_sized_at_the_price_now():
    line = line_at(MIDNIGHT + HOUR_MS, money(1_000_000))
    credit = only(line.initial(ask(10)))
    assert (credit.granted, credit.extras) == (10 * MB, None)
    line.at_ms = EIGHT
    assert only(line_at(EIGHT, money(1_000_000)).initial(ask(10))).extras is None


def test_the_boundary_is_exact():
    before, after = line_at(EIGHT - 1, money(1_000_000)), line_at(EIGHT, money(1_000_000))
    assert only(before.initial(ask(10))).extras.tariff_change_s == EIGHT // 1000
    assert only(after.initial(ask(10))).granted == 5 * MB


def test_a_quota_does_not_outlive_a_second_switch():
    line = line_at(SIX + HOUR_MS, money(1_000_000))
    credit = only(line.initial(ask(40)))
    assert (credit.validity_seconds, credit.extras.tariff_change_s) == (7200, EIGHT // 1000)
    assert credit.granted == 5 * MB
    late = line_at(NINE + 2 * HOUR_MS, money(100_000_000))
    credit = only(late.initial(ask(10)))
    assert (credit.validity_seconds, credit.extras.tariff_change_s) == (4 * 3600, (MIDNIGHT + DAY_MS) // 1000)


def test_usage_whose_side_is_not_told():
    """Before the switch the price before it; after it the cheaper one, said as 2 or not said at all."""
    for side in (None, 2):
        line = line_at(SIX, money(2_000_000))
        line.initial(ask(10))
        line.at_ms = EIGHT - 1
        line.update(1, split((MB, side)))
        assert line.bucket("money").remaining == 1_900_000
        line.at_ms = EIGHT
        line.update(2, split((MB, side)))
        assert line.bucket("money").remaining == 1_800_000
        line.update(3, split((MB, side)))
        assert line.bucket("money").remaining == 1_600_000


def test_a_started_step_costs_what_it_cost_when_it_was_started():
    line = line_at(SIX, money(1_000_000))
    line.initial(ask(10))
    line.at_ms = NINE
    line.update(1, split((MB // 2, 0), (MB // 2, 1)))
    assert line.bucket("money").remaining == 900_000


def test_data_buckets_pay_first_and_know_no_price():
    line = line_at(SIX, octets(4 * MB), money(1_000_000))
    line.initial(ask(10))
    line.at_ms = NINE
    line.terminate(1, split((3 * MB, 0), (2 * MB, 1), more=False))
    assert (line.bucket("data").remaining, line.bucket("money").remaining) == (0, 800_000)


def test_overuse_is_paid_at_its_side_too():
    line = line_at(SIX, money(1_000_000))
    line.initial(ask(10))
    line.at_ms = NINE
    line.terminate(1, split((6 * MB, 0), (4 * MB, 1), more=False))
    assert line.bucket("money").remaining == 1_000_000 - 600_000 - 800_000


def test_seconds_end_at_the_switch_instead():
    line = line_at(SIX, money(10_000_000))
    credit = only(line.initial(ask(20)))
    assert (credit.validity_seconds, credit.extras) == (7200, None)
    line.at_ms = EIGHT
    used = ServiceCredit(20, (), ServiceUnits(), (ServiceUnits(seconds=7200),))
    assert only(line.update(1, used)).validity_seconds == 4 * 3600
    assert line.bucket("money").remaining == 10_000_000 - 120 * 10_000


def test_a_bucket_that_ends_before_the_switch_hides_it():
    line = line_at(SIX, money(1_000_000))
    short = structs.replace(line.account.buckets[0], valid_until_ms=SIX + HOUR_MS)
    line.account = structs.replace(line.account, buckets=(short,))
    credit = only(line.initial(ask(10)))
    assert (credit.validity_seconds, credit.extras) == (3600, None)


def test_silence_that_is_charged_costs_the_cheaper_side():
    line = line_at(SIX, money(1_000_000), silence=Silence.CHARGE_GRANTED)
    line.initial(ask(10))
    session = line.sessions["s;1;1"]
    line.at_ms = session.expires_ms
    offer = line.terms.catalogue.offers["standard"]
    after = expire_session(line.account, session, offer, line.terms.rules, line.at_ms).account
    assert after.buckets[0].remaining == 500_000


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3 * HOUR_MS),
            st.lists(st.tuples(st.integers(0, 9 * MB), st.sampled_from((0, 1))), max_size=3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_money_is_units_times_the_price_of_their_side(steps):
    """With a step of one octet nothing is rounded: what was paid is the sum over the sides."""
    line = line_at(MIDNIGHT + 12 * HOUR_MS, money(1 << 60))
    before, after = price_sides(line, only(line.initial(ask(30))))
    expected = 0
    for number, (wait, parts) in enumerate(steps, 1):
        line.at_ms += wait
        expected += sum(units * (after if side else before) for units, side in parts)
        answer = only(line.update(number, split(*parts, group=30)))
        before, after = price_sides(line, answer)
        assert (1 << 60) - line.bucket("money").remaining == expected
        assert line.sessions["s;1;1"].quotas[0].charged_micros == expected
        assert line.bucket("money").reserved >= answer.granted * max(before, after)


def price_sides(line, answer):
    """Price of an octet before and after the switch that a grant tells."""
    now = price_at(line.at_ms)
    switch = answer.extras.tariff_change_s if answer.extras is not None else None
    return (now, now) if switch is None else (now, price_at(switch * 1000))


def price_at(at_ms):
    return 1 if at_ms % DAY_MS < 20 * HOUR_MS else 3


def test_a_report_without_parts_is_no_side():
    line = line_at(SIX, money(1_000_000))
    line.initial(ask(10))
    assert only(line.update(1, report(10, MB))).granted is not None


def test_the_free_rest_of_a_paid_step_may_outlive_its_bucket():
    line = line_at(EIGHT - HOUR_MS, structs.replace(money(200_000), valid_until_ms=EIGHT - HOUR_MS // 2))
    line.initial(ask(10, MB // 2))
    line.update(1, report(10, MB // 2))
    line.at_ms = EIGHT
    line.update(2, report(10, MB // 2, more=False))
    assert line.sessions["s;1;1"].quotas[0].used_units == MB


def test_usage_reported_after_silence_costs_what_it_did_before_it():
    line = line_at(EIGHT - HOUR_MS, money(10_000_000), silence=Silence.RELEASE)
    line.initial(ask(10, MB))
    silent = structs.replace(line.sessions["s;1;1"], expires_ms=EIGHT - 1)
    offer = line.terms.catalogue.offers["standard"]
    ended = expire_session(line.account, silent, offer, line.terms.rules, EIGHT - 1)
    line.account, line.sessions["s;1;1"] = ended.account, ended.session
    line.at_ms = EIGHT + HOUR_MS
    line.terminate(1, report(10, MB, more=False))
    assert line.account.buckets[0].remaining == 10_000_000 - 100_000


DAYS_AND_NIGHTS = """
version = "bands"
currency = "EUR"
time_zone = "Europe/Berlin"
[calendars.holidays]
yearly = ["12-25", "01-01"]
[bands.night]
from = "22:00"
until = "06:00"
[bands.free_days]
days = ["sun", "holidays"]
[quota.long]
default = "50 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "4 h"
[offers.standard]
[[offers.standard.groups]]
rating_groups = [10]
prices = [{band = "free_days", price = "0"}, {band = "night", price = "0.05"}]
price = "0.20"
per = "1 MB"
quota = "long"
time_zone = "subscriber"
"""
XMAS_EVE_21 = 1_798_142_400_000
"""24 December 2026, 20:00 UTC: 21:00 in Berlin, already 05:00 of the 25th in Tokyo."""


def line_in(time_zone, at_ms):
    line = Line(money(1_000_000), text=DAYS_AND_NIGHTS)
    line.subscriber, line.at_ms = structs.replace(line.subscriber, time_zone=time_zone), at_ms
    return line


def test_prices_by_holiday_and_night_change_where_the_subscriber_is():
    """In Berlin the night begins in an hour and the holiday in three; in Tokyo it is the holiday."""
    at_home, away = line_in("", XMAS_EVE_21), line_in("Asia/Tokyo", XMAS_EVE_21)
    credit = only(at_home.initial(ask(10)))
    assert (credit.granted, credit.extras.tariff_change_s) == (5 * MB, XMAS_EVE_21 // 1000 + 3600)
    assert credit.validity_seconds == 3 * 3600
    credit = only(away.initial(ask(10)))
    assert (credit.granted, credit.extras) == (50 * MB, None)
    for line in (at_home, away):
        line.at_ms += 2 * HOUR_MS
    at_home.terminate(1, split((MB, 0), (2 * MB, 1), more=False))
    away.terminate(1, split((3 * MB, None), more=False))
    assert at_home.bucket("money").remaining == 1_000_000 - 200_000 - 2 * 50_000
    assert away.bucket("money").remaining == 1_000_000


def test_the_explanation_of_a_grant_knows_where_the_subscriber_is():
    for zone, granted in (("", 5 * MB), ("Asia/Tokyo", 50 * MB)):
        line = line_in(zone, XMAS_EVE_21)
        offer = line.terms.catalogue.offers["standard"]
        found = explain_grant(line.account, line.subscriber, offer, 10, (), ServiceUnits(), line.at_ms)
        assert found.outcome == only(line.initial(ask(10)))
        assert found.outcome.granted == granted


def test_silence_is_charged_where_the_subscriber_is():
    lines = [Line(money(1_000_000), text=DAYS_AND_NIGHTS, silence=Silence.CHARGE_GRANTED) for _ in range(2)]
    for line, zone, left in zip(lines, ("", "Asia/Tokyo"), (1_000_000 - 5 * 50_000, 1_000_000), strict=True):
        line.at_ms = XMAS_EVE_21
        line.subscriber = structs.replace(line.subscriber, time_zone=zone)
        line.initial(ask(10, 5 * MB))
        session = line.sessions["s;1;1"]
        offer, rules = line.terms.catalogue.offers["standard"], line.terms.rules
        after = expire_session(line.account, session, offer, rules, session.expires_ms, zone).account
        assert after.buckets[0].remaining == left


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4 * HOUR_MS), st.integers(0, 3 * MB)), min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.sampled_from((10, 30)),
)
def test_any_slicing_of_reports_costs_the_same(uses, reported, group):
    """Traffic from noon on: whoever reports when, and splits where the price changes, pays what a person works out."""
    line, start = line_at(MIDNIGHT + 12 * HOUR_MS, money(1 << 60)), MIDNIGHT + 12 * HOUR_MS
    switch = told(only(line.initial(ask(group))))
    sides, day, night, number, now = {0: 0, 1: 0}, 0, 0, 0, start
    for place, (wait, units) in enumerate(uses):
        now = min(now + wait, MIDNIGHT + 24 * HOUR_MS - 1)
        if switch is None and now >= EIGHT > line.at_ms:
            number, line.at_ms = number + 1, EIGHT  # the quota was over before the switch: its report came by then
            switch = told(only(line.update(number, split((sides[0], 0), group=group))))
            sides = {0: 0, 1: 0}
        sides[1 if switch is not None and now >= switch else 0] += units
        day, night = (day, night + units) if now >= EIGHT else (day + units, night)
        if place in reported:
            number, line.at_ms = number + 1, now
            switch = told(only(line.update(number, split((sides[0], 0), (sides[1], 1), group=group))))
            sides = {0: 0, 1: 0}
    line.at_ms = now
    line.terminate(number + 1, split((sides[0], 0), (sides[1], 1), group=group, more=False))
    step, cheap, dear = (MB, 100_000, 200_000) if group == 10 else (1, 1, 3)
    by_day = -(-day // step)
    assert (1 << 60) - line.bucket("money").remaining == by_day * cheap + (-(-(day + night) // step) - by_day) * dear


def told(credit):
    """The change of price that a grant tells, in milliseconds."""
    return credit.extras.tariff_change_s * 1000 if credit.extras is not None else None


def silent_at(line, at_ms):
    """Supervision ends the session, at that time."""
    silent = structs.replace(line.sessions["s;1;1"], expires_ms=at_ms)
    ended = expire_session(line.account, silent, line.terms.catalogue.offers["standard"], line.terms.rules, at_ms)
    line.account, line.sessions["s;1;1"] = ended.account, ended.session


def test_a_late_report_is_paid_at_the_sides_it_tells():
    """The session was closed behind the change of price; the grant was from before it."""
    line = line_at(SIX, money(1_000_000))
    line.initial(ask(10))
    silent_at(line, NINE)
    assert line.bucket("money").remaining == 1_000_000
    line.at_ms = NINE + HOUR_MS
    line.terminate(1, split((3 * MB, 0), (2 * MB, 1), more=False))
    assert line.bucket("money").remaining == 300_000


def test_a_late_report_that_tells_no_side_costs_the_cheaper_price():
    line = line_at(SIX, money(1_000_000))
    line.initial(ask(10))
    silent_at(line, NINE)
    line.update(1, split((2 * MB, 1)))
    line.terminate(2, split((3 * MB, None), more=False))
    assert line.bucket("money").remaining == 1_000_000 - 400_000 - 300_000


def test_a_late_report_costs_only_what_goes_beyond_what_was_assumed():
    """5 MB were charged at the cheaper price; of 6 before and 1 after, one of each is left to pay."""
    line = line_at(SIX, money(1_000_000), silence=Silence.CHARGE_GRANTED)
    line.initial(ask(10))
    silent_at(line, NINE)
    assert line.bucket("money").remaining == 500_000
    line.terminate(1, split((6 * MB, 0), (MB, 1), more=False))
    assert line.bucket("money").remaining == 500_000 - 100_000 - 200_000


def test_a_report_that_comes_behind_the_termination_is_paid_at_its_sides():
    """The update of one group was overtaken by the end of the session."""
    line = line_at(SIX, money(10_000_000))
    line.initial(ask(10), ask(30))
    line.at_ms = NINE
    line.terminate(2, split((1, 0), group=30, more=False))
    line.update(1, split((3 * MB, 0), (2 * MB, 1)))
    assert line.bucket("money").remaining == 10_000_000 - 1 - 700_000


def test_what_was_reported_before_the_session_closed_is_not_out_any_more():
    """Its last grant was settled: a further report behind the close is priced at the end of the session."""
    line = line_at(SIX, money(10_000_000))
    line.initial(ask(10))
    line.update(1, split((MB, 0), more=False))
    line.at_ms = NINE
    line.terminate(2)
    line.update(3, split((MB, 0), more=False))
    assert line.bucket("money").remaining == 10_000_000 - 100_000 - 200_000


# connect fee and steps ----------------------------------------------------------------------------


def talk(used=None, *sides, more=True):
    """A request of group 50: seconds without a side, or (seconds, side) pairs."""
    reported = tuple(ServiceUnits(seconds=units, side=side) for units, side in sides)
    reported = reported if used is None else (ServiceUnits(seconds=used),)
    return ServiceCredit(50, (), ServiceUnits(seconds=3600) if more else None, reported)


def test_a_call_across_the_switch_pays_its_connect_fee_and_first_step_once():
    line = line_at(EIGHT - 30_000, money(10_000_000))
    assert only(line.initial(talk())).validity_seconds == 30
    line.at_ms = EIGHT
    line.update(1, talk(30))
    assert line.bucket("money").remaining == 10_000_000 - 50_000 - 120_000
    line.at_ms = EIGHT + 60_000
    line.terminate(2, talk(60, more=False))
    assert line.bucket("money").remaining == 10_000_000 - 50_000 - 120_000 - 30 * 4_000


@given(st.lists(st.integers(0, 120), max_size=6), st.lists(st.integers(0, 120), max_size=6))
def test_any_slicing_of_a_call_on_both_sides_costs_the_same(before, after):
    def cost(early, late):
        line = line_at(SIX, money(100_000_000))
        line.initial(talk())
        number = 0
        for at_ms, parts in ((EIGHT - 1, early), (NINE, late)):
            for used in parts:
                number += 1
                line.update(number, talk(used))
            line.at_ms = at_ms if at_ms == NINE else EIGHT
            number += 1
            line.update(number, talk(0))
        return 100_000_000 - line.bucket("money").remaining

    assert cost(before, after) == cost([sum(before)], [sum(after)])
