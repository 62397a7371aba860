"""The reference model, one family of constraints after another, against hand arithmetic.

Every case stands in CASES with its optimum; the meta tests take a family out of the model and
see the case's optimum change, so no case passes without what it is about.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import RatioBand, RequestClass, Role
from heteroplan.optimize import rules
from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.model import build_model, minimise_cost, read_flow, read_sizes
from heteroplan.optimize.program.problem import Problem, unserved_requests
from heteroplan.optimize.solvers import solver
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import Case, problem_of
from tests.optimize.group_cases import GROUP_CASES
from tests.optimize.handover_cases import HANDOVER_CASES
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum
from tests.optimize.stability_cases import STABILITY_CASES

PREFILL = engine("prefill", role=Role.PREFILL)
DECODE = engine("decode")


def capacity() -> Problem:
    """25 requests/s on replicas of 10: 3 prefill and 3 decode of 4 GPUs at 2 USD: 48 USD."""
    return problem_of(scenario([workload(rps=[25.0])]))


def balance() -> Problem:
    """25 requests/s, prefill serves 30 a replica, decode 10: 1 + 3 replicas of 4 GPUs, 32 USD.

    Without the balance decode alone would finish them: 24 USD.
    """
    engines = (engine("prefill", role=Role.PREFILL, capacity_rps=30.0), DECODE)
    return problem_of(scenario([workload(rps=[25.0], engines=engines)]))


def balance_by_domain() -> Problem:
    """Prefill GPUs on l1 alone, decode GPUs on both; affinity leaf: nothing may cross.

    l1 has one node of each type: 1 prefill and 1 decode replica of 8 GPUs, 10 requests/s. Of
    20 asked for 10·3600 stay unserved. Cost 8·2 + 8·1 = 24 USD.
    """
    engines = (
        engine("prefill", role=Role.PREFILL, gpus=8),
        engine("decode", gpu="L40S", gpus=8),
    )
    return problem_of(
        scenario(
            [workload(rps=[20.0], engines=engines, affinity=Affinity.LEAF)],
            in_fleet=fleet(
                {"l1": {"h100x8": 1, "l40sx8": 1}, "l2": {"h100x8": 0, "l40sx8": 1}},
                node_types=(node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=1.0)),
            ),
        )
    )


def aggregated_against_pair() -> Problem:
    """40 requests/s; a pair serves 10 for 16 USD, an aggregated replica of 8 GPUs 12 for 16 USD.

    Pairs alone 4·16 = 64; aggregated alone ceil(40/12) = 4: 64; but a prefill replica serves
    two decode replicas: 2 prefill + 4 decode = 48 USD; 1 prefill, 2 decode (20) and 2
    aggregated (24) = 24 + 32 = 56. The pairs win at 48.
    """
    engines = (
        engine("prefill", role=Role.PREFILL, capacity_rps=20.0),
        DECODE,
        engine("both", role=Role.AGGREGATED, gpus=8, capacity_rps=12.0),
    )
    return problem_of(scenario([workload(rps=[40.0], engines=engines)], in_fleet=fleet()))


def aggregated_for_the_rest() -> Problem:
    """12 requests/s: an aggregated replica serves them for 16 USD, pairs need 2 decode: 24 USD."""
    engines = (
        engine("prefill", role=Role.PREFILL, capacity_rps=20.0),
        DECODE,
        engine("both", role=Role.AGGREGATED, gpus=8, capacity_rps=12.0),
    )
    return problem_of(scenario([workload(rps=[12.0], engines=engines)]))


def supply() -> Problem:
    """One node of 8 GPUs holds one pair: 10 of 25 requests/s, 15·3600 unserved, 16 USD."""
    return problem_of(scenario([workload(rps=[25.0])], in_fleet=fleet({"l1": {"h100x8": 1}})))


def supply_of_starting_replicas() -> Problem:
    """Demand 10, 20 on 8 GPUs, aggregated replicas of 4 GPUs that serve 10 and start in 1 h.

    Cyclic: 1 then 2 replicas; the second holds its GPUs at 0 already: 8 of 8 GPUs at 0.
    3·8 running + 1 start of 8 USD = 32 USD. A second workload with priority 2 wants 10 at 0:
    no GPU is left for it there, although only 4 of 8 serve: 10·3600 unserved.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=3600.0)
    other = engine("other", role=Role.AGGREGATED)
    return problem_of(
        scenario(
            [
                workload("first", rps=[10.0, 20.0], engines=(both,)),
                workload("second", rps=[10.0, 0.0], engines=(other,), priority=2),
            ],
            in_fleet=fleet({"l1": {"h100x8": 1}}),
        )
    )


