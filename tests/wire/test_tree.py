"""What `decode` shows of a message."""

import json

import pytest

from diameter_ocs.errors import InvalidMessageLength
from diameter_ocs.wire.dictionary import default_dictionary
from diameter_ocs.wire.tree import message_tree, tree_lines
from tests.support.vectors import VECTORS, octets_of

DICTIONARY = default_dictionary()


def lines_of(name: str) -> list[str]:
    return tree_lines(message_tree(octets_of(name), DICTIONARY))


def test_the_first_line_tells_the_header():
    assert lines_of("gy_ccr_u_threshold_T")[0] == (
        "Credit-Control-Request (CCR)  command 272, application 4, flags RP-T, version 1, 864 octets, "
        "hop-by-hop 0x000001f1, end-to-end 0x10000101"
    )


def test_avps_are_indented_with_name_number_flags_and_value():
    lines = lines_of("gy_ccr_u_rat_change")
    for line in (
        "  CC-Request-Type (416) -M- = 2  UPDATE_REQUEST",
        "  Event-Timestamp (55) -M- = 1767269400  2026-01-01 12:10:00 UTC",
        "    Requested-Service-Unit (437) -M-",
        "      CC-Total-Octets (421) -M- = 120000",
        "    Reporting-Reason (10415:872) VM- = 6  RATING_CONDITION_CHANGE",
        "      SGSN-Address (10415:1228) VM- = 192.0.2.21",
        "      3GPP-NSAPI (10415:10) V-- = 0x35  '5'",
        "      3GPP-RAT-Type (10415:21) V-- = 0x01",
    ):
        assert line in lines


def test_a_result_code_has_its_name():
    assert "  Result-Code (268) -M- = 5030  USER_UNKNOWN" in lines_of("cca_user_unknown")


def test_damage_is_marked_where_it_is_and_listed_at_the_end():
    lines = lines_of("bad_avp_length_overrun")
    assert lines[-2] == "  User-Name (1) -M- = 0x75736572  'user'  ! User-Name: AVP Length 400, 12 octets left"
    assert lines[-1] == "! User-Name: AVP Length 400, 12 octets left"


def test_what_is_missing_is_told():
    assert lines_of("bad_missing_cc_request_type")[-1] == "! CC-Request-Type is missing"


def test_unknown_avps_and_commands_are_shown_too():
    assert "  unknown AVP (99999:7) VM- = 0xdeadbeef  ! AVP 7 of vendor 99999 is not known" in lines_of(
        "bad_unknown_m_avp"
    )
    assert lines_of("bad_command")[0].startswith("command 999  command 999, application 4")
    assert lines_of("bad_command")[-1] == "! no grammar is known for this command and application"
    assert lines_of("bad_application")[0].startswith("Credit-Control-Request (CCR)  command 272, application 16777238")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_message_has_a_json_form(vector):
    tree = message_tree(bytes.fromhex(vector["hex"]), DICTIONARY)
    assert json.loads(json.dumps(tree)) == tree
    assert (tree["problems"] == []) == (vector["kind"] == "valid" or vector["name"] in HARMLESS_TO_READ)


HARMLESS_TO_READ = {
    "bad_event_without_action",
    "bad_version",
    "bad_request_with_E",
    "bad_realm",
    "bad_destination_host",
}


def test_half_a_header_is_no_message():
    with pytest.raises(InvalidMessageLength):
        message_tree(bytes(10), DICTIONARY)
