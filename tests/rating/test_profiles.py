"""[final], [answers] and inherited [quota] tables of a catalogue file."""

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.answers import AnswerPolicy, FailureHandling
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.final_units import AfterRestriction, FinalUnitAction, RedirectAddressType, check_filter_rule

TEXT = """
version = "profiles"
currency = "EUR"
[answers]
low_balance = "2.00"
session_failover = true
[quota.base]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
threshold_percent = 20
[quota.middle]
extends = "base"
validity = "10 min"
first_default = "2 MB"
[quota.last]
extends = "middle"
maximum = "20 MB"
triggers = []
[final.portal]
action = "redirect"
address = "https://topup.example.net/{token}"
[final.walled]
action = "restrict"
filter_ids = ["portal-only"]
validity = "5 min"
afterwards = "refuse"
[offers.shop]
final = "portal"
[offers.shop.answers]
session_failover = false
failure_handling = "continue"
[[offers.shop.groups]]
rating_groups = [10]
quota = "last"
[[offers.shop.groups]]
rating_groups = [20]
quota = "base"
final = "walled"
"""


def problems(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(text, "shop.toml")
    return caught.value.problems


def offer():
    return parse_catalogue(TEXT, "shop.toml").offers["shop"]


def test_quota_is_inherited_key_by_key():
    policy = offer().rule_for(10, ()).quota
    assert (policy.default_units, policy.maximum_units, policy.validity_seconds) == (10_000_000, 20_000_000, 600)
    assert policy.threshold_percent == 20
    assert policy.tuning.first_default_units == 2_000_000
    assert policy.tuning.first_maximum_units == 20_000_000
    assert policy.tuning.triggers == ()
    assert offer().rule_for(20, ()).quota.tuning is None


def test_the_final_profile_of_the_group_comes_before_that_of_the_offer():
    own, common = offer().rule_for(20, ()).final, offer().rule_for(10, ()).final
    assert (own.action, own.afterwards, own.validity_seconds) == (
        FinalUnitAction.RESTRICT_ACCESS,
        AfterRestriction.REFUSE,
        300,
    )
    assert (common.action, common.address_type) == (FinalUnitAction.REDIRECT, RedirectAddressType.URL)
    assert parse_catalogue(TEXT, "shop.toml").has_signed_links


def test_answers_of_the_offer_come_before_the_common_ones():
    assert offer().answers == AnswerPolicy(False, FailureHandling.CONTINUE, None, 2_000_000, False, False)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('extends = "base"', 'extends = "bas"', "there is no [quota.bas]"),
        ("[quota.base]", '[quota.base]\nextends = "last"', "goes round in a circle"),
        ('first_default = "2 MB"', 'first_default = "60 MB"', "the first sizes must be"),
        ("threshold_percent = 20", 'threshold_percent = 20\nthreshold = "1 MB"', "not both"),
        ("threshold_percent = 20", 'session_cap = "0 B"', "at least 1"),
        ("threshold_percent = 20", 'day_cap = "0 B"', "at least 1"),
        ("threshold_percent = 20", 'notice_levels = ["20 %"]', "give one of them, or an amount"),
        ("threshold_percent = 20", 'day_cap = "1 GB"\nnotice_levels = ["120 %"]', "between 1 % and 99 %"),
        ("threshold_percent = 20", 'notice_levels = ["0 MB"]', "at least 1"),
        ('quota = "base"\nfinal = "walled"', 'quota = "base"\nfinal = "wall"', "did you mean 'walled'"),
        ('action = "redirect"', 'action = "terminate"', "has no address"),
        ('address = "https://topup.example.net/{token}"', "", "needs the address"),
        ('address = "https', 'address = "ftp', "is not a URL"),
        (
            'address = "https://topup.example.net/{token}"',
            'address = "https://{token}.example.net/"',
            "behind the server",
        ),
        ('address = "https', 'address_type = "ipv4"\naddress = "https', "{token} can stand in a URL only"),
        (
            'address = "https://topup.example.net/{token}"',
            'address_type = "ipv6"\naddress = "203.0.113.80"',
            "not an address of type ipv6",
        ),
        (
            'address = "https://topup.example.net/{token}"',
            'address_type = "sip uri"\naddress = "topup"',
            "is not a SIP URI",
        ),
        ('filter_ids = ["portal-only"]', "", "say what stays allowed"),
        ('filter_ids = ["portal-only"]', 'filter_rules = ["allow all"]', "is not of the form"),
        (
            'filter_ids = ["portal-only"]',
            'qos_final_unit = true\nfilter_rules = ["permit in ip from any to any"]',
            "cannot carry filter_rules",
        ),
        ('filter_ids = ["portal-only"]', 'filter_ids = ["a"]\nannouncement_before_end = "1 s"', "no announcement"),
        ('final = "portal"', 'final = "portal"\ncredit_control = false', "'free' or 'not controlled'"),
        ('failure_handling = "continue"', 'failure_handling = "hope"', "failure_handling"),
    ],
)
def test_mistakes(old, new, told):
    assert old in TEXT
    found = problems(TEXT.replace(old, new, 1))
    assert all(line.startswith("shop.toml:") for line in found)
    assert any(told in line for line in found), found


def test_a_currency_without_a_number_cannot_be_told():
    text = TEXT.replace('"EUR"', '"XXX"').replace("[answers]", "[answers]\nremaining_balance = true")
    assert any("no known number" in line for line in problems(text))


@pytest.mark.parametrize(
    "rule",
    [
        "permit out ip from 203.0.113.80 to assigned",
        "deny in 6 from any 1024-65535 to !192.0.2.0/24 80,443",
        "permit in 17 from 2001:db8::/32 to any 53",
        "permit out 6 from any to assigned established frag",
        "permit in 1 from any to any icmptypes 0,8",
    ],
)
def test_right_filter_rules(rule):
    check_filter_rule(rule)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("permit ip from any to any", "is not of the form"),
        ("allow in ip from any to any", "is not of the form"),
        ("permit in 256 from any to any", "protocol"),
        ("permit in ip from here to any", "'here'"),
        ("permit in 6 from any to any 70000", "'70000'"),
        ("permit in 6 from any to any 80-", "'80-'"),
        ("permit in ip from any to any everything", "is not of the form"),
    ],
)
def test_wrong_filter_rules(rule, told):
    with pytest.raises(ValueError, match=told):
        check_filter_rule(rule)
