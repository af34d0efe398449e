from diameter_ocs.peer.election import election_won


def test_the_larger_name_wins() -> None:
    assert election_won("ocs.example.org", "gateway.example.org")
    assert not election_won("gateway.example.org", "ocs.example.org")


def test_capitals_make_no_difference() -> None:
    assert not election_won("b.example.org", "C.example.org")
    assert not election_won("OCS.example.org", "ocs.example.org")


def test_a_longer_name_is_larger_than_its_beginning() -> None:
    assert election_won("ocs.example.org.uk", "ocs.example.org")
