"""What one peer may cost the others."""

from diameter_ocs.gy.limits import HeavyAllowance, Sparing


def test_a_flood_of_refusals_is_told_in_a_few_lines_that_count_the_rest():
    sparing = Sparing(lines_per_second=2)
    told = [sparing.untold("pgw01", 10.0 + number / 1000) for number in range(100)]
    assert told[:3] == [0, 0, None]
    assert told.count(None) == 98
    assert sparing.untold("pgw02", 10.5) == 0
    assert [sparing.untold("pgw01", 11.0), sparing.untold("pgw01", 11.1)] == [98, 0]


def test_very_large_requests_of_one_connection_are_bounded_per_second():
    class Connection:
        pass

    one, other, allowance = Connection(), Connection(), HeavyAllowance(octets_per_second=100)
    assert [allowance.admits(one, 40, 10.0 + n / 10) for n in range(4)] == [True, True, False, False]
    assert allowance.admits(other, 40, 10.5)
    assert allowance.admits(one, 40, 11.0)
