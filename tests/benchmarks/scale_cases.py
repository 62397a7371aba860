"""Seeded scenario folders of the family that the benchmarks of scale run on.

    uv run --no-sync python -m tests.benchmarks.scale_cases --workloads 50 --spines 8 --types 4 \
        --gpus 20000 --seed 11 --out DIR

Prices are log-uniform; a type is faster where it is dearer, and types lean to prefill or to
decode. Workloads are log-normal in GPUs and, apart from that, in requests/s; a day is one cosine
with a peak in the afternoon for most of them, and noise. Capacities are scaled until the cheapest
use of the fleet in its busiest interval, replicas divisible and starts free, takes `FILL` of it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, vstack

from heteroplan.optimize.program.problem import Floats, Ints

FILL = 0.78
"""Share of the fleet's GPUs that the cheapest plan takes at the peak, integers and starts aside."""
HALVINGS = 10
"""Steps to it."""
ROOM = 1.2
"""Times the demand at the peak that the fleet could serve, integers and starts aside."""
NODE_GPUS = 8
CHEAPEST_USD, DEAREST_USD = 1.5, 6.0
LEAN = 0.35
"""Log of the speed that a type gains in one role and loses in the other, at the most."""
TYPE_NOISE, ENGINE_NOISE = 0.12, 0.12
"""Of log speed by type and role, and by engine."""
OFFERED = 0.8
"""Probability that a type has an engine for a workload and role; two do at least."""
SIZES, SIZE_SHARES = (1, 2, 4), (0.3, 0.4, 0.3)
"""GPUs of a workload's replicas; half of its engines take twice as many."""
ROLE_LEAN = 0.6
"""Log of the GPUs a workload's prefill takes over those of its decode, at the most."""
MANY = 20
"""Fewer workloads are alike in GPUs."""
SPREAD, SPREAD_OF_FEW = 1.1, 0.35
"""Standard deviation of log GPUs of the workloads."""
MEAN_RPS, RPS_SPREAD = 5.3, 1.0
AFTERNOON, AFTERNOON_H, AFTERNOON_SPREAD_H = 0.6, 14.0, 3.0
"""Share of workloads whose peak is normal around 14:00; the others' is at any time."""
NOISE = 0.03
TYPES_IN_SPINE = (2, 3, 4)
SPINE_NOISE = 0.35
"""Of the nodes of a type in a spine, uniform to either side."""
START = datetime(2026, 11, 23)
STARTUP_S = 360
MINUTES_A_DAY = 1440
ROLES = ("prefill", "decode")


@dataclass(frozen=True)
class Shape:
    """What to make."""

    workloads: int
    spines: int
    types: int
    gpus: int
    seed: int
    intervals: int = 96
    fill: float = FILL

    @property
    def name(self) -> str:
        return f"w{self.workloads}-s{self.spines}-t{self.types}-g{self.gpus}-seed{self.seed}"


@dataclass(frozen=True)
class Case:
    """W workloads with 2 roles on G types in S spines over T intervals."""

    name: str
    usd: Floats
    """[G] a GPU-hour."""
    nodes: Ints
    """[S, G]"""
    rps: Floats
    """[W, T]"""
    gpus: Ints
    """[W, 2, G] of a replica; 0 where there is no engine."""
    gpu_rps: Floats
    """[W, 2, G] requests/s a GPU."""


def make(shape: Shape) -> Case:
    """The same case for the same shape."""
    draw = np.random.default_rng(shape.seed)
    usd = np.exp(draw.uniform(np.log(CHEAPEST_USD), np.log(DEAREST_USD), shape.types)).round(2)
    nodes = _nodes(draw, shape)
    rps = _days(draw, shape)
    gpus = _replicas(draw, shape, nodes)
    speed = _speeds(draw, usd)[None] * np.exp(draw.normal(0.0, ENGINE_NOISE, gpus.shape))
    spread = SPREAD if shape.workloads >= MANY else SPREAD_OF_FEW
    size = np.exp(draw.normal(0.0, spread, shape.workloads))
    lean = np.exp(np.outer(draw.uniform(-ROLE_LEAN, ROLE_LEAN, shape.workloads), (-0.5, 0.5)))
    gpu_rps = speed * (rps.mean(axis=1) / size)[:, None, None] * lean[:, :, None]
    return _filled(Case(shape.name, usd, nodes, rps, gpus, gpu_rps), shape.fill)


