"""Which deployment groups are used: `max_groups` and `anti_affinity`."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import pulp

from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.mip import Model, Terms
from heteroplan.optimize.rules.rule import Rule


class GroupsRule(Rule):
    """`max_groups` limits the groups of a workload; `anti_affinity` keeps workloads apart."""

    fields = "max_groups or anti_affinity"

    def define(self, model: Model) -> None:
        """n[p,t] <= most[p]·open[w,g]; Σ_g open[w,g] <= max_groups[w]; open + open' <= 1 apart.

        One open[w,g] in {0, 1} for each group of a workload with either rule, over the horizon.
        """
        problem = model.problem
        kept_apart = {w for one, _, two, _ in problem.conflicts for w in (one, two)}
        opened: dict[tuple[int, str], pulp.LpVariable] = {}
        for w, work in enumerate(problem.workloads):
            groups = problem.groups(w)
            limited = work.max_groups is not None and work.max_groups < len(groups)
            if not limited and w not in kept_apart:
                continue
            for g, (name, pools) in enumerate(groups.items()):
                opened[w, name] = model.used(f"open_{w}_{g}", pools)
            if limited and work.max_groups is not None:
                terms: Terms = [(opened[w, name], 1.0) for name in groups]
                model.add(terms, "<=", float(work.max_groups), f"groups_{w}")
        for i, (one, group, two, other) in enumerate(problem.conflicts):
            pair: Terms = [(opened[one, group], 1.0), (opened[two, other], 1.0)]
            model.add(pair, "<=", 1.0, f"apart_{i}")

    def broken(self, problem: Problem, replicas: Ints) -> float:
        """Groups too many, and pairs of groups that overlap."""
        missed = 0
        for w, work in enumerate(problem.workloads):
            used = len(problem.used_groups(w, replicas))
            missed += max(0, used - (work.max_groups or used))
        return missed + sum(
            group in problem.used_groups(one, replicas)
            and other in problem.used_groups(two, replicas)
            for one, group, two, other in problem.conflicts
        )

    def limits_pools(self, problem: Problem, w: int) -> bool:
        """Whether there is a limit on groups, or a workload to keep apart from."""
        apart = any(w in (one, two) for one, _, two, _ in problem.conflicts)
        return apart or problem.workloads[w].max_groups is not None

    def open_pools(
        self, problem: Problem, w: int, replicas: Ints, *, opening: bool
    ) -> AbstractSet[int]:
        """Pools of the groups that may be used."""
        groups = problem.groups(w)
        used = problem.used_groups(w, replicas)
        limit = problem.workloads[w].max_groups
        full = limit is not None and len(used) >= limit
        allowed = used if full or not opening else set(groups)
        if opening:
            allowed = allowed - set(self._taken(problem, w, replicas))
        return frozenset(p for name in allowed for p in groups[name])

    def _taken(self, problem: Problem, w: int, replicas: Ints) -> Iterator[str]:
        """Groups of workload w that overlap those of workloads that it keeps apart from."""
        for first, group, second, other in problem.conflicts:
            for mine, name, theirs, their_name in (
                (first, group, second, other),
                (second, other, first, group),
            ):
                if mine == w and their_name in problem.used_groups(theirs, replicas):
                    yield name
