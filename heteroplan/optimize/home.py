"""Inside one domain: a workload's roles as covering blocks under the GPUs that are left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.workload import Role
from heteroplan.optimize.blocks import (
    Block,
    Path,
    cheapest_path,
    not_beaten,
    on_grid,
    unit_price,
    useful_counts,
)
from heteroplan.optimize.bound import sides_of, start_prices
from heteroplan.optimize.mix import cover_of, domain_share, mix_share
from heteroplan.optimize.problem import COVER_TOLERANCE, Floats, Ints, Problem

HOME_CELLS = 4_000
"""Largest grid searched whole; larger blocks are searched near a greedy guide."""
SHORT_PRICE = 1e6
"""What it costs to leave all demand of an interval unserved, in most expensive whole pools."""
THRIFT = 1.1
"""An engine counts as cheap up to this multiple of its role's best price for demand served."""

type Rank = tuple[float, float]
"""(demand left [intervals], steered cost)"""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is placed, at which prices of held GPUs [P, T], within which bounds [P, T]."""

    problem: Problem
    w: int
    held_price: Floats
    limit: Ints | None

    def need(self) -> Floats:
        """[T] share of the demand to be served."""
        return (self.problem.works[self.w].rps.sum(axis=0) > 0).astype(np.float64)

    def cost(self, pools: Sequence[int], replicas: Ints) -> float:
        """Steered cost of some pools of a whole plan [P, T]."""
        return sum(
            float((self.problem.pools[p].run_cost + self.held_price[p]) @ replicas[p])
            + float(
                start_prices(self.problem, p, self.held_price[p])
                @ self.problem.starts(replicas[[p]])[0]
            )
            for p in pools
        )

    def count(self, role: Role, replicas: Ints) -> Ints:
        """[T] replicas of a role in all domains of a plan [P, T]."""
        pools = self.problem.works[self.w].pools
        return np.asarray(
            replicas[[p for p in pools if self.problem.pools[p].role is role]].sum(axis=0)
        )

    def fewest(self, role: Role, others: Ints) -> Ints:
        """[T] replicas of a role that its minimum still asks for beside `others`."""
        minimum = self.problem.works[self.w].min_replicas.get(role, 0)
        return np.maximum(0, minimum - self.count(role, others))

    def most(self, role: Role, others: Ints) -> Ints | None:
        """[T] replicas of a role that its maximum leaves beside `others`."""
        maximum = self.problem.works[self.w].max_replicas.get(role)
        return None if maximum is None else np.maximum(0, maximum - self.count(role, others))

    def has_limits(self) -> bool:
        """Whether single roles have minima, maxima or a ratio band."""
        work = self.problem.works[self.w]
        return bool(work.min_replicas or work.max_replicas or work.pd_ratio)

    def minimum_met(self, replicas: Ints) -> bool:
        """Whether every role has its minimum at all times."""
        return not any(
            self.fewest(role, replicas).any() for role in self.problem.works[self.w].min_replicas
        )

    def _plain(self, p: int) -> Floats:
        return np.full(self.problem.intervals, self.problem.pools[p].plain_cost)

    def cheap_pools(self) -> list[int]:
        """Pools of each role's cheapest engines."""
        pools = self.problem.works[self.w].pools
        unit = {
            p: float(unit_price(self._plain(p), mix_share(self.problem, p)).max()) for p in pools
        }
        best: dict[Role, float] = {}
        for p in pools:
            role = self.problem.pools[p].role
            best[role] = min(best.get(role, np.inf), unit[p])
        return [p for p in pools if unit[p] <= THRIFT * best[self.problem.pools[p].role]]

    def is_thrifty(self, counts: Ints) -> bool:
        """Whether sizes, in the order of the workload's pools, stay in one domain's cheap ones."""
        used = {p for p, c in zip(self.problem.works[self.w].pools, counts, strict=True) if c.any()}
        one_home = len({self.problem.pools[p].domain for p in used}) <= 1
        return one_home and used <= set(self.cheap_pools())

    def thrifty(self) -> "Task":
        """The same with nothing but each role's cheapest engines."""
        limit = np.zeros_like(self.held_price, dtype=np.int64)
        for p in self.cheap_pools():
            limit[p] = self.problem.pools[p].most if self.limit is None else self.limit[p]
        return replace(self, limit=limit)

    def least_cost(self, pools: Sequence[int], need: Floats) -> float:
        """No placement in these pools serves `need` for less."""
        total = np.inf
        for roles in ((Role.PREFILL, Role.DECODE), (Role.AGGREGATED,)):
            cheapest = [
                np.min(
                    [
                        unit_price(
                            self._plain(p) + self.held_price[p],
                            mix_share(self.problem, p),
                        )
                        for p in pools
                        if self.problem.pools[p].role is role
                    ],
                    axis=0,
                )
                for role in roles
                if any(self.problem.pools[p].role is role for p in pools)
            ]
            if len(cheapest) == len(roles):
                asked = need > 0
                served = float((need[asked] * np.sum(cheapest, axis=0)[asked]).sum())
                total = min(total, served)
        return total


