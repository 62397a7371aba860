"""Random small days: every rule kept, and nearly always as few moves as any placement."""

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.network import Affinity
from heteroplan.placement.lifetimes import lifetimes
from heteroplan.verify.placement import placement_faults
from tests.builders import fleet, node_type
from tests.placement.cases import Case, Sizes, TooManyError, afresh, case, fewest_moves

GPUS = 4
"""A node."""


def random_case(random: Random, *, most_intervals: int, growth: int) -> Case:
    """Two to four pools below one spine; sizes grow as long as the GPUs of each domain suffice."""
    leaves = random.choice([[2], [1, 1], [2, 1], [3]])
    intervals = random.randint(2, most_intervals)
    loads = [
        Sizes(
            {"s": [0] * intervals},
            gpus=random.choice([1, 2, 2, 4, 4, 8]),
            affinity=random.choice([Affinity.SPINE, Affinity.SPINE, Affinity.LEAF]),
            startup_s=random.choice([0.0, 0.0, 3600.0]),
        )
        for _ in range(random.randint(2, 4))
    ]
    names = [f"l{i}" for i in range(len(leaves))]
    of = case(
        *loads,
        on=fleet(
            {name: {"h100x8": n} for name, n in zip(names, leaves, strict=True)},
            node_types=(node_type(gpus=GPUS),),
            spines=dict.fromkeys(names, "s"),
        ),
        cyclic=random.random() < 0.5,
    )
    for _ in range(growth if of.problem.pools else 0):
        grown = np.array(of.replicas)
        first = random.randrange(intervals)
        times = np.arange(first, first + random.randint(1, intervals))
        times = times % intervals if of.problem.cyclic else times[times < intervals]
        grown[random.randrange(len(grown)), times] += 1
        if all(left.min() >= 0 for left in of.problem.residual(grown)):
            of.replicas[:] = grown
    return of


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_packing_keeps_every_rule(random: Random) -> None:
    """Where some service is unplaced, the stays and it add up to the sizes."""
    of = random_case(random, most_intervals=8, growth=40)
    packing = of.packed()
    for each in packing.unplaced:
        for t in range(each.first, each.first + each.intervals):
            of.replicas[each.pool, t % of.problem.intervals] -= 1
    found = placement_faults(of.plan(packing))
    assert [text for text in found if not packing.unplaced or "should" not in text] == []


def test_as_few_moves_as_any_placement_of_the_runs() -> None:
    """300 tiny days against all assignments: room found where there is any, and moves minimal.

    A heuristic may miss: here it is let to in one case of a hundred. Fewer moves than of any
    assignment come from replicas of a pool that take over from one another.
    """
    random = Random(1)
    compared = missed = with_moves = 0
    while compared < 300:
        of = random_case(random, most_intervals=4, growth=30)
        if not of.problem.pools or len(lifetimes(of.problem, of.replicas, {})) > 7:
            continue
        try:
            fewest = fewest_moves(of)
        except TooManyError:
            continue
        packing = of.packed()
        moves = None if packing.unplaced else sum(stay.moved for stay in packing.stays)
        assert moves is None or fewest is not None
        compared += 1
        missed += fewest is not None and (moves is None or moves > fewest)
        with_moves += bool(fewest)
    assert missed <= compared // 100
    assert with_moves >= 5


def test_far_fewer_moves_than_packing_each_interval_afresh() -> None:
    """On days on which both find room for everything; in one of a hundred chance may do better."""
    random = Random(2)
    ours: list[int] = []
    others: list[int] = []
    while len(ours) < 100:
        of = random_case(random, most_intervals=8, growth=40)
        if not of.problem.pools:
            continue
        packing, (moves, lost) = of.packed(), afresh(of)
        if not packing.unplaced and not lost:
            ours.append(sum(stay.moved for stay in packing.stays))
            others.append(moves)
    assert sum(a > b for a, b in zip(ours, others, strict=True)) <= 1
    assert sum(ours) < sum(others) / 10
