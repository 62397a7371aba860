"""One workload on one site: which engines, how many of each, and what they leave unserved.

By hand: replicas of 4 GPUs at 2 USD, so 8 USD an hour, unless a test says otherwise.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Engine, Loss, Part, RatioBand, Resilience, Role
from heteroplan.optimize.construct.one_domain import has_room, place_on_site, room_of
from heteroplan.optimize.construct.task import Task, less, task_of
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of

A100 = node_type("a100x8", gpu="A100")
PAIR = (engine("prefill", role=Role.PREFILL), engine("decode"))


def alone(name: str = "alone", **kinds: Any) -> Engine:
    """An aggregated engine."""
    return engine(name, role=Role.AGGREGATED, **kinds)


def one(
    rps: Sequence[float] = (10.0,),
    *engines: Engine,
    on: Fleet | None = None,
    cyclic: bool = True,
    **rules: Any,
) -> Problem:
    """One workload on 32 H100, unless `on` says otherwise."""
    load = workload(rps=rps, engines=engines or PAIR, **rules)
    return problem_of(scenario([load], in_fleet=on, cyclic=cyclic))


def none_of(problem: Problem) -> Ints:
    return np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)


def free(problem: Problem, held_price: Floats | None = None, **given: Any) -> Task:
    """The task of the first workload where nothing stands yet."""
    price = np.zeros((len(problem.pools), problem.intervals)) if held_price is None else held_price
    return replace(task_of(problem, 0, none_of(problem), price), **given)


def sizes_of(problem: Problem, **sizes: Sequence[int]) -> Ints:
    """[P, T] replicas by engine, 0 of all others."""
    return np.array([sizes.get(pool.engine, [0] * problem.intervals) for pool in problem.pools])


def placed(
    task: Task, need: Sequence[float] | None = None, replicas: Ints | None = None
) -> tuple[Any, Any, dict[str, list[int]], Any]:
    """(demand left, cost, replicas by engine, share served) on the workload's pools as one site."""
    problem = task.problem
    pools = list(problem.workloads[task.w].pools)
    standing = none_of(problem) if replicas is None else replicas
    before = standing.copy()
    asked = task.need() if need is None else np.array(need)
    found = place_on_site(task, pools, standing, asked)
    assert found is not None
    assert standing.tolist() == before.tolist()
    (left, cost), counts, served = found
    names = [
        problem.pools[p].engine if problem.pools[p].part is None else f"part{problem.pools[p].part}"
        for p in pools
    ]
    running = {n: c.tolist() for n, c in zip(names, counts, strict=True) if c.any()}
    return left, cost, running, served.tolist()


def test_what_is_needed_is_all_demand_and_the_extra_asked_for() -> None:
    problem = one([10.0, 0.0, 0.5])
    task = free(problem)
    assert task.need().tolist() == [1.0, 0.0, 1.0]
    extra = np.array([0.25, 0.5, 0.0])
    assert replace(task, extra=extra).need().tolist() == [1.25, 0.0, 1.0]


def test_cost_is_of_running_starting_and_the_gpus_held_meanwhile() -> None:
    """A replica all day, a second one in the second hour: half an hour to load, half to drain.

    4 x 8 USD, one start 8. Held GPUs are priced at 1, 10 and 100 an hour and replica: that of
    the first hour is due for the start as well.
    """
    engines = [alone(startup_s=1800, drain_s=1800), alone("other")]
    problem = one([10.0] * 3, *engines)
    held_price = np.array([[1.0, 10.0, 100.0], [7.0, 7.0, 7.0]])
    task = free(problem, held_price)
    replicas = sizes_of(problem, alone=[1, 2, 1], other=[0, 1, 1])
    assert task.cost([0], replicas) == pytest.approx(4 * 8 + 8 + 1 + 20 + 100 + 1)
    assert task.cost([1], replicas) == pytest.approx(2 * 8 + 2 * 7)
    assert task.cost([0, 1], replicas) == pytest.approx(162 + 30)


