"""Pieces that grow and go, with the GPUs left: by hand, and against a count from the stays."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from heteroplan.entities.workload import Loss, RatioBand, Resilience
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.program.supply import Places
from heteroplan.placement import Packing, Unplaced
from heteroplan.placement.nodes import nodes_of
from heteroplan.placement.substitution.free_capacity import FreeCapacity
from heteroplan.verify.placement import placement_faults
from tests.builders import SHAPE, candidates, fleet, node_type, scenario, workload
from tests.placement.cases import Case, Sizes, case
from tests.placement.substitution.test_substitute import B, lone, sized, two_engines
from tests.plans import stay

ONE, TWO = "l1-h100x8-001", "l1-h100x8-002"


def rooms_of(of: Case, packing: Packing | None = None) -> FreeCapacity:
    packing = packing or of.packed()
    return FreeCapacity.of(of.scenario, of.candidates, of.problem, of.replicas, packing)


def alone(
    sizes: list[int],
    *stays: tuple[str, int, int],
    nodes: int = 2,
    startup_s: float = 0.0,
    cyclic: bool = True,
    gpus: int = 8,
) -> FreeCapacity:
    """One pool on so many nodes of a leaf, with stays (node, first, intervals)."""
    of = case(
        Sizes({"s": sizes}, startup_s=startup_s, gpus=gpus),
        on=fleet({"l1": {"h100x8": nodes}}, spines={"l1": "s"}),
        cyclic=cyclic,
    )
    lead = int(startup_s // 3600)
    placed = tuple(
        stay(
            f"r{i}",
            leaf="l1",
            nodes=(node,),
            first=first,
            intervals=intervals,
            lead=lead if cyclic else min(lead, first),
        )
        for i, (node, first, intervals) in enumerate(stays)
    )
    return rooms_of(of, Packing(placed, ()))


def told(free_capacity: FreeCapacity) -> list[tuple[str, int, int, int, bool]]:
    """(node, first, intervals, lead, whether it moved) of each stay."""
    return sorted(
        (each.nodes[0], each.first, each.intervals, each.lead, each.moved)
        for each in free_capacity.packed().stays
    )


def free(free_capacity: FreeCapacity) -> list[list[int]]:
    found: list[list[int]] = free_capacity.nodes["h100x8"].free.T.tolist()
    return found


def test_what_stands_takes_its_gpus_and_what_found_no_room_is_not_there() -> None:
    of = case(
        Sizes({"s": [0, 2, 1, 0]}, startup_s=3600.0),
        on=fleet({"l1": {"h100x8": 2}}, spines={"l1": "s"}),
    )
    there = stay("r", leaf="l1", nodes=(TWO,), first=1, intervals=2, lead=1)
    free_capacity = rooms_of(of, Packing((there,), (Unplaced(0, 1, 1),)))
    assert free_capacity.replicas.tolist() == [[0, 1, 1, 0]]
    assert of.replicas.tolist() == [[0, 2, 1, 0]]
    assert free(free_capacity) == [[8, 8, 8, 8], [0, 0, 0, 8]]
    assert told(free_capacity) == [(TWO, 1, 2, 1, False)]


def test_a_copy_goes_on_on_its_own() -> None:
    free_capacity = alone([0, 1, 1, 0, 0, 0], (ONE, 1, 2))
    before = (
        told(free_capacity),
        free(free_capacity),
        free_capacity.replicas.tolist(),
        free_capacity.of_pool.copy(),
    )
    for change in ("more", "less", "anew"):
        copy = free_capacity.copy()
        if change == "less":
            copy.make(next(iter(copy.cuts(0, [1]))))
        else:
            assert copy.serve_more(0, 3 if change == "more" else 4)
        assert told(copy) != before[0]
        after = free_capacity.replicas.tolist(), free_capacity.of_pool
        assert (told(free_capacity), free(free_capacity), *after) == before


@pytest.mark.parametrize("cyclic", [True, False])
def test_more_would_help_where_less_is_missing_then(cyclic: bool) -> None:
    """As counted with the sizes changed; what asks leaves all as it is."""
    helped = set[bool]()
    for seed in range(60):
        random = Random(seed)
        of = two_engines(random, cyclic=cyclic)
        free_capacity = rooms_of(of)
        mine = [p for p, pool in enumerate(of.problem.pools) if pool.workload == 0]
        pool, t = random.choice(mine), random.randrange(of.problem.intervals)
        fewer = [p for p in mine if p != pool and free_capacity.replicas[p, t]][:1]
        before, missing = free_capacity.replicas.copy(), free_capacity.missing(0, t)
        helps = free_capacity.would_help(pool, t, fewer)
        assert (free_capacity.replicas == before).all()
        assert free_capacity.missing(0, t) == missing
        changed = rooms_of(of)
        changed.replicas[pool, t] += 1
        changed.replicas[fewer, t] -= 1
        assert helps == (changed.missing(0, t) < missing - 1e-9)
        helped.add(helps)
    assert helped == {True, False}


@pytest.mark.parametrize("startup_s", [0.0, 3600.0])
def test_one_that_stops_serves_on(startup_s: float) -> None:
    free_capacity = alone([0, 1, 1, 0, 0, 0, 0], (TWO, 1, 2), startup_s=startup_s)
    assert free_capacity.serve_more(0, 3)
    assert told(free_capacity) == [(TWO, 1, 3, int(startup_s > 0), False)]
    assert free_capacity.replicas.tolist() == [[0, 1, 1, 1, 0, 0, 0]]
    assert free(free_capacity)[1] == [8 * (not startup_s), 0, 0, 0, 8, 8, 8]


@pytest.mark.parametrize(
    ("cyclic", "first", "lead", "held"),
    [
        (True, 3, 1, [2, 3, 4, 5]),
        (True, 1, 1, [0, 1, 2, 3]),
        (True, 0, 1, [6, 0, 1, 2]),
        (False, 0, 0, [0, 1, 2]),
        (False, 1, 1, [0, 1, 2, 3]),
    ],
)
def test_one_that_starts_does_so_earlier(
    cyclic: bool, first: int, lead: int, held: list[int]
) -> None:
    """A start takes an hour, but not before a day that is not cyclic."""
    sizes = [int(first < t <= first + 2) for t in range(7)]
    free_capacity = alone(sizes, (TWO, first + 1, 2), startup_s=3600.0, cyclic=cyclic)
    assert free_capacity.serve_more(0, first)
    assert told(free_capacity) == [(TWO, first, 3, lead, False)]
    assert free(free_capacity)[1] == [0 if t in held else 8 for t in range(7)]


def test_where_one_that_stops_has_no_room_one_that_starts_does_so_earlier() -> None:
    """At 2 the next replica on the first node starts already; on both it serves at 3."""
    stays = ((ONE, 1, 1), (ONE, 3, 1), (TWO, 3, 2))
    free_capacity = alone([0, 1, 0, 2, 1, 0, 0], *stays, startup_s=3600.0)
    assert free_capacity.serve_more(0, 2)
    assert (TWO, 2, 3) in [each[:3] for each in told(free_capacity)]
    assert free_capacity.replicas.tolist() == [[0, 1, 1, 2, 1, 0, 0]]


def test_who_has_no_room_to_serve_on_goes_on_elsewhere() -> None:
    """On the first node of two stands another at 3: the replica moves."""
    of = case(
        Sizes({"s": [0, 1, 1, 0, 0, 0]}),
        Sizes({"s": [0, 0, 0, 1, 0, 0]}),
        on=fleet({"l1": {"h100x8": 2}}, spines={"l1": "s"}),
    )
    stays = (
        stay("r", leaf="l1", nodes=(ONE,), first=1, intervals=2),
        stay("q", pool=1, leaf="l1", nodes=(ONE,), first=3),
    )
    free_capacity = rooms_of(of, Packing(stays, ()))
    assert free_capacity.serve_more(0, 3)
    assert told(free_capacity) == [
        (ONE, 1, 2, 0, False),
        (ONE, 3, 1, 0, False),
        (TWO, 3, 1, 0, True),
    ]
    assert len({each.replica_id for each in free_capacity.packed().stays if each.pool == 0}) == 1


def test_between_two_the_first_serves_on_and_goes_on_as_the_second() -> None:
    free_capacity = alone([0, 1, 0, 1, 1, 0, 0], (ONE, 1, 1), (TWO, 3, 2))
    assert free_capacity.serve_more(0, 2)
    assert told(free_capacity) == [(ONE, 1, 2, 0, False), (TWO, 3, 2, 0, True)]
    assert len({each.replica_id for each in free_capacity.packed().stays}) == 1


@pytest.mark.parametrize(("day", "moved"), [(5, False), (4, True)])
def test_who_goes_on_for_all_of_a_day_only_moves(day: int, moved: bool) -> None:
    """One serves at 0 and 1, one at 3: with 2 in between that is a day of four without a start."""
    sizes = [1, 1, 0, 1, 0][:day]
    free_capacity = alone(sizes, (ONE, 0, 2), (TWO, 3, 1))
    assert free_capacity.serve_more(0, 2)
    assert told(free_capacity) == [(ONE, 0, 3, 0, moved), (TWO, 3, 1, 0, True)]


def test_who_serves_in_the_last_interval_of_a_day_as_well_never_stops() -> None:
    free_capacity = alone([1, 1, 0, 1], (ONE, 3, 3), nodes=1)
    assert free_capacity.serve_more(0, 2)
    assert [(each[0], each[2], each[4]) for each in told(free_capacity)] == [(ONE, 4, False)]
    assert free(free_capacity)[0] == [0, 0, 0, 0]


def test_one_starts_where_no_other_stops_or_starts() -> None:
    """On the node that is tighter; none where no node has room."""
    free_capacity = alone([0, 1, 1, 0, 0, 0, 0], (ONE, 1, 2), gpus=4, nodes=2)
    assert free_capacity.serve_more(0, 5)
    assert told(free_capacity) == [(ONE, 1, 2, 0, False), (ONE, 5, 1, 0, False)]
    full = alone([1, 1, 1], (ONE, 0, 3), nodes=1)
    assert not full.serve_more(0, 1)
    assert full.replicas.tolist() == [[1, 1, 1]]


def test_what_is_missing_is_the_share_of_the_demand_that_nobody_serves() -> None:
    """Of 30 requests/s one serves 10; a second one and a third serve the rest, a fourth nothing.

    Nobody is missed where nothing is asked for.
    """
    of = scenario(
        [workload("w", rps=[30.0, 0.0], engines=[lone("e", gpu="H100", gpus=2)])],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
    )
    free_capacity = rooms_of(sized(of, {("w", "e"): [1, 1]}))
    assert free_capacity.missing(0, 0) == pytest.approx(2 / 3)
    assert free_capacity.missing(0, 1) == 0.0
    for count, missing in ((2, 1 / 3), (3, 0.0), (4, 0.0)):
        assert free_capacity.serve_more(0, 0)
        assert free_capacity.missing(0, 0) == pytest.approx(missing)
        assert free_capacity.replicas[0].tolist() == [count, 1]


def test_where_classes_are_served_apart_what_is_gone_is_missing() -> None:
    """A replica of `a` serves 10 short requests/s or 1 long one, `b` the other way round.

    Of 20 of each class two and two replicas serve all apart; in the mix each serves a 22nd.
    """
    kinds = [replace(SHAPE, name=name, share=0.5) for name in ("short", "long")]
    engines = [lone(name, gpu=name) for name in "ab"]
    types = [node_type(name, gpu=name) for name in "ab"]
    made = scenario(
        [workload("w", rps=[40.0], engines=engines, classes=kinds)],
        in_fleet=fleet({"l1": {"a": 2, "b": 2}}, node_types=types),
    )
    rates = {("a", "short"): 10.0, ("a", "long"): 1.0, ("b", "short"): 1.0, ("b", "long"): 10.0}
    considered = candidates(made, by_class=rates)
    problem = build_problem(made, considered)
    of = Case(made, considered, problem, np.array([[2], [2]]))
    packed = of.packed()
    assert rooms_of(of, packed).missing(0, 0) == 0.0
    kept = tuple(each for each in packed.stays if each.pool == 0)
    gone = tuple(Unplaced(1, 0, 1) for each in packed.stays if each.pool == 1)
    for lost in (gone[:1], gone):
        stays = kept + tuple(each for each in packed.stays if each.pool == 1)[len(lost) :]
        free_capacity = rooms_of(of, Packing(stays, lost))
        assert free_capacity.missing(0, 0) == pytest.approx(len(lost) / 22)
    assert free_capacity.serve_more(1, 0)
    assert free_capacity.missing(0, 0) == pytest.approx(1 / 22)


def test_what_a_promise_does_not_let_serve_is_missing_too() -> None:
    """With any node lost all is to be served: of one on each of two nodes both are needed."""
    load = workload(
        "w",
        rps=[10.0],
        engines=[lone("e", gpu="H100")],
        resilience=Resilience(Loss.NODE, 1.0),
    )
    of = sized(scenario([load], in_fleet=fleet({"l1": {"h100x8": 2}})), {("w", "e"): [2]})
    free_capacity = rooms_of(of)
    assert free_capacity.missing(0, 0) == 0.0
    one = rooms_of(replace(of, replicas=np.array([[1]])))
    assert one.missing(0, 0) == pytest.approx(1.0)


def cut_told(
    free_capacity: FreeCapacity, number: int, *times: int
) -> list[tuple[list[tuple[int, int]], tuple[int, ...]]]:
    """((first, intervals) that are kept, intervals lost) of each way to cut a stay."""
    return [
        ([(p.first, p.intervals) for p in free_capacity.kept(cut)], tuple(cut.lost))
        for cut in free_capacity.cuts(number, times)
    ]


def test_a_piece_is_cut_to_what_is_before_or_after() -> None:
    """One of 1 to 5 that makes room at 3: it goes, stops at 3, starts at 4, or pauses."""
    free_capacity = alone([0, 1, 1, 1, 1, 1, 0, 0], (ONE, 1, 5))
    assert cut_told(free_capacity, 0, 3) == [
        ([], (1, 2, 3, 4, 5)), ([(1, 2)], (3, 4, 5)), ([(4, 2)], (1, 2, 3)),
        ([(1, 2), (4, 2)], (3,)),
    ]  # fmt: skip
    assert cut_told(free_capacity, 0, 1, 2) == [([], (1, 2, 3, 4, 5)), ([(3, 3)], (1, 2))]
    assert cut_told(free_capacity, 0, 4, 5) == [([], (1, 2, 3, 4, 5)), ([(1, 3)], (4, 5))]
    assert cut_told(free_capacity, 0, 5, 6) == []


def test_who_starts_after_making_room_takes_the_time_to_start() -> None:
    """Over midnight: 6, 7, 0, 1 of eight, with an hour to start from 5 on."""
    free_capacity = alone([1, 1, 0, 0, 0, 0, 1, 1], (ONE, 6, 4), startup_s=3600.0)
    assert cut_told(free_capacity, 0, 6) == [([], (6, 7, 0, 1)), ([(0, 2)], (6, 7))]
    assert cut_told(free_capacity, 0, 5) == [([], (6, 7, 0, 1)), ([(7, 3)], (6,))]
    assert cut_told(free_capacity, 0, 0) == [([], (6, 7, 0, 1)), ([(6, 2)], (0, 1))]
    [_, later] = free_capacity.cuts(0, [6])
    assert [part.lead for part in free_capacity.kept(later)] == [1]
    free_capacity.make(later)
    assert free(free_capacity)[0] == [0, 0, 8, 8, 8, 8, 8, 0]
    assert free_capacity.replicas.tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]]


def test_nobody_is_cut_to_stop_where_another_starts_or_to_start_where_one_stops() -> None:
    """It would go on as that one."""
    free_capacity = alone([0, 1, 1, 2, 1, 1, 0, 0], (ONE, 1, 3), (TWO, 3, 3))
    assert cut_told(free_capacity, 0, 3) == [([], (1, 2, 3))]
    assert cut_told(free_capacity, 1, 3) == [([], (3, 4, 5))]
    assert cut_told(free_capacity, 0, 2) == [
        ([], (1, 2, 3)),
        ([(1, 1)], (2, 3)),
        ([(3, 1)], (1, 2)),
        ([(1, 1), (3, 1)], (2,)),
    ]


def test_who_never_stops_is_not_cut() -> None:
    free_capacity = alone([1, 1, 1, 1], (ONE, 0, 4))
    assert cut_told(free_capacity, 0, 2) == []


def test_of_one_that_moves_what_is_left_starts() -> None:
    """It serves 0 and 1 on one node, 2 on the other."""
    of = case(Sizes({"s": [1, 1, 1, 0, 0]}), on=fleet({"l1": {"h100x8": 2}}, spines={"l1": "s"}))
    moving = (
        stay("r", leaf="l1", nodes=(ONE,), intervals=2),
        stay("r", leaf="l1", nodes=(TWO,), first=2, moved=True),
    )
    free_capacity = rooms_of(of, Packing(moving, ()))
    assert told(free_capacity) == [(ONE, 0, 2, 0, False), (TWO, 2, 1, 0, True)]
    assert cut_told(free_capacity, 0, 1) == [([], (0, 1)), ([(0, 1)], (1,))]
    free_capacity.make(next(free_capacity.cuts(0, [1])))
    assert told(free_capacity) == [(TWO, 2, 1, 0, False)]


def test_who_goes_gives_all_of_its_gpus_back() -> None:
    free_capacity = alone([0, 1, 2, 1, 0], (ONE, 1, 2), (TWO, 2, 2))
    [gone, *_] = free_capacity.cuts(0, [1])
    free_capacity.make(gone)
    assert told(free_capacity) == [(TWO, 2, 2, 0, False)]
    assert free(free_capacity) == [[8] * 5, [8, 8, 0, 0, 8]]
    assert free_capacity.replicas.tolist() == [[0, 0, 1, 1, 0]]
    assert free_capacity.of_pool[0] == (1,)


@pytest.mark.parametrize(
    ("startup_s", "times", "left"),
    [
        pytest.param(3600.0, [1, 2, 3, 4, 5], [], id="all"),
        pytest.param(3600.0, [4, 5], [(1, 3, 1)], id="stops earlier"),
        pytest.param(3600.0, [1, 2], [(3, 3, 1)], id="starts later"),
        pytest.param(3600.0, [3], [(1, 2, 1), (4, 2, 1)], id="pauses"),
        pytest.param(7200.0, [3], None, id="no time to start again"),
        pytest.param(3600.0, [5, 6], None, id="not there"),
    ],
)
def test_one_serves_less(
    startup_s: float, times: list[int], left: list[tuple[int, int, int]] | None
) -> None:
    """One that serves from 1 to 5, on node 1."""
    sizes = [0, 1, 1, 1, 1, 1, 0, 0]
    free_capacity = alone(sizes, (ONE, 1, 5), startup_s=startup_s)
    before = told(free_capacity)
    assert free_capacity.serve_less(0, times) == (left is not None)
    if left is None:
        assert told(free_capacity) == before
        return
    assert told(free_capacity) == [(ONE, *each, False) for each in left]
    served = [t for first, intervals, _ in left for t in range(first, first + intervals)]
    assert free_capacity.replicas.tolist() == [[int(t in served) for t in range(8)]]
    held = {t for first, intervals, lead in left for t in range(first - lead, first + intervals)}
    assert free(free_capacity)[0] == [0 if t in held else 8 for t in range(8)]


def test_who_stops_or_starts_serves_less_before_one_pauses() -> None:
    free_capacity = alone([1, 2, 2, 2, 1, 0], (ONE, 0, 5), (TWO, 1, 3))
    assert free_capacity.serve_less(0, [3])
    assert told(free_capacity) == [(ONE, 0, 5, 0, False), (TWO, 1, 2, 0, False)]


def test_one_that_never_stops_serves_no_less() -> None:
    assert not alone([1, 1, 1, 1], (ONE, 0, 4)).serve_less(0, [2])


@pytest.mark.parametrize("band", [None, RatioBand(1.0, 1.0)])
def test_those_in_the_way_are_named_by_the_gpu_hours_that_are_lost(band: RatioBand | None) -> None:
    """8 GPUs at 2 are wanted: 2 GPUs for 3 hours give way before 4 for 2, on nodes of their own.

    One of 1 GPU where no more is missing comes first; at last two of which one alone would not
    suffice. Those of a workload with limits never give way, nor do those on nodes of another type
    and those of another time.
    """
    loads = [("w1", 2, 2), ("w2", 4, 3), ("w3", 2, 4), ("w4", 1, 5), ("w6", 2, 5), ("w7", 4, 6)]
    hours = {
        "w1": [0, 1, 1, 1, 0],
        "w2": [0, 1, 1, 0, 0],
        "w3": [0, 0, 1, 0, 0],
        "w4": [0, 0, 1, 0, 0],
    }
    made = [workload("w0", rps=[10.0] * 5, engines=[lone("big", gpu="H100")])]
    made += [
        workload(
            name,
            rps=[10.0] * 5,
            engines=[lone(name, gpu="H100", gpus=gpus)],
            pd_ratio=band if name == "w3" else None,
        )
        for name, gpus, _ in loads
    ]
    hours |= {"w6": [0, 0, 2, 0, 0], "w7": [0, 0, 0, 0, 1]}
    made.append(workload("w5", rps=[10.0] * 5, engines=[lone("w5", gpu="B", gpus=2)]))
    hours["w5"] = [0, 0, 1, 0, 0]
    of = scenario(
        made,
        in_fleet=fleet({"l1": {"h100x8": 6, "B": 1}}, node_types=(node_type(), B)),
    )
    sizes = {(name, name): hours[name] for name in hours}
    here = sized(of, {("w0", "big"): [0] * 5, **sizes})
    pool = {here.problem.pools[p].engine: p for p in range(len(here.problem.pools))}
    nodes = {"w1": 1, "w2": 2, "w3": 3, "w4": 4}
    stays = [
        stay(
            name,
            pool=pool[name],
            leaf="l1",
            nodes=(f"l1-h100x8-00{node}",),
            first=hours[name].index(1),
            intervals=sum(hours[name]),
        )
        for name, node in nodes.items()
    ]
    stays += [
        stay(f"w6-{i}", pool=pool["w6"], leaf="l1", nodes=("l1-h100x8-005",), first=2)
        for i in range(2)
    ]
    stays.append(stay("w7", pool=pool["w7"], leaf="l1", nodes=("l1-h100x8-006",), first=4))
    stays.append(stay("w5", pool=pool["w5"], leaf="l1", nodes=("l1-B-001",), first=2))
    free_capacity = rooms_of(here, Packing(tuple(stays), ()))
    cuts = [
        [(stays[cut.number].replica_id, len(cut.lost)) for cut in together]
        for together in free_capacity.in_the_way(pool["big"], 2)
    ]
    of_w3 = [("w3", 1)] if band is None else []
    alone = [("w4", 1), ("w1", 1), *of_w3, ("w1", 2), ("w1", 2), ("w2", 1), ("w1", 3), ("w2", 2)]
    assert cuts == [*([each] for each in alone), [("w6-0", 1), ("w6-1", 1)]]


def check(of: Case, free_capacity: FreeCapacity) -> None:
    """What is kept by number says what stands, and no rule is broken.

    Free is no more than is left: a replica of two pieces that serve all day does not start.
    """
    stays = free_capacity.packed().stays
    pools = [each.pool for each in stays]
    assert pools == sorted(pools)
    serving = np.zeros_like(free_capacity.replicas)
    left = nodes_of(Places(of.scenario), "h100x8").free.copy()
    at = {name: node for node, name in enumerate(free_capacity.nodes["h100x8"].names)}
    for each in stays:
        for t in range(each.first - each.lead, each.first + each.intervals):
            share = min(8, of.problem.pools[each.pool].gpus)
            left[t % len(left), [at[node] for node in each.nodes]] -= share
            serving[each.pool, t % len(left)] += t >= each.first
    assert (serving == free_capacity.replicas).all()
    assert (left >= free_capacity.nodes["h100x8"].free).all()
    numbers = {
        p: tuple(i for i, each in free_capacity.pieces.items() if each.life.pool == p)
        for p in free_capacity.of_pool
    }
    assert numbers == {p: tuple(sorted(found)) for p, found in free_capacity.of_pool.items()}
    plan = replace(of, replicas=free_capacity.replicas).plan(free_capacity.packed())
    assert list(placement_faults(plan)) == []


def test_whatever_is_served_more_or_less_keeps_every_rule() -> None:
    """Random replicas more and less, and random cuts."""
    more = less = fewer = 0
    for seed in range(60):
        random = Random(seed)
        of = two_engines(random, cyclic=seed % 2 == 0)
        free_capacity = rooms_of(of)
        check(of, free_capacity)
        for _ in range(8):
            pool, t = (
                random.randrange(len(of.problem.pools)),
                random.randrange(of.problem.intervals),
            )
            cuts = [cut for together in free_capacity.in_the_way(pool, t) for cut in together]
            if cuts and random.random() < 0.5:
                cut = random.choice(cuts)
                lost: Ints = free_capacity.replicas.copy()
                made = free_capacity.make(cut)
                less += made
                assert (lost - free_capacity.replicas).sum() == made * len(cut.lost)
            elif random.random() < 0.5:
                times = of.problem.times(t, random.randint(1, 3))
                sizes = free_capacity.replicas.copy()
                done = free_capacity.serve_less(pool, times)
                fewer += done
                sizes[pool, times] -= done
                assert (free_capacity.replicas == sizes).all()
            else:
                before = free_capacity.replicas[pool, t]
                grown = free_capacity.serve_more(pool, t)
                more += grown
                assert free_capacity.replicas[pool, t] == before + grown
            check(of, free_capacity)
    assert more > 20
    assert less > 20
    assert fewer > 20


def test_who_began_before_the_day_and_starts_later_takes_all_the_time_to_start() -> None:
    """Two hours, of which a stay from 1 on holds one; without 1 it starts at 4, from 2 on."""
    free_capacity = alone([0, 1, 1, 1, 1, 1, 0], (ONE, 1, 5), startup_s=7200.0, cyclic=False)
    [_, later] = free_capacity.cuts(0, [1])
    [part] = free_capacity.kept(later)
    assert (part.first, part.intervals, part.lead) == (4, 2, 2)
    free_capacity.make(later)
    assert free(free_capacity)[0] == [8, 8, 0, 0, 0, 0, 8]
