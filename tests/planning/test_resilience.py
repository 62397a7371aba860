"""Plans with a promise survive the loss of each domain: served anew by what is left, by an LP.

The LP knows nothing of the optimiser: replicas on the nodes that are left, requests of each class
to any of them, prefill and decode alike in each group, halves of a divided engine on each leaf.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity
from heteroplan.entities.placement import Stay
from heteroplan.entities.plan import Plan, Pool, ShortageKind
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine, Loss, Part, Resilience, Role
from heteroplan.planning import make_plan
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload

SPINES = {"l1": "s1", "l2": "s1", "l3": "s2", "l4": "s2", "l5": "s3", "l6": "s3"}
CLASSES = (replace(SHAPE, name="short", share=0.75), replace(SHAPE, name="long", share=0.25))
PROMISING = "a"
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A plan takes too long for a failure to be made small."""


def lost_with(plan: Plan, stay: Stay, lose: Loss) -> tuple[str, ...]:
    """Whose loss takes the replica away."""
    leaves = {leaf.name: leaf for leaf in plan.scenario.fleet.network.leaves}
    return {
        Loss.NODE: stay.nodes,
        Loss.LEAF: (stay.leaf,),
        Loss.SPINE: (leaves[stay.leaf].spine,),
    }[lose]


def left_over(plan: Plan, lose: Loss, place: str, t: int) -> dict[int, int]:
    """{pool: replicas} of the promising workload that serve at t without `place`."""
    left = {p: 0 for p, pool in enumerate(plan.pools) if pool.workload == PROMISING}
    for stay in plan.stays:
        into = (t - stay.first) % plan.scenario.horizon.intervals
        if stay.pool in left and into < stay.intervals:
            left[stay.pool] += place not in lost_with(plan, stay, lose)
    return left


def served_anew(plan: Plan, replicas: dict[int, int], t: int) -> float:
    """Greatest rate in the mix of classes that the replicas serve [requests/s].

    Variables: the rate, then for each pool its rate of each class.
    """
    made = {(each.workload, each.engine.name): each for each in plan.candidates}
    pools = [plan.pools[p] for p in replicas]
    runs = [made[pool.workload, pool.engine] for pool in pools]
    classes = len(CLASSES)
    busy = np.zeros((len(pools), 1 + len(pools) * classes))
    for i, run in enumerate(runs):
        for k, point in enumerate(run.points[t]):
            busy[i, 1 + i * classes + k] = 1 / point.capacity_rps
    signs = list(_balances(pools, [run.engine for run in runs]))
    equal = [
        np.concatenate([[-rate * share], np.kron(sign, np.eye(classes)[k])])
        for rate, sign in signs
        for k, share in enumerate(kind.share for kind in CLASSES)
    ]
    found = linprog(
        c=np.eye(len(busy[0]))[0] * -1,
        A_ub=busy,
        b_ub=list(replicas.values()),
        A_eq=np.array(equal),
        b_eq=np.zeros(len(equal)),
    )
    assert found.success, found.message
    assert found.fun is not None
    return -float(found.fun)


