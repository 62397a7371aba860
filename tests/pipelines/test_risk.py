"""Sampled sweeps and the quantile to plan for, on small scenarios whose plans are plain."""

import json
from pathlib import Path

import pytest

from heteroplan.errors import ExitCode, UsageError
from heteroplan.pipelines.risk import RiskResult, risk
from heteroplan.pipelines.sweep import sweep
from tests.forecasting.made_traces import hourly
from tests.inputs.test_trace_demand import with_demand
from tests.scenario_files import ScenarioFiles, engine

GPU_HOUR_USD = 2.5


@pytest.fixture
def files(tmp_path: Path) -> ScenarioFiles:
    """One hour at 20 requests/s, in the middle, on one-GPU replicas of 1 request/s: 80 of them."""
    files = ScenarioFiles(tmp_path)
    files.profile["engines"] = [engine("one", "aggregated", gpus=1, capacity_rps=1)]
    files.scenario["horizon"] = {"start": "2026-11-23", "intervals": 1, "interval": "1h"}
    files.demand = "interval_start,rps\n2026-11-23T00:00,20\n2026-11-23T01:00,20\n"
    files.leaf["nodes"] = {"h100x8": 10}
    files.workload["demand_error"] = {"day": "30%", "quantile": 0.5}
    return files


def test_the_newsvendors_quantile_of_real_plans(files: ScenarioFiles) -> None:
    """A GPU at 2.5 USD serves 3.6 thousand requests: at 3.5 USD for 1,000 unserved ones the best
    quantile is 1 - 2.5 / (3.6 * 3.5) = 0.80."""
    files.workload["shortage_usd_per_1000_requests"] = 3.5
    quantiles = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
    found = risk(files.write(), quantiles=quantiles, samples=2000, gap=0.0)
    assert found.exit_code is ExitCode.OK
    own, *others = found.risk.plans
    assert own.quantile == 0.5
    assert [each.quantile for each in others] == [0.2, 0.35, 0.65, 0.8, 0.95]
    # ceil(20 exp(0.3 z)) GPUs for an hour.
    gpus = {0.2: 16, 0.35: 18, 0.5: 20, 0.65: 23, 0.8: 26, 0.95: 33}
    for plan in found.risk.plans:
        assert plan.quantile is not None
        assert plan.case.cost_usd == pytest.approx(GPU_HOUR_USD * gpus[plan.quantile])
    assert found.risk.best is not None
    assert found.risk.best.quantile == 0.8
    assert own.short_share == pytest.approx(0.5, abs=0.05)
    assert {each.sampled for each in [found.risk]} == {("demand",)}


def test_the_same_seed_gives_the_same_files(files: ScenarioFiles, tmp_path: Path) -> None:
    folder = files.write()
    texts = []
    for name in ("one", "two"):
        found = risk(folder, quantiles=(0.5, 0.9), samples=50, gap=0.0)
        found.write(tmp_path / name)
        texts.append([(tmp_path / name / each).read_text() for each in found.file_names()])
    assert texts[0] == texts[1]
    document = json.loads(texts[0][0])
    assert (document["samples"], document["seed"], document["best"]) == (50, 1, None)
    assert len(found.samples_frame()) == 2 * 50
    assert list(found.plans_frame()["workload"]) == ["all", "chat"] * 2


def test_plans_are_kept_and_not_made_again(files: ScenarioFiles, tmp_path: Path) -> None:
    """Engines and nodes that fail are part of what is kept; another seed or price needs no plan."""
    files.profile["engines"][0]["source"] = {"kind": "fitted", "error_mape": 0.1}
    files.fleet["failures"] = {"nodes_per_1000_days": 1000, "repair_hours": 5}
    folder, kept = files.write(), tmp_path / "out"
    told: list[tuple[int, int, int]] = []

    def found(
        folder_of: Path | None,
        quantiles: tuple[float, ...],
        seed: int = 1,
        overrides: tuple[str, ...] = (),
    ) -> RiskResult:
        told.clear()
        return risk(
            folder,
            quantiles=quantiles,
            samples=20,
            seed=seed,
            gap=0.0,
            folder=folder_of,
            overrides=overrides,
            done=lambda *counts: told.append(counts),
        )

    first = found(kept, (0.5, 0.9))
    assert told[-1] == (2, 0, 2)
    again = found(kept, (0.5, 0.9))
    assert told == [(2, 2, 2)]
    assert (again.json_text(), again.risk) == (first.json_text(), first.risk)
    assert all((a.unserved == b.unserved).all() for a, b in zip(again.met, first.met, strict=True))
    more = found(kept, (0.5, 0.9, 0.95), seed=2)
    assert told[-1] == (3, 2, 3)
    assert more.json_text() == found(None, (0.5, 0.9, 0.95), seed=2).json_text()

    priced = found(kept, (0.5, 0.9), overrides=("shortage_usd_per_1000_requests=4",))
    assert told == [(2, 2, 2)]
    assert priced.risk.plans[0].shortage_usd is not None
    found(kept, (0.5, 0.9), overrides=("headroom=0.5",))
    assert told[-1] == (2, 0, 2)

    for broken in (kept / "plans").iterdir():
        broken.write_text("{}")
    with pytest.raises(UsageError, match=r"plans/\w+\.json: not a plan for a quantile; remove it"):
        found(kept, (0.5, 0.9))


