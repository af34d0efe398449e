"""Differences of two catalogues are told in the words of their files."""

import pytest

from diameter_ocs.rating.differences import differences
from diameter_ocs.rating.versions import CatalogueSource

TEXT = """# prices of spring
version = "spring"
currency = "EUR"
[quota.data]
default = "10 MB"
minimum = "1 MB"
maximum = "50 MB"
validity = "1 h"
[tariffs.calls]
price = "0.09"
per = "60 s"
[[tariffs.calls.tiers]]
up_to = "1 h"
price = "0.09"
[offers.basic]
default_rating_group = 10
[[offers.basic.groups]]
rating_groups = [10]
name = "internet"
price = "0.02"
per = "1 MB"
quota = "data"
[[offers.basic.groups.when]]
name = "abroad"
network = "abroad"
price = "0.50"
[[offers.basic.groups.when]]
name = "office"
apn = "office"
price = "0.01"
[[offers.basic.groups]]
service = "voice"
direction = "terminating"
all_others = true
tariff = "calls"
quota = "data"
[[tests]]
name = "one"
offer = "basic"
charge = "0"
"""
ROWS = "prefix,destination,price\n49,Germany,0.02\n33,France,0.03\n"


def changes(*edits: tuple[str, str], more: str = "", rows: str = ROWS) -> list[str]:
    text = TEXT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    one, other = CatalogueSource("a", TEXT, {"all.csv": ROWS}), CatalogueSource("b", text + more, {"all.csv": rows})
    return [f"{each.place}: {each.change}" for each in differences(one, other)]


def test_comments_and_version_are_no_difference():
    assert changes(("# prices of spring", "# prices of summer"), ('"spring"', '"summer"')) == []


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (('currency = "EUR"', 'currency = "USD"'), "catalogue: currency EUR → USD"),
        (('"0.02"', '"0.03"'), "offer basic, group internet: price 0.02 → 0.03"),
        (('network = "abroad"\nprice = "0.50"', 'network = "abroad"\nprice = "0.40"'),
         "offer basic, group internet, variant abroad: price 0.50 → 0.40"),
        (('all_others = true\n', 'all_others = true\ntreatment = "free"\n'),
         "offer basic, group voice/terminating all others: treatment free (was not said)"),
        (('default_rating_group = 10\n', ''), "offer basic: default_rating_group 10 → not said"),
        (('validity = "1 h"', 'validity = "2 h"'),
         "quota policy data (of basic: internet, basic: voice/terminating all others): validity 1 h → 2 h"),
        (('[tariffs.calls]\nprice = "0.09"', '[tariffs.calls]\nprice = "0.10"'),
         "tariff calls (of basic: voice/terminating all others): price 0.09 → 0.10"),
        (('up_to = "1 h"', 'up_to = "2 h"'),
         "tariff calls (of basic: voice/terminating all others): "
         "tiers [up_to 1 h, price 0.09] → [up_to 2 h, price 0.09]"),
        (('name = "internet"', 'name = "data"'), "offer basic, group internet: removed"),
        (('charge = "0"', 'charge = "1"'), "tests: 1 new or changed, 1 → 1"),
    ],
)  # fmt: skip
def test_one_change(edit, told):
    assert told in changes(edit)


def test_several_values_of_a_table_stand_in_one_line():
    (line,) = changes(('default = "10 MB"', 'default = "5 MB"'), ('validity = "1 h"', 'validity = "2 h"'))
    assert line.endswith("default 10 MB → 5 MB, validity 1 h → 2 h")


def test_new_tables_are_told_with_what_they_say():
    told = changes(more='[products.pack]\nprice = "5.00"\nallowances = [{ name = "d", amount = "1 GB" }]\n')
    assert told == ["product pack: new: price 5.00, allowances [name d, amount 1 GB]"]


def test_groups_are_known_by_their_names_not_by_their_place():
    groups = TEXT[TEXT.index("[[offers.basic.groups]]\nrating") : TEXT.index("[[offers.basic.groups]]\nservice")]
    last = TEXT[TEXT.index("[[offers.basic.groups]]\nservice") : TEXT.index("[[tests]]")]
    assert changes((groups + last, last + groups)) == []


def test_the_order_of_variants_counts():
    first = '[[offers.basic.groups.when]]\nname = "abroad"\nnetwork = "abroad"\nprice = "0.50"\n'
    second = '[[offers.basic.groups.when]]\nname = "office"\napn = "office"\nprice = "0.01"\n'
    told = changes((first + second, second + first))
    assert told == ["offer basic, group internet: order of variants abroad, office → office, abroad"]


def test_rows_of_files_are_told_by_their_prefix():
    (line,) = changes(rows="prefix;destination;price\n49;Germany;0.01\n34;Spain;0.05\n")
    assert line == ("file all.csv: 1 rows new, 1 removed, 1 changed — 34: new; 33: removed; 49: price 0.02 → 0.01")


def test_only_some_of_many_rows_are_told():
    (line,) = changes(rows="prefix,price\n" + "".join(f"{number},0.1\n" for number in range(100, 200)))
    assert line.startswith("file all.csv: 100 rows new, 2 removed, 0 changed")
    assert line.endswith("and 82 more")


def test_files_that_come_and_go():
    one, other = CatalogueSource("a", TEXT, {"old.csv": ROWS}), CatalogueSource("b", TEXT, {"new.csv": ROWS})
    told = [(each.place, each.change) for each in differences(one, other)]
    assert told == [("file new.csv", "new"), ("file old.csv", "not used any more")]


def test_offers_that_come_and_go():
    told = changes(("offers.basic", "offers.gold"))
    assert told[0] == "offer basic: removed"
    assert told[1].startswith("offer gold: new: default_rating_group 10, groups [")
