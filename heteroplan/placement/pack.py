"""Pool sizes -> stays: the fewest moves found, then the least scarce hardware.

Nodes of different types never meet, nor do domains that no wider pool spans, so each such part
of the fleet is packed on its own. Where its lifetimes do not all fit whole, sweeps through the day
choose others (`day_sweep`), and a small part is packed in several orders, those that fitted nowhere
going first in the next one. The best outcome stays.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.placement import Stay
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.optimize.program.build import RunningNow, running_now
from heteroplan.optimize.program.problem import Ints, PoolSpec, Problem
from heteroplan.optimize.program.supply import Places
from heteroplan.placement import before
from heteroplan.placement.day_sweep.laps import LAPS, MOST_LAPS, Laps
from heteroplan.placement.first_fit import Attempt, Footprint, Placed, Unplaced
from heteroplan.placement.identity import identify
from heteroplan.placement.lifetimes import Lifetime, lifetimes
from heteroplan.placement.nodes import Nodes, nodes_of

ROUNDS = 12
"""Most orders tried for a part of the fleet whose lifetimes do not all fit whole."""
PATIENCE = 3
"""Orders in a row that bring nothing better after which none is tried any more."""
FEW = 400
"""Lifetimes of a part for which orders are tried beside sweeps."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Where every replica stands."""

    stays: tuple[Stay, ...]
    """`Stay.pool` is an index into the pools of the problem."""
    unplaced: tuple[Unplaced, ...]
    """Empty where everything is packed."""
    left_before: Mapping[str, Ints] = field(default_factory=dict, compare=False)
    """By node type [n] GPUs left on nodes in the interval before the horizon, where known."""


@dataclass(slots=True, eq=False)
class Part:
    """Nodes that no pool shares with others outside, packed."""

    best: Attempt
    laps: Laps | None = None
    """That may be gone on with where something found no room."""

    def again(self, stop: Stop) -> None:
        """More laps until `stop()`, where something found no room."""
        if self.laps is not None and self.best.unplaced:
            self.laps.run(MOST_LAPS, stop)
            self.best = min(self.best, self.laps.best, key=lambda each: each.score())


type Known = dict[tuple[str | int | bytes, ...], Part]
"""Parts packed before, by node type, first and last node, pools and their sizes."""


def pack(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    replicas: Ints,
    stop: Stop = never,
    known: Known | None = None,
    again: Stop | None = None,
) -> Packing:
    """Stays of pool sizes `replicas` [P, T], tried in fewer ways once `stop()` says so.

    Parts of the fleet that are in `known` are not packed again, but for more laps where `again` is
    given; the others are put there. No lap but the first of a part begins once `again()` says so.

    What `scenario.current` says runs already keeps its place from the first interval on, as far
    as the pool's size there allows, those on scarce hardware going first. One whose place is
    taken or gone begins elsewhere; as nothing before the horizon is counted, that is no move.
    What starts before the horizon finds room beside all that runs then (`before`).
    """
    stays, unplaced = list[Stay](), list[Unplaced]()
    known = {} if known is None else known
    left_before: dict[str, Ints] = {}
    known_before, whole = problem.before is not None, replicas
    if problem.before is not None:
        whole = np.column_stack([problem.before, replicas])
    place = Places(scenario)
    on = {
        name: nodes_of(place, name)
        for name in dict.fromkeys(pool.node_type for pool in problem.pools)
    }
    ran = before.standing(place, on) if known_before else []
    now = running_now(scenario, candidates, problem.pools, ran)
    waiting = lifetimes(problem, whole, _by_pool(place, now))
    for node_type, nodes in on.items():
        if known_before:
            strangers = [running for running, _, p in now if p is None]
            nodes = before.nodes_from_before(place, nodes, node_type, strangers)
            left_before[node_type] = nodes.free[0].astype(np.int64)
        footprints = {
            p: footprint_of(nodes, pool)
            for p, pool in enumerate(problem.pools)
            if pool.node_type == node_type
        }
        for rows, mine in _parts(footprints, waiting):
            here = {p: footprint.within(rows) for p, footprint in footprints.items()}
            pools = sorted({life.pool for life in mine})
            key = (node_type, rows.start, rows.stop, *pools, replicas[pools].tobytes())
            part = known.get(key)
            if part is None:
                empty = Attempt(nodes.part(rows), here, problem.cyclic)
                part = _packed(empty, mine, stop, stop if again is None else again)
                if not stop():
                    known[key] = part
            elif again is not None:
                part.again(again)
            done = part.best
            placed, left_out = iter(done.placed), iter(done.unplaced)
            if known_before:
                before.hold_before(left_before[node_type], rows, done.placed, here)
                placed, left_out = before.in_horizon(placed), before.in_horizon(left_out)
            stays += [stay_of(candidates, problem, done.nodes, each) for each in placed]
            unplaced += left_out
    stays.sort(key=lambda stay: stay.pool)
    return Packing(tuple(stays), tuple(unplaced), left_before)


