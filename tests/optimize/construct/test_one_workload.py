"""Which sites a workload is placed on, and placements that the clock or the user ends half way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Engine, Loss, Part, RatioBand, Resilience, Role
from heteroplan.optimize.construct.all_workloads import place_all
from heteroplan.optimize.construct.one_workload import place, rank_of, sites
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.improve.scarce import scarce_use, spare_scarce
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import place_beside, problem_of

L40S = node_type("l40sx8", gpu="L40S")
BOTH = engine("both", role=Role.AGGREGATED, gpus=8)


def on_three_leaves(lose: Loss | None) -> Problem:
    """30 rps are asked for; a leaf serves 10, or 20 where a node may be lost."""
    resilience = None if lose is None else Resilience(lose, 0.5)
    load = workload(rps=[30.0], engines=[BOTH], affinity=Affinity.LEAF, resilience=resilience)
    nodes = 2 if lose is Loss.NODE else 1
    leaves = {f"l{i}": {"h100x8": nodes} for i in range(3)}
    return problem_of(scenario([load], in_fleet=fleet(leaves)))


def placed(problem: Problem, asked: int) -> int:
    """Replicas where it is ended after it has asked so many times whether to go on."""
    replicas = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    answers = iter([False] * asked)
    place_beside(problem, 0, replicas, np.zeros(replicas.shape), stop=lambda: next(answers, True))
    return int(replicas.sum())


@pytest.mark.parametrize("lose", [None, *Loss])
def test_a_placement_grows_leaf_by_leaf_until_it_is_ended(lose: Loss | None) -> None:
    problem = on_three_leaves(lose)
    sizes = [placed(problem, asked) for asked in range(9)]
    assert sizes == sorted(sizes)
    leafwise = [0, 2, 4] if lose is Loss.NODE else [0, 1, 2, 3]
    assert sorted(set(sizes)) == leafwise


def test_minima_are_kept_where_the_promise_lets_nothing_be_served() -> None:
    """One leaf, whose loss takes all: decode stands by, and the ratio asks for prefill."""
    load = workload(
        min_replicas={Role.DECODE: 1},
        pd_ratio=RatioBand(0.5, 2.0),
        resilience=Resilience(Loss.LEAF, 0.5),
    )
    problem = problem_of(scenario([load]))
    plan = place_all(problem, np.zeros((len(problem.supplies), 1)), [0])
    assert plan.solution.replicas.tolist() == [[1], [1]]
    assert plan.broken == 0.0
    assert sum(plan.unserved.values()) == pytest.approx(36_000.0)


def test_once_ended_no_move_off_scarce_hardware_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each is a placement, which may take seconds."""
    nodes = {"mixed": {"h100x8": 1, "l40sx8": 1}, "plain": {"h100x8": 1, "l40sx8": 0}}
    on = fleet(nodes, node_types=(node_type(), L40S))
    load = workload(engines=[BOTH], pin=["mixed-spine"])
    problem = problem_of(scenario([load], in_fleet=on))
    plan = place_all(problem, np.zeros((len(problem.supplies), 1)), [0])
    assert any(scarce_use(problem, plan.solution.replicas))
    looked: list[bool] = []

    def replaced(*given: object, **named: object) -> None:
        looked.append(True)

    monkeypatch.setattr("heteroplan.optimize.improve.scarce.replaced", replaced)
    assert spare_scarce(problem, plan, lambda: True) is plan
    assert not looked


def below_one_spine(*leaves: str) -> dict[str, str]:
    return dict.fromkeys(leaves, "s")


def names_of(problem: Problem) -> list[tuple[str, list[str]]]:
    """Group and engine@domain of the pools of each site."""
    found = []
    for site in sites(problem, 0):
        pools = [problem.pools[p] for p in site]
        found.append((pools[0].group, [f"{pool.engine}@{pool.domain}" for pool in pools]))
    return found


def test_a_group_whose_pools_stand_in_it_is_one_site() -> None:
    engines = [engine("p", role=Role.PREFILL), engine("d"), BOTH]
    on = fleet({leaf: {"h100x8": 2} for leaf in ("l2", "l1")})
    problem = problem_of(scenario([workload(engines=engines)], in_fleet=on))
    assert names_of(problem) == [
        (spine, [f"{name}@{spine}" for name in ("p", "d", "both")])
        for spine in ("l2-spine", "l1-spine")
    ]


