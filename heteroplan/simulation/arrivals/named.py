"""`--trace [WORKLOAD=]FILE`: which files are whose."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from heteroplan.entities.scenario import Scenario
from heteroplan.errors import UsageError


def traces_by_workload(scenario: Scenario, given: Iterable[str]) -> dict[str, list[str]]:
    """The files of each workload that has any.

    A file without a workload belongs to the only workload of the scenario. Raises UsageError.
    """
    names = [workload.name for workload in scenario.workloads]
    found: dict[str, list[str]] = {}
    for text in given:
        name, mark, file = text.partition("=")
        is_named = bool(mark) and (name in names or not Path(text).exists())
        if not is_named and len(names) > 1:
            raise UsageError(
                f"--trace {text}: whose is it? write WORKLOAD=FILE; workloads are "
                f"{', '.join(names)}"
            )
        if not is_named:
            name, file = names[0], text
        if not file:
            raise UsageError(f"--trace {text}: name a file")
        found.setdefault(name, []).append(file)
    check_names(scenario, found)
    return found


def check_names(scenario: Scenario, traces: Mapping[str, Sequence[str]]) -> None:
    """Raise UsageError for a trace of a workload that the scenario does not have."""
    names = [workload.name for workload in scenario.workloads]
    for name in traces:
        if name not in names:
            raise UsageError(
                f"--trace {name}=...: no such workload; workloads are {', '.join(names)}"
            )
