"""`export`: the schedule of a plan for another system, and how that system carries it out."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.errors import ShortScheduleError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from heteroplan.entities.targets import TargetRule
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.outputs.plan.export_summary import ExportSummary
    from heteroplan.schedules.executors.deviation import Span
    from heteroplan.schedules.formats import ExportOptions
    from heteroplan.schedules.targets.rules import TargetRules
    from heteroplan.schedules.timetable.handover import Previous
    from heteroplan.schedules.timetable.schedule import Schedule

type TargetsFile = tuple[str, tuple[TargetRule, ...]]
"""A file of targets, by its name, and its rules."""

OF_ONE_MOMENT = ("httproute", "envoy", "prometheus-text")
"""Formats that have the weights or sizes of one moment, which `--at` picks."""
ROUTERS = ("httproute", "envoy", "router")
"""Formats of weights, which name the targets of pools and do not scale them."""

OF_SEVERAL_CLUSTERS = ("crontab", "gpustack", "prometheus", "prometheus-text", "systemd")
"""Formats of schedules that name the context of each object, or need none."""
NOT_CARRIED_OUT = ("prometheus", "prometheus-text")
"""Formats of schedules that only show them."""


@dataclass(frozen=True, slots=True)
class Before:
    """What ran before the plan begins, as files."""

    previous: str | None = None
    """A plan.json, that of the day before."""
    current: str | None = None
    """A CSV of the replicas that run and stay until the plan begins."""
    least_given_up: int = 0
    """Replicas that objects keep which the plan no longer uses."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A schedule that nothing is written of yet."""

    text: str
    summary: "ExportSummary | None"
    """None for formats that nothing carries out."""
    notes: tuple[str, ...] = ()
    """When to apply it, and which objects are no longer planned."""

    def check(self) -> None:
        """Raises ShortScheduleError where more minutes are short than the user allows."""
        if self.summary is not None and self.summary.is_too_short:
            raise ShortScheduleError(
                f"{self.summary.format}: {self.summary.short_minutes:,} pool-minutes have fewer "
                f"replicas than planned, more than --max-short-minutes "
                f"{self.summary.most_short_minutes:,} allows; nothing is written. Choose another "
                "format, or allow as many"
            )


def export(
    source: str,
    *,
    format: str,  # noqa: A002
    options: "ExportOptions | None" = None,
    targets: str | None = None,
    before: Before | None = None,
    max_short_minutes: int = 0,
) -> str:
    """The schedule of the plan.json at `source` (or `-`) for another system, as `made` makes it.

    Raises ShortScheduleError where the system would have too few replicas in more minutes than
    `max_short_minutes`, of all pools together, and what `made` raises.
    """
    found = made(
        source,
        format=format,
        options=options,
        targets=targets,
        before=before,
        max_short_minutes=max_short_minutes,
    )
    found.check()
    return found.text


def made(
    source: str,
    *,
    format: str,  # noqa: A002
    options: "ExportOptions | None" = None,
    targets: str | None = None,
    before: Before | None = None,
    max_short_minutes: int = 0,
) -> Exported:
    """The schedule of the plan.json at `source` (or `-`), and how its system carries it out.

    `targets` is a file of rules, in place of those of the plan's scenario. `before` is what ran
    before the plan begins. Raises InputError for the files and UsageError for the options.
    """
    from heteroplan.inputs.targets import load_targets
    from heteroplan.outputs.plan.document.plan_json import read_plan
    from heteroplan.schedules.formats import FORMATS, PLAN_FORMATS, ExportOptions
    from heteroplan.schedules.timetable.schedule import schedule_of

    if format not in FORMATS:
        raise UsageError(f"unknown export format {format!r}; known are {', '.join(FORMATS)}")
    chosen, ran = options or ExportOptions(), before or Before()
    _check_options(format, chosen, targets, ran, is_schedule=format not in PLAN_FORMATS)
    document = read_plan(source, with_inputs=ran.current is not None)
    previous = _ran_before(document, ran)
    file = None if targets is None else (targets, load_targets(targets))
    if format not in PLAN_FORMATS or format in ROUTERS:
        chosen = replace(
            chosen,
            rules=_rules(source, document, chosen, file),
            rules_before=_rules_before(ran, previous, chosen, file),
            format=format,
        )
    if format in PLAN_FORMATS:
        return Exported(PLAN_FORMATS[format](document, chosen), None)
    planned = schedule_of(document, chosen, previous, least_given_up=ran.least_given_up)
    found = _schedule(_in_one_cluster(planned, chosen), chosen, max_short_minutes)
    return replace(found, notes=(*_unknown_notes(file, document), *found.notes))


