"""What a replica serves."""

import pytest

from heteroplan.entities.capacity import mix_rps


def test_a_mix_takes_the_time_of_its_classes() -> None:
    """Of four requests three take 0.1 s each and one 0.5 s: 4 in 0.8 s."""
    assert mix_rps([(0.75, 10.0), (0.25, 2.0)]) == pytest.approx(5.0)
    assert mix_rps([(3.0, 10.0), (1.0, 2.0)]) == pytest.approx(5.0)


def test_a_mix_with_what_is_not_served_has_no_rate() -> None:
    assert mix_rps([(0.9, 10.0), (0.1, 0.0)]) == 0.0
    assert mix_rps([]) == 0.0
