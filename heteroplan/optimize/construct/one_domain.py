"""On one site: a workload's roles as covering blocks under the GPUs that are left."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.workload import Role
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.task import Rank, Task, less, without
from heteroplan.optimize.covering.blocks import Block, Path, cheapest_path
from heteroplan.optimize.covering.choice import not_beaten, useful_counts
from heteroplan.optimize.covering.losses import NodeLoss
from heteroplan.optimize.covering.narrow import narrowed
from heteroplan.optimize.program.mix import group_cover, part_pairs
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.program.sizes import covers, first_of_kind

SHORT_PRICE = 1e6
"""What it costs to leave all demand of an interval unserved, in most expensive whole pools."""


type Roles = tuple[Role, ...]
"""Placed together."""

type Placement = tuple[Rank, Ints, Floats]
"""(rank, counts of the site's pools [*, T], share served by what was added [T])."""


def place_on_site(task: Task, pools: list[int], replicas: Ints, need: Floats) -> Placement | None:
    """The best of: prefill before decode, decode before prefill, aggregated alone, all at once.

    Adds to what `replicas` [N, T] already has on these pools.
    """
    prefill, decode, aggregated = ((role,) for role in Role)
    orders: list[tuple[Roles, ...]] = [(prefill, decode), (decode, prefill), (aggregated,)]
    if not task.has_limits() and not part_pairs(task.problem, pools):
        orders.append((tuple(Role),))
    present = {task.problem.pools[p].role for p in pools}
    found: list[Placement] = []
    contended = True
    for order in orders:
        if not {role for roles in order for role in roles} <= present:
            continue
        if order == (decode, prefill) and not contended:
            continue
        placed, contended = _place_roles(task, pools, replicas, need, order)
        if placed is not None:
            found.append(placed)
    return min(found, key=lambda placement: placement[0]) if found else None


def has_room(task: Task, pools: list[int], replicas: Ints, need: Floats) -> bool:
    """Whether the GPUs left might let a site serve `need`, each role and pool looked at alone."""
    most = replicas.copy()
    most[pools] = _room(task, pools, replicas, task.left(pools, replicas))
    return not less(need, group_cover(task.problem, pools, most)).any()


def _place_roles(
    task: Task,
    pools: list[int],
    replicas: Ints,
    need: Floats,
    order: tuple[Roles, ...],
) -> tuple[Placement | None, bool]:
    """Roles in order; where those of one step fall short, both again with what the two can serve.

    Also says whether the GPUs left held any role back, so that another order may do better.
    """
    contended = False
    before = replicas
    replicas, by_minima = _with_minima(task, pools, replicas, order)
    need = less(need, by_minima)
    problem, trial, wanted, served = task.problem, replicas.copy(), need, need
    fewest = {role: task.fewest(role, trial) for roles in order for role in roles}
    members = {roles: [p for p in pools if problem.pools[p].role in roles] for roles in order}
    low, high, halvings = 0.0 * need, need, task.halvings if len(order) == 2 else 0
    for rounds in range(halvings + 3):
        served = wanted
        for roles in order:
            mine = members[roles]
            trial[mine] = replicas[mine]
            covered, tight = _cover(task, roles, mine, trial, wanted, fewest[roles[0]])
            contended |= tight
            if covered is None:
                return None, contended
            counts, now_served = covered
            trial[mine] = replicas[mine] + counts
            served = np.minimum(served, now_served)
            if rounds == 0 and roles == order[0]:
                high = served
        banded = None
        if len(order) == 2:
            of_role = {
                roles[0]: trial[[p for p in members[roles] if problem.pools[p].counts]].sum(axis=0)
                for roles in order
            }
            banded = _band(task, of_role, fewest)
        short = served < wanted - COVER_TOLERANCE
        if banded is None and not short.any() and (rounds == 0 or rounds > halvings):
            break
        fewest = banded or fewest
        low, high = np.maximum(low, served), np.where(short, np.minimum(high, wanted), high)
        if rounds < halvings:
            wanted = np.where(low < high - COVER_TOLERANCE, (low + high) / 2, low)
        else:
            wanted = low if rounds == halvings else served
    left = float(less(need, served).sum())
    cost = task.cost(pools, trial) - task.cost(pools, before)
    return ((left, cost), trial[pools], served + by_minima), contended


def _with_minima(
    task: Task, pools: list[int], replicas: Ints, order: tuple[Roles, ...]
) -> tuple[Ints, Floats]:
    """`replicas` and what minima of roles beside those in `order` still ask for, where it fits.

    And the share of the demand that it serves.
    """
    problem, trial, nothing = task.problem, replicas, np.zeros(task.problem.intervals)
    for role in problem.workloads[task.w].min_replicas:
        mine = [p for p in pools if problem.pools[p].role is role]
        fewest = task.fewest(role, trial)
        if mine and fewest.any() and not any(role in roles for roles in order):
            covered, _ = _cover(task, (role,), mine, trial, nothing, fewest)
            if covered is not None:
                trial = trial.copy()
                trial[mine] += covered[0]
    if trial is replicas:
        return replicas, nothing
    return trial, group_cover(problem, pools, trial - replicas)


def _band(
    task: Task, counts: dict[Role, Ints], fewest: dict[Role, Ints]
) -> dict[Role, Ints] | None:
    """Replicas that each role needs for the ratio band; None where the band already holds."""
    band = task.problem.band(task.w)
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


def _cover(
    task: Task, roles: Roles, pools: list[int], replicas: Ints, need: Floats, fewest: Ints
) -> tuple[tuple[Ints, Floats] | None, bool]:
    """Cheapest replicas of some roles on one site under the GPUs that are left.

    The share of the demand that they serve, resilience kept; and whether those GPUs bound an engine
    that could have been of more use.
    """
    problem = task.problem
    left = task.left(pools, replicas)
    room = _room(task, pools, replicas, left)
    block, useful = _block(task, roles, pools, replicas, need, fewest, left, room)
    tight = bool((block.high < useful).any())
    if not block.missing(block.high).any():
        path = _fitting_path(problem, pools, replicas, block, left)
        if path is not None:
            return (path.counts, need), tight
    expensive = float(block.price.max() + block.start.max() + 1e-6)
    expensive *= max(1.0, float(room.max(initial=1)))
    penalty = np.full(problem.intervals, SHORT_PRICE * expensive)
    path = _fitting_path(problem, pools, replicas, replace(block, penalty=penalty), left)
    if path is None:
        return None, tight
    return (path.counts, need - block.missing(path.counts).max(axis=0)), tight


def _room(task: Task, pools: list[int], replicas: Ints, left: Mapping[int, Ints]) -> Ints:
    """[*, T] replicas of each pool that the GPUs left and the task's limit leave room for."""
    room = np.array([room_of(task.problem, p, left, replicas[p]) for p in pools])
    return _limited(task, pools, replicas, room)


def _limited(task: Task, pools: list[int], replicas: Ints, counts: Ints) -> Ints:
    """Replicas [*, T] of each pool, no more than the task's limit allows beside `replicas`."""
    if task.limit is None:
        return counts
    return np.asarray(np.minimum(counts, np.maximum(0, task.limit[pools] - replicas[pools])))


def _block(
    task: Task,
    roles: Roles,
    pools: list[int],
    replicas: Ints,
    need: Floats,
    fewest: Ints,
    left: Mapping[int, Ints],
    room: Ints,
) -> tuple[Block, Ints]:
    """The block of some pools that serves all of `need` [T], and useful counts [*, T] of each.

    `left` are GPUs [T] by supply row, `room` [*, T] the replicas that fit.
    """
    problem = task.problem
    specs = [problem.pools[p] for p in pools]
    share = np.array([pool.mix_share for pool in specs])
    price = np.array([pool.run_cost for pool in specs]) + task.held_price[pools]
    start = task.start_price[pools]
    divided = bool(part_pairs(problem, pools))
    most = None if divided else task.most(roles[0], replicas)
    by_count = covers(problem, pools)
    kinds = [(pool.node_type, pool.domain, pool.stages) for pool in specs]
    new = np.array([problem.before is None or not problem.before[p] for p in pools])
    kept = not_beaten(price, start, share, new, most is None, by_count, kinds)
    change = problem.change_costs[pools]
    steady = bool(change.any())
    useful = useful_counts(price, start, share, need, fewest, by_count, steady=steady)
    node_loss = _node_loss(problem, pools)
    if node_loss is not None:
        useful += node_loss.replicas()[:, None] * (need > 0)
    useful[~kept] = 0
    useful = _limited(task, pools, replicas, useful)
    high = np.minimum(room, useful)
    if task.in_parts:
        fewest = np.minimum(fewest, high.sum(axis=0))
    rows = [r for r in left if sum(r in problem.drawn[p] for p in pools) > 1]
    before = problem.before
    block = Block(
        price=price,
        start=start,
        share=share,
        low=np.clip(task.floor[pools] - replicas[pools], 0, high),
        high=high,
        need=need,
        penalty=np.full(problem.intervals, np.inf),
        fewest=fewest,
        most=most,
        before=None if before is None else np.maximum(0, before[pools] - replicas[pools, 0]),
        sides=_sides_of([pool.stages for pool in specs]),
        node_loss=node_loss,
        weight=np.array(
            [[problem.pools[p].gpus if r in problem.drawn[p] else 0 for p in pools] for r in rows],
            dtype=np.float64,
        ).reshape(len(rows), len(pools)),
        room=np.array([np.maximum(0, left[r]) for r in rows], dtype=np.int64).reshape(
            len(rows), problem.intervals
        ),
        by_count=by_count,
        change=change if steady else None,
        queue=None if by_count is None else first_of_kind(problem, pools),
    )
    return block, useful


def _sides_of(stages: Sequence[tuple[int, ...]]) -> NDArray[np.bool_] | None:
    """[S, E] which engines count for each stage that any of them serves; None where all do."""
    sides = np.array([[s in mine for mine in stages] for s in sorted(set().union(*stages))])
    return None if sides.all() else sides


def _node_loss(problem: Problem, pools: list[int]) -> NodeLoss | None:
    """The resilience of these pools to the loss of a node, where there is one."""
    resilience = problem.workloads[problem.pools[pools[0]].workload].resilience
    if resilience is None or not resilience.node_gpus:
        return None
    types = list(resilience.node_gpus)
    node = np.array([types.index(problem.pools[p].node_type) for p in pools], dtype=np.int64)
    node_gpus = np.array(list(resilience.node_gpus.values()), dtype=np.int64)
    gpus = np.minimum(problem.gpus[pools], node_gpus[node])
    return NodeLoss(resilience.serve, gpus, node, node_gpus)


def room_of(problem: Problem, p: int, left: Mapping[int, Ints], count: Ints) -> Ints:
    """[T] replicas of pool p beside `count` that the GPUs left allow, start-up time included."""
    pool = problem.pools[p]
    room: Ints = np.maximum(0, pool.most - count)
    for r in problem.drawn[p]:
        here = np.maximum(0, left[r]) // pool.gpus
        room = np.minimum(room, here)
        for ahead in range(1, min(pool.lead, problem.intervals - 1) + 1):
            np.minimum(room[ahead:], here[:-ahead], out=room[ahead:])
            if problem.cyclic:
                np.minimum(room[:ahead], here[-ahead:], out=room[:ahead])
    return room


def room_beside(problem: Problem, p: int, replicas: Ints) -> Ints:
    """[T] replicas of pool p that fit beside all others of a plan [P, T]."""
    others = without([p], replicas)
    return room_of(problem, p, problem.residual_of([p], others), others[p])


def _fitting_path(
    problem: Problem, pools: list[int], replicas: Ints, block: Block, left: Mapping[int, Ints]
) -> Path | None:
    """The cheapest path whose pools also fit together where they share a supply row.

    The block bounds each pool alone. Where two of them overdraw a row, the one that holds
    less of it is given up.
    """
    standing = problem.held_by(pools, replicas[pools]) if replicas[pools].any() else 0
    while True:
        tried = cheapest_path(narrowed(block), cyclic=problem.cyclic)
        if tried is None:
            return None
        held = problem.held_by(pools, replicas[pools] + tried.counts) - standing
        over = None
        for r, gpus in left.items():
            members = [i for i, p in enumerate(pools) if r in problem.drawn[p] and held[i].any()]
            if (held[members].sum(axis=0) > np.maximum(0, gpus)).any():
                over = members
                break
        if over is None:
            return tried
        e = min(over, key=lambda i: int(held[i].sum()))
        high = block.high.copy()
        steady = high[e].min()
        alone_and_swinging = len(over) == 1 and (tried.counts[e] > steady).any()
        high[e] = steady if alone_and_swinging else 0
        block = replace(block, high=high)
