"""A plan's replicas on other nodes of their leaves, so that fewer node-hours are paid.

A node by the hour is paid as a whole while anything serves on it. So what serves at the same times
shares nodes, and where a pool shrinks that replica stops whose node is empty then. Interval by
interval, from the quietest on, a small integer program says how many replicas of each pool stand on
each node, given those of the interval before: what is new on a node starts there, and holds its
GPUs already before. It is a start of the pool, or a replica that moves. `Chains` makes stays of
single replicas of these numbers.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pulp

from heteroplan.entities.network import Leaf
from heteroplan.entities.placement import Stay, node_names
from heteroplan.entities.scenario import Horizon, Scenario
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.rules.mip import INTEGER
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.units import s_to_hours

NODES, GAP = 200, 3e-3
"""Branch-and-bound nodes of one interval, and to which gap it is solved."""
START = 0.02
"""Of a node's interval, that a replica which starts on all its GPUs counts as, at least: what holds
them to start and drain counts as long as it does."""
FIRST_NODES = 1e-4
"""Of a node's interval, for each place in their order: nodes that are alike are told apart."""
CHANGED = 8
"""Nodes with room on which replicas may change in an interval, beside those on which some stop."""
SPARE = 2
"""Nodes that may run in an interval, beside those that suffice, and those of the one before."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A replica on one node."""

    place: int
    first: int
    length: int


@dataclass(frozen=True, eq=False)
class Chains:
    """Makes replicas of pieces, with identities of their own."""

    horizon: Horizon
    taken: Mapping[int, set[str]]
    """Pool -> identities of its replicas, on all leaves."""

    @classmethod
    def of(cls, horizon: Horizon, stays: Sequence[Stay]) -> "Chains":
        taken = defaultdict[int, set[str]](set)
        for stay in stays:
            taken[stay.pool].add(stay.replica_id)
        return cls(horizon, taken)

    def stays(
        self,
        standing: Mapping[int, Ints],
        leaf: str,
        names: Sequence[str],
        leads: Mapping[int, int],
        old: Sequence[Stay],
    ) -> list[Stay]:
        """Of replicas [nodes, T] of each pool, with the identities of old ones.

        Of each pool some interval has only those that always run where they are. A replica that
        starts while another one of its pool stops is that one, which moves.
        """
        found = list[Stay]()
        for p, counts in standing.items():
            free = sorted({stay.replica_id for stay in old if stay.pool == p})
            for chain in self._joined(_pieces(counts, self.horizon.cyclic)):
                identity = free.pop(0) if free else self._new(p)
                found += [
                    Stay(
                        pool=p,
                        replica_id=identity,
                        leaf=leaf,
                        nodes=(names[piece.place],),
                        first=piece.first,
                        intervals=piece.length,
                        lead=self._lead(piece, leads[p]),
                        moved=piece is not chain[0],
                    )
                    for piece in chain
                ]
        return found

    def _lead(self, piece: Piece, lead: int) -> int:
        """None of one that always runs, nor before the horizon."""
        if self.horizon.cyclic:
            return 0 if piece.length == self.horizon.intervals else lead
        return min(lead, piece.first)

    def _new(self, p: int) -> str:
        """An identity that no replica of a pool has."""
        stem = min(self.taken[p]).rpartition("/")[0]
        number = 1
        while f"{stem}/{number}" in self.taken[p]:
            number += 1
        self.taken[p].add(f"{stem}/{number}")
        return f"{stem}/{number}"

    def _joined(self, pieces: Sequence[Piece]) -> list[list[Piece]]:
        """Pieces of one pool as replicas: where some end as others begin, those that ran least
        move; the rest stops."""
        intervals, chains = self.horizon.intervals, {piece: [piece] for piece in pieces}
        begins, ends = defaultdict[int, list[Piece]](list), defaultdict[int, list[Piece]](list)
        for piece in pieces:
            if piece.length == intervals and self.horizon.cyclic:
                continue
            begins[piece.first].append(piece)
            end = piece.first + piece.length
            if self.horizon.cyclic or end < intervals:
                ends[end % intervals].append(piece)
        for t in range(intervals):
            leaving = sorted(ends[t], key=lambda piece: sum(each.length for each in chains[piece]))
            for one, other in zip(leaving, begins[t], strict=False):
                joined = chains[one] + chains[other]
                chains |= dict.fromkeys(joined, joined)
        return [chain for piece, chain in chains.items() if chain[-1] is piece]


