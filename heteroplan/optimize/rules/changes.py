"""Changes of pool sizes: what counts as one, and the rules `min_run` and `max_changes`."""

import numpy as np

from heteroplan.optimize.program.problem import Ints, Problem, ProgramWorkload
from heteroplan.optimize.rules.mip import INTEGER, Model, Terms
from heteroplan.optimize.rules.rule import Rule


class ChangesRule(Rule):
    """A pool has another size than in the interval before only where that is counted."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
        """|n[p,t] - n[p,t-1]| <= most[p]·changed[p,t] [replicas] for pools whose changes count.

        Nothing changes into an interval where it is not known what ran before.
        """
        for p, changed in enumerate(model.changed):
            for t, change in enumerate(changed):
                known = model.growth(p, t)
                if known is None:
                    continue
                grown, ran = known
                most = float(max(int(model.problem.pools[p].most.max()), ran))
                for sign, name in ((1.0, "grows"), (-1.0, "shrinks")):
                    terms = [*((n, sign * part) for n, part in grown), (change, -most)]
                    model.add(terms, "<=", sign * ran, f"{name}_{p}_{t}")


class StabilityRule(Rule):
    """A pool that has grown does not shrink for `min_run`, and changes `max_changes` times a day.

    So a replica runs for `min_run` at least, whichever of a pool stops when it shrinks. Searches
    run without the rule; the last pass makes their plans keep it.
    """

    def define(self, model: Model) -> None:
        """n[p,t+j] >= n[p,t] - most·(1 - grown[p,t]) [replicas] for j = 1..min_run - 1.

        With n[p,t] - n[p,t-1] <= most·grown[p,t]; and the sum of changed[p,t] over a day at most
        max_changes.
        """
        for work in model.problem.workloads:
            for p in work.pools:
                if work.min_run > 1:
                    _define_run(model, p, work.min_run)
                if work.max_changes is not None:
                    _define_count(model, p, work.max_changes)

    def broken(self, problem: Problem, replicas: Ints) -> float:
        """Intervals in which a pool shrinks too early, and changes too many."""
        return float(
            sum(
                breaks_stability(problem, work, p, replicas[p])
                for work in problem.workloads
                if work.has_stability
                for p in work.pools
            )
        )


def breaks_stability(problem: Problem, work: ProgramWorkload, p: int, sizes: Ints) -> int:
    """Intervals in which sizes [T] of pool p shrink too early, and changes too many."""
    changed = problem.changes_in([p], sizes[None, :])[0]
    if not changed.any():
        return 0
    grown = problem.starts_in([p], sizes[None, :])[0] > 0
    shrunk = changed & ~grown
    early, again = np.zeros_like(shrunk), grown
    for _ in range(min(work.min_run, problem.intervals) - 1):
        again = np.roll(again, 1)
        if not problem.cyclic:
            again[0] = False
        early |= shrunk & again
    found = int(early.sum())
    if work.max_changes is not None:
        a_day = np.bincount(problem.days_of(), weights=changed)
        found += int(np.maximum(0, a_day - work.max_changes).sum())
    return found


def _define_run(model: Model, p: int, min_run: int) -> None:
    problem, sizes = model.problem, model.n[p]
    most = float(problem.pools[p].most.max(initial=0))
    for t, now in enumerate(sizes):
        known = model.growth(p, t)
        if known is None:
            continue
        grown = model.lp.add_variable(f"grown_{p}_{t}", 0, 1, INTEGER)
        model.add([*known[0], (grown, -most)], "<=", float(known[1]), f"grows_when_{p}_{t}")
        for j in range(1, min(min_run, problem.intervals)):
            if t + j < problem.intervals or problem.cyclic:
                later = sizes[(t + j) % problem.intervals]
                terms: Terms = [(now, 1.0), (later, -1.0), (grown, most)]
                model.add(terms, "<=", most, f"stays_{p}_{t}_{j}")


def _define_count(model: Model, p: int, max_changes: int) -> None:
    days = model.problem.days_of()
    for day in np.unique(days) if model.changed[p] else ():
        terms: Terms = [(model.changed[p][t], 1.0) for t in np.flatnonzero(days == day)]
        model.add(terms, "<=", float(max_changes), f"changes_{p}_{day}")
