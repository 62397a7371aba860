"""Nodes that fail in a horizon, as often and for as long as the fleet says."""

from dataclasses import dataclass
from datetime import UTC, timedelta

import numpy as np

from heteroplan.entities.fleet import Fleet, Outage
from heteroplan.entities.placement import node_name
from heteroplan.entities.scenario import Horizon

H_PER_DAY = 24.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A node that is away for a part of the horizon."""

    leaf: str
    node_type: str
    node: str
    start_s: float
    """Since the start of the horizon [s]; 0 where it failed before."""
    end_s: float
    """At most the end of the horizon."""


def has_failures(fleet: Fleet) -> bool:
    """Whether the fleet says of one node type how often it fails."""
    return any(each.failures is not None for each in fleet.node_types)


def drawn(fleet: Fleet, horizon: Horizon, rng: np.random.Generator) -> tuple[Failed, ...]:
    """Failures in the horizon, and those before it whose repair reaches into it.

    Moments are those of a Poisson process. A node that is away cannot fail. A horizon that goes
    round fails as one that does not.
    """
    length_h = horizon.intervals * horizon.interval_hours
    found = []
    for leaf in fleet.network.leaves:
        for shape in fleet.node_types:
            nodes = leaf.nodes.get(shape.name, 0)
            rate = shape.failures
            if rate is None or nodes == 0:
                continue
            span_h = length_h + rate.repair_hours
            mean = nodes * rate.nodes_per_1000_days / 1000.0 * span_h / H_PER_DAY
            count = int(rng.poisson(mean))
            moments_h = np.sort(rng.uniform(-rate.repair_hours, length_h, count))
            which = rng.integers(nodes, size=count)
            back_h = dict.fromkeys(range(nodes), -np.inf)
            for moment, node in zip(moments_h.tolist(), which.tolist(), strict=True):
                if moment < back_h[node]:
                    continue
                back_h[node] = moment + rate.repair_hours
                start_s, end_s = max(0.0, moment) * 3600.0, min(length_h, back_h[node]) * 3600.0
                name = node_name(leaf.name, shape.name, node)
                found.append(Failed(leaf.name, shape.name, name, start_s, end_s))
    return tuple(found)


def node_hours(failed: tuple[Failed, ...]) -> float:
    """Hours that nodes are away in the horizon, in sum."""
    return sum(each.end_s - each.start_s for each in failed) / 3600.0


def outages(failed: tuple[Failed, ...], horizon: Horizon) -> tuple[Outage, ...]:
    """The failures as a fleet writes its absences, in whole seconds."""
    start = horizon.start.astimezone(UTC)

    def at(seconds: float) -> timedelta:
        return timedelta(seconds=round(seconds))

    return tuple(
        Outage(each.leaf, each.node_type, 1, start + at(each.start_s), start + at(each.end_s))
        for each in failed
        if round(each.end_s) > round(each.start_s)
    )
