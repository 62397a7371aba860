"""Plans: workloads placed one after another, then each again beside the others.

Prices on supply steer workloads away from what others need more.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.optimize.construct.one_domain import has_room
from heteroplan.optimize.construct.one_workload import ASKS_NOTHING, place, rank_of
from heteroplan.optimize.construct.task import task_of, without
from heteroplan.optimize.incumbent import Incumbent, of_sizes, resized, unserved_shares
from heteroplan.optimize.program.prices import gpu_prices, pool_prices, supply_prices
from heteroplan.optimize.program.problem import Floats, Ints, Problem

TIE = 1e-6
"""Price of a step of scarcity, as a share of what a GPU costs, that only decides between equals."""


def place_all(
    problem: Problem,
    prices: Floats | None,
    order: Sequence[int],
    stop: Stop = never,
    *,
    whole: bool = False,
) -> Incumbent:
    """A first plan: workloads in `order`, each beside those before it, until `stop()`.

    Ends at the first workload that goes short where the plan is to be `whole`. Where workloads find
    no room for their minima, once more beside those of all.
    """
    held_price = steered(problem, prices)

    def beside(replicas: Ints) -> Incumbent:
        for w in order:
            if stop():
                break
            task = task_of(problem, w, replicas, held_price, stop=stop)
            sizes = place(task, task.problem.no_replicas())
            replicas[task.pools] = sizes
            if whole and rank_of(task, sizes)[0] > 0.0:
                break
        return of_sizes(problem, replicas)

    found = beside(problem.no_replicas())
    if whole or not found.broken or stop():
        return found
    replicas = problem.no_replicas()
    place_minima(problem, order, replicas, held_price)
    return min(found, beside(replicas), key=lambda each: each.rank)


def place_minima(
    problem: Problem, workloads: Sequence[int], replicas: Ints, held_price: Floats
) -> None:
    """Write as few replicas of each workload as it may have into `replicas` [P, T]."""
    for w in workloads:
        if problem.workloads[w].min_replicas:
            task = replace(task_of(problem, w, replicas, held_price), extra=ASKS_NOTHING)
            replicas[task.pools] = place(task, replicas[task.pools])


def scarce_where_short(problem: Problem, plan: Incumbent) -> Floats:
    """[R, T] what a GPU costs to run, where GPUs are out and one who draws on them goes short."""
    short = unserved_shares(problem, plan)
    left = problem.residual(plan.solution.replicas)
    gpu_price = gpu_prices(problem)
    found = np.zeros((len(problem.supplies), problem.intervals))
    for r, row in enumerate(problem.supplies):
        if row.pools:
            users = [problem.pools[p].workload for p in row.pools]
            wanted = short[users].max(axis=0) > 0
            out = left[r] < max(problem.pools[p].gpus for p in row.pools)
            found[r] = gpu_price[r] * (wanted & out)
    return found


def steered(problem: Problem, prices: Floats | None = None, steer: float = TIE) -> Floats:
    """[P, T] price of the GPUs that a replica holds: of supply [R, T] where it has prices, and a
    little more on scarce leaves.
    """
    most_expensive = float(gpu_prices(problem).max(initial=0.0)) or 1.0
    scarcity = np.array([pool.scarcity * pool.gpus for pool in problem.pools])
    supply = supply_prices(problem, prices).supply
    return pool_prices(problem, supply) + steer * most_expensive * scarcity.reshape(-1, 1)


def reinsert(
    problem: Problem,
    best: Incumbent,
    prices: Floats | None,
    workloads: Sequence[int],
    stop: Stop = never,
) -> Incumbent:
    """Take some workloads out and place them again in this order; kept when it ranks better."""
    tried = replaced(problem, best, workloads, steered(problem, prices), stop)
    return tried if tried.rank < best.rank else best


def replaced(
    problem: Problem, plan: Incumbent, workloads: Sequence[int], held_price: Floats, stop: Stop
) -> Incumbent:
    """The plan with some workloads taken out and placed again in this order, at any cost."""
    pools = [p for w in workloads for p in problem.workloads[w].pools]
    replicas = without(pools, plan.solution.replicas)
    for w in workloads:
        task = task_of(problem, w, replicas, held_price, stop=stop)
        replicas[task.pools] = place(task, replicas[task.pools])
    return resized(problem, plan, replicas)


def fits_one_group(problem: Problem, w: int) -> bool:
    """Whether some group alone might serve all of workload w, were no other workload there."""
    nobody = problem.no_replicas()
    task = task_of(problem, w, nobody, np.zeros(nobody.shape))
    groups = task.problem.groups(w).values()
    return any(has_room(task, pools, nobody[task.pools], task.need()) for pools in groups)


def by_size(problem: Problem) -> list[int]:
    """Workloads by priority class, within it those with the most GPUs at their peak first."""
    peak = problem.asked_gpus()
    return sorted(range(len(peak)), key=lambda w: (problem.workloads[w].priority, -peak[w], w))


def local_move(
    problem: Problem, best: Incumbent, w: int, slack: int, stop: Stop = never, reach: int = 1
) -> Incumbent:
    """Workload w again in the domains and, but for `slack` replicas, the sizes it has.

    Those of so many intervals before and after (`reach`) count as well.
    """
    replicas = best.solution.replicas.copy()
    task = task_of(problem, w, replicas, steered(problem), stop=stop)
    near = task.near(replicas[task.pools], slack, reach)
    parts = parts_of(problem, w, best.solution.flow)
    replicas[task.pools] = place(near, task.problem.no_replicas(), parts)
    tried = resized(problem, best, replicas)
    return tried if tried.rank < best.rank else best


def parts_of(problem: Problem, w: int, flow: Sequence[Floats]) -> dict[str, Floats]:
    """[T] mean share of its classes that each group of workload w finishes."""
    parts: dict[str, Floats] = {}
    for p in problem.finishing(w):
        group = problem.pools[p].group
        parts[group] = parts.get(group, 0.0) + flow[p].mean(axis=0)
    return parts