def test_a_task_has_what_all_others_leave() -> None:
    """32 GPUs; b holds 8 and 4, in the hour before its start too; what a has is its own."""
    loads = [
        workload("a", rps=[10.0] * 3, engines=[alone(), alone("small", gpus=2, startup_s=3600)]),
        workload("b", rps=[10.0] * 3, engines=[alone("b", startup_s=3600)]),
    ]
    problem = problem_of(scenario(loads))
    replicas = sizes_of(problem, alone=[3, 1, 0], small=[0, 1, 1], b=[0, 2, 1])
    task = task_of(problem, 0, replicas, np.zeros(replicas.shape))
    (row,) = task.beside
    assert task.beside[row].tolist() == [24, 24, 28]
    assert task.left([0, 1], replicas[task.pools])[row].tolist() == [
        24 - 12 - 2,
        24 - 4 - 2,
        28 - 2,
    ]
    assert task.beside[row].tolist() == [24, 24, 28]
    others = task_of(problem, 1, replicas, np.zeros(replicas.shape))
    assert others.beside[row].tolist() == [32 - 12 - 2, 32 - 4 - 2, 32 - 2]


def test_minima_and_maxima_are_those_of_all_domains_together() -> None:
    """Of 3 to 5 decode replicas 1, 4 and 6 stand; prefill has a minimum alone."""
    rules: dict[str, Any] = {
        "min_replicas": {Role.DECODE: 3, Role.PREFILL: 1},
        "max_replicas": {Role.DECODE: 5},
    }
    problem = one([10.0] * 3, **rules)
    task = free(problem)
    replicas = sizes_of(problem, decode=[1, 4, 6], prefill=[1, 1, 1])
    most = task.most(Role.DECODE, replicas)
    assert most is not None
    assert most.tolist() == [4, 1, 0]
    assert task.most(Role.PREFILL, replicas) is None
    assert task.fewest(Role.DECODE, replicas).tolist() == [2, 0, 0]
    assert task.fewest(Role.PREFILL, replicas).tolist() == [0, 0, 0]
    assert task.fewest(Role.AGGREGATED, replicas).tolist() == [0, 0, 0]
    assert not task.minimum_met(replicas)
    assert task.minimum_met(sizes_of(problem, decode=[3] * 3, prefill=[1] * 3))
    assert not task.minimum_met(sizes_of(problem, decode=[3] * 3, prefill=[1, 0, 1]))
    assert free(one()).minimum_met(none_of(one()))


@pytest.mark.parametrize(
    ("rules", "limited"),
    [
        ({}, False),
        ({"min_replicas": {Role.DECODE: 1}}, True),
        ({"max_replicas": {Role.DECODE: 1}}, True),
        ({"pd_ratio": RatioBand(0.5, 2.0)}, True),
    ],
)
def test_minima_maxima_and_a_ratio_limit_roles(rules: dict[str, Any], limited: bool) -> None:
    assert free(one(**rules)).has_limits() is limited


def cheap_and_dear() -> Problem:
    """On two leaves, a group each. Decode at 8 USD serves 10, 9.1, 9 requests/s, prefill 1."""
    engines = [
        engine("prefill", role=Role.PREFILL, capacity_rps=1.0),
        *(engine(f"decode-{rps}", capacity_rps=rps) for rps in (9.0, 10.0, 9.1)),
    ]
    on = fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 4}})
    return one([2.0, 0.0, 4.0], *engines, on=on, affinity=Affinity.LEAF)


def test_engines_within_a_tenth_of_their_roles_best_price_are_cheap() -> None:
    """9.1 of 10 requests/s for the same price, not 9; prefill is dear and the only one.

    An hour without demand, in which no engine is of use, changes nothing.
    """
    problem = cheap_and_dear()
    cheap = {"prefill", "decode-10.0", "decode-9.1"}
    task = free(problem)
    assert {problem.pools[p].engine for p in task.cheap_pools()} == cheap
    assert len(task.cheap_pools()) == 6
    cheapest_engines = task.within(task.cheap_pools()).limit
    assert cheapest_engines is not None
    for p, pool in enumerate(problem.pools):
        expected = pool.most.tolist() if pool.engine in cheap else [0, 0, 0]
        assert cheapest_engines[p].tolist() == expected
    bounded = replace(task, limit=np.full((8, 3), 2)).within(task.cheap_pools()).limit
    assert bounded is not None
    assert [each.tolist() for each in bounded] == [
        [2, 2, 2] if pool.engine in cheap else [0, 0, 0] for pool in problem.pools
    ]


