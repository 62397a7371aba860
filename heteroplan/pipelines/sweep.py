"""`sweep`: a scenario with some of its inputs varied, planned case by case, as one table."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.clock import Stop, never
from heteroplan.errors import ExitCode, UsageError
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names
from heteroplan.pipelines.shared.executors.flow import Told, untold
from heteroplan.pipelines.shared.sampling import Sampling, sampled_cases
from heteroplan.pipelines.shared.solving import check_effort
from heteroplan.pipelines.shared.uncertainty import KINDS, kinds_of
from heteroplan.studies.case import Case, Value, Variation
from heteroplan.studies.study import Study, read_study, refuse_equal, variation

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.plan import Plan
    from heteroplan.outputs.sweep.document import SweepDocument
    from heteroplan.pipelines.shared.case_tasks import CaseTasks
    from heteroplan.pipelines.shared.executors.executor import Executor
    from heteroplan.studies.result import CaseResult

type Done = Callable[[int, int, int], None]
"""Told how many cases are done, how many of them were known before, and of how many."""

GAP, STEPS, CASE_LIMIT_S = 0.01, 20, 600.0
"""Of a case, where nothing else is asked for."""


def undisturbed(done: int, known: int, of: int) -> None:
    """A `Done` that tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """Keywords of `sweep`."""

    vary: str | Sequence[str] | Mapping[str, Sequence[Value]] = ()
    """Inputs and their values: `["demand=1,1.2,1.5", "fleet.a-s1-l1.h100x8=6..12"]` (`--vary`), or
    a mapping of paths to lists of values."""
    study: Name | None = None
    """A YAML file of a larger study (or `-`): `vary` and `overrides` are added to what it says."""
    sensitivity: bool = False
    """Instead of `vary`: demand, each price, the speed of each engine and each number of nodes, one
    at a time, a tenth less and a tenth more."""
    overrides: str | Sequence[str] = ()
    """Fields to set in every case, such as `workloads.chat.headroom=0.2` (`--set`)."""
    interval: str | None = None
    """Planning step, such as `15min`; that of the study or the scenario where not given."""
    gap: float | None = None
    """Gap at which the search of a case ends; that of the study, or 0.01, where not given."""
    steps: int | None = None
    """Steps after which the search of a case ends, the same on every machine; those of the study,
    or 20, where not given."""
    time_limit_s: float = CASE_LIMIT_S
    """For each case: a safety, since results depend on the machine where the clock ends one [s]."""
    start_from_first: bool = False
    """Whether the search of every case begins at the plan of the first one as well."""
    solver: str = "HiGHS"
    """MIP and LP solver: HiGHS or one that PuLP finds here, such as gurobi, copt, cplex, cbc."""
    jobs: int = 1
    """Cases that are planned at a time, a process each."""
    dask: str | None = None
    """Address of a Dask scheduler whose workers plan the cases, such as `tcp://host:8786`."""
    ray: str | None = None
    """Address of a Ray cluster whose workers plan the cases, such as `ray://host:10001`."""
    folder: Name | None = None
    """Where the result of each case is kept as soon as it is there; those that are found there are
    not planned again."""
    samples: int | None = None
    """Samples of what is uncertain, each of which is a case of every combination."""
    seed: int = 1
    """Of the samples."""
    sampled: str | Sequence[str] = KINDS
    """What is drawn: `demand`, `profiles`, `failures`, as far as something says how uncertain each
    is."""
    stop: Stop = never
    """Asked during the sweep: whether it should end with what is done."""
    done: Done = undisturbed
    told: Told = untold
    """Told what the sweep waits for, such as workers of a cluster."""


@dataclass(frozen=True)
class SweepResult:
    """The table of a study, and what it looks like as files and frames."""

    document: "SweepDocument"
    """As sweep.json holds it."""
    interrupted: bool = False
    """Whether cases are missing because `stop` ended the sweep."""

    @property
    def cases(self) -> "tuple[CaseResult, ...]":
        """In the order of the study."""
        return self.document.cases

    @cached_property
    def exit_code(self) -> ExitCode:
        """2 where a case has wrong input, 3 where one has no answer, 0 where all have."""
        from heteroplan.studies.result import exit_code

        return exit_code(self.cases)

    def frame(self) -> "DataFrame":
        """One row a case: what was set, and what its plan came to."""
        from heteroplan.outputs.sweep.table import cases_frame

        return cases_frame(self.document)

    @staticmethod
    def file_names() -> tuple[str, ...]:
        """What `write` writes into the folder."""
        return ("cases.csv", "cases.parquet", "sweep.json", "report.html")

    def json_text(self) -> str:
        """The document as text."""
        from heteroplan.outputs.plan.document.parts import document_text

        return document_text(self.document)

    def write(self, folder: Name) -> None:
        """Write cases.csv, cases.parquet, sweep.json and report.html: all or none.

        Raises UsageError.
        """
        from heteroplan.outputs.shared.files import try_folder, write_all
        from heteroplan.outputs.sweep.page import sweep_html
        from heteroplan.outputs.sweep.table import cases_csv, parquet_writer

        out = Path(folder)
        try_folder(out)
        write_all(
            {
                out / "cases.csv": cases_csv(self.document),
                out / "cases.parquet": parquet_writer(self.document),
                out / "sweep.json": self.json_text(),
                out / "report.html": sweep_html(self.document),
            }
        )


