"""Rules across the `targets` of a scenario or of a file of them."""

from collections.abc import Iterator, Sequence

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.targets import TargetRule
from heteroplan.errors import InputProblem
from heteroplan.inputs.checks.fleet import unknown
from heteroplan.reading.yaml_source import Document

CONDITIONS = ("workload", "role", "engine", "node_type", "domain")
"""Fields of a rule that say which pools it fits."""


def check_targets_known(document: Document, scenario: Scenario) -> Iterator[InputProblem]:
    """Rules name workloads, engines, node types and domains that the scenario has."""
    for i, field, name, known in unknown_names(scenario.targets, scenario):
        remedy = unknown(field.replace("_", " "), name, known)
        yield document.problem(("targets", i, field), remedy)


def unknown_names(
    rules: Sequence[TargetRule], scenario: Scenario
) -> Iterator[tuple[int, str, str, Sequence[str]]]:
    """Rule, field and name of what the scenario does not have, and the names that it has."""
    network = scenario.fleet.network
    domains = list(dict.fromkeys(name for level in Affinity for name in network.domains(level)))
    known = {
        "workload": [load.name for load in scenario.workloads],
        "node_type": [each.name for each in scenario.fleet.node_types],
        "domain": domains,
    }
    for i, rule in enumerate(rules):
        engines = [
            engine.name
            for load in scenario.workloads
            if rule.workload in ("", load.name)
            for engine in load.profile.engines
        ]
        for field, names in {**known, "engine": list(dict.fromkeys(engines))}.items():
            name = getattr(rule, field)
            if name and names and name not in names:
                yield i, field, name, names


def check_targets_reached(
    document: Document, rules: Sequence[TargetRule]
) -> Iterator[InputProblem]:
    """No rule stands behind one that fits all of its pools."""
    for i, rule in enumerate(rules):
        before = next((j for j in range(i) if _covers(rules[j], rule)), None)
        if before is not None:
            remedy = (
                f"never used, because targets[{before}] fits all of its pools and the first rule "
                "counts; move it up or remove it"
            )
            yield document.problem(("targets", i), remedy)


def _covers(first: TargetRule, second: TargetRule) -> bool:
    return all(getattr(first, each) in ("", getattr(second, each)) for each in CONDITIONS)
