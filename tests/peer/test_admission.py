from ipaddress import ip_network

import pytest

from diameter_ocs.peer.admission import NotAdmitted, PeerRule, admit

EXACT = PeerRule(host="pgw1.example.org", realm="example.org", networks=(ip_network("192.0.2.0/24"),))
ANY_PGW = PeerRule(host="*.example.org")
ANY_EPC = PeerRule(host="*.epc.example.org", networks=(ip_network("2001:db8::/32"), ip_network("10.0.0.0/8")))
RULES = (ANY_PGW, ANY_EPC, EXACT)


def test_names_are_compared_without_case() -> None:
    assert admit((EXACT,), "PGW1.Example.ORG", "EXAMPLE.org", "192.0.2.7") is EXACT


def test_the_closest_rule_that_fits_is_taken() -> None:
    assert admit(RULES, "pgw1.example.org", "example.org", "192.0.2.7") is EXACT
    assert admit(RULES, "smf.epc.example.org", "example.org", "10.1.2.3") is ANY_EPC
    assert admit(RULES, "pgw2.example.org", "example.org", "203.0.113.1") is ANY_PGW


def test_a_wider_rule_lets_in_what_a_closer_one_does_not() -> None:
    assert admit(RULES, "pgw1.example.org", "example.org", "203.0.113.1") is ANY_PGW


@pytest.mark.parametrize("address", ["2001:db8::7", "2001:db8::7%eth0", "10.0.0.1", "::ffff:10.0.0.1"])
def test_networks_of_both_families(address: str) -> None:
    assert admit((ANY_EPC,), "a.epc.example.org", "example.org", address) is ANY_EPC


@pytest.mark.parametrize(
    ("host", "realm", "address", "reason"),
    [
        ("pgw9.example.net", "example.net", "192.0.2.7", "no rule for Origin-Host pgw9.example.net"),
        ("pgw1.example.org", "example.net", "192.0.2.7", "demands realm example.org, the peer is in example.net"),
        (
            "pgw1.example.org",
            "example.org",
            "203.0.113.1",
            "allows connections from 192.0.2.0/24, not from 203.0.113.1",
        ),
    ],
)
def test_a_refusal_names_what_does_not_fit(host: str, realm: str, address: str, reason: str) -> None:
    refused = admit((EXACT,), host, realm, address)
    assert isinstance(refused, NotAdmitted)
    assert reason in refused.text


def test_a_pattern_needs_a_label_in_front_of_its_suffix() -> None:
    assert isinstance(admit((ANY_PGW,), "example.org", "example.org", "192.0.2.7"), NotAdmitted)
    assert isinstance(admit((ANY_PGW,), "evilexample.org", "example.org", "192.0.2.7"), NotAdmitted)


@pytest.mark.parametrize("host", ["", "*", "*.", "pgw*.example.org", "*.*.org", "*example.org"])
def test_other_patterns_are_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"host|star"):
        PeerRule(host=host)


def test_a_pattern_cannot_be_dialled() -> None:
    with pytest.raises(ValueError, match="must be one Origin-Host"):
        PeerRule(host="*.example.org", connect="192.0.2.1:3868")
