"""Baselines against hand arithmetic."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import pytest

from heteroplan.baselines.savings import baselines
from heteroplan.clock import Stop, never
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.plan import (
    Baseline,
    BaselineKind,
    Plan,
    Shortage,
    ShortageKind,
    ShortageReason,
)
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.entities.workload import Loss, Resilience, Role
from heteroplan.errors import NoPlanError, PlanViolationError
from heteroplan.optimize.construct.greedy import greedy_topology
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.solve import Outcome, solve
from heteroplan.optimize.solvers.solver import Verdict
from heteroplan.optimize.static_peak import ConstantSizes, cheapest_constant
from heteroplan.outputs.plan.document.from_plan import baseline_note
from heteroplan.planning import make_plan
from heteroplan.verify import verify
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.clocks import stand_still

H100, L40S = node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=0.5)
BOTH = engine("h100-both", role=Role.AGGREGATED)
SMALL = engine("l40s-both", role=Role.AGGREGATED, gpu="L40S", capacity_rps=4.0)


def planned(
    rps: list[float],
    *,
    h100: int = 4,
    l40s: int = 4,
    objective: Objective = Objective.COST,
) -> Plan:
    """Aggregated engines of 4 GPUs: H100 serves 10 for 8 USD an hour, L40S 4 for 2 USD."""
    of = scenario(
        [workload(rps=rps, engines=(BOTH, SMALL))],
        in_fleet=fleet({"l1": {"h100x8": h100, "l40sx8": l40s}}, node_types=(H100, L40S)),
        objective=objective,
    )
    return make_plan(of, candidates(of), gap=0.0)


def baseline(plan: Plan, name: str) -> Baseline:
    (found,) = (each for each in plan.savings if each.name == name)
    return found


def test_static_peak() -> None:
    """Demand 4, 24: L40S alone serve 24 with 6 replicas, 12 USD; twice 12 is 24 USD.

    The plan runs 1 and 6: 14 USD. Saved 10 USD of 24. GPU-hours 2·24 = 48 against 28. Busy
    are 1 of 6 and 6 of 6 replicas: 7/12 of the capacity.
    """
    found = baseline(planned([4.0, 24.0]), "static_peak")
    assert found.cost_usd == pytest.approx(24.0)
    assert found.saved_cost_usd == pytest.approx(10.0)
    assert found.gpu_hours == pytest.approx(48.0)
    assert found.saved_gpu_hours == pytest.approx(20.0)
    assert found.saved_fraction == pytest.approx(10 / 24)
    assert found.utilization == pytest.approx(7 / 12)
    assert baseline_note(found) == ""


def test_one_gpu_type_is_the_cheapest_that_can_do_it_alone() -> None:
    """Both can: H100 3 replicas for 24 USD an hour, L40S 6 for 12."""
    found = baseline(planned([4.0, 24.0]), "static_peak_one_gpu_type")
    assert baseline_note(found) == "L40S"
    assert found.cost_usd == pytest.approx(24.0)


def test_one_gpu_type_that_is_too_small_is_passed_over() -> None:
    """Two nodes of L40S hold 4 replicas, 16 requests/s: only H100 serves 24, 2·24 = 48 USD."""
    found = baseline(planned([4.0, 24.0], l40s=2), "static_peak_one_gpu_type")
    assert baseline_note(found) == "H100"
    assert found.cost_usd == pytest.approx(48.0)


def test_no_gpu_type_alone() -> None:
    """One node of each: 2·10 or 2·4 requests/s; 24 need both: 2 H100 and 1 L40S, 2·18 USD."""
    plan = planned([4.0, 24.0], h100=1, l40s=1)
    assert plan.covered
    found = baseline(plan, "static_peak_one_gpu_type")
    assert (found.cost_usd, found.saved_fraction) == (None, None)
    assert baseline_note(found) == "no GPU type alone covers the demand"
    assert baseline(plan, "static_peak").cost_usd == pytest.approx(36.0)


def test_a_gpu_type_that_time_did_not_decide_is_not_impossible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """L40S alone are proven not to do; of H100 it was not found out."""

    def found(problem: Problem, **options: Any) -> ConstantSizes | Verdict:
        kinds = options.get("node_types")
        if kinds is None:
            return cheapest_constant(problem, **options)
        return Verdict.LIMIT if "h100x8" in kinds else Verdict.INFEASIBLE

    monkeypatch.setattr("heteroplan.baselines.savings.cheapest_constant", found)
    one_gpu = baseline(planned([4.0, 24.0]), "static_peak_one_gpu_type")
    assert (one_gpu.cost_usd, baseline_note(one_gpu)) == (None, "none found in the time allowed")


def test_node_types_with_the_same_gpu_count_as_one_type() -> None:
    """H100 nodes of 4 and of 8 GPUs together hold 3 replicas: 24 requests/s."""
    of = scenario(
        [workload(rps=[24.0], engines=(BOTH,))],
        in_fleet=fleet(
            {"l1": {"h100x8": 1, "h100x4": 1}}, node_types=(H100, node_type("h100x4", gpus=4))
        ),
    )
    found = baseline(make_plan(of, candidates(of)), "static_peak_one_gpu_type")
    assert baseline_note(found) == "H100"
    assert found.gpu_hours == pytest.approx(12.0)


def test_lower_bound_is_the_solvers_in_the_unit_of_the_objective() -> None:
    """14 USD for running 1 and 6 replicas of L40S, or the fewest GPU-hours: 4·(1 + 3)."""
    by_cost = baseline(planned([4.0, 24.0]), "lower_bound")
    assert by_cost.cost_usd == pytest.approx(14.0, rel=1e-5)
    assert by_cost.gpu_hours is None
    assert by_cost.saved_fraction == pytest.approx(0.0, abs=1e-5)
    by_hours = baseline(planned([4.0, 24.0], objective=Objective.GPU_HOURS), "lower_bound")
    assert by_hours.gpu_hours == pytest.approx(16.0, rel=1e-5)
    assert by_hours.cost_usd is None


def test_objective_gpu_hours_compares_gpu_hours() -> None:
    """3 H100 replicas of 4 GPUs for 2 hours are 24 GPU-hours; the plan's 1 and 3 are 16."""
    found = baseline(planned([4.0, 24.0], objective=Objective.GPU_HOURS), "static_peak")
    assert found.gpu_hours == pytest.approx(24.0)
    assert found.saved_fraction == pytest.approx(8 / 24)


