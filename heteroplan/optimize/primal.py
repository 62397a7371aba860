"""Plans: place workloads one after another, then each again beside the others.

A workload goes to the one domain where it costs least (its home); what a home cannot hold
goes on to the next. Inside a domain each role is a covering block under the GPUs that are
left. Prices on supply steer workloads away from what others need more.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.blocks import Block, Path, cheapest_path, useful_counts
from heteroplan.optimize.bound import pool_prices, start_prices
from heteroplan.optimize.problem import (
    COVER_TOLERANCE,
    Floats,
    Ints,
    Problem,
    Solution,
    served_share,
    unserved_requests,
)

GRID_CELLS = 8_000
"""Largest grid searched whole; larger blocks are searched near a greedy guide."""
ESCALATION = 0.1
"""Step of a supply price, as a share of what the GPU costs."""


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """A feasible plan and its rank: first shortage by priority class, then cost."""

    solution: Solution
    unserved: dict[int, float]
    """Requests by priority class."""
    cost: float

    @property
    def rank(self) -> tuple[float, ...]:
        """Less is better; shortage in requests, rounded up, so that noise does not outrank cost."""
        return (*(float(ceil(self.unserved[p])) for p in sorted(self.unserved)), self.cost)

    @property
    def covered(self) -> bool:
        """Whether nothing is left unserved."""
        return not any(self.unserved.values())


def incumbent(problem: Problem, solution: Solution) -> Incumbent:
    """Rank a feasible solution."""
    return Incumbent(
        solution, unserved_requests(problem, solution.flow), problem.cost(solution.replicas)
    )


def place_all(problem: Problem, prices: Floats, order: Sequence[int]) -> Incumbent:
    """A first plan: workloads in `order`, each beside those before it."""
    replicas = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    held_price = pool_prices(problem, prices)
    for w in order:
        place(problem, w, replicas, held_price)
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


type Placer = Callable[[Floats, Sequence[int]], Incumbent]
"""(supply prices [R, T], order of the workloads) -> plan"""


def escalate(problem: Problem, placer: Placer, prices: Floats, rounds: int) -> Iterator[Incumbent]:
    """Plans at prices that rise where demand is left unserved and GPUs are out.

    Whoever went short is placed earlier within its priority class next time.
    """
    rank = {w: i for i, w in enumerate(by_size(problem))}
    lost = np.zeros(len(problem.works))
    step = ESCALATION * _gpu_price(problem)
    for _ in range(rounds):
        order = sorted(rank, key=lambda w: (problem.works[w].priority, -lost[w], rank[w]))
        found = placer(prices, order)
        yield found
        if found.covered:
            return
        short = np.array([unserved_share(problem, w, found) for w in range(len(problem.works))])
        lost += short.sum(axis=1)
        left = problem.residual(found.solution.replicas)
        prices = prices.copy()
        for r, row in enumerate(problem.supplies):
            if row.pools:
                users = [problem.pools[p].workload for p in row.pools]
                wanted = short[users].max(axis=0) > 0
                out = left[r] < max(problem.pools[p].gpus for p in row.pools)
                prices[r] += step[r] * (wanted & out)


def unserved_share(problem: Problem, w: int, plan: Incumbent) -> Floats:
    """[T] greatest share of a class of workload w that is left unserved."""
    missing = 1.0 - served_share(problem, problem.works[w], plan.solution.flow)
    return np.where(missing > COVER_TOLERANCE, missing, 0.0).max(axis=0)


def _gpu_price(problem: Problem) -> Floats:
    """[R] running cost of a GPU for an interval."""
    return np.array(
        [
            max((problem.pools[p].run_cost.max() / problem.pools[p].gpus for p in row.pools), default=0.0)
            for row in problem.supplies
        ]
    )


def reinsert(
    problem: Problem, best: Incumbent, prices: Floats, works: Sequence[int]
) -> Incumbent:
    """Take some workloads out and place them again in this order; kept when it ranks better."""
    replicas = best.solution.replicas.copy()
    for w in works:
        replicas[list(problem.works[w].pools)] = 0
    held_price = pool_prices(problem, prices)
    for w in works:
        place(problem, w, replicas, held_price)
    return _better_of(problem, best, replicas, works)


def _better_of(
    problem: Problem, best: Incumbent, replicas: Ints, changed: Sequence[int]
) -> Incumbent:
    """`best`, or the plan with `replicas` in which the pools of `changed` are new."""
    flow = list(best.solution.flow)
    for w in changed:
        for p, share in zip(
            problem.works[w].pools, mixed_flow_of(problem, w, replicas), strict=True
        ):
            flow[p] = share
    tried = incumbent(problem, Solution(replicas, tuple(flow)))
    return tried if tried.rank < best.rank else best


def sweep(
    problem: Problem, best: Incumbent, prices: Floats, works: Iterable[int]
) -> Incumbent:
    """Each workload again beside the others."""
    for w in works:
        best = reinsert(problem, best, prices, (w,))
    return best


def by_size(problem: Problem) -> list[int]:
    """Workloads by priority class, within it those with the most GPUs at their peak first."""
    peak = [
        min(
            (
                float((problem.pools[p].mix_load * problem.pools[p].gpus).max())
                for p in work.pools
            ),
            default=0.0,
        )
        for work in problem.works
    ]
    return sorted(range(len(peak)), key=lambda w: (problem.works[w].priority, -peak[w], w))


def place_guided(
    problem: Problem,
    prices: Floats,
    flow: Sequence[Floats],
    sizes: Floats,
    order: Sequence[int],
) -> Incumbent:
    """A plan near an LP's: its split over domains (`flow`), pools up to its `sizes` [P, T]."""
    replicas = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    held_price = pool_prices(problem, prices)
    limit = _near(sizes, slack=1)
    for w in order:
        place(problem, w, replicas, held_price, _parts(problem, w, flow), limit)
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def nudge(problem: Problem, best: Incumbent, w: int, slack: int) -> Incumbent:
    """Workload w again in the domains and, but for `slack` replicas, the sizes it has."""
    no_price = np.zeros((len(problem.pools), problem.intervals))
    limit = _near(best.solution.replicas.astype(np.float64), slack)
    parts = _parts(problem, w, best.solution.flow)
    replicas = best.solution.replicas.copy()
    replicas[list(problem.works[w].pools)] = 0
    place(problem, w, replicas, no_price, parts, limit)
    return _better_of(problem, best, replicas, (w,))


