"""The bound at supply prices: never above the optimum, whatever the prices."""

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize import bound as bounds
from heteroplan.optimize.bound import improve_prices, priced_bound
from heteroplan.optimize.problem import Problem, build_problem
from heteroplan.optimize.solve import solve
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.reference import optimum


def random_problem(seed: int, *, nodes: int) -> Problem:
    """Two workloads, two node types, two spines, four intervals; pairs and aggregated engines."""
    draw = np.random.default_rng(seed)
    types = [
        node_type(f"t{i}", gpu=f"G{i}", usd_per_gpu_hour=float(draw.uniform(1, 3))) for i in (0, 1)
    ]
    loads = []
    for name in ("a", "b"):
        engines = [
            engine(
                f"{role}-{i}",
                role=role,
                gpu=f"G{i}",
                gpus=int(draw.choice([2, 4])),
                capacity_rps=float(draw.uniform(2, 6)),
                startup_s=int(draw.choice([0, 600])),
            )
            for i in (0, 1)
            for role in (Role.PREFILL, Role.DECODE, Role.AGGREGATED)
            if role is not Role.AGGREGATED or draw.random() < 0.4
        ]
        rps = [float(x) for x in draw.uniform(0, 10, 4)]
        loads.append(workload(name, rps=rps, engines=engines))
    leaves = {leaf: {"t0": nodes, "t1": nodes} for leaf in ("l1", "l2")}
    made = scenario(loads, in_fleet=fleet(leaves, node_types=types), interval_s=900)
    return build_problem(made, candidates(made))


@pytest.mark.parametrize("cells", [8_000, 1])
def test_no_prices_lift_the_bound_above_the_optimum(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """25 problems, 4 draws of prices each, with whole grids and with one engine on the grid."""
    monkeypatch.setattr(bounds, "GRID_CELLS", cells)
    for seed in range(25):
        problem = random_problem(seed, nodes=2)
        best = optimum(problem)
        if not best.covered:
            continue
        draw = np.random.default_rng(seed)
        for scale in (0.0, 0.05, 0.3, 1.0):
            prices = draw.uniform(0, scale, (len(problem.supplies), problem.intervals))
            assert priced_bound(problem, prices).value <= best.cost * (1 + 1e-9)


def test_prices_close_the_gap_that_scarce_supply_opens() -> None:
    """Cheap type for one replica at a time, two wanted at noon: only a price tells the block.

    One workload, aggregated engines of 8 GPUs: cheap 8 USD an hour, dear 16, one cheap node.
    Demand 1, 2, 1 replicas: cheap all day and dear at noon is 3 x 8 + 16 = 40; without prices
    the block takes two cheap replicas at noon for 32. At a price of 1 USD a GPU and hour on
    the cheap type at noon it is indifferent and the bound is 8 + 2 x 16 + 8 - 8 x 1 = 40.
    """
    types = [
        node_type("cheap", gpu="C", usd_per_gpu_hour=1.0),
        node_type("dear", gpu="D", usd_per_gpu_hour=2.0),
    ]
    engines = [
        engine(f"on-{gpu}", role=Role.AGGREGATED, gpu=gpu, gpus=8, capacity_rps=1.0)
        for gpu in ("C", "D")
    ]
    made = scenario(
        [workload(rps=[1.0, 2.0, 1.0], engines=engines)],
        in_fleet=fleet({"l1": {"cheap": 1, "dear": 2}}, node_types=types),
    )
    problem = build_problem(made, candidates(made))
    none = np.zeros((2, 3))
    assert priced_bound(problem, none).value == pytest.approx(32.0)
    found = [
        bound.value
        for bound, _ in improve_prices(
            problem, none, lambda: 40.0, steps=60, stop=lambda: False, enough=1e-6
        )
    ]
    assert max(found) == pytest.approx(40.0, rel=1e-3)
    assert solve(problem, gap=0.0).objective == pytest.approx(40.0)