def _nodes(draw: np.random.Generator, shape: Shape) -> Ints:
    """[S, G] every spine has some of the types, every type some spine."""
    stands = np.zeros((shape.spines, shape.types), dtype=bool)
    while not stands.any(axis=0).all():
        for spine in stands:
            kinds = min(shape.types, int(draw.choice(TYPES_IN_SPINE)))
            if shape.spines <= 2:
                kinds = shape.types
            spine[:] = False
            spine[draw.choice(shape.types, kinds, replace=False)] = True
    noise = draw.uniform(1 - SPINE_NOISE, 1 + SPINE_NOISE, stands.shape)
    weight = stands * noise * draw.uniform(0.5, 1.5, shape.types)
    exact = weight / weight.sum() * (shape.gpus / NODE_GPUS)
    return np.maximum(stands, np.rint(exact)).astype(np.int64)


def _days(draw: np.random.Generator, shape: Shape) -> Floats:
    """[W, T]"""
    mean = MEAN_RPS * np.exp(draw.normal(0.0, RPS_SPREAD, shape.workloads))
    depth = draw.uniform(0.5, 1.0, shape.workloads)
    afternoon = draw.normal(AFTERNOON_H, AFTERNOON_SPREAD_H, shape.workloads)
    any_time = draw.uniform(0.0, 24.0, shape.workloads)
    peak_h = np.where(draw.random(shape.workloads) < AFTERNOON, afternoon, any_time)
    hours = np.arange(shape.intervals) * (24.0 / shape.intervals)
    wave = np.cos((hours - peak_h[:, None]) * (2 * np.pi / 24))
    noise = draw.normal(0.0, NOISE, (shape.workloads, shape.intervals))
    return np.asarray(mean[:, None] * (1 + depth[:, None] * wave) * np.maximum(0.0, 1 + noise))


def _replicas(draw: np.random.Generator, shape: Shape, nodes: Ints) -> Ints:
    """[W, 2, G] GPUs; some spine serves each workload from end to end."""
    found = np.zeros((shape.workloads, len(ROLES), shape.types), dtype=np.int64)
    least = min(2, shape.types)
    for one in found:
        size = int(draw.choice(SIZES, p=SIZE_SHARES))
        while not (
            ((one > 0).sum(axis=1) >= least).all() and (nodes @ one.T > 0).all(axis=1).any()
        ):
            offered = draw.random(one.shape) < OFFERED
            one[:] = offered * size * draw.integers(1, 3, one.shape)
    return found


def _speeds(draw: np.random.Generator, usd: Floats) -> Floats:
    """[2, G] of a GPU."""
    lean = draw.permutation(np.linspace(-LEAN, LEAN, len(usd)))
    noise = draw.normal(0.0, TYPE_NOISE, (len(ROLES), len(usd)))
    return np.asarray(usd * np.exp(np.stack([lean, -lean]) + noise))


def _filled(case: Case, fill: float) -> Case:
    """The case with capacities for which its busiest interval takes `fill` of the fleet.

    Less where the fleet could then not serve `ROOM` times the demand.
    """
    peak = Peak(case)
    low = 0.0
    scale = high = peak.most() / ROOM
    for _ in range(HALVINGS):
        over = peak.taken(scale) - fill
        if over < 0 and scale == high:
            break
        low, high = (low, scale) if over > 0 else (scale, high)
        scale = (low + high) / 2
    return replace(case, gpu_rps=case.gpu_rps / scale)


class Peak:
    """The busiest interval as a linear program: replicas divisible, starts free.

    A column is the GPUs of one type in one spine for one workload and role; one more is the scale
    of the demand.
    """

    def __init__(self, case: Case) -> None:
        need = np.where(case.gpus > 0, 1 / case.gpu_rps, np.inf).min(axis=2).sum(axis=1)
        rps = case.rps[:, int(np.argmax(need @ case.rps))]
        workloads, _, types = case.gpus.shape
        spines = len(case.nodes)
        stands = (case.gpus > 0)[:, :, None, :] & (case.nodes > 0)[None, None, :, :]
        w, r, s, g = np.nonzero(stands)
        scale = len(w)
        columns = np.arange(scale)
        reach = case.gpu_rps[w, r, g]
        prefill = r == 0

        def rows(values: Floats, at: Ints, count: int) -> coo_array:
            return coo_array((values, (at, columns)), shape=(count, scale + 1))

        demand = coo_array(
            (rps, (np.arange(workloads), np.full(workloads, scale))), shape=(workloads, scale + 1)
        )
        balance = rows(np.where(prefill, reach, -reach), w * spines + s, workloads * spines)
        served = rows(np.where(prefill, reach, 0.0), w, workloads) - demand
        held = rows(np.ones(scale), s * types + g, spines * types)
        self._usd = np.append(case.usd[g], 0.0)
        self._gpus = case.nodes.sum() * NODE_GPUS
        self._constraints = [
            LinearConstraint(vstack([balance, served]).tocsr(), 0.0, 0.0),
            LinearConstraint(held.tocsr(), -np.inf, (case.nodes * NODE_GPUS).ravel()),
        ]

    def most(self) -> float:
        """Times the demand that the fleet can serve."""
        objective = np.zeros(len(self._usd))
        objective[-1] = -1.0
        return float(self._solved(objective, 0.0, np.inf)[-1])

    def taken(self, scale: float) -> float:
        """Share of all GPUs in the cheapest use that serves `scale` times the demand."""
        return float(self._solved(self._usd, scale, scale)[:-1].sum() / self._gpus)

    def _solved(self, objective: Floats, least: float, most: float) -> Floats:
        low, high = np.zeros(len(objective)), np.full(len(objective), np.inf)
        low[-1], high[-1] = least, most
        found = milp(objective, bounds=Bounds(low, high), constraints=self._constraints)
        return np.asarray(found.x)


