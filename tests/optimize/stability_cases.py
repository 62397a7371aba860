"""Hand cases of sizes from one interval to the next; replicas of 4 GPUs at 2 USD serve 10."""

from collections.abc import Sequence
from dataclasses import replace

from heteroplan.entities.workload import Role, Stability
from heteroplan.optimize.program.problem import Problem
from tests.builders import engine, scenario, workload
from tests.optimize.case import Case, problem_of

FREE = Stability()


def steady(rps: Sequence[float], rules: Stability = FREE) -> Problem:
    """Intervals of an hour, round the day; starts are free."""
    both = engine("both", role=Role.AGGREGATED)
    load = replace(workload(rps=rps, engines=(both,)), stability=rules)
    return problem_of(scenario([load]))


def change_cost() -> Problem:
    """2, 1, 2 replicas and two changes of 5 USD: 50 USD; 2 all day: 48 USD."""
    return steady([20.0, 10.0, 20.0], Stability(change_cost_usd=5.0))


def min_run() -> Problem:
    """1, 2, 1, 1 replicas, but the second runs two hours: 6 replica-hours, 48 USD instead of 40."""
    return steady([10.0, 20.0, 10.0, 10.0], Stability(min_run_s=7200))


def max_changes() -> Problem:
    """1, 2, 1, 2 replicas are four changes; with two, 2 are kept in between: 56 USD, not 48."""
    return steady([10.0, 20.0, 10.0, 20.0], Stability(max_changes=2))


STABILITY_CASES = {
    "change_cost": Case(change_cost, 48.0, {1: 0.0}, ("ChangesRule",)),
    "min_run": Case(min_run, 48.0, {1: 0.0}, ("StabilityRule",)),
    "max_changes": Case(max_changes, 56.0, {1: 0.0}, ("StabilityRule",)),
}
