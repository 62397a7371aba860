"""The cheapest nodes of one type that end a shortage, found by solving again with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from heteroplan.clock import Late, Stop
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.incumbent import of_sizes
from heteroplan.optimize.program.build import build_problem
from heteroplan.planning.assemble import SizedPool, sizes_of
from heteroplan.planning.node_worth import NodeWorth, improved, with_nodes

CHECKED = 3
"""Places that are tried."""
MOST_NODES = 64
"""Nodes that are tried in one place."""
ANY_GAP = 1.0
"""A plan that serves everything will do, whatever it costs."""


@dataclass(frozen=True, slots=True)
class NodesFix:
    """Nodes with which a plan serves all demand, before replicas stand on nodes."""

    node_type: str
    leaves: tuple[str, ...]
    """On any of which they would stand."""
    nodes: int
    usd_per_hour: float
    """Of all of them."""


def nodes_fix(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    pools: Sequence[SizedPool],
    places: Sequence[NodeWorth],
    *,
    time_limit_s: float,
    stop: Stop,
) -> NodesFix | None:
    """The cheapest of the fewest nodes in each of the first `places` that end the shortage.

    `pools` are those of the plan that is short. None where none of them does in the time.
    """
    end = monotonic() + time_limit_s
    wanted = places[:CHECKED]
    found = []
    for i, place in enumerate(wanted):
        share = (end - monotonic()) / (len(wanted) - i)
        late = Late(stop, monotonic() + share)
        nodes = _fewest(scenario, candidates, pools, place, late)
        if nodes is not None:
            shape = scenario.fleet.node_type(place.node_type)
            usd = nodes * shape.gpus * shape.usd_per_gpu_hour
            found.append(NodesFix(place.node_type, place.leaves, nodes, usd))
    return min(found, key=lambda each: each.usd_per_hour, default=None)


def _fewest(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    pools: Sequence[SizedPool],
    place: NodeWorth,
    late: Late,
) -> int | None:
    """Nodes in a place that do: twice as many until they do, then halving what is between."""

    def covers(nodes: int) -> bool:
        left_s = late.seconds_left
        if left_s <= 0:
            return False
        larger = with_nodes(scenario, place.leaves[0], place.node_type, nodes)
        problem = build_problem(larger, candidates).without_stability()
        start = of_sizes(problem, sizes_of(problem, candidates, pools))
        return improved(problem, start, left_s / 2, late.stop, gap=ANY_GAP).covered

    too_few, enough = 0, 1
    while not covers(enough):
        too_few, enough = enough, 2 * enough
        if enough > MOST_NODES or late():
            return None
    while enough - too_few > 1 and not late():
        middle = (too_few + enough) // 2
        if covers(middle):
            enough = middle
        else:
            too_few = middle
    return enough if enough - too_few == 1 else None
