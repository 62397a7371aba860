"""Placement at 20,000 GPUs x 96 intervals: seconds, memory, and moves beside packing afresh.

    uv run --no-sync python -m tests.benchmarks.placement

2,500 nodes of 8 GPUs of four types below 8 spines of 8 leaves, some leaves and spines mixed;
100 workloads of leaf, spine and cluster affinity with replicas of 1 to 16 GPUs; nine tenths of
every leaf's, spine's and cluster's GPUs are held at their peak.
"""

import csv
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.placement import Packing
from heteroplan.verify.placement import placement_faults
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.placement.cases import Case, afresh
from tests.plans import FIGURE_5

INTERVALS = 96
TYPES = tuple(f"t{i}" for i in range(4))
SIZES = (1, 2, 4, 8, 16)
FILL = 0.9
EVERY = {Affinity.LEAF: 10, Affinity.SPINE: 3, Affinity.CLUSTER: 1}


def case() -> Scenario:
    """The fleet and its workloads; pool sizes come from `sizes`."""
    nodes: dict[str, dict[str, int]] = {}
    for spine in range(8):
        for leaf in range(8):
            if spine < 4:
                counts = {TYPES[spine]: 39}
            elif spine < 6:
                counts = {TYPES[leaf % 4]: 39}
            else:
                counts = dict.fromkeys(TYPES, 10)
            nodes[f"s{spine}-l{leaf}"] = counts
    levels = list(Affinity)
    loads = [
        workload(
            f"w{i:03d}",
            rps=(1.0,) * INTERVALS,
            affinity=levels[i % 3],
            engines=[
                engine(
                    f"{TYPES[i % 4]}-{gpus}",
                    role=Role.AGGREGATED,
                    gpu=TYPES[i % 4],
                    gpus=gpus,
                    startup_s=300.0 * (1 + i % 4),
                )
                for gpus in (SIZES[i % 5], SIZES[(i + 2) % 5])
            ],
        )
        for i in range(100)
    ]
    return scenario(
        loads,
        in_fleet=fleet(
            nodes,
            node_types=tuple(node_type(name, gpu=name) for name in TYPES),
            spines={leaf: leaf.split("-")[0] for leaf in nodes},
        ),
        interval_s=900,
    )


def sizes(of: Scenario, problem: Problem) -> Ints:
    """[P, T] a noisy day of Figure 5, pools an hour or less apart.

    Of the pools of a domain every tenth (leaf) or third (spine) is used. Leaf by leaf they grow
    to a third of FILL of the GPUs there, spine pools up to two thirds with what is below them.
    """
    random = np.random.default_rng(1)
    day = np.interp(np.arange(INTERVALS) / 4, np.arange(25), [*FIGURE_5, FIGURE_5[0]])
    pools = range(len(problem.pools))
    shape = np.array(
        [
            np.roll(day, int(random.integers(-4, 5)))
            * random.uniform(0.9, 1.1, INTERVALS)
            / problem.pools[p].gpus
            for p in pools
        ]
    )
    replicas = np.zeros((len(pools), INTERVALS), dtype=np.int64)
    for step, level in enumerate(Affinity, start=1):
        for domain, leaves in of.fleet.network.domains(level).items():
            inside = {(lower, leaf.domain(lower)) for leaf in leaves for lower in Affinity}
            for name in TYPES:
                here = [p for p in pools if problem.pools[p].node_type == name]
                own = [p for p in here if problem.pools[p].domain == domain][:: EVERY[level]]
                below = [
                    p for p in here if (problem.pools[p].level, problem.pools[p].domain) in inside
                ]
                room = 8 * sum(leaf.nodes.get(name, 0) for leaf in leaves) * FILL * step / 3
                scale = room / 3 * random.uniform(0.5, 1.5, (len(own), 1))
                while own and room:
                    replicas[own] = np.floor(scale * shape[own] + 0.5)
                    if problem.held(replicas)[below].sum(axis=0).max() <= room:
                        break
                    scale *= 0.98
    return replicas


def held(problem: Problem, replicas: Ints, pools: list[int]) -> Ints:
    """[T] GPUs of running and starting replicas of some pools."""
    some = replace(problem, pools=tuple(problem.pools[p] for p in pools))
    return np.asarray(some.held(replicas[pools]).sum(axis=0))


def write_rows(path: Path, of: Scenario, problem: Problem, packing: Packing) -> int:
    """One row an interval, replica and node; the number of rows."""
    starts = [moment.isoformat() for moment in of.horizon.boundaries()]
    rows = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for stay in packing.stays:
            pool = problem.pools[stay.pool]
            name = of.workloads[pool.workload].name
            gpus = pool.gpus // len(stay.nodes)
            for t in range(stay.first, stay.first + stay.intervals):
                for node in stay.nodes:
                    writer.writerow(
                        (
                            *(starts[t % INTERVALS], name, pool.role.value, pool.candidate),
                            *(stay.replica_id, stay.leaf, node, gpus),
                        )
                    )
                    rows += 1
    return rows


def main() -> None:
    made = case()
    engines = candidates(made)
    problem = build_problem(made, engines)
    of = Case(made, engines, problem, sizes(made, problem))
    gpus = 8 * sum(sum(leaf.nodes.values()) for leaf in made.fleet.network.leaves)
    peak = int(problem.held(of.replicas).sum(axis=0).max())
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begin = time.perf_counter()
    packing = of.packed()
    packed = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rows = write_rows(Path(folder) / "placement.csv", made, problem, packing)
    written = time.perf_counter()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{gpus} GPUs, {peak / gpus:.0%} held at the peak, {len(problem.pools)} pools")
    print(f"pack {packed - begin:.1f} s, write {rows} rows {written - packed:.1f} s")
    print(f"peak memory {peak_mib:.0f} MiB, {before_mib:.0f} MiB before")
    starts = int(problem.starts(of.replicas).sum())
    moves = sum(stay.moved for stay in packing.stays)
    print(
        f"{len(packing.stays)} stays, {starts} starts, {moves} moves, unplaced {packing.unplaced}"
    )
    for name, hours in by_priority(made, problem, packing).items():
        print(f"{hours:.0f} GPU-hours on {name} priority")
    moves, lost = afresh(of)
    print(f"each interval packed afresh: {moves} moves, {lost} replicas without room")
    begin = time.perf_counter()
    faults = list(placement_faults(of.plan(packing)))
    print(f"{len(faults)} faults, checked in {time.perf_counter() - begin:.1f} s")


def by_priority(of: Scenario, problem: Problem, packing: Packing) -> dict[str, float]:
    """GPU-hours of running and starting replicas."""
    priority = {leaf.name: of.fleet.leaf_priority(leaf) for leaf in of.fleet.network.leaves}
    found: dict[str, float] = {}
    for stay in packing.stays:
        hours = problem.pools[stay.pool].gpus * (stay.lead + stay.intervals) * problem.hours
        found[priority[stay.leaf]] = found.get(priority[stay.leaf], 0.0) + hours
    return found


if __name__ == "__main__":
    main()
