"""What each command does, its stages in order: the same from Python with one call.

Only light modules are imported at the top; each stage brings its own (start-up time).
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.clock import LEAST_SHARE, Clock
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import (
    ExitCode,
    HeteroplanError,
    NoPlanError,
    UsageError,
)
from heteroplan.pipelines.inputs import (
    DemandResult,
    FitResult,
    demand,
    fit,
    fit_doubts,
    fit_modelled,
    profile,
    ready_profiles,
    replicas,
)

if TYPE_CHECKING:
    from heteroplan.entities.plan import Plan
    from heteroplan.inputs import Loaded
    from heteroplan.outputs.exporters import ExportOptions
    from heteroplan.outputs.plan.check_report import CheckRow, Headroom
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.outputs.plan.explanation import Explanation
    from heteroplan.outputs.plan.solve_trace import SolveTrace

__all__ = [
    "CheckResult",
    "DemandResult",
    "FitResult",
    "check",
    "demand",
    "explain",
    "export",
    "fit",
    "fit_doubts",
    "fit_modelled",
    "load",
    "plan",
    "profile",
    "ready_profiles",
    "replicas",
    "schema",
    "try_file",
    "write_plan",
    "writing",
]

type Stop = Callable[[], bool]
"""True when a solve should end with the best plan so far."""
type Progress = Callable[[float | None, float, float], None]
"""Told the best objective so far (or None), its bound (same unit) and the seconds spent."""

CHECK_GAP = 0.05
"""`check` asks whether demand is covered; what it costs need not be known to the last percent."""
ANY_GAP = 1.0
"""Ends a solve at the first plan that covers all demand."""
SHOW_CPU_S, WRITE_CPU_S, GPU_WRITE_CPU_S = 0.15, 0.6, 1e-6
"""CPU seconds to show a plan, to write its files, and for each GPU and interval in them."""
PLAN_SHARE = 0.6
"""Of a scenario's time in `check`, that its plan may take where headroom is looked for as well."""
HEADROOM_STEP = 0.01
"""A headroom that falls short is looked for to 1 % of the grown demand."""
MOST_HEADROOM = 100.0
"""Most that may be asked for: 101 times the demand."""


def never() -> bool:
    """A `Stop` that lets a solve run to its own end."""
    return False


def silent(objective: float | None, bound: float, seconds: float) -> None:
    """A `Progress` that tells nobody."""


def plan(
    scenario: str,
    *,
    overrides: Sequence[str] = (),
    interval: str | None = None,
    current: str | None = None,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    out: Path | None = None,
    method: str = "auto",
    solver: str = "HiGHS",
    trace: "SolveTrace | None" = None,
    stop: Stop = never,
    progress: Progress = silent,
) -> "Plan":
    """The plan of a scenario (a file, a folder that holds scenario.yaml, or `-`).

    All of it, loading included, ends within `time_limit_s`, with some of it left for writing.
    `current` is a CSV of what runs when the horizon starts (or `-`); the day is then not cyclic.
    `out` is a folder that `write_plan` will be given: made, and tried, before the solve.
    `method` is one of `plan.make.METHODS`, `solver` a name that `optimize.solver.using` takes;
    `trace`, beside `progress`, hears of the solve. Raises UsageError, InputError, NoPlanError.
    """
    _check_effort(gap, time_limit_s)
    clock = Clock(time_limit_s)
    loaded = load(scenario, overrides=overrides, interval=interval, current=current)
    from heteroplan.optimize.solvers.solver import using
    from heteroplan.outputs.shared.files import try_folder

    with using(solver):
        if out is not None:
            try_folder(out)
        with trace or contextlib.nullcontext():
            told = progress if trace is None else _both(progress, trace.update)
            tail_cpu_s = SHOW_CPU_S + (0.0 if out is None else _writing_cpu_s(loaded))
            return _planned(loaded, gap, clock, tail_cpu_s, stop, told, compare=True, method=method)


def load(
    scenario: str,
    *,
    overrides: Sequence[str] = (),
    interval: str | None = None,
    current: str | None = None,
) -> "Loaded":
    """The scenario and what each engine serves in it. Raises InputError with every problem."""
    from heteroplan import inputs

    return inputs.load(scenario, overrides=overrides, interval=interval, current=current)


