"""`plan`: a scenario to a plan with its proof, and the plan to files and frames."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.clock import Clock, Progress, Stop, never, silent
from heteroplan.errors import UsageError
from heteroplan.pipelines.replay import Progress as ReplayProgress
from heteroplan.pipelines.replay import silent as silent_replay
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names
from heteroplan.pipelines.shared.solving import SHOW_CPU_S, SolveEffort, check_effort, load, solved

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.plan import Coverage, Plan
    from heteroplan.inputs import Loaded
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.outputs.plan.solve_trace import SolveTrace
    from heteroplan.pipelines.replay import ReplayResult

WRITE_CPU_S, WORKLOAD_WRITE_CPU_S = 0.8, 4e-4
"""CPU seconds to write the files of a plan, and for each workload and interval in them: of fleets
of 50, 100 and 200 workloads about 2, 3 and 9 in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """Keywords of `plan`."""

    overrides: str | Sequence[str] = ()
    """Fields of the scenario to set, such as `workloads.chat.headroom=0.2` (`--set`)."""
    interval: str | None = None
    """Planning step, such as `15min`; that of the scenario where not given."""
    current: Name | None = None
    """CSV of what runs when the horizon starts, as placement.csv (or `-`); the day is then not
    cyclic."""
    gap: float = 0.01
    """Gap at which the search ends; 1 % is 0.01."""
    time_limit_s: float = 60.0
    """For all of it: loading, solving, and time to show and write the plan [s]."""
    folder: Name | None = None
    """Where `PlanResult.write` will put the files: made, and tried, before the solve, which leaves
    time for them."""
    method: str = "auto"
    """One of `planning.make.METHODS`."""
    solver: str = "HiGHS"
    """MIP and LP solver: HiGHS or one that PuLP finds here, such as gurobi, copt, cplex, cbc."""
    fewest_changes: bool = False
    """Whether the plan says what others with fewer changes of pool sizes cost."""
    trace: "SolveTrace | None" = None
    """Hears of the solve beside `progress`."""
    replay: bool = False
    """Whether the plan and the usual policies are then replayed on requests drawn from the
    demand; `time_limit_s` does not count this."""
    replay_duration_s: float | None = None
    """Replay so long a part of the horizon, the busiest one [s]; as much of it as has 300,000
    requests where not given."""
    stop: Stop = never
    """Asked during the solve: whether it should end with the best plan so far."""
    progress: Progress = silent
    """Told the best objective so far (or None), its bound (same unit) and the seconds spent."""
    replay_progress: "ReplayProgress" = silent_replay
    """Told a policy and the share of its replay that is over, 0 to 1."""


