"""What the own dictionaries hold, how an operator adds to them, and that every mistake is named."""

from pathlib import Path

import pytest

from diameter_ocs.errors import ConfigurationError
from diameter_ocs.wire.codec import decode_avps, encode_avp
from diameter_ocs.wire.dictionary import AvpType, avp_key, default_dictionary, load_dictionary

EXAMPLE = Path(__file__).parents[2] / "dictionaries" / "vendor-example.toml"
DICTIONARY = default_dictionary()


def test_an_avp_is_found_by_number_and_by_name():
    trigger = DICTIONARY["Trigger-Type"]
    assert trigger is DICTIONARY.by_key[10415 << 32 | 870]
    assert (trigger.key, trigger.code, trigger.vendor, trigger.type) == (
        avp_key(10415, 870),
        870,
        10415,
        AvpType.ENUMERATED,
    )


def test_the_m_bit_follows_the_specification():
    assert DICTIONARY["Session-Id"].mandatory
    assert DICTIONARY["PS-Information"].mandatory
    for name in ("Product-Name", "Error-Message", "OC-OLR", "3GPP-RAT-Type", "User-Equipment-Info", "Priority-Level"):
        assert not DICTIONARY[name].mandatory, name


def test_enumerations_are_complete_or_open():
    assert DICTIONARY["CC-Request-Type"].values[4] == "EVENT_REQUEST"
    assert DICTIONARY["CC-Request-Type"].closed
    assert DICTIONARY["Reporting-Reason"].values[0] == "THRESHOLD"
    assert not DICTIONARY["Reporting-Reason"].closed


@pytest.mark.parametrize(
    ("short", "code", "application", "is_request", "proxiable"),
    [
        ("CER", 257, 0, True, False),
        ("CEA", 257, 0, False, False),
        ("DWR", 280, 0, True, False),
        ("DWA", 280, 0, False, False),
        ("DPR", 282, 0, True, False),
        ("DPA", 282, 0, False, False),
        ("CCR", 272, 4, True, True),
        ("CCA", 272, 4, False, True),
        ("RAR", 258, 4, True, True),
        ("RAA", 258, 4, False, True),
        ("ASR", 274, 4, True, True),
        ("ASA", 274, 4, False, True),
    ],
)
def test_commands(short, code, application, is_request, proxiable):
    grammar = DICTIONARY.commands[code, application, is_request]
    assert grammar is DICTIONARY.command(short)
    assert grammar is DICTIONARY.command(grammar.name)
    assert (grammar.short, grammar.proxiable) == (short, proxiable)


def test_an_unknown_command_name():
    with pytest.raises(KeyError):
        DICTIONARY.command("XYZ")


def test_the_default_is_read_once():
    assert default_dictionary() is DICTIONARY


def test_an_operator_s_file_adds_to_the_own_ones():
    dictionary = load_dictionary([EXAMPLE])
    value = [("Example-Bearer-Octets", 5), ("Example-Radio-Cell", b"\x01")]
    [avp] = decode_avps(encode_avp("Example-Bearer-Report", value, dictionary), dictionary)
    assert [(child.name, child.vendor, child.value) for child in avp.children] == [
        ("Example-Bearer-Octets", 32473, 5),
        ("Example-Radio-Cell", 32473, b"\x01"),
    ]
    assert "Session-Id" in dictionary.by_name
    assert "Example-Bearer-Report" not in DICTIONARY.by_name


def test_a_folder_stands_for_its_toml_files(tmp_path):
    (tmp_path / "a.toml").write_text('[avp]\nA-One = { vendor = 1, code = 1, type = "Unsigned32" }\n')
    (tmp_path / "b.toml").write_text('[avp]\nB-One = { vendor = 1, code = 2, type = "Unsigned32", flags = "M" }\n')
    (tmp_path / "notes.txt").write_text("not a dictionary")
    dictionary = load_dictionary([tmp_path])
    assert not dictionary["A-One"].mandatory
    assert dictionary["B-One"].mandatory