def _near(sizes: Floats, slack: int) -> Ints:
    """[P, T] greatest size in an interval and its neighbours, rounded up, and `slack` more."""
    around = np.maximum.reduce([np.roll(sizes, i, axis=1) for i in (-1, 0, 1)])
    return (np.ceil(around - COVER_TOLERANCE) + slack).astype(np.int64)


def _parts(problem: Problem, w: int, flow: Sequence[Floats]) -> dict[str, Floats]:
    """[T] mean share of its classes that each domain of workload w finishes."""
    parts: dict[str, Floats] = {}
    for p in problem.works[w].pools:
        if problem.pools[p].role is not Role.PREFILL:
            domain = problem.pools[p].domain
            parts[domain] = parts.get(domain, 0.0) + flow[p].mean(axis=0)
    return parts


def place(
    problem: Problem,
    w: int,
    replicas: Ints,
    held_price: Floats,
    parts: dict[str, Floats] | None = None,
    limit: Ints | None = None,
) -> None:
    """Write the pools of workload w into `replicas` [P, T], beside what stands there.

    `parts` says what share [T] each domain should serve; what one cannot, the next takes on.
    `limit` [P, T] bounds the pools.
    """
    domains: dict[str, list[int]] = {}
    for p in problem.works[w].pools:
        domains.setdefault(problem.pools[p].domain, []).append(p)
    rest = (problem.works[w].rps.sum(axis=0) > 0).astype(np.float64)
    limits = dict(problem.works[w].min_replicas)
    while domains and (rest.any() or limits):
        wanted = {name: _wanted(name, rest, parts, len(domains)) for name in domains}
        options = {
            name: _place_in_domain(
                problem, w, pools, replicas, held_price, wanted[name], limits, limit
            )
            for name, pools in domains.items()
            if parts is None or name == max(domains, key=lambda d: float(wanted[d].sum()))
        }
        ranked = {name: option for name, option in options.items() if option}
        if not ranked:
            return
        home = min(ranked, key=lambda name: ranked[name][0])
        _, counts, served = ranked[home]
        replicas[domains.pop(home)] = counts
        rest = np.maximum(0.0, rest - served)
        rest[rest <= COVER_TOLERANCE] = 0.0
        limits = {}


def _wanted(name: str, rest: Floats, parts: dict[str, Floats] | None, left: int) -> Floats:
    """What a domain is asked to serve: all that is left, or its part; the last one the rest."""
    if parts is None or left == 1:
        return rest
    return np.minimum(rest, parts.get(name, np.zeros_like(rest)))


type Placement = tuple[tuple[float, float], Ints, Floats]
"""((demand left, steered cost), counts of the domain's pools [*, T], served share [T])."""


