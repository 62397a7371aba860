"""What counts as a change of a pool's size."""

from heteroplan.optimize.rules.mip import Box, Model, Terms
from heteroplan.optimize.rules.rule import Rule


class ChangesRule(Rule):
    """A pool has another size than in the interval before only where that is counted."""

    kept_by_bound = True

    def define(self, model: Model, box: Box | None) -> None:
        """|n[p,t] - n[p,t-1]| <= most[p]·changed[p,t] [replicas] for pools whose changes count.

        t-1 is the last interval for t = 0 of a cyclic day; elsewhere n[p,-1] is what ran before,
        and t = 0 changes nothing where that is not known.
        """
        problem = model.problem
        for p, changed in enumerate(model.changed):
            for t, change in enumerate(changed):
                now, ran = model.n[p][t], 0
                before = [] if t == 0 and not problem.cyclic else [model.n[p][t - 1]]
                if not before:
                    if problem.before is None:
                        continue
                    ran = int(problem.before[p])
                elif before[0] is now:
                    continue
                most = float(max(int(problem.pools[p].most.max()), ran))
                for sign, name in ((1.0, "grows"), (-1.0, "shrinks")):
                    terms: Terms = [(now, sign), (change, -most)]
                    terms += [(each, -sign) for each in before]
                    model.add(terms, "<=", sign * ran, f"{name}_{p}_{t}")