MISTAKES = """
vendor = "Acme"
[avpp]
[avp]
No-Code = { type = "Unsigned32" }
No-Type = { code = 2 }
Bad-Type = { code = 3, type = "Unsigned23" }
Bad-Flags = { code = 4, type = "Unsigned32", flags = "X" }
Bad-Entry = { code = 5, type = "Unsigned32", flag = "M" }
Bad-Row = 7
"Bad Name" = { vendor = 9, code = 8, type = "Unsigned32" }
Session-Id = { vendor = 9, code = 9, type = "Unsigned32" }
Taken-Code = { vendor = 10415, code = 872, type = "Unsigned32" }
Good-Group = { vendor = 9, code = 10, type = "Grouped" }
Good-Text = { vendor = 9, code = 11, type = "UTF8String" }
Good-Enum = { vendor = 9, code = 12, type = "Enumerated" }
[enum.Good-Enum]
ONE = 1
UNO = 1
HALF = 0.5
[enum.Good-Text]
ONE = 1
[open-enum.Good-Enumm]
ONE = 1
[open-enum.CC-Request-Type]
ONE = 1
[enum.Session-Server-Failover]
[group]
Good-Group = "{ Good-Text } { Godo-Text } [ Neither ]"
Good-Text = "{ Good-Group }"
Subscription-Id = "* [ AVP ]"
Unknown-Group = "* [ AVP ]"
[command]
Strange-Request = "{ Session-Id }"
Odd-Request = "< Diameter Header: 999, REQ > ( Session-Id )"
Number-Request = 3
"""


def test_every_mistake_of_a_file_is_listed_at_once(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(MISTAKES)
    with pytest.raises(ConfigurationError) as caught:
        load_dictionary([path, tmp_path / "absent.toml"])
    problems = caught.value.problems
    expected = [
        ("avpp: no such section, did you mean avp?",),
        ("vendor: must be a whole number", "'Acme'"),
        ("avp.No-Code.code: must be a whole number", "None"),
        ("avp.No-Type.type: None is no type",),
        ("avp.Bad-Type.type: 'Unsigned23' is no type, did you mean Unsigned32?",),
        ("avp.Bad-Flags.flags:", '"M"'),
        ("avp.Bad-Entry.flag: no such entry, did you mean flags?",),
        ("avp.Bad-Row: must be a row",),
        ("avp.Bad Name: a name has letters, digits and hyphens only",),
        ("avp.Session-Id: the name is taken in", "base.toml"),
        ("avp.Taken-Code: code 872 of vendor 10415 is Reporting-Reason in", "3gpp.toml"),
        ("enum.Good-Enum.UNO: 1 is already ONE",),
        ("enum.Good-Enum.HALF: must be a whole number of 32 bits",),
        ("enum.Good-Text: the AVP is of type UTF8String",),
        ("open-enum.Good-Enumm: no AVP of this name, did you mean Good-Enum?",),
        ("open-enum.CC-Request-Type: its values are already listed in", "credit-control.toml"),
        ("enum.Session-Server-Failover: must be a table of NAME = number",),
        ("group.Good-Group: no AVP is named Godo-Text, Neither",),
        ("group.Good-Text: the AVP is of type UTF8String, not Grouped",),
        ("group.Subscription-Id: there is already a grammar in", "credit-control.toml"),
        ("group.Unknown-Group: no AVP of this name",),
        ("command.Strange-Request: a command starts with < Diameter Header",),
        ("command.Odd-Request: '( Session-Id )' is none of",),
        ("command.Number-Request: must be a text",),
        ("absent.toml: no such dictionary file or folder",),
    ]
    for parts in expected:
        assert any(all(part in problem for part in parts) for problem in problems), parts
    assert len(problems) == len(expected)
    assert all(str(tmp_path) in problem for problem in problems)


def test_a_file_that_is_no_toml(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("[avp\n")
    with pytest.raises(ConfigurationError, match=r"broken\.toml: cannot be read as TOML"):
        load_dictionary([path])
