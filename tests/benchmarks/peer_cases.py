"""Problems of other planners as scenarios, with the cost that their own programs reach.

Mélange and AIBrix: a bucket of request sizes is a request class, a GPU an aggregated engine of one
GPU, and one interval of an hour. The figures per class are given as operating points, so lengths
play no part: a profile has one `capacity_rps` an engine, and these scenarios have no files.
SageServe: a model in a region is a workload on the region's only leaf, a request is a prompt token
a minute, and its current instances are what runs when the horizon starts. Both fleets hold more
than could be of use.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil
from typing import Any

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import Role
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from heteroplan.units import S_PER_HOUR
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload
from tests.realdata import DATA

PEERS = DATA / "peers"
MELANGE, SAGESERVE = "melange_grid_synthetic", "sageserve_synth_20x20x5"
RATES_RPS = (500, 5000, 50000)
NODE_GPUS = 8


@dataclass(frozen=True)
class Reference:
    """One run of a peer's program, or of a clean form of it."""

    solver: str
    cost: float
    bound: float
    seconds: float
    status: str


@dataclass(frozen=True)
class Peer:
    """A peer's problem in our terms, and what is known of its optimum."""

    name: str
    scenario: Scenario
    candidates: tuple[Candidate, ...]
    references: tuple[Reference, ...]
    """The peer's own program first."""
    kept_usd: float = 0.0
    """What the peer does not count: the cost of the current instances, were all of them kept."""

    @property
    def problem(self) -> Problem:
        return build_problem(self.scenario, self.candidates)

    def peer_cost(self, usd: float) -> float:
        """A cost of ours in the peer's objective."""
        return usd - self.kept_usd


def all_peers() -> Iterator[Peer]:
    """Every problem of Mélange's and SageServe's form."""
    for file in sorted((*PEERS.glob("melange_*.json"), *PEERS.glob("aibrix_*.json"))):
        given = read(file.stem)
        for rps in given.get("total_rps", ()):
            yield melange(file.stem, rps)
    for file in sorted(PEERS.glob("sageserve_*.json")):
        if "tokens_per_instance" in read(file.stem):
            yield sageserve(file.stem)


def melange(name: str, rps: float) -> Peer:
    """A problem of Mélange's form with its references."""
    references = _references("melange_reference", problem=name, rate_rps=rps)
    return melange_peer(f"{name}, {rps:g} requests/s", read(name), rps, references)


def sageserve(name: str) -> Peer:
    """A problem of SageServe's form with its references."""
    return sageserve_peer(name, read(name), _references("sageserve_reference", problem=name))


def melange_peer(
    name: str, given: Mapping[str, Any], rps: float, references: Sequence[Reference] = ()
) -> Peer:
    """One workload in Mélange's buckets on as many GPUs of each type as could be of use."""
    buckets = [
        (replace(SHAPE, name=f"i{i}-o{j}", share=share), i, j)
        for i, shares in enumerate(given["request_share"])
        for j, share in enumerate(shares)
        if share > 0
    ]
    gpus: dict[str, Any] = given["gpus"]
    by_class = {
        (gpu, bucket.name): gpus[gpu]["tputs_rps"][i][j]
        for gpu, (bucket, i, j) in product(gpus, buckets)
    }
    useful = {
        gpu: sum(
            rps * bucket.share / by_class[gpu, bucket.name]
            for bucket, _, _ in buckets
            if by_class[gpu, bucket.name] > 0
        )
        for gpu in gpus
    }
    made = scenario(
        [
            workload(
                "service",
                rps=[rps],
                classes=[bucket for bucket, _, _ in buckets],
                engines=[
                    engine(gpu, role=Role.AGGREGATED, gpu=gpu, gpus=1, capacity_rps=1.0)
                    for gpu in gpus
                ],
            )
        ],
        in_fleet=fleet(
            {"l": {gpu: _nodes(useful[gpu]) for gpu in gpus}},
            node_types=[_node(gpu, gpus[gpu]["usd_per_hour"]) for gpu in gpus],
        ),
    )
    return Peer(name, made, candidates(made, by_class=by_class), tuple(references))


def sageserve_peer(
    name: str, given: Mapping[str, Any], references: Sequence[Reference] = ()
) -> Peer:
    """A workload a model and region; starting an instance costs, keeping one does not."""
    prices: list[float] = given["gpu_cost"]
    demand = np.array(given["demand"], dtype=float)
    serves = np.array(given["tokens_per_instance"], dtype=float)
    current = np.array(given["current_instances"])
    startup_s = np.array(given["startup_cost"]) / prices * S_PER_HOUR
    models, regions, kinds = range(len(serves)), range(demand.shape[1]), range(len(prices))
    useful = current + np.ceil(demand[:, :, None] / serves[:, None, :])
    made = scenario(
        [
            workload(
                f"m{m}-r{r}",
                rps=[demand[m, r]],
                engines=[
                    engine(
                        f"g{g}",
                        role=Role.AGGREGATED,
                        gpu=f"g{g}",
                        gpus=1,
                        capacity_rps=serves[m, g],
                        startup_s=startup_s[m, g],
                    )
                    for g in kinds
                ],
                affinity=Affinity.LEAF,
                pin=(f"r{r}",),
            )
            for m, r in product(models, regions)
        ],
        in_fleet=fleet(
            {f"r{r}": {f"g{g}": _nodes(useful[:, r, g].sum()) for g in kinds} for r in regions},
            node_types=[_node(f"g{g}", prices[g]) for g in kinds],
        ),
        cyclic=False,
    )
    running = [
        Running(f"m{m}-r{r}", f"g{g}", f"g{g}", f"r{r}", ())
        for m, r, g in product(models, regions, kinds)
        for _ in range(current[m, r, g])
    ]
    return Peer(
        name,
        replace(made, current=tuple(running)),
        candidates(made),
        tuple(references),
        float((current * prices).sum()),
    )


def read(name: str) -> Any:
    """A file of the peers' folder."""
    return json.loads((PEERS / f"{name}.json").read_text(encoding="utf-8"))


def _node(gpu: str, usd_per_gpu_hour: float) -> Any:
    return node_type(gpu, gpu=gpu, gpus=NODE_GPUS, usd_per_gpu_hour=usd_per_gpu_hour)


def _nodes(replicas: float) -> int:
    """Nodes for one-GPU replicas, one more for what rounding adds."""
    return ceil(replicas / NODE_GPUS) + 1


def _references(name: str, **wanted: object) -> Sequence[Reference]:
    """Runs of a reference file in its order, the published programs first."""
    runs = read(name)
    return [
        Reference(
            ", ".join(str(run[key]) for key in ("solver", "form", "slice_factor") if key in run),
            run["objective"],
            run["bound"],
            run["seconds"],
            run["status"],
        )
        for run in (*runs["published"], *runs["clean"])
        if all(run.get(key) == value for key, value in wanted.items())
    ]