def maintenance() -> Problem:
    """Two nodes, one away in the second hour: 20 requests/s, then 10 and 10·3600 unserved.

    2 pairs for 32 USD, 1 pair for 16 USD; starts are free.
    """
    start = datetime(2026, 11, 23, 1, tzinfo=ZoneInfo("UTC"))
    away = Outage("l1", "h100x8", 1, start, start + timedelta(minutes=5))
    return problem_of(
        scenario(
            [workload(rps=[20.0, 20.0])],
            in_fleet=fleet({"l1": {"h100x8": 2}}, outages=(away,)),
        )
    )


def laminar_supply() -> Problem:
    """Two leaves of 8 GPUs under one spine; a leaf workload and a spine workload, 20 each.

    The leaf workload (priority 1) fills both leaves with a pair each; the spine as a whole then
    has nothing left for the other: 20·3600 of priority 2 unserved. 2·16 USD.
    """
    return problem_of(
        scenario(
            [
                workload("near", rps=[20.0], affinity=Affinity.LEAF),
                workload("wide", rps=[20.0], affinity=Affinity.SPINE, priority=2),
            ],
            in_fleet=fleet(
                {"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}, spines={"l1": "s", "l2": "s"}
            ),
        )
    )


def leaf_supply_beside_wide_pools() -> Problem:
    """A spine pair of 2·8 GPUs fits two leaves of 8; a leaf workload needs 16 on one leaf.

    Cluster-wide there is room for either. The leaf workload (priority 1) cannot be served: no
    leaf holds both its replicas. 10·3600 of priority 1 unserved; the other runs for 32 USD.
    """
    big = (engine("prefill", role=Role.PREFILL, gpus=8), engine("decode", gpus=8))
    return problem_of(
        scenario(
            [
                workload("near", rps=[10.0], engines=big, affinity=Affinity.LEAF),
                workload("wide", rps=[10.0], engines=big, affinity=Affinity.CLUSTER, priority=2),
            ],
            in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}),
        )
    )


def demand() -> Problem:
    """10 requests/s are served since they can be, for 16 USD, although nothing is cheaper."""
    return problem_of(scenario([workload(rps=[10.0])]))


def cyclic_start() -> Problem:
    """Demand 20, 10 on aggregated replicas of 4 GPUs at 2 USD; a start takes half an hour.

    Let go and start again over the join of the day: 3·8 + 4·2·0.5 = 28 USD. To keep 2 all day
    costs 32 USD.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0)
    return problem_of(scenario([workload(rps=[20.0, 10.0], engines=(both,))]))


def start_dearer_than_running() -> Problem:
    """Demand 20, 10; start and drain take 90 minutes: 24 + 12 = 36 USD, keeping 2 costs 32."""
    both = engine("both", role=Role.AGGREGATED, startup_s=3600.0, drain_s=1800.0)
    return problem_of(scenario([workload(rps=[20.0, 10.0], engines=(both,))]))


def day_that_is_not_cyclic() -> Problem:
    """Demand 20, 10, 20: what serves at 0 was running before, so only one start is paid.

    Dip to 1 at hour 1: 5·8 + one start of 4 + one drain of 2 USD = 46. Keeping 2: 48 USD.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)
    return problem_of(scenario([workload(rps=[20.0, 10.0, 20.0], engines=(both,))], cyclic=False))


