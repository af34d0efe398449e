"""Variants of a group: which one holds for which use."""

import pytest

from diameter_ocs.charging.conditions import Conditions
from diameter_ocs.errors import ConfigurationError
from diameter_ocs.rating.catalogue import Treatment
from diameter_ocs.rating.catalogue_file import parse_catalogue
from diameter_ocs.rating.choice import chosen, held
from diameter_ocs.rating.selection import RatingInput

AT_MS = 1_790_000_000_000
TEXT = """
version = "1"
currency = "EUR"
[numbering]
country_code = "49"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[quota.small]
extends = "data"
validity = "10 min"
[quota.call]
unit = "seconds"
default = "60 s"
minimum = "10 s"
maximum = "10 min"
validity = "1 h"
[destinations.germany]
prefixes = ["49"]
[destinations.mobile]
prefixes = ["+4915", "4916", "4917"]
[destinations.directory]
short_numbers = ["118"]
[destinations.world]
csv = "prefixes.csv"
[networks.home]
plmns = ["26201"]
[networks.eu]
plmns = ["262*", "208*", "2620*"]
[networks.elsewhere]
plmns = ["*"]
[locations.airport]
areas = ["TAI 26201-1A2B", "ECGI 26201-*"]
[locations.stadium]
areas = ["26201ABCD*"]
[tariffs.abroad]
price = "5"
per = "1 MB"
[tariffs.sheet]
csv = "rates.csv"
per = "60 s"
connect_fee = "0.01"
[offers.shop]
[[offers.shop.groups]]
name = "internet"
rating_groups = [10]
price = "0.02"
per = "1 MB"
quota = "data"
[[offers.shop.groups.when]]
name = "football"
location = "stadium"
treatment = "barred"
[[offers.shop.groups.when]]
network = "elsewhere"
tariff = "abroad"
quota = "small"
[[offers.shop.groups.when]]
network = ["eu"]
price = "0.05"
per = "1 MB"
[[offers.shop.groups.when]]
rat = ["nr", "E-UTRAN"]
apn = "fast*"
price = "0.03"
per = "1 MB"
[[offers.shop.groups.when]]
location = "airport"
treatment = "free"
[[offers.shop.groups.when]]
segment = "staff"
price = "0.01"
per = "1 MB"
[[offers.shop.groups.when]]
service_identifier = [7, 8]
price = "0.04"
per = "1 MB"
[[offers.shop.groups]]
service = "voice"
name = "calls"
default = true
price = "0.10"
per = "60 s"
quota = "call"
[[offers.shop.groups.when]]
destination = ["mobile", "france"]
price = "0.20"
per = "60 s"
[[offers.shop.groups.when]]
destination = "directory"
treatment = "not included"
[[offers.shop.groups]]
service = "video"
default = true
tariff = "sheet"
quota = "call"
"""
FILES = {
    "prefixes.csv": "prefix,destination\n33,france\n44,uk\n4,\n",
    "rates.csv": "prefix,price,connect_fee,valid_from\n33,0.30,,\n336,0.60,0.05,\n336,0.70,0.05,2027-01-01\n",
}


def catalogue(text=TEXT, files=FILES):
    return parse_catalogue(text, "shop.toml", files.__getitem__)


def problems(text, files=FILES):
    with pytest.raises(ConfigurationError) as caught:
        catalogue(text, files)
    return caught.value.problems


def rule_for(service="data", services=(), segment="", at_ms=AT_MS, text=TEXT, **told):
    rule = catalogue(text).offers["shop"].part(service).rule_for(10 if service == "data" else None, services)
    return chosen(rule, RatingInput(Conditions(**told), services, segment), at_ms)


def price(**use):
    return rule_for(**use).rate.step_micros


def test_what_was_never_told_fulfils_nothing():
    assert (price(), rule_for().name) == (20_000, "internet")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"serving_plmn": "26201"}, 20_000),
        ({"serving_plmn": "26202"}, 50_000),
        ({"serving_plmn": "262011"}, 50_000),
        ({"serving_plmn": "20801"}, 50_000),
        ({"serving_plmn": "310410"}, 5_000_000),
        ({"location": "TAI 20801-0001"}, 50_000),
        ({"rat": "NR", "apn": "fast.mnc001.mcc262.gprs"}, 30_000),
        ({"rat": "NR", "apn": "FASTEST"}, 30_000),
        ({"rat": "UTRAN", "apn": "fast"}, 20_000),
        ({"rat": "NR", "apn": "slow"}, 20_000),
        ({"rat": "NR"}, 20_000),
        ({"segment": "staff"}, 10_000),
        ({"segment": "others"}, 20_000),
        ({"services": (8,)}, 40_000),
        ({"services": (9,)}, 20_000),
        ({"segment": "staff", "serving_plmn": "310410"}, 5_000_000),
    ],
)
def test_the_first_that_holds(told, expected):
    assert price(**told) == expected


def test_a_variant_says_what_differs():
    abroad = rule_for(serving_plmn="310410")
    assert (abroad.name, abroad.quota.validity_seconds) == ("internet: network elsewhere", 600)
    assert rule_for(serving_plmn="20801").quota.validity_seconds == 3600
    free = rule_for(serving_plmn="26201", location="TAI 26201-1A2B ECGI 26201-0000001")
    assert (free.treatment, free.rate) == (Treatment.FREE, None)
    assert rule_for(location="ECGI 26201-0000001", serving_plmn="26201").treatment is Treatment.FREE
    assert rule_for(location="TAI 26201-1A2C", serving_plmn="26201").treatment is Treatment.CHARGE
    cell = "3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26201ABCD1234567"
    assert rule_for(location=cell).treatment is Treatment.BARRED


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("tel:+49301234567", 100_000),
        ("tel:+491511234567", 200_000),
        ("sip:01711234567@example.org;user=phone", 200_000),
        ("+33612345678", 200_000),
        ("+4412345678", 100_000),
        ("+4312345678", 100_000),
        ("sip:alice@example.org", 100_000),
        ("", 100_000),
    ],
)
def test_calls_by_destination(called, expected):
    assert price(service="voice/originating", called_party=called) == expected