@dataclass(frozen=True)
class PlanResult:
    """A plan, and what it looks like as files and frames."""

    plan: "Plan"
    replay: "ReplayResult | None" = None
    """Policies on requests drawn from the demand, where that was asked for."""

    @cached_property
    def document(self) -> "PlanDocument":
        """The plan as plan.json holds it."""
        from heteroplan.outputs.plan.document.from_plan import document_of

        document = document_of(self.plan)
        if self.replay is None:
            return document
        from heteroplan.outputs.replay.savings import with_policies

        return with_policies(document, self.replay.replay)

    @property
    def coverage(self) -> "Coverage":
        """Whether demand is covered, proven not to be, or neither."""
        return self.plan.coverage

    def pools_frame(self) -> "DataFrame":
        """One row a pool: who serves what where, and how large it gets."""
        from heteroplan.outputs.plan.frames import pools_frame

        return pools_frame(self.document)

    def schedule_frame(self) -> "DataFrame":
        """One row a pool and interval: replicas and their GPUs."""
        from heteroplan.outputs.plan.frames import schedule_frame

        return schedule_frame(self.document)

    def workloads_frame(self) -> "DataFrame":
        """One row a workload and interval: demand, what is served, and capacity."""
        from heteroplan.outputs.plan.frames import workloads_frame

        return workloads_frame(self.document)

    def teams_frame(self) -> "DataFrame":
        """One row a team: GPU-hours and cost of its workloads."""
        from heteroplan.outputs.plan.frames import teams_frame

        return teams_frame(self.document)

    def savings_frame(self) -> "DataFrame":
        """One row a baseline: what it needs and what the plan saves against it."""
        from heteroplan.outputs.plan.frames import savings_frame

        return savings_frame(self.document)

    def engines_frame(self) -> "DataFrame":
        """One row a candidate engine, used or not: capacity of a replica and operating point."""
        from heteroplan.outputs.plan.frames import engines_frame

        return engines_frame(self.document)

    @staticmethod
    def file_names(*, placement: bool = False) -> tuple[str, ...]:
        """What `write` writes into the folder."""
        return ("plan.json", "schedule.csv", "report.html", *(["placement.csv"] * placement))

    def write(self, folder: Name, *, placement: bool = False) -> None:
        """Write plan.json, schedule.csv and report.html, and placement.csv on request.

        All or none, each with the plan's id; plan.json takes its name last. The folder is made.
        Raises UsageError.
        """
        from heteroplan.outputs.plan.document.plan_json import plan_text
        from heteroplan.outputs.plan.placement_csv import placement_csv
        from heteroplan.outputs.plan.report import report_html
        from heteroplan.outputs.plan.schedule_csv import schedule_csv
        from heteroplan.outputs.shared.files import try_folder, write_all

        out = Path(folder)
        try_folder(out)
        files: dict[Path, str | Iterable[str]] = {
            out / "schedule.csv": schedule_csv(self.document),
            out / "report.html": report_html(self.document),
        }
        if placement:
            files[out / "placement.csv"] = placement_csv(self.plan, self.document.plan_id or "")
        write_all({**files, out / "plan.json": plan_text(self.document)})


@keywords(PlanOptions)
def plan(scenario: Name, options: PlanOptions) -> PlanResult:
    """The plan of a scenario (a file, a folder that holds scenario.yaml, or `-`).

    All of it, loading included, ends within `time_limit_s`. A fleet too small is no error: see
    `PlanResult.coverage`. Keywords are the fields of `PlanOptions`.
    Raises UsageError, InputError, NoPlanError.
    """
    check_effort(options.gap, options.time_limit_s)
    check_limits(options, limits.PLAN)
    if options.replay_duration_s is not None and not options.replay:
        raise UsageError("--replay-duration: nothing is replayed; give --replay as well")
    clock = Clock(options.time_limit_s)
    loaded = load(
        os.fspath(scenario),
        overrides=names(options.overrides),
        interval=options.interval,
        current=None if options.current is None else os.fspath(options.current),
    )
    from heteroplan.optimize.solvers.solver import using
    from heteroplan.outputs.shared.files import try_folder

    trace, progress = options.trace, options.progress
    with using(options.solver):
        if options.folder is not None:
            try_folder(Path(options.folder))
        with trace or contextlib.nullcontext():
            effort = SolveEffort(
                gap=options.gap,
                clock=clock,
                tail_cpu_s=SHOW_CPU_S + (0.0 if options.folder is None else _writing_cpu_s(loaded)),
                stop=options.stop,
                progress=progress if trace is None else _both(progress, trace.update),
                compare=True,
                method=options.method,
                frontier=options.fewest_changes,
            )
            made = solved(loaded, effort)
    if not options.replay:
        return PlanResult(made)
    from heteroplan.pipelines.plan_replay import replayed_plan

    return PlanResult(made, replayed_plan(made, options))


def _both(one: Progress, other: Progress) -> Progress:
    def report(objective: float | None, bound: float, seconds: float) -> None:
        one(objective, bound, seconds)
        other(objective, bound, seconds)

    return report


def _writing_cpu_s(loaded: "Loaded") -> float:
    """CPU seconds that the files of a plan take."""
    scenario = loaded.scenario
    return WRITE_CPU_S + WORKLOAD_WRITE_CPU_S * len(scenario.workloads) * scenario.horizon.intervals
