"""Random small programs, plain or with one feature switched on, each from its seed alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.fleet import Fleet, NodeType, Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import (
    Engine,
    Loss,
    Part,
    RatioBand,
    RequestClass,
    Resilience,
    Role,
    Stability,
    Workload,
)
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload

type Draw = np.random.Generator
type Feature = Callable[[Draw, Scenario], Scenario]

BAND = RatioBand(0.5, 2.0)
CLASSES = (replace(SHAPE, name="a", share=0.6), replace(SHAPE, name="b", share=0.4))
LARGEST = 20
"""Node types x spines x workloads x intervals, so that one MIP takes a fraction of a second."""
NODES = ((0, 2), (1, 3), (2, 4), (3, 6), (8, 8))
"""Fewest and most nodes of a type on a leaf."""
CLASS_SHARE = (0.0, 0.5, 0.7, 0.8, 1.0, 1.0, 1.2, 1.5)
"""Of its capacity that an engine has for one of several classes."""
KV_SHARE = {Affinity.LEAF: 1.0, Affinity.SPINE: 0.7, Affinity.CLUSTER: 0.5}
"""Of its capacity that KV transfer leaves an engine of a pair, by the span of its group."""


def random_problem(seed: int, feature: str | None = None) -> Problem:
    """The program of `random_case`."""
    made, found = random_case(seed, feature)
    return build_problem(made, found)


def random_case(seed: int, feature: str | None = None) -> tuple[Scenario, list[Candidate]]:
    """`random_scenario` and its candidates; where KV limits are on, wide groups serve less."""
    made = random_scenario(seed, feature)
    found = candidates(made, by_class=_by_class(made, np.random.default_rng([seed, 2])))
    return made, kv_limited(found) if feature == "kv_limit" else list(found)


def random_scenario(seed: int, feature: str | None = None) -> Scenario:
    """1 to 3 workloads, spines and GPU types, 1 to 6 intervals; supply from little to plenty."""
    draw = np.random.default_rng(seed)
    types, spines, workloads, intervals = _sizes(draw)
    shapes = _node_types(draw, types)
    on = _fleet(draw, shapes, spines)
    loads = [_workload(draw, f"w{w}", shapes, intervals) for w in range(workloads)]
    made = scenario(loads, in_fleet=on, cyclic=bool(draw.random() < 0.6), interval_s=1800)
    if feature is None:
        return made
    draw = np.random.default_rng([seed, 1])
    roomy = _with_more_nodes(made, 2) if draw.random() < 0.5 else made
    return FEATURES[feature](draw, roomy)


def _with_more_nodes(made: Scenario, more: int) -> Scenario:
    """`more` nodes of every type on every leaf."""
    leaves = {
        leaf.name: {name: nodes + more for name, nodes in leaf.nodes.items()}
        for leaf in made.fleet.network.leaves
    }
    return replace(made, fleet=fleet(leaves, node_types=made.fleet.node_types))


def _sizes(draw: Draw) -> tuple[int, int, int, int]:
    """Node types, spines, workloads and intervals, not all of them many."""
    while True:
        types, spines, workloads = (int(draw.integers(1, 4)) for _ in range(3))
        intervals = int(draw.integers(1, 7))
        if types * spines * workloads * intervals <= LARGEST:
            return types, spines, workloads, intervals


def _node_types(draw: Draw, count: int) -> list[NodeType]:
    return [
        node_type(
            f"t{i}",
            gpu=f"G{i}",
            gpus=int(draw.choice((4, 8))),
            usd_per_gpu_hour=float(draw.choice((1.0, 1.5, 2.0, 3.0))),
        )
        for i in range(count)
    ]


def _fleet(draw: Draw, shapes: Sequence[NodeType], spines: int) -> Fleet:
    """One leaf a spine."""
    low, high = NODES[int(draw.choice(len(NODES)))]
    return fleet(
        {
            f"l{s}": {shape.name: int(draw.integers(low, high + 1)) for shape in shapes}
            for s in range(spines)
        },
        node_types=shapes,
    )


def _workload(draw: Draw, name: str, shapes: Sequence[NodeType], intervals: int) -> Workload:
    peak = float(draw.choice((2.0, 4.0, 8.0)))
    classes: tuple[RequestClass, ...] = CLASSES if draw.random() < 0.2 else (SHAPE,)
    return workload(
        name,
        rps=[float(peak * draw.choice((0.0, 0.3, 0.55, 0.8, 1.0))) for _ in range(intervals)],
        engines=_engines(draw, shapes),
        classes=classes,
        priority=int(draw.choice((1, 1, 2))),
        affinity=Affinity.CLUSTER if draw.random() < 0.1 else Affinity.SPINE,
    )


def _engines(draw: Draw, shapes: Sequence[NodeType]) -> list[Engine]:
    """Each role on some GPU types, at times on none; at times aggregated engines beside."""
    startup_s, drain_s = int(draw.choice((0, 360, 1800, 2700))), int(draw.choice((0, 0, 300)))
    found = [
        engine(
            f"{role}-{shape.name}",
            role=role,
            gpu=shape.gpu.name,
            gpus=int(draw.choice((1, 2, 2, 4, 8))),
            capacity_rps=float(draw.uniform(1.5, 6.0)),
            startup_s=startup_s,
            drain_s=drain_s,
        )
        for role, odds in ((Role.PREFILL, 0.97), (Role.DECODE, 0.97), (Role.AGGREGATED, 0.3))
        for shape in _some(draw, shapes, odds)
    ]
    gpu = shapes[0].gpu.name
    return found or [engine("both", role=Role.AGGREGATED, gpu=gpu, gpus=2, capacity_rps=3.0)]


def _some(draw: Draw, shapes: Sequence[NodeType], odds: float) -> list[NodeType]:
    """With these odds one or more node types, else none."""
    count = int(draw.integers(1, len(shapes) + 1)) if draw.random() < odds else 0
    return [shapes[int(i)] for i in draw.permutation(len(shapes))[:count]]


def _by_class(made: Scenario, draw: Draw) -> dict[tuple[str, str], float]:
    """What an engine serves of each of `CLASSES`; at times nothing of one of them.

    Workloads whose engines share a name share the figures.
    """
    return {
        (each.name, kind.name): float((each.capacity_rps or 0.0) * draw.choice(CLASS_SHARE))
        for load in made.workloads
        if len(load.demand[0].classes) > 1
        for each in load.profile.engines
        for kind in CLASSES
    }


def kv_limited(found: Sequence[Candidate]) -> list[Candidate]:
    """One candidate a span: the wider the group, the less of a pair's capacity is left."""
    return [
        replace(
            each,
            span=span,
            points=tuple(
                tuple(
                    replace(point, capacity_rps=point.capacity_rps * _kv_share(each.engine, share))
                    for point in interval
                )
                for interval in each.points
            ),
        )
        for each in found
        for span, share in KV_SHARE.items()
    ]