def write(case: Case, folder: Path) -> Path:
    """The scenario folder."""
    for name in ("profiles", "demand"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _write_yaml(folder / "fleet.yaml", _fleet(case))
    _write_yaml(folder / "scenario.yaml", _scenario(case))
    for w, curve in enumerate(case.rps):
        _write_yaml(folder / "profiles" / f"m{w:03d}.yaml", _profile(case, w))
        step = timedelta(days=1) / len(curve)
        rows = [f"{(START + step * t).isoformat()},{rps:.6g}" for t, rps in enumerate(curve)]
        text = "\n".join(["interval_start,rps", *rows, ""])
        (folder / "demand" / f"w{w:03d}.csv").write_text(text, encoding="utf-8")
    return folder


def _write_yaml(path: Path, document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document, sort_keys=False, default_flow_style=None)
    path.write_text(text, encoding="utf-8")


def _fleet(case: Case) -> dict[str, Any]:
    types = range(len(case.usd))
    return {
        "name": case.name,
        "gpu_types": [{"name": f"GPU-{g}", "memory_gib": 80} for g in types],
        "node_types": [
            {
                "name": f"type{g}",
                "gpu": f"GPU-{g}",
                "gpus": NODE_GPUS,
                "nic_gbit_per_s": 3200,
                "usd_per_gpu_hour": float(case.usd[g]),
            }
            for g in types
        ],
        "network": [
            {
                "cluster": "c",
                "spines": [
                    {
                        "spine": f"s{s}",
                        "leaves": [
                            {
                                "leaf": f"s{s}-l0",
                                "nodes": {f"type{g}": int(row[g]) for g in types if row[g]},
                            }
                        ],
                    }
                    for s, row in enumerate(case.nodes)
                ],
            }
        ],
    }


def _scenario(case: Case) -> dict[str, Any]:
    workloads, intervals = case.rps.shape
    return {
        "name": case.name,
        "fleet": "fleet.yaml",
        "horizon": {
            "start": START.date().isoformat(),
            "days": 1,
            "interval": f"{MINUTES_A_DAY // intervals}min",
            "timezone": "UTC",
            "cyclic": True,
        },
        "objective": "cost",
        "workloads": [
            {
                "name": f"w{w:03d}",
                "model": f"m{w:03d}",
                "profile": f"profiles/m{w:03d}.yaml",
                "demand": f"demand/w{w:03d}.csv",
                "requests": {"isl": 1000, "osl": 200},
                "slo": {"ttft_ms": 2000, "itl_ms": 100, "percentile": 0.95},
                "affinity": "spine",
            }
            for w in range(workloads)
        ],
    }


def _profile(case: Case, w: int) -> dict[str, Any]:
    return {
        "model": f"m{w:03d}",
        "engines": [
            {
                "name": f"{role}-type{g}",
                "role": role,
                "gpu": f"GPU-{g}",
                "gpus": int(gpus),
                "startup_s": STARTUP_S,
                "capacity_rps": float(f"{gpus * case.gpu_rps[w, r, g]:.6g}"),
                "source": {"kind": "given"},
            }
            for r, role in enumerate(ROLES)
            for g, gpus in enumerate(case.gpus[w, r])
            if gpus
        ],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="A scenario folder of the family of scale.")
    for name, value in (("workloads", 50), ("spines", 8), ("types", 4), ("gpus", 20000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--intervals", type=int, default=96, help="of one day; divides 1440")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    options = vars(parser.parse_args(arguments))
    if options["intervals"] < 1 or MINUTES_A_DAY % options["intervals"]:
        parser.error(f"--intervals {options['intervals']}: does not divide {MINUTES_A_DAY} minutes")
    out = options.pop("out")
    print(write(make(Shape(**options)), out))


if __name__ == "__main__":
    main()
