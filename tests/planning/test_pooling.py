"""Prefill replicas that share a queue: busier in larger pools, and never late for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from heteroplan.planning.pooling import Pooled, favoured, plan_with_pools, shares_queues

from heteroplan.clock import never
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import (
    Baseline,
    BaselineKind,
    BaselineRemark,
    Plan,
    Pool,
    Shortage,
    SolveReport,
    Termination,
)
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    LEAST_LOADED,
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    Role,
    Routing,
    Span,
    Workload,
)
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import OPTIMAL_GAP
from heteroplan.outputs.plan.document.from_plan import baseline_note
from heteroplan.planning import make_plan
from heteroplan.profiles.capacity.candidates import candidates
from heteroplan.queueing.waiting import Budget, Service
from heteroplan.queueing.waiting import ReplicaPool as Queue
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.clocks import stand_still
from tests.plans import plan as hand_made
from tests.plans import pool

SLO = Slo(ttft_ms=360.0, itl_ms=60.0, percentile=0.95)
"""Prefill takes 100 ms and a first step up to 60, so that 200 ms are left to wait."""


def measured() -> tuple[Engine, Engine]:
    prefill = replace(
        engine("prefill", role=Role.PREFILL, gpus=1),
        capacity_rps=None,
        prefill=PrefillCoefficients(0.0, 0.1, 0.0),
        batch_tokens_range=Span(1.0, 8000.0),
    )
    decode = replace(
        engine("decode", gpus=1),
        capacity_rps=None,
        decode=DecodeCoefficients(10.0, 0.1, 0.0),
        batch_range=Span(1.0, 256.0),
        context_range=Span(1.0, 8000.0),
    )
    return prefill, decode


def load(rps: list[float], queue: Routing) -> Workload:
    return replace(
        workload("a", rps=rps, engines=measured()),
        slo=SLO,
        routing={**LEAST_LOADED, Role.PREFILL: queue},
    )


def one(rps: list[float], queue: Routing) -> Scenario:
    return scenario([load(rps, queue)], in_fleet=fleet({"l1": {"h100x8": 8}}))


def planned(of: Scenario) -> Plan:
    found = [each for workload in of.workloads for each in candidates(workload, of.fleet)]
    return make_plan(of, found, gap=0.0, time_limit_s=30.0)


def prefill_of(plan: Plan) -> Pool:
    [pool] = [each for each in plan.pools if each.role is Role.PREFILL]
    return pool


def granted(replicas: int) -> float:
    """Requests/s of so many replicas with one queue; unknown lengths count as exponential."""
    queue = Queue([Service(1.0, 100.0, 1.0)], replicas)
    return replicas * 10.0 * queue.greatest_utilization([Budget(1.0, 200.0)], SLO.percentile)


def test_a_shared_queue_needs_as_few_replicas_as_its_size_allows() -> None:
    """Against every size by hand; one alone may be busy 23 % of the time."""
    rates = [3.0, 20.0, 60.0]
    plan = planned(one(rates, Routing.SHARED))
    assert prefill_of(plan).replicas == tuple(map(least_for, rates))
    assert prefill_of(planned(one(rates, Routing.RANDOM))).replicas == tuple(
        next(n for n in range(1, 60) if n * granted(1) >= rate) for rate in rates
    )


def test_what_sharing_gained_stands_among_the_savings() -> None:
    rates = [3.0, 20.0, 60.0]
    shared = planned(one(rates, Routing.SHARED))
    separate = planned(one(rates, Routing.RANDOM))
    [gain] = [each for each in shared.savings if each.name == "separate_queues"]
    assert gain.cost_usd == pytest.approx(separate.totals.cost_usd)
    assert gain.saved_cost_usd == pytest.approx(separate.totals.cost_usd - shared.totals.cost_usd)
    assert gain.saved_fraction is not None
    assert gain.saved_fraction > 0.2
    notes = {each.name: baseline_note(each) for each in shared.savings}
    assert notes[BaselineKind.STATIC_PEAK] == "assuming infinitely large pools"
    assert notes[BaselineKind.STATIC_PEAK_ONE_GPU_TYPE] == "H100; assuming infinitely large pools"
    assert notes[BaselineKind.SEPARATE_QUEUES] == ""
    assert "infinitely large" not in "".join(baseline_note(each) for each in separate.savings)
    assert "separate_queues" not in {each.name for each in separate.savings}


def test_no_pool_is_smaller_than_its_flow_needs() -> None:
    """Two leaves that take unequal parts: each group's flow is in time in a pool of its size."""
    nodes = {"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}
    shared = load([60.0, 85.0], Routing.SHARED)
    plan = planned(scenario([shared], in_fleet=fleet(nodes)))
    assert len({pool.group for pool in plan.pools}) == 2
    for each in plan.pools:
        if each.role is Role.PREFILL:
            for replicas, flow in zip(each.replicas, each.flow_rps[0], strict=True):
                assert flow <= (granted(replicas) if replicas else 0.0) * (1 + 1e-6)


def test_the_bound_is_that_of_endless_pools() -> None:
    """An engine that pools of one would never choose is not ruled out: the plan with both costs
    no more than with it alone, and its bound is below both.
    """
    prefill, decode = measured()
    other = replace(prefill, name="other", gpu="A100", prefill=PrefillCoefficients(0.0, 0.11, 0.0))
    a100 = node_type("a100x8", gpu="A100", usd_per_gpu_hour=1.6)
    both = fleet({"l1": {"h100x8": 8, "a100x8": 8}}, node_types=(node_type(), a100))

    def with_engines(*engines: Engine) -> Plan:
        shared = replace(
            workload("a", rps=[60.0], engines=engines),
            slo=SLO,
            routing={**LEAST_LOADED, Role.PREFILL: Routing.SHARED},
        )
        return planned(scenario([shared], in_fleet=both))

    one, all_of_them = with_engines(other, decode), with_engines(prefill, other, decode)
    assert all_of_them.totals.cost_usd <= one.totals.cost_usd + 1e-6
    assert all_of_them.report.bound <= all_of_them.report.objective
    assert all_of_them.report.bound <= one.report.objective


def test_nothing_is_proved_that_the_rounds_did_not_show() -> None:
    """Termination and gap agree, with the bound of endless pools."""
    plan = planned(one([3.0, 20.0, 60.0], Routing.SHARED))
    if plan.report.termination is Termination.OPTIMAL:
        assert plan.report.gap <= OPTIMAL_GAP
    else:
        assert plan.report.gap > 0.0


def test_a_stop_ends_the_rounds() -> None:
    of = one([3.0, 20.0, 60.0], Routing.SHARED)
    found = [each for workload in of.workloads for each in candidates(workload, of.fleet)]
    asked = iter([False] * 3)
    plan = make_plan(of, found, gap=0.0, time_limit_s=30.0, stop=lambda: next(asked, True))
    assert plan.report.termination is not Termination.OPTIMAL or plan.report.gap <= OPTIMAL_GAP


def of_stubs(separate: Plan, endless: Plan) -> Plan:
    """What comes of a plan with a queue for each replica and of one with endless pools."""
    of = separate.scenario
    found = [each for workload in of.workloads for each in candidates(workload, of.fleet)]
    plans = iter((separate, endless))
    return plan_with_pools(
        of, found, lambda given, seconds: next(plans), gap=0.01, time_limit_s=9.0, stop=never
    ).plan


def short(name: str, rps: float, *, proven: float = 0.0) -> Plan:
    """A plan of nothing for 10 USD that leaves `rps` of one of two workloads unserved."""
    first = load([10.0], Routing.SHARED)
    of = scenario([first, replace(first, name="late", priority=2)])
    lost = Shortage(workload=name, interval=0, unserved_rps=rps, reasons=())
    report = SolveReport(Termination.TIME_LIMIT, 10.0, 10.0, rps * 3600, proven * 3600, 1.0)
    nothing = make_plan(of, [], time_limit_s=1.0, compare=False)
    return replace(nothing, shortages=(lost,), report=report)


def test_of_two_plans_the_one_counts_that_serves_more_of_the_urgent() -> None:
    """6 requests/s of the second priority weigh less than 5 of the first."""
    urgent, later = short("a", 5.0), short("late", 6.0)
    assert of_stubs(urgent, later).shortages == later.shortages
    kept = of_stubs(later, urgent)
    assert kept.shortages == later.shortages
    assert kept.report.bound == 0.0


def test_shortages_of_one_priority_add_up() -> None:
    """4 requests/s of either workload are more than 5 of one."""

    def alike(plan: Plan) -> Plan:
        workloads = tuple(replace(each, priority=1) for each in plan.scenario.workloads)
        return replace(plan, scenario=replace(plan.scenario, workloads=workloads))

    one = alike(short("a", 5.0))
    (lost,) = one.shortages
    parts = tuple(replace(lost, workload=name, unserved_rps=4.0) for name in ("a", "late"))
    both = replace(one, shortages=parts)
    assert of_stubs(both, one).shortages == one.shortages
    assert of_stubs(one, both).shortages == one.shortages


def test_a_shortage_that_only_rounding_makes_greater_is_proved_all_the_same() -> None:
    rounded = short("a", 5.0 + 1e-10, proven=5.0)
    report = of_stubs(rounded, short("a", 5.0, proven=5.0)).report
    assert (report.bound, report.termination) == (10.0, Termination.OPTIMAL)


def test_hundreds_of_requests_more_outweigh_the_cost() -> None:
    """3/10 of a request/s are unserved for 10 USD, or a tenth for 12: for an hour, 720 fewer."""
    cheap, dear = short("a", 0.3), short("a", 0.1)
    dear = replace(dear, report=replace(dear.report, objective=12.0))
    assert of_stubs(cheap, dear).shortages == dear.shortages
    assert of_stubs(dear, cheap).shortages == dear.shortages


def test_a_shortage_that_nothing_proves_is_within_no_gap() -> None:
    """The cost of both is 10 USD, but more might be served."""
    found = of_stubs(short("a", 5.0), short("a", 5.0))
    assert (found.report.gap, found.report.termination) == (0.0, Termination.TIME_LIMIT)
    proven = short("a", 5.0, proven=5.0)
    assert of_stubs(proven, proven).report.termination is Termination.OPTIMAL


def test_slow_prefill_shares_a_queue_as_fast_prefill_does() -> None:
    """All takes twenty times as long and a twentieth as many ask: the same replicas."""
    rates = [3.0, 20.0, 60.0]
    prefill, decode = measured()
    slow = replace(prefill, prefill=PrefillCoefficients(0.0, 2.0, 0.0))
    asked = replace(
        load([rate / 20 for rate in rates], Routing.SHARED),
        slo=replace(SLO, ttft_ms=20 * 300.0 + 60.0),
    )
    asked = replace(asked, profile=replace(asked.profile, engines=(slow, decode)))
    plan = planned(scenario([asked], in_fleet=fleet({"l1": {"h100x8": 8}})))
    assert prefill_of(plan).replicas == tuple(map(least_for, rates))


def least_for(rate: float) -> int:
    return next(n for n in range(1, 60) if granted(n) >= rate)


@dataclass
class Scripted:
    """Answers with one plan after another (None: there is none) and notes what was asked."""

    plans: list[Plan | None]
    asked: list[tuple[list[Candidate], float]] = field(default_factory=list)

    def __call__(self, given: Sequence[Candidate], seconds: float) -> Plan:
        self.asked.append((list(given), seconds))
        answer = self.plans[len(self.asked) - 1]
        if answer is None:
            raise NoPlanError("none")
        return answer

    def prefill_rps(self, call: int) -> list[float]:
        """By interval what a prefill replica served in a call."""
        [found] = [each for each in self.asked[call][0] if each.engine.role is Role.PREFILL]
        return [point.capacity_rps for (point,) in found.points]


TWO_SPINES = scenario(
    [load([45.0, 60.0], Routing.SHARED)],
    in_fleet=fleet({"l1": {"h100x8": 8}, "l2": {"h100x8": 8}}),
)


def candidates_of(of: Scenario) -> list[Candidate]:
    return [each for asked in of.workloads for each in candidates(asked, of.fleet)]


def by_hand(*groups: tuple[Sequence[int], Sequence[float]], usd: float = 100.0) -> Plan:
    """Replicas and flow [interval] of the prefill pool on each of two spines, for so much."""
    pools = [
        replace(
            pool(
                replicas,
                of="a",
                role=Role.PREFILL,
                engine_name="prefill",
                gpus=1,
                domain=f"l{i}-spine",
            ),
            flow_rps=(tuple(flow),),
        )
        for i, (replicas, flow) in enumerate(groups, 1)
    ]
    made = hand_made(TWO_SPINES, pools, considered=candidates_of(TWO_SPINES))
    return replace(
        made, report=replace(made.report, objective=usd, bound=usd / 2), utilization=0.25
    )


def run(
    *plans: Plan | None, time_limit_s: float = 100.0, asked_to_stop: int = -1
) -> tuple[Pooled, Scripted]:
    """`asked_to_stop`: the number of plans after which the user interrupts."""
    script = Scripted(list(plans))
    found = plan_with_pools(
        TWO_SPINES,
        candidates_of(TWO_SPINES),
        script,
        gap=0.01,
        time_limit_s=time_limit_s,
        stop=lambda: len(script.asked) == asked_to_stop,
    )
    return found, script


ENDLESS_PLAN = by_hand(((2, 0), (20.0, 0.0)), ((3, 6), (25.0, 60.0)), usd=60.0)
"""Too small for queues of their size; 20 requests/s need a smaller pool than 25."""


def test_sizes_assumed_are_what_endless_pools_need_and_fall_to_what_comes_out() -> None:
    """At 0 those that the smaller of two groups needs; there one comes out smaller, and again.

    At 1 a pool comes out larger than assumed, which serves its flow all the more. Replicas of
    endless pools are busy 95 % of the time.
    """
    first, second = least_for(20.0), least_for(60.0)
    small = by_hand(((first - 1, second + 1), (20.0, 60.0)), usd=70.0)
    found, script = run(by_hand(usd=90.0), ENDLESS_PLAN, small, small)
    assert len(script.asked) == 4
    alone, endless = script.prefill_rps(0), script.prefill_rps(1)
    assert alone == pytest.approx([granted(1)] * 2)
    assert endless == pytest.approx([9.5] * 2)
    assert script.prefill_rps(2) == pytest.approx(
        [granted(first) / first, granted(second) / second]
    )
    assert script.prefill_rps(3) == pytest.approx(
        [granted(first - 1) / (first - 1), granted(second) / second]
    )
    assert found.plan.pools == small.pools
    assert found.plan.report.objective == 70.0
    assert found.candidates == script.asked[1][0]
    assert found.separate == by_hand(usd=90.0)
    for given, _ in script.asked:
        assert [each for each in given if each.engine.role is Role.DECODE] == [
            each for each in candidates_of(TWO_SPINES) if each.engine.role is Role.DECODE
        ]


@pytest.mark.parametrize("rate", [2.0, 12.0, 20.0, 33.0, 47.0, 60.0, 85.0])
def test_the_least_pool_that_serves_a_flow_is_found_whatever_its_size(rate: float) -> None:
    late = by_hand(((1, 1), (rate, 200.0)), usd=60.0)
    _, script = run(by_hand(usd=90.0), late, by_hand(usd=80.0))
    size = least_for(rate)
    assert script.prefill_rps(2)[0] == pytest.approx(granted(size) / size)


def test_the_least_pool_of_an_engine_is_found_that_serves_less_than_a_prompt_a_second() -> None:
    """Twenty times slower than the others, for a twentieth of 12 prompts/s."""
    (asked,) = TWO_SPINES.workloads
    prefill, decode = measured()
    slow = replace(prefill, prefill=PrefillCoefficients(0.0, 2.0, 0.0))
    asked = replace(
        asked,
        profile=replace(asked.profile, engines=(slow, decode)),
        slo=replace(SLO, ttft_ms=20 * 300.0 + 60.0),
    )
    of = replace(TWO_SPINES, workloads=(asked,))
    late = by_hand(((1, 1), (12.0 / 20, 200.0 / 20)), usd=60.0)
    script = Scripted([by_hand(usd=90.0), late, by_hand(usd=80.0)])
    plan_with_pools(of, candidates_of(of), script, gap=0.01, time_limit_s=50.0, stop=never)
    size = least_for(12.0)
    assert script.prefill_rps(2)[0] == pytest.approx(granted(size) / size / 20)


def test_endless_pools_that_serve_their_flow_are_the_plan() -> None:
    large = by_hand(((least_for(20.0), least_for(60.0)), (20.0, 60.0)), usd=60.0)
    found, script = run(by_hand(usd=90.0), large)
    assert len(script.asked) == 2
    assert found.plan.report.objective == 60.0


def test_a_pool_one_replica_too_small_is_told_in_whichever_interval_it_is() -> None:
    sizes = [least_for(20.0), least_for(60.0)]
    for t in (0, 1):
        small = list(sizes)
        small[t] -= 1
        endless = by_hand((small, (20.0, 60.0)), usd=60.0)
        _, script = run(by_hand(usd=90.0), endless, by_hand(usd=80.0))
        assert len(script.asked) == 3


def test_intervals_without_prefill_are_planned_as_for_queues_of_their_own() -> None:
    idle = by_hand(((2, 0), (20.0, 0.0)), usd=60.0)
    _, script = run(by_hand(usd=90.0), idle, by_hand(usd=80.0))
    first = least_for(20.0)
    assert script.prefill_rps(2) == pytest.approx([granted(first) / first, granted(1)])


def test_the_cheaper_of_separate_and_shared_queues_is_the_plan() -> None:
    for usd, best in ((80.0, 80.0), (95.0, 90.0)):
        found, _ = run(by_hand(usd=90.0), ENDLESS_PLAN, by_hand(usd=usd))
        assert found.plan.report.objective == best
        assert found.plan.report.bound == 30.0
        assert found.plan.report.termination is Termination.TIME_LIMIT


def test_rounds_end_after_six() -> None:
    """Each comes out one replica smaller than the last."""
    first = least_for(60.0)
    shrinking = [by_hand(((0, first - n), (0.0, 60.0)), usd=50.0) for n in range(1, 7)]
    found, script = run(by_hand(usd=90.0), ENDLESS_PLAN, *shrinking)
    assert len(script.asked) == 2 + 6
    assert found.plan.report.objective == 90.0


def test_two_plans_get_three_tenths_of_the_time_each_and_rounds_half_of_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock stands still, so that all of the 100 s are left."""
    stand_still(monkeypatch)
    found, script = run(by_hand(usd=90.0), ENDLESS_PLAN, by_hand(usd=80.0))
    assert [seconds for _, seconds in script.asked] == pytest.approx([30.0, 30.0, 50.0])
    assert found.plan.report.seconds == 0.0


@pytest.mark.parametrize(("limit_s", "calls"), [(0.9, 2), (30.0, 3)])
def test_a_round_of_less_than_half_a_second_is_not_begun(limit_s: float, calls: int) -> None:
    _, script = run(by_hand(usd=90.0), ENDLESS_PLAN, by_hand(usd=80.0), time_limit_s=limit_s)
    assert len(script.asked) == calls


def test_an_interrupt_after_the_endless_pools_leaves_the_separate_queues() -> None:
    found, script = run(by_hand(usd=90.0), ENDLESS_PLAN, asked_to_stop=2)
    assert len(script.asked) == 2
    assert (found.plan.report.objective, found.plan.report.bound) == (90.0, 30.0)


def test_without_a_plan_of_endless_pools_nothing_is_proved() -> None:
    separate = by_hand(usd=90.0)
    proven = replace(separate.report, bound=90.0, termination=Termination.OPTIMAL)
    found, _ = run(replace(separate, report=proven), None)
    assert found.plan.report.objective == 90.0
    assert (found.plan.report.bound, found.plan.report.unserved_requests_bound) == (0.0, 0.0)
    assert found.plan.report.termination is Termination.TIME_LIMIT


@pytest.mark.parametrize(
    ("bound", "proved", "termination"),
    [
        (91.0, 90.0, Termination.OPTIMAL),
        (90.0 * (1 - 0.9 * OPTIMAL_GAP), 90.0 * (1 - 0.9 * OPTIMAL_GAP), Termination.OPTIMAL),
        (90.0 * (1 - 1.1 * OPTIMAL_GAP), 90.0 * (1 - 1.1 * OPTIMAL_GAP), Termination.GAP_REACHED),
        (90.0 * 0.991, 90.0 * 0.991, Termination.GAP_REACHED),
        (90.0 * 0.989, 90.0 * 0.989, Termination.TIME_LIMIT),
    ],
)
def test_the_proof_is_that_of_endless_pools_and_no_more_than_was_reached(
    bound: float, proved: float, termination: Termination
) -> None:
    endless = replace(ENDLESS_PLAN, report=replace(ENDLESS_PLAN.report, bound=bound))
    found, _ = run(by_hand(usd=90.0), endless, by_hand(usd=95.0))
    assert found.plan.report.bound == pytest.approx(proved)
    assert found.plan.report.termination is termination


@pytest.mark.parametrize("which", [0, 1])
def test_an_interrupted_plan_is_told_whichever_it_was(which: int) -> None:
    plans = [by_hand(usd=90.0), by_hand(usd=90.0)]
    plans[which] = replace(
        plans[which],
        report=replace(plans[which].report, termination=Termination.INTERRUPTED, bound=90.0),
    )
    found, _ = run(*plans)
    assert found.plan.report.termination is Termination.INTERRUPTED


@pytest.mark.parametrize(
    ("proven", "termination"),
    [
        (5.0, Termination.OPTIMAL),
        (4.96, Termination.GAP_REACHED),
        (4.9, Termination.TIME_LIMIT),
        (6.0, Termination.OPTIMAL),
    ],
)
def test_a_shortage_is_proved_as_closely_as_endless_pools_are(
    proven: float, termination: Termination
) -> None:
    """5 requests/s for an hour are left; no more than that can be proved."""
    report = of_stubs(short("a", 5.0), short("a", 5.0, proven=proven)).report
    assert report.unserved_requests_bound == pytest.approx(min(5.0, proven) * 3600)
    assert report.termination is termination


def test_urgent_requests_count_first_whatever_the_order_of_the_workloads() -> None:
    """5 of the first priority against 6 of the second, which stands first in the file."""
    first, second = (
        replace(
            each,
            scenario=replace(each.scenario, workloads=each.scenario.workloads[::-1]),
        )
        for each in (short("a", 5.0), short("late", 6.0))
    )
    assert of_stubs(first, second).shortages == second.shortages
    assert of_stubs(second, first).shortages == second.shortages


@pytest.mark.parametrize(
    ("queue", "given_rps", "role", "shares"),
    [
        (Routing.SHARED, None, Role.PREFILL, True),
        (Routing.RANDOM, None, Role.PREFILL, False),
        (Routing.SHARED, 10.0, Role.PREFILL, False),
        (Routing.SHARED, None, Role.DECODE, False),
    ],
)
def test_only_measured_prefill_of_a_shared_queue_is_planned_several_times(
    queue: Routing, given_rps: float | None, role: Role, shares: bool
) -> None:
    of = one([10.0], queue)
    (prefill, *others) = candidates_of(of)
    prefill = replace(prefill, engine=replace(prefill.engine, capacity_rps=given_rps, role=role))
    assert shares_queues(of, [*others, prefill]) is shares
    script = Scripted([by_hand(usd=90.0)] * 3)
    found = plan_with_pools(of, [*others, prefill], script, gap=0.01, time_limit_s=50.0, stop=never)
    if not shares:
        assert [seconds for _, seconds in script.asked] == [50.0]
        assert found.plan == by_hand(usd=90.0)
        assert (found.separate, found.gain()) == (None, ())


@pytest.mark.parametrize(
    ("separate_rps", "shared_rps", "compared"),
    [(0.0, 0.0, True), (5.0, 5.0, True), (5.0, 0.0, False), (0.0, 5.0, True)],
)
def test_queues_that_leave_more_unserved_save_nothing_that_can_be_compared(
    separate_rps: float, shared_rps: float, compared: bool
) -> None:
    """1 replica and 3 of a GPU for an hour at 2 USD."""
    plans = []
    for rps, replicas in ((shared_rps, 1), (separate_rps, 3)):
        made = by_hand(((replicas, 0), (1.0, 0.0)))
        plans.append(replace(made, report=replace(made.report, unserved_requests=rps * 3600)))
    (gain,) = Pooled(plans[0], (), plans[1]).gain()
    assert (gain.name, gain.cost_usd, gain.gpu_hours) == ("separate_queues", 6.0, 3.0)
    assert gain.utilization == 0.25
    assert gain.unserved_requests == separate_rps * 3600
    saved = (gain.saved_cost_usd, gain.saved_gpu_hours, gain.saved_fraction)
    assert saved == ((4.0, 2.0, pytest.approx(2 / 3)) if compared else (None, None, None))


@pytest.mark.parametrize(
    ("gpu_hours", "cost_usd", "remarks", "told"),
    [
        (1.0, None, (), (BaselineRemark.ENDLESS_POOLS,)),
        (None, 1.0, (), (BaselineRemark.ENDLESS_POOLS,)),
        (
            1.0,
            1.0,
            (BaselineRemark.NO_RESILIENCE,),
            (BaselineRemark.NO_RESILIENCE, BaselineRemark.ENDLESS_POOLS),
        ),
        (None, None, (BaselineRemark.NO_TIME,), (BaselineRemark.NO_TIME,)),
    ],
)
def test_figures_of_endless_pools_say_so(
    gpu_hours: float | None,
    cost_usd: float | None,
    remarks: tuple[BaselineRemark, ...],
    told: tuple[BaselineRemark, ...],
) -> None:
    made = Baseline(BaselineKind.STATIC_PEAK, gpu_hours, cost_usd, None, None, None, None, remarks)
    assert favoured(made) == replace(made, remarks=told)


def test_pools_without_an_end_serve_each_interval_in_its_own_mix() -> None:
    """95 % of 10 prompts/s of 1,000 tokens, then of 1,500 tokens two thirds as many."""
    (asked,) = TWO_SPINES.workloads
    first, second = asked.demand
    longer = replace(second, classes=tuple(replace(k, isl=1500.0) for k in second.classes))
    of = replace(TWO_SPINES, workloads=(replace(asked, demand=(first, longer)),))
    script = Scripted([by_hand(usd=90.0), by_hand(usd=80.0)])
    plan_with_pools(of, candidates_of(of), script, gap=0.01, time_limit_s=50.0, stop=never)
    assert script.prefill_rps(1) == pytest.approx([9.5, 9.5 * 2 / 3])


def test_pools_without_an_end_serve_groups_of_each_span_as_their_network_allows() -> None:
    """A KV cache of 8 GB a prompt: a NIC of 50 GB/s moves 6.25/s in one leaf, 4/5 across two."""
    asked = load([10.0], Routing.SHARED)
    asked = replace(
        asked,
        profile=replace(asked.profile, kv_bytes_per_token=8e6),
        slo=replace(SLO, ttft_ms=5000.0),
    )
    leaves = {"l1": "s1", "l2": "s2", "l3": "s2"}
    of = scenario([asked], in_fleet=fleet({leaf: {"h100x8": 2} for leaf in leaves}, spines=leaves))
    script = Scripted([by_hand(usd=90.0), by_hand(usd=80.0)])
    plan_with_pools(of, candidates_of(of), script, gap=0.01, time_limit_s=50.0, stop=never)
    found = [each for each in script.asked[1][0] if each.engine.role is Role.PREFILL]
    assert {each.span: each.points[0][0].capacity_rps for each in found} == {
        Affinity.LEAF: pytest.approx(6.25),
        Affinity.SPINE: pytest.approx(5.0),
    }
