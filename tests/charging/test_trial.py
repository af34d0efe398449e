"""Prices are found out by playing a session on a copy of the books."""

from hypothesis import given, settings
from hypothesis import strategies as st

from diameter_ocs.charging.trial import Trial, somebody, try_out
from diameter_ocs.charging.why import explain, in_all
from diameter_ocs.ledger.journal import Action
from diameter_ocs.rating.rate import price_of
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.charging.test_tariff_switch import EIGHT, HOUR_MS, MIDNIGHT
from tests.charging.test_tariff_switch import TEXT as SWITCHING
from tests.support.charging import AT_MS, CATALOGUE_TEXT, MB, account, money, octets, subscriber, terms

CALL = """
[[offers.standard.groups]]
service = "voice"
rating_groups = [60]
price = "0.09"
per = "60 s"
connect_fee = "0.05"
first_step = "60 s"
next_step = "1 s"
minimum_charge = "0.10"
quota = "seconds"
"""


def shares(tried):
    return [share for share in in_all(explain(tried.entries, ())) if share.is_usage]


def cost(tried):
    return sum(share.amount for share in shares(tried) if share.paid_in is UnitType.MONEY)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 400_000_000), min_size=1, max_size=6), st.integers(0, 5 * HOUR_MS))
def test_data_costs_what_its_price_says_however_it_is_reported_and_however_long_it_takes(reports, lasting_ms):
    trial = Trial(AT_MS, UnitType.OCTETS, tuple(reports), 10, lasting_ms=lasting_ms)
    known = terms()
    tried = try_out(trial, *somebody("standard", "EUR"), known)
    assert (tried.unused, tried.refused) == (0, None)
    rate = known.catalogue.offers["standard"].by_group[10].rate
    assert cost(tried) == price_of(rate, sum(reports))
    assert tried.account.open_sessions == 0
    assert all(bucket.reserved == 0 for bucket in tried.account.buckets)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20_000))
def test_a_call_costs_what_its_price_says(seconds):
    known = terms(CATALOGUE_TEXT + CALL)
    trial = Trial(AT_MS, UnitType.SECONDS, (seconds,), 60, rated_as="voice/originating")
    rate = known.catalogue.offers["standard"].part("voice").by_group[60].rate
    assert cost(try_out(trial, *somebody("standard", "EUR"), known)) == price_of(rate, seconds)


def test_use_across_a_change_of_price_costs_both():
    trial = Trial(EIGHT - HOUR_MS, UnitType.OCTETS, (40 * MB,), 10, lasting_ms=2 * HOUR_MS)
    tried = try_out(trial, *somebody("standard", "EUR"), terms(SWITCHING))
    told = [(share.band, share.units, share.amount) for share in shares(tried)]
    assert told == [("00:00-20:00", 20 * MB, 2_000_000), ("20:00-24:00", 20 * MB, 4_000_000)]


def test_a_call_across_a_change_of_price_costs_both():
    trial = Trial(EIGHT - 120_000, UnitType.SECONDS, (300,), 20)
    tried = try_out(trial, *somebody("standard", "EUR"), terms(SWITCHING))
    assert [(share.band, share.units) for share in shares(tried)] == [("00:00-20:00", 120), ("20:00-24:00", 180)]


def test_use_at_once_costs_what_holds_then():
    trial = Trial(MIDNIGHT, UnitType.OCTETS, (120 * MB,), 10)
    (share,) = shares(try_out(trial, *somebody("standard", "EUR"), terms(SWITCHING)))
    assert (share.band, share.amount) == ("00:00-20:00", 12_000_000)


def test_what_a_subscriber_has_pays_until_nothing_is_left():
    wallet = account(octets(12 * MB), money(100_000))
    tried = try_out(Trial(AT_MS, UnitType.OCTETS, (30 * MB,), 10), wallet, subscriber(), terms())
    assert [(share.bucket_id, share.units, share.left) for share in shares(tried)] == [
        ("data", 12 * MB, 0),
        ("money", 5 * MB, 0),
    ]
    assert tried.unused == 13 * MB
    assert tried.refused.credits[0].verdict is Verdict.CREDIT_LIMIT_REACHED
    assert wallet == account(octets(12 * MB), money(100_000))


def test_what_is_free_barred_or_not_sold():
    known = terms()
    free = try_out(Trial(AT_MS, UnitType.OCTETS, (3 * MB,), 30), *somebody("standard", "EUR"), known)
    assert [(share.action, share.units) for share in shares(free)] == [(Action.FREE, 3 * MB)]
    barred = try_out(Trial(AT_MS, UnitType.OCTETS, (3 * MB,), 40), *somebody("standard", "EUR"), known)
    assert (barred.unused, shares(barred)) == (3 * MB, [])
    assert barred.refused.credits[0].verdict is Verdict.SERVICE_DENIED
    unsold = try_out(Trial(AT_MS, UnitType.EVENTS, (3,), 1, rated_as="sms"), *somebody("standard", "EUR"), known)
    assert (unsold.unused, unsold.entries) == (3, ())