def test_where_leaves_may_be_lost_each_choice_of_leaves_is_a_site() -> None:
    """Those with both roles on one leaf first, aggregated engines on their own last."""
    engines = [engine("p", role=Role.PREFILL), engine("d"), engine("e"), BOTH]
    on = fleet({leaf: {"h100x8": 2} for leaf in ("l1", "l2")}, spines=below_one_spine("l1", "l2"))
    load = workload(engines=engines, resilience=Resilience(Loss.LEAF, 0.5))
    assert names_of(problem_of(scenario([load], in_fleet=on))) == [
        ("s", ["p@l1", "d@l1", "e@l1"]),
        ("s", ["p@l2", "d@l2", "e@l2"]),
        ("s", ["p@l1", "d@l2", "e@l2"]),
        ("s", ["p@l2", "d@l1", "e@l1"]),
        ("s", ["both@l1"]),
        ("s", ["both@l2"]),
    ]


def test_a_divided_engine_is_a_site_on_each_leaf_and_the_others_are_one() -> None:
    halves = [
        engine(f"{moe}{i}", gpus=2, part=Part(moe, f"{moe}{i}", i, None))
        for moe in ("one", "two")
        for i in (0, 1)
    ]
    engines = [engine("p", role=Role.PREFILL), engine("d"), engine("e"), *halves]
    on = fleet({leaf: {"h100x8": 2} for leaf in ("l1", "l2")}, spines=below_one_spine("l1", "l2"))
    found = names_of(problem_of(scenario([workload(engines=engines)], in_fleet=on)))
    assert sorted(found) == sorted(
        [
            ("s", ["p@s", "d@s", "e@s"]),
            *(
                ("s", ["p@s", f"{moe}@{leaf}", f"{moe}@{leaf}"])
                for moe in ("one", "two")
                for leaf in ("l1", "l2")
            ),
        ]
    )


def test_of_many_choices_of_leaves_64_are_looked_at_and_aggregated_engines_all() -> None:
    leaves = [f"l{i}" for i in range(9)]
    on = fleet({leaf: {"h100x8": 1} for leaf in leaves}, spines=below_one_spine(*leaves))
    engines = [engine("p", role=Role.PREFILL), engine("d"), BOTH]
    load = workload(engines=engines, resilience=Resilience(Loss.LEAF, 0.5))
    found = names_of(problem_of(scenario([load], in_fleet=on)))
    assert len(found) == 64 + 9
    assert found[:9] == [("s", [f"p@{leaf}", f"d@{leaf}"]) for leaf in leaves]
    assert found[64:] == [("s", [f"both@{leaf}"]) for leaf in leaves]


def on_leaves(
    nodes: Mapping[str, int],
    rps: Sequence[float],
    engines: Sequence[Engine] = (BOTH,),
    spines: Mapping[str, str] | None = None,
    *,
    cyclic: bool = True,
    **rules: Any,
) -> Problem:
    """A workload that keeps to a leaf; replicas of a node, 16 USD, serve 10 requests/s."""
    load = workload(rps=rps, engines=engines, **({"affinity": Affinity.LEAF} | rules))
    on = fleet({leaf: {"h100x8": count} for leaf, count in nodes.items()}, spines=spines)
    return problem_of(scenario([load], in_fleet=on, cyclic=cyclic))


def by_domain(problem: Problem, replicas: Ints) -> dict[str, list[int]]:
    """Replicas of the first workload by domain, where there are any."""
    return {
        problem.pools[p].domain: replicas[p].tolist()
        for p in problem.workloads[0].pools
        if replicas[p].any()
    }


def settled(problem: Problem, replicas: Ints | None = None, **given: Any) -> dict[str, list[int]]:
    """Where the first workload is placed."""
    trial = none_of(problem) if replicas is None else replicas.copy()
    others = [p for p in range(len(problem.pools)) if p not in problem.workloads[0].pools]
    before = trial[others].copy()
    given = {"held_price": np.zeros(trial.shape)} | given
    place_beside(problem, 0, trial, **given)
    assert trial[others].tolist() == before.tolist()
    return by_domain(problem, trial)


def none_of(problem: Problem) -> Ints:
    return np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)


def test_a_home_is_where_all_fits_and_what_does_not_goes_on() -> None:
    """20 requests/s need two nodes, 50 five: the leaf with three, then the one with two.

    Where either would do, the GPUs of two nodes are priced lower.
    """
    nodes = {"l1": 1, "l2": 2, "l3": 3}
    problem = on_leaves(nodes, [20.0, 0.0])
    held_price = np.array([[0.0], [1.0], [2.0]]) + np.zeros((3, 2))
    assert settled(problem, held_price=held_price) == {"l2": [2, 0]}
    assert settled(on_leaves(nodes, [50.0, 10.0])) == {"l3": [3, 1], "l2": [2, 0]}
    assert settled(on_leaves(nodes, [60.0, 10.0])) == {"l3": [3, 1], "l2": [2, 0], "l1": [1, 0]}


