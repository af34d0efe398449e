"""Conditions of use are kept with a session, value by value, and a change of one is on record."""

from msgspec.json import encode
from msgspec.structs import replace

from diameter_ocs.charging.conditions import UNKNOWN, Conditions, changes, merged
from diameter_ocs.charging.request import RequestType
from tests.support.charging import Line, ask, money, report, request

LTE = Conditions(apn="internet", rat="E-UTRAN", serving_plmn="00101", location="TAI 00101-1A2B ECGI 00101-1A2B3C4")


def under(conditions, kind, number, *asked):
    return replace(request(kind, number, *asked), conditions=conditions)


def opened():
    line = Line(money(10_000_000))
    line.send(under(LTE, RequestType.INITIAL, 0, ask()))
    return line


def session(line):
    return line.sessions["s;1;1"]


def test_a_session_keeps_what_its_first_request_told():
    line = opened()
    assert session(line).conditions == LTE
    assert line.entries[-1].reason == ""


def test_a_changed_value_replaces_only_its_own_field_and_is_on_record():
    line = opened()
    line.send(under(Conditions(rat="NR", time_zone="+02:00"), RequestType.UPDATE, 1, report(used=1)))
    assert session(line).conditions == replace(LTE, rat="NR", time_zone="+02:00")
    assert line.entries[-1].reason == "rat E-UTRAN -> NR, time zone unknown -> +02:00"


def test_what_is_told_again_changes_nothing():
    line = opened()
    before = session(line).conditions
    for number, told in enumerate((LTE, UNKNOWN, Conditions(rat="E-UTRAN"), replace(LTE)), 1):
        line.send(under(told, RequestType.UPDATE, number, report(used=1)))
        assert session(line).conditions is before
        assert line.entries[-1].reason == ""


def test_a_request_that_was_overtaken_does_not_bring_the_past_back():
    line = opened()
    line.send(under(Conditions(rat="NR"), RequestType.UPDATE, 2, report(used=1)))
    line.send(under(Conditions(rat="E-UTRAN"), RequestType.UPDATE, 1, report(20, used=1)))
    assert session(line).conditions.rat == "NR"


def test_the_last_conditions_outlive_the_session():
    line = opened()
    line.send(under(UNKNOWN, RequestType.TERMINATION, 1, report(used=1, more=False)))
    assert session(line).conditions == LTE


def test_nothing_known_takes_no_room_and_everything_little():
    line = Line(money(10_000_000))
    line.initial(ask())
    assert b"conditions" not in encode(session(line))
    assert len(encode(replace(session(opened()), conditions=FULL))) <= 2048


FULL = Conditions(
    "internet.mnc001.mcc001.gprs",
    "E-UTRAN",
    "310260",
    "TAI 310260-1A2B ECGI 310260-1A2B3C4",
    "3534900698733190",
    "4294967295",
    "0400",
    "+02:00",
    "sip:+4915100000001@ims.mnc001.mcc001.3gppnetwork.org",
    "sip:+4915100000002@ims.mnc001.mcc001.3gppnetwork.org",
)


def test_merging_keeps_what_is_not_told():
    assert merged(FULL, UNKNOWN) is FULL
    assert merged(UNKNOWN, FULL) == FULL
    assert merged(FULL, Conditions(rat="NR")) == replace(FULL, rat="NR")
    assert changes(FULL, FULL) == ""