def _balances(
    pools: list[Pool], engines: list[Engine]
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """(1, pools that finish) and (0, +1 and -1 for pools that must handle the same)."""
    counted = [made.part is None or made.part.index == 0 for made in engines]
    finishing = np.zeros(len(pools))
    sides: dict[tuple[str, ...], NDArray[np.float64]] = defaultdict(lambda: np.zeros(len(pools)))
    for i, (pool, made) in enumerate(zip(pools, engines, strict=True)):
        if made.part is not None:
            sides[made.part.of, pool.domain][i] = 1 if made.part.index == 0 else -1
        if counted[i] and pool.role is not Role.PREFILL:
            finishing[i] = 1
        if counted[i] and pool.role is not Role.AGGREGATED:
            sides[(pool.group,)][i] = 1 if pool.role is Role.PREFILL else -1
    yield 1.0, finishing
    for side in sides.values():
        yield 0.0, side


def broken(plan: Plan, resilience: Resilience) -> list[tuple[str, int, float]]:
    """(place, interval, rate that is left) wherever the promise is not kept."""
    (served,) = (each.served_rps for each in plan.workloads if each.name == PROMISING)
    mine = [stay for stay in plan.stays if plan.pools[stay.pool].workload == PROMISING]
    return [
        (place, t, rate)
        for place in sorted(
            {place for stay in mine for place in lost_with(plan, stay, resilience.lose)}
        )
        for t in range(len(served))
        for rate in [served_anew(plan, left_over(plan, resilience.lose, place, t), t)]
        if rate < resilience.serve * served[t] * (1 - 1e-5) - 1e-9
    ]


@st.composite
def programs(draw: st.DrawFn, lose: Loss) -> tuple[Scenario, tuple[Candidate, ...]]:
    """A workload with a promise and one without, on three spines, two hours.

    Long requests take the engines up to three times as long as short ones.
    """
    decode = draw(
        st.sampled_from(
            [
                (engine("d", gpus=2, capacity_rps=4.0),),
                (
                    engine("moe/attention", part=Part("moe", "attention", 0, None)),
                    engine("moe/ffn", gpus=2, part=Part("moe", "ffn", 1, None)),
                ),
            ]
        )
    )
    alone = draw(st.sampled_from([(), (engine("both", role=Role.AGGREGATED, gpus=8),)]))
    engines = (engine("p", role=Role.PREFILL, capacity_rps=6.0), *decode, *alone)
    rates = st.lists(st.sampled_from([0.0, 2.0, 9.0, 14.0]), min_size=2, max_size=2)
    affinities = st.sampled_from(list(Affinity))
    resilience = Resilience(lose, draw(st.sampled_from([0.3, 0.6, 1.0])))
    of = scenario(
        [
            workload(
                PROMISING,
                rps=draw(rates),
                engines=engines,
                classes=CLASSES,
                affinity=draw(affinities),
                resilience=resilience,
            ),
            workload("b", rps=draw(rates), classes=CLASSES, affinity=draw(affinities)),
        ],
        in_fleet=fleet(
            {leaf: {"h100x8": draw(st.integers(1, 3))} for leaf in SPINES}, spines=SPINES
        ),
        cyclic=draw(st.booleans()),
    )
    long_s = draw(st.sampled_from([1.0, 3.0]))
    by_class = {
        (made.name, "short"): made.capacity_rps or 0.0
        for w in of.workloads
        for made in w.profile.engines
    }
    slower = {(name, "long"): rps / long_s for (name, _), rps in by_class.items()}
    return of, candidates(of, by_class=by_class | slower)


@pytest.mark.parametrize("lose", Loss)
def test_plans_survive_each_loss(lose: Loss) -> None:
    @given(programs(lose))
    @settings(max_examples=6, deadline=None, phases=PHASES)
    def survives(program: tuple[Scenario, tuple[Candidate, ...]]) -> None:
        of, considered = program
        resilience = of.workloads[0].resilience
        assert resilience is not None
        plan = make_plan(of, considered, gap=0.1, time_limit_s=1.0, compare=False)
        assert broken(plan, resilience) == []

    survives()


@pytest.mark.parametrize(
    ("affinity", "lose", "spines"),
    [
        (Affinity.SPINE, Loss.LEAF, {"l1": "s", "l2": "s"}),
        (Affinity.CLUSTER, Loss.SPINE, {"l1": "s1", "l2": "s2"}),
    ],
)
def test_half_a_pair_that_is_left_serves_nothing(
    affinity: Affinity, lose: Loss, spines: dict[str, str]
) -> None:
    """l1 has room for 4 replicas, l2 for one: what is left without l1 is no pair.

    The promise then allows no request to be served, and the plan says so.
    """
    of = scenario(
        [workload(PROMISING, rps=[10.0], affinity=affinity, resilience=Resilience(lose, 0.5))],
        in_fleet=fleet(
            {"l1": {"h100x8": 2}, "l2": {"h100x4": 1}},
            node_types=(node_type(), node_type("h100x4", gpus=4)),
            spines=spines,
        ),
    )
    plan = make_plan(of, candidates(of), compare=False)
    assert plan.workloads[0].served_rps == (0.0,)
    (shortage,) = plan.shortages
    assert ShortageKind.RESILIENCE in [reason.kind for reason in shortage.reasons]


@pytest.mark.parametrize(
    ("lose", "place", "left"),
    [(Loss.NODE, "l1-h100x8-001", 10.0), (Loss.LEAF, "l1", 10.0), (Loss.SPINE, "s1", 0.0)],
)
def test_the_check_finds_a_promise_that_was_never_made(lose: Loss, place: str, left: float) -> None:
    """20 requests/s are a pair on each of the two nodes of spine s1, and nothing elsewhere."""
    of = scenario(
        [workload(PROMISING, rps=[20.0], classes=CLASSES, affinity=Affinity.LEAF)],
        in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}, spines=SPINES),
    )
    found = broken(make_plan(of, candidates(of), compare=False), Resilience(lose, 0.6))
    assert (place, 0, pytest.approx(left)) in found