def _kv_share(of: Engine, share: float) -> float:
    return 1.0 if of.role is Role.AGGREGATED else share


def _each(made: Scenario, change: Callable[[Workload], Workload]) -> Scenario:
    """The scenario with every workload changed."""
    return replace(made, workloads=tuple(change(load) for load in made.workloads))


def ratio_band(draw: Draw, made: Scenario) -> Scenario:
    return _each(made, lambda load: replace(load, pd_ratio=BAND))


def replica_limits(draw: Draw, made: Scenario) -> Scenario:
    """At most 1 to 3 replicas of a role; at least one of decode in the first workload."""
    limited = _each(
        made,
        lambda load: replace(
            load,
            max_replicas={
                role: int(draw.integers(1, 4))
                for role in (Role.PREFILL, Role.DECODE)
                if draw.random() < 0.6
            },
        ),
    )
    first, *others = limited.workloads
    return replace(limited, workloads=(replace(first, min_replicas={Role.DECODE: 1}), *others))


def replica_minima(draw: Draw, made: Scenario) -> Scenario:
    """At least 0 to 3 replicas of prefill and of decode, at times no more than one beyond that."""

    def limited(load: Workload) -> Workload:
        fewest = {role: int(draw.integers(0, 4)) for role in (Role.PREFILL, Role.DECODE)}
        most = {role: n + 1 for role, n in fewest.items() if draw.random() < 0.3}
        return replace(load, min_replicas=fewest, max_replicas=most)

    return _each(made, limited)


