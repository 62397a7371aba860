"""A trace that a scenario names -> the demand of its horizon."""

import glob
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.entities.scenario import Horizon
from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.forecasting.traces.bad_rows import parse_limit
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.pasts import Pasts
from heteroplan.inputs.schemas.demand import EventsFile, EventSpec, TraceSpec
from heteroplan.inputs.tables.align import aligned
from heteroplan.inputs.tables.demand_csv import DemandSeries
from heteroplan.reading.durations import parse_duration_s, shown_duration
from heteroplan.reading.input_files import Files, UnreadableError, shown
from heteroplan.reading.input_size import MOST_BYTES, parse_size
from heteroplan.reading.local_time import localized
from heteroplan.reading.yaml_source import Document, FieldPath, parse_document

if TYPE_CHECKING:
    from heteroplan.forecasting.curve.curve import CurveOptions
    from heteroplan.forecasting.curve.events import Event
    from heteroplan.forecasting.curve.history import History

US_PER_S = 1_000_000
S_PER_DAY = 86_400
_OPTION = re.compile(r"--([a-z-]+)")
"""An option of `heteroplan demand`, which the scenario writes as a field."""
_OF_THE_CURVE = {"quantile", "growth", "weekdays", "trend", "max_class_error", "max_trace_age"}
"""Fields of a trace that its past does not depend on."""


def trace_demand(
    spec: TraceSpec,
    document: Document,
    field: FieldPath,
    folder: Path,
    files: Files,
    horizon: Horizon,
    pasts: Pasts,
    name: str,
) -> DemandSeries:
    """The planned demand of the horizon's days of the workload `name`.

    Raises InputError: of the trace, or of the field where its options do not fit the trace.
    """
    from heteroplan.forecasting.curve.curve import planned
    from heteroplan.forecasting.traces.source import expanded

    zone = ZoneInfo(horizon.timezone)
    try:
        found = expanded([_located(folder, name) for name in spec.trace])
        for path in found:
            files.mark(Path(path))
    except InputError as error:
        problems = [_of_file(document, field, spec, x.file, x.remedy) for x in error.problems]
        raise InputError(problems) from None
    except UnreadableError as error:
        raise InputError([_of_file(document, field, spec, path, str(error))]) from None
    occurrences = events(spec.events, zone, document, (*field, "events"))
    try:
        start = localized(spec.start, zone) if spec.start else None
    except ValueError as error:
        raise InputError([document.problem((*field, "start"), str(error))]) from None
    try:
        read = partial(_past, spec, found, start, horizon, occurrences)
        history = pasts.read(_key(spec, found, files, horizon), read)
        options = _curve_options(spec, horizon, occurrences)
        curve = planned(history, options)
        pasts.used[name] = history, options
    except InputError as error:
        named = [
            replace(each, file=shown(Path(each.file)), remedy=_with_fields(each.remedy))
            for each in error.problems
        ]
        raise InputError(named) from None
    except UsageError as error:
        remedy = _with_fields(str(error))
        raise InputError([document.problem((*field, "trace"), remedy)]) from None
    end = _trace_end(history, zone)
    if end is not None and spec.max_trace_age is not None:
        _check_age(spec.max_trace_age, end, horizon, document, field)
    return DemandSeries(
        int(curve.rows[0].start.timestamp()),
        curve.interval_s,
        tuple(row.rps for row in curve.rows),
        tuple(row.classes for row in curve.rows) if curve.rows[0].classes else None,
        tuple(map(_with_fields, curve.notes)),
        curve.bursts.arrivals,
        end,
    )


def forecast_rps(
    history: "History", options: "CurveOptions", horizon: Horizon
) -> tuple[float, ...]:
    """[T] rates of a horizon that a past lets expect, without growth and headroom of a scenario."""
    from heteroplan.forecasting.curve.curve import planned

    curve = planned(history, options)
    rates = tuple(row.rps for row in curve.rows)
    series = DemandSeries(int(curve.rows[0].start.timestamp()), curve.interval_s, rates)
    return tuple(each.rps for each in aligned(series, horizon))


def _key(spec: TraceSpec, paths: list[str], files: Files, horizon: Horizon) -> str:
    """What a past depends on: the files, and all but what is only for the days to come."""
    how = spec.model_dump_json(exclude=_OF_THE_CURVE)
    contents = [files.digest(Path(path)) for path in paths]
    return f"{how} {paths} {contents} {horizon.interval_s} {horizon.timezone}"


