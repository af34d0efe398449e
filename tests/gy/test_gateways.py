"""Which profile holds for an Origin-Host."""

from msgspec import structs

from diameter_ocs.charging.gateway_profile import GENERIC
from diameter_ocs.gy import gateways
from diameter_ocs.gy.gateways import Gateways
from diameter_ocs.peer.admission import PeerRule

SMF, ANY = structs.replace(GENERIC, name="smf"), structs.replace(GENERIC, name="any")
RULES = tuple(PeerRule(host=host) for host in ("*.example.org", "*.epc.example.org", "smf.epc.example.org"))


def test_the_closest_rule_counts_and_names_have_no_case():
    known = Gateways(RULES, {"smf.epc.example.org": SMF, "*.example.org": ANY})
    assert known["SMF.epc.example.org"] is SMF
    assert known["pgw.epc.example.org"] is GENERIC
    assert known["pgw.example.org"] is ANY
    assert known["pgw.example.net"] is None


def test_names_from_the_network_are_not_collected_for_ever(monkeypatch):
    monkeypatch.setattr(gateways, "MEMO_LIMIT", 3)
    known = Gateways(RULES, {})
    assert [known[f"pgw{number}.example.net"] for number in range(10)] == [None] * 10
    assert len(known) <= 3