def _by_pool(place: Places, now: Iterable[RunningNow]) -> dict[int, list[Running]]:
    """What runs already of each pool, on low priority first: it stays longest."""
    order = list(SubgroupPriority)
    found: dict[int, list[Running]] = {}
    for running, _, p in sorted(now, key=lambda each: order.index(place.priority[each[0].leaf])):
        if p is not None:
            found.setdefault(p, []).append(running)
    return found


def footprint_of(nodes: Nodes, pool: PoolSpec) -> Footprint:
    """Where and how the replicas of a pool stand."""
    return Footprint(
        rows=nodes.rows(pool.level, pool.domain),
        count=max(1, pool.gpus // nodes.gpus),
        share=min(pool.gpus, nodes.gpus),
        lead=pool.lead,
    )


def _parts(
    footprints: Mapping[int, Footprint], waiting: Iterable[Lifetime]
) -> Iterator[tuple[slice, list[Lifetime]]]:
    """Nodes that no pool shares with others outside, and the lifetimes that stand there."""
    found: list[tuple[slice, list[Lifetime]]] = []
    mine = (life for life in waiting if life.pool in footprints)
    widest_first = [(footprints[life.pool].rows, life) for life in mine]
    widest_first.sort(key=lambda each: (each[0].start, -each[0].stop))
    for rows, life in widest_first:
        if not found or rows.start >= found[-1][0].stop:
            found.append((rows, []))
        found[-1][1].append(life)
    yield from found


def _packed(empty: Attempt, waiting: Sequence[Lifetime], stop: Stop, enough: Stop) -> Part:
    """The best of several ways on the nodes of an attempt that has placed nothing.

    Where all lifetimes fit whole that is it, but for scarce hardware. Where not, sweeps through the
    day choose others, and in a small part other orders are tried as well.
    """
    whole = _whole(empty, waiting)
    if whole is not None:
        return Part(whole)
    laps = Laps(empty, waiting)
    laps.run(LAPS, stop, enough)
    if len(waiting) > FEW or not any(laps.best.score()):
        return Part(laps.best, laps)
    return Part(_reordered(empty, waiting, laps.best, stop), laps)


def _whole(empty: Attempt, waiting: Sequence[Lifetime]) -> Attempt | None:
    """All whole, on as little scarce hardware as any order has it; None where some do not fit."""
    best: Attempt | None = None
    for order in ORDERS:
        attempt = empty.fresh()
        if not attempt.place_whole(_ordered(empty.footprints, waiting, order, Counter())):
            return None
        if best is None or attempt.score() < best.score():
            best = attempt
        if not any(best.score()):
            break
    return best


def _reordered(empty: Attempt, waiting: Sequence[Lifetime], best: Attempt, stop: Stop) -> Attempt:
    """`best`, or lifetimes in orders in which those come first that did not fit whole."""
    failures: Counter[Lifetime] = Counter()
    since = 0
    for turn in range(ROUNDS):
        attempt = empty.fresh()
        attempt.place_all(_ordered(empty.footprints, waiting, ORDERS[turn % len(ORDERS)], failures))
        identify(attempt)
        since += 1
        if attempt.score() < best.score():
            best, since = attempt, 0
        if since == PATIENCE or not any(best.score()) or stop():
            break
        failures.update(attempt.split)
    return best


type Order = Callable[[Footprint, Lifetime], tuple[int, ...]]


def _ordered(
    footprints: Mapping[int, Footprint],
    waiting: Sequence[Lifetime],
    order: Order,
    failures: Mapping[Lifetime, int],
) -> list[Lifetime]:
    """What runs already, then what often failed, then in `order`."""
    return sorted(
        waiting,
        key=lambda life: (
            life.begins is None,
            -failures.get(life, 0),
            *order(footprints[life.pool], life),
        ),
    )


ORDERS: tuple[Order, ...] = (
    lambda of, life: (*of.precedence, -life.intervals, life.first),
    lambda of, life: (of.width, -life.intervals, -of.count, -of.share, life.first),
)
"""Large replicas first, or long lifetimes; but before those, who has fewer nodes to choose from."""


def stay_of(
    candidates: Sequence[Candidate], problem: Problem, nodes: Nodes, placed: Placed
) -> Stay:
    """What stands on `nodes`, by their names and with a name of its own."""
    pool = problem.pools[placed.life.pool]
    own = candidates[pool.candidate]
    place = f"{own.workload}@{pool.domain}/{own.engine.name}/{own.node_type}"
    return Stay(
        pool=placed.life.pool,
        replica_id=f"{place}/{placed.life.number}",
        leaf=nodes.leaves[nodes.leaf_of[placed.spot[0]]].name,
        nodes=tuple(nodes.names[node] for node in placed.spot),
        first=placed.first,
        intervals=placed.intervals,
        lead=placed.lead,
        moved=placed.moved,
    )
