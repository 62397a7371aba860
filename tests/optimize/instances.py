"""Random small scenarios with every feature that the program knows."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from heteroplan.entities.fleet import Fleet, NodeType
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import (
    Engine,
    Loss,
    Part,
    RatioBand,
    Resilience,
    Role,
    Workload,
)
from tests.builders import SHAPE, engine, fleet, node_type, scenario, workload

BAND = RatioBand(0.5, 2.0)


def small(seed: int, losses: Sequence[Loss] = tuple(Loss), *, divided: bool = True) -> Scenario:
    """Up to 2 workloads, 2 node types, 4 leaves below 3 spines, and 4 intervals.

    Every other workload promises to survive one of `losses`; engines may be `divided`.
    """
    draw = random.Random(seed)
    shapes = (
        node_type("t0", gpu="A", gpus=draw.choice((4, 8)), usd_per_gpu_hour=2.0),
        node_type("t1", gpu="B", gpus=4, usd_per_gpu_hour=1.0),
    )
    intervals = draw.choice((1, 2, 3, 4))
    leaves = [f"l{i}" for i in range(draw.choice((1, 2, 3, 4)))]
    spines = draw.randint(1, min(3, len(leaves)))
    on = fleet(
        {leaf: {"t0": draw.choice((0, 1, 1, 2)), "t1": draw.randint(0, 3)} for leaf in leaves},
        node_types=shapes,
        spines={leaf: f"s{i % spines}" for i, leaf in enumerate(leaves)},
    )
    loads = [
        _workload(draw, f"w{w}", on, intervals, losses, divided)
        for w in range(draw.choice((1, 1, 2)))
    ]
    if len(loads) > 1 and draw.random() < 0.3:
        loads[1] = replace(loads[1], anti_affinity=("w0",))
    made = scenario(loads, in_fleet=on, cyclic=draw.random() < 0.6)
    if made.horizon.cyclic or draw.random() < 0.4:
        return made
    return replace(made, current=tuple(_running(draw, made, shapes)))


def _workload(
    draw: random.Random,
    name: str,
    on: Fleet,
    intervals: int,
    losses: Sequence[Loss],
    divided: bool,
) -> Workload:
    affinity = draw.choice(list(Affinity))
    one = (SHAPE,)
    two = (replace(SHAPE, name="a", share=0.5), replace(SHAPE, name="b", share=0.5))
    resilience = Resilience(draw.choice(losses), draw.choice((0.5, 0.8, 1.0)))
    return workload(
        name,
        rps=[draw.choice((0.0, 3.0, 10.0, 17.0, 25.0)) for _ in range(intervals)],
        engines=_engines(draw, divided),
        classes=draw.choice((one, one, two)),
        affinity=affinity,
        priority=draw.choice((1, 2)),
        pd_ratio=_maybe(draw, 0.3, BAND),
        min_replicas=_maybe(draw, 0.2, {Role.DECODE: 1}),
        max_replicas=_maybe(draw, 0.15, {Role.DECODE: draw.randint(1, 4)}),
        max_groups=_maybe(draw, 0.5, draw.randint(1, 2)),
        exclude=_maybe(draw, 0.1, [draw.choice(list(on.network.domains(affinity)))]) or (),
        resilience=_maybe(draw, 0.5, resilience),
    )


def _maybe[T](draw: random.Random, probability: float, value: T) -> T | None:
    return value if draw.random() < probability else None


def _engines(draw: random.Random, divided: bool) -> list[Engine]:
    """Each role on one or two GPU types or `divided`; sometimes aggregated engines beside."""
    found = []
    for role in (Role.PREFILL, Role.DECODE):
        kinds = draw.sample(("A", "B", "parts") if divided else ("A", "B"), draw.choice((1, 1, 2)))
        found += [_whole(draw, role, gpu) for gpu in kinds if gpu != "parts"]
        if "parts" in kinds:
            ratio = _maybe(draw, 0.3, BAND)
            found += [_half(draw, role, index, ratio) for index in (0, 1)]
    return [*found, *([_whole(draw, Role.AGGREGATED, "A")] if draw.random() < 0.3 else [])]


def _whole(draw: random.Random, role: Role, gpu: str) -> Engine:
    return engine(
        f"{role}-{gpu}",
        role=role,
        gpu=gpu,
        gpus=draw.choice((1, 2, 4)),
        capacity_rps=draw.choice((4.0, 7.0, 10.0, 13.0)),
        startup_s=draw.choice((0, 600, 3600, 4000)),
        drain_s=draw.choice((0, 300, 3600, 7200)),
    )


def _half(draw: random.Random, role: Role, index: int, ratio: RatioBand | None) -> Engine:
    return engine(
        f"{role}-part-{index}",
        role=role,
        gpu=draw.choice("AB"),
        gpus=draw.choice((1, 2)),
        capacity_rps=draw.choice((4.0, 7.0, 10.0)),
        startup_s=draw.choice((0, 600)),
        part=Part(f"{role}-moe", f"part-{index}", index, ratio),
    )


def _running(draw: random.Random, of: Scenario, shapes: Sequence[NodeType]) -> list[Running]:
    """A replica of every third engine on every leaf with its GPUs."""
    nodes: Mapping[str, str] = {shape.gpu.name: shape.name for shape in shapes}
    return [
        Running(load.name, each.name, nodes[each.gpu], leaf.name, ())
        for load in of.workloads
        for each in load.profile.engines
        for leaf in of.fleet.network.leaves
        if leaf.nodes[nodes[each.gpu]] and draw.random() < 0.3
    ]
