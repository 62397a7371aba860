"""What starts before the horizon stands beside what ran then."""

from heteroplan.optimize.program.before import left_before
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.mip import Box, Model, Terms
from heteroplan.optimize.rules.rule import Rule


class HandoverRule(Rule):
    """What ran before keeps its GPUs until the horizon begins; what starts then finds others.

    Searches run without the rule; where their plan breaks it, `improve.handover` makes it keep it.
    """

    kept_by_bound = False

    def define(self, model: Model, box: Box | None) -> None:
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