def write_plan(
    plan: "Plan",
    folder: Path,
    *,
    placement: bool = False,
    document: "PlanDocument | None" = None,
) -> None:
    """plan.json, schedule.csv and report.html, and placement.csv on request.

    `document` is that of the plan, where it is made already. All or none, each with the plan's id;
    plan.json takes its name last. Raises UsageError.
    """
    from heteroplan.outputs.plan.document.from_plan import document_of
    from heteroplan.outputs.plan.document.plan_json import plan_text
    from heteroplan.outputs.plan.placement_csv import placement_csv
    from heteroplan.outputs.plan.report import report_html
    from heteroplan.outputs.plan.schedule_csv import schedule_csv
    from heteroplan.outputs.shared.files import write_all

    document = document or document_of(plan)
    files: dict[Path, str | Iterable[str]] = {
        folder / "schedule.csv": schedule_csv(document),
        folder / "report.html": report_html(document),
    }
    if placement:
        files[folder / "placement.csv"] = placement_csv(plan, document.plan_id or "")
    write_all({**files, folder / "plan.json": plan_text(document)})


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `check` found."""

    rows: "tuple[CheckRow, ...]"
    exit_code: ExitCode
    """The first that any scenario has of: wrong input, not covered, undecided, covered."""


def check(
    scenarios: Sequence[str],
    *,
    overrides: Sequence[str] = (),
    min_headroom: float = 0.0,
    time_limit_s: float = 60.0,
    stop: Stop = never,
    progress: Progress = silent,
) -> CheckResult:
    """Whether each fleet covers its forecast, and all of it grown by `min_headroom`.

    Headroom is the greatest h at which the fleet still covers (1 + h) times the demand of every
    workload in every interval, the scenario's own `headroom` included. A row shows a lower limit
    of it: `min_headroom` where that is reached, or else the greatest growth that a plan covers,
    found to `HEADROOM_STEP` of the grown demand. A scenario that cannot be loaded or planned is a
    row with its error. All scenarios together end within `time_limit_s`, each with an equal part
    of what those before it left. Raises KeyboardInterrupt when `stop` ended one.
    """
    from heteroplan.inputs.scenario import located
    from heteroplan.outputs.plan.check_report import error_row
    from heteroplan.reading.input_files import shown

    _check_effort(CHECK_GAP, time_limit_s)
    if not 0 <= min_headroom <= MOST_HEADROOM:
        raise UsageError(
            f"--min-headroom {min_headroom:g}: write a share from 0 to {MOST_HEADROOM:g}; "
            "10 % is 0.1"
        )
    whole = Clock(time_limit_s)
    rows: list[CheckRow] = []
    codes: list[ExitCode] = []
    for i, name in enumerate(scenarios):
        began_s = time.monotonic()
        least_s = LEAST_SHARE * time_limit_s / len(scenarios)
        clock = Clock(max(whole.left_s() / (len(scenarios) - i), least_s))
        file = shown(located(name))
        try:
            row = _checked(name, file, overrides, min_headroom, clock, stop, progress)
            codes.append(row.exit_code)
        except HeteroplanError as error:
            row = error_row(name, file, error)
            codes.append(error.exit_code)
        if stop():
            raise KeyboardInterrupt
        rows.append(replace(row, seconds=time.monotonic() - began_s))
    first = (ExitCode.BAD_INPUT, ExitCode.NOT_COVERED, ExitCode.UNDECIDED)
    return CheckResult(tuple(rows), next((code for code in first if code in codes), ExitCode.OK))


def _checked(
    name: str,
    file: str,
    overrides: Sequence[str],
    min_headroom: float,
    clock: Clock,
    stop: Stop,
    progress: Progress,
) -> "CheckRow":
    """The row of one scenario, in the time of `clock`."""
    from heteroplan.outputs.plan.check_report import check_row
    from heteroplan.outputs.plan.document.from_plan import document_of

    loaded = load(name, overrides=overrides)
    planning = replace(clock, seconds=clock.seconds * (PLAN_SHARE if min_headroom > 0 else 1.0))
    planned = _planned(loaded, CHECK_GAP, planning, SHOW_CPU_S, stop, progress)
    headroom = None
    if min_headroom > 0 and planned.covered:
        headroom = _headroom(loaded, min_headroom, clock, stop)
    return check_row(document_of(planned), file, headroom=headroom, min_headroom=min_headroom)


def export(source: str, *, format: str, options: "ExportOptions | None" = None) -> str:  # noqa: A002
    """The schedule of the plan.json at `source` (or `-`) for another system.

    Raises InputError for the plan and UsageError for the format and its options.
    """
    from heteroplan.outputs.exporters import EXPORTERS, ExportOptions
    from heteroplan.outputs.plan.document.plan_json import read_plan

    if format not in EXPORTERS:
        raise UsageError(f"unknown export format {format!r}; known are {', '.join(EXPORTERS)}")
    return EXPORTERS[format](read_plan(source), options or ExportOptions())


def explain(source: str, *, workload: str | None = None) -> "Explanation":
    """What limits the plan.json at `source` (or `-`), or one workload of it.

    Raises InputError for the plan and UsageError for a workload that it does not have.
    """
    from heteroplan.outputs.plan.document.plan_json import read_plan
    from heteroplan.outputs.plan.explanation import explain

    return explain(read_plan(source), workload)


def writing(texts: Mapping[Path, str]) -> contextlib.AbstractContextManager[None]:
    """A block that writes each text to its file when it ends well, or none. Raises UsageError."""
    from heteroplan.outputs.shared.files import written_with

    return written_with(texts)


def try_file(path: Path) -> None:
    """Raises UsageError where it is plain that `path` cannot be written."""
    from heteroplan.outputs.shared import files

    files.try_file(path)


def schema(kind: str) -> str:
    """JSON Schema of `scenario`, `fleet`, `profile` or `plan`. Raises UsageError."""
    from pydantic import BaseModel

    from heteroplan.inputs.schemas import FILES
    from heteroplan.outputs.plan.document.plan_document import PlanDocument

    models: dict[str, type[BaseModel]] = {**FILES, "plan": PlanDocument}
    if kind not in models:
        raise UsageError(f"unknown schema {kind!r}; known are {', '.join(models)}")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **models[kind].model_json_schema(),
    }
    return json.dumps(document, indent=2) + "\n"


def _check_effort(gap: float, time_limit_s: float) -> None:
    if not 0 <= gap <= 1:
        raise UsageError(f"--gap {gap:g}: write a share between 0 and 1; 1 % is 0.01")
    if not 0 < time_limit_s < float("inf"):
        raise UsageError(f"--time-limit {time_limit_s:g}: write seconds, more than 0")


def _both(one: Progress, other: Progress) -> Progress:
    def told(objective: float | None, bound: float, seconds: float) -> None:
        one(objective, bound, seconds)
        other(objective, bound, seconds)

    return told


def _writing_cpu_s(loaded: "Loaded") -> float:
    """CPU seconds that the files of a plan take."""
    gpus = loaded.scenario.fleet.gpus
    return WRITE_CPU_S + GPU_WRITE_CPU_S * gpus * loaded.scenario.horizon.intervals


def _planned(
    loaded: "Loaded",
    gap: float,
    clock: Clock,
    tail_cpu_s: float,
    stop: Stop,
    progress: Progress,
    *,
    compare: bool = False,
    method: str = "auto",
) -> "Plan":
    """The plan, with time left on the clock for what `tail_cpu_s` comes after it."""
    from heteroplan.planning import make_plan

    slowness = clock.slowness()
    left_s = clock.left_s() - clock.reserve(tail_cpu_s, slowness)
    try:
        return make_plan(
            loaded.scenario,
            loaded.candidates,
            gap=gap,
            time_limit_s=max(left_s, LEAST_SHARE * clock.seconds),
            stop=stop,
            progress=progress,
            compare=compare,
            method=method,
            slowness=slowness,
        )
    except NoPlanError:
        if stop():
            raise KeyboardInterrupt from None
        raise


def _headroom(loaded: "Loaded", asked: float, clock: Clock, stop: Stop) -> "Headroom":
    """What is known in the time of `clock` of growth up to `asked`; none at all is covered."""
    from heteroplan.entities.plan import Coverage
    from heteroplan.outputs.plan.check_report import Headroom

    slowness = clock.slowness()

    def found(growth: float) -> Coverage:
        grown = replace(loaded, scenario=_grown(loaded.scenario, growth))
        half = Clock(max(0.0, clock.left_s() - clock.reserve(SHOW_CPU_S, slowness)) / 2)
        try:
            return _planned(grown, ANY_GAP, half, 0.0, stop, silent).coverage
        except NoPlanError:
            return Coverage.UNDECIDED

    whole = found(asked)
    if whole is Coverage.COVERED:
        return Headroom(asked, disproved=False)
    known, unknown = 0.0, asked
    while (1 + unknown) / (1 + known) > 1 + HEADROOM_STEP and clock.left_s() > 0:
        middle = math.sqrt((1 + known) * (1 + unknown)) - 1
        if found(middle) is Coverage.COVERED:
            known = middle
        else:
            unknown = middle
    return Headroom(math.floor(known * 1000) / 1000, disproved=whole is Coverage.SHORT)


def _grown(scenario: Scenario, growth: float) -> Scenario:
    """The same scenario with (1 + `growth`) times the demand."""
    workloads = tuple(
        replace(
            workload,
            demand=tuple(
                replace(interval, rps=interval.rps * (1 + growth)) for interval in workload.demand
            ),
        )
        for workload in scenario.workloads
    )
    return replace(scenario, workloads=workloads)