def test_no_more_groups_are_used_than_may_be() -> None:
    assert settled(on_leaves({"l1": 1, "l2": 2, "l3": 1}, [50.0], max_groups=1)) == {"l2": [2]}
    assert len(settled(on_leaves({"l1": 1, "l2": 2, "l3": 1}, [50.0], max_groups=2))) == 2


def test_groups_of_others_are_kept_off() -> None:
    """Workload b stands on the first leaf, and the two keep apart."""
    loads = [
        workload("a", engines=[BOTH], affinity=Affinity.LEAF, anti_affinity=["b"]),
        workload("b", engines=[engine("b", role=Role.AGGREGATED)], affinity=Affinity.LEAF),
    ]
    on = fleet({leaf: {"h100x8": 3} for leaf in ("l1", "l2")})
    problem = problem_of(scenario(loads, in_fleet=on))
    stands = np.array([[int((p.engine, p.domain) == ("b", "l1"))] for p in problem.pools])
    assert settled(problem) == {"l1": [1]}
    assert settled(problem, stands) == {"l2": [1]}


def test_a_minimum_is_spread_where_no_site_holds_it() -> None:
    """5 replicas of 3 + 3 nodes stand by, though nothing is asked for."""
    rules: dict[str, Any] = {"min_replicas": {Role.AGGREGATED: 5}}
    found = settled(on_leaves({"l1": 3, "l2": 3}, [0.0], **rules))
    assert sorted(each[0] for each in found.values()) == [2, 3]


def shares(**parts: float) -> dict[str, Floats]:
    return {leaf: np.array([part]) for leaf, part in parts.items()}


@pytest.mark.parametrize(
    ("nodes", "parts", "found"),
    [
        ((4, 4, 4), {"l1": 0.25, "l2": 0.5, "l3": 0.25}, {"l1": [1], "l2": [2], "l3": [1]}),
        ((4, 4, 4), {"l1": 0.25, "l2": 0.25}, {"l1": [1], "l2": [1], "l3": [2]}),
        ((2, 4, 4), {"l1": 0.75, "l2": 0.25}, {"l1": [2], "l2": [1], "l3": [1]}),
        ((4, 4, 4), {"l3": 1.0}, {"l3": [4]}),
    ],
)
def test_each_group_serves_its_part_and_the_last_one_the_rest(
    nodes: tuple[int, ...], parts: dict[str, float], found: dict[str, list[int]]
) -> None:
    """Four nodes' worth of demand on three leaves."""
    leaves = dict(zip(("l1", "l2", "l3"), nodes, strict=True))
    given = shares(**parts)
    assert settled(on_leaves(leaves, [40.0]), parts=given) == found
    assert {leaf: part.tolist() for leaf, part in given.items()} == {
        leaf: [part] for leaf, part in parts.items()
    }


def alike() -> Problem:
    """20 requests/s; two leaves with room for them."""
    return on_leaves({"l1": 2, "l2": 2}, [20.0])


def test_of_leaves_alike_the_first_is_home() -> None:
    assert settled(alike()) == {"l1": [2]}


def outage_on_l1() -> dict[str, Any]:
    problem = alike()
    problem.supplies[0].gpus[:] = 8
    return {"problem": problem}


def narrow_l1() -> dict[str, Any]:
    problem = alike()
    first, second = problem.pools
    return {"problem": replace(problem, pools=(replace(first, most=np.array([1])), second))}


def slow_l1() -> dict[str, Any]:
    """Another engine of the same size, on another GPU."""
    engines = [engine("slow", role=Role.AGGREGATED, gpu="A100", gpus=8, capacity_rps=5.0), BOTH]
    shapes = [node_type(), node_type("a100x8", gpu="A100")]
    on = fleet(
        {"l1": {"h100x8": 0, "a100x8": 2}, "l2": {"h100x8": 2, "a100x8": 0}}, node_types=shapes
    )
    load = workload(rps=[20.0], engines=engines, affinity=Affinity.LEAF)
    return {"problem": problem_of(scenario([load], in_fleet=on))}


