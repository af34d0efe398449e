"""Optional parts of answers as octets: the example messages, and everything read back by the strict codec."""

import pytest

from diameter_ocs.charging.extras import CreditExtras, FinalUnits, SessionNotices
from diameter_ocs.charging.request import CreditOutcome, Outcome
from diameter_ocs.gy.decode import CreditControlRequest
from diameter_ocs.gy.encode import CcaEncoder, encode_credit
from diameter_ocs.rating.final_units import FinalUnitAction, RedirectAddressType
from diameter_ocs.wire.codec import decode_message, encode_avp
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.ocs import OCS_HOST, OCS_REALM, value
from tests.support.vectors import octets_of

ENCODER = CcaEncoder(OCS_HOST, OCS_REALM)
REDIRECT = FinalUnits(
    RedirectAddressType.URL,
    "http://topup.example.net/",
    filter_rules=("permit out ip from 203.0.113.80 to assigned",),
)


def answer_to(kind, number, outcome, *, hop_by_hop=0x100, is_command_level=False):
    """The CCA to a request of the example session."""
    session = encode_avp("Session-Id", "pgw01.epc.mnc001.mcc001.3gppnetwork.org;3976250400;1;gy", default_dictionary())
    asked = CreditControlRequest(session, kind, number, OCS_REALM, None, None, is_command_level=is_command_level)
    ids = hop_by_hop.to_bytes(4, "big") + (0x10000000 | hop_by_hop).to_bytes(4, "big")
    header = b"\1\0\0\0\xc0\0\1\x10\0\0\0\4" + ids
    return ENCODER.encode(header, asked, outcome)[1]


def read(octets):
    return decode_message(octets, default_dictionary())


def test_the_example_of_a_last_grant_with_redirect():
    credit = CreditOutcome(
        10,
        granted=1_500_000,
        validity_seconds=1800,
        final=FinalUnitAction.REDIRECT,
        extras=CreditExtras(final=REDIRECT),
    )
    told = SessionNotices(low_balance=True, balance_micros=1_500_000, currency="EUR")
    made = answer_to(2, 1, Outcome(credits=(credit,), notices=told), hop_by_hop=0x101)
    assert made == octets_of("gy_cca_u_final_redirect")


def test_the_example_of_a_tariff_change():
    credit = CreditOutcome(
        10, granted=4_000_000, validity_seconds=10_800, extras=CreditExtras(tariff_change_s=1_767_268_800)
    )
    made = answer_to(2, 3, Outcome(credits=(credit,)), hop_by_hop=0x103)
    assert made == octets_of("gy_cca_u_tariff")


def test_the_example_of_triggers_beside_a_refusal():
    granted = CreditOutcome(
        10,
        granted=10_000_000,
        validity_seconds=3600,
        threshold=2_000_000,
        holding_seconds=600,
        extras=CreditExtras(triggers=(2, 4, 30)),
    )
    found = read(octets_of("gy_cca_i")).all("Multiple-Services-Credit-Control")
    assert encode_credit(granted) == found[0].raw


def test_the_example_of_a_cost():
    told = SessionNotices(cost_micros=12_340_000, currency="EUR")
    made = read(answer_to(3, 6, Outcome(notices=told))).first("Cost-Information")
    assert made.raw == read(octets_of("gy_cca_t")).first("Cost-Information").raw