@pytest.mark.parametrize(
    ("standing", "cheapest_engines"),
    [
        ((), True),
        ((("l1", "prefill"), ("l1", "decode-9.1")), True),
        ((("l1", "prefill"), ("l1", "decode-9.0")), False),
        ((("l1", "prefill"), ("l2", "decode-9.1")), False),
    ],
)
def test_a_placement_is_thrifty_in_cheap_engines_of_one_group(
    standing: Sequence[tuple[str, str]], cheapest_engines: bool
) -> None:
    problem = cheap_and_dear()
    counts = np.array([[0, 0, int((p.domain, p.engine) in standing)] for p in problem.pools])
    assert free(problem).uses_cheapest_engines(counts) is cheapest_engines


def test_least_cost_is_that_of_the_cheapest_engines_in_fractions() -> None:
    """All of 20 requests/s: prefill for 16 or 32 USD, decode for 8, both for 32."""
    engines = [
        engine("dear", role=Role.PREFILL, gpus=2, capacity_rps=2.5),
        engine("cheap", role=Role.PREFILL),
        engine("decode", capacity_rps=20.0),
        alone(capacity_rps=5.0),
    ]
    problem = one([20.0, 20.0, 20.0], *engines)
    task = free(problem)
    need = np.array([0.5, 0.0, 1.0])
    number = {pool.engine: p for p, pool in enumerate(problem.pools)}
    everything = list(number.values())
    assert task.least_cost(everything, need) == pytest.approx(24 * 1.5)
    assert task.least_cost([number["dear"], number["decode"]], need) == pytest.approx(40 * 1.5)
    assert task.least_cost([number["dear"], number["alone"]], need) == pytest.approx(32 * 1.5)
    assert task.least_cost([number["cheap"]], need) == np.inf
    held_price = np.zeros((4, 3))
    held_price[number["cheap"]] = [10.0, 1000.0, 0.0]
    steered = free(problem, held_price)
    assert steered.least_cost(everything, need) == pytest.approx(40 * 0.5 + 24)


def test_what_rounding_leaves_is_nothing() -> None:
    rest, served = np.array([1.0, 1.0, 0.5, 1.0]), np.array([0.75, 1.0 - 1e-10, 0.75, 1.0 - 2e-9])
    assert less(rest, served).tolist() == pytest.approx([0.25, 0.0, 0.0, 2e-9], rel=1e-3)


@pytest.mark.parametrize(
    ("startup_s", "cyclic", "room"),
    [
        (0, True, [8, 4, 1, 6]),
        (3600, True, [6, 4, 1, 1]),
        (7200, True, [1, 4, 1, 1]),
        (20 * 3600, True, [1, 1, 1, 1]),
        (3600, False, [8, 4, 1, 1]),
        (7200, False, [8, 4, 1, 1]),
        (20 * 3600, False, [8, 4, 1, 1]),
    ],
)
def test_room_is_where_gpus_are_left_in_the_hours_of_start_up_too(
    startup_s: float, cyclic: bool, room: list[int]
) -> None:
    """32, 17, 4 and 27 GPUs are left for replicas of 4."""
    problem = one([100.0] * 4, alone(startup_s=startup_s), cyclic=cyclic)
    left = {0: np.array([32, 17, 4, 27])}
    count = np.zeros(4, dtype=np.int64)
    assert room_of(problem, 0, left, count).tolist() == room
    assert room_of(problem, 0, {0: left[0] - 100}, count).tolist() == [0] * 4


def test_room_beside_others_is_what_the_pool_may_have_more() -> None:
    """Of use are 3 replicas; 1, 3 and 4 stand."""
    problem = one([30.0] * 3, alone())
    left = {0: np.array([32, 32, 32])}
    assert room_of(problem, 0, left, np.array([1, 3, 4])).tolist() == [2, 0, 0]


def test_room_is_what_all_rows_leave() -> None:
    """On a leaf of 16 GPUs below a spine of 32 of which two workloads use some."""
    loads = [
        workload("near", rps=[100.0], engines=[alone()], affinity=Affinity.LEAF),
        workload("wide", rps=[100.0], engines=[alone("wide")]),
    ]
    on = fleet({"l1": {"h100x8": 2}, "l2": {"h100x8": 2}}, spines={"l1": "s", "l2": "s"})
    problem = problem_of(scenario(loads, in_fleet=on))
    near = next(p for p, pool in enumerate(problem.pools) if pool.domain == "l1")
    rows = {problem.supplies[r].domain: r for r in problem.drawn[near]}
    assert set(rows) == {"l1", "s"}
    none = np.array([0])
    for leaf, spine, room in ((16, 32, 4), (16, 8, 2), (8, 32, 2)):
        left = {rows["l1"]: np.array([leaf]), rows["s"]: np.array([spine])}
        assert room_of(problem, near, left, none).tolist() == [room]


