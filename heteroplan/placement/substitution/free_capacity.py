"""Replicas on their nodes as they grow and go, and the GPUs that are left on all nodes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.program.mix import group_cover, safe_share
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules import open_pools
from heteroplan.placement.before import is_known, left_on_nodes
from heteroplan.placement.first_fit import Footprint, Placed
from heteroplan.placement.identity import identified, of_one_pool
from heteroplan.placement.lifetimes import Lifetime
from heteroplan.placement.nodes import Hold, Nodes, nodes_of
from heteroplan.placement.pack import Packing, footprint_of, stay_of


@dataclass(frozen=True, slots=True)
class Extension:
    """A piece to add, or to put in the place of another, so that a pool serves one more."""

    piece: Placed
    instead: Placed | None
    hold: Hold
    """GPUs that it takes beside those held already."""


@dataclass(slots=True, eq=False)
class FreeCapacity:
    """Pieces, and the GPUs left on all nodes.

    Which of a pool's pieces are one replica is said at last (`packed`): one that ends where another
    begins goes on as it.
    """

    candidates: Sequence[Candidate]
    problem: Problem
    replicas: Ints
    """[P, T]"""
    nodes: dict[str, Nodes]
    """By node type. Where it is known what runs before the horizon, the last interval is that
    before the first one."""
    footprints: Sequence[Footprint]
    """[P]"""
    pieces: list[list[Placed]]
    """[P]"""

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        candidates: Sequence[Candidate],
        problem: Problem,
        replicas: Ints,
        packing: Packing,
    ) -> "FreeCapacity":
        """What is packed of `replicas` [P, T]."""
        types = dict.fromkeys(pool.node_type for pool in problem.pools)
        nodes = {name: nodes_of(scenario, name) for name in types}
        index = {name: {node: i for i, node in enumerate(nodes[name].names)} for name in types}
        footprints = [footprint_of(nodes[pool.node_type], pool) for pool in problem.pools]
        if is_known(problem):
            left = left_on_nodes(scenario, candidates, problem, nodes, packing.stays)
            nodes = {name: _with_last(on, left[name]) for name, on in nodes.items()}
        pieces: list[list[Placed]] = [[] for _ in problem.pools]
        free_capacity = cls(candidates, problem, replicas.copy(), nodes, footprints, pieces)
        numbers: dict[str, int] = {}
        for stay in packing.stays:
            number = numbers.setdefault(stay.replica_id, len(numbers) + 1)
            life = Lifetime(stay.pool, number, stay.first, stay.intervals)
            at = index[problem.pools[stay.pool].node_type]
            spot = tuple(at[name] for name in stay.nodes)
            piece = Placed(life, stay.first, stay.intervals, stay.lead, spot, stay.moved)
            hold = free_capacity._hold(
                stay.pool, stay.first - stay.lead, stay.first + stay.intervals
            )
            free_capacity._nodes(stay.pool).take(spot, hold)
            pieces[stay.pool].append(piece)
        for each in packing.unplaced:
            free_capacity.replicas[each.pool, free_capacity.times(each.first, each.intervals)] -= 1
        return free_capacity

    def packed(self) -> Packing:
        """All pieces, as stays of replicas."""
        problem = self.problem
        pieces = identified(chain(*self.pieces), problem.intervals, cyclic=problem.cyclic)
        stays = (
            stay_of(self.candidates, problem, self._nodes(piece.life.pool), piece)
            for piece in pieces
        )
        return Packing(tuple(stays), ())

    def times(self, first: int, count: int) -> Ints:
        """Intervals of the horizon."""
        return np.arange(first, first + count) % self.problem.intervals

    def missing(self, w: int, t: int) -> float:
        """Share of a workload's demand that is left unserved in an interval."""
        if not self.problem.workloads[w].rps[:, t].any():
            return 0.0
        groups = self.problem.groups(w).values()
        cover = sum(group_cover(self.problem, pools, self.replicas)[t] for pools in groups)
        missing = 1.0 - min(cover, safe_share(self.problem, w, self.replicas)[t])
        return float(missing) if missing > COVER_TOLERANCE else 0.0

    def serve_more(self, pool: int, t: int) -> bool:
        """One replica more in an interval; False without room, or where a rule closes the pool.

        And where one replica would have to go on for more than a cyclic day.
        """
        way = self.way(pool, t)
        w = self.problem.pools[pool].workload
        if way is None or pool not in open_pools(self.problem, w, self.replicas):
            return False
        pieces = [piece for piece in self.pieces[pool] if piece is not way.instead]
        pieces.append(way.piece)
        length, cyclic = self.problem.intervals, self.problem.cyclic
        if of_one_pool(pieces, length, cyclic=cyclic) is None:
            return False
        self._nodes(pool).take(way.piece.spot, way.hold)
        self.pieces[pool] = pieces
        self.replicas[pool, t] += 1
        return True

    def way(self, pool: int, t: int) -> Extension | None:
        """One stops later or starts earlier; or one serves on nodes of its own."""
        length, cyclic = self.problem.intervals, self.problem.cyclic
        after = (t + 1) % length if cyclic else t + 1
        mine = [each for each in self.pieces[pool] if each.intervals < length or not cyclic]
        ends = (t, t + length) if cyclic else (t,)
        ending = [each for each in mine if each.first + each.intervals in ends]
        starting = [] if ending else [each for each in mine if each.first == after]
        for piece in ending or starting:
            longer = replace(piece, intervals=piece.intervals + 1)
            hold = self._hold(pool, t, t + 1)
            if starting:
                lead = self._lead(pool, t)
                longer = replace(longer, first=t, lead=lead)
                hold = self._hold(pool, t - lead - self._early(pool, t), t + 1 - piece.lead)
            if longer.intervals < length and self._nodes(pool).has_room(piece.spot, hold):
                return Extension(longer, piece, hold)
        return self._new(pool, t)

    def _new(self, pool: int, t: int) -> Extension | None:
        footprint, lead = self.footprints[pool], self._lead(pool, t)
        hold = self._hold(pool, t - lead - self._early(pool, t), t + 1)
        spot = self._nodes(pool).find(footprint.rows, footprint.count, hold)
        if spot is None:
            return None
        number = 1 + max((piece.life.number for piece in self.pieces[pool]), default=0)
        return Extension(Placed(Lifetime(pool, number, t, 1), t, 1, lead, spot), None, hold)

    def _nodes(self, pool: int) -> Nodes:
        return self.nodes[self.problem.pools[pool].node_type]

    def _lead(self, pool: int, t: int) -> int:
        """Intervals in which one that starts to serve at `t` holds GPUs before."""
        lead = self.problem.pools[pool].lead
        if self.problem.cyclic:
            return 0 if self.problem.intervals == 1 else lead
        return min(lead, t)

    def _early(self, pool: int, t: int) -> int:
        """1 where one that starts to serve at `t` holds GPUs before the horizon, which counts."""
        return int(is_known(self.problem) and t < self.problem.pools[pool].lead)

    def _hold(self, pool: int, begin: int, end: int) -> Hold:
        times = np.arange(begin, end)
        return Hold.of(self.footprints[pool].share, times, len(self._nodes(pool).free))


def _with_last(nodes: Nodes, free: Ints) -> Nodes:
    """The nodes with one interval more, after the last one."""
    return replace(nodes, free=np.vstack([nodes.free, np.maximum(0, free)]).astype(np.int32))