def running_on_l2() -> dict[str, Any]:
    slow = engine("both", role=Role.AGGREGATED, gpus=8, startup_s=3600)
    problem = on_leaves({"l1": 2, "l2": 2}, [20.0], [slow], cyclic=False)
    return {"problem": replace(problem, before=np.array([0, 2]))}


def taken_on_l1() -> dict[str, Any]:
    loads = [
        workload(
            name,
            rps=[20.0],
            engines=[engine(name, role=Role.AGGREGATED, gpus=8)],
            affinity=Affinity.LEAF,
        )
        for name in ("a", "b")
    ]
    on = fleet({leaf: {"h100x8": 2} for leaf in ("l1", "l2")})
    problem = problem_of(scenario(loads, in_fleet=on))
    taken = [[int((pool.engine, pool.domain) == ("b", "l1"))] for pool in problem.pools]
    return {"problem": problem, "replicas": np.array(taken)}


@pytest.mark.parametrize(
    "given",
    [
        {"held_price": np.array([[1.0], [0.0]])},
        {"limit": np.array([[1], [2]])},
        {"floor": np.array([[2], [0]]), "rps": 10.0},
        outage_on_l1(),
        narrow_l1(),
        slow_l1(),
        running_on_l2(),
        taken_on_l1(),
    ],
    ids=["price", "limit", "floor", "supply", "most", "engine", "running", "taken"],
)
def test_of_leaves_that_differ_in_one_thing_the_better_is_home(given: dict[str, Any]) -> None:
    """The second: on the first, GPUs are dearer or fewer, or more replicas are asked for."""
    rps = given.pop("rps", 20.0)
    problem = given.pop("problem", None) or on_leaves({"l1": 2, "l2": 2}, [rps])
    assert settled(problem, **given) == {"l2": [int(rps / 10)]}


def test_a_task_says_where_its_workload_may_stand() -> None:
    problem = alike()
    replicas = none_of(problem)
    task = task_of(problem, 0, replicas, np.zeros(replicas.shape))
    replicas = place(replace(task, limit=np.array([[0], [1]])), replicas)
    assert by_domain(problem, replicas) == {"l2": [1]}


def cheap_nodes(
    rps: Sequence[float], *, max_groups: int | None = None, plain: bool = False
) -> tuple[Problem, Ints]:
    """Leaves l1, l2 with two nodes at 1 USD a GPU each, one of which b has, and dear ones beside.

    Those are 4 USD a GPU on l1, 3 on l2; replicas of a node serve 10 requests/s. Unless it is
    `plain`, workload a has a maximum of replicas that it does not reach.
    """
    prices = {"cheap": 1.0, "dear": 4.0, "less": 3.0}
    shapes = [node_type(name, gpu=name, usd_per_gpu_hour=usd) for name, usd in prices.items()]
    engines = [engine(name, role=Role.AGGREGATED, gpu=name, gpus=8) for name in prices]
    loads = [
        workload(
            "a",
            rps=rps,
            engines=engines,
            affinity=Affinity.LEAF,
            max_groups=max_groups,
            max_replicas=None if plain else {Role.AGGREGATED: 99},
        ),
        workload(
            "b",
            rps=[20.0] * len(rps),
            engines=[engine("b", role=Role.AGGREGATED, gpu="cheap", gpus=8)],
            affinity=Affinity.LEAF,
        ),
    ]
    on = fleet(
        {"l1": {"cheap": 2, "dear": 4, "less": 0}, "l2": {"cheap": 2, "dear": 0, "less": 4}},
        node_types=shapes,
    )
    problem = problem_of(scenario(loads, in_fleet=on))
    return problem, np.array([[int(pool.engine == "b")] * len(rps) for pool in problem.pools])


def engines_of(problem: Problem, replicas: Ints, **given: Any) -> dict[tuple[str, str], list[int]]:
    trial = replicas.copy()
    place_beside(problem, 0, trial, np.zeros(trial.shape), **given)
    return {
        (problem.pools[p].engine, problem.pools[p].domain): trial[p].tolist()
        for p in problem.workloads[0].pools
        if trial[p].any()
    }


def test_cheap_engines_of_all_groups_are_used_before_dear_ones_of_the_home() -> None:
    """A node of each leaf for 8 USD, where both of one would cost 8 + 24.

    Not where sweeps divide groups anew: of workloads that are plain (`is_plain`).
    """
    problem, others = cheap_nodes([20.0])
    spread = {("cheap", "l1"): [1], ("cheap", "l2"): [1]}
    at_home = {("cheap", "l2"): [1], ("less", "l2"): [1]}
    assert engines_of(problem, others) == spread
    assert engines_of(*cheap_nodes([20.0], plain=True)) == at_home
    with_an_idle_hour = {key: [1, 0] for key in spread}
    assert engines_of(*cheap_nodes([20.0, 0.0])) == with_an_idle_hour
    bound, others = cheap_nodes([20.0], max_groups=1)
    assert engines_of(bound, others) == at_home