@pytest.mark.parametrize(
    ("rps", "need", "limit", "fits"),
    [
        (40.0, 1.0, None, True),
        (41.0, 1.0, None, True),
        (81.0, 1.0, None, False),
        (81.0, 80 / 81, None, True),
        (20.0, 1.0, (1, 2), False),
        (20.0, 1.0, (2, 1), False),
        (20.0, 1.0, (2, 2), True),
        (20.0, 0.5, (1, 1), True),
    ],
)
def test_a_site_has_room_if_each_role_alone_does(
    rps: float, need: float, limit: tuple[int, int] | None, fits: bool
) -> None:
    """8 replicas of 10 requests/s on 32 GPUs, of prefill and of decode."""
    problem = one([rps, 1.0])
    bound = None if limit is None else np.array([[each] * 2 for each in limit])
    task = free(problem, limit=bound)
    replicas = none_of(problem)
    assert has_room(task, [0, 1], replicas, np.array([need, 0.0])) is fits
    assert not replicas.any()


def test_room_for_more_is_beside_what_stands_there() -> None:
    """Two pairs of four stand where 32 GPUs hold 8 replicas; the limit is three of each."""
    problem = one([40.0])
    replicas = sizes_of(problem, prefill=[2], decode=[2])
    rest = np.array([0.5])
    assert has_room(free(problem), [0, 1], replicas, rest)
    bounded = free(problem, limit=np.array([[3], [3]]))
    assert not has_room(bounded, [0, 1], replicas, rest)
    assert has_room(bounded, [0, 1], replicas, np.array([0.25]))


@pytest.mark.parametrize(
    ("gpus", "left", "cost", "running"),
    [
        (4, 0.0, 24.0, {"alone": [3]}),
        (6, 0.0, 28.0, {"prefill": [1], "decode": [1], "alone": [1]}),
        (8, 0.0, 32.0, {"prefill": [2], "decode": [2]}),
    ],
)
def test_the_cheapest_of_pairs_aggregated_and_both_is_placed(
    gpus: int, left: float, cost: float, running: dict[str, list[int]]
) -> None:
    """30 requests/s: a pair takes 20 for 16 USD, an aggregated replica 10 for 8, 12 or 16."""
    engines = [
        engine(role.value, role=role, capacity_rps=20.0) for role in Role if role != Role.AGGREGATED
    ]
    task = free(one([30.0], *engines, alone(gpus=gpus)))
    assert placed(task) == (left, pytest.approx(cost), running, [pytest.approx(1.0)])


def test_roles_with_limits_are_not_mixed_with_aggregated_engines() -> None:
    """Three aggregated replicas are cheaper then than two pairs."""
    engines = [
        engine("prefill", role=Role.PREFILL, capacity_rps=20.0),
        engine("decode", capacity_rps=20.0),
        alone(gpus=5),
    ]
    task = free(one([30.0], *engines, max_replicas={Role.DECODE: 9}))
    assert placed(task)[1:3] == (pytest.approx(30.0), {"alone": [3]})


@pytest.mark.parametrize("scarce", [Role.PREFILL, Role.DECODE])
def test_the_role_that_has_no_other_gpus_is_placed_first(scarce: Role) -> None:
    """8 H100: 4 of them for one role; the other takes 6, or the dear A100 beside.

    Whatever comes first takes what is cheap.
    """
    (other,) = {Role.PREFILL, Role.DECODE} - {scarce}
    engines = [
        engine("bound", role=scarce),
        engine("cheap", role=other, gpus=6),
        engine("dear", role=other, gpu="A100"),
    ]
    shapes = [node_type(), node_type("a100x8", gpu="A100", usd_per_gpu_hour=10.0)]
    on = fleet({"l1": {"h100x8": 1, "a100x8": 1}}, node_types=shapes)
    found = placed(free(one([10.0], *engines, on=on)))
    assert found == (0.0, pytest.approx(48.0), {"bound": [1], "dear": [1]}, [1.0])


