"""What differs in the inputs of two plans: demand, promises, rules, fleet and prices."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Set

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.scenario import Scenario
from heteroplan.outputs.compare.document import InputPart
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.document.plan_inputs import PlanInputs, WorkloadInputs
from heteroplan.outputs.shared.promises import promises
from heteroplan.outputs.shared.words import figure, rate

_SECONDS_A_DAY = 86_400
_TOLD_OTHERWISE = {
    *("name", "profile", "demand_rps", "mixes", "mix", "demand_notes", "arrivals"),
    *("slo", "routing", "model"),
}
"""Fields of a workload that are no rules."""
MOST_LEAVES = 8
"""Whose nodes differ, that are named."""


def input_changes(before: PlanDocument, after: PlanDocument) -> Iterator[InputPart]:
    """Each input that differs, with its unit; what there is on one side only is empty there."""
    assert before.inputs is not None
    assert after.inputs is not None
    yield from _changed(_of_scenario(before.inputs), _of_scenario(after.inputs))
    was, now = before.given, after.given
    both = {load.name for load in was.workloads} & {load.name for load in now.workloads}
    yield from _changed(_demands(was), _demands(now))
    for described in (_peaks, _lengths, _promised):
        yield from _changed(described(was, both), described(now, both))
    yield from _changed(_rules(before.inputs, both), _rules(after.inputs, both))
    yield from _engines(was, now)
    yield from _changed(_fleet(was.fleet), _fleet(now.fleet))
    yield from _network(was.fleet, now.fleet)


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[InputPart]:
    for field in dict.fromkeys([*before, *after]):
        was, now = before.get(field, ""), after.get(field, "")
        if was != now:
            yield InputPart(field=field, before=was, after=now)


def _of_scenario(inputs: PlanInputs) -> dict[str, str]:
    horizon = inputs.horizon
    days = horizon.intervals * horizon.interval_s / _SECONDS_A_DAY
    return {
        "scenario": inputs.name,
        "objective": inputs.objective.value,
        "horizon": f"{days:g} days",
        "interval": f"{horizon.interval_s:,} s",
        "time zone": horizon.timezone,
        "cyclic": "yes" if horizon.cyclic else "no",
        "surge": ", ".join(f"{name} {gpus:,} GPUs" for name, gpus in inputs.surge.items()),
    }


def _demands(scenario: Scenario) -> dict[str, str]:
    """Of every workload: one that is on one side only is told by its demand."""
    horizon = scenario.horizon
    days = horizon.intervals * horizon.interval_s / _SECONDS_A_DAY
    return {
        f"demand of {load.name}": f"{figure(requests / days)} requests a day"
        for load in scenario.workloads
        for requests in (sum(each.rps for each in load.demand) * horizon.interval_s,)
    }


def _peaks(scenario: Scenario, of: Set[str]) -> dict[str, str]:
    return {
        f"peak of {load.name}": rate(max(each.rps for each in load.demand))
        for load in scenario.workloads
        if load.name in of
    }


def _lengths(scenario: Scenario, of: Set[str]) -> dict[str, str]:
    """Mean lengths of requests in the busiest interval."""
    found = {}
    for load in scenario.workloads:
        if load.name in of:
            classes = load.demand[load.busiest].classes
            isl = sum(kind.share * kind.isl for kind in classes)
            osl = sum(kind.share * kind.osl for kind in classes)
            lengths = f"{figure(isl)} tokens in, {figure(osl)} out on average at the peak"
            found[f"requests of {load.name}"] = lengths
    return found


def _promised(scenario: Scenario, of: Set[str]) -> dict[str, str]:
    return {
        f"promise of {each.to}": f"{each.slo}; {each.routing} routing; arrivals {each.arrivals}"
        for each in promises(load for load in scenario.workloads if load.name in of)
    }


def _rules(inputs: PlanInputs, of: Set[str]) -> dict[str, str]:
    return {
        f"{name} of {load.name}": text
        for load in inputs.workloads
        if load.name in of
        for name, text in _rules_of(load).items()
    }


def _rules_of(load: WorkloadInputs) -> dict[str, str]:
    written = load.model_dump(mode="json", exclude_none=True, exclude=_TOLD_OTHERWISE)
    return {
        name: value if isinstance(value, str) else _rule_text(value)
        for name, value in written.items()
    }


def _rule_text(value: object) -> str:
    """Such as `prefill 1, decode 0`; JSON where there is more to it than that."""
    if isinstance(value, Mapping) and all(isinstance(each, int | float) for each in value.values()):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return json.dumps(value)


def _engines(was: Scenario, now: Scenario) -> Iterator[InputPart]:
    """Of workloads that both have: engines by their names, and figures of those of one name."""
    before = {load.name: load.profile for load in was.workloads}
    for load in now.workloads:
        profile = before.get(load.name)
        if profile is None or profile == load.profile:
            continue
        old = {each.name: each for each in profile.engines}
        new = {each.name: each for each in load.profile.engines}
        field = f"engines of {load.name}"
        if old.keys() != new.keys():
            yield InputPart(field=field, before=", ".join(old), after=", ".join(new))
        differ = [name for name in old.keys() & new.keys() if old[name] != new[name]]
        if differ or profile.model != load.profile.model:
            names = ", ".join(sorted(differ)) or load.profile.model
            yield InputPart(field=field, before="", after=f"other figures of {names}")


def _fleet(fleet: Fleet) -> dict[str, str]:
    nodes: Counter[str] = Counter()
    for leaf in fleet.network.leaves:
        nodes.update(leaf.nodes)
    found = {}
    for shape in fleet.node_types:
        gpus = nodes[shape.name] * shape.gpus
        found[f"GPUs of {shape.name}"] = f"{gpus:,} {shape.gpu.name}"
        found[f"price of {shape.name}"] = f"{shape.usd_per_gpu_hour:,.4g} USD per GPU-hour"
        found[f"NIC of {shape.name}"] = f"{shape.nic_gbit_per_s:,.6g} Gbit/s"
    found["bandwidth"] = f"{fleet.across_leaves:g} across leaves, {fleet.across_spines:g} spines"
    for (start, end), price in fleet.egress_usd_per_gb.items():
        found[f"egress from {start} to {end}"] = f"{price:,.4g} USD per GB"
    out = sum(each.nodes for each in fleet.outages)
    found["unavailable"] = f"{out:,} nodes at times" if out else ""
    return found


def _network(was: Fleet, now: Fleet) -> Iterator[InputPart]:
    """Where leaves stand; where they stand as before, those whose nodes differ."""
    before, after = map(_places, (was, now))
    if before.keys() != after.keys():
        shapes = [_shape(each) for each in (before, after)]
        same = ", named or placed otherwise" if shapes[0] == shapes[1] else ""
        yield InputPart(field="network", before=shapes[0], after=shapes[1] + same)
        return
    differ = [place for place in before if before[place] != after[place]]
    for place in differ[:MOST_LEAVES]:
        yield InputPart(field=f"nodes on {place[-1]}", before=before[place], after=after[place])
    if more := len(differ[MOST_LEAVES:]):
        yield InputPart(field="network", before="", after=f"other nodes on {more:,} more leaves")


type _Place = tuple[str, str, str]
"""Cluster, spine and leaf."""


def _places(fleet: Fleet) -> dict[_Place, str]:
    """The nodes on each leaf, such as `6 h100x8, 4 a100x8`."""
    return {
        (leaf.cluster, leaf.spine, leaf.name): ", ".join(
            f"{count:,} {name}" for name, count in sorted(leaf.nodes.items()) if count
        )
        for leaf in fleet.network.leaves
    }


def _shape(places: Collection[_Place]) -> str:
    spines = {place[:2] for place in places}
    leaves = "1 leaf" if len(places) == 1 else f"{len(places):,} leaves"
    return f"{leaves} below {'1 spine' if len(spines) == 1 else f'{len(spines):,} spines'}"
