"""The longest prefix wins, from its day on."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.rating.prefixes import Prefixes
from diameter_ocs.rating.prefixes_csv import read_rows

BERLIN = ZoneInfo("Europe/Berlin")
digits = st.text("0123", min_size=1, max_size=6)


@given(st.dictionaries(digits, st.integers()), digits)
def test_longest_match(known, number):
    fits = [prefix for prefix in known if number.startswith(prefix)]
    expected = known[max(fits, key=len)] if fits else None
    assert Prefixes((prefix, 0, value) for prefix, value in known.items()).find(number, 0) == expected


@given(st.lists(st.tuples(digits, st.integers(0, 5)), unique=True), digits, st.integers(0, 6))
def test_the_newest_that_holds(rows, number, at_ms):
    holding = [(len(prefix), since, prefix) for prefix, since in rows if since <= at_ms and number.startswith(prefix)]
    table = Prefixes((prefix, since, (prefix, since)) for prefix, since in rows)
    assert table.find(number, at_ms) == ((max(holding)[2], max(holding)[1]) if holding else None)
    assert [prefix for prefix, _ in table.matches(number, at_ms)] == sorted(
        {prefix for _, _, prefix in holding}, key=len, reverse=True
    )
    assert len(table) == len({prefix for prefix, _ in rows})


@given(st.sets(digits))
def test_prefixes_inside_of_shorter_ones(known):
    expected = {}
    for prefix in known:
        inside = [other for other in known if prefix != other and prefix.startswith(other)]
        if inside:
            expected[prefix] = max(inside, key=len)
    assert dict(Prefixes((prefix, len(prefix) % 2, 0) for prefix in known).overlaps()) == expected


@given(st.permutations([("1", 0, "a"), ("1", 5, "b"), ("12", 0, "c"), ("3", 7, "d")]))
def test_the_same_rows_have_the_same_text(rows):
    """A catalogue that is read again is known by it."""
    assert str(Prefixes(rows)) == str(Prefixes(sorted(rows)))
    assert str(Prefixes(rows)) != str(Prefixes(rows[1:]))


def read(text):
    told = []
    rows = read_rows(text, BERLIN, lambda line, column, rule, hint: told.append(f"{line}: {column} — {rule} — {hint}"))
    return rows, told


def test_rows_of_a_file():
    rows, told = read("Prefix;Zone;valid_from;price\n# a remark\n49;germany;;0.01\n\n+4915; mobile ;2027-01-01;\n")
    assert told == []
    assert [(row.line, row.prefix, row.destination, row.prices) for row in rows] == [
        (3, "49", "germany", (("price", "0.01"),)),
        (5, "4915", "mobile", ()),
    ]
    assert [row.from_ms for row in rows] == [0, 1_798_758_000_000]


def test_every_wrong_line_is_told():
    rows, told = read('prefix,destination,valid_from\n49,germany,\n0x49,a,\n44,uk,tomorrow\n49,again,\n1\n33,"a"b,\n')
    assert [row.prefix for row in rows] == ["49"]
    assert [line.split(" — ")[0] for line in told] == ["3: prefix", "4: valid_from", "5: prefix", "6: ", "7: "]
    assert "stands in line 2 already" in told[2]
    assert "has 1 columns" in told[3]
    assert "is not CSV" in told[4]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("zone,price\n1,2", "is a column that must be there"),
        ("prefix,colour\n1,red", "is no column here"),
        ("prefix,zone,destination\n1,a,b", "is a column twice"),
    ],
)
def test_wrong_columns(text, told):
    rows, found = read(text)
    assert rows == []
    assert any(told in line for line in found), found


def test_the_same_prefix_may_change_later():
    rows, told = read("prefix,destination,valid_from\n49,a,\n49,b,2027-01-01T06:00\n49,c,2027-01-01T06:00+00:00\n")
    assert told == []
    table = Prefixes((row.prefix, row.from_ms, row.destination) for row in rows)
    assert [table.find("49151", at) for at in (0, 1_798_779_600_000, 1_798_783_200_000)] == ["a", "b", "c"]