def dip_that_does_not_pay() -> Problem:
    """Demand 20, 10, 20; start and drain take 90 minutes: 5·8 + 12 = 52 USD, keeping 2 costs 48."""
    both = engine("both", role=Role.AGGREGATED, startup_s=3600.0, drain_s=1800.0)
    return problem_of(scenario([workload(rps=[20.0, 10.0, 20.0], engines=(both,))], cyclic=False))


def no_join_where_the_day_is_not_cyclic() -> Problem:
    """Demand 20, 10, not cyclic: nothing starts, 3·8 + one drain of half an hour, 4 USD = 28 USD.

    Joined to a cycle 2 replicas would be kept, see `start_dearer_than_running`.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=3600.0, drain_s=1800.0)
    return problem_of(scenario([workload(rps=[20.0, 10.0], engines=(both,))], cyclic=False))


def drain_at_the_end_is_paid_inside_the_day() -> Problem:
    """Demand 20, 10, not cyclic: 3·8 + one drain of 15 minutes, 2 USD = 26 USD."""
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)
    return problem_of(scenario([workload(rps=[20.0, 10.0], engines=(both,))], cyclic=False))


def ratio_low() -> Problem:
    """Prefill serves 40, decode 10; 40 requests/s want 1 + 4; at least 1 prefill to 2 decode.

    2 + 4 replicas of 4 GPUs at 2 USD: 48 USD instead of 40.
    """
    engines = (engine("prefill", role=Role.PREFILL, capacity_rps=40.0), DECODE)
    band = RatioBand(0.5, 4.0)
    return problem_of(scenario([workload(rps=[40.0], engines=engines, pd_ratio=band)]))


def ratio_high() -> Problem:
    """Prefill serves 10, decode 40; 40 requests/s want 4 + 1; at most 2 to 1: 4 + 2, 48 USD."""
    engines = (PREFILL, engine("decode", capacity_rps=40.0))
    band = RatioBand(0.5, 2.0)
    return problem_of(scenario([workload(rps=[40.0], engines=engines, pd_ratio=band)]))


def fewest_replicas() -> Problem:
    """No demand, but 1 prefill and 2 decode replicas always: 3·8 USD."""
    limits = {Role.PREFILL: 1, Role.DECODE: 2}
    return problem_of(scenario([workload(rps=[0.0], min_replicas=limits)]))


def most_replicas() -> Problem:
    """25 requests/s, but 2 decode replicas at most: 20 served, 5·3600 unserved, 32 USD."""
    return problem_of(scenario([workload(rps=[25.0], max_replicas={Role.DECODE: 2})]))


def shortage_by_priority() -> Problem:
    """8 GPUs for one pair. Class 1 wants 4, class 2 wants 100; class 1 comes first.

    One pair goes to class 1: 4 served, 100·3600 of class 2 unserved. 16 USD. To serve 10 of
    class 2 instead would leave fewer requests unserved in all.
    """
    return problem_of(
        scenario(
            [
                workload("first", rps=[4.0]),
                workload("second", rps=[100.0], priority=2),
            ],
            in_fleet=fleet({"l1": {"h100x8": 1}}),
        )
    )


def shortage_before_cost() -> Problem:
    """0.001 requests/s are served although a pair costs 16 USD."""
    return problem_of(scenario([workload(rps=[0.001])]))


def classes() -> Problem:
    """10 requests/s, half short (20 a replica), half long (5 a replica), aggregated.

    5/20 + 5/5 = 1.25 replicas: 2 for 16 USD.
    """
    kinds = (
        RequestClass("short", 0.5, 500.0, 100.0),
        RequestClass("long", 0.5, 4000.0, 400.0),
    )
    both = engine("both", role=Role.AGGREGATED)
    return problem_of(
        scenario([workload(rps=[10.0], engines=(both,), classes=kinds)]),
        {("both", "short"): 20.0, ("both", "long"): 5.0},
    )


def balance_by_class() -> Problem:
    """Two classes of 10 requests/s; `a` prefills one of them, `b` the other; decode serves both.

    1 replica of `a`, 1 of `b`, 2 decode replicas: 32 USD. A balance of sums would let `a`
    (20 a replica) prefill both: 24 USD.
    """
    kinds = (RequestClass("one", 0.5, 500.0, 100.0), RequestClass("two", 0.5, 4000.0, 400.0))
    engines = (
        engine("a", role=Role.PREFILL),
        engine("b", role=Role.PREFILL),
        DECODE,
    )
    return problem_of(
        scenario([workload(rps=[20.0], engines=engines, classes=kinds)]),
        {("a", "one"): 20.0, ("a", "two"): 0.0, ("b", "one"): 0.0, ("b", "two"): 20.0},
    )


CASES = {
    "capacity": Case(capacity, 48.0, {1: 0.0}, ("CapacityRule",)),
    "balance": Case(balance, 32.0, {1: 0.0}, ("BalanceRule",)),
    "balance_by_domain": Case(balance_by_domain, 24.0, {1: 36000.0}, ("BalanceRule",)),
    "balance_by_class": Case(balance_by_class, 32.0, {1: 0.0}, ("BalanceRule",)),
    "aggregated_against_pair": Case(
        aggregated_against_pair, 48.0, {1: 0.0}, ("BalanceRule", "CapacityRule")
    ),
    "aggregated_for_the_rest": Case(aggregated_for_the_rest, 16.0, {1: 0.0}, ("CapacityRule",)),
    "supply": Case(supply, 16.0, {1: 54000.0}, ("SupplyRule",)),
    "supply_of_starting_replicas": Case(
        supply_of_starting_replicas, 32.0, {1: 0.0, 2: 36000.0}, ("SupplyRule",)
    ),
    "maintenance": Case(maintenance, 48.0, {1: 36000.0}, ("SupplyRule",)),
    "laminar_supply": Case(laminar_supply, 32.0, {1: 0.0, 2: 72000.0}, ("SupplyRule",)),
    "leaf_supply_beside_wide_pools": Case(
        leaf_supply_beside_wide_pools, 32.0, {1: 36000.0, 2: 0.0}, ("SupplyRule",)
    ),
    "demand": Case(demand, 16.0, {1: 0.0}, ("DemandRule",)),
    "cyclic_start": Case(cyclic_start, 28.0, {1: 0.0}, ("DemandRule",)),
    "start_dearer_than_running": Case(
        start_dearer_than_running, 32.0, {1: 0.0}, ("TransitionRule",)
    ),
    "day_that_is_not_cyclic": Case(day_that_is_not_cyclic, 46.0, {1: 0.0}, ("DemandRule",)),
    "dip_that_does_not_pay": Case(dip_that_does_not_pay, 48.0, {1: 0.0}, ("TransitionRule",)),
    "no_join_where_the_day_is_not_cyclic": Case(
        no_join_where_the_day_is_not_cyclic, 28.0, {1: 0.0}, ("DemandRule",)
    ),
    "drain_at_the_end_is_paid_inside_the_day": Case(
        drain_at_the_end_is_paid_inside_the_day, 26.0, {1: 0.0}, ("DemandRule",)
    ),
    "ratio_low": Case(ratio_low, 48.0, {1: 0.0}, ("RatioBandRule",)),
    "ratio_high": Case(ratio_high, 48.0, {1: 0.0}, ("RatioBandRule",)),
    "fewest_replicas": Case(fewest_replicas, 24.0, {1: 0.0}, ("ReplicaLimitsRule",)),
    "most_replicas": Case(most_replicas, 32.0, {1: 18000.0}, ("ReplicaLimitsRule",)),
    "shortage_by_priority": Case(
        shortage_by_priority, 16.0, {1: 0.0, 2: 360000.0}, ("SupplyRule",)
    ),
    "shortage_before_cost": Case(shortage_before_cost, 16.0, {1: 0.0}, ("DemandRule",)),
    "classes": Case(classes, 16.0, {1: 0.0}, ("CapacityRule",)),
    **GROUP_CASES,
    **HANDOVER_CASES,
    **STABILITY_CASES,
}


def agrees(case: Case, found: Incumbent) -> bool:
    return found.cost == pytest.approx(case.cost, abs=1e-6) and found.unserved == pytest.approx(
        case.unserved, abs=1e-2
    )


@pytest.mark.parametrize("by_pool", [False, True], ids=["one flow a group", "by pool"])
@pytest.mark.parametrize("name", CASES)
def test_optimum_is_what_hand_arithmetic_says(name: str, by_pool: bool) -> None:
    """The arithmetic stands in the docstring of the function that makes the case."""
    found = optimum(CASES[name].make(), by_pool=by_pool)
    assert (found.cost, found.unserved) == (
        pytest.approx(CASES[name].cost, abs=1e-6),
        pytest.approx(CASES[name].unserved, abs=1e-2),
    )


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, case in CASES.items() for family in case.families]
)
def test_optimum_changes_without_the_family(
    name: str, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = tuple(rule for rule in rules.RULES if type(rule).__name__ != family)
    monkeypatch.setattr(rules, "RULES", others)
    assert not agrees(CASES[name], optimum(CASES[name].make()))


def test_every_family_of_the_model_has_a_case() -> None:
    families = {type(rule).__name__ for rule in rules.RULES}
    assert families == {family for case in CASES.values() for family in case.families}


def test_without_leave_to_go_short_too_little_supply_is_infeasible() -> None:
    """25 requests/s on 8 GPUs: see `supply`."""
    built = build_model(supply(), allow_short=False)
    answer = solver.run(built.lp, solver.Effort(), integer=True)
    assert answer.verdict is solver.Verdict.INFEASIBLE


def test_tiny_demand_beside_a_large_engine_still_needs_a_whole_replica() -> None:
    """1e-6 requests/s on a replica that serves 10: within the solver's integrality tolerance."""
    for by_pool in (False, True):
        found = optimum(problem_of(scenario([workload(rps=[1e-6])])), by_pool=by_pool)
        assert found.solution.replicas.tolist() == [[1], [1]]