def _place_in_domain(
    problem: Problem,
    w: int,
    pools: list[int],
    replicas: Ints,
    held_price: Floats,
    need: Floats,
    fewest: dict[Role, int],
    limit: Ints | None,
) -> Placement | None:
    """The best of: prefill before decode, decode before prefill, aggregated alone."""
    orders = [(Role.PREFILL, Role.DECODE), (Role.DECODE, Role.PREFILL), (Role.AGGREGATED,)]
    present = {problem.pools[p].role for p in pools}
    found: list[Placement] = []
    for order in orders:
        if not set(order) <= present:
            continue
        if order == (Role.DECODE, Role.PREFILL) and not _share_node_types(problem, pools):
            continue
        placed = _place_roles(
            problem, w, pools, replicas, held_price, need, fewest, limit, order
        )
        if placed is not None:
            found.append(placed)
    return min(found, key=lambda placement: placement[0]) if found else None


def _share_node_types(problem: Problem, pools: list[int]) -> bool:
    types: dict[Role, set[str]] = {}
    for p in pools:
        types.setdefault(problem.pools[p].role, set()).add(problem.pools[p].node_type)
    return bool(types.get(Role.PREFILL, set()) & types.get(Role.DECODE, set()))


def _place_roles(
    problem: Problem,
    w: int,
    pools: list[int],
    replicas: Ints,
    held_price: Floats,
    need: Floats,
    fewest: dict[Role, int],
    limit: Ints | None,
    order: tuple[Role, ...],
) -> Placement | None:
    trial = replicas.copy()
    wanted, served, cost = need, need, 0.0
    for again in range(2):
        cost = 0.0
        for role in order:
            members = [p for p in pools if problem.pools[p].role is role]
            trial[members] = 0
            path = _cover(
                problem, w, role, members, trial, held_price, wanted, fewest.get(role, 0), limit
            )
            if path is None:
                return None
            trial[members] = path.counts
            cost += path.cost
            served = np.minimum(served, _cover_of(problem, members, path.counts))
        if again or not (served < wanted - COVER_TOLERANCE).any():
            break
        # One role fell short: give the other no more than its partner can use.
        wanted = served = np.minimum(served, need)
    unserved = float((need - served).clip(0.0).sum())
    cost = sum(
        float((problem.pools[p].run_cost + held_price[p]) @ trial[p]) for p in pools
    ) + sum(
        float(start_prices(problem, p, held_price[p]) @ problem.starts(trial[[p]])[0]) for p in pools
    )
    return (unserved, cost), trial[pools], served


def _cover_of(problem: Problem, pools: list[int], counts: Ints) -> Floats:
    cover = np.zeros(problem.intervals)
    for p, over_time in zip(pools, counts, strict=True):
        cover += over_time * mix_share(problem, p)
    return cover


def mix_share(problem: Problem, p: int) -> Floats:
    """[T] share of its workload's demand, in its mix of classes, that one replica serves."""
    load = problem.pools[p].mix_load
    usable = np.isfinite(load) & (load > 0)
    return np.where(usable, 1.0 / np.where(usable, load, 1.0), 0.0)


def _cover(
    problem: Problem,
    w: int,
    role: Role,
    pools: list[int],
    replicas: Ints,
    held_price: Floats,
    need: Floats,
    fewest: int,
    limit: Ints | None,
) -> Path | None:
    """Cheapest pools of one role in one domain under the GPUs that are left."""
    left = problem.residual(replicas)
    room = np.array([_room(problem, p, left) for p in pools])
    if limit is not None:
        room = np.minimum(room, limit[pools])
    share = np.array([mix_share(problem, p) for p in pools])
    price = np.array([problem.pools[p].run_cost + held_price[p] for p in pools])
    start = np.array([start_prices(problem, p, held_price[p]) for p in pools])
    dearest = float(price.max() + start.max()) * max(1.0, float(room.max(initial=1)))
    block = Block(
        price=price,
        start=start,
        share=share,
        low=np.zeros_like(room),
        high=np.minimum(room, useful_counts(price, start, share, need, fewest)),
        need=need,
        penalty=np.full(problem.intervals, 1e4 * (dearest + 1e-6)),
        fewest=fewest,
        most=problem.works[w].max_replicas.get(role),
    )
    return _fitting_path(problem, pools, replicas, block, left)


def _room(problem: Problem, p: int, left: list[Ints]) -> Ints:
    """[T] replicas of pool p that the GPUs left allow, start-up time included."""
    pool = problem.pools[p]
    room = pool.most.copy()
    for row, gpus in zip(problem.supplies, left, strict=True):
        if p not in row.pools:
            continue
        here = np.maximum(0, gpus) // pool.gpus
        room = np.minimum(room, here)
        for ahead in range(1, pool.lead + 1):
            before = np.roll(here, ahead)
            if not problem.cyclic:
                before[:ahead] = here[:ahead]
            room = np.minimum(room, before)
    return room