type Group = tuple[Role, ...]
"""Roles that are placed together."""

type Placement = tuple[Rank, Ints, Floats]
"""(rank, counts of the domain's pools [*, T], served share [T])."""


def place_in_domain(task: Task, pools: list[int], replicas: Ints, need: Floats) -> Placement | None:
    """The best of: prefill before decode, decode before prefill, aggregated alone, all at once."""
    prefill, decode, aggregated = ((role,) for role in Role)
    orders: list[tuple[Group, ...]] = [(prefill, decode), (decode, prefill), (aggregated,)]
    if not task.has_limits():
        orders.append((tuple(Role),))
    present = {task.problem.pools[p].role for p in pools}
    found: list[Placement] = []
    contended = True
    for order in orders:
        if not {role for group in order for role in group} <= present:
            continue
        if order == (decode, prefill) and not contended:
            continue
        placed, contended = _place_roles(task, pools, replicas, need, order)
        if placed is not None:
            found.append(placed)
    return min(found, key=lambda placement: placement[0]) if found else None


def _place_roles(
    task: Task,
    pools: list[int],
    replicas: Ints,
    need: Floats,
    order: tuple[Group, ...],
) -> tuple[Placement | None, bool]:
    """Groups of roles in order; where one falls short, both again with what the two can serve.

    Also says whether the GPUs left held any role back, so that another order may do better.
    """
    contended = False
    problem, trial, wanted, served = task.problem, replicas.copy(), need, need
    trial[pools] = 0
    fewest = {role: task.fewest(role, trial) for group in order for role in group}
    members = {group: [p for p in pools if problem.pools[p].role in group] for group in order}
    for _ in range(3):
        for group in order:
            trial[members[group]] = 0
            path, tight = _cover(task, group, members[group], trial, wanted, fewest[group[0]])
            contended |= tight
            if path is None:
                return None, contended
            trial[members[group]] = path.counts
            served = np.minimum(
                served,
                cover_of(problem, members[group], path.counts)
                if len(group) == 1
                else domain_share(problem, members[group], trial),
            )
        banded = None
        if len(order) == 2:
            counts = {group[0]: trial[members[group]].sum(axis=0) for group in order}
            banded = _band(task, counts, fewest)
        if banded is None and not (served < wanted - COVER_TOLERANCE).any():
            break
        fewest = banded or fewest
        wanted = served = np.minimum(served, need)
    left = float(less(need, served).sum())
    return ((left, task.cost(pools, trial)), trial[pools], served), contended


def _band(
    task: Task, counts: dict[Role, Ints], fewest: dict[Role, Ints]
) -> dict[Role, Ints] | None:
    """Replicas that each role needs for the ratio band; None where the band already holds."""
    band = task.problem.works[task.w].pd_ratio
    if band is None:
        return None
    prefill, decode = counts[Role.PREFILL], counts[Role.DECODE]
    decode_wanted = np.maximum(decode, np.ceil(prefill / band.high - COVER_TOLERANCE))
    prefill_wanted = np.maximum(prefill, np.ceil(band.low * decode_wanted - COVER_TOLERANCE))
    if (prefill_wanted == prefill).all() and (decode_wanted == decode).all():
        return None
    return {
        Role.PREFILL: np.maximum(fewest[Role.PREFILL], prefill_wanted).astype(np.int64),
        Role.DECODE: np.maximum(fewest[Role.DECODE], decode_wanted).astype(np.int64),
    }


