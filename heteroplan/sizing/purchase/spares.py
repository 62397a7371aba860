"""Spare nodes: as many as fail at once, most of the time."""

import math
from collections.abc import Mapping

import numpy as np

from heteroplan.entities.purchasing import HOURS_PER_YEAR, Spares

MOST_SPARES = 100_000
"""Of a node type."""


def spare_nodes(nodes: int, spares: Spares) -> int:
    """Nodes beyond `nodes` so that as many serve in `confidence` of the time.

    Failures come one after the other on average `failures_per_node_year` times a year on each node
    and take `repair_hours`; so the nodes that are away at a moment have a Poisson distribution of
    mean nodes x rate x repair time, whatever the distribution of repair times. Spares fail as well.
    """
    away_a_node = spares.failures_per_node_year * spares.repair_hours / HOURS_PER_YEAR
    found = 0
    while found < MOST_SPARES:
        needed = _quantile((nodes + found) * away_a_node, spares.confidence)
        if needed <= found:
            return found
        found = needed
    return found


def spares_of(nodes: Mapping[str, int], spares: Mapping[str, Spares]) -> dict[str, int]:
    """Spare nodes by node type, of so many nodes of each."""
    return {name: spare_nodes(nodes.get(name, 0), each) for name, each in spares.items()}


def _quantile(mean: float, share: float) -> int:
    """Of a Poisson distribution."""
    from scipy.special import pdtr

    if mean <= 0.0:
        return 0
    counts = np.arange(int(mean + 40.0 * math.sqrt(mean) + 40.0))
    return int(np.searchsorted(pdtr(counts, mean), share))