@pytest.mark.parametrize("rps", [[40.0, 40.0], [40.0, 20.0], [50.0, 20.0]])
def test_what_cheap_engines_leave_goes_where_it_costs_least(rps: list[float]) -> None:
    """The group whose dear nodes cost less takes it on."""
    problem, others = cheap_nodes(rps)
    assert engines_of(problem, others) == {
        ("cheap", "l1"): [1, 1],
        ("cheap", "l2"): [1, 1],
        ("less", "l2"): [int(each / 10) - 2 for each in rps],
    }


@pytest.mark.parametrize(
    ("spines", "rps", "serve", "nodes"),
    [
        (4, 30.0, 1.0, [1, 1, 1, 1]),
        (3, 30.0, 1.0, [1, 2, 2]),
        (4, 50.0, 1.0, [1, 2, 2, 2]),
        (2, 30.0, 1.0, [3, 3]),
        (2, 25.0, 0.4, [1, 2]),
        (3, 30.0, 0.5, [1, 1, 1]),
        (8, 70.0, 1.0, [1] * 8),
    ],
)
def test_a_workload_is_spread_so_that_a_loss_leaves_what_is_promised(
    spines: int, rps: float, serve: float, nodes: list[int]
) -> None:
    """The fewest nodes that do, 10 requests/s each."""
    leaves = {f"l{i}": 4 for i in range(spines)}
    resilience = Resilience(Loss.SPINE, serve)
    found = settled(on_leaves(leaves, [rps], affinity=Affinity.CLUSTER, resilience=resilience))
    assert sorted(each[0] for each in found.values()) == nodes


def test_two_more_domains_are_used_where_those_planned_are_too_small() -> None:
    """Ten of eleven leaves of a node each for 110 requests/s; eight are planned for at most."""
    resilience = Resilience(Loss.SPINE, 0.5)
    leaves = {f"l{i}": 1 for i in range(11)}
    assert len(settled(on_leaves(leaves, [110.0], resilience=resilience))) == 10


@pytest.mark.parametrize(
    ("spines", "found"),
    [
        ({"l1": "s1", "l2": "s1", "l3": "s2"}, {"l1": [2], "l3": [2]}),
        (
            {"l1": "s1", "l2": "s1", "l3": "s2", "l4": "s3"},
            {"l1": [1], "l3": [1], "l4": [1]},
        ),
    ],
)
def test_parts_do_not_share_what_is_lost(
    spines: dict[str, str], found: dict[str, list[int]]
) -> None:
    """Two leaves below s1 and one below each other spine, where GPUs are priced higher.

    Two nodes on either of two spines, or one on each of three: a lost one leaves 20 requests/s.
    """
    resilience = Resilience(Loss.SPINE, 1.0)
    problem = on_leaves(dict.fromkeys(spines, 4), [20.0], spines=spines, resilience=resilience)
    prices = {"l1": 0.0, "l2": 0.5, "l3": 1.0, "l4": 2.0}
    held_price = np.array([[prices[pool.domain]] for pool in problem.pools])
    assert settled(problem, held_price=held_price) == found


def test_the_rank_is_what_the_promise_leaves_unserved_and_the_cost() -> None:
    """20 requests/s in the first and third hour: 2 and 1 nodes, 1 and 0; the loss of 2 leaves 1.

    Of what is promised, half, one node is all: 20 are served. A node alone may serve nothing.
    """
    resilience = Resilience(Loss.SPINE, 0.5)
    problem = on_leaves({"l1": 4, "l2": 4}, [20.0, 0.0, 20.0], resilience=resilience)
    held_price = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    task = task_of(problem, 0, none_of(problem), held_price)
    trial = np.array([[2, 1, 1], [1, 1, 0]])
    assert rank_of(task, trial) == (1.0, pytest.approx(6 * 16.0 + 2 + 2 + 4))
    assert rank_of(task, np.array([[2, 0, 1], [1, 0, 1]])) == (0.0, pytest.approx(5 * 16.0 + 6))
    short = np.array([[1, 0, 1], [0, 0, 0]])
    assert rank_of(task, short)[0] == 2.0
    free = on_leaves({"l1": 4, "l2": 4}, [20.0, 0.0, 20.0])
    assert rank_of(task_of(free, 0, none_of(free), held_price), short)[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("serve", "nodes"), [(1.0, 4), (0.7, 4), (0.6, 3), (0.5, 3)])
