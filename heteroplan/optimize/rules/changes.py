"""What counts as a change of a pool's size."""

from heteroplan.optimize.rules.mip import Box, Model, Terms
from heteroplan.optimize.rules.rule import Rule


class ChangesRule(Rule):
    """A pool has another size than in the interval before only where that is counted."""

    kept_by_bound = True

    def define(self, model: Model, box: Box | None) -> None:
        """|n[p,t] - n[p,t-1]| <= most[p]·changed[p,t] [replicas] for pools whose changes count.

        Nothing changes into an interval where it is not known what ran before.
        """
        for p, changed in enumerate(model.changed):
            for t, change in enumerate(changed):
                now, known = model.n[p][t], model.earlier(p, t)
                if known is None or known[0] is now:
                    continue
                before, ran = known
                most = float(max(int(model.problem.pools[p].most.max()), ran))
                for sign, name in ((1.0, "grows"), (-1.0, "shrinks")):
                    terms: Terms = [(now, sign), (change, -most)]
                    if before is not None:
                        terms.append((before, -sign))
                    model.add(terms, "<=", sign * ran, f"{name}_{p}_{t}")