def _pieces(counts: Ints, cyclic: bool) -> list[Piece]:
    """Of replicas [nodes, T] of one pool: on a node the one that came last goes first."""
    found = []
    for place, over_time in enumerate(counts):
        for level in range(int(over_time.max(initial=0))):
            there = over_time > level
            if there.all():
                found.append(Piece(place, 0, len(there)))
                continue
            earlier = np.roll(there, 1)
            if not cyclic:
                earlier[0] = False
            for first in np.flatnonzero(there & ~earlier).tolist():
                later = np.roll(there, -first)
                if not cyclic:
                    later[len(there) - first :] = False
                found.append(Piece(place, first, int(np.argmin(later))))
    return found


type Stand = dict[tuple[int, int], pulp.LpVariable]
"""(pool, node) -> replicas."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a replica of a pool takes, and how long a node is paid for its start and drain."""

    node_type: str
    gpus: int
    pause_s: float
    lead: int = 0
    """Intervals before it serves in which a replica that starts holds its GPUs."""


def together(
    scenario: Scenario,
    shapes: Sequence[Shape],
    stays: Sequence[Stay],
    node_types: Collection[str],
    effort: Effort | None = None,
) -> tuple[Stay, ...]:
    """The stays of replicas, `shapes` by pool, on fewer node-hours of some node types.

    Of a leaf and node type they are as they were where that costs no less, or time ran out. So are
    replicas of several nodes, and those that move from leaf to leaf.
    """
    leaves: dict[tuple[int, str], set[str]] = {}
    for stay in stays:
        leaves.setdefault((stay.pool, stay.replica_id), set()).add(stay.leaf)
    chains = Chains.of(scenario.horizon, stays)
    found = list[Stay]()
    for leaf in scenario.fleet.network.leaves:
        here = [stay for stay in stays if stay.leaf == leaf.name]
        for node_type in dict.fromkeys(shapes[stay.pool].node_type for stay in here):
            mine = [stay for stay in here if shapes[stay.pool].node_type == node_type]
            if node_type in node_types:
                fixed = [
                    stay
                    for stay in mine
                    if len(stay.nodes) > 1 or len(leaves[stay.pool, stay.replica_id]) > 1
                ]
                free = [stay for stay in mine if stay not in fixed]
                shelf = Shelf.of(scenario, shapes, leaf, node_type, fixed)
                mine = fixed + shelf.cheaper(free, chains, effort or Effort())
            found += mine
    return tuple(found)