@pytest.mark.parametrize(
    ("kind", "address", "member", "shown"),
    [
        (RedirectAddressType.IPV4, "203.0.113.80", "Redirect-Address-IPAddress", "203.0.113.80"),
        (RedirectAddressType.IPV6, "2001:db8::80", "Redirect-Address-IPAddress", "2001:db8::80"),
        (RedirectAddressType.URL, "https://topup.example.net/", "Redirect-Address-URL", "https://topup.example.net/"),
        (RedirectAddressType.SIP_URI, "sip:topup@example.net", "Redirect-Address-SIP-URI", "sip:topup@example.net"),
    ],
)
def test_every_kind_of_redirect_in_both_forms(kind, address, member, shown):
    details = FinalUnits(kind, address, ("portal-only",), is_extended=True)
    credit = CreditOutcome(10, validity_seconds=600, final=FinalUnitAction.REDIRECT, extras=CreditExtras(final=details))
    message = read(answer_to(2, 1, Outcome(credits=(credit,))))
    group = message.first("Multiple-Services-Credit-Control")
    assert group.first("Granted-Service-Unit") is None
    plain, extended = group.first("Final-Unit-Indication"), group.first("QoS-Final-Unit-Indication")
    assert value(plain, "Redirect-Server", "Redirect-Address-Type") == kind
    assert value(plain, "Redirect-Server", "Redirect-Server-Address") == address
    assert value(plain, "Filter-Id") == value(extended, "Filter-Id") == "portal-only"
    assert str(value(extended, "Redirect-Server-Extension", member)) == shown
    assert extended.flags == 0


def test_restrict_with_rules_and_names():
    details = FinalUnits(
        filter_ids=("a", "b"), filter_rules=("permit in ip from assigned to any", "deny in 6 from any to any")
    )
    credit = CreditOutcome(
        10, granted=1, validity_seconds=600, final=FinalUnitAction.RESTRICT_ACCESS, extras=CreditExtras(final=details)
    )
    group = read(answer_to(2, 1, Outcome(credits=(credit,)))).first("Multiple-Services-Credit-Control")
    final = group.first("Final-Unit-Indication")
    assert value(final, "Final-Unit-Action") == 2
    assert [each.value for each in final.all("Filter-Id")] == ["a", "b"]
    assert len(list(final.all("Restriction-Filter-Rule"))) == 2
    assert final.first("Redirect-Server") is None


def test_final_units_without_a_group():
    """A gateway that asks at command level gets them there (RFC 8506 §3.2)."""
    credit = CreditOutcome(
        None, validity_seconds=600, final=FinalUnitAction.REDIRECT, extras=CreditExtras(final=REDIRECT)
    )
    message = read(answer_to(2, 1, Outcome(credits=(credit,)), is_command_level=True))
    assert value(message, "Final-Unit-Indication", "Redirect-Server", "Redirect-Server-Address") == REDIRECT.address
    assert value(message, "Validity-Time") == 600


def test_everything_a_session_can_be_told():
    told = SessionNotices(True, 2, 1, low_balance=False, balance_micros=-700_000, cost_micros=0, currency="JPY")
    message = read(answer_to(1, 0, Outcome(notices=told)))
    names = ("CC-Session-Failover", "Credit-Control-Failure-Handling", "Direct-Debiting-Failure-Handling")
    assert [value(message, name) for name in names] == [1, 2, 1]
    assert value(message, "Low-Balance-Indication") == 0
    assert value(message, "Remaining-Balance", "Unit-Value", "Value-Digits") == -7
    assert value(message, "Remaining-Balance", "Unit-Value", "Exponent") == -1
    assert value(message, "Cost-Information", "Currency-Code") == 392
    assert value(message, "Cost-Information", "Unit-Value", "Exponent") is None


def test_a_currency_without_a_number_leaves_amounts_out():
    told = SessionNotices(low_balance=True, balance_micros=1, cost_micros=1, currency="XXX")
    message = read(answer_to(1, 0, Outcome(notices=told)))
    assert message.first("Remaining-Balance") is None
    assert message.first("Cost-Information") is None
    assert value(message, "Low-Balance-Indication") == 1


def test_announcements_and_an_empty_trigger():
    credit = CreditOutcome(
        10,
        granted=1,
        validity_seconds=600,
        final=FinalUnitAction.TERMINATE,
        extras=CreditExtras(triggers=(), announcement=7, announcement_seconds=0),
    )
    group = read(answer_to(2, 1, Outcome(credits=(credit,)))).first("Multiple-Services-Credit-Control")
    assert value(group, "Announcement-Information", "Announcement-Identifier") == 7
    assert value(group, "Announcement-Information", "Time-Indicator") == 0
    assert list(group.first("Trigger").children) == []
