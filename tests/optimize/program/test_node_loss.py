"""The most that one node may hold, by hand and against every way to fill a node."""

from itertools import product

import numpy as np
import pytest

from heteroplan.optimize.program.mix import most_on_a_node


def column(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(values)


def test_a_node_holds_the_best_gpus_first() -> None:
    """8 GPUs: 6 of the engine that serves 0.05 a GPU, the other 2 of the one with 0.02."""
    found = most_on_a_node(8, [column(6 * 0.05), column(16 * 0.02)], [column(0.05), column(0.02)])
    assert found == pytest.approx([6 * 0.05 + 2 * 0.02])


def test_few_replicas_are_all_on_one_node() -> None:
    found = most_on_a_node(8, [column(0.1), column(0.0)], [column(0.05), column(0.0)])
    assert found == pytest.approx([0.1])


def test_each_time_has_its_own() -> None:
    found = most_on_a_node(4, [column(0.1, 0.8)], [column(0.1, 0.1)])
    assert found == pytest.approx([0.1, 0.4])


@pytest.mark.parametrize("seed", range(20))
def test_no_way_to_fill_a_node_holds_more(seed: int) -> None:
    """Replicas of one GPU each: the best of all ways to choose as many as a node has GPUs."""
    draw = np.random.default_rng(seed)
    counts, share, gpus = draw.integers(0, 5, 3), draw.uniform(0.01, 0.1, 3), int(draw.integers(6))
    ways = product(*(range(count + 1) for count in counts))
    most = max(float(share @ way) for way in ways if sum(way) <= gpus)
    found = most_on_a_node(
        gpus,
        [column(c * s) for c, s in zip(counts, share, strict=True)],
        [column(s) for s in share],
    )
    assert found == pytest.approx([most])