def test_what_does_not_fit_is_left_and_roles_are_cut_to_each_other() -> None:
    """60 and 30 requests/s on 40 GPUs: 6 replicas of one role leave 4 to the other, so 4 it is."""
    on = fleet({"l1": {"h100x8": 5}})
    found = placed(free(one([60.0, 30.0], on=on)))
    assert found == (
        pytest.approx(1 / 3),
        pytest.approx(14 * 8.0),
        {"prefill": [4, 3], "decode": [4, 3]},
        [pytest.approx(4 / 6), pytest.approx(1.0)],
    )


@pytest.mark.parametrize("bound", [Role.PREFILL, Role.DECODE])
def test_a_role_does_not_serve_more_than_its_partner_can(bound: Role) -> None:
    """One of them finds GPUs for 2 replicas, the other for 8; both are 2."""
    (other,) = {Role.PREFILL, Role.DECODE} - {bound}
    engines = [engine("bound", role=bound), engine("other", role=other, gpu="A100")]
    on = fleet({"l1": {"h100x8": 1, "a100x8": 4}}, node_types=[node_type(), A100])
    left, _, running, served = placed(free(one([40.0], *engines, on=on)))
    assert (left, running, served) == (0.5, {"bound": [2], "other": [2]}, [0.5])


def test_shortage_is_dearer_than_any_start() -> None:
    """Loading takes ten hours' price; of 40 and 50 requests/s a pair and a half are left out."""
    engines = [alone(gpus=8, startup_s=3600, drain_s=10 * 3600)]
    on = fleet({"l1": {"h100x8": 2}})
    left, _, running, _ = placed(free(one([40.0, 0.0, 0.0, 10.0], *engines, on=on)))
    assert left == pytest.approx(0.5)
    assert running["alone"][0] == 2
    assert running["alone"][3] >= 1


def test_what_stands_there_is_added_to_and_not_paid_again() -> None:
    """A pair of 20 requests/s stands; half the demand, 20 requests/s, takes two pairs more."""
    problem = one([40.0])
    standing = sizes_of(problem, prefill=[1], decode=[1])
    found = placed(free(problem), [0.5], standing)
    assert found == (0.0, pytest.approx(32.0), {"prefill": [3], "decode": [3]}, [0.5])


def test_nothing_is_placed_where_nothing_is_asked_for() -> None:
    assert placed(free(one([10.0])), [0.0]) == (0.0, 0.0, {}, [0.0])


def test_a_site_without_a_whole_way_to_serve_holds_nothing() -> None:
    problem = one([10.0])
    assert place_on_site(free(problem), [1], none_of(problem), np.array([1.0])) is None


@pytest.mark.parametrize(
    ("band", "prefill_rps", "decode_rps", "running"),
    [
        ((0.5, 1.0), 10.0, 30.0, {"prefill": [3], "decode": [3]}),
        ((0.25, 1.5), 10.0, 30.0, {"prefill": [3], "decode": [2]}),
        ((0.5, 2.0), 30.0, 7.5, {"prefill": [2], "decode": [4]}),
        ((0.7, 2.0), 30.0, 7.5, {"prefill": [3], "decode": [4]}),
        ((0.25, 2.0), 30.0, 7.5, {"prefill": [1], "decode": [4]}),
    ],
)
def test_replicas_are_added_until_the_ratio_holds(
    band: tuple[float, float],
    prefill_rps: float,
    decode_rps: float,
    running: dict[str, list[int]],
) -> None:
    """30 requests/s take 3 or 1 prefill, 1 or 4 decode; prefill / decode within the band."""
    engines = [
        engine("prefill", role=Role.PREFILL, capacity_rps=prefill_rps),
        engine("decode", capacity_rps=decode_rps),
    ]
    task = free(one([30.0], *engines, pd_ratio=RatioBand(*band)))
    assert placed(task)[2] == running


def test_minima_are_placed_and_those_of_other_roles_serve_as_well() -> None:
    """Two aggregated replicas stand by and take 10 of 30 requests/s; two pairs take the rest.

    Decode has a minimum of 4, which demand does not ask for.
    """
    engines = [*PAIR, alone(gpus=8, capacity_rps=5.0)]
    rules: dict[str, Any] = {"min_replicas": {Role.AGGREGATED: 2, Role.DECODE: 4}}
    on = fleet({"l1": {"h100x8": 8}})
    found = placed(free(one([30.0], *engines, on=on, **rules)))
    expected = {"prefill": [2], "decode": [4], "alone": [2]}
    assert found == (0.0, pytest.approx(80.0), expected, [pytest.approx(1.0)])


