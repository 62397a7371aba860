"""`compare`: what changed from one plan, or scenario, to another."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.clock import Clock, Progress, Stop, never, silent
from heteroplan.errors import UsageError
from heteroplan.pipelines.replay import is_plan
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords_of_two, names
from heteroplan.pipelines.shared.processes import results
from heteroplan.pipelines.shared.solving import SolveEffort, check_effort, load, solved

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.outputs.compare.document import ComparisonDocument
    from heteroplan.outputs.plan.document.plan_document import PlanDocument

PLAN, SCENARIO = "plan.json", "scenario.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """Keywords of `compare`. All of them are for scenarios, which are planned first."""

    overrides: str | Sequence[str] = ()
    """Fields of both scenarios to set, such as `workloads.chat.headroom=0.2` (`--set`)."""
    gap: float = 0.01
    """Gap at which the search ends; 1 % is 0.01."""
    time_limit_s: float = 60.0
    """For both together [s]."""
    jobs: int = 1
    """Scenarios that are planned at a time."""
    stop: Stop = never
    """Asked during a solve: whether it should end."""
    progress: Progress = silent
    """Told the best objective so far (or None), its bound (same unit) and the seconds spent; with
    several jobs of nothing."""


@dataclass(frozen=True, slots=True)
class CompareResult:
    """What differs between two plans."""

    document: "ComparisonDocument"
    """As `compare --json` prints it."""

    def workloads_frame(self) -> "DataFrame":
        """One row a workload and GPU type: cost and GPU-hours a day before and after."""
        from heteroplan.outputs.compare.frames import compared_workloads_frame

        return compared_workloads_frame(self.document)

    def pools_frame(self) -> "DataFrame":
        """One row a pool: what became of it, its limits, cost and GPU-hours a day."""
        from heteroplan.outputs.compare.frames import compared_pools_frame

        return compared_pools_frame(self.document)

    def json_text(self) -> str:
        """The document as JSON."""
        from heteroplan.outputs.plan.document.parts import document_text

        return document_text(self.document)

    def markdown(self) -> str:
        """For a comment on a change."""
        from heteroplan.outputs.compare.markdown import comparison_md

        return comparison_md(self.document)


@keywords_of_two(CompareOptions)
def compare(before: Name, after: Name, options: CompareOptions) -> CompareResult:
    """What changes from `before` to `after`: cost, GPU-hours, pools and inputs, a day on average.

    Each is a plan.json, a folder that holds one, `-` (a plan.json on standard input), or a
    scenario, which is planned first. Keywords are the fields of `CompareOptions`.
    Raises UsageError, InputError, NoPlanError, and KeyboardInterrupt when `stop` ended a solve.
    """
    from heteroplan.outputs.compare.figures import comparison

    check_effort(options.gap, options.time_limit_s)
    check_limits(options, limits.COMPARE)
    sources = (os.fspath(before), os.fspath(after))
    if sources == ("-", "-"):
        raise UsageError("-: only one of the two can come from standard input")
    if problems := [problem for source in sources for problem in _problems(source)]:
        raise UsageError(*problems)
    places = [_place(source) for source in sources]
    read = {place: _read(place) for place in places if is_plan(place)}
    wanted = [place for place in dict.fromkeys(places) if place not in read]
    if names(options.overrides) and not wanted:
        raise UsageError("--set: plans are compared as they were made; name their scenarios")
    progress = options.progress if options.jobs == 1 else silent
    overrides = tuple(names(options.overrides))
    made = results(
        _planned,
        [_Task(place, overrides, options.gap, progress) for place in wanted],
        jobs=options.jobs,
        time_limit_s=options.time_limit_s,
        stop=options.stop,
    )
    plans = read | dict(zip(wanted, made, strict=True))
    return CompareResult(comparison(plans[places[0]], plans[places[1]], sources=sources))


@dataclass(frozen=True, slots=True)
class _Task:
    """A scenario to plan."""

    scenario: str
    overrides: tuple[str, ...]
    gap: float
    progress: Progress = silent


def _planned(task: _Task, clock: Clock, stop: Stop) -> "PlanDocument":
    from heteroplan.outputs.plan.document.from_plan import document_of

    loaded = load(task.scenario, overrides=task.overrides)
    effort = SolveEffort(task.gap, clock, stop=stop, progress=task.progress)
    return document_of(solved(loaded, effort))


def _read(place: str) -> "PlanDocument":
    from heteroplan.outputs.plan.document.plan_json import read_plan

    return read_plan(place, with_inputs=True)


def _problems(source: str) -> Iterator[str]:
    """A folder that does not say what to compare."""
    if source == "-" or not Path(source).is_dir():
        return
    found = [name for name in (PLAN, SCENARIO) if (Path(source) / name).is_file()]
    if len(found) > 1:
        yield f"{source}: holds {PLAN} and {SCENARIO}; name the one that is meant"
    elif not found:
        yield (
            f"{source}: holds neither {PLAN}, which heteroplan plan SCENARIO --out DIR writes, nor "
            f"{SCENARIO}, which heteroplan init DIR writes; name a folder with one of them"
        )


def _place(source: str) -> str:
    """The plan.json of a folder that holds one; other names as they are."""
    plan = Path(source) / PLAN
    return str(plan) if source != "-" and plan.is_file() else source
