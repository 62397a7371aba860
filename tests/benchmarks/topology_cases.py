"""Scenario folders for the benchmark of topology, written as a user would write them."""

import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.optimize import linprog

from heteroplan.entities.plan import Plan
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.pipelines.plan import plan
from heteroplan.pipelines.shared.solving import load
from tests.plans import FIGURE_5

FOUR_TYPE = Path(__file__).resolve().parents[2] / "scenarios" / "four-type"
START = datetime(2026, 11, 23)
LEAF_AFFINE = ("autocomplete-8b", "summary-8b", "code-32b")
CLUSTER_AFFINE = ("rag-32b", "report-70b")
STARTUP_S = {"llama-3-8b": 120, "qwen-3-32b": 180, "llama-3-70b": 240, "mixtral-8x22b": 300}

type Nodes = Mapping[str, int]
type Spines = Sequence[Sequence[Nodes]]
"""Nodes by type of each leaf of each spine."""

ONE_SPINE: tuple[Spines, ...] = (
    (({"h200": 6}, {"h100": 8, "l40s": 8}, {"h100": 12}, {"a100": 16}, {"a100": 8, "l40s": 8}),),
)
FOUR_SPINES: tuple[Spines, ...] = (
    (
        ({"h200": 8}, {"h100": 8, "l40s": 8}, {"h100": 4, "a100": 12}),
        ({"h200": 8}, {"a100": 16}, {"l40s": 12}),
        ({"h100": 12}, {"h100": 12}),
        ({"a100": 12}, {"a100": 12}),
    ),
)
EIGHT_SPINES: tuple[Spines, ...] = (
    (
        ({"h200": 8}, {"h100": 6, "l40s": 6}),
        ({"h100": 8, "a100": 8}, {"a100": 12}),
        ({"h200": 6}, {"a100": 12}, {"l40s": 12}),
        ({"h100": 12}, {"l40s": 12}),
    ),
    (
        ({"h100": 12}, {"h100": 12}),
        ({"a100": 12}, {"a100": 12}),
        ({"h200": 8}, {"h200": 8}),
        ({"l40s": 8}, {"h200": 4, "a100": 8}),
    ),
)
FLEETS = {"1 spine": ONE_SPINE, "4 spines": FOUR_SPINES, "8 spines": EIGHT_SPINES}
"""Spines of each cluster; every fleet has leaves of high priority, all but the first of low."""


@dataclass(frozen=True)
class Files:
    """What the files of a scenario hold."""

    scenario: dict[str, Any]
    fleet: dict[str, Any]
    profiles: dict[str, dict[str, Any]]
    """By model."""
    rps: dict[str, Floats]
    """By workload, one an interval."""

    def write(self, folder: Path) -> None:
        documents = {"scenario": self.scenario, "fleet": self.fleet, **self.profiles}
        for name, document in documents.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        for name, curve in self.rps.items():
            step = timedelta(days=1) / len(curve)
            rows = [f"{(START + step * t).isoformat()},{rps:.6f}" for t, rps in enumerate(curve)]
            text = "\n".join(["interval_start,rps", *rows, ""])
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")

    def plan(self, time_limit_s: float = 60.0) -> Plan:
        with tempfile.TemporaryDirectory() as folder:
            self.write(Path(folder))
            return plan(folder, gap=0.01, time_limit_s=time_limit_s).plan

    def problem(self) -> Problem:
        with tempfile.TemporaryDirectory() as folder:
            self.write(Path(folder))
            loaded = load(folder)
        return build_problem(loaded.scenario, loaded.candidates)

    def with_workloads(self, **fields: Any) -> "Files":
        """Fields of every workload set."""
        scenario = deepcopy(self.scenario)
        for each in scenario["workloads"]:
            each.update(fields)
        return replace(self, scenario=scenario)

    def filled(self, weights: Floats, fill: float) -> "Files":
        """Demand such that the fleet could serve 1/`fill` times as much, and no more.

        `weights` [W] are shares of the GPUs that the workloads need at their own peaks.
        """
        problem = self.problem()
        rates = weights / [_peak_gpus(problem, w) for w in range(len(problem.workloads))]
        rates *= fill * _most_growth(problem, rates)
        scaled = {
            work.name: self.rps[work.name] * rate
            for work, rate in zip(problem.workloads, rates, strict=True)
        }
        return replace(self, rps=scaled)


def _peak_gpus(problem: Problem, w: int) -> float:
    """GPUs at the workload's peak on the smallest engines that do."""
    return sum(
        min(
            float(problem.pools[p].gpus * problem.pools[p].mix_load.max())
            for p in problem.workloads[w].pools
            if stage in problem.pools[p].stages
        )
        for stage in range(problem.workloads[w].stages)
    )


def _most_growth(problem: Problem, rates: Floats) -> float:
    """Greatest factor of `rates` [W] times the demand that fits at every interval.

    With fractions of replicas and nothing for starts, so never less than what a plan can serve.
    """
    gpus = np.array([pool.gpus * rates[pool.workload] * pool.mix_load for pool in problem.pools])
    return min(_most_at(problem, gpus[:, t], t) for t in range(problem.intervals))


