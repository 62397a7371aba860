"""Replicas on their nodes as they grow and go, and the GPUs that are left on all nodes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.one_workload import is_plain
from heteroplan.optimize.program.mix import group_cover, safe_share
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.program.supply import Places
from heteroplan.optimize.rules import open_pools
from heteroplan.placement.first_fit import Footprint, Placed
from heteroplan.placement.identity import Turns, identified, replicas_of, turns_of
from heteroplan.placement.lifetimes import Lifetime
from heteroplan.placement.nodes import Hold, Nodes, nodes_of
from heteroplan.placement.pack import Packing, footprint_of, stay_of


@dataclass(frozen=True, slots=True)
class Extension:
    """A piece to add, or to put in the place of another, so that a pool serves one more."""

    piece: Placed
    instead: int | None
    """Number of the other."""
    hold: Hold
    """GPUs that it takes beside those held already."""


class Cut(NamedTuple):
    """A piece that serves less, so that another finds room."""

    number: int
    served: list[int]
    """Intervals in which it serves."""
    before: int
    """For how many of these it still does at their beginning."""
    after: int
    """And at their end."""

    @property
    def lost(self) -> list[int]:
        """Intervals in which it no longer serves."""
        return self.served[self.before : len(self.served) - self.after]


class Part(NamedTuple):
    """A cut, and what it gives of the room that a replica wants."""

    cut: Cut
    spot: tuple[int, ...]
    """Nodes, numbered from the first on which the replica may stand."""
    wanted: int
    """GPUs of one of these that the replica lacks at most."""
    gives: int
    """GPUs of each that the cut frees."""
    lost: int
    """GPUs times intervals in which they no longer serve."""


@dataclass(slots=True, eq=False)
class FreeCapacity:
    """Pieces by number, and the GPUs left on all nodes.

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
    plain: Sequence[bool]
    """[W] whether nothing but demand and supply ties the sizes of a workload's pools."""
    pieces: dict[int, Placed] = field(default_factory=dict)
    of_pool: dict[int, tuple[int, ...]] = field(default_factory=dict)
    added: int = 0
    """Pieces so far, those that went included."""
    lacking: dict[int, Floats] = field(default_factory=dict)
    """Workload -> [T] share of its demand that is left unserved, of those asked for since they
    last changed."""
    covers: dict[tuple[int, str], Floats] = field(default_factory=dict)
    """Workload and group -> [T] share of the demand that it can serve, likewise."""
    turns: dict[int, Turns] = field(default_factory=dict)
    """By pool, likewise."""
    needs: dict[int, Floats] = field(default_factory=dict)
    """Workload with several classes -> [T] share of its demand that `replicas` have capacity for
    in the mix, where that is not all of it. If classes are served apart they serve more."""

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
        place = Places(scenario)
        nodes = {name: nodes_of(place, name) for name in types}
        index = {name: {node: i for i, node in enumerate(on.names)} for name, on in nodes.items()}
        footprints = [footprint_of(nodes[pool.node_type], pool) for pool in problem.pools]
        plain = [is_plain(problem, w) for w in range(len(problem.workloads))]
        if problem.before is not None:
            for name, on in nodes.items():
                left = np.maximum(0, packing.left_before[name])
                nodes[name] = replace(on, free=np.vstack([on.free, left]).astype(np.int32))
        free_capacity = cls(candidates, problem, replicas.copy(), nodes, footprints, plain)
        numbers: dict[str, int] = {}
        for stay in packing.stays:
            number = numbers.setdefault(stay.replica_id, len(numbers) + 1)
            life = Lifetime(stay.pool, number, stay.first, stay.intervals)
            at = index[problem.pools[stay.pool].node_type]
            spot = tuple(at[name] for name in stay.nodes)
            piece = Placed(life, stay.first, stay.intervals, stay.lead, spot, stay.moved)
            free_capacity._add(piece, free_capacity._held_by(piece))
        for w, work in enumerate(problem.workloads):
            if len(work.rps) > 1:
                missing = free_capacity._lacking(w, free_capacity._covers(w), replicas)
                if missing.any():
                    free_capacity.needs[w] = 1.0 - missing
        free_capacity.covers.clear()
        for each in packing.unplaced:
            free_capacity.replicas[each.pool, problem.times(each.first, each.intervals)] -= 1
        return free_capacity

    def copy(self) -> "FreeCapacity":
        """A copy of this state; what changes in one does not in the other."""
        return replace(
            self,
            replicas=self.replicas.copy(),
            nodes={name: nodes.copy() for name, nodes in self.nodes.items()},
            pieces=dict(self.pieces),
            of_pool=dict(self.of_pool),
            lacking=dict(self.lacking),
            covers=dict(self.covers),
            turns=dict(self.turns),
        )

    def packed(self) -> Packing:
        """All pieces, as stays of replicas."""
        problem = self.problem
        pieces, left_out = identified(
            self.pieces.values(), problem.intervals, cyclic=problem.cyclic
        )
        assert not left_out
        stays = [
            stay_of(self.candidates, problem, self._nodes(piece.life.pool), piece)
            for piece in pieces
        ]
        return Packing(tuple(sorted(stays, key=lambda stay: stay.pool)), ())

    def missing(self, w: int, t: int) -> float:
        """Share of a workload's demand that is left unserved in an interval."""
        if w not in self.lacking:
            self.lacking[w] = self._lacking(w, self._covers(w), self.replicas)
        return float(self.lacking[w][t])

    def _covers(self, w: int) -> dict[str, Floats]:
        """[T] share of a workload's demand that each of its groups can serve."""
        groups = self.problem.groups(w)
        for name in groups:
            if (w, name) not in self.covers:
                self.covers[w, name] = group_cover(self.problem, groups[name], self.replicas)
        return {name: self.covers[w, name] for name in groups}

    def _lacking(self, w: int, covers: dict[str, Floats], replicas: Ints) -> Floats:
        """[T] share of a workload's demand that `replicas` [P, T] leave, whose groups cover [T]."""
        cover = np.sum(list(covers.values()), axis=0)
        served = np.minimum(cover, safe_share(self.problem, w, replicas))
        need = self.needs.get(w, 1.0)
        missing = np.where(self.problem.workloads[w].rps.any(axis=0), need - served, 0.0)
        return np.where(missing > COVER_TOLERANCE, missing, 0.0)

    def _changed(self, pool: int, times: int | list[int], by: int) -> None:
        """So many more replicas of a pool in some intervals."""
        spec = self.problem.pools[pool]
        self.replicas[pool, times] += by
        self.turns.pop(pool, None)
        self.covers.pop((spec.workload, spec.group), None)
        self.lacking.pop(spec.workload, None)

    def would_help(self, pool: int, t: int, fewer: Sequence[int]) -> bool:
        """Whether more is served in `t` with one more of `pool` and one less of each of `fewer`."""
        w, replicas = self.problem.pools[pool].workload, self.replicas.copy()
        replicas[pool, t] += 1
        for p in fewer:
            replicas[p, t] -= 1
        groups = self.problem.groups(w)
        changed = {self.problem.pools[p].group for p in (pool, *fewer)}
        covers = {name: group_cover(self.problem, groups[name], replicas) for name in changed}
        after = float(self._lacking(w, self._covers(w) | covers, replicas)[t])
        return after < self.missing(w, t) - COVER_TOLERANCE

    def serve_more(self, pool: int, t: int) -> bool:
        """One replica more in an interval; False without room, or where a rule closes the pool.

        And where one replica would have to go on for more than a cyclic day.
        """
        way = self.way(pool, t)
        w = self.problem.pools[pool].workload
        if way is None or pool not in open_pools(self.problem, w, self.replicas):
            return False
        if not self._stands(pool, way.instead, [way.piece]):
            return False
        if way.instead is None:
            self._add(way.piece, way.hold)
        else:
            self._nodes(pool).take(way.piece.spot, way.hold)
            self.pieces[way.instead] = way.piece
        self._changed(pool, t, 1)
        return True

    def _stands(self, pool: int, instead: int | None, parts: Sequence[Placed]) -> bool:
        """Whether no replica of a pool is in two places, with `parts` in the place of a piece."""
        idle = set(np.flatnonzero(self.replicas[pool] == 0).tolist())
        for part in parts:
            idle.difference_update(self.problem.times(part.first, part.intervals))
        if idle:
            return True
        pieces = [self.pieces[i] for i in self.of_pool.get(pool, ()) if i != instead]
        length, cyclic = self.problem.intervals, self.problem.cyclic
        return replicas_of([*pieces, *parts], length, cyclic=cyclic) is not None

    def in_the_way(self, pool: int, t: int) -> Iterator[tuple[Cut, ...]]:
        """Cuts that together make room for one more of `pool` in `t`, those that lose least first.

        Of replicas that stand where it could, and of workloads without limits that might break: of
        one, then of several on a node.
        """
        parts = list(self._parts(pool, t))
        alone = [each for each in parts if each.gives >= each.wanted]
        yield from (
            (each.cut,) for each in sorted(alone, key=lambda each: (each.lost, each.cut.number))
        )
        yield from _together(parts)

    def _parts(self, pool: int, t: int) -> Iterator[Part]:
        """What each cut gives of the room that one more of `pool` in `t` wants."""
        footprint, hold = self.footprints[pool], self._start(pool, t)
        first = footprint.rows.start
        short = hold.gpus - self._nodes(pool).free[hold.at][:, footprint.rows]
        wants = dict[tuple[int, ...], tuple[int, list[int]]]()
        for number in self._near(pool):
            piece = self.pieces[number]
            spot = tuple(node - first for node in piece.spot[: footprint.count])
            if len(spot) < footprint.count or spot[0] < 0 or spot[-1] >= short.shape[1]:
                continue
            if spot not in wants:
                here = short[:, list(spot)]
                times = hold.at[(here > 0).any(axis=1)]
                in_horizon = (times < self.problem.intervals).all()
                wants[spot] = int(here.max()) if in_horizon else 0, times.tolist()
            wanted, lacking = wants[spot]
            if wanted > 0:
                own = piece.life.pool
                gives, gpus = self.footprints[own].share, self.problem.pools[own].gpus
                for cut in self.cuts(number, lacking):
                    lost = piece.intervals - cut.before - cut.after
                    yield Part(cut, spot, wanted, gives, lost * gpus)

    def _near(self, pool: int) -> Iterator[int]:
        """Numbers of pieces where those of `pool` may stand, of workloads without limits."""
        node_type, rows = self.problem.pools[pool].node_type, self.footprints[pool].rows
        for other, numbers in self.of_pool.items():
            spec, theirs = self.problem.pools[other], self.footprints[other].rows
            meet = theirs.start < rows.stop and rows.start < theirs.stop
            if meet and spec.node_type == node_type and self.plain[spec.workload]:
                yield from numbers

    def cuts(self, number: int, times: Sequence[int]) -> Iterator[Cut]:
        """Without a piece, or with it only before or only after `times`, or before and after."""
        piece = self.pieces[number]
        pool, length = piece.life.pool, self.problem.intervals
        lead = self.problem.pools[pool].lead
        offsets = [(t - piece.first + piece.lead) % length - piece.lead for t in times]
        if piece.lead + piece.intervals >= length or max(offsets) >= piece.intervals:
            return
        served = self.problem.times(piece.first, piece.intervals)
        yield Cut(number, served, 0, 0)
        before, begins_again = min(offsets), max(offsets) + 1 + lead
        after = piece.intervals - begins_again
        begins, ends = self._turns(pool)
        earlier = before > 0 and served[before] not in begins
        later = after > 0 and served[begins_again] not in ends
        if earlier:
            yield Cut(number, served, before, 0)
        if later:
            yield Cut(number, served, 0, after)
        if earlier and later:
            yield Cut(number, served, before, after)

    def kept(self, cut: Cut) -> list[Placed]:
        """What is left of a piece: what comes before, what comes after, or both."""
        piece, kept = self.pieces[cut.number], list[Placed]()
        if cut.before:
            kept.append(replace(piece, intervals=cut.before))
        if cut.after:
            first = cut.served[-cut.after]
            lead = self._lead(piece.life.pool, first)
            kept.append(replace(piece, first=first, intervals=cut.after, lead=lead))
        return kept

    def make(self, cut: Cut) -> bool:
        """A piece serves less; False where a replica would then be in two places."""
        number, parts = cut.number, self.kept(cut)
        piece = self.pieces[number]
        pool = piece.life.pool
        if not self._stands(pool, number, parts):
            return False
        self._nodes(pool).give(piece.spot, self._held_by(piece))
        del self.pieces[number]
        self.of_pool[pool] = tuple(i for i in self.of_pool[pool] if i != number)
        for part in parts:
            self._add(part, self._held_by(part))
        self._changed(pool, cut.lost, -1)
        return True

    def serve_less(self, pool: int, times: Sequence[int]) -> bool:
        """One replica less in intervals in a row; False where none could stop, start, or pause.

        One that pauses needs its time to start again.
        """
        length, end = self.problem.intervals, (times[-1] + 1) % self.problem.intervals
        lead, early = self._lead(pool, end), self._early(pool, end) > 0
        cuts = list[tuple[bool, Cut]]()
        for number in self.of_pool.get(pool, ()):
            piece = self.pieces[number]
            before = (times[0] - piece.first) % length
            after = piece.intervals - before - len(times)
            pauses = before > 0 and after > 0
            too_short = (pauses and len(times) < lead) or (after > 0 and early)
            if after >= 0 and not too_short and piece.lead + piece.intervals < length:
                served = self.problem.times(piece.first, piece.intervals)
                cuts.append((pauses, Cut(number, served, before, after)))
        return any(self.make(cut) for _, cut in sorted(cuts))

    def way(self, pool: int, t: int) -> Extension | None:
        """One stops later or starts earlier; or one serves on nodes of its own."""
        after = (t + 1) % self.problem.intervals if self.problem.cyclic else t + 1
        return self._longer(pool, t, after) or self._new(pool, t)

    def _turns(self, pool: int) -> Turns:
        """Pieces of a pool that begin and end, by the intervals in which they do."""
        if pool not in self.turns:
            mine = ((i, self.pieces[i]) for i in self.of_pool.get(pool, ()))
            length, cyclic = self.problem.intervals, self.problem.cyclic
            self.turns[pool] = turns_of(mine, length, cyclic=cyclic)
        return self.turns[pool]

    def _longer(self, pool: int, t: int, after: int) -> Extension | None:
        """One that serves until `t` or from `after` on serves in `t` as well."""
        nodes, most = self._nodes(pool), self.problem.intervals - 1
        begins, ends = self._turns(pool)
        hold = self._hold(pool, t, t + 1)
        for i in ends.get(t, ()):
            piece = self.pieces[i]
            if piece.intervals < most and nodes.has_room(piece.spot, hold):
                return Extension(replace(piece, intervals=piece.intervals + 1), i, hold)
        lead = self._lead(pool, t)
        for i in begins.get(after, ()):
            piece = self.pieces[i]
            hold = self._hold(pool, t - lead - self._early(pool, t), t + 1 - piece.lead)
            if piece.intervals < most and nodes.has_room(piece.spot, hold):
                earlier = replace(piece, first=t, intervals=piece.intervals + 1, lead=lead)
                return Extension(earlier, i, hold)
        return None

    def _new(self, pool: int, t: int) -> Extension | None:
        footprint, hold = self.footprints[pool], self._start(pool, t)
        spot = self._nodes(pool).find(footprint.rows, footprint.count, hold)
        if spot is None:
            return None
        life = Lifetime(pool, self.added + 1, t, 1)
        return Extension(Placed(life, t, 1, self._lead(pool, t), spot), None, hold)

    def _add(self, piece: Placed, hold: Hold) -> None:
        pool = piece.life.pool
        self._nodes(pool).take(piece.spot, hold)
        self.pieces[self.added] = piece
        self.of_pool[pool] = (*self.of_pool.get(pool, ()), self.added)
        self.added += 1

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
        return int(self.problem.before is not None and t < self.problem.pools[pool].lead)

    def _start(self, pool: int, t: int) -> Hold:
        """What one takes that serves in `t` alone."""
        return self._hold(pool, t - self._lead(pool, t) - self._early(pool, t), t + 1)

    def _held_by(self, piece: Placed) -> Hold:
        return self._hold(piece.life.pool, piece.first - piece.lead, piece.first + piece.intervals)

    def _hold(self, pool: int, begin: int, end: int) -> Hold:
        times = np.arange(begin, end)
        return Hold.of(self.footprints[pool].share, times, len(self._nodes(pool).free))


def _together(parts: Iterable[Part]) -> Iterator[tuple[Cut, ...]]:
    """Cuts of several pieces on a node, where none is enough alone; those that lose least first.

    Of each piece the cut that loses least, and of a node those first that lose least for what they
    give.
    """
    least: dict[int, Part] = {}
    for part in parts:
        number = part.cut.number
        if part.gives < part.wanted and len(part.spot) == 1:
            least[number] = min(part, least.get(number, part), key=lambda each: each.lost)
    of_node: dict[tuple[int, ...], list[Part]] = {}
    for part in sorted(least.values(), key=lambda each: each.lost / each.gives):
        chosen = of_node.setdefault(part.spot, [])
        if sum(each.gives for each in chosen) < part.wanted:
            chosen.append(part)
    enough = [
        chosen
        for chosen in of_node.values()
        if sum(each.gives for each in chosen) >= chosen[0].wanted
    ]
    for chosen in sorted(enough, key=lambda chosen: sum(each.lost for each in chosen)):
        yield tuple(each.cut for each in chosen)
