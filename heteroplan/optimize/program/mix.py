"""Flow in the mix: every pool takes the same part of each of its workload's classes.

Exact for one class; for several a safe choice that `polish` improves on.
"""

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.numerics.division import quotient
from heteroplan.optimize.program.problem import Floats, Ints, Problem, ProgramResilience, on_a_node
from heteroplan.optimize.program.sizes import kind_of, shares


def cover_of(problem: Problem, pools: Iterable[int], counts: Ints) -> Floats:
    """[T] share of a workload's demand that counts [*, T] of pools have capacity for."""
    cover = np.zeros(problem.intervals)
    for share, over_time in zip(shares(problem, list(pools), counts), counts, strict=True):
        cover += over_time * share
    return cover


def part_pairs(
    problem: Problem, pools: Sequence[int], *, by_leaf: bool = True
) -> list[tuple[list[int], list[int]]]:
    """Pools of parts 0 and 1 of each divided engine on each of its leaves, or on all together."""
    found: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
    for p in pools:
        pool = problem.pools[p]
        if pool.part is not None:
            place = pool.domain if by_leaf else ""
            found.setdefault((place, pool.engine), ([], []))[pool.part].append(p)
    return list(found.values())


def role_cover(problem: Problem, pools: Sequence[int], replicas: Ints, role: Role) -> Floats:
    """[T] share of the demand that pools of one group have capacity for in a role.

    A divided engine serves what the smaller of its parts does.
    """
    mine = [p for p in pools if problem.pools[p].role is role]
    whole = [p for p in mine if problem.pools[p].part is None]
    total = cover_of(problem, whole, replicas[whole])
    for pair in part_pairs(problem, mine):
        total += np.minimum(*(cover_of(problem, part, replicas[part]) for part in pair))
    return total


def group_cover(problem: Problem, pools: Sequence[int], replicas: Ints) -> Floats:
    """[T] share of the demand that pools of one group can serve; above 1 where they could more."""
    prefill, decode, alone = (role_cover(problem, pools, replicas, role) for role in Role)
    return np.minimum(prefill, decode) + alone


def safe_share(problem: Problem, w: int, replicas: Ints) -> Floats:
    """[T] share of the demand that may be served so that the workload's resilience holds."""
    resilience = problem.workloads[w].resilience
    if resilience is None:
        return np.ones(problem.intervals)
    return np.minimum(1.0, _left_after_loss(problem, w, replicas, resilience) / resilience.serve)


def _left_after_loss(
    problem: Problem, w: int, replicas: Ints, resilience: ProgramResilience
) -> Floats:
    """[T] share of the demand that is left to serve with after the worst loss."""
    groups = problem.groups(w)
    covers = {name: group_cover(problem, pools, replicas) for name, pools in groups.items()}
    total = np.sum(list(covers.values()), axis=0) if covers else np.zeros(problem.intervals)
    worst = total
    for gone in resilience.gone:
        left = replicas.copy()
        left[list(gone)] = 0
        touched = {problem.pools[p].group for p in gone}
        lost = sum(covers[name] - group_cover(problem, groups[name], left) for name in touched)
        worst = np.minimum(worst, total - lost)
    for name, pools in groups.items():
        for stage in range(problem.workloads[w].stages):
            serving = [p for p in pools if stage in problem.pools[p].stages]
            divided = bool(part_pairs(problem, pools))
            for node_type, node_gpus in resilience.node_gpus.items():
                exposed = [p for p in serving if problem.pools[p].node_type == node_type]
                left_of = _after_a_node(problem, serving, exposed, replicas, node_gpus)
                capacity = sum((replicas[p] * share for p, share in left_of.items()), 0.0 * total)
                if divided:
                    slower = cover_of(problem, serving, replicas[serving]) - capacity
                    capacity = covers[name] - slower
                lost = 0.0 * total
                if exposed:
                    reach = [replicas[p] * left_of[p] for p in exposed]
                    per_gpu = [left_of[p] / min(problem.pools[p].gpus, node_gpus) for p in exposed]
                    lost = most_on_a_node(node_gpus, reach, per_gpu)
                left = np.maximum(0.0, capacity - lost)
                worst = np.minimum(worst, total - covers[name] + left)
    return worst


