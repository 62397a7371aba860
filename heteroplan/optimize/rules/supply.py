"""GPUs that running and starting replicas hold, over the horizon and right before it."""

from collections.abc import Iterator

import pulp

from heteroplan.optimize.program.before import left_before
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.mip import Model, Terms
from heteroplan.optimize.rules.rule import Rule


class SupplyRule(Rule):
    """Replicas hold no more GPUs than a domain has."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
        """Σ_p gpus[p]·(n[p,t] + Σ_{j=1..lead[p]} up[p,t+j]) <= supply[r,t] [GPUs] for each r, t.

        A starting replica holds its GPUs before it serves.
        """
        problem = model.problem
        for r, row in enumerate(problem.supplies):
            for t in range(problem.intervals):
                terms: Terms = []
                for p in row.pools:
                    gpus = float(problem.pools[p].gpus)
                    terms.append((model.n[p][t], gpus))
                    terms.extend((up, gpus) for up in _starting(model, p, t))
                model.supply_rows[r, t] = model.add(
                    terms, "<=", float(row.gpus[t]), f"supply_{r}_{t}"
                )


class TransitionRule(Rule):
    """A pool grows only by replicas that are started."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
        """up[p,t] >= n[p,t] - n[p,t-1] [replicas] for each pool with start variables.

        Nothing starts into an interval where it is not known what ran before.
        """
        for p, starts in enumerate(model.up):
            for t, start in enumerate(starts):
                known = model.growth(p, t)
                if known is None:
                    continue
                grown, ran = known
                terms = [(start, 1.0), *((n, -sign) for n, sign in grown)]
                row = model.add(terms, ">=", -float(ran), f"transition_{p}_{t}")
                model.start_rows[p, t] = row


class HandoverRule(Rule):
    """What ran before keeps its GPUs until the horizon begins; what starts then finds others.

    Searches run without the rule; where their plan breaks it, `improve.handover` makes it keep it.
    """

    def define(self, model: Model) -> None:
        """Σ_p gpus[p]·Σ_{t < lead[p]} up[p,t] <= free_before[r] [GPUs] for each r.

        Those replicas start before interval 0.
        """
        problem = model.problem
        for r, row in enumerate(problem.supplies):
            if row.free_before is None or problem.before is None:
                continue
            terms: Terms = [
                (up, float(problem.pools[p].gpus))
                for p in row.pools
                for up in model.up[p][: problem.pools[p].lead]
            ]
            if terms:
                model.add(terms, "<=", float(row.free_before), f"handover_{r}")

    def broken(self, problem: Problem, replicas: Ints) -> float:
        """GPUs that sizes [P, T] take before the horizon although what ran then holds them."""
        left = left_before(problem, replicas)
        return float(sum(max(0, -each) for each in left if each is not None))


def _starting(model: Model, p: int, t: int) -> Iterator[pulp.LpVariable]:
    """Starts that already hold GPUs in interval t."""
    for ahead in range(1, model.problem.pools[p].lead + 1):
        if model.up[p] and (model.problem.cyclic or t + ahead < model.problem.intervals):
            yield model.up[p][(t + ahead) % model.problem.intervals]