def _trace_end(history: "History", zone: ZoneInfo) -> datetime | None:
    """When the last request of a trace came."""
    last_us = history.steps.last_us
    return None if last_us is None else datetime.fromtimestamp(last_us // US_PER_S, zone)


def _check_age(
    most: str, end: datetime, horizon: Horizon, document: Document, field: FieldPath
) -> None:
    """Raises InputError: the trace ends too long before the horizon starts."""
    age_s = horizon.start.timestamp() - end.timestamp()
    if age_s <= parse_duration_s(most):
        return
    remedy = (
        f"the last request came at {end.isoformat()}, {shown_duration(age_s)} before the horizon "
        f"starts at {horizon.start.isoformat()}; add the logs since then, plan a day that is "
        "nearer, or allow a greater age"
    )
    raise InputError([document.problem((*field, "max_trace_age"), remedy)])


def _with_fields(remedy: str) -> str:
    """A sentence with the fields of a scenario for the options of `heteroplan demand`."""
    return _OPTION.sub(lambda found: found[1].replace("-", "_"), remedy)


def _located(folder: Path, name: str) -> str:
    """A name or pattern in a folder, whose own name is no pattern."""
    return name if Path(name).is_absolute() else f"{glob.escape(str(folder))}/{name}"


def _of_file(
    document: Document, field: FieldPath, spec: TraceSpec, file: str, remedy: str
) -> InputProblem:
    """A problem of a trace, which is named where the field names several."""
    named = remedy if [Path(file).name] == spec.trace else f"{shown(Path(file))}: {remedy}"
    return document.problem((*field, "trace"), named)


def events(
    specs: list[EventSpec], zone: ZoneInfo, document: Document, field: FieldPath
) -> tuple["Event", ...]:
    """The events. Raises InputError: no such moment, or one that ends before it begins."""
    from heteroplan.forecasting.curve.events import Event

    found, problems = [], []
    for i, spec in enumerate(specs):
        moments = []
        for name in ("start", "end"):
            try:
                moments.append(localized(getattr(spec, name), zone))
            except ValueError as error:
                problems.append(document.problem((*field, i, name), str(error)))
        if len(moments) == 2:
            start, end = moments
            if end.timestamp() <= start.timestamp():
                remedy = "not after start; write the moment at which the event is over"
                problems.append(document.problem((*field, i, "end"), remedy))
            found.append(Event(spec.name, start, end, spec.multiplier))
    if problems:
        raise InputError(problems)
    return tuple(found)


def read_events(path: str, zone: ZoneInfo) -> tuple["Event", ...]:
    """The calendar overrides in a YAML file. Raises InputError."""
    files, problems = Files(), list[InputProblem]()
    file = Path(path)
    try:
        document, found = parse_document(files.text(file), shown(file))
    except UnreadableError as error:
        raise InputError([InputProblem(shown(file), 0, "", "", str(error))]) from None
    problems += found
    spec = checked(document, EventsFile, problems)
    if problems or spec is None:
        raise InputError(problems)
    return events(spec.events, zone, document, ("events",))


def _past(
    spec: TraceSpec,
    paths: list[str],
    start: datetime | None,
    horizon: Horizon,
    occurrences: tuple["Event", ...],
) -> "History":
    from heteroplan.forecasting.curve.curve import past, step_of
    from heteroplan.forecasting.steps.steps import TraceOptions

    zone = ZoneInfo(horizon.timezone)
    interval_s = horizon.interval_s
    if S_PER_DAY % interval_s:
        raise UsageError(
            f"a trace needs a horizon whose interval divides the day, {interval_s} s does not"
        )
    trace = TraceOptions(
        step_s=step_of(interval_s, parse_duration_s(spec.peak)),
        interval_s=interval_s,
        zone=zone,
        stamp_zone=ZoneInfo(spec.trace_timezone) if spec.trace_timezone else zone,
        format=spec.format,
        columns=spec.map,
        where=spec.where,
        start=start,
        cache_tokens=spec.prefix_cache,
        max_bytes=MOST_BYTES if spec.max_bytes is None else parse_size(spec.max_bytes),
        bad_rows=parse_limit(spec.max_bad_rows),
    )
    return past(paths, trace, occurrences)


def _curve_options(
    spec: TraceSpec, horizon: Horizon, occurrences: tuple["Event", ...]
) -> "CurveOptions":
    from heteroplan.forecasting.curve.curve import CurveOptions

    first, days = _days(horizon)
    return CurveOptions(
        interval_s=horizon.interval_s,
        quantile=spec.quantile,
        growth=spec.growth,
        weekdays=spec.weekdays,
        trend=spec.trend,
        events=occurrences,
        first_day=first,
        days=days,
        max_class_error=spec.max_class_error,
    )


def _days(horizon: Horizon) -> tuple[date, int]:
    """First local day of the horizon, and how many it touches."""
    *_, last, end = horizon.boundaries()
    first = horizon.start.date()
    touched = (end - timedelta(microseconds=1)).date() if end != last else last.date()
    return first, (touched - first).days + 1