def leads(draw: Draw, made: Scenario) -> Scenario:
    """Replicas that start for one to three intervals and drain for up to three."""

    def slower(each: Engine) -> Engine:
        return replace(
            each,
            startup_s=float(draw.choice((1800, 3600, 5400))),
            drain_s=float(draw.choice((0, 1800, 5400))),
        )

    return _each(
        made,
        lambda load: replace(
            load,
            profile=replace(
                load.profile, engines=tuple(slower(each) for each in load.profile.engines)
            ),
        ),
    )


def maintenance(draw: Draw, made: Scenario) -> Scenario:
    """On some leaves some nodes, at times all, are away for one or two intervals."""
    horizon = made.horizon
    step = timedelta(seconds=horizon.interval_s)
    outages = []
    for leaf in made.fleet.network.leaves:
        for name, nodes in leaf.nodes.items():
            if nodes and draw.random() < 0.5:
                start = horizon.start + step * int(draw.integers(0, horizon.intervals))
                end = start + step * int(draw.integers(1, 3))
                away = int(draw.integers(1, nodes + 1))
                outages.append(Outage(leaf.name, name, away, start, end))
    return replace(made, fleet=replace(made.fleet, outages=tuple(outages)))


def nested_supply(draw: Draw, made: Scenario) -> Scenario:
    """Two leaves a spine; some workloads keep to a leaf, some to a spine, some to the cluster."""
    leaves = made.fleet.network.leaves
    halves: dict[str, dict[str, int]] = {}
    spines: dict[str, str] = {}
    for leaf in leaves:
        for part in ("x", "y"):
            halves[f"{leaf.name}{part}"] = {
                name: int(draw.integers(0, nodes + 1)) for name, nodes in leaf.nodes.items()
            }
            spines[f"{leaf.name}{part}"] = leaf.spine
    on = fleet(halves, node_types=made.fleet.node_types, spines=spines)
    near = _each(
        made, lambda load: replace(load, affinity=list(Affinity)[int(draw.integers(0, 3))])
    )
    return replace(near, fleet=on)


def kv_limit(draw: Draw, made: Scenario) -> Scenario:
    """Groups on leaves, spines and in the cluster, which the candidates tell apart."""
    return nested_supply(draw, made)


def divided(draw: Draw, made: Scenario) -> Scenario:
    """The first workload decodes with two halves on a leaf, at times beside whole engines."""
    first, *others = nested_supply(draw, made).workloads
    ratio = BAND if draw.random() < 0.5 else None
    halves = [
        engine(
            f"decode-part-{index}",
            gpu=str(draw.choice([shape.gpu.name for shape in made.fleet.node_types])),
            gpus=int(draw.choice((1, 2, 4))),
            capacity_rps=float(draw.uniform(2.0, 6.0)),
            startup_s=int(draw.choice((0, 360))),
            part=Part("decode-moe", f"part-{index}", index, ratio),
        )
        for index in (0, 1)
    ]
    prefill = engine("prefill", role=Role.PREFILL, gpu="G0", gpus=2, capacity_rps=4.0)
    whole = [each for each in first.profile.engines if draw.random() < 0.5]
    profile = replace(first.profile, engines=(prefill, *halves, *whole))
    return replace(made, workloads=(replace(first, profile=profile), *others))


def resilience(draw: Draw, made: Scenario) -> Scenario:
    """Most workloads promise to survive the loss of a node, of a leaf or of a spine."""

    def promised(load: Workload) -> Workload:
        lose = list(Loss)[int(draw.integers(0, len(Loss)))]
        resilience = Resilience(lose, float(draw.choice((0.5, 0.8, 1.0))))
        return replace(load, resilience=resilience if draw.random() < 0.7 else None)

    return _each(nested_supply(draw, made), promised)


def scarce_priorities(draw: Draw, made: Scenario) -> Scenario:
    """Three classes of priority, a node of each type for all at most."""
    rank = iter((2, 1, 3))
    ranked = _each(made, lambda load: replace(load, priority=next(rank)))
    counts: Mapping[str, Mapping[str, int]] = {
        leaf.name: {name: min(1, nodes) for name, nodes in leaf.nodes.items()}
        for leaf in made.fleet.network.leaves[:1]
    }
    return replace(ranked, fleet=fleet(counts, node_types=made.fleet.node_types))


