"""CER, DWR, DPR and their answers against the golden bytes and the strict codec."""

import pytest

from diameter_ocs.peer import messages
from diameter_ocs.peer.capabilities import RELAY, common_applications
from diameter_ocs.peer.events import DisconnectCause
from diameter_ocs.peer.node import Node
from diameter_ocs.wire.codec import decode_message
from diameter_ocs.wire.dictionary import default_dictionary
from tests.support.vectors import octets_of

DICTIONARY = default_dictionary()
OCS = Node(
    origin_host="ocs01.ocs.mnc001.mcc001.3gppnetwork.org",
    origin_realm="ocs.mnc001.mcc001.3gppnetwork.org",
    origin_state_id=1767225000,
)
GATEWAY = Node(
    origin_host="pgw01.epc.mnc001.mcc001.3gppnetwork.org",
    origin_realm="epc.mnc001.mcc001.3gppnetwork.org",
    origin_state_id=1767225600,
)


def test_watchdog_and_disconnect_are_the_golden_bytes() -> None:
    assert messages.stamped(messages.dwr(GATEWAY, 0x10000010), 0x20) == octets_of("dwr")
    assert messages.dwa(octets_of("dwr"), OCS) == octets_of("dwa")
    rebooting = messages.dpr(GATEWAY, DisconnectCause.REBOOTING, 0x10000011)
    assert messages.stamped(rebooting, 0x21) == octets_of("dpr")
    assert messages.dpa(octets_of("dpr"), OCS) == octets_of("dpa")


@pytest.mark.parametrize(("name", "applications"), [("cer", {4}), ("cea", {4}), ("cer_no_common_app", {16777238})])
def test_capabilities_are_read_wherever_they_stand(name: str, applications: set[int]) -> None:
    said = messages.capabilities_of(decode_message(octets_of(name), DICTIONARY))
    assert said.applications == applications
    assert said.origin_host.endswith("3gppnetwork.org")


def test_what_a_cer_says_is_read_back() -> None:
    node = Node(origin_host="a", origin_realm="b", vendor_id=9, applications=frozenset({4, 16777302, RELAY}))
    cer = decode_message(messages.cer(node, ("192.0.2.1", "2001:db8::1%eth0"), 5), DICTIONARY)
    assert messages.capabilities_of(cer) == node.capabilities
    assert [str(avp.value) for avp in cer.all("Host-IP-Address")] == ["192.0.2.1", "2001:db8::1"]


def test_a_refusing_cea_is_understood() -> None:
    refused = messages.cea_received(octets_of("cea_unknown_peer"), DICTIONARY)
    assert (refused.code, refused.capabilities, refused.text) == (3010, None, "unknown peer")
    answer = messages.cea_error(octets_of("cer"), OCS, ("192.0.2.1",), 5010, "nothing in common")
    assert messages.cea_received(answer, DICTIONARY).code == 5010


def test_a_cea_without_what_it_must_have_is_unusable() -> None:
    cea = octets_of("cea")
    received = messages.cea_received(cea[:1] + (32).to_bytes(3, "big") + cea[4:32], DICTIONARY)
    assert (received.code, received.capabilities) == (0, None)
    assert "missing" in received.text


def test_common_applications() -> None:
    assert common_applications(frozenset({4, 5}), frozenset({4, 9})) == {4}
    assert common_applications(frozenset({4}), frozenset({RELAY})) == {4}
    assert common_applications(frozenset({RELAY}), frozenset({9})) == {9}
    assert common_applications(frozenset({4}), frozenset({9})) == frozenset()


def test_end_to_end_identifiers_start_with_time_and_chance() -> None:
    assert messages.first_end_to_end(0x12345ABC, 0xFFFFFFFF) == 0xABCFFFFF
