"""Whether the rows of one rule alone hold for given pool sizes."""

from collections.abc import Mapping, Sequence

import numpy as np
import pulp

from heteroplan.optimize.model import define_replicas
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.mip import Box, Model
from heteroplan.optimize.rules.rule import Rule
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from tests.optimize.random_cases import random_problem


def sized(problem: Problem, sizes: Mapping[tuple[str, str], Sequence[int]]) -> Ints:
    """[P, T] replicas by engine and domain, 0 elsewhere; a half is called `engine/part`."""
    found = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    for p, pool in enumerate(problem.pools):
        name = pool.engine if pool.part is None else f"{pool.engine}/{pool.part}"
        found[p] = sizes.get((name, pool.domain), 0)
    return found


def any_sizes(problem: Problem, draw: np.random.Generator, most: int = 2) -> Ints:
    """[P, T] up to `most` replicas, in half of the pools none."""
    found = draw.integers(0, most + 1, (len(problem.pools), problem.intervals))
    return np.asarray(found * draw.integers(0, 2, (len(problem.pools), 1)))


def accepted(rule: Rule, problem: Problem, sizes: Ints) -> bool:
    """Whether the rule's rows have a solution with these sizes [P, T], whatever supply says."""
    model = Model(problem, Box(sizes, sizes), pulp.LpProblem("rule", pulp.LpMinimize))
    define_replicas(model, constant=False)
    rule.define(model)
    verdict = solver.run(model.lp, Effort(), integer=True).verdict
    assert verdict in (Verdict.OPTIMAL, Verdict.INFEASIBLE)
    return verdict is Verdict.OPTIMAL


def accept_just_what_breaks_nothing(rule: Rule, feature: str) -> None:
    """Of sizes drawn for random programs with a feature, some of which break the rule."""
    sound = unsound = 0
    for seed in range(60):
        problem = random_problem(seed, feature)
        sizes = any_sizes(problem, np.random.default_rng(seed))
        good = rule.broken(problem, sizes) == 0
        assert accepted(rule, problem, sizes) == good
        sound, unsound = sound + good, unsound + (not good)
    assert min(sound, unsound) >= 3
