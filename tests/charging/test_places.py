"""Buckets that pay to some destinations, in some networks, at some times only."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.charging.conditions import UNKNOWN, Conditions
from diameter_ocs.charging.explain import explain_grant
from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.request import RequestType, ServiceCredit, ServiceUnits
from diameter_ocs.ledger.account import Bucket
from diameter_ocs.ledger.terms import BucketTerms
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.values.units import UnitType
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import CATALOGUE_TEXT, MB, Line, ask, money, octets, report, request

PLACES = """
[bands.night]
from = "22:00"
until = "06:00"
[bands.office]
days = ["mon", "tue", "wed", "thu", "fri"]
from = "08:00"
until = "17:00"
[numbering]
country_code = "49"
[destinations.germany]
prefixes = ["49"]
[destinations.spain]
prefixes = ["34"]
[networks.home]
plmns = ["26201"]
[networks.eu]
plmns = ["208*"]
[[offers.standard.groups]]
service = "voice"
all_others = true
price = "0.01"
per = "10 s"
quota = "seconds"
"""
TEXT = CATALOGUE_TEXT.replace("[offers.bundle]", PLACES + "[offers.bundle]")
HOME, ABROAD = Conditions(serving_plmn="26201"), Conditions(serving_plmn="20801")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def bound(bucket: Bucket, **terms: object) -> Bucket:
    return replace(bucket, terms=BucketTerms(**terms))  # type: ignore[arg-type]


def line(*buckets: Bucket, when: str = "2027-06-02T12:00") -> Line:
    made = Line(*buckets, text=TEXT)
    made.at_ms = at(when)
    return made


def send(served: Line, told: Conditions, *asked_for: ServiceCredit, number: int = 0, voice: bool = False):
    kind = RequestType.UPDATE if number else RequestType.INITIAL
    asked = replace(request(kind, number, *asked_for), conditions=told)
    if voice:
        asked = replace(asked, rated_as="voice/originating")
    (answer,) = served.send(asked).outcome.credits
    return answer


def payers(served: Line) -> dict[str, int]:
    return {bucket.bucket_id: bucket.reserved for bucket in served.account.buckets if bucket.reserved}


@pytest.mark.parametrize(
    ("told", "payer"),
    [(HOME, "home"), (ABROAD, "money"), (UNKNOWN, "money"), (Conditions(serving_plmn="31026"), "money")],
)
def test_a_bucket_of_a_network_pays_only_there(told, payer):
    served = line(bound(octets(50 * MB, "home"), networks=("home",)), money(50_000_000))
    assert send(served, told, ask()).granted == 10 * MB
    assert list(payers(served)) == [payer]


def test_what_was_promised_at_home_pays_for_what_was_used_until_the_gateway_told_of_another_network():
    served = line(bound(octets(50 * MB, "home"), networks=("home",)), money(50_000_000))
    send(served, HOME, ask())
    send(served, ABROAD, report(10, 4 * MB), number=1)
    assert served.bucket("home").remaining == 46 * MB
    assert payers(served) == {"money": 200_000}


@pytest.mark.parametrize(
    ("number", "payer"), [("tel:+34911223344", "spain"), ("tel:+4930123456", "money"), ("", "money")]
)
def test_a_bucket_of_a_destination_pays_for_calls_there(number, payer):
    minutes = Bucket("spain", UnitType.SECONDS, 6000)
    served = line(bound(minutes, destinations=("spain",), services=("voice",)), money(50_000_000))
    told = Conditions(called_party=number)
    assert send(served, told, ServiceCredit(1, (), ServiceUnits()), voice=True).granted == 300
    assert list(payers(served)) == [payer]


def test_a_bucket_of_a_band_pays_at_its_times_and_its_grants_end_with_it():
    served = line(bound(octets(50 * MB, "night"), bands=("night",)), money(50_000_000), when="2027-06-03T05:40")
    answer = send(served, UNKNOWN, ask())
    assert (answer.validity_seconds, list(payers(served))) == (20 * 60, ["night"])
    served.at_ms = at("2027-06-03T06:00")
    answer = send(served, UNKNOWN, report(10, 3 * MB), number=1)
    assert (answer.validity_seconds, list(payers(served))) == (3600, ["money"])
    assert served.bucket("night").remaining == 47 * MB


def test_a_grant_ends_when_the_band_of_a_bucket_begins_that_would_pay():
    served = line(bound(octets(50 * MB, "night"), bands=("night",)), money(50_000_000), when="2027-06-02T21:30")
    answer = send(served, UNKNOWN, ask())
    assert (answer.validity_seconds, list(payers(served))) == (30 * 60, ["money"])


@pytest.mark.parametrize(
    "other",
    [
        bound(octets(0, "night"), bands=("night",)),
        bound(octets(50 * MB, "night", rating_groups=(20,)), bands=("night",)),
        bound(octets(50 * MB, "night"), bands=("night",), owners=("tom",)),
        bound(octets(50 * MB, "night"), bands=("night",), networks=("eu",)),
        bound(Bucket("night", UnitType.EVENTS, 50), bands=("night",)),
    ],
)
def test_bands_of_buckets_that_would_not_pay_change_nothing(other):
    served = line(other, money(50_000_000), when="2027-06-02T21:30")
    assert send(served, HOME, ask()).validity_seconds == 3600


def test_a_band_is_one_of_the_subscribers_clocks():
    night = bound(octets(50 * MB, "night"), bands=("night",))
    served = line(night, money(50_000_000), when="2027-06-02T14:00")
    served.subscriber = replace(served.subscriber, time_zone="Asia/Tokyo")
    assert send(served, UNKNOWN, ask()).granted == 10 * MB
    assert list(payers(served)) == ["night"]
    odd = line(night, money(50_000_000), when="2027-06-02T23:00")
    odd.subscriber = replace(odd.subscriber, time_zone="Moon/Base")
    send(odd, UNKNOWN, ask())
    assert list(payers(odd)) == ["night"]


def test_a_name_that_the_catalogue_has_lost_never_fits():
    gone = [
        bound(octets(50 * MB, "a"), bands=("dawn",)),
        bound(octets(50 * MB, "b"), networks=("mars",)),
        bound(octets(50 * MB, "c"), destinations=("atlantis",)),
    ]
    served = line(*gone)
    assert send(served, HOME, ask()).verdict is Verdict.CREDIT_LIMIT_REACHED


def test_free_groups_and_money_that_is_paid_for_products_know_no_place():
    served = line(bound(octets(50 * MB, "night"), bands=("night",)), when="2027-06-02T21:30")
    assert send(served, UNKNOWN, ask(30)).validity_seconds == 3600


def test_a_change_of_network_is_to_be_told_when_a_bucket_is_bound_to_one():
    home = bound(octets(50 * MB, "home"), networks=("home",))
    assert send(line(home), HOME, ask()).extras.triggers == (30, 31)
    assert send(line(octets(50 * MB)), HOME, ask()).extras is None
    night = bound(octets(50 * MB, "night"), bands=("office",))
    assert send(line(night), HOME, ask()).extras is None
    served = line(home)
    plain = GatewayProfile(name="plain", triggers=False)
    asked = replace(request(RequestType.INITIAL, 0, ask()), conditions=HOME, gateway=plain)
    assert served.send(asked).outcome.credits[0].extras is None


def test_a_policy_that_says_which_triggers_there_are_has_the_last_word():
    text = TEXT.replace('holding_time = "10 min"\n', 'holding_time = "10 min"\ntriggers = []\n')
    served = Line(bound(octets(50 * MB, "home"), networks=("home",)), text=text)
    assert send(served, HOME, ask()).extras.triggers == ()


def test_an_explanation_asks_for_the_place_too():
    served = line(bound(octets(50 * MB, "home"), networks=("home",)), when="2027-06-02T12:00")
    catalogue = parse_catalogue(TEXT, "test.toml")
    offer = catalogue.offers["standard"]

    def explained(told):
        return explain_grant(
            served.account,
            served.subscriber,
            offer,
            10,
            (),
            ServiceUnits(),
            served.at_ms,
            None,
            "data",
            told,
            catalogue,
        )

    assert [each.bucket_id for each in explained(HOME).reserved] == ["home"]
    assert explained(ABROAD).outcome.verdict is Verdict.CREDIT_LIMIT_REACHED


BANDS = st.sets(st.sampled_from(["night", "office"]), min_size=1)


@given(st.integers(0, 7 * 24 * 60), BANDS, st.booleans())
def test_no_grant_outlives_the_time_of_the_bucket_that_pays_for_it(minute, bands, has_money):
    buckets = [bound(octets(500 * MB, "band"), bands=tuple(bands)), *([money(50_000_000)] if has_money else [])]
    served = line(*buckets)
    served.at_ms = at("2027-05-30T00:00") + minute * 60_000
    answer = send(served, UNKNOWN, ask())
    known = parse_catalogue(TEXT, "test.toml").bands

    def holds(at_ms):
        return any(known[name].holds(at_ms, UTC_ZONE) for name in bands)

    if answer.granted is None:
        assert not has_money
        assert not holds(served.at_ms)
        return
    assert list(payers(served)) == ["band" if holds(served.at_ms) else "money"]
    inside = range(served.at_ms, served.at_ms + answer.validity_seconds * 1000, 60_000)
    assert len({holds(each) for each in inside}) == 1


UTC_ZONE = parse_catalogue(TEXT, "test.toml").zone
