"""The demand of a new scenario: traces, a demand CSV, or a shape of a day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.errors import HeteroplanError, UsageError
from heteroplan.inputs.daily_shapes import PREFIX, DailyShape, parse_shape
from heteroplan.reading.durations import parse_duration_s

if TYPE_CHECKING:
    from heteroplan.entities.scenario import Horizon
    from heteroplan.forecasting.curve.history import History

_PEAK_S = 300
_S_PER_DAY = 86_400
_US_PER_S = 1_000_000
_PROVISIONAL = datetime(2024, 1, 1)
"""A Monday at which a trace without dates is taken to begin until more is known."""


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """How traces are read."""

    columns: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    start: datetime | None = None
    """When a trace without dates begins; wall-clock time of the scenario's zone."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Demand in files."""

    path: Path
    """A file or a pattern."""
    is_curve: bool
    """Whether it is a demand CSV, which is planned as it is, and no trace."""
    lengths: tuple[float, float] | None
    """Mean input and output tokens of a request; None where nobody tells them."""
    is_dated: bool
    """Whether it says on which day it began, or somebody does."""
    begin: datetime
    """Of the first thing that is known, in the scenario's zone; provisional without dates."""
    end: datetime

    @property
    def whole_days(self) -> int:
        """Days that it spans, a part counted as one."""
        return -(-int(self.end.timestamp() - self.begin.timestamp()) // _S_PER_DAY)


type Demand = DailyShape | Recorded


def parse_demand(text: str, *, zone: ZoneInfo, interval: str, options: TraceOptions) -> Demand:
    """What `--demand` names. Raises ValueError for a wrong shape, InputError for a trace."""
    if text.startswith(PREFIX):
        return parse_shape(text)
    if text in ("", "-"):
        raise ValueError("name a file, as the scenario reads it again each time")
    return _recorded(text, zone, interval, options)


def _recorded(text: str, zone: ZoneInfo, interval: str, options: TraceOptions) -> Recorded:
    past = partial(_past, text, zone, interval, options)
    start = options.start
    try:
        found, is_dated = past(start), True
    except UsageError:
        if start is not None:
            raise
        found, is_dated = past(_PROVISIONAL), False
    steps = found.steps
    begin_s = steps.start_us // _US_PER_S + int(steps.known.argmax()) * steps.step_s
    assert steps.last_us is not None
    return Recorded(
        Path(text).absolute(),
        _is_curve(text, options),
        _lengths(found),
        is_dated,
        datetime.fromtimestamp(begin_s, zone) if is_dated else _PROVISIONAL.replace(tzinfo=zone),
        datetime.fromtimestamp(steps.last_us // _US_PER_S, zone),
    )


def _lengths(found: "History") -> tuple[float, float] | None:
    from heteroplan.forecasting.steps.counting import INPUT, OUTPUT, WITH_LENGTHS

    if not found.has_lengths:
        return None
    sums = found.steps.counts.sum(axis=0)
    return sums[INPUT] / sums[WITH_LENGTHS], sums[OUTPUT] / sums[WITH_LENGTHS]


def _past(
    text: str, zone: ZoneInfo, interval: str, options: TraceOptions, start: datetime | None
) -> "History":
    from heteroplan.forecasting.curve.curve import past, step_of
    from heteroplan.forecasting.steps import steps

    interval_s = parse_duration_s(interval)
    read = steps.TraceOptions(
        step_s=step_of(interval_s, _PEAK_S),
        interval_s=interval_s,
        zone=zone,
        stamp_zone=zone,
        format=options.format,
        columns=options.columns,
        start=None if start is None else start.replace(tzinfo=start.tzinfo or zone),
    )
    return past([text], read)


def _is_curve(text: str, options: TraceOptions) -> bool:
    """Whether it is one CSV with our own columns of a demand curve."""
    from heteroplan.forecasting.traces.formats import own
    from heteroplan.forecasting.traces.head import head_of
    from heteroplan.forecasting.traces.source import expanded, open_trace

    files = expanded([text])
    if len(files) > 1 or options.columns or options.format is not None:
        return False
    with open_trace(files[0]) as source:
        return not source.packed and own.FORMAT.fits(head_of(source))


@dataclass(frozen=True, slots=True)
class HorizonDraft:
    """The horizon of a new scenario."""

    fields: Mapping[str, object]
    first_day: date
    """By the calendar at the time of writing."""

    def horizon(self) -> "Horizon":
        """With the first day for the word. Raises UsageError."""
        from heteroplan.inputs import build
        from heteroplan.inputs.schemas.scenario import HorizonSpec

        start = self.fields["start"]
        begin = self.first_day if isinstance(start, date) else start
        spec = HorizonSpec.model_validate({**self.fields, "start": str(begin)})
        try:
            return build.horizon(spec)
        except build.FieldError as error:
            raise UsageError(f"--interval {spec.interval}: {error}") from None


def horizon_of(
    demands: Sequence[Demand],
    *,
    start: date | None,
    days: int,
    interval: str,
    zone: ZoneInfo,
    tomorrow: date,
) -> HorizonDraft:
    """The day that is given, or the first one that demand CSVs cover, or tomorrow.

    Where all demand is forecast from traces it stays tomorrow from day to day. A demand CSV that
    does not cover the days is planned from its first row to its last.
    """
    curves = [each for each in demands if isinstance(each, Recorded) and each.is_curve]
    tail = {"interval": interval, "timezone": zone.key}
    if start is not None or not curves:
        day = tomorrow if start is None else start
        is_forecast = all(isinstance(each, Recorded) for each in demands)
        word = "tomorrow" if start is None and is_forecast else day
        return HorizonDraft({"start": word, "days": days, **tail}, day)
    begin = max((each.begin for each in curves), key=datetime.timestamp)
    end = min((each.end for each in curves), key=datetime.timestamp)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if midnight < begin:
        midnight += timedelta(days=1)
    if (midnight + timedelta(days=days)).timestamp() <= end.timestamp():
        return HorizonDraft({"start": midnight.date(), "days": days, **tail}, midnight.date())
    intervals = int(end.timestamp() - begin.timestamp()) // parse_duration_s(interval)
    if intervals < 1:
        raise UsageError("--demand: the demand CSVs have no time in common that can be planned")
    stamp = begin.isoformat(timespec="minutes")
    fields = {"start": stamp, "intervals": intervals, **tail, "cyclic": False}
    return HorizonDraft(fields, begin.date())


def trace_begin(recorded: Recorded, first_day: date) -> date:
    """The day on which a trace without dates begins if it ends before `first_day`."""
    return first_day - timedelta(days=recorded.whole_days)


def quiet(read: Callable[[str], Demand]) -> Callable[[str], Demand]:
    """`read` for somebody who is asked: whatever is wrong is a ValueError."""

    def asked(text: str) -> Demand:
        try:
            return read(text)
        except HeteroplanError as error:
            raise ValueError(str(error)) from None

    return asked
