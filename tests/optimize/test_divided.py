"""Divided engines by hand: prefill to decode below the spine, attention to FFN on the leaf."""

from collections import Counter

import pytest

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine, Part, RatioBand, Role, Workload
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of, served_at
from tests.optimize.reference import optimum


def divided(ratio: RatioBand | None = None) -> tuple[Engine, ...]:
    """Prefill of 4 GPUs for 10 requests/s; attention of 1 GPU for 5, FFN of 2 GPUs for 10."""
    return (
        engine("prefill", role=Role.PREFILL),
        engine(
            "attention", gpu="A", gpus=1, capacity_rps=5.0, part=Part("moe", "attention", 0, ratio)
        ),
        engine("ffn", gpu="F", gpus=2, part=Part("moe", "ffn", 1, ratio)),
    )


def on_leaves(of: Workload, leaves: dict[str, tuple[int, int, int]]) -> Scenario:
    """{leaf: nodes of 4 H100, 1 A and 2 F} below one spine; a GPU costs 2 USD an hour."""
    shapes = tuple(
        node_type(name, gpu=gpu, gpus=gpus)
        for name, gpu, gpus in (("h", "H100", 4), ("a", "A", 1), ("f", "F", 2))
    )
    nodes = {
        leaf: dict(zip(("h", "a", "f"), counts, strict=True)) for leaf, counts in leaves.items()
    }
    return scenario(
        [of], in_fleet=fleet(nodes, node_types=shapes, spines=dict.fromkeys(leaves, "s"))
    )


@pytest.mark.parametrize(
    ("part_ratio", "pd_ratio", "prefill", "attention", "ffn"),
    [
        (None, None, 2, 4, 2),
        (RatioBand(0.5, 1.0), None, 2, 4, 4),
        (RatioBand(4.0, 8.0), None, 2, 8, 2),
        (None, RatioBand(1.0, 2.0), 4, 4, 2),
        (None, RatioBand(0.1, 0.25), 2, 8, 2),
        (RatioBand(0.5, 1.0), RatioBand(1.0, 2.0), 4, 4, 4),
    ],
)
def test_two_ratios_at_once(
    part_ratio: RatioBand | None,
    pd_ratio: RatioBand | None,
    prefill: int,
    attention: int,
    ffn: int,
) -> None:
    """20 requests/s, prefill on l1, both parts on l2: 2 prefill to 4 attention to 2 FFN replicas.

    part_ratio is attention to FFN. pd_ratio is prefill to attention: FFN replicas do not count,
    or 1.0 would ask for 6 prefill replicas.
    """
    load = workload(rps=[20.0], engines=divided(part_ratio), pd_ratio=pd_ratio)
    of = on_leaves(load, {"l1": (8, 0, 0), "l2": (0, 10, 10)})
    assert served_at(of) == (2.0 * (4 * prefill + attention + 2 * ffn), {1: 0})
    assert replicas_by_engine(of) == {"prefill": prefill, "moe-0": attention, "moe-1": ffn}


def test_parts_balance_leaf_by_leaf() -> None:
    """20 requests/s. l2 has attention for 5 and FFN for 20, l3 attention for 30 and FFN for 10.

    5 on l2 and 10 on l3 are served, although the spine has attention for 35 and FFN for 30:
    5·3600 stay unserved. 2 prefill, 1 + 2 attention, 1 + 1 FFN: (8 + 3 + 4)·2 = 30 USD.
    """
    of = on_leaves(
        workload(rps=[20.0], engines=divided()), {"l1": (8, 0, 0), "l2": (0, 1, 2), "l3": (0, 6, 1)}
    )
    assert served_at(of) == (30.0, {1: 18000})


def test_a_leaf_without_one_of_the_parts_is_of_no_use() -> None:
    """l2 has attention for 10 of 20 requests/s and all FFN; attention on l3 helps nobody.

    1 prefill, 2 attention, 1 FFN: 16 USD; 10·3600 unserved; l3 has no pool.
    """
    of = on_leaves(
        workload(rps=[20.0], engines=divided()), {"l1": (8, 0, 0), "l2": (0, 2, 4), "l3": (0, 9, 0)}
    )
    assert served_at(of) == (16.0, {1: 36000})
    assert {pool.domain for pool in problem_of(of).pools} == {"s", "l2"}


def test_limits_count_the_first_part() -> None:
    """At least 3 decode replicas: 3 attention for 10 requests/s, still 1 FFN: 18 USD."""
    load = workload(engines=divided(), min_replicas={Role.DECODE: 3})
    assert served_at(on_leaves(load, {"l1": (2, 5, 5)})) == (18.0, {1: 0})


def replicas_by_engine(of: Scenario) -> Counter[str]:
    """Replicas in the first interval of the optimum."""
    problem = problem_of(of)
    found: Counter[str] = Counter()
    for pool, count in zip(problem.pools, optimum(problem).solution.replicas, strict=True):
        part = "" if pool.part is None else f"-{pool.part}"
        found[pool.engine + part] += int(count[0])
    return found
