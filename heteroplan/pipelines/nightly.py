"""`nightly`: plan, export, verify, and keep the last good schedule where any of that fails."""

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.clock import Progress, Stop, never, now, silent
from heteroplan.entities.plan import Coverage
from heteroplan.errors import ExitCode, HeteroplanError, UsageError
from heteroplan.pipelines.shared.arguments import Name, keywords, names

if TYPE_CHECKING:
    from heteroplan.inputs import Outline
    from heteroplan.outputs.nightly.metrics import Metrics
    from heteroplan.outputs.nightly.shelf import Shelf
    from heteroplan.outputs.nightly.summary import Story, Written
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.pipelines.export import Before
    from heteroplan.pipelines.plan import PlanResult
    from heteroplan.schedules.formats import ExportOptions

KEEP = 30
"""Old nights that are kept, unless it is said otherwise."""
MOST_KEPT = 100_000
NOTHING = "none"
"""As `current`: nothing runs."""
FILES = {
    "crontab": "crontab",
    "json": "schedule.json",
    "router": "router.json",
    "systemd": "systemd/",
}
"""Files of formats, or the folder of several; the format's name and `.yaml` where not given."""
_NOT_GOOD = {Coverage.SHORT: ExitCode.NOT_COVERED, Coverage.UNDECIDED: ExitCode.UNDECIDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyOptions:
    """Keywords of `nightly`."""

    out: Name
    """Folder of the job: a folder for each night, and `current`, which names the one in force."""
    formats: str | Sequence[str] = ("keda",)
    """Other systems for which the schedule is written, as `export` has them (`--format`)."""
    overrides: str | Sequence[str] = ()
    """Fields of the scenario to set, such as `horizon.start=today` (`--set`)."""
    interval: str | None = None
    """Planning step, such as `15min`; that of the scenario where not given."""
    current: Name | None = None
    """CSV of what runs when the horizon starts, in place of the last good plan; `none` to start
    from nothing known."""
    gap: float = 0.01
    """Gap at which the search ends; 1 % is 0.01."""
    time_limit_s: float = 600.0
    """For loading and solving [s]."""
    solver: str = "HiGHS"
    """MIP and LP solver, as for `plan`."""
    export: "ExportOptions | None" = None
    """What the objects of the cluster are called, as for `export`."""
    targets: Name | None = None
    """YAML file of the objects that stand for pools, as for `export`."""
    least_given_up: int = 0
    """Replicas that objects keep which the plan no longer uses."""
    max_short_minutes: int = 0
    """Pool-minutes of a format that may have fewer replicas than planned."""
    max_unserved: float = 0.0
    """Share of requests that a schedule in force may leave unserved; 1 % is 0.01."""
    keep: int = KEEP
    """Old nights that are kept beside the one in force, one at least."""
    metrics: Name | None = None
    """File for node_exporter's textfile collector, written whatever comes of the run."""
    dry_run: bool = False
    """Whether all is made and checked, and nothing kept."""
    stop: Stop = never
    """Asked during the solve: whether the run should end, and the last schedule stay."""
    progress: Progress = silent
    """Told the best objective so far (or None), its bound (same unit) and the seconds spent."""


@dataclass(frozen=True, slots=True)
class NightlyResult:
    """What came of a run with a plan."""

    exit_code: ExitCode
    """`OK` where the schedule is in force, or would be but for a dry run."""
    summary: str
    """Markdown, as in summary.md."""
    folder: Path | None
    """Of the files; None after a dry run."""
    plan: "PlanResult"
    problem: str
    """Why the schedule is not in force; empty where it is."""
    removed: tuple[str, ...] = ()
    """Old nights that are gone."""


@keywords(NightlyOptions)
def nightly(scenario: Name, options: NightlyOptions) -> NightlyResult:
    """Plan a scenario, write the schedule, check it, and let it come into force; all or nothing.

    A plan that leaves more unserved than `max_unserved` does not come into force: its files are
    kept as `failed`, and the exit code of the result says why. Keywords are the fields of
    `NightlyOptions`. Raises UsageError, InputError, NoPlanError, LockedError.
    """
    from heteroplan.outputs.nightly.metrics import Metrics
    from heteroplan.outputs.nightly.shelf import Shelf
    from heteroplan.outputs.shared.files import try_file

    _check(scenario, options)
    shelf = Shelf(Path(options.out))
    if options.metrics is not None:
        try_file(Path(options.metrics))
    with shelf.locked():
        run = _Run(os.fspath(scenario), options, shelf, Metrics(str(shelf.folder.resolve())))
        try:
            result = run.made()
        except BaseException as error:
            with contextlib.suppress(HeteroplanError):
                run.write_metrics(_exit_code_of(error))
            raise
        run.write_metrics(result.exit_code)
        return result


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """Which night is in force again."""

    folder: Path
    """Of the night in force."""
    given_up: str
    """Name of the night that is in force no more."""
    notes: tuple[str, ...]
    """What to do now, one sentence each."""


def rollback(out: Name) -> RollbackResult:
    """Let the night be in force that was before the current one. Raises UsageError, LockedError."""
    from heteroplan.outputs.nightly.record import read_record
    from heteroplan.outputs.nightly.shelf import Shelf

    shelf = Shelf(Path(out))
    with shelf.locked():
        current = shelf.current()
        if current is None:
            raise UsageError(f"{shelf.folder}: no schedule is in force; there is nothing before it")
        night = shelf.before(current)
        if night is None:
            raise UsageError(
                f"{current}: the schedule before it is not there any more, or there was none"
            )
        shelf.switch(night)
        record = read_record(night)
    notes = [f"Apply {night.name} to the cluster: its files are in {shelf.folder / 'current'}."]
    if record.end is not None and record.end <= now():
        notes.append(
            f"It ended at {record.end.isoformat(timespec='minutes')}: plan today anew instead "
            "(--set horizon.start=today)."
        )
    return RollbackResult(night, current.name, tuple(notes))


def _check(scenario: Name, options: NightlyOptions) -> None:
    """Raises UsageError for what is wrong with options."""
    from heteroplan.pipelines.export import OF_ONE_MOMENT
    from heteroplan.schedules.formats import FORMATS

    problems = []
    if os.fspath(scenario) == "-":
        problems.append("a nightly job needs its scenario every night: name a file or a folder")
    if not 1 <= options.keep <= MOST_KEPT:
        problems.append(f"--keep {options.keep}: write a number from 1 to {MOST_KEPT:,}")
    if not 0 <= options.max_unserved <= 1:
        problems.append(f"--max-unserved {options.max_unserved:g}: write a share from 0 to 1")
    formats = names(options.formats)
    if not formats:
        problems.append("--format: name one at least, such as keda")
    for each in formats:
        if each not in FORMATS:
            problems.append(f"unknown export format {each!r}; known are {', '.join(FORMATS)}")
        if each in OF_ONE_MOMENT:
            problems.append(
                f"--format {each}: has the weights of one moment; write --format router, or "
                "export it from current/plan.json when it is applied"
            )
        if each == "csv":
            problems.append("--format csv: schedule.csv is written anyway; leave it out")
    if problems:
        raise UsageError(*problems)


def _exit_code_of(error: BaseException) -> int:
    if isinstance(error, HeteroplanError):
        return error.exit_code
    return ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.BUG


@dataclass(slots=True)
class _Run:
    """One run, with the lock."""

    scenario: str
    options: NightlyOptions
    shelf: "Shelf"
    metrics: "Metrics"
    began: float = field(default_factory=time.monotonic)
    last: "PlanDocument | None" = None
    """Plan in force before the new one begins."""
    last_folder: Path | None = None
    notes: tuple[str, ...] = ()

    def made(self) -> NightlyResult:
        """All stages in order; of a run that fails, what there was by then is put aside."""
        in_force = self.shelf.current()
        last_night = None if in_force is None else in_force.name
        with self.shelf.work() as work:
            try:
                outline = self._outline()
                self._find_last(in_force, outline)
                plan = self._planned(outline, work)
                written = self._exported(work)
                problem, code = self._judged(plan.document, written)
            except HeteroplanError as error:
                self._put_aside(work, str(error), last_night)
                raise
            from heteroplan.outputs.nightly.summary import Story

            story = Story(last_night, plan.document, self.last, written, self.notes, problem)
            return self._kept(work, plan, story, code)

    def _outline(self) -> "Outline":
        """Raises InputError with all problems of the scenario, those of demand included."""
        from heteroplan.inputs import load, read_outline

        given = names(self.options.overrides)
        outline = read_outline(self.scenario, overrides=given, interval=self.options.interval)
        if outline is None:
            load(self.scenario, overrides=given, interval=self.options.interval)
            raise AssertionError("a scenario without an outline was loaded")
        return outline

    def _find_last(self, in_force: Path | None, outline: "Outline") -> None:
        """The last good plan that begins before the new one; a run again may find a later one."""
        from heteroplan.outputs.plan.document.plan_json import read_plan

        night = in_force
        while night is not None:
            document = read_plan(str(night / "plan.json"))
            if document.horizon.start < outline.horizon.start:
                self.last, self.last_folder = document, night
                return
            night = self.shelf.before(night)

    def _planned(self, outline: "Outline", work: Path) -> "PlanResult":
        """The plan, its files written. Raises as `plan` does, and KeyboardInterrupt."""
        from heteroplan.pipelines.plan import plan

        options = self.options
        result = plan(
            self.scenario,
            overrides=outline.overrides,
            interval=options.interval,
            current=self._current(outline, work),
            gap=options.gap,
            time_limit_s=options.time_limit_s,
            folder=work,
            solver=options.solver,
            stop=options.stop,
            progress=options.progress,
        )
        if options.stop():
            raise KeyboardInterrupt
        result.write(work, placement=True)
        self._note_plan(result)
        return result

    def _current(self, outline: "Outline", work: Path) -> Name | None:
        """CSV of what runs when the plan begins."""
        from heteroplan.outputs.shared.files import write_all
        from heteroplan.pipelines.nightly_start import start_of

        if self.options.current is not None:
            return None if self.options.current == NOTHING else self.options.current
        if self.last is None or self.last_folder is None:
            return None
        start = start_of(self.last, self.last_folder / "placement.csv", outline)
        self.notes = start.notes
        write_all({work / "current.csv": start.csv})
        return work / "current.csv"

    def _judged(
        self, document: "PlanDocument", written: "tuple[Written, ...]"
    ) -> tuple[str, ExitCode]:
        """Why the schedule may not come into force, or nothing, and the exit code."""
        from heteroplan.outputs.plan.export_summary import verdict as carried_out
        from heteroplan.outputs.plan.sentences import verdict

        unserved = 1 - document.totals.served_fraction
        if not document.covered and unserved > self.options.max_unserved:
            assert document.coverage is not None
            return verdict(document), _NOT_GOOD[document.coverage]
        for each in written:
            if each.carried_out is not None and each.carried_out.is_too_short:
                most = self.options.max_short_minutes
                problem = f"{carried_out(each.carried_out)} --max-short-minutes allows {most:,}."
                return problem, ExitCode.NOT_COVERED
        return "", ExitCode.OK

    def _exported(self, work: Path) -> "tuple[Written, ...]":
        """Each format, written and carried out. Raises InputError and UsageError."""
        from heteroplan.outputs.nightly.summary import Written
        from heteroplan.outputs.shared.files import write_all
        from heteroplan.pipelines.export import files, made

        found = []
        for name in dict.fromkeys(names(self.options.formats)):
            exported = made(
                str(work / "plan.json"),
                format=name,
                options=self.options.export,
                targets=self._targets(name),
                before=self._before(name),
                max_short_minutes=self.options.max_short_minutes,
            )
            file = FILES.get(name, f"{name}.yaml")
            contents = {str(work / file): exported.text}
            if file.endswith("/"):
                contents = files(exported.text, format=name, folder=f"{work / file}/")
            write_all({Path(path): text for path, text in contents.items()})
            found.append(Written(file, exported.summary, exported.notes))
        self.metrics.labelled["short_minutes"] = (
            "format",
            {
                each.carried_out.format: each.carried_out.short_minutes
                for each in found
                if each.carried_out is not None
            },
        )
        return tuple(found)

    def _targets(self, name: str) -> str | None:
        """The file of targets, for formats that name objects."""
        from heteroplan.pipelines.export import ROUTERS
        from heteroplan.schedules.formats import SCHEDULE_FORMATS

        if self.options.targets is None or name not in (*SCHEDULE_FORMATS, *ROUTERS):
            return None
        return os.fspath(self.options.targets)

    def _before(self, name: str) -> "Before":
        """What ran before, for formats of schedules."""
        from heteroplan.pipelines.export import Before
        from heteroplan.schedules.formats import PLAN_FORMATS

        least = self.options.least_given_up
        if name in PLAN_FORMATS or self.options.current == NOTHING:
            return Before()
        if self.options.current is not None:
            return Before(current=os.fspath(self.options.current), least_given_up=least)
        if self.last_folder is None:
            return Before()
        return Before(previous=str(self.last_folder / "plan.json"), least_given_up=least)

    def _put_aside(self, work: Path, problem: str, last_night: str | None) -> None:
        """The files of a run that failed, with a summary."""
        from heteroplan.outputs.nightly.summary import Story, summary_md
        from heteroplan.outputs.shared.files import write_all

        if self.options.dry_run:
            return
        story = Story(last_night, notes=self.notes, problem=problem)
        write_all({work / "summary.md": summary_md(story, self.scenario)})
        self.shelf.put_aside(work)

    def _kept(
        self, work: Path, plan: "PlanResult", story: "Story", code: ExitCode
    ) -> NightlyResult:
        """The files in force, or put aside."""
        from heteroplan.outputs.nightly.record import RECORD, NightRecord
        from heteroplan.outputs.nightly.summary import summary_md
        from heteroplan.outputs.shared.files import write_all
        from heteroplan.schedules.timetable.recurrence import Recurrence, recurrence

        horizon = plan.document.horizon
        summary = summary_md(story, self.scenario)
        if self.options.dry_run:
            return NightlyResult(code, summary, None, plan, story.problem)
        record = NightRecord(
            scenario=plan.document.scenario,
            finished=now(),
            previous=story.last_night,
            start=horizon.start,
            end=horizon.boundaries()[-1] if recurrence(horizon) is Recurrence.DATED else None,
            formats=tuple(each.file for each in story.written),
        )
        write_all({work / "summary.md": summary, work / RECORD: record.text()})
        if code is not ExitCode.OK:
            aside = self.shelf.put_aside(work)
            return NightlyResult(code, summary, aside, plan, story.problem)
        night = self.shelf.publish(work, horizon.boundaries()[0].date())
        removed = self.shelf.prune(self.options.keep)
        return NightlyResult(code, summary, night, plan, "", removed)

    def _note_plan(self, result: "PlanResult") -> None:
        document = result.document
        self.metrics.values |= {
            "cost_usd": document.totals.cost_usd,
            "gpu_hours": document.totals.gpu_hours,
            "peak_gpus": document.totals.peak_gpus,
            "gap_ratio": document.solver.gap,
            "unserved_requests": document.solver.unserved_requests,
        }
        start = document.horizon.start
        ages = {
            load.name: (start - load.trace_end).total_seconds()
            for load in result.plan.scenario.workloads
            if load.trace_end is not None
        }
        self.metrics.labelled["trace_age_seconds"] = ("workload", ages)

    def write_metrics(self, exit_code: int) -> None:
        """What is known of the run, and of the schedule in force. Raises UsageError."""
        from heteroplan.outputs.nightly.record import read_record
        from heteroplan.outputs.shared.files import write_all

        if self.options.metrics is None or self.options.dry_run:
            return
        self.metrics.values |= {
            "last_run_timestamp_seconds": now().timestamp(),
            "exit_code": exit_code,
            "duration_seconds": time.monotonic() - self.began,
        }
        records = [read_record(night) for night in self.shelf.nights()]
        if records:
            last = max(each.finished for each in records)
            self.metrics.values["last_success_timestamp_seconds"] = last.timestamp()
        with contextlib.suppress(UsageError):
            if (current := self.shelf.current()) is not None:
                record = read_record(current)
                values = self.metrics.values
                values["schedule_start_timestamp_seconds"] = record.start.timestamp()
                if record.end is not None:
                    values["schedule_end_timestamp_seconds"] = record.end.timestamp()
        write_all({Path(self.options.metrics): self.metrics.text()})