def test_demand_that_nothing_covers_has_no_static_peak() -> None:
    plan = planned([4.0, 100.0], h100=1, l40s=0)
    assert not plan.covered
    for name in ("static_peak", "static_peak_one_gpu_type"):
        found = baseline(plan, name)
        assert (found.cost_usd, found.gpu_hours, found.utilization) == (None, None, None)
        assert baseline_note(found) == "no constant size covers the demand"


def test_a_shortage_that_is_not_proven_says_nothing_of_constant_sizes() -> None:
    plan = planned([4.0, 100.0], h100=1, l40s=0)
    plan = replace(plan, report=replace(plan.report, unserved_requests_bound=0.0))
    problem = build_problem(plan.scenario, plan.candidates)
    paired = greedy_topology(problem, plan.scenario, pairs=True)
    _, (static, one_gpu, *_) = baselines(
        plan, problem, paired=paired, gap=0.01, stop=lambda: False, end=monotonic()
    )
    assert {baseline_note(static), baseline_note(one_gpu)} == {
        "no comparison, the plan leaves demand unserved"
    }


def test_nothing_asked_for_saves_no_fraction() -> None:
    found = baseline(planned([0.0, 0.0]), "static_peak")
    assert found.cost_usd == 0.0
    assert found.saved_fraction is None


def promised(rps: float, spines: int, serve: float | None, *, nodes: int = 2) -> Scenario:
    """Aggregated engines that serve 10 requests/s for 8 USD; with any one spine lost `serve`."""
    return scenario(
        [
            workload(
                rps=[rps],
                engines=(BOTH,),
                resilience=None if serve is None else Resilience(Loss.SPINE, serve),
            )
        ],
        in_fleet=fleet({f"l{i}": {"h100x8": nodes} for i in range(spines)}),
    )


