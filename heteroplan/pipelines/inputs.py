"""Inputs made of traces and measurements: what `demand` and `fit` do, part of `pipeline`.

Only light modules are imported at the top; each stage brings its own (start-up time).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.entities.workload import Engine, Profile, Role
from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.reading.input_size import MOST_BYTES, MOST_MEASURED_BYTES

if TYPE_CHECKING:
    from heteroplan.entities.capacity import OperatingPoint
    from heteroplan.forecasting.curve.backtest import Backtest
    from heteroplan.forecasting.curve.curve import Curve
    from heteroplan.profiles.capacity.replica import Asked
    from heteroplan.profiles.fitting.fit import Within
    from heteroplan.profiles.fitting.fitted import Fitted
    from heteroplan.profiles.fitting.report import Wanted
    from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given


NOT_WRITTEN = "profile (not written)"
"""How problems call a profile that scenarios would refuse."""
MOST_TOKENS = 1e9
"""Of a request, in or out."""


@dataclass(frozen=True, slots=True)
class DemandResult:
    """What `demand` made of traces."""

    curve: "Curve"
    backtest: "Backtest | None"
    """None where it was not asked for."""


def demand(
    traces: Sequence[str],
    *,
    format: str | None = None,  # noqa: A002
    columns: Mapping[str, str] | None = None,
    interval_s: int = 900,
    peak_s: int = 300,
    timezone: str = "UTC",
    trace_timezone: str | None = None,
    start: datetime | None = None,
    quantile: float | None = 0.95,
    growth: float = 1.0,
    weekdays: str = "auto",
    trend: float | None = None,
    events: str | None = None,
    first_day: date | None = None,
    days: int = 1,
    prefix_cache_tokens: int | None = None,
    max_class_error: float = 0.03,
    backtest: bool = False,
    held_back_days: int | None = None,
    max_bytes: int = MOST_BYTES,
) -> DemandResult:
    """The demand that `traces` (paths, globs, `-`) let expect; see `demand.curve`.

    `columns` are our names -> theirs, `events` is the path of a YAML file of calendar overrides;
    at most `max_bytes` of a file are held at a time.
    Raises InputError for files and UsageError for options that do not fit.
    """
    from heteroplan.forecasting.curve.backtest import backtested
    from heteroplan.forecasting.curve.curve import CurveOptions, past, planned, step_of, zone_of
    from heteroplan.forecasting.steps.steps import TraceOptions
    from heteroplan.inputs.trace_demand import read_events

    zone = zone_of(timezone)
    options = CurveOptions(
        interval_s=interval_s,
        quantile=quantile,
        growth=growth,
        weekdays=weekdays,
        trend=trend,
        events=() if events is None else read_events(events, zone),
        first_day=first_day,
        days=days,
        max_class_error=max_class_error,
    )
    trace = TraceOptions(
        step_s=step_of(interval_s, peak_s),
        zone=zone,
        stamp_zone=zone if trace_timezone is None else zone_of(trace_timezone),
        format=format,
        columns=columns or {},
        start=None if start is None else _moment(start, zone),
        cache_tokens=prefix_cache_tokens,
        max_bytes=max_bytes,
    )
    found = past(traces, trace, options.events)
    curve = planned(found, options)
    asked = backtest or held_back_days is not None
    return DemandResult(curve, backtested(found, options, held_back_days) if asked else None)


def _moment(start: datetime, zone: ZoneInfo) -> datetime:
    """A wall-clock time in `zone`, where it has no zone of its own. Raises UsageError."""
    from heteroplan.reading.local_time import localized

    try:
        return localized(start.isoformat(), zone)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"start {start.isoformat()}: {error}") from None


@dataclass(frozen=True, slots=True)
class FitResult:
    """What `fit` found."""

    fitted: "tuple[Fitted, ...]"
    notes: tuple[str, ...]
    """Rows and engines that were left out, and why."""


def fit(
    files: Sequence[str],
    *,
    format: str | None = None,  # noqa: A002
    given: "Given | None" = None,
    within: "Within | None" = None,
    shape: tuple[float, float] | None = None,
    max_bytes: int = MOST_MEASURED_BYTES,
) -> FitResult:
    """Coefficients, errors and ranges of every engine measured in `files`.

    `given` is what the files do not say, and keeps its GPU type and size where they do; `shape` is
    the input and output tokens of requests, for files that state capacities; at most `max_bytes`
    of a file are held. Raises InputError
    where nothing can be fitted and for every problem of the files, UsageError where something is to
    be given.
    """
    from heteroplan.profiles.fitting.fit import ALL
    from heteroplan.profiles.fitting.report import Wanted
    from heteroplan.profiles.readers.file_measurements import Given
    from heteroplan.profiles.readers.read import read_measurements

    if shape is not None and not all(1.0 <= tokens <= MOST_TOKENS for tokens in shape):
        raise UsageError(f"--isl and --osl must be between 1 and {MOST_TOKENS:g} tokens")
    given = given or Given()
    readings: list[tuple[str, FileMeasurements]] = []
    problems: list[InputProblem] = []
    for file in files:
        try:
            readings.append((file, read_measurements(Path(file), format, given, max_bytes)))
        except InputError as error:
            problems += error.problems
    if not problems:
        problems += _mixed(readings)
    if problems:
        raise InputError(problems)
    return fitted(readings, Wanted(given.gpu, given.gpus, within or ALL, shape))


def fitted(readings: "Sequence[tuple[str, FileMeasurements]]", wanted: "Wanted") -> FitResult:
    """Fits of what was read, each reading with the name of its file."""
    from heteroplan.profiles.fitting.report import fit_all
    from heteroplan.profiles.readers.measurement_file import listed

    report = fit_all([(Path(file).name, each) for file, each in readings], wanted)
    notes = tuple(note for _, reading in readings for note in reading.notes)
    if not report.fitted:
        measured = {f"{gpu} x{gpus}" for _, each in readings for gpu, gpus, _ in each.engines}
        left_out = f" ({'; '.join(notes)})" if notes else ""
        nothing = f"nothing to fit; measured are {listed(measured)}{left_out}"
        files = ", ".join(file for file, _ in readings)
        reasons = report.skipped or (nothing,)
        raise InputError(InputProblem(files, 0, "", "", why) for why in reasons)
    return FitResult(report.fitted, notes + report.skipped)


def fit_modelled(
    model: str, gpu: str, gpus: int, *, backend: str | None = None, within: "Within | None" = None
) -> FitResult:
    """What AIConfigurator models of one engine; see `profiles.aic.modelled`."""
    from heteroplan.profiles.fitting.aic import modelled
    from heteroplan.profiles.fitting.fit import ALL
    from heteroplan.profiles.fitting.report import Wanted

    reading = modelled(model, gpu, gpus, **({} if backend is None else {"backend": backend}))
    return fitted([(reading.origin, reading)], Wanted(within=within or ALL))


def fit_doubts(fitted: "Sequence[Fitted]", kv_bytes_per_token: float | None) -> list[str]:
    """GPU types that fleets do not know, and what no hardware does."""
    from heteroplan.inputs.gpu_types import built_in
    from heteroplan.profiles.fitting.plausibility import faster_than_memory, unknown_gpu

    types = built_in()
    unknown = sorted({each.engine.gpu for each in fitted} - set(types))
    return [
        *(unknown_gpu(gpu, types) for gpu in unknown),
        *(
            doubt
            for each in fitted
            if each.engine.gpu in types
            and (
                doubt := faster_than_memory(each.engine, types[each.engine.gpu], kv_bytes_per_token)
            )
        ),
    ]


def _mixed(readings: "Sequence[tuple[str, FileMeasurements]]") -> Iterator[InputProblem]:
    """A fit over two models would be of neither."""
    models: dict[tuple[str, int, Role], str] = {}
    for file, reading in readings:
        for engine in reading.engines:
            if reading.model and models.setdefault(engine, reading.model) != reading.model:
                other = models[engine]
                remedy = f"is of {reading.model}, another file of {other}; fit one at a time"
                yield InputProblem(file, 0, "", "", remedy)
                return


def replicas(fitted: "Sequence[Fitted]", asked: "Asked") -> "list[tuple[Engine, OperatingPoint]]":
    """What one replica of each engine serves; see `profiles.replica.replica_at`."""
    from heteroplan.profiles.capacity.replica import replica_at

    return [(each.engine, replica_at(each.engine, asked)) for each in fitted]


def profile(
    model: str,
    fitted: "Sequence[Fitted]",
    *,
    kv_bytes_per_token: float | None = None,
    startup_s: float = 0.0,
    drain_s: float = 0.0,
) -> str:
    """profile.yaml of what `fit` found; see `profiles.profile_file.profile_yaml`.

    Raises InputError where scenarios would refuse the file.
    """
    from heteroplan.inputs.checks.schema_problems import checked
    from heteroplan.inputs.schemas.profile import ProfileFile
    from heteroplan.profiles.fitting.profile_file import profile_yaml
    from heteroplan.reading.yaml_source import parse_document

    text = profile_yaml(
        model,
        [each.engine for each in fitted],
        kv_bytes_per_token=kv_bytes_per_token,
        startup_s=startup_s,
        drain_s=drain_s,
    )
    document, problems = parse_document(text, NOT_WRITTEN)
    checked(document, ProfileFile, problems)
    if problems:
        raise InputError(problems)
    return text


def ready_profiles(model: str | None = None, gpu: str | None = None) -> tuple[Profile, ...]:
    """What `ready:NAME` may name; see `inputs.ready.read_ready`."""
    from heteroplan.inputs.ready import read_ready

    return read_ready(model, gpu)
