"""Pools together cost what the plan does: its totals are computed by `verify` on its own."""

from pathlib import Path

import pytest

import heteroplan
from heteroplan.outputs.plan.pool_costs import pool_costs
from tests.scenario_files import ScenarioFiles, engine

RUNNING = (
    "workload,engine,replica_id,leaf\n"
    "chat,p,1,l1\nchat,p,2,l1\nchat,d,3,l1\nchat,d,4,l2\nchat,big,5,l2\n"
)


def made(folder: Path) -> ScenarioFiles:
    """Six hours of which the third and fourth ask for three times as much; two leaves."""
    files = ScenarioFiles(folder)
    files.scenario["horizon"]["intervals"] = 6
    rows = [f"2026-11-23T0{hour}:00,{rps}" for hour, rps in enumerate((5, 8, 24, 24, 9, 5))]
    files.demand = "\n".join(["interval_start,rps", *rows, ""])
    files.profile["engines"] = [
        engine("p", "prefill", startup_s=300, drain_s=60),
        engine("d", "decode", startup_s=300, drain_s=60),
        engine("big", "decode", startup_s=300, drain_s=900, gpus=8, capacity_rps=1),
    ]
    files.add_leaf("l2", {"h100x8": 3})
    return files


@pytest.mark.parametrize("cyclic", [True, False])
@pytest.mark.parametrize(
    ("objective", "change_cost_usd"), [("cost", 0), ("cost", 2.5), ("gpu_hours", 0)]
)
@pytest.mark.parametrize("running", [None, RUNNING], ids=["unknown before", "known before"])
def test_pools_cost_what_the_plan_does(
    tmp_path: Path, cyclic: bool, objective: str, change_cost_usd: float, running: str | None
) -> None:
    """Where replicas run before, two of them on `big`, whose pool is given up and drains."""
    files = made(tmp_path)
    files.scenario["horizon"]["cyclic"] = cyclic
    files.scenario["objective"] = objective
    files.workload["stability"] = {"change_cost_usd": change_cost_usd}
    files.write()
    current = tmp_path / "current.csv"
    if running is not None:
        current.write_text(running, encoding="utf-8")
    result = heteroplan.plan(tmp_path, current=None if running is None else current, gap=0.0)
    costs = pool_costs(result.document)
    totals = result.document.totals
    assert sum(each.gpu_hours for each in costs) == pytest.approx(totals.gpu_hours)
    assert sum(each.cost_usd for each in costs) == pytest.approx(totals.cost_usd)
    assert totals.starts > 0
    assert (len(costs) > len(result.document.pools)) == (running is not None)