def _most_at(problem: Problem, gpus: Floats, t: int) -> float:
    """max θ: each workload's finishing flow = θ, balances, supply; `gpus` [P] a share of 1."""
    columns = len(problem.pools) + 1  # flow of each pool, then θ
    whole = np.zeros((len(problem.workloads), columns))
    for w in range(len(problem.workloads)):
        whole[w, problem.finishing(w)] = 1.0
    whole[:, -1] = -1.0
    balanced = np.zeros((len(problem.balances), columns))
    for row, balance in zip(balanced, problem.balances, strict=True):
        row[list(balance.left)] = 1.0
        row[list(balance.right)] = -1.0
    usable = np.isfinite(gpus)
    drawn = np.zeros((len(problem.supplies), columns))
    for row, supply in zip(drawn, problem.supplies, strict=True):
        row[list(supply.pools)] = np.where(usable, gpus, 0.0)[list(supply.pools)]
    answer = linprog(
        np.append(np.zeros(columns - 1), -1.0),
        A_ub=drawn,
        b_ub=[float(supply.gpus[t]) for supply in problem.supplies],
        A_eq=np.vstack([whole, balanced]),
        b_eq=np.zeros(len(whole) + len(balanced)),
        bounds=[(0.0, None if each else 0.0) for each in usable] + [(0.0, None)],
    )
    if answer.x is None:
        raise ValueError(answer.message)
    return float(answer.x[-1])


def ten_workloads(clusters: Sequence[Spines], *, intervals: int, seed: int) -> tuple[Files, Floats]:
    """four-type's engines, requests and SLOs; and sizes of the workloads, log-normal (sigma 0.8).

    Peaks at 1 request/s: Figure 5's day at another hour, with 3 % of noise and a tenth at least.
    """
    random = np.random.default_rng(seed)
    scenario = _read(FOUR_TYPE / "scenario.yaml")
    scenario |= {"fleet": "fleet.yaml", "horizon": _horizon(intervals)}
    for each in scenario["workloads"]:
        name, model = each["name"], each["model"]
        level = "leaf" if name in LEAF_AFFINE else "spine"
        each["affinity"] = "cluster" if name in CLUSTER_AFFINE else level
        each |= {"profile": f"{model}.yaml", "demand": f"{name}.csv"}
    profiles = {model: _read(FOUR_TYPE / "profiles" / f"{model}.yaml") for model in STARTUP_S}
    for model, profile in profiles.items():
        for engine in profile["engines"]:
            engine["startup_s"] = STARTUP_S[model]
    names = [each["name"] for each in scenario["workloads"]]
    curves = {}
    for name in names:
        curve = np.roll(figure_5(intervals), int(random.integers(intervals)))
        curve = np.maximum(0.1, curve * random.uniform(0.97, 1.03, intervals))
        curves[name] = curve / curve.max()
    weights = random.lognormal(sigma=0.8, size=len(names))
    return Files(scenario, fleet(clusters), profiles, curves), weights


def figure_5(intervals: int) -> Floats:
    """[T] HeteroScale's day, straight between the hours."""
    hours = np.arange(intervals) * 24 / intervals
    return np.interp(hours, np.arange(25), [*FIGURE_5, FIGURE_5[0]])


def fleet(clusters: Sequence[Spines]) -> dict[str, Any]:
    """four-type's node types in another network, named c1, c1-s1, c1-s1-l1."""
    node_types = _read(FOUR_TYPE.parents[1] / "fleets" / "four-type.yaml")["node_types"]
    return {
        "name": "benchmark",
        "node_types": node_types,
        "network": [
            {
                "cluster": f"c{c}",
                "spines": [
                    {
                        "spine": f"c{c}-s{s}",
                        "leaves": [
                            {
                                "leaf": f"c{c}-s{s}-l{i}",
                                "nodes": {f"{name}x8": count for name, count in nodes.items()},
                            }
                            for i, nodes in enumerate(leaves, start=1)
                        ],
                    }
                    for s, leaves in enumerate(spines, start=1)
                ],
            }
            for c, spines in enumerate(clusters, start=1)
        ],
    }


def one_workload(
    clusters: Sequence[Spines], engines: Sequence[dict[str, Any]], rps: Floats
) -> Files:
    """A spine-affine workload whose engines have given capacities."""
    workload = {
        "name": "chat",
        "model": "model",
        "profile": "model.yaml",
        "demand": "chat.csv",
        "requests": {"isl": 1000, "osl": 200},
        "slo": {"ttft_ms": 1000, "itl_ms": 60},
        "affinity": "spine",
    }
    scenario = {
        "name": "one workload",
        "fleet": "fleet.yaml",
        "horizon": _horizon(len(rps)),
        "workloads": [workload],
    }
    profile = {"model": "model", "engines": list(engines)}
    return Files(scenario, fleet(clusters), {"model": profile}, {"chat": rps})


def given(name: str, role: str, gpu: str, **others: Any) -> dict[str, Any]:
    """An engine of a pressure test."""
    return {"name": name, "role": role, "gpu": gpu, **others}


def _horizon(intervals: int) -> dict[str, Any]:
    minutes = 24 * 60 // intervals
    return {"start": START.date().isoformat(), "days": 1, "interval": f"{minutes}min"}


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document