@dataclass(eq=False)
class Shelf:
    """Nodes of one type on one leaf, and what stands on them when."""

    names: tuple[str, ...]
    shapes: Sequence[Shape]
    """Of all pools."""
    cyclic: bool
    size: int
    """GPUs of a node."""
    left: Ints
    """[nodes, T] GPUs that nothing holds."""
    paid: np.ndarray
    """[nodes, T] whether what stays where it is serves on the node."""
    pause: float
    """Intervals that a node is paid for once it runs again, to start and to drain."""
    standing: dict[int, Ints] = field(default_factory=dict)
    """Pool -> [nodes, T] replicas that serve."""
    base: dict[int, Ints] = field(default_factory=dict)
    """Pool -> [nodes] of them that always do."""

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        shapes: Sequence[Shape],
        leaf: Leaf,
        node_type: str,
        fixed: Sequence[Stay],
    ) -> "Shelf":
        """Nodes on which some replicas stay where they are."""
        horizon, fleet = scenario.horizon, scenario.fleet
        names, size = node_names(leaf, node_type), fleet.node_type(node_type).gpus
        there = np.zeros((len(names), horizon.intervals), dtype=np.int64)
        for t, (start, end) in enumerate(pairwise(horizon.boundaries())):
            there[: fleet.nodes_available(leaf, node_type, start, end), t] = size
        pause_s = max((each.pause_s for each in shapes if each.node_type == node_type), default=0.0)
        pause = s_to_hours(pause_s) / horizon.interval_hours
        paid = np.zeros(there.shape, dtype=np.bool_)
        made = cls(names, shapes, horizon.cyclic, size, there, paid, pause)
        for stay in fixed:
            for name in stay.nodes:
                place = names.index(name)
                made.left[place, made.times(stay, stay.lead)] -= min(size, shapes[stay.pool].gpus)
                made.paid[place, made.times(stay, 0)] = True
        return made

    @property
    def intervals(self) -> int:
        return int(self.left.shape[1])

    def times(self, stay: Stay, lead: int) -> Ints:
        """In which it serves, or holds GPUs."""
        times = np.arange(stay.first - lead, stay.first + stay.intervals)
        if self.cyclic:
            return times % self.intervals
        return times[(times >= 0) & (times < self.intervals)]

    def cheaper(self, free: Sequence[Stay], chains: Chains, effort: Effort) -> list[Stay]:
        """The stays of replicas where they cost least; as they are where no others cost less."""
        before = self._counted(free)
        wanted = {p: counts.sum(axis=0) for p, counts in before.items()}
        if not wanted or not self._placed(wanted, effort):
            return list(free)
        leads = {p: self.shapes[p].lead for p in wanted}
        found = chains.stays(self.standing, free[0].leaf, self.names, leads, free)
        saved = self._cost(before) - self._cost(self.standing)
        moves = sum(stay.moved for stay in found) - sum(stay.moved for stay in free)
        return found if saved > ROUNDING or (saved > -ROUNDING and moves < 0) else list(free)

    def _counted(self, stays: Sequence[Stay]) -> dict[int, Ints]:
        found: dict[int, Ints] = {}
        for stay in stays:
            counts = found.setdefault(stay.pool, np.zeros_like(self.left))
            counts[self.names.index(stay.nodes[0]), self.times(stay, 0)] += 1
        return found

    def _cost(self, standing: dict[int, Ints]) -> float:
        """Intervals that are paid."""
        running = self.paid | np.any([counts > 0 for counts in standing.values()], axis=0)
        earlier = np.roll(running, 1, axis=1)
        if not self.cyclic:
            earlier[:, 0] = False
        return float(running.sum() + self.pause * (running & ~earlier).sum())

    def _placed(self, wanted: dict[int, Ints], effort: Effort) -> bool:
        """Replicas wanted of each pool on nodes, in all intervals; False where they find no room.

        Those of a pool that always run stay where they are. The last interval before the first one,
        where days repeat, knows what comes then.
        """
        self.standing = {p: np.zeros_like(self.left) for p in wanted}
        if not self._based(wanted):
            return False
        gpus = sum(self.shapes[p].gpus * counts for p, counts in wanted.items())
        first = int(np.argmin(gpus)) if self.cyclic else 0
        for ahead in range(self.intervals):
            t = (first + ahead) % self.intervals
            last = self.cyclic and ahead == self.intervals - 1 > 0
            before = (t - 1) % self.intervals if ahead else None
            after = first if last else None
            if effort.over() or not any(
                Transition(self, wanted, t, before, after, calm=calm).solve()
                for calm in (True, False)
            ):
                return False
            for p, counts in self.standing.items():
                self.left[:, t] -= self.shapes[p].gpus * counts[:, t]
            if before is not None:
                self._hold_starts(t, before)
            if last:
                self._hold_starts(first, t)
        return bool((self.left >= 0).all())

    def _based(self, wanted: dict[int, Ints]) -> bool:
        """Put what always runs on nodes with room for it; False where there is none."""
        room = self.left.min(axis=1)
        for p in sorted(wanted, key=lambda p: -self.shapes[p].gpus):
            base = np.zeros(len(self.names), dtype=np.int64)
            for _ in range(int(wanted[p].min())):
                able = np.flatnonzero(room >= self.shapes[p].gpus)
                if not len(able):
                    return False
                place = min(able.tolist(), key=lambda v: (not self.paid[v].all(), v))
                base[place] += 1
                room[place] -= self.shapes[p].gpus
            self.base[p] = base
        return True

    def _hold_starts(self, t: int, earlier: int) -> None:
        for p, counts in self.standing.items():
            new = np.maximum(0, counts[:, t] - counts[:, earlier])
            for at in range(t - self.shapes[p].lead, t):
                if self.cyclic or at >= 0:
                    self.left[:, at % self.intervals] -= self.shapes[p].gpus * new