def _fitting_path(
    problem: Problem, pools: list[int], replicas: Ints, block: Block, left: list[Ints]
) -> Path | None:
    """The cheapest path whose pools also fit together where they share a supply row.

    The block bounds each pool alone. Where two of them overdraw a row, the one that holds
    less of it is given up.
    """
    high = block.high.copy()
    while True:
        tried = _path(_boxed(block, high, problem))
        if tried is None:
            return None
        alone = np.zeros_like(replicas)
        alone[pools] = tried.counts
        held = problem.held(alone)
        over = None
        for row, gpus in zip(problem.supplies, left, strict=True):
            members = [p for p in row.pools if p in pools and held[p].any()]
            if (held[members].sum(axis=0) > np.maximum(0, gpus)).any():
                over = members
                break
        if over is None:
            return tried
        least = min(over, key=lambda p: int(held[p].sum()))
        if len(over) == 1:
            high[pools.index(least)] = high[pools.index(least)].min()
            if (tried.counts[pools.index(least)] <= high[pools.index(least)]).all():
                high[pools.index(least)] = 0
        else:
            high[pools.index(least)] = 0


def _path(block_and_cyclic: tuple[Block, bool]) -> Path | None:
    block, cyclic = block_and_cyclic
    return cheapest_path(block, cyclic=cyclic)


def _boxed(block: Block, high: Ints, problem: Problem) -> tuple[Block, bool]:
    """The block with the given upper bounds, narrowed around a guide where its grid is large."""
    low = np.zeros_like(high)
    whole = _with_box(block, low, high)
    if whole.cells() > GRID_CELLS:
        for window in (3, 1, 0):
            low, near = _around_guide(whole, window)
            narrowed = _with_box(block, low, near)
            if narrowed.cells() <= GRID_CELLS or window == 0:
                return narrowed, problem.cyclic
    return whole, problem.cyclic


def _with_box(block: Block, low: Ints, high: Ints) -> Block:
    return Block(
        price=block.price,
        start=block.start,
        share=block.share,
        low=low,
        high=high,
        need=block.need,
        penalty=block.penalty,
        fewest=block.fewest,
        most=block.most,
    )


def _around_guide(block: Block, window: int) -> tuple[Ints, Ints]:
    """Bounds around the cheapest fractional cover of each interval and its neighbours."""
    guide = np.zeros_like(block.price)
    for t in range(len(block.need)):
        rest = float(block.need[t])
        with np.errstate(divide="ignore"):
            unit = np.where(block.share[:, t] > 0, block.price[:, t] / block.share[:, t], np.inf)
        for e in np.argsort(unit, kind="stable"):
            if rest <= 0 or not np.isfinite(unit[e]):
                break
            used = min(float(block.high[e, t]), rest / float(block.share[e, t]))
            guide[e, t] = used
            rest -= used * float(block.share[e, t])
    low, high = np.floor(guide) - 1, np.ceil(guide) + 1
    rolled_low = [np.roll(low, i, axis=1) for i in range(-window, window + 1)]
    rolled_high = [np.roll(high, i, axis=1) for i in range(-window, window + 1)]
    high = np.minimum(np.max(rolled_high, axis=0), block.high).astype(np.int64)
    low = np.clip(np.min(rolled_low, axis=0), 0, high).astype(np.int64)
    return low, high


def mixed_flow(problem: Problem, replicas: Ints) -> tuple[Floats, ...]:
    """Flow that serves as much as the pools can with every pool taking the same mix."""
    flow: list[Floats] = [np.zeros_like(pool.load) for pool in problem.pools]
    for w, work in enumerate(problem.works):
        for p, share in zip(work.pools, mixed_flow_of(problem, w, replicas), strict=True):
            flow[p] = share
    return tuple(flow)


def mixed_flow_of(problem: Problem, w: int, replicas: Ints) -> list[Floats]:
    """`mixed_flow` of one workload, in the order of its pools."""
    work = problem.works[w]
    asked = work.rps > 0
    rest = asked.any(axis=0).astype(np.float64)
    found: dict[int, Floats] = {}
    domains: dict[str, list[int]] = {}
    for p in work.pools:
        domains.setdefault(problem.pools[p].domain, []).append(p)
    for pools in domains.values():
        cover = {
            role: _cover_of(problem, members, replicas[members])
            for role in Role
            if (members := [p for p in pools if problem.pools[p].role is role])
        }
        none = np.zeros(problem.intervals)
        alone = np.minimum(rest, cover.get(Role.AGGREGATED, none))
        rest = rest - alone
        pair = np.minimum(
            rest, np.minimum(cover.get(Role.PREFILL, none), cover.get(Role.DECODE, none))
        )
        rest = rest - pair
        for p in pools:
            role = problem.pools[p].role
            total = cover[role]
            part = alone if role is Role.AGGREGATED else pair
            mine = replicas[p] * mix_share(problem, p)
            found[p] = np.where(total > 0, mine / np.where(total > 0, total, 1.0), 0.0) * part * asked
    return [found[p] for p in work.pools]
