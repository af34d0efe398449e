"""So much at full speed, then free but slower: by QoS-Information, else by a restriction to filters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from diameter_ocs.charging.gateway_profile import GatewayProfile
from diameter_ocs.charging.outbox import requests_after_credit
from diameter_ocs.charging.request import RequestType
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.ledger.journal import Action
from diameter_ocs.ledger.life import Life, Stage
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.final_units import FinalUnitAction, Throttle
from diameter_ocs.values.verdict import Verdict
from tests.support.charging import AT_MS, CATALOGUE_TEXT, MB, Line, ask, octets, report, request

SLOW = """
[final.slow]
action = "slow"
filter_ids = ["throttle-1m"]
download = "1.5 Mbit/s"
upload = "256 kbit/s"
validity = "2 h"
"""
OFFER = """
[offers.flat]
[[offers.flat.groups]]
all_others = true
quota = "standard"
final = "slow"
"""
KNOWS = GatewayProfile(name="knows", qos_information=True)


def line(*buckets, text=SLOW + OFFER):
    return Line(*buckets, offer="flat", text=CATALOGUE_TEXT + text)


def send(served, number, *asked, gateway=KNOWS):
    kind = RequestType.UPDATE if number else RequestType.INITIAL
    (answer,) = served.send(replace(request(kind, number, *asked), gateway=gateway)).outcome.credits
    return answer


def free_units(served) -> int:
    postings = [posting for entry in served.entries for posting in entry.postings]
    return sum(each.units for each in postings if each.action is Action.FREE and each.mark == "fair use")


def test_behind_the_last_unit_at_full_speed_grants_are_free_and_slow():
    served = line(octets(12 * MB))
    first = send(served, 0, ask())
    assert (first.granted, first.extras) == (10 * MB, None)
    last = send(served, 1, report(10, 10 * MB))
    assert (last.granted, last.final, last.extras) == (2 * MB, None, None)
    slow = send(served, 2, report(10, 2 * MB))
    assert (slow.verdict, slow.granted, slow.final) == (Verdict.SUCCESS, 10 * MB, None)
    assert slow.extras.throttle == (1_500_000, 256_000)
    assert send(served, 3, report(10, 11 * MB)).extras.throttle == (1_500_000, 256_000)
    assert served.bucket("data").remaining == 0
    assert free_units(served) == 11 * MB


def test_full_speed_comes_back_by_a_reauthorisation():
    served = line()
    assert send(served, 0, ask()).extras.throttle is not None
    session = served.sessions["s;1;1"]
    (asked_for,) = requests_after_credit([session], octets(50 * MB), 2, "renewed", AT_MS)
    assert (asked_for.session_id, asked_for.rating_group) == ("s;1;1", 10)
    served.account = replace(served.account, buckets=(octets(50 * MB),))
    fast = send(served, 1, report(10, 4 * MB))
    assert (fast.granted, fast.extras) == (10 * MB, None)
    assert (served.bucket("data").remaining, free_units(served)) == (50 * MB, 4 * MB)
    assert requests_after_credit(list(served.sessions.values()), octets(MB), 3, "more", AT_MS) == ()


def test_other_gateways_restrict_to_filters():
    served = line()
    answer = served.initial(ask()).outcome.credits[0]
    assert (answer.granted, answer.final, answer.validity_seconds) == (None, FinalUnitAction.RESTRICT_ACCESS, 7200)
    assert answer.extras.final.filter_ids == ("throttle-1m",)
    bare = GatewayProfile(name="bare", restriction_filters=())
    assert send(line(), 0, ask(), gateway=bare).verdict is Verdict.CREDIT_LIMIT_REACHED


def test_without_filters_a_service_ends_where_speeds_are_not_understood():
    text = SLOW.replace('filter_ids = ["throttle-1m"]\n', "") + OFFER
    assert line(text=text).initial(ask()).outcome.credits[0].verdict is Verdict.CREDIT_LIMIT_REACHED
    assert send(line(text=text), 0, ask()).extras.throttle == (1_500_000, 256_000)


def test_a_cautious_profile_may_know_speeds():
    cautious = GatewayProfile(name="cautious", final_units=("terminate",), qos_information=True)
    assert send(line(), 0, ask(), gateway=cautious).extras.throttle == (1_500_000, 256_000)


def test_in_grace_nothing_is_slow():
    served = line(octets(50 * MB))
    served.subscriber = replace(served.subscriber, life=Life(Stage.GRACE, AT_MS))
    assert send(served, 0, ask()).granted is None


@given(st.lists(st.integers(0, 14 * MB), min_size=1, max_size=10), st.integers(0, 60 * MB))
def test_everything_used_is_paid_or_free_and_no_bucket_is_overdrawn_by_slow_use(parts, allowance):
    served = line(octets(allowance))
    send(served, 0, ask())
    for number, used in enumerate(parts, start=1):
        send(served, number, report(10, min(used, served.sessions["s;1;1"].quotas[0].granted)))
    postings = [posting for entry in served.entries for posting in entry.postings]
    used = sum(each.units for each in postings if each.action in (Action.DEBIT, Action.FREE))
    assert used == served.sessions["s;1;1"].quotas[0].used_units
    assert served.bucket("data").remaining >= 0
    assert served.bucket("data").remaining == max(allowance - (used - free_units(served)), 0)


def test_speeds_are_read_as_they_are_written():
    offer = parse_catalogue(CATALOGUE_TEXT + SLOW + OFFER, "test.toml").offers["flat"]
    assert offer.otherwise.final.throttle == Throttle(1_500_000, 256_000)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('action = "slow"', "final.slow.download — say how slow"),
        ('action = "slow"\ndownload = "fast"', "'fast' is not a speed such as '512 kbit/s'"),
        ('action = "slow"\ndownload = "9 Gbit/s"', "final.slow.download"),
        ('action = "slow"\ndownload = "1 Mbit/s"\naddress = "x"', "slow has speeds and filter_ids only"),
        ('action = "terminate"\nupload = "1 Mbit/s"', "only action = 'slow' has speeds"),
    ],
)
def test_mistakes_are_told(text, told):
    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(f"{CATALOGUE_TEXT}[final.slow]\n{text}\n", "test.toml")
    assert told in "\n".join(caught.value.problems)
