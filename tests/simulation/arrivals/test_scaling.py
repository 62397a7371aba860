"""When the requests of a trace arrive, against hand arithmetic and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.arrivals.reading import TraceRequests
from heteroplan.simulation.arrivals.scaling import shifted, to_rates


def trace(*after_s: float) -> TraceRequests:
    ones = np.ones(len(after_s), np.int64)
    return TraceRequests(0, np.array(after_s), ones, ones, None, False, ())


def rates(*rps: float, piece_s: float = 10.0) -> Rates:
    return Rates(np.linspace(0.0, len(rps) * piece_s, len(rps) + 1), np.array(rps))


def test_shifted_keeps_the_shape_of_arrivals() -> None:
    found = shifted(trace(0.0, 1.0, 4.0), 100.0, 0.5)
    assert found.arrival_s.tolist() == [100.0, 100.5, 102.0]
    assert found.within(102.0).arrival_s.tolist() == [100.0, 100.5]


def test_what_arrives_before_the_replay_is_not_within_it() -> None:
    found = shifted(trace(0.0, 1.0, 4.0), -2.0, 1.0).within(10.0)
    assert found.chosen.tolist() == [2]
    assert found.arrival_s.tolist() == [2.0]


def test_pieces_take_the_next_requests_by_hand() -> None:
    """Four requests at 0, 1, 4 and 5, mean gap 5/3, so the next round begins at 20/3.

    The first piece takes two: cut at -5/6 (half a mean gap before the first) and at 2.5 (between
    1 and 4), 10/3 long in the trace and 10 s in the replay, three times as long: 2.5 and 5.5.
    The second piece takes 4, 5 and 20/3, from 2.5 to the middle of 20/3 and 23/3.
    """
    found = to_rates(trace(0.0, 1.0, 4.0, 5.0), rates(0.2, 0.3))
    assert found.chosen.tolist() == [0, 1, 2, 3, 0]
    begin, end = 2.5, (20 / 3 + 23 / 3) / 2
    second = [10.0 + 10.0 * (at - begin) / (end - begin) for at in (4.0, 5.0, 20 / 3)]
    assert found.arrival_s == pytest.approx([2.5, 5.5, *second])


def test_requests_at_one_moment_come_evenly() -> None:
    found = to_rates(trace(3.0, 3.0, 3.0, 3.0, 3.0, 9.0), rates(0.0, 0.3))
    assert found.chosen.tolist() == [0, 1, 2]
    alone = to_rates(trace(0.0), rates(0.4))
    assert alone.arrival_s == pytest.approx([1.25, 3.75, 6.25, 8.75])
    batch = to_rates(trace(*[0.0] * 9, 30.0), rates(0.3, 0.3))
    assert batch.arrival_s[3:] == pytest.approx([10 + 10 / 6, 15.0, 20 - 10 / 6])


@settings(deadline=None)
@given(
    gaps=st.lists(st.floats(0.0, 100.0), min_size=1, max_size=30),
    rps=st.lists(st.floats(0.0, 20.0), min_size=1, max_size=5),
)
def test_each_piece_has_its_number_and_the_order_is_that_of_the_trace(
    gaps: list[float], rps: list[float]
) -> None:
    of = rates(*rps)
    after_s = np.cumsum(gaps) - gaps[0]
    found = to_rates(trace(*after_s), of)
    assert found.chosen.tolist() == [i % len(gaps) for i in range(len(found.chosen))]
    assert (np.diff(found.arrival_s) >= 0.0).all()
    counts = np.histogram(found.arrival_s, of.edges_s)[0]
    assert np.abs(np.cumsum(counts) - of.expected[1:]).max() <= 0.5 + 1e-9
    assert counts.sum() == len(found.arrival_s)