def test_errors_of_past_days_are_what_a_trace_is_planned_against(files: ScenarioFiles) -> None:
    """One of the five last days had 14 requests/s and not 10: in a fifth of the samples the plan
    for the median, 10 replicas, leaves 4 requests/s for an hour."""
    del files.workload["demand_error"]
    with_demand(files, trace="demand.csv", weekdays="alike", trend=1.0)
    files.scenario["horizon"] = {"start": "2026-11-12", "intervals": 1, "interval": "1h"}
    folder = files.write()
    hourly(files.folder, [[rate] * 24 for rate in (10, 10, 10, 10, 10, 10, 10, 14, 10, 10)])
    found = risk(folder, quantiles=(0.5,), samples=1000, gap=0.0)
    own, median = found.risk.plans
    assert (own.quantile, median.quantile) == (0.95, 0.5)
    assert own.unserved_requests is not None
    assert median.unserved_requests is not None
    assert median.case.cost_usd == pytest.approx(GPU_HOUR_USD * 10)
    assert median.unserved_requests.mean == pytest.approx(0.2 * 4 * 3600, rel=0.15)
    assert own.unserved_requests.mean < median.unserved_requests.mean
    assert "errs as forecasts of the last 5 days did" in found.risk.notes[0]


def test_nothing_says_how_far_demand_errs(files: ScenarioFiles) -> None:
    del files.workload["demand_error"]
    folder = files.write()
    with pytest.raises(UsageError, match=r"^workloads\.chat: nothing says how far demand comes"):
        risk(folder)
    with pytest.raises(UsageError, match=r"add for example demand_error: {day: 10%"):
        sweep(folder, samples=3)
    with pytest.raises(UsageError, match=r"--sampled failures: nothing of that is uncertain; no"):
        risk(folder, sampled="failures")
    with pytest.raises(UsageError, match=r"--sampled weather: write one or several of demand"):
        risk(folder, sampled="weather")
    with pytest.raises(UsageError, match=r"--quantiles 1: write shares above 0 and below 1"):
        risk(folder, quantiles=(0.5, 1.0))


def test_samples_are_cases(files: ScenarioFiles) -> None:
    """Each of two fleets with the same three demands, planned as if they were known."""
    folder = files.write()
    found = sweep(folder, vary=["fleet.l1.h100x8=4,10"], samples=3, seed=5, gap=0.0)
    assert [case.inputs for case in found.cases] == [
        {"fleet.l1.h100x8": nodes} for nodes in (4, 4, 4, 10, 10, 10)
    ]
    small, large = found.cases[:3], found.cases[3:]
    assert [case.drawn for case in small] == [case.drawn for case in large]
    for case in large:
        assert case.drawn is not None
        factor = case.drawn["sample.demand.chat"]
        assert isinstance(factor, float)
        replicas = -(-20 * factor // 1)
        assert case.cost_usd == pytest.approx(GPU_HOUR_USD * replicas)
    assert len({case.key for case in found.cases}) == 6
    frame = found.frame()
    assert list(frame["sample"]) == [0, 1, 2] * 2
    assert found.document.samples is not None
    assert (found.document.samples.count, found.document.samples.seed) == (3, 5)


def test_more_samples_go_on_from_what_is_there(files: ScenarioFiles, tmp_path: Path) -> None:
    folder, kept = files.write(), tmp_path / "out"
    told: list[tuple[int, int, int]] = []
    few = sweep(folder, samples=2, gap=0.0, folder=kept)
    more = sweep(folder, samples=4, gap=0.0, folder=kept, done=lambda *counts: told.append(counts))
    assert more.cases[:2] == few.cases
    assert told[-1] == (4, 2, 4)
    assert sweep(folder, samples=4, gap=0.0).cases == more.cases
