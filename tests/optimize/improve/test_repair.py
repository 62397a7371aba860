"""Plans that hold too much or serve too little, made good: by hand and at random."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic

import numpy as np
import pytest

from heteroplan.clock import Stop, never, silent
from heteroplan.entities.workload import Role
from heteroplan.optimize.construct.all_workloads import place_all
from heteroplan.optimize.improve.repair import (
    _less_urgent,
    repair,
    repaired,
    short_hours,
    urgent_first,
)
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Ints, Problem, Solution
from heteroplan.optimize.search import Search
from heteroplan.optimize.solve import solve
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import random_problem

CHEAP = node_type("cheap", gpu="C", gpus=4, usd_per_gpu_hour=1.0)
DEAR = node_type("dear", gpu="D", gpus=4, usd_per_gpu_hour=3.0)


def plan_of(problem: Problem, replicas: Ints) -> Incumbent:
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def two_types(
    cheap: int, dear: int, *loads: tuple[str, int, str], rps: Sequence[float] = (10.0,)
) -> Problem:
    """Nodes that hold a replica of 10 requests/s each.

    `loads` are (name, priority, letters of the GPU types that it may use); each asks for `rps`.
    """
    made = [
        workload(
            name,
            rps=rps,
            priority=priority,
            engines=[engine(gpu, role=Role.AGGREGATED, gpu=gpu) for gpu in gpus],
        )
        for name, priority, gpus in loads
    ]
    on = fleet({"l1": {"cheap": cheap, "dear": dear}}, node_types=(CHEAP, DEAR))
    return problem_of(scenario(made, in_fleet=on))


type Sizes = Mapping[tuple[str, str], Sequence[int]]
"""{(workload, GPU type): replicas over time}"""


def sized(problem: Problem, sizes: Sizes) -> Ints:
    """[P, T] replicas, 0 elsewhere."""
    found = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    for p, pool in enumerate(problem.pools):
        found[p] = sizes.get((problem.workloads[pool.workload].name, pool.engine), 0)
    return found


def fits(problem: Problem, replicas: Ints) -> bool:
    return problem.fits(range(len(problem.pools)), replicas)


def standing(problem: Problem, replicas: Ints) -> dict[tuple[str, str], list[int]]:
    return {
        (problem.workloads[pool.workload].name, pool.engine): sizes.tolist()
        for pool, sizes in zip(problem.pools, replicas, strict=True)
        if sizes.any()
    }


def made_good(
    problem: Problem, without: Sizes, workloads: Sequence[int], stop: Stop = never
) -> dict[tuple[str, str], list[int]]:
    """What stands once a plan is repaired; it serves no less than what was left of it."""
    left = sized(problem, without)
    found = repaired(problem, plan_of(problem, left), workloads, 0.0, stop, monotonic() + 60)
    assert found.rank <= plan_of(problem, left).rank
    assert faults_of(problem, found) == []
    return standing(problem, found.solution.replicas)


def test_what_was_given_up_is_placed_again_beside_the_others() -> None:
    """Two replicas held the one cheap node; `b` goes where it costs more, `a` stays."""
    problem = two_types(1, 1, ("a", 1, "CD"), ("b", 1, "CD"))
    found = made_good(problem, {("a", "C"): [1]}, [1])
    assert found == {("a", "C"): [1], ("b", "D"): [1]}


def test_a_less_urgent_workload_makes_room() -> None:
    """`a` runs on cheap nodes alone, of which `b` has the only one; `b` finds another."""
    problem = two_types(1, 1, ("a", 1, "C"), ("b", 2, "CD"))
    found = made_good(problem, {("b", "C"): [1]}, [0])
    assert found == {("a", "C"): [1], ("b", "D"): [1]}


def test_the_more_urgent_workload_is_served_where_there_is_room_for_one() -> None:
    problem = two_types(1, 0, ("a", 1, "C"), ("b", 2, "C"))
    assert made_good(problem, {("b", "C"): [1]}, [0]) == {("a", "C"): [1]}
    assert made_good(problem, {("a", "C"): [1]}, [1]) == {("a", "C"): [1]}


def test_workloads_of_the_same_urgency_make_room_for_what_was_given_up() -> None:
    """`a` has cheap nodes alone; `b` and `c` share the rest, one of them on dear nodes."""
    problem = two_types(2, 2, ("a", 1, "C"), ("b", 1, "CD"), ("c", 1, "CD"))
    found = made_good(problem, {("b", "C"): [1], ("c", "C"): [1]}, [0])
    assert found.pop(("a", "C")) == [1]
    assert sorted(gpu for _, gpu in found) == ["C", "D"]


def test_a_repair_that_is_stopped_has_what_was_left() -> None:
    problem = two_types(1, 1, ("a", 1, "CD"), ("b", 1, "CD"))
    left: Sizes = {("a", "C"): [1]}
    assert made_good(problem, left, [1], lambda: True) == left


def test_only_hours_that_go_short_change() -> None:
    """Four hours of 10 requests/s; at 1 there is no cheap node left for `b`."""
    problem = two_types(1, 1, ("b", 1, "CD"), ("a", 1, "C"), rps=(10.0,) * 4)
    taken = sized(problem, {("a", "C"): [0, 1, 0, 0]})
    problem = replace(
        problem,
        workloads=(
            problem.workloads[0],
            replace(problem.workloads[1], rps=np.array([[0.0, 10.0, 0.0, 0.0]])),
        ),
    )
    left = taken + sized(problem, {("b", "C"): [1, 0, 1, 1]})
    found = repaired(problem, plan_of(problem, left), [0], 0.0, never, monotonic() + 60)
    assert standing(problem, found.solution.replicas) == {
        ("a", "C"): [0, 1, 0, 0],
        ("b", "C"): [1, 0, 1, 1],
        ("b", "D"): [0, 1, 0, 0],
    }


def test_those_that_are_served_later_are_asked_for_room_the_last_of_them_first() -> None:
    problem = two_types(1, 1, *((f"w{i}", p, "C") for i, p in enumerate((3, 1, 2, 5, 2))))
    assert _less_urgent(problem, 1) == [3, 0, 2, 4]
    assert _less_urgent(problem, 2) == [3, 0]
    assert _less_urgent(problem, 3) == []


def test_hours_around_each_shortage_are_opened_in_windows_of_four() -> None:
    """Of twelve hours 5 is short, or the last, or all from 2 to 6."""
    problem = two_types(9, 0, ("a", 1, "C"), ("b", 1, "C"), rps=(10.0,) * 12)

    def windows(*short: int) -> list[tuple[int, ...] | None]:
        sizes = sized(problem, {("a", "C"): [1] * 12, ("b", "C"): [1] * 12})
        for i, t in enumerate(short):
            sizes[i % 2, t] = 0
        found = short_hours(problem, plan_of(problem, sizes), 2)
        assert all((each.workloads, each.radius) == ((0, 1), 2) for each in found)
        return [each.times for each in found]

    assert windows() == []
    assert windows(5) == [(4, 5, 6)]
    assert windows(11) == [(0,), (10, 11)]
    assert windows(2, 3, 4, 5, 6) == [(1, 2, 3, 4), (5, 6, 7)]
    assert windows(1, 8) == [(0, 1, 2), (7, 8, 9)]


def cut(problem: Problem, draw: np.random.Generator) -> Problem:
    """Up to a third of the GPUs of each supply row gone at some times."""
    return replace(
        problem,
        supplies=tuple(
            replace(
                row,
                gpus=row.gpus
                - draw.integers(0, 1 + row.gpus // 3) * draw.integers(0, 2, problem.intervals),
            )
            for row in problem.supplies
        ),
    )


def given_up(problem: Problem, replicas: Ints, draw: np.random.Generator) -> tuple[Ints, list[int]]:
    """What is left once enough workloads are gone, and these."""
    left, gone = replicas.copy(), []
    for w in draw.permutation(len(problem.workloads)).tolist():
        if fits(problem, left):
            break
        left[list(problem.workloads[w].pools)] = 0
        gone.append(w)
    return left, gone


@pytest.mark.parametrize("feature", [None, "leads", "maintenance", "max_groups", "ratio_band"])
def test_repaired_plans_hold_no_more_than_supply_and_serve_no_less_than_was_left(
    feature: str | None,
) -> None:
    more = 0
    for seed in range(5):
        draw = np.random.default_rng(seed)
        roomy = random_problem(seed, feature)
        no_price = np.zeros((len(roomy.supplies), roomy.intervals))
        sizes = place_all(roomy, no_price, range(len(roomy.workloads))).solution.replicas
        problem = cut(roomy, draw)
        left, gone = given_up(problem, sizes, draw)
        start = plan_of(problem, left)
        found = repaired(problem, start, gone, 0.01, never, monotonic() + 60)
        assert fits(problem, found.solution.replicas)
        assert faults_of(problem, found) == []
        assert found.rank <= start.rank
        more += found.rank[:-1] < start.rank[:-1]
    assert more > 0


@pytest.mark.parametrize("feature", [None, "leads", "replica_limits"])
def test_repair_never_offers_less_than_it_began_with(feature: str | None) -> None:
    """From a plan that serves nothing; what it ends with keeps every row."""
    covered = 0
    for seed in range(4):
        problem = random_problem(seed, feature)
        start = plan_of(problem, np.zeros((len(problem.pools), problem.intervals), dtype=np.int64))
        search = Search(problem, 0.01, monotonic() + 60, never, silent)
        search.offer(start)
        ranks = [start.rank]
        for _ in repair(search, start):
            ranks.append(search.plan.rank)
            if len(ranks) > 30:
                break
        assert ranks == sorted(ranks, reverse=True)
        assert faults_of(problem, search.plan) == []
        covered += search.plan.covered
    assert covered > 0


def test_repair_serves_what_small_moves_find_and_then_ends() -> None:
    """A replica missing at one hour; nothing else is tried once two rounds cover demand."""
    problem = two_types(2, 0, ("a", 1, "C"), rps=(20.0,) * 3)
    start = plan_of(problem, sized(problem, {("a", "C"): [2, 1, 2]}))
    search = Search(problem, 0.0, monotonic() + 60, never, silent)
    search.offer(start)
    assert len(list(repair(search, start))) == 2
    assert standing(problem, search.plan.solution.replicas) == {("a", "C"): [2, 2, 2]}


def urgent_short(*others: tuple[str, int, str]) -> tuple[Problem, Incumbent]:
    """Two cheap nodes, both of which `batch` (priority 2) holds in both hours."""
    loads = (("urgent", 1, "C"), ("batch", 2, "C"), *others)
    problem = two_types(2, 1, *loads, rps=(10.0, 20.0))
    return problem, plan_of(problem, sized(problem, {("batch", "C"): (2, 2)}))


def test_the_urgent_take_what_later_classes_hold() -> None:
    """In the first hour there is room for both, in the second for two replicas of `urgent`."""
    problem, plan = urgent_short()
    assert plan.unserved == {1: 108_000.0, 2: 0.0}
    better = urgent_first(problem, plan, never)
    assert better.unserved == pytest.approx({1: 0.0, 2: 72_000.0})
    assert not list(faults_of(problem, better))


def test_those_in_nobodys_way_stay_where_they_are() -> None:
    """`other` (priority 2) has a dear node of its own, more of it than it needs."""
    problem, _ = urgent_short(("other", 2, "D"))
    sizes = {("batch", "C"): (2, 2), ("other", "D"): (1, 1)}
    better = urgent_first(problem, plan_of(problem, sized(problem, sizes)), never)
    stays = sized(problem, {("other", "D"): (1, 1)})
    mine = list(problem.workloads[2].pools)
    assert (better.solution.replicas[mine] == stays[mine]).all()


def with_a_minimum() -> Problem:
    """Two nodes; `urgent` asks for both, `batch` (priority 2) for one of them at all times."""
    problem = two_types(2, 0, ("urgent", 1, "C"), ("batch", 2, "C"), rps=(20.0, 20.0))
    urgent, batch = problem.workloads
    return replace(problem, workloads=(urgent, replace(batch, min_replicas={Role.AGGREGATED: 1})))


@pytest.mark.parametrize("urgent", [0, 2])
def test_later_classes_keep_their_minima(urgent: int) -> None:
    """Whether `batch` held both nodes before, or lacked its own."""
    problem = with_a_minimum()
    sizes = {("urgent", "C"): (urgent, urgent), ("batch", "C"): (2 - urgent, 2 - urgent)}
    plan = plan_of(problem, sized(problem, sizes))
    assert bool(plan.broken) == (urgent == 2)
    better = urgent_first(problem, plan, never)
    assert better.solution.replicas.tolist() == [[1, 1], [1, 1]]
    assert not better.broken


def test_workloads_one_after_another_leave_room_for_minima() -> None:
    problem = with_a_minimum()
    found = place_all(problem, np.zeros((len(problem.supplies), 2)), [0, 1])
    assert found.solution.replicas.tolist() == [[1, 1], [1, 1]]


def test_so_does_the_first_step_of_a_large_search() -> None:
    problem = replace(with_a_minimum(), large=True)
    start = sized(problem, {("urgent", "C"): (2, 2)})
    whole_first = frozenset({"whole first"})
    found = solve(problem, time_limit_s=60.0, starts=[start], steps=2, without=whole_first)
    assert found.solution.replicas.tolist() == [[1, 1], [1, 1]]


def test_a_start_that_breaks_limits_is_mended_however_late_it_is() -> None:
    problem = with_a_minimum()
    start = sized(problem, {("urgent", "C"): (2, 2)})
    found = solve(problem, time_limit_s=1e-3, starts=[start])
    assert found.solution.replicas.tolist() == [[1, 1], [1, 1]]


def test_a_plan_without_shortage_or_without_time_stays_as_it_is() -> None:
    problem, plan = urgent_short()
    assert urgent_first(problem, plan, lambda: True) is plan
    covered = two_types(2, 0, ("urgent", 1, "C"), ("batch", 2, "C"))
    both = plan_of(covered, sized(covered, {("urgent", "C"): (1,), ("batch", "C"): (1,)}))
    assert urgent_first(covered, both, never) is both


@pytest.mark.parametrize("seed", range(30))
def test_urgent_first_never_ranks_worse_and_keeps_every_rule(seed: int) -> None:
    problem = random_problem(7000 + seed, "scarce_priorities" if seed % 2 else "nested_supply")
    nothing = plan_of(problem, problem.no_replicas())
    reversed_order = sorted(
        range(len(problem.workloads)), key=lambda w: -problem.workloads[w].priority
    )
    no_prices = np.zeros((len(problem.supplies), problem.intervals))
    for plan in (nothing, place_all(problem, no_prices, reversed_order)):
        better = urgent_first(problem, plan, never)
        assert better.rank <= plan.rank
        assert not list(faults_of(problem, better))
