"""What the nodes of a plan draw: at full load, and by what their GPUs do in each interval.

GPUs that prefill draw their TDP; those that decode less, as they wait for memory. Measured on
A100 nodes with Llama 2 70B, batches of 1 to 16: on average 0.74 of the TDP where a replica has two
GPUs, 0.60 with four, 0.43 with eight (Splitwise's table, Patel et al. 2024, MIT licence).
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heteroplan.entities.plan import Plan
from heteroplan.entities.workload import Role

DECODE_SHARES = ((2, 0.74), (4, 0.60), (8, 0.43))
"""GPUs of a replica, and the share of the TDP that each draws; more GPUs draw as eight."""
IDLE_SHARE = 0.15
"""Share of the TDP that a GPU draws which serves nothing; our choice, about 100 W of an H100's
700."""


@dataclass(frozen=True, slots=True)
class SpinePower:
    """Power of the nodes below a spine [W]."""

    spine: str
    full_load_w: float
    """All nodes at full load at once."""
    peak_w: float | None
    """Greatest draw of the plan; None where the TDP of a GPU type is not known."""
    limit_w: float | None


def decode_share(gpus: int) -> float:
    """Share of the TDP that GPUs of a decode replica of so many draw."""
    return next((share for most, share in DECODE_SHARES if gpus <= most), DECODE_SHARES[-1][1])


def spine_power(
    plan: Plan, node_watts: Mapping[str, float], limits: Mapping[str, float]
) -> tuple[SpinePower, ...]:
    """By spine, in the order of the fleet; `node_watts` by the node types of the plan's fleet."""
    fleet, intervals = plan.scenario.fleet, plan.scenario.horizon.intervals
    types = {each.name: each for each in fleet.node_types}
    above: dict[str, np.ndarray | None] = defaultdict(lambda: np.zeros(intervals))
    spine_of = {leaf.name: leaf.spine for leaf in fleet.network.leaves}
    full: dict[str, float] = dict.fromkeys(spine_of.values(), 0.0)
    beside: dict[str, float] = dict.fromkeys(full, 0.0)
    unknown = set()
    for leaf in fleet.network.leaves:
        for name, nodes in leaf.nodes.items():
            watts, tdp = node_watts.get(name), types[name].gpu.power_w
            if nodes and (watts is None or tdp is None):
                unknown.add(leaf.spine)
            elif watts is not None and tdp is not None:
                full[leaf.spine] += nodes * watts
                idle_w = types[name].gpus * tdp * IDLE_SHARE
                beside[leaf.spine] += nodes * max(0.0, watts - types[name].gpus * tdp) + (
                    nodes * idle_w
                )
    for stay in plan.stays:
        pool = plan.pools[stay.pool]
        tdp = types[pool.node_type].gpu.power_w
        if tdp is None:
            continue
        gpus = pool.gpus_per_replica
        share = decode_share(gpus) if pool.role is Role.DECODE else 1.0
        times = np.arange(stay.first - stay.lead, stay.first + stay.intervals) % intervals
        drawn = above[spine_of[stay.leaf]]
        assert drawn is not None
        drawn[np.unique(times)] += gpus * tdp * (share - IDLE_SHARE)
    return tuple(
        SpinePower(
            spine=spine,
            full_load_w=full[spine],
            peak_w=None if spine in unknown else beside[spine] + float(_peak(above[spine])),
            limit_w=limits.get(spine),
        )
        for spine in full
    )


def _peak(drawn: np.ndarray | None) -> float:
    return 0.0 if drawn is None else float(drawn.max(initial=0.0))