def test_a_short_number_is_no_prefix_of_a_country():
    assert rule_for("voice", called_party="11833").treatment is Treatment.NOT_INCLUDED
    assert rule_for("voice", called_party="+11833").treatment is Treatment.CHARGE


def test_prices_by_number():
    rate = rule_for("video", called_party="+33612").rate
    assert (rate.step_micros, rate.step_units, rate.call.connect_micros) == (600_000, 60, 50_000)
    assert price(service="video", called_party="+33612", at_ms=1_800_000_000_000) == 700_000
    assert rule_for("video", called_party="+33112").rate.call.connect_micros == 10_000
    assert rule_for("video", called_party="+4930") is None
    otherwise = TEXT.replace('connect_fee = "0.01"', 'price = "0.9"')
    assert price(service="video", called_party="+4930", text=otherwise) == 900_000


def test_names_find_what_was_granted():
    rule = catalogue().offers["shop"].rule_for(10, ())
    assert held(rule, "internet: network eu", Conditions(), AT_MS).rate.step_micros == 50_000
    assert held(rule, "internet", Conditions(serving_plmn="20801"), AT_MS).rate.step_micros == 20_000
    assert held(rule, "gone", Conditions(), AT_MS) is None


def test_triggers_that_the_choice_depends_on():
    """RAT 4, MCC 30 and MNC 31, areas 35 and 36; any location 3 where an area is only a pattern."""
    assert rule_for().quota.tuning.triggers == (3, 4)
    named = TEXT.replace('areas = ["26201ABCD*"]', 'areas = ["CGI 26201-00010002"]')
    assert rule_for(text=named).quota.tuning.triggers == (4, 30, 31, 34, 35, 36)
    assert rule_for(text=named, serving_plmn="20801").quota.tuning.triggers == (4, 30, 31, 34, 35, 36)
    own = TEXT.replace('maximum = "50 MB"', 'maximum = "50 MB"\ntriggers = []', 1)
    assert rule_for(text=own).quota.tuning.triggers == ()
    assert rule_for("voice", called_party="+4915").quota.tuning is None


def test_finals_of_variants_are_rules_of_the_offer():
    names = {rule.name for rule in catalogue().offers["shop"].rules()}
    assert {"internet", "football", "internet: segment staff", "calls: destination mobile or france"} <= names


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'network = "elsewhere"',
            'network = "elsewher"',
            "there is no [networks.elsewher] — did you mean 'elsewhere'?",
        ),
        ('destination = "directory"', 'destination = "paris"', "there is no [destinations.paris]"),
        ('location = "airport"', 'location = "airprt"', "did you mean 'airport'?"),
        ('"E-UTRAN"', '"E-UTRA"', "'E-UTRA' is no radio access — did you mean 'E-UTRAN'?"),
        ('segment = "staff"', 'destination = "mobile"', "data has no destination"),
        ('segment = "staff"', "", "has no condition"),
        ('segment = "staff"', 'segmnt = "staff"', "is no key here — did you mean 'segment'?"),
        ('segment = "staff"', "service_identifier = [7, 8]", "another one before it has the same conditions"),
        ('name = "football"', 'name = "internet"', "'internet' is another rule of this group"),
        ('quota = "small"', 'quota = "call"', "is in seconds, the group is in octets"),
        ('plmns = ["26201"]', 'plmns = ["26201", "2620a"]', "'2620a' is no MCC and MNC"),
        ('"2620*"]', '"262*"]', "262* stands in [networks.eu] already"),
        (
            'prefixes = ["49"]',
            'prefixes = ["49", "4916"]',
            "mobile.prefixes.1 — 4916 stands in destinations.germany.pre",
        ),
        ('prefixes = ["49"]', 'prefixes = ["49", "33"]', "prefixes.csv:2: prefix — 33 stands in destinations.germany"),
        ('prefixes = ["49"]', 'prefixes = ["0x"]', "'0x' is not digits"),
        ('prefixes = ["49"]', "", "has no prefixes, short_numbers or csv"),
        ('country_code = "49"', 'country_code = "0049"', "country_code"),
        ('per = "60 s"\nconnect_fee', 'tiers = [{price = "1"}]\nper = "60 s"\nconnect_fee', "no prices and no tiers"),
    ],
)
def test_mistakes(old, new, told):
    assert old in TEXT
    found = problems(TEXT.replace(old, new, 1))
    assert any(told in line for line in found), found


def test_wrong_rows_of_a_rate_sheet():
    files = {**FILES, "rates.csv": "prefix,price,connect_fee\n1,x,\n2,0.1,0\n3,,\n4,x,\n5,-1,\n"}
    found = problems(TEXT, files)
    assert [line.split(" — ")[0] for line in found] == [f"rates.csv:{line}: price" for line in (2, 4, 5, 6)]


def test_files_that_cannot_be_read():
    def read(name):
        raise FileNotFoundError(2, "No such file or directory", name)

    with pytest.raises(ConfigurationError) as caught:
        parse_catalogue(TEXT, "shop.toml", read)
    assert any(
        "destinations.world.csv — prefixes.csv cannot be read: No such" in line for line in caught.value.problems
    )
    with pytest.raises(ConfigurationError):
        parse_catalogue(TEXT, "shop.toml")