def _check_options(
    format: str,  # noqa: A002
    options: "ExportOptions",
    targets: str | None,
    before: Before,
    *,
    is_schedule: bool,
) -> None:
    problems = []
    if options.at != "now" and format not in OF_ONE_MOMENT:
        problems.append(
            f"--at {options.at}: {format} has the whole time; leave out --at, or write --format "
            f"{' or '.join(OF_ONE_MOMENT)}"
        )
    if targets is not None and not is_schedule and format not in ROUTERS:
        problems.append(f"--targets {targets}: {format} names no objects; leave it out")
    for option, file in (("--previous", before.previous), ("--current", before.current)):
        if file is not None and not is_schedule:
            problems.append(
                f"{option} {file}: {format} has the plan alone, without what ran before; leave it "
                "out"
            )
    if before.previous is not None and before.current is not None:
        problems.append(
            f"--current {before.current}: --previous says what ran before as well; keep one of them"
        )
    if problems:
        raise UsageError(*problems)


def _rules(
    source: str, document: "PlanDocument", options: "ExportOptions", file: "TargetsFile | None"
) -> "TargetRules | None":
    """Of the file, or else of the scenario that was planned; None where neither has any."""
    from heteroplan.schedules.formats import ExportOptions
    from heteroplan.schedules.targets.rules import TargetRules, wider_domains

    given = None if document.inputs is None else document.given
    name, rules = file or (f"{_shown(source)}: inputs", given.targets if given else ())
    if not rules:
        return None
    default = ExportOptions()
    doubled = [
        f"--{field.replace('_', '-')} {getattr(options, field)}: the targets of {name} name the "
        "objects as well; leave one of them out"
        for field in ("name_template", "target_kind", "target_api_version")
        if getattr(options, field) != getattr(default, field)
    ]
    if doubled:
        raise UsageError(*doubled)
    wider = {} if given is None else wider_domains(given.fleet.network)
    return TargetRules(rules, _shown(name), wider, options.namespace, options.context)


def _rules_before(
    before: Before,
    previous: "Previous | None",
    options: "ExportOptions",
    file: "TargetsFile | None",
) -> "TargetRules | None":
    """Of the file, or of the scenario of the plan before; None where neither has any."""
    from heteroplan.outputs.plan.document.plan_document import PlanDocument

    if before.previous is None or not isinstance(previous, PlanDocument):
        return None
    rules = _rules(before.previous, previous, options, file)
    if rules is None or file is None:
        return rules
    return replace(rules, source=f"{rules.source} for {_shown(before.previous)}")


def _shown(source: str) -> str:
    return "<stdin>" if source == "-" else source


def _in_one_cluster(schedule: "Schedule", options: "ExportOptions") -> "Schedule":
    """The objects of `only_context`. Raises UsageError where a file of several has no contexts."""
    only = options.only_context
    contexts = list(dict.fromkeys(entry.target.context for entry in schedule.entries))
    if only:
        if only not in contexts:
            known = ", ".join(filter(None, contexts)) or "none"
            raise UsageError(
                f"--only-context {only}: no object is in that context; there are {known}"
            )
        entries = tuple(entry for entry in schedule.entries if entry.target.context == only)
        return replace(schedule, entries=entries)
    if len(contexts) > 1 and options.format not in OF_SEVERAL_CLUSTERS:
        named = " and ".join(each or "the current one" for each in contexts)
        raise UsageError(
            f"{options.format}: the objects are in several contexts, {named}, and one file is "
            "applied in one; export one file for each, with --only-context NAME"
        )
    return schedule


def _unknown_notes(file: "TargetsFile | None", document: "PlanDocument") -> "Iterator[str]":
    """Names in a file of targets, which may be for several scenarios, that this plan lacks."""
    from heteroplan.inputs.checks.targets import unknown_names

    if file is not None and document.inputs is not None:
        for i, field, name, _ in unknown_names(file[1], document.given):
            what = field.replace("_", " ")
            yield f"{_shown(file[0])}: targets[{i}].{field}: the plan has no {what} {name}."


