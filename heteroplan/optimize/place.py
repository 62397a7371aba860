"""One workload beside the others: which domains it lives in.

A workload goes to the one domain where it costs least (its home); what a home cannot hold
goes on to the next.
"""

import numpy as np

from heteroplan.optimize.home import Placement, Rank, Task, less, place_in_domain
from heteroplan.optimize.mix import domain_share
from heteroplan.optimize.problem import Floats, Ints, Problem


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
    `limit` [P, T] bounds the pools. Without them two ways are tried: fill the home with
    whatever fits before going on, or go on as soon as the home's cheap engines are out.
    """
    task = Task(problem, w, held_price, limit)
    rank, counts = _fill(task, replicas, parts)
    if parts is None and len(problem.groups(task.w)) > 1 and not task.is_thrifty(counts):
        rank, counts = min((rank, counts), _spread(task, replicas), key=lambda tried: tried[0])
    replicas[list(problem.works[w].pools)] = counts


def _fill(task: Task, replicas: Ints, parts: dict[str, Floats] | None) -> tuple[Rank, Ints]:
    """Domain after domain, the cheapest next, each with as much of the rest as it can serve."""
    problem, trial = task.problem, replicas.copy()
    pools = list(problem.works[task.w].pools)
    domains, rest = problem.groups(task.w), task.need()
    while domains and (rest.any() or not task.minimum_met(trial)):
        wanted = {name: _wanted(name, rest, parts, len(domains)) for name in domains}
        largest = max(domains, key=lambda name: float(wanted[name].sum()))
        names = domains if parts is None else [largest]
        options: dict[str, Placement] = {}
        least = {name: task.least_cost(domains[name], wanted[name]) for name in names}
        for name in sorted(names, key=lambda name: least[name]):
            if any(rank <= (0.0, least[name]) for rank, _, _ in options.values()):
                break
            option = place_in_domain(task, domains[name], trial, wanted[name])
            if option:
                options[name] = option
        if not options:
            break
        home = min(options, key=lambda name: options[name][0])
        trial[domains.pop(home)] = options[home][1]
        rest = less(rest, options[home][2])
    return (float(rest.sum()), task.cost(pools, trial)), trial[pools]


def _spread(task: Task, replicas: Ints) -> tuple[Rank, Ints]:
    """Cheap engines of all domains first; one domain then takes on what they leave."""
    problem, trial = task.problem, replicas.copy()
    pools = list(problem.works[task.w].pools)
    (rest, _), counts = _fill(task.thrifty(), trial, None)
    trial[pools] = counts
    if rest == 0.0:
        return (rest, task.cost(pools, trial)), counts
    groups = problem.groups(task.w)
    served = {name: domain_share(problem, members, trial) for name, members in groups.items()}
    missing = less(task.need(), np.sum(list(served.values()), axis=0))
    tries: list[tuple[Rank, Ints]] = []
    for name, members in groups.items():
        beside = trial.copy()
        beside[members] = 0
        option = place_in_domain(task, members, beside, served[name] + missing)
        if option:
            beside[members] = option[1]
            left = option[0][0]
            tries.append(((left, task.cost(pools, beside)), beside[pools]))
    return min(tries, key=lambda tried: tried[0], default=((rest, 0.0), counts))


def _wanted(name: str, rest: Floats, parts: dict[str, Floats] | None, left: int) -> Floats:
    """What a domain is asked to serve: all that is left, or its part; the last one the rest."""
    if parts is None or left == 1:
        return rest
    return np.minimum(rest, parts.get(name, np.zeros_like(rest)))
