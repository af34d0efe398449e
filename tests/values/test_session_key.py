"""The key of a session or sub-session: nothing a gateway may call its sessions makes two of them one."""

from hypothesis import example, given
from hypothesis import strategies as st

from diameter_ocs.values.session_key import parts_of_key, session_key, told_key

session_ids = st.one_of(st.text(), st.text(alphabet="a#0123456789;"))
numbers = st.one_of(st.none(), st.integers(0, 2**64 - 1))


@given(session_ids, numbers)
@example("", None)
@example("#", None)
@example("gw;1;1#7", None)
@example("gw;1;1#", 7)
def test_a_key_gives_back_what_it_was_made_of(session_id, number):
    assert parts_of_key(session_key(session_id, number)) == (session_id, number)


def test_the_session_id_of_an_ordinary_session_is_its_key():
    assert session_key("gw.example.org;1;2;gy") == "gw.example.org;1;2;gy"


def test_a_session_id_that_looks_like_the_key_of_a_sub_session_is_not_one():
    assert session_key("gw;1;2", 7) == "gw;1;2#7"
    assert session_key("gw;1;2#7") != session_key("gw;1;2", 7)
    assert session_key("gw;1;2#7", 8) == "gw;1;2#7#8"


def test_a_key_in_words():
    assert told_key("gw;1;2") == "gw;1;2"
    assert told_key(session_key("gw;1;2", 0)) == "gw;1;2, sub-session 0"
    assert told_key(session_key("gw#1")) == "gw#1"