def _schedule(planned: "Schedule", options: "ExportOptions", most_short_minutes: int) -> Exported:
    from heteroplan.schedules.executors import EXECUTORS
    from heteroplan.schedules.executors.deviation import spans
    from heteroplan.schedules.formats import SCHEDULE_FORMATS
    from heteroplan.schedules.formats.prepared import prepared

    schedule = prepared(planned, options.format, options.hpa_tolerance)
    text = SCHEDULE_FORMATS[options.format](schedule, options)
    summary = None
    if options.format in EXECUTORS:
        # What goes on from before is applied in its window; else when it first asks for something.
        times = spans(schedule if planned.handover is None else planned)
        summary = _with_price(
            _carried_out(text, schedule, planned, times, options, most_short_minutes),
            planned,
            options,
        )
    unknown = options.format not in (*EXECUTORS, *NOT_CARRIED_OUT)
    notes = [f"{options.format}: not carried out and compared with the plan."] if unknown else []
    return Exported(text, summary, (*notes, *schedule.notes))


def _carried_out(
    text: str,
    schedule: "Schedule",
    plan: "Schedule",
    times: "Sequence[Span]",
    options: "ExportOptions",
    most_short_minutes: int,
) -> "ExportSummary":
    """What the format's system does with the text at these times."""
    from heteroplan.outputs.plan.export_summary import ExportSummary, TargetDeviation
    from heteroplan.schedules.executors import EXECUTORS
    from heteroplan.schedules.executors.deviation import deviation

    executor = EXECUTORS[options.format]
    found = [deviation(text, executor, schedule, span, plan) for span in times]
    zone = ZoneInfo(schedule.document.horizon.timezone)
    pools = []
    for entry, each in zip(
        schedule.entries, zip(*(one.entries for one in found), strict=True), strict=True
    ):
        first = min((one.first_short for one in each if one.first_short), default=None)
        pools.append(
            TargetDeviation(
                kind=entry.target.kind,
                name=entry.target.full_name,
                minutes=sum(one.minutes for one in each),
                short_minutes=sum(one.short_minutes for one in each),
                over_minutes=sum(one.over_minutes for one in each),
                worst_short=max(one.most_short for one in each),
                worst_over=max(one.most_over for one in each),
                first_short=first.astimezone(zone) if first else None,
            )
        )
    names = [span.name for span in times]
    return ExportSummary(options.format, tuple(pools), most_short_minutes, _in_words(names))


def _in_words(names: "Sequence[str]") -> str:
    """The times that were carried out, by the names of their spans."""
    first, *others = names or ["plan"]
    whole = {"plan": "the whole schedule", "day": "a day", "week": "a week"}[first]
    if not others:
        return whole
    days = "a day" if len(others) == 1 else f"{len(others)} days"
    return f"{whole}, and around {days} on which clocks change"


def _with_price(
    summary: "ExportSummary", planned: "Schedule", options: "ExportOptions"
) -> "ExportSummary":
    """With what the tolerance of autoscalers costs, where the format goes through them."""
    from heteroplan.schedules.formats.prepared import BY_METRIC, tolerance_cost

    if options.format not in BY_METRIC:
        return summary
    cost = tolerance_cost(planned, options.format, options.hpa_tolerance)
    return replace(
        summary,
        tolerance=options.hpa_tolerance,
        extra_gpu_hours=cost.gpu_hours,
        extra_usd=cost.usd,
    )


def _ran_before(document: "PlanDocument", before: Before) -> "Previous | None":
    from heteroplan.outputs.plan.document.plan_json import read_plan

    if before.previous is not None:
        return read_plan(before.previous)
    if before.current is None:
        return None
    from heteroplan.errors import InputError, InputProblem
    from heteroplan.inputs.tables.current import MAX_BYTES, read_current
    from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown

    path = STDIN if before.current == "-" else Path(before.current)
    try:
        text = Files().text(path, MAX_BYTES)
    except UnreadableError as error:
        raise InputError([InputProblem(shown(path), 0, "", "", str(error))]) from None
    folder = None if path == STDIN else path.parent
    return read_current(text, shown(path), document.given, folder)


def files(text: str, *, format: str, folder: str) -> dict[str, str]:  # noqa: A002
    """The files of an export, by their paths in a folder. Raises UsageError for other formats."""
    from heteroplan.outputs.shared.files import try_folder
    from heteroplan.schedules.formats.systemd import unit_files

    if format != "systemd":
        raise UsageError(f"--out {folder} is a folder, and {format} is one file; name a file")
    try_folder(Path(folder))
    return {f"{folder}{name}": content for name, content in unit_files(text).items()}