@pytest.mark.parametrize("seed", range(40))
def test_one_flow_a_group_costs_as_much_as_flows_of_pools(seed: int) -> None:
    """LPs too, whose duals are prices; and what each pool is then said to handle serves as much."""
    problem = random_problem(seed)
    one, each = (build_model(problem, by_pool=by_pool) for by_pool in (False, True))
    priced = np.full((len(problem.workloads), problem.intervals), 1000.0)
    for model in (one, each):
        minimise_cost(model, priced)
    assert solver.optimum(one.lp, solver.Effort()) == pytest.approx(
        solver.optimum(each.lp, solver.Effort())
    )
    assert unserved_requests(problem, read_flow(one)) == pytest.approx(
        unserved_requests(problem, read_flow(each)), abs=1e-3
    )
    for p, flow in enumerate(read_flow(one)):
        busy = np.where(flow > 0, problem.pools[p].load, 0.0) * flow
        assert (busy.sum(axis=0) <= read_sizes(one)[p] + 1e-6).all()


def test_outage_over_the_hour_that_clocks_repeat() -> None:
    """Berlin, 25 October 2026: 02:00 comes twice; the node is away in the second 02:00 hour only.

    Intervals from midnight: 0:00, 1:00, 2:00 summer time, 2:00 winter time, 3:00.
    """
    zone = ZoneInfo("Europe/Berlin")
    away = Outage(
        "l1",
        "h100x8",
        1,
        datetime(2026, 10, 25, 2, 0, fold=1, tzinfo=zone),
        datetime(2026, 10, 25, 3, 0, tzinfo=zone),
    )
    made = scenario(
        [workload(rps=[10.0] * 5)],
        in_fleet=fleet({"l1": {"h100x8": 1}}, outages=(away,)),
        cyclic=False,
    )
    during = replace(
        made.horizon, start=datetime(2026, 10, 25, tzinfo=zone), timezone="Europe/Berlin"
    )
    (row,) = problem_of(replace(made, horizon=during)).supplies
    assert row.gpus.tolist() == [8, 8, 8, 0, 8]
