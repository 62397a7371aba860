"""The cheapest nodes of one type that end a shortage, found by solving again with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from heteroplan.clock import Stop
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.optimize.incumbent import Incumbent, incumbent, of_sizes
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.search import FOR_A_TRIAL
from heteroplan.optimize.solve import solve
from heteroplan.planning.node_worth import NodeWorth, PoolSizes, replicas_of, with_nodes

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
    sizes: PoolSizes,
    places: Sequence[NodeWorth],
    *,
    time_limit_s: float,
    stop: Stop,
) -> NodesFix | None:
    """The cheapest of the fewest nodes in each of the first `places` that end the shortage.

    `sizes` are those of the plan that is short. None where none of them does in the time.
    """
    end = monotonic() + time_limit_s
    wanted = places[:CHECKED]
    found = []
    for i, place in enumerate(wanted):
        share = (end - monotonic()) / (len(wanted) - i)
        trial = _Trial(scenario, candidates, sizes, place, monotonic() + share, stop)
        nodes = trial.fewest()
        if nodes is not None:
            shape = scenario.fleet.node_type(place.node_type)
            usd = nodes * shape.gpus * shape.usd_per_gpu_hour
            found.append(NodesFix(place.node_type, place.leaves, nodes, usd))
    return min(found, key=lambda each: each.usd_per_hour, default=None)


@dataclass(slots=True)
class _Trial:
    """More and more nodes of one type on one leaf."""

    scenario: Scenario
    candidates: Sequence[Candidate]
    sizes: PoolSizes
    place: NodeWorth
    end: float
    """On the clock of time.monotonic [s]."""
    stop: Stop

    def fewest(self) -> int | None:
        """Nodes that do: twice as many until they do, then halving what is between."""
        too_few, enough = 0, 1
        while not self._covers(enough):
            too_few, enough = enough, 2 * enough
            if enough > MOST_NODES or self._over():
                return None
        while enough - too_few > 1 and not self._over():
            middle = (too_few + enough) // 2
            if self._covers(middle):
                enough = middle
            else:
                too_few = middle
        return enough if enough - too_few == 1 else None

    def _covers(self, nodes: int) -> bool:
        left_s = self.end - monotonic()
        if left_s <= 0:
            return False
        larger = with_nodes(self.scenario, self.place.leaves[0], self.place.node_type, nodes)
        problem = build_problem(larger, self.candidates).without_stability()
        start = of_sizes(problem, replicas_of(problem, self.candidates, self.sizes))
        best: Incumbent = start
        try:
            found = solve(
                problem, gap=ANY_GAP, time_limit_s=left_s / 2, stop=self.stop,
                starts=[start.solution.replicas], without=FOR_A_TRIAL,
                beside=False,
            )  # fmt: skip
            best = min(start, incumbent(problem, found.solution), key=lambda each: each.rank)
        except NoPlanError:
            return False
        return best.covered

    def _over(self) -> bool:
        return self.stop() or monotonic() >= self.end