def test_a_minimum_that_a_site_cannot_hold_is_kept_in_part_only_where_that_is_allowed() -> None:
    """Of 5 decode replicas 4 fit beside nothing else."""
    on = fleet({"l1": {"h100x8": 2}})
    problem = one([0.0], on=on, min_replicas={Role.DECODE: 5})
    task = free(problem)
    nothing = np.array([0.0])
    assert place_on_site(task, [0, 1], none_of(problem), nothing) is None
    assert placed(replace(task, in_parts=True), [0.0])[2] == {"decode": [4]}


def test_a_maximum_leaves_demand_unserved() -> None:
    """Of 4 pairs that 40 requests/s take two may be, where one decode replica stands already."""
    problem = one([40.0], max_replicas={Role.DECODE: 3})
    assert placed(free(problem))[2:] == ({"prefill": [3], "decode": [3]}, [0.75])
    standing = sizes_of(problem, decode=[1], prefill=[1])
    left, _, running, served = placed(free(problem), [0.75], standing)
    assert (left, running, served) == (0.25, {"prefill": [3], "decode": [3]}, [0.5])


def test_sizes_stay_within_limit_and_floor() -> None:
    """A cheap engine that may have one replica in the first hour, and two dearer ones.

    From one replica of the dearest up is searched, in the second hour from two.
    """
    kinds = {"cheap": ("H100", 4), "dear": ("A100", 5), "dearest": ("L40S", 6)}
    engines = [alone(name, gpu=gpu, gpus=gpus) for name, (gpu, gpus) in kinds.items()]
    shapes = [node_type(), A100, node_type("l40sx8", gpu="L40S")]
    on = fleet({"l1": dict.fromkeys(("h100x8", "a100x8", "l40sx8"), 4)}, node_types=shapes)
    problem = one([40.0, 40.0], *engines, on=on)
    number = {pool.engine: p for p, pool in enumerate(problem.pools)}
    limit, floor = np.full((3, 2), 8), np.zeros((3, 2), dtype=np.int64)
    limit[number["cheap"]] = [1, 4]
    floor[number["dearest"]] = [1, 2]
    assert placed(free(problem, limit=limit))[2] == {"cheap": [1, 4], "dear": [3, 0]}
    found = placed(free(problem, limit=limit, floor=floor))[2]
    assert found == {"cheap": [1, 2], "dear": [2, 0], "dearest": [1, 2]}
    standing = sizes_of(problem, cheap=[1, 0], dearest=[0, 1])
    found = placed(free(problem, limit=limit, floor=floor), [0.5, 0.5], standing)[2]
    assert found == {"cheap": [1, 1], "dear": [1, 0], "dearest": [1, 2]}


def test_halves_of_a_divided_engine_cover_the_demand_each() -> None:
    """20 requests/s: 4 first halves of 5, 2 second ones of 10; 12 fit the leaf of 16 GPUs."""
    halves = [
        engine(f"half-{i}", gpus=2, capacity_rps=rps, part=Part("moe", f"half-{i}", i, None))
        for i, rps in ((0, 5.0), (1, 10.0))
    ]
    engines = [engine("prefill", role=Role.PREFILL, gpus=2), *halves]
    task = free(one([20.0], *engines, on=fleet({"l1": {"h100x8": 2}})))
    left, cost, running, _ = placed(task)
    assert (left, cost) == (0.0, pytest.approx(32.0))
    assert running == {"prefill": [2], "part0": [4], "part1": [2]}
    assert has_room(task, [0, 1, 2], none_of(task.problem), np.array([1.0]))
    (left, _), _, served = place_on_site(  # type: ignore[misc]
        task, [0, 1, 2], none_of(task.problem), np.array([1.5])
    )
    assert left == pytest.approx(0.5)
    assert served.tolist() == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("gpus", "serve", "count"), [(8, 1.0, 4), (8, 0.5, 3), (4, 1.0, 5), (4, 0.5, 4), (2, 1.0, 7)]
)
def test_a_node_more_is_kept_where_one_may_be_lost(gpus: int, serve: float, count: int) -> None:
    """Three replicas take the demand; a node of 8 GPUs holds 1, 2 or 4.

    That many more where all is to be served without it; where half is, 1.5 have to be left.
    """
    on = fleet({"l1": {"h100x8": 6}})
    problem = one([30.0, 0.0], alone(gpus=gpus), on=on, resilience=Resilience(Loss.NODE, serve))
    running = placed(free(problem))[2]["alone"]
    assert running == [count, 0]