def max_groups(draw: Draw, made: Scenario) -> Scenario:
    """On one or two leaves at most, of twice as many."""
    return _each(_on_leaves(made), lambda load: replace(load, max_groups=int(draw.integers(1, 3))))


def max_engines(draw: Draw, made: Scenario) -> Scenario:
    """One or two engines of each role at most."""
    return _each(made, lambda load: replace(load, max_engines=int(draw.integers(1, 3))))


def anti_affinity(draw: Draw, made: Scenario) -> Scenario:
    """The first workload keeps apart from the others; alone it has another one to keep from."""
    near = _on_leaves(made)
    first, *others = near.workloads
    others = others or [replace(first, name="other")]
    apart = replace(first, anti_affinity=tuple(load.name for load in others))
    return replace(near, workloads=(apart, *others))


def _on_leaves(made: Scenario) -> Scenario:
    """Two leaves a spine, each with the nodes that the spine had; groups keep to a leaf."""
    old = made.fleet.network.leaves
    on = fleet(
        {f"{leaf.name}{part}": leaf.nodes for leaf in old for part in ("x", "y")},
        node_types=made.fleet.node_types,
        spines={f"{leaf.name}{part}": leaf.spine for leaf in old for part in ("x", "y")},
    )
    return replace(_each(made, lambda load: replace(load, affinity=Affinity.LEAF)), fleet=on)


def already_running(draw: Draw, made: Scenario) -> Scenario:
    """A day that is not cyclic, before which up to two replicas of each engine ran.

    Half of the days have long starts and drains, whose refunds exceed the cost of an interval.
    """
    made = leads(draw, made) if draw.random() < 0.5 else made
    leaf_of = {
        shape.name: next(
            (leaf for leaf in made.fleet.network.leaves if leaf.nodes[shape.name]), None
        )
        for shape in made.fleet.node_types
    }
    node_type_of = {shape.gpu.name: shape.name for shape in made.fleet.node_types}
    running = [
        Running(load.name, each.name, node_type_of[each.gpu], leaf.name, ())
        for load in made.workloads
        for each in load.profile.engines
        if (leaf := leaf_of[node_type_of[each.gpu]]) is not None
        for _ in range(int(draw.integers(0, 3)))
    ]
    horizon = replace(made.horizon, cyclic=False)
    return replace(made, horizon=horizon, current=tuple(running))


def change_cost(draw: Draw, made: Scenario) -> Scenario:
    """Changes of pool sizes cost something; at times it is known what ran before."""
    stability = Stability(change_cost_usd=float(draw.choice((0.5, 2.0, 10.0))))
    with_cost = (replace(each, stability=stability) for each in made.workloads)
    made = replace(made, workloads=tuple(with_cost))
    return already_running(draw, made) if draw.random() < 0.3 else made


def alike_types(draw: Draw, made: Scenario) -> Scenario:
    """Every node type under two names, at two prices, its nodes divided between them."""
    shapes, names = list[NodeType](), dict[str, tuple[str, str]]()
    for shape in made.fleet.node_types:
        names[shape.name] = (shape.name, f"{shape.name}-b")
        price = shape.usd_per_gpu_hour * float(draw.choice((0.01, 0.5, 1.0, 2.0)))
        shapes += [shape, replace(shape, name=f"{shape.name}-b", usd_per_gpu_hour=price)]
    leaves = {}
    for leaf in made.fleet.network.leaves:
        leaves[leaf.name] = dict[str, int]()
        for name, nodes in leaf.nodes.items():
            one, other = names[name]
            taken = int(draw.integers(0, nodes + 1))
            leaves[leaf.name] |= {one: nodes - taken, other: taken}
    return replace(made, fleet=fleet(leaves, node_types=shapes))


FEATURES: Mapping[str, Feature] = {
    made.__name__: made
    for made in (
        ratio_band,
        replica_limits,
        leads,
        maintenance,
        nested_supply,
        kv_limit,
        divided,
        resilience,
        scarce_priorities,
        max_groups,
        anti_affinity,
        already_running,
        replica_minima,
        max_engines,
        change_cost,
        alike_types,
    )
}