class Transition:
    """The program of one interval beside those before and after it that are known."""

    def __init__(
        self,
        shelf: Shelf,
        wanted: dict[int, Ints],
        t: int,
        before: int | None,
        after: int | None,
        *,
        calm: bool,
    ) -> None:
        """Where `calm`, most nodes stay as they were before."""
        self.shelf, self.wanted, self.t, self.before, self.after = shelf, wanted, t, before, after
        self.lp = pulp.LpProblem("nodes", pulp.LpMinimize)
        ran = np.any([base > 0 for base in shelf.base.values()], axis=0)
        for at in (before, after):
            for counts in shelf.standing.values() if at is not None else ():
                ran |= shelf.paid[:, at] | (counts[:, at] > 0)
        self.ran = ran
        idle = np.flatnonzero(~ran & (shelf.left[:, t] > 0))
        more = max(0, self._needed() - int((ran & (shelf.left[:, t] > 0)).sum())) + SPARE
        self.still = self._still(calm=calm)
        self.places = [*np.flatnonzero(ran & ~self.still).tolist(), *idle[:more].tolist()]

    def _still(self, *, calm: bool) -> np.ndarray:
        """[nodes] whether what stands on one stays as it was."""
        shelf = self.shelf
        if not calm or self.before is None or self.after is not None:
            return np.zeros(len(shelf.names), dtype=np.bool_)
        gpus = sum(shelf.shapes[p].gpus * n[:, self.before] for p, n in shelf.standing.items())
        room = shelf.left[:, self.t] - gpus
        order = np.argsort(-room, kind="stable")
        changed = set(order[(self.ran & (room > 0))[order]][:CHANGED].tolist())
        changed |= set(np.flatnonzero(room < 0).tolist())
        for p, n in shelf.standing.items():
            over = n[:, self.before] - shelf.base[p]
            fewer = int(n[:, self.before].sum() - self.wanted[p][self.t])
            for v in order[(over > 0)[order]].tolist() if fewer > 0 else ():
                changed.add(v)
                fewer -= int(over[v])
                if fewer <= -int(over[v]):
                    break
        still = self.ran & (gpus > 0)
        still[list(changed)] = False
        return still

    def _gpus(self, t: int) -> int:
        return sum(self.shelf.shapes[p].gpus * int(n[t]) for p, n in self.wanted.items())

    def _needed(self) -> int:
        """Nodes that serve what is wanted, with room for what starts on no other node then."""
        shelf, t = self.shelf, self.t
        later = t + 1
        nodes = -(-self._gpus(t) // shelf.size)
        if not shelf.cyclic and later == shelf.intervals:
            return nodes
        later %= shelf.intervals
        starts = sum(
            shelf.shapes[p].gpus * max(0, int(n[later] - n[t]))
            for p, n in self.wanted.items()
            if shelf.shapes[p].lead > 0
        )
        new = max(0, -(-self._gpus(later) // shelf.size) - nodes)
        return max(nodes, -(-(self._gpus(t) + starts) // shelf.size) - new)

    def solve(self) -> bool:
        """Write the replicas of the interval; False where they find no room."""
        shelf, t = self.shelf, self.t
        on = {v: self.lp.add_variable(f"on_{v}", 0, 1, INTEGER) for v in self.places}
        stand = {
            (p, v): self.lp.add_variable(f"m_{p}_{v}", int(shelf.base[p][v]), shelf.size, INTEGER)
            for p in self.wanted
            for v in self.places
        }
        for p, counts in self.wanted.items():
            there = shelf.standing[p]
            there[self.still, t] = there[self.still, self.before or 0]
            total = pulp.lpSum(stand[p, v] for v in self.places)
            self.lp.addConstraint(total == int(counts[t] - there[self.still, t].sum()))
        cost = [on[v] * (1.0 + FIRST_NODES * i) for i, v in enumerate(self.places)]
        cost += [on[v] * shelf.pause for v in self.places if not self.ran[v]]
        for v in self.places:
            held = pulp.lpSum(shelf.shapes[p].gpus * stand[p, v] for p in self.wanted)
            if shelf.paid[v, t]:
                on[v].lowBound = 1
            self.lp.addConstraint(held <= int(max(0, shelf.left[v, t])) * on[v])
            for known, later in ((self.before, False), (self.after, True)):
                if known is not None:
                    cost.append(self._starts(stand, v, later=later))
        needed = self._needed() - int(self.still.sum())
        if len(self.places) >= needed > -(-self._gpus(t) // shelf.size) - int(self.still.sum()):
            self.lp.addConstraint(pulp.lpSum(on.values()) >= needed)
        self.lp.setObjective(pulp.lpSum(cost))
        if not solver.run(self.lp, Effort(gap=GAP, nodes=NODES), integer=True).has_solution:
            return False
        for (p, v), count in stand.items():
            shelf.standing[p][v, t] = round(count.varValue or 0.0)
        return True

    def _starts(self, stand: Stand, v: int, *, later: bool) -> pulp.LpAffineExpression:
        """The cost of what starts on a node for the interval, or for the `later` one; there is room
        for it before."""
        shelf, new = self.shelf, {}
        other, sign = (self.after, -1) if later else (self.before, 1)
        for p in self.wanted:
            new[p] = self.lp.add_variable(f"up_{p}_{v}_{later}", 0)
            more = stand[p, v] - int(shelf.standing[p][v, other])
            self.lp.addConstraint(new[p] >= sign * more)
        leads = {p: shelf.shapes[p].lead for p in self.wanted}
        for ahead in range(1, 1 + min(1 if later else shelf.intervals, max(leads.values()))):
            held = [shelf.shapes[p].gpus * up for p, up in new.items() if leads[p] >= ahead]
            if later:
                held += [shelf.shapes[p].gpus * stand[p, v] for p in self.wanted]
            at = self.t - ahead + later
            if shelf.cyclic or at >= 0:
                most = int(max(0, shelf.left[v, at % shelf.intervals]))
                self.lp.addConstraint(pulp.lpSum(held) <= most)
        usual = max(START, shelf.pause) / shelf.size
        return pulp.lpSum(usual * shelf.shapes[p].gpus * up for p, up in new.items())
