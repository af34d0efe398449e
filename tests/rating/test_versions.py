"""Which version of the catalogue holds when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.rating.versions import Activation, CatalogueSource, before_it, held_since, in_force, to_come


def said(*plan: tuple[str, int], cancelled: tuple[int, ...] = ()) -> list[Activation]:
    return [
        Activation(number, version, from_ms, 0, "anna", cancelled_ms=int(number in cancelled))
        for number, (version, from_ms) in enumerate(plan, 1)
    ]


def version(found: Activation | None) -> str | None:
    return None if found is None else found.version


@pytest.mark.parametrize(
    ("at_ms", "held"), [(9, None), (10, "a"), (19, "a"), (20, "b"), (29, "b"), (30, "c"), (10_000, "c")]
)
def test_the_one_that_began_last_holds(at_ms, held):
    assert version(in_force(said(("a", 10), ("c", 30), ("b", 20)), at_ms)) == held


def test_of_two_that_begin_together_the_one_said_last_holds():
    assert version(in_force(said(("a", 10), ("b", 10)), 10)) == "b"


def test_a_cancelled_one_never_holds():
    plan = said(("a", 10), ("b", 20), cancelled=(2,))
    assert version(in_force(plan, 25)) == "a"
    assert to_come(plan, 15) == []


def test_a_price_fix_of_today_does_not_undo_what_is_planned():
    plan = said(("a", 10), ("new year", 100), ("fix", 50))
    assert version(in_force(plan, 60)) == "fix"
    assert [each.version for each in to_come(plan, 60)] == ["new year"]
    assert version(in_force(plan, 100)) == "new year"


def test_what_held_before():
    plan = said(("a", 10), ("b", 20), ("b", 25), ("later", 90))
    assert version(before_it(plan, 30)) == "a"
    assert before_it(plan, 15) is None
    rolled_back = said(("a", 10), ("b", 20), ("a", 30))
    assert version(before_it(rolled_back, 40)) == "b"


def test_versions_that_ended_a_short_time_ago():
    plan = said(("a", 10), ("b", 20), ("c", 30), ("b", 40), ("d", 50), ("later", 90))
    assert held_since(plan, 30, 60) == ["b", "c"]
    assert held_since(plan, 29, 60) == ["b", "c"]
    assert held_since(plan, 10, 60) == ["b", "c", "a"]
    assert held_since(plan, 55, 60) == []
    assert held_since([], 0, 60) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50))), st.integers(0, 60))
def test_now_and_later_are_all_there_is(plan, at_ms):
    activations = said(*plan)
    begun = [each for each in activations if each not in to_come(activations, at_ms)]
    found = in_force(activations, at_ms)
    assert (found is None) == (not begun)
    assert found is None or found.from_ms == max(each.from_ms for each in begun)


def test_a_name_of_its_own_depends_on_everything_that_was_written():
    one = CatalogueSource("v1", "text", {"a.csv": "1"})
    other = CatalogueSource("v1", "text", {"a.csv": "2"})
    names = {each.with_name_of_its_own().version for each in (one, other)}
    assert len(names) == 2
    assert all(name.startswith("v1~") for name in names)
    assert one.checksum == CatalogueSource("v1", "text", {"a.csv": "1"}).checksum