def test_a_promise_of_nodes_holds_on_every_node_type() -> None:
    """One replica on nodes of 8 GPUs, one on nodes of 4; each may go, 10 of 20 stay."""
    shapes = [node_type(), node_type("a100x4", gpu="A100", gpus=4, usd_per_gpu_hour=5.0)]
    on = fleet({"l1": {"h100x8": 1, "a100x4": 4}}, node_types=shapes)
    engines = [alone("large", gpus=8), alone("small", gpu="A100")]
    problem = one([10.0], *engines, on=on, resilience=Resilience(Loss.NODE, 1.0))
    found = placed(free(problem))
    assert found == (0.0, pytest.approx(36.0), {"large": [1], "small": [1]}, [1.0])


def test_minima_and_the_ratio_hold_together() -> None:
    """Two prefill replicas stand by for 10 requests/s; there may be no more than decode ones."""
    rules: dict[str, Any] = {"min_replicas": {Role.PREFILL: 2}}
    assert placed(free(one([10.0], **rules)))[2] == {"prefill": [2], "decode": [1]}
    banded = one([10.0], pd_ratio=RatioBand(0.5, 1.0), **rules)
    assert placed(free(banded))[2] == {"prefill": [2], "decode": [2]}


def test_a_narrow_ratio_is_met_though_either_role_raises_the_other() -> None:
    """Of a pair 1 / 1 is too much, 1 / 2 too little, 2 / 2 too much, 2 / 3 between 0.6 and 0.7."""
    problem = one([10.0], pd_ratio=RatioBand(0.6, 0.7))
    assert placed(free(problem))[2] == {"prefill": [2], "decode": [3]}


def test_first_halves_alone_count_for_the_ratio() -> None:
    """20 requests/s: two first halves and four second ones are two decode replicas."""
    halves = [
        engine(f"half-{i}", gpus=2, capacity_rps=rps, part=Part("moe", f"half-{i}", i, None))
        for i, rps in ((0, 10.0), (1, 5.0))
    ]
    problem = one([20.0], PAIR[0], *halves, pd_ratio=RatioBand(1.0, 2.0))
    assert placed(free(problem))[2] == {"prefill": [2], "part0": [2], "part1": [4]}


@pytest.mark.parametrize("first", ["long", "short"])
def test_of_two_engines_that_do_not_fit_together_the_smaller_is_given_up(first: str) -> None:
    """One is of use for an hour, the other for the three after; each takes the only node.

    A replica that starts holds it in the hour before, when the other one still runs.
    """
    names = ["long", "short"] if first == "long" else ["short", "long"]
    engines = [alone(name, gpus=8, startup_s=3600) for name in names]
    problem = one([10.0] * 4, *engines, on=fleet({"l1": {"h100x8": 1}}))
    loads = {"long": [8.0, 1.0, 1.0, 1.0], "short": [1.0, 8.0, 8.0, 8.0]}
    pools = tuple(
        replace(pool, load=np.array([loads[pool.engine]]), most=np.ones(4, dtype=np.int64))
        for pool in problem.pools
    )
    left, _, running, served = placed(free(replace(problem, pools=pools)))
    assert running == {"long": [1, 1, 1, 1]}
    assert (left, served) == (pytest.approx(7 / 8), pytest.approx([1 / 8, 1, 1, 1]))


def test_a_pool_that_would_hold_twice_what_it_has_stays_at_its_least_size() -> None:
    """Two nodes; one replica has to go in the second hour and be back in the third.

    It loads for two hours, so in the first it would be a third one.
    """
    problem = one([20.0] * 4, alone(gpus=8, startup_s=7200), on=fleet({"l1": {"h100x8": 2}}))
    task = free(problem, limit=np.array([[2, 1, 2, 2]]))
    left, _, running, _ = placed(task)
    assert running == {"alone": [1, 1, 1, 1]}
    assert left == pytest.approx(2.0)


