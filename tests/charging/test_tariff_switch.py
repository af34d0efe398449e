"""A price that changes under a quota: sized at the dearer side, paid at the side where it was used."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from diameter_ocs.charging.decide import expire_session
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
