"""Tokens of redirect links: only the holder of the key makes one, and only for a while."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter_ocs.values.portal_link import LinkRefused, PortalKey, PortalLink, sign, verify

KEY = b"0123456789abcdef"
LINK = PortalLink("pgw01.example.org;1;2;gy", "acc-1", "sub-1", 2000)


def test_a_token_comes_back_as_it_was():
    token = sign(KEY, LINK)
    assert verify(KEY, token, 1999) == LINK
    assert token == sign(KEY, LINK)
    assert all(letter.isalnum() or letter in "-_." for letter in token)


def test_the_end_is_exact():
    with pytest.raises(LinkRefused, match="too old"):
        verify(KEY, sign(KEY, LINK), 2000)


@pytest.mark.parametrize("token", ["", ".", "a.b", "ü", "x" * 5000, sign(b"another key 0000", LINK)])
def test_what_was_not_made_with_the_key_is_refused(token):
    with pytest.raises(LinkRefused):
        verify(KEY, token, 0)


@given(st.integers(0, len(sign(KEY, LINK)) - 1), st.characters(codec="ascii"))
def test_any_change_is_noticed(place, letter):
    token = sign(KEY, LINK)
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(LinkRefused):
            verify(KEY, changed, 0)


def test_a_right_signature_over_something_else_is_no_link():
    body = sign(KEY, LINK).partition(".")[0][:-3]
    from diameter_ocs.values import portal_link

    with pytest.raises(LinkRefused, match="not a token"):
        verify(KEY, f"{body}.{portal_link._signature(KEY, body)}", 0)


def test_a_key_does_not_show_itself():
    assert "0123" not in repr(PortalKey(KEY, 900))
