"""Whether the `inputs` of a plan.json agree with one another and with the plan."""

from collections.abc import Iterator

from heteroplan.inputs.build import leaves
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.document.plan_inputs import PlanInputs, WorkloadInputs, engines_of
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
    for i, engine in enumerate(document.engines):
        if engine.workload == load.name and engine.engine not in known:
            yield ("engines", i, "engine"), f"no such engine; there are {', '.join(sorted(known))}"


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