@pytest.mark.parametrize(
    ("rps", "spines", "serve", "cost_usd", "free_usd"),
    [
        (10.0, 2, 1.0, 16.0, 8.0),
        (30.0, 4, 1.0, 32.0, 24.0),
        (20.0, 3, 0.5, 16.0, 16.0),
        (20.0, 2, 0.75, 32.0, 16.0),
    ],
    ids=["all twice", "one more in four", "for nothing", "two on each"],
)
def test_price_of_a_promise(
    rps: float, spines: int, serve: float, cost_usd: float, free_usd: float
) -> None:
    """Replicas with the promise, and ceil(rps / 10) without.

    All of 10 without either of two spines: one on each. All of 30 without any of four: one on
    each, a third more, 1/(4 - 1). Half of 20: one on two spines, as without. 15 of 20 without
    either of two: two on each.
    """
    of = promised(rps, spines, serve)
    plan = make_plan(of, candidates(of), gap=0.0)
    assert plan.covered
    assert plan.totals.cost_usd == pytest.approx(cost_usd)
    found = baseline(plan, "without_resilience")
    assert found.cost_usd == pytest.approx(free_usd)
    assert found.gpu_hours == pytest.approx(free_usd / 2)
    assert found.saved_cost_usd == pytest.approx(free_usd - cost_usd)
    assert found.saved_fraction == pytest.approx((free_usd - cost_usd) / free_usd)
    assert found.unserved_requests == 0.0
    assert found.utilization == pytest.approx(rps / 10 / (free_usd / 8.0))
    for name in ("greedy_topology", "greedy_topology_paired"):
        greedy = baseline(plan, name)
        assert baseline_note(greedy) == "not resilient"
        assert greedy.unserved_requests == 0.0
        assert greedy.cost_usd == pytest.approx(free_usd)
        saved = (greedy.saved_cost_usd, greedy.saved_gpu_hours, greedy.saved_fraction)
        assert saved == (None, None, None)


def test_promise_that_costs_requests() -> None:
    """One node on each of two spines, 4 replicas: of 40 requests/s 20 are left without one.

    Three quarters of what is served must be: 20 / 0.75 = 26.7 are, without the promise 40.
    """
    of = promised(40.0, 2, 0.75, nodes=1)
    plan = make_plan(of, candidates(of), gap=0.0)
    assert plan.report.unserved_requests == pytest.approx((40.0 - 20.0 / 0.75) * 3600)
    assert baseline(plan, "without_resilience").unserved_requests == 0.0