def test_a_node_beyond_the_demand_is_kept_where_one_may_be_lost(serve: float, nodes: int) -> None:
    """30 requests/s take three nodes; two of them serve 20, two thirds of it."""
    problem = on_leaves({"l1": 6, "l2": 6}, [30.0], resilience=Resilience(Loss.NODE, serve))
    assert sorted(settled(problem).values()) == [[nodes]]


@pytest.mark.parametrize(("rps", "counts"), [((5.0, 10.0), [3, 5, 3]), ((10.0, 5.0), [3, 3, 5])])
def test_halves_have_so_much_more_that_a_lost_one_may_take_its_partner(
    rps: tuple[float, float], counts: list[int]
) -> None:
    """20 requests/s; without a node, which holds one replica, 14 are served.

    Four of 5 and three of 10 would do if only one of both halves were lost: 15 or 20 are left.
    """
    halves = [
        engine(f"half{i}", gpus=8, capacity_rps=each, part=Part("moe", f"half{i}", i, None))
        for i, each in enumerate(rps)
    ]
    engines = [engine("prefill", role=Role.PREFILL, gpus=8), *halves]
    load = workload(rps=[20.0], engines=engines, resilience=Resilience(Loss.NODE, 0.7))
    problem = problem_of(scenario([load], in_fleet=fleet({"l1": {"h100x8": 30}})))
    replicas = none_of(problem)
    place_beside(problem, 0, replicas, np.zeros(replicas.shape))
    assert replicas[:, 0].tolist() == counts
    assert (
        rank_of(task_of(problem, 0, none_of(problem), np.zeros(replicas.shape)), replicas)[0] == 0.0
    )


def test_sites_of_one_group_serve_its_part_together() -> None:
    """Halves on either of two leaves would do for what the first spine is to serve, half."""
    halves = [engine(f"half{i}", part=Part("moe", f"half{i}", i, None)) for i in (0, 1)]
    load = workload(rps=[40.0], engines=[engine("prefill", role=Role.PREFILL), *halves])
    leaves = {"l1": "s1", "l2": "s1", "l3": "s2"}
    on = fleet({leaf: {"h100x8": 8} for leaf in leaves}, spines=leaves)
    problem = problem_of(scenario([load], in_fleet=on))
    given = shares(s1=0.5, s2=0.5)
    replicas = none_of(problem)
    place_beside(problem, 0, replicas, np.zeros(replicas.shape), parts=given)
    for group, pools in problem.groups(0).items():
        prefill = [p for p in pools if problem.pools[p].role is Role.PREFILL]
        assert int(replicas[prefill].sum()) == 2, group
        assert replicas[pools].sum() == 6


def test_capacity_for_a_lost_node_grows_until_half_the_demand_survives_it() -> None:
    """Each round adds to the capacity of those before it; the fourth is enough here."""
    engines = [
        engine("prefill-h", role=Role.PREFILL, gpu="H100", gpus=2, capacity_rps=5.0),
        engine("prefill-l", role=Role.PREFILL, gpu="L40S", gpus=8, capacity_rps=10.0),
        engine("decode-h", role=Role.DECODE, gpu="H100", gpus=2, capacity_rps=10.0),
        engine("decode-l", role=Role.DECODE, gpu="L40S", gpus=2, capacity_rps=14.0),
        engine("both-h", role=Role.AGGREGATED, gpu="H100", gpus=1, capacity_rps=10.0),
        engine("both-l", role=Role.AGGREGATED, gpu="L40S", gpus=1, capacity_rps=10.0),
    ]
    load = workload(
        rps=[10.0],
        engines=engines,
        min_replicas={Role.DECODE: 2, Role.AGGREGATED: 3},
        resilience=Resilience(Loss.NODE, 0.5),
    )
    shapes = (node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=1.0))
    on = fleet({"l1": {"h100x8": 1, "l40sx8": 4}}, node_types=shapes)
    problem = problem_of(scenario([load], in_fleet=on))
    replicas = none_of(problem)
    place_beside(problem, 0, replicas)
    task = task_of(problem, 0, none_of(problem), np.zeros(replicas.shape))
    assert rank_of(task, replicas)[0] == 0.0