@keywords(SweepOptions)
def sweep(scenario: Name, options: SweepOptions) -> SweepResult:
    """The plans of a scenario with every combination of values of some of its inputs, as a table.

    A case that cannot be loaded or planned is a row with its error; a path or value that no case
    can have is an InputError. Keywords are the fields of `SweepOptions`.
    Raises UsageError and InputError.
    """
    from heteroplan.optimize.solvers.solver import using
    from heteroplan.outputs.sweep.document import document_of, with_samples
    from heteroplan.pipelines.shared.case_tasks import CaseTasks
    from heteroplan.pipelines.shared.executors.choose import executor_of
    from heteroplan.pipelines.shared.result_store import kept_cases
    from heteroplan.studies.case import Search

    study = _study(options)
    gap = next(each for each in (options.gap, study.gap, GAP) if each is not None)
    check_effort(gap, options.time_limit_s)
    check_limits(options, limits.SWEEP)
    sampling = _sampling(options)
    steps = _first(options.steps, study.steps, STEPS)
    search = Search(gap=gap, steps=steps, solver=options.solver)
    tasks = CaseTasks(
        os.fspath(scenario),
        (*Case(0, study.fixed).overrides, *names(options.overrides)),
        _first(options.interval, study.interval),
        _sampled(study.cases(), sampling),
        search,
        options.time_limit_s,
        kept_cases(options.folder),
        sampling,
    )
    base = tasks.base()
    notes: tuple[str, ...] = ()
    if options.sensitivity:
        from heteroplan.studies.sensitivity import sensitivity

        chosen = sensitivity(base)
        notes = chosen.notes
        tasks.cases = _sampled(chosen.cases, sampling)
    tasks.refuse_unknown(study)
    where = (options.jobs, options.dask, options.ray, options.told)
    with using(options.solver), executor_of(*where) as executor:
        found, interrupted = _run(tasks, executor, options)
    results = [found[place] for place in sorted(found)]
    document = document_of(base.scenario, study, search, results, notes)
    if sampling is not None:
        document = with_samples(document, sampling.seed, sampling.count, tasks.sample_notes)
    return SweepResult(document, interrupted)


def _sampled(cases: Sequence[Case], sampling: Sampling | None) -> Sequence[Case]:
    """Each of them once, or as often as samples are drawn."""
    return cases if sampling is None else sampled_cases(cases, sampling.count)


def _sampling(options: SweepOptions) -> Sampling | None:
    if options.samples is None:
        return None
    kinds = names(options.sampled)
    kinds_of(kinds)
    return Sampling(count=options.samples, seed=options.seed, kinds=kinds)


def _study(options: SweepOptions) -> Study:
    """Of the file, with what is varied beside it. Raises UsageError and InputError."""
    study = Study(variations=())
    if options.study is not None:
        study = read_study(os.fspath(options.study))
    found, problems = list(study.variations), []
    if isinstance(options.vary, Mapping):
        found += [Variation(path, tuple(values)) for path, values in options.vary.items()]
    else:
        for text in names(options.vary):
            try:
                found.append(variation(text))
            except ValueError as error:
                problems.append(f"--vary: {error}")
    study = replace(study, variations=tuple(found))
    if not problems:
        try:
            for each in study.variations:
                refuse_equal(each.path, each.values)
            study.cases()
        except ValueError as error:
            problems.append(f"--vary: {error}")
    varied = found or study.named or options.samples
    if options.sensitivity and varied:
        remedy = "leave --vary, --samples and such studies out"
        problems.append(f"--sensitivity: chooses what is varied; {remedy}")
    if not (varied or problems or options.sensitivity):
        problems.append("nothing is varied; write for example --vary demand=1,1.2,1.5")
    if problems:
        raise UsageError(*problems)
    return study


def _first[T](*values: T | None) -> T | None:
    """That is given."""
    return next((each for each in values if each is not None), None)


def _run(
    tasks: "CaseTasks", executor: "Executor", options: SweepOptions
) -> "tuple[dict[int, CaseResult], bool]":
    """Results by place, and whether some are missing because `stop` said so."""
    from heteroplan.pipelines.shared.case_work import case_result
    from heteroplan.pipelines.shared.executors.executor import Lost
    from heteroplan.studies.result import failed

    found: dict[int, CaseResult] = {}
    options.done(0, 0, len(tasks))
    try:
        starts = _starts(tasks, executor, options) if options.start_from_first else ()
        work = partial(case_result, starts=starts) if starts else case_result
        with closing(executor.run(work, tasks, options.stop)) as ended:
            for place, result in ended:
                if isinstance(result, Lost):
                    result = failed(tasks.cases[place], "", result.reason)
                elif place not in tasks.known:
                    tasks.keep(result)
                found[place] = result
                options.done(len(found), len(tasks.known), len(tasks))
    except KeyboardInterrupt:
        return found, True
    return found, False


def _starts(tasks: "CaseTasks", executor: "Executor", options: SweepOptions) -> "tuple[Plan, ...]":
    """The plan of the first case, which a sweep that goes on makes again; none where it fails."""
    from heteroplan.pipelines.shared.case_work import planned_case
    from heteroplan.pipelines.shared.executors.executor import Lost

    for _, ended in executor.run(planned_case, [tasks.first()], options.stop):
        if isinstance(ended, Lost):
            continue
        result, plan = ended
        if plan is not None:
            tasks.begun = result
            return (plan,)
    return ()