def less(rest: Floats, served: Floats) -> Floats:
    """[T] what is left of `rest`."""
    left = np.maximum(0.0, rest - served)
    return np.where(left <= COVER_TOLERANCE, 0.0, left)


def _cover(
    task: Task, group: Group, pools: list[int], replicas: Ints, need: Floats, fewest: Ints
) -> tuple[Path | None, bool]:
    """Cheapest pools of a group of roles in one domain under the GPUs that are left.

    Also says whether those bound an engine that could have been of more use.
    """
    problem, held_price = task.problem, task.held_price
    left = problem.residual(replicas)
    room = np.array([_room(problem, p, left) for p in pools])
    if task.limit is not None:
        room = np.minimum(room, task.limit[pools])
    share = np.array([mix_share(problem, p) for p in pools])
    price = np.array([problem.pools[p].run_cost + held_price[p] for p in pools])
    start = np.array([start_prices(problem, p, held_price[p]) for p in pools])
    most = task.most(group[0], replicas)
    kept = _not_beaten_at_home(problem, pools, price, start, share, most is None)
    useful = useful_counts(price, start, share, need, fewest)
    useful[~kept] = 0
    high = np.minimum(room, useful)
    rows = [r for r, row in enumerate(problem.supplies) if sum(p in row.pools for p in pools) > 1]
    block = Block(
        price=price,
        start=start,
        share=share,
        low=np.zeros_like(room),
        high=high,
        need=need,
        penalty=np.full(problem.intervals, np.inf),
        fewest=fewest,
        most=most,
        sides=sides_of([problem.pools[p].role for p in pools]) if len(group) > 1 else None,
        weight=np.array(
            [
                [problem.pools[p].gpus if p in problem.supplies[r].pools else 0 for p in pools]
                for r in rows
            ],
            dtype=np.float64,
        ).reshape(len(rows), len(pools)),
        room=np.array([np.maximum(0, left[r]) for r in rows], dtype=np.int64).reshape(
            len(rows), problem.intervals
        ),
    )
    path = None
    if not block.missing(high).any():
        path = _fitting_path(problem, pools, replicas, block, left)
    if path is None:
        dear = float(price.max() + start.max() + 1e-6) * max(1.0, float(room.max(initial=1)))
        short = replace(block, penalty=np.full(problem.intervals, SHORT_PRICE * dear))
        path = _fitting_path(problem, pools, replicas, short, left)
    return path, bool((high < useful).any())


def _not_beaten_at_home(
    problem: Problem,
    pools: list[int],
    price: Floats,
    start: Floats,
    share: Floats,
    copies_allowed: bool,
) -> NDArray[np.bool_]:
    """[E] engines that copies of no other engine of their role on the same GPUs beat."""
    kept = np.ones(len(pools), dtype=bool)
    kinds = [(problem.pools[p].node_type, problem.pools[p].role) for p in pools]
    for kind in dict.fromkeys(kinds):
        same = [e for e, other in enumerate(kinds) if other == kind]
        kept[same] = not_beaten(price[same], start[same], share[same], copies_allowed)
    return kept


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
        tried = cheapest_path(_narrowed(replace(block, high=high)), cyclic=problem.cyclic)
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
        e = pools.index(least)
        steady = high[e].min()
        alone_and_swinging = len(over) == 1 and (tried.counts[e] > steady).any()
        high[e] = steady if alone_and_swinging else 0


def _narrowed(block: Block) -> Block:
    """The block itself, or where its grid is large a part of it that likely holds the best.

    First the dearer engines are kept to a replica or two, as long as the others can still
    serve the demand; then all are kept near a greedy cover.
    """
    if block.cells() <= HOME_CELLS:
        return block
    grid = on_grid(range(len(block.high)), block.price, block.share, block.high, HOME_CELLS / 4)
    for few in (2, 1):
        high = np.minimum(block.high, few)
        high[grid] = block.high[grid]
        narrow = replace(block, high=high)
        if (
            narrow.cells() <= HOME_CELLS
            and (narrow.missing(high) <= block.missing(block.high) + COVER_TOLERANCE).all()
        ):
            return narrow
    for window in (3, 1):
        low, high = _around_guide(block, window)
        narrow = replace(block, low=low, high=high)
        if narrow.cells() <= HOME_CELLS:
            return narrow
    low, high = _around_guide(block, 0)
    return replace(block, low=low, high=high)


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
