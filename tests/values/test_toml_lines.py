"""A mistake is told with the line it stands on, however the file is written."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.server.resources import config_dir
from diameter_ocs.values.toml_lines import line_of, lines_of_keys

TRICKY = '''# [not.a.table]
a = "x # no comment"
"quoted.key" = 'C:\\path'
long = """
[nor.this]
b = 1 \\"""
"""
literal = \'\'\'
c = 2
\'\'\'
list = [1, [2,
  3], "]",   # ] says nothing
  {x = 1, y = {z = "}"}},
]
point.x = 1_000
[ t . "u v" ]
when = 1979-05-27 07:32:00
[[t.rows]]
n = 1
  [[t.rows.inner]]
  m = 1
  [[t.rows.inner]]
  m = 2
[[t.rows]]
n = 2
[[t.rows.inner]]
m = 3
'''
WITHOUT_HEADER = {("t",), ("t", "rows"), ("t", "rows", 0, "inner"), ("t", "rows", 1, "inner")}
"""Tables and arrays that are only part of other names."""


def paths(value, path=()):
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from paths(each, (*path, key))


def test_lines_of_a_tricky_text():
    lines = lines_of_keys(TRICKY)
    expected = {
        ("a",): 2,
        ("quoted.key",): 3,
        ("long",): 4,
        ("literal",): 8,
        ("list", 1, 1): 12,
        ("list", 3, "y", "z"): 13,
        ("point", "x"): 15,
        ("t", "u v", "when"): 17,
        ("t", "rows", 0, "inner", 1, "m"): 23,
        ("t", "rows", 1): 24,
        ("t", "rows", 1, "inner", 0, "m"): 27,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert set(paths(tomllib.loads(TRICKY))) - lines.keys() == WITHOUT_HEADER


@pytest.mark.parametrize("name", ["ocs.toml", "catalogue/demo.toml", "scenarios/voice-call.toml"])
def test_every_key_of_the_shipped_files_has_its_line(name):
    text = (config_dir() / name).read_text()
    lines, rows = lines_of_keys(text), text.splitlines()
    for path in paths(tomllib.loads(text)):
        if isinstance(path[-1], str) and path in lines:
            assert path[-1] in rows[lines[path] - 1]
        assert line_of(path, lines) is not None or len(path) < 3
    assert lines_of_keys(text.replace("\n", "\r\n")) == lines


def test_what_is_missing_stands_in_its_table():
    lines = lines_of_keys(TRICKY)
    assert line_of(("t", "rows", 1, "price"), lines) == 24
    assert line_of(("nothing",), lines) is None


@given(st.text("ab=[]{}'\"#,.\n\\ 1", max_size=60))
def test_any_text_comes_to_an_end(text):
    lines_of_keys(text)
