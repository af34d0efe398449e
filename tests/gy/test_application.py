"""What Gy tells the log about peers that send faults."""

from diameter_ocs.gy.application import Sparing


def test_a_flood_of_refusals_is_told_in_a_few_lines_that_count_the_rest():
    sparing = Sparing(lines_per_second=2)
    told = [sparing.untold("pgw01", 10.0 + number / 1000) for number in range(100)]
    assert told[:3] == [0, 0, None]
    assert told.count(None) == 98
    assert sparing.untold("pgw02", 10.5) == 0
    assert [sparing.untold("pgw01", 11.0), sparing.untold("pgw01", 11.1)] == [98, 0]