@pytest.mark.parametrize("more", [0, 1])
def test_a_promise_costs_nothing_where_no_plan_without_it_is_cheaper(
    more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica costs 8 USD an hour on 4 H100 as on 16 L40S; the plan has one on two spines.

    The search without the promise finds the other GPUs for as much, or one replica more.
    """
    wide = engine("l40s-both", role=Role.AGGREGATED, gpu="L40S", gpus=16)
    of = scenario(
        [workload(rps=[20.0], engines=(BOTH, wide), resilience=Resilience(Loss.SPINE, 0.5))],
        in_fleet=fleet(
            {leaf: {"h100x8": 2, "l40sx8": 4} for leaf in ("l1", "l2")}, node_types=(H100, L40S)
        ),
    )

    def found(problem: Problem, **options: Any) -> Outcome:
        """The pools of either spine change places."""
        best = solve(problem, **options)
        replicas = best.solution.replicas[[1, 0, 3, 2]] + more
        solution = Solution(replicas, best.solution.flow)
        return replace(best, solution=solution, objective=problem.cost(replicas))

    monkeypatch.setattr("heteroplan.baselines.savings.solve", found)
    plan = make_plan(of, candidates(of), gap=0.0)
    assert plan.totals.cost_usd == pytest.approx(16.0)
    free = baseline(plan, "without_resilience")
    assert free.cost_usd == pytest.approx(16.0)
    assert free.gpu_hours == pytest.approx(plan.totals.gpu_hours)
    assert free.saved_cost_usd == pytest.approx(0.0)
    assert free.utilization == pytest.approx(plan.utilization)


def test_plan_without_promises_has_no_price_of_one() -> None:
    of = promised(10.0, 2, None)
    plan = make_plan(of, candidates(of), gap=0.0)
    assert "without_resilience" not in [each.name for each in plan.savings]
    assert baseline_note(baseline(plan, "greedy_topology")) == ""


def test_greedy_schedules_show_what_they_lose() -> None:
    """Spine a has 8 GPUs, b 16; a pair is 4 + 8.

    Halves: prefill on a, decode on b, 12 GPU-hours for nothing, both stranded for an hour and
    10 requests/s unserved. Whole pairs: the same 12 GPU-hours on b, as the plan's.
    """
    of = scenario(
        [workload(engines=(engine("prefill", role=Role.PREFILL), engine("decode", gpus=8)))],
        in_fleet=fleet({"a": {"h100x8": 1}, "b": {"h100x8": 2}}),
    )
    plan = make_plan(of, candidates(of), gap=0.0)
    for name, unserved, stranded in (
        ("greedy_topology", 36_000.0, 2.0),
        ("greedy_topology_paired", 0.0, 0.0),
    ):
        found = baseline(plan, name)
        assert found.unserved_requests == pytest.approx(unserved)
        assert found.stranded_replica_hours == pytest.approx(stranded)
        assert found.gpu_hours == pytest.approx(12.0)
        assert found.saved_cost_usd == pytest.approx(0.0)
        assert found.gpu_hours_by_priority is not None
        assert found.gpu_hours_by_priority[SubgroupPriority.LOW] == pytest.approx(12.0)
        assert found.gpu_hours_by_priority[SubgroupPriority.HIGH] == 0.0


def test_greedy_schedules_hold_only_what_stands_on_nodes() -> None:
    """Replicas of 4 GPUs on either leaf of a spine and one of 8 on both; a leaf is a node of 8.

    By GPUs all three fit, 4 + 4 + 8 of 16; on nodes one of 4 finds no room beside the one of 8:
    it uses nothing and serves nothing.
    """
    loads = [
        workload(leaf, engines=[BOTH], affinity=Affinity.LEAF, pin=[leaf]) for leaf in ("l1", "l2")
    ]
    big = engine("big", role=Role.AGGREGATED, gpus=8)
    of = scenario(
        [*loads, workload("wide", engines=[big])],
        in_fleet=fleet(
            {leaf: {"h100x8": 1} for leaf in ("l1", "l2")}, spines=dict.fromkeys(("l1", "l2"), "s")
        ),
    )
    plan = make_plan(of, candidates(of), time_limit_s=5.0)
    for name in ("greedy_topology", "greedy_topology_paired"):
        found = baseline(plan, name)
        assert found.unserved_requests == pytest.approx(36_000.0)
        assert found.gpu_hours == pytest.approx(12.0)
        assert found.cost_usd == pytest.approx(24.0)
        assert found.utilization == pytest.approx(1.0)
        assert found.gpu_hours_by_priority is not None
        assert sum(found.gpu_hours_by_priority.values()) == pytest.approx(12.0)


def test_interrupted_before_the_baselines_none_has_a_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The interrupt comes as soon as the plan is verified."""
    verified: list[Plan] = []
    monkeypatch.setattr("heteroplan.planning.make.verify", lambda plan, gap: verified.append(plan))
    of = promised(10.0, 2, 1.0)
    plan = make_plan(of, candidates(of), stop=lambda: bool(verified))
    assert plan.covered
    *others, bound = plan.savings
    assert [each.name for each in others] == [
        "static_peak",
        "static_peak_one_gpu_type",
        "greedy_topology",
        "greedy_topology_paired",
        "without_resilience",
    ]
    assert {(each.cost_usd, baseline_note(each)) for each in others} == {
        (None, "not computed, interrupted")
    }
    assert bound.cost_usd is not None


def test_baselines_for_which_no_time_was_left_say_so() -> None:
    """The bound is the plan's own and needs none."""
    of = promised(10.0, 2, 1.0)
    plan = make_plan(of, candidates(of), compare=False)
    problem = build_problem(of, candidates(of))
    paired = greedy_topology(problem, of, pairs=True)
    _, (*others, bound) = baselines(
        plan, problem, paired=paired, gap=0.01, stop=lambda: False, end=monotonic()
    )
    assert len(others) == 5
    assert {(each.cost_usd, baseline_note(each)) for each in others} == {
        (None, "not computed, no time was left")
    }
    assert bound.cost_usd == pytest.approx(plan.report.bound)


def test_baselines_that_are_ended_at_any_moment_say_so_and_are_no_worse_than_the_plan() -> None:
    """Two workloads of 20 requests/s on two leaves: 64 USD with the promise as without."""
    resilience = Resilience(Loss.LEAF, 0.5)
    loads = [workload(name, rps=[20.0], resilience=resilience) for name in ("a", "b")]
    nodes = {"l1": {"h100x8": 4}, "l2": {"h100x8": 4}}
    of = scenario(loads, in_fleet=fleet(nodes, spines=dict.fromkeys(nodes, "s")))
    plan = make_plan(of, candidates(of), compare=False)
    problem = build_problem(of, candidates(of))
    paired = greedy_topology(problem, of, pairs=True)
    seen: set[tuple[float | None, float]] = set()
    for asked in range(30):
        answers = iter([False] * asked)
        _, found = baselines(
            plan,
            problem,
            paired=paired,
            gap=0.01,
            stop=partial(next, answers, True),
            end=monotonic() + 60.0,
        )
        empty = [each for each in found if each.gpu_hours is None and each.cost_usd is None]
        assert {baseline_note(each) for each in empty} <= {"not computed, interrupted"}
        free = next(each for each in found if each.name == "without_resilience")
        seen.add((free.cost_usd, free.unserved_requests))
    assert seen == {(None, 0.0), (64.0, 0.0)}


def test_sizes_that_never_change_become_the_plan_where_they_are_cheaper() -> None:
    """Demand 10 and 40 in turn, four times; a start and a drain take an hour each.

    Follow the demand: 4·(1 + 4) replica-hours and 4·3 starts, 4·(5 + 6)·8 = 352 USD; the search
    ends with that, as any gap will do. 4 replicas all day: 8·4·8 = 256, which is the bound.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=3600.0, drain_s=3600.0)
    of = scenario(
        [workload(rps=[10.0, 40.0] * 4, engines=(both,))], in_fleet=fleet({"l1": {"h100x8": 4}})
    )
    plain = partial(make_plan, of, candidates(of), gap=1.0, without=frozenset({"fewer changes"}))
    assert plain(compare=False).totals.cost_usd == 352.0
    plan = plain()
    verify(plan, gap=1.0)
    assert plan.totals.cost_usd == pytest.approx(256.0)
    assert plan.report.bound == pytest.approx(256.0)
    assert [each.replicas for each in plan.pools] == [(4,) * 8]
    assert baseline(plan, "static_peak").saved_cost_usd == pytest.approx(0.0)
    greedy = baseline(plan, "greedy_topology")
    assert (greedy.cost_usd, greedy.saved_cost_usd) == pytest.approx((352.0, 96.0))
    assert greedy.saved_fraction == pytest.approx(96 / 352)


def test_a_baseline_that_the_plan_may_not_be_leaves_it_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rival that breaks a rule is passed over: here every plan but the first does."""
    both = engine("both", role=Role.AGGREGATED, startup_s=3600.0, drain_s=3600.0)
    of = scenario([workload(rps=[10.0, 40.0] * 4, engines=(both,))])
    verified: list[Plan] = []

    def first_alone(plan: Plan, gap: float) -> None:
        verified.append(plan)
        if len(verified) > 1:
            raise PlanViolationError("the plan breaks its own inputs")

    monkeypatch.setattr("heteroplan.planning.make.verify", first_alone)
    plan = make_plan(of, candidates(of), gap=1.0, without=frozenset({"fewer changes"}))
    assert len(verified) == 2
    assert plan.totals.cost_usd == pytest.approx(verified[0].totals.cost_usd)
    saved = baseline(plan, "static_peak").saved_cost_usd
    assert saved is not None
    assert saved < 0


def test_sizes_that_cover_what_the_plan_does_not_are_offered_and_then_compared() -> None:
    """The plan of 14 USD taken for one that leaves a request unserved; constant sizes cost 24."""
    plan = planned([4.0, 24.0])
    short = Shortage("w", 1, 1.0, (ShortageReason(ShortageKind.UNKNOWN),))
    undecided = replace(plan, shortages=(short,))
    problem = build_problem(plan.scenario, plan.candidates)
    offered: list[Solution] = []

    def covered(_: Plan, schedules: Sequence[Solution]) -> Plan:
        offered.extend(schedules)
        return plan

    best, (static, *_) = baselines(
        undecided,
        problem,
        paired=greedy_topology(problem, plan.scenario, pairs=True),
        gap=0.01,
        stop=never,
        end=monotonic() + 60.0,
        better=covered,
    )
    assert best is plan
    assert problem.cost(offered[0].replicas) == pytest.approx(24.0)
    assert (static.cost_usd, static.saved_cost_usd) == pytest.approx((24.0, 10.0))


def found_by(
    plan: Plan,
    *,
    stop: Stop = never,
    seconds: float = 60.0,
    gap: float = 0.01,
    now: float | None = None,
) -> Any:
    """{name: baseline} of a plan, computed anew until so many seconds from `now`."""
    problem = build_problem(plan.scenario, plan.candidates)
    paired = greedy_topology(problem, plan.scenario, pairs=True)
    end = (monotonic() if now is None else now) + seconds
    _, found = baselines(plan, problem, paired=paired, gap=gap, stop=stop, end=end)
    return {each.name: each for each in found}


@pytest.mark.parametrize(
    ("excess", "note"),
    [
        (0.0, ""),
        (0.0019, ""),
        (0.0021, "cheapest to within 0.2 %"),
        (0.123, "cheapest to within 12.3 %"),
    ],
)
def test_constant_sizes_that_are_not_proven_the_cheapest_say_how_close_they_are(
    excess: float, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousandth of the cost is what the search may leave open, twice of it what is told."""

    def found(problem: Problem, **options: Any) -> ConstantSizes | Verdict:
        sizes = cheapest_constant(problem, **options)
        assert isinstance(sizes, ConstantSizes)
        return replace(sizes, bound=sizes.cost * (1 - excess))

    plan = planned([4.0, 24.0])
    monkeypatch.setattr("heteroplan.baselines.savings.cheapest_constant", found)
    told = found_by(plan)
    assert baseline_note(told["static_peak"]) == note
    assert baseline_note(told["static_peak_one_gpu_type"]) == ", ".join(
        filter(None, ("L40S", note))
    )
    assert told["static_peak"].cost_usd == pytest.approx(24.0)


@pytest.mark.parametrize(
    ("verdict", "interrupted", "static", "one_gpu"),
    [
        (
            Verdict.INFEASIBLE,
            False,
            "no constant size covers the demand",
            "no GPU type alone covers the demand",
        ),
        (
            Verdict.LIMIT,
            False,
            "none found in the time allowed",
            "none found in the time allowed",
        ),
        (Verdict.LIMIT, True, "not computed, interrupted", "not computed, interrupted"),
    ],
)
def test_why_there_are_no_constant_sizes(
    verdict: Verdict,
    interrupted: bool,
    static: str,
    one_gpu: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The interrupt, where there is one, comes while they are looked for."""
    asked: list[str] = []

    def nothing(problem: Problem, **options: Any) -> Verdict:
        asked.append("")
        return verdict

    plan = planned([4.0, 24.0])
    monkeypatch.setattr("heteroplan.baselines.savings.cheapest_constant", nothing)
    told = found_by(plan, stop=lambda: interrupted and bool(asked))
    for name, note in (("static_peak", static), ("static_peak_one_gpu_type", one_gpu)):
        assert (told[name].cost_usd, told[name].gpu_hours) == (None, None)
        assert baseline_note(told[name]) == note


def test_static_baselines_get_two_fifths_of_the_time_left_and_the_promise_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All static ones end at one moment; either search is as close as it should be."""
    statics: list[dict[str, Any]] = []
    solves: list[dict[str, Any]] = []

    def constant(problem: Problem, **options: Any) -> Verdict:
        statics.append(options)
        return Verdict.LIMIT

    def solving(problem: Problem, **options: Any) -> Outcome:
        solves.append(options)
        return solve(problem, **options)

    of = promised(20.0, 2, 1.0)
    plan = make_plan(of, candidates(of), compare=False)
    monkeypatch.setattr("heteroplan.baselines.savings.cheapest_constant", constant)
    monkeypatch.setattr("heteroplan.baselines.savings.solve", solving)
    now = stand_still(monkeypatch).now
    found_by(plan, seconds=100.0, gap=0.07, now=now)
    assert [each.get("node_types") for each in statics] == [None, {"h100x8"}]
    (deadline,) = {each["deadline"] for each in statics}
    assert deadline - now == pytest.approx(40.0)
    (only,) = solves
    assert only["gap"] == 0.07
    assert only["time_limit_s"] == pytest.approx(100.0)


def test_a_price_of_a_promise_that_is_not_found_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(problem: Problem, **options: Any) -> Outcome:
        raise NoPlanError("nothing")

    of = promised(10.0, 2, 1.0)
    plan = make_plan(of, candidates(of), compare=False)
    monkeypatch.setattr("heteroplan.baselines.savings.solve", nothing)
    free = found_by(plan)["without_resilience"]
    assert (free.cost_usd, baseline_note(free)) == (None, "none found in the time allowed")


def test_static_sizes_run_all_day_whatever_the_interval() -> None:
    """6 replicas of 4 L40S at 50 cents for twice half an hour: 24 GPU-hours, 12 USD."""
    of = scenario(
        [workload(rps=[4.0, 24.0], engines=(BOTH, SMALL))],
        in_fleet=fleet({"l1": {"h100x8": 4, "l40sx8": 4}}, node_types=(H100, L40S)),
        interval_s=1800,
    )
    found = baseline(make_plan(of, candidates(of), gap=0.0), "static_peak")
    assert found.gpu_hours == pytest.approx(24.0)
    assert found.cost_usd == pytest.approx(12.0)


def test_a_promise_of_one_workload_is_enough_for_its_price() -> None:
    """b, second of two, has a replica on each of two spines for 16 USD, without its promise one."""
    kept = Resilience(Loss.SPINE, 1.0)
    of = scenario(
        [workload("a", engines=[BOTH]), workload("b", engines=[BOTH], resilience=kept)],
        in_fleet=fleet({leaf: {"h100x8": 2} for leaf in ("l1", "l2")}),
    )
    plan = make_plan(of, candidates(of), gap=0.0)
    free = baseline(plan, "without_resilience")
    assert (free.cost_usd, free.saved_cost_usd) == (pytest.approx(16.0), pytest.approx(-8.0))
    assert free.utilization == pytest.approx(1.0)
    for name in ("greedy_topology", "greedy_topology_paired"):
        greedy = baseline(plan, name)
        assert (baseline_note(greedy), greedy.unserved_requests) == ("not resilient", 0.0)
        assert greedy.cost_usd == pytest.approx(16.0)


def test_a_greedy_day_that_was_not_replayed_to_its_end_is_no_baseline() -> None:
    of = promised(10.0, 2, None)
    plan = make_plan(of, candidates(of), compare=False)
    problem = build_problem(of, candidates(of))
    paired = replace(greedy_topology(problem, of, pairs=True), whole=False)
    _, found = baselines(plan, problem, paired=paired, gap=0.01, stop=never, end=monotonic() + 60.0)
    notes = {each.name: baseline_note(each) for each in found}
    assert notes[BaselineKind.GREEDY] == ""
    assert notes[BaselineKind.GREEDY_PAIRED] == "not computed, no time was left"


def test_a_baseline_leaves_unserved_what_all_priorities_lack_together() -> None:
    """Two replicas serve 20 of 60 requests/s of the first priority and none of 20 of the second."""
    loads = [
        workload("a", rps=[60.0], engines=[BOTH], priority=1),
        workload("b", rps=[20.0], engines=[BOTH], priority=2),
    ]
    of = scenario(loads, in_fleet=fleet({"l1": {"h100x8": 1}}))
    plan = make_plan(of, candidates(of), gap=0.0, time_limit_s=5.0)
    greedy = [each for each in plan.savings if "greedy" in each.name.value]
    assert [each.unserved_requests for each in greedy] == pytest.approx([60.0 * 3600] * 2)