def _after_a_node(
    problem: Problem, pools: list[int], exposed: list[int], replicas: Ints, node_gpus: int
) -> dict[int, Floats]:
    """[T] share of the demand that one replica of each pool serves with any one node lost.

    Where that depends on the size, in pools of those `exposed` of as few as are left at least.
    """
    found = dict(zip(pools, shares(problem, pools, replicas[pools]), strict=True))
    for kind in {kind_of(problem.pools[p]) for p in exposed}:
        alike = [p for p in pools if kind_of(problem.pools[p]) == kind]
        if problem.pools[alike[0]].by_size is not None:
            fewer = on_a_node(problem.pools[alike[0]].gpus, node_gpus)
            found |= dict(zip(alike, shares(problem, alike, replicas[alike], fewer), strict=True))
    return found


def most_on_a_node(node_gpus: int, reach: Sequence[Floats], per_gpu: Sequence[Floats]) -> Floats:
    """[t, ...] greatest share of the demand that the replicas on one node may serve.

    `reach` [t, ...] is what all replicas of each engine serve, `per_gpu` [t, ...] what one GPU of
    them does; one engine at least. For any price a GPU a node takes at most

        node GPUs · price + Σ reach · max(0, 1 - price / per GPU)

    the dual of what it holds, least at 0 or where the price is what a GPU of some engine serves.
    """
    worth = [np.where(each > 0, each, 1.0) for each in per_gpu]

    def taken(price: Floats) -> Floats:
        value = node_gpus * price
        for mine, each in zip(reach, worth, strict=True):
            value = value + mine * np.maximum(0.0, 1.0 - price / each)
        return value

    return reduce(np.minimum, map(taken, (0.0 * per_gpu[0], *per_gpu)))


def mixed_flow(problem: Problem, replicas: Ints) -> tuple[Floats, ...]:
    """Flow that serves as much as the pools can with every pool taking the same mix."""
    flow: list[Floats] = [np.zeros_like(pool.load) for pool in problem.pools]
    for w in range(len(problem.workloads)):
        mix(problem, w, replicas, flow)
    return tuple(flow)


def mix(problem: Problem, w: int, replicas: Ints, flow: list[Floats]) -> None:
    """Write `mixed_flow` of workload w into `flow`."""
    asked = problem.workloads[w].rps > 0
    rest = asked.any(axis=0) * safe_share(problem, w, replicas)
    for pools in problem.groups(w).values():
        cover = {role: role_cover(problem, pools, replicas, role) for role in Role}
        alone = np.minimum(rest, cover[Role.AGGREGATED])
        rest = rest - alone
        pair = np.minimum(rest, np.minimum(cover[Role.PREFILL], cover[Role.DECODE]))
        rest = rest - pair
        taken = {Role.PREFILL: pair, Role.DECODE: pair, Role.AGGREGATED: alone}
        for p, mine in _parts_of_role(problem, pools, replicas).items():
            role = problem.pools[p].role
            flow[p] = quotient(mine, cover[role]) * taken[role] * asked


def _parts_of_role(problem: Problem, pools: Sequence[int], replicas: Ints) -> dict[int, Floats]:
    """[T] for each pool, the share of the demand that it takes when its role is fully used."""
    each = shares(problem, pools, replicas[list(pools)])
    own = {p: replicas[p] * share for p, share in zip(pools, each, strict=True)}
    for pair in part_pairs(problem, pools):
        covers = [sum(own[p] for p in part) for part in pair]
        used = np.minimum(*covers)
        for part, cover in zip(pair, covers, strict=True):
            for p in part:
                own[p] = own[p] * quotient(used, np.asarray(cover))
    return own
