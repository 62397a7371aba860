"""The rules that limit which plans are allowed: one module per kind of rule.

A rule says four things: its rows in the MIP (`define`), by how much given pool sizes break it
(`broken`), which pools a search may still open beside given sizes (`open_pools`, and `choices`
where a workload must decide before it is placed), and whether the lower bound keeps it
(`kept_by_bound`). `verify` checks the same rules from outside, with code of its own.

`requests` are to be served, `supply` is about GPUs, `replica_limits`, `groups` and `engine_limit`
about what users limit, `changes` about sizes from one interval to the next, `resilience` about
losses. To add a rule: a subclass of `Rule` (in `rule`), and a line in `RULES`. `mip` has the
variables that rows are made of. Read `requests` first, `groups` for a rule that a search must look
ahead for.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.changes import ChangesRule, StabilityRule
from heteroplan.optimize.rules.engine_limit import EngineLimitRule
from heteroplan.optimize.rules.groups import GroupsRule
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.rules.replica_limits import RatioBandRule, ReplicaLimitsRule
from heteroplan.optimize.rules.requests import BalanceRule, CapacityRule, DemandRule
from heteroplan.optimize.rules.resilience import ResilienceRule
from heteroplan.optimize.rules.rule import Rule
from heteroplan.optimize.rules.supply import HandoverRule, SupplyRule, TransitionRule

RULES: tuple[Rule, ...] = (
    CapacityRule(),
    BalanceRule(),
    DemandRule(),
    SupplyRule(),
    TransitionRule(),
    ChangesRule(),
    RatioBandRule(),
    ReplicaLimitsRule(),
    GroupsRule(),
    EngineLimitRule(),
    ResilienceRule(),
    StabilityRule(),
    HandoverRule(),
)
"""In the order of their rows in the MIP."""


def define_rules(model: Model) -> None:
    """Add the rows of all rules."""
    for rule in RULES:
        rule.define(model)


def broken_limits(problem: Problem, replicas: Ints) -> float:
    """By how much pool sizes [P, T] break limits, summed over rules and the horizon.

    Each rule in its own unit; 0 for every plan that may be an answer.
    """
    return float(sum(rule.broken(problem, replicas) for rule in RULES))


def is_choosy(problem: Problem, w: int) -> bool:
    """Whether workload w may not use all of its pools at once."""
    return any(rule.limits_pools(problem, w) for rule in RULES)


def open_pools(
    problem: Problem, w: int, replicas: Ints, *, opening: bool = True
) -> AbstractSet[int]:
    """Pools in which workload w may have replicas beside what pool sizes [P, T] use.

    Those that it uses included. Without `opening`, nothing that it does not use yet is opened.
    """
    found: AbstractSet[int] = frozenset(problem.workloads[w].pools)
    for rule in RULES:
        if rule.limits_pools(problem, w):
            found &= rule.open_pools(problem, w, replicas, opening=opening)
    return found


def closing_fields(problem: Problem, w: int, pools: Iterable[int], replicas: Ints) -> list[str]:
    """Fields that keep workload w from opening some of `pools` beside pool sizes [P, T]."""
    wanted = set(pools)
    return [
        rule.fields
        for rule in RULES
        if rule.limits_pools(problem, w)
        and not wanted <= rule.open_pools(problem, w, replicas, opening=True)
    ]


def pool_choices(problem: Problem, w: int) -> list[AbstractSet[int]]:
    """Sets of pools among which a search decides before it places workload w; empty where it
    need not decide.
    """
    return [choice for rule in RULES for choice in rule.choices(problem, w)]