def test_what_ran_before_the_day_runs_on() -> None:
    """A new replica is 8 USD an hour and 8 to start; one that runs is 9 USD."""
    engines = [alone("new", drain_s=3600), alone("old", gpu="A100", gpus=3, drain_s=3600)]
    shapes = [node_type(), node_type("a100x8", gpu="A100", usd_per_gpu_hour=3.0)]
    on = fleet({"l1": {"h100x8": 1, "a100x8": 2}}, node_types=shapes)
    problem = one([20.0], *engines, on=on, cyclic=False)
    for pool in problem.pools:
        pool.run_cost[:] = pool.plain_cost
    number = {pool.engine: p for p, pool in enumerate(problem.pools)}
    running = np.zeros(2, dtype=np.int64)
    assert placed(free(replace(problem, before=running)), [0.5])[2] == {"new": [1]}
    running[number["old"]] = 1
    known = replace(problem, before=running)
    assert placed(free(known), [0.5])[2] == {"old": [1]}
    standing = sizes_of(known, old=[1])
    assert placed(free(known), [0.5], standing)[2] == {"new": [1], "old": [1]}


def test_what_ran_before_serves_what_stands_when_the_day_begins() -> None:
    """The one that ran is the one that stands in the first hour; the hour after is idle."""
    engines = [alone("new", drain_s=3600), alone("old", gpu="A100", gpus=3, drain_s=3600)]
    shapes = [node_type(), node_type("a100x8", gpu="A100", usd_per_gpu_hour=3.0)]
    on = fleet({"l1": {"h100x8": 1, "a100x8": 2}}, node_types=shapes)
    problem = one([20.0, 20.0], *engines, on=on, cyclic=False)
    for pool in problem.pools:
        pool.run_cost[:] = pool.plain_cost
    running = np.array([pool.engine == "old" for pool in problem.pools], dtype=np.int64)
    known = replace(problem, before=running)
    standing = sizes_of(known, old=[1, 0])
    assert placed(free(known), [0.5, 0.0], standing)[2] == {"new": [1, 0], "old": [1, 0]}


def test_the_end_is_that_of_the_task() -> None:
    problem = one([10.0])
    task = task_of(problem, 0, none_of(problem), np.zeros((2, 1)), stop=lambda: True)
    assert task.stop()
    assert not free(problem).stop()


def test_what_stands_there_leaves_the_rest_of_the_gpus() -> None:
    """A replica of a node stands on one of two; the second one fits the other."""
    problem = one([20.0], alone(gpus=8), on=fleet({"l1": {"h100x8": 2}}))
    assert placed(free(problem), [0.5], sizes_of(problem, alone=[1]))[2] == {"alone": [2]}


def test_a_running_replica_is_kept_beside_a_cheaper_engine_on_the_same_gpus() -> None:
    """10 USD an hour, where a new one takes 8 and 8 to start."""
    engines = [alone("new", drain_s=3600), alone("old", gpus=5, drain_s=3600)]
    problem = one([10.0], *engines, cyclic=False)
    for pool in problem.pools:
        pool.run_cost[:] = pool.plain_cost
    assert placed(free(replace(problem, before=np.array([0, 1]))))[2] == {"old": [1]}


def test_roles_that_want_the_same_gpus_serve_what_both_can() -> None:
    """32 GPUs for 80 requests/s: prefill alone would take 8 replicas, and decode finds none.

    4 pairs serve half. Halved once, and again where that fits.
    """
    problem = one([80.0])
    left, sizes = [], []
    for halvings in (0, 1, 3):
        placement = place_on_site(
            replace(free(problem), halvings=halvings), [0, 1], none_of(problem), np.ones(1)
        )
        assert placement is not None
        left.append(placement[0][0])
        sizes.append(placement[1].ravel().tolist())
    assert left == pytest.approx([1.0, 0.5, 0.5])
    assert sizes[1:] == [[4, 4], [4, 4]]


def test_a_share_between_two_halves_is_found_in_some_halvings() -> None:
    """16 of 56 GPUs beside 40 in use: 2 pairs of 10 serve 0.2; with 3 halvings 0.125 at least."""
    problem = one([100.0], on=fleet({"l1": {"h100x8": 2}}))
    task = replace(free(problem), halvings=3)
    placement = place_on_site(task, [0, 1], none_of(problem), np.ones(1))
    assert placement is not None
    assert 0.125 <= 1.0 - placement[0][0] <= 0.2 + 1e-9
