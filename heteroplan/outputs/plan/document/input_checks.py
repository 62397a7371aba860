"""Whether the `inputs` of a plan.json agree with one another and with the plan."""

from collections.abc import Iterator

from heteroplan.inputs.build import leaves
from heteroplan.outputs.plan.document.plan_document import EnginePart, PlanDocument, PoolPart
from heteroplan.outputs.plan.document.plan_inputs import (
    PlanInputs,
    RunningPart,
    WorkloadInputs,
    engines_of,
)
from heteroplan.reading.yaml_source import FieldPath

type Found = Iterator[tuple[FieldPath, str]]
"""Fields, and what is wrong with each."""


def input_disagreements(document: PlanDocument) -> Found:
    """Inputs are those of the plan, and what they name is in them."""
    inputs = document.inputs
    if inputs is None:
        if document.schema_version > 1:
            yield ("inputs",), "missing; plan again, or write schema_version: 1"
        return
    same = (
        (("inputs", "name"), inputs.name, document.scenario),
        (("inputs", "horizon"), inputs.horizon, document.horizon),
        (("inputs", "objective"), inputs.objective, document.objective),
    )
    for path, given, planned in same:
        if given != planned:
            yield path, "is not that of the plan"
    names = [load.name for load in document.workloads]
    if [load.name for load in inputs.workloads] != names:
        yield ("inputs", "workloads"), f"are not those of the plan: {', '.join(names)}"
    for i, load in enumerate(inputs.workloads):
        yield from _of_workload(load, ("inputs", "workloads", i), document, inputs)
    yield from _of_fleet(inputs)
    yield from _places(document, inputs)


def _of_workload(
    load: WorkloadInputs, path: FieldPath, document: PlanDocument, inputs: PlanInputs
) -> Found:
    intervals = document.horizon.intervals
    for name, row in (("demand_rps", load.demand_rps), ("mix", load.mix)):
        if len(row) != intervals:
            yield (*path, name), f"has {len(row):,} values; the horizon has {intervals:,} intervals"
    if not load.mixes or not all(load.mixes) or len({len(mix) for mix in load.mixes}) > 1:
        yield (*path, "mixes"), "all mixes have as many classes, one at least"
    if any(number >= len(load.mixes) for number in load.mix):
        yield (*path, "mix"), f"there are {len(load.mixes):,} mixes, counted from 0"
    if load.profile not in inputs.profiles:
        yield (*path, "profile"), f"no such profile; there are {', '.join(inputs.profiles)}"
        return
    known = {engine.name for engine in engines_of(inputs.profiles[load.profile])}
    named: list[tuple[FieldPath, EnginePart | PoolPart | RunningPart]] = [
        *((("engines", i), part) for i, part in enumerate(document.engines)),
        *((("pools", i), part) for i, part in enumerate(document.pools)),
        *((("inputs", "current", i), part) for i, part in enumerate(inputs.current or ())),
    ]
    for place, each in named:
        if each.workload == load.name and each.engine not in known:
            yield (*place, "engine"), f"no such engine; there are {', '.join(sorted(known))}"


def _of_fleet(inputs: PlanInputs) -> Found:
    path = ("inputs", "fleet")
    gpus = {each.name for each in inputs.fleet.gpu_types}
    for i, shape in enumerate(inputs.fleet.node_types):
        if shape.gpu not in gpus:
            yield (*path, "node_types", i, "gpu"), "no such GPU type under gpu_types"
    shapes = {each.name for each in inputs.fleet.node_types}
    unknown = {name for leaf in leaves(inputs.fleet) for name in leaf.nodes} - shapes
    if unknown:
        where = "nodes" if inputs.fleet.network is None else "network"
        yield (*path, where), f"no such node types: {', '.join(sorted(unknown))}"


def _places(document: PlanDocument, inputs: PlanInputs) -> Found:
    """Pools, and replicas that run before, are on node types and leaves of the fleet."""
    shapes = {each.name for each in inputs.fleet.node_types}
    names = {leaf.name for leaf in leaves(inputs.fleet)}
    workloads = {load.name for load in inputs.workloads}
    for i, pool in enumerate(document.pools):
        if pool.node_type not in shapes:
            yield ("pools", i, "node_type"), "no such node type in the fleet of the inputs"
    for i, each in enumerate(inputs.current or ()):
        for field, name, known in (
            ("workload", each.workload, workloads),
            ("node_type", each.node_type, shapes),
            ("leaf", each.leaf, names),
        ):
            if name not in known:
                yield ("inputs", "current", i, field), "is not in the inputs"
