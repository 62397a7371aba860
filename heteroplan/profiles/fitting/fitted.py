"""An engine as measurements show it, what its errors are, and the points it was fitted to."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf

from heteroplan.entities.workload import Engine, PrefillCoefficients, Role, Source, SourceKind, Span
from heteroplan.profiles.capacity.latency import SHORTEST_MS
from heteroplan.profiles.fitting.end_to_end import FEWEST_RUNS, RunFit, fit_runs, predicted
from heteroplan.profiles.fitting.fit import Fit, FitError, Mark, Within, fit
from heteroplan.profiles.measurement import Measurement, Run
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from heteroplan.profiles.readers.measurement_file import listed_names

MAX_NAME = 63
"""Characters of an engine's name (RFC 1123)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One latency of an engine: how well the fit meets it."""

    what: str
    """prefill, decode, TPOT or TTFT."""
    work: str
    """What `Mark.work` counts."""
    points: int
    seen: FitError
    """At the points that the fit saw."""
    held_out: FitError | None
    """At points that it did not see."""
    spread: float | None
    """Relative standard deviation of repeats."""
    reach: str
    """What was measured."""
    marks: tuple[Mark, ...]
    beyond: float | None = None
    """Mean error at the largest batches, of a fit without them."""

    @property
    def error(self) -> FitError:
        """To expect of settings not measured; that of measured ones where none was held out."""
        return self.held_out or self.seen


@dataclass(frozen=True, slots=True)
class Fitted:
    """One engine for a profile."""

    engine: Engine
    lines: tuple[Line, ...]
    """None where the file states a capacity."""
    variant: str = ""
    """What tells the engine from others of its role, GPU type and size."""
    model: str = ""
    """Where several were measured."""


def of_points(fit: Fit) -> Fitted:
    """The prefill or the decode engine of a fit."""
    values = fit.coefficients
    prefill = isinstance(values, PrefillCoefficients)
    engine = Engine(
        name="",
        role=fit.phase,
        gpu=fit.gpu,
        gpus=fit.gpus,
        source=Source(fit.kind),
        prefill=values if isinstance(values, PrefillCoefficients) else None,
        decode=None if isinstance(values, PrefillCoefficients) else values,
        batch_tokens_range=fit.batch_tokens_range,
        batch_range=fit.batch_range,
        context_range=fit.context_range,
    )
    line = Line(
        what=fit.phase.value,
        work="tokens of a batch" if prefill else "sequences of a step",
        points=fit.points,
        seen=fit.seen,
        held_out=fit.held_out,
        spread=fit.spread,
        reach=_reach(fit.batch_tokens_range)
        if prefill
        else f"{_reach(fit.batch_range)} x {_reach(fit.context_range)}",
        marks=fit.marks,
        beyond=fit.beyond,
    )
    return _sourced(Fitted(engine, (line,)))


def of_runs(fit: RunFit, runs: Sequence[Run]) -> list[Fitted]:
    """The aggregated engine of a fit, or its prefill and its decode engine.

    What was in flight is no limit of memory, but a measured range: shapes and loads that were not
    measured together are not promised. Where requests waited although they were few, it is both.
    """
    tpot, ttft = _run_lines(fit, runs)
    aggregated = fit.prefill_gpus is None
    decode = Engine(
        name="",
        role=Role.AGGREGATED if aggregated else Role.DECODE,
        gpu=fit.gpu,
        gpus=fit.gpus,
        source=Source(SourceKind.FITTED),
        prefill=PrefillCoefficients(SHORTEST_MS, fit.prefill_ms_per_token, 0.0)
        if aggregated
        else None,
        decode=fit.decode,
        ttft=fit.ttft if aggregated else None,
        batch_tokens_range=fit.isl_range if aggregated else None,
        kv_tokens=None if fit.latencies.kv_tokens == inf else int(fit.latencies.kv_tokens),
        max_sequences=None if fit.latencies.sequences == inf else ceil(fit.latencies.sequences),
        batch_range=fit.batch_range,
        context_range=fit.context_range,
        kv_tokens_range=fit.kv_tokens_range,
    )
    if fit.prefill_gpus is None:
        return [_sourced(Fitted(decode, (tpot, ttft), fit.variant))]
    prefill = Engine(
        name="",
        role=Role.PREFILL,
        gpu=fit.gpu,
        gpus=fit.prefill_gpus,
        source=Source(SourceKind.FITTED),
        prefill=fit.unqueued,
        batch_tokens_range=fit.isl_range,
    )
    return [
        _sourced(Fitted(prefill, (ttft,), fit.variant)),
        _sourced(Fitted(decode, (tpot,), fit.variant)),
    ]


def measured_engine(engine: Engine, reading: FileMeasurements, origin: str) -> Engine:
    """`engine` with coefficients, ranges and source from what was measured of its GPUs.

    Latencies of phases give a prefill or decode engine its own and an aggregated one both; whole
    requests give an aggregated one all it has. Ranges that the engine states already limit which
    latencies are used. Errors are those held out, of the worst. Raises ValueError with a remedy
    when there are too few measurements.
    """
    found = _of_engine(engine, reading)
    if engine.kv_tokens is None and engine.role is not Role.PREFILL:
        engine = replace(engine, kv_tokens=reading.kv_tokens.get((engine.gpu, engine.gpus)))
    for each in found:
        made = each.engine
        engine = replace(
            engine,
            prefill=made.prefill or engine.prefill,
            decode=made.decode or engine.decode,
            ttft=made.ttft or engine.ttft,
            kv_tokens=engine.kv_tokens or made.kv_tokens,
            max_sequences=engine.max_sequences or made.max_sequences,
            batch_tokens_range=_both(engine.batch_tokens_range, made.batch_tokens_range),
            batch_range=_both(engine.batch_range, made.batch_range),
            context_range=_both(engine.context_range, made.context_range),
            kv_tokens_range=_both(engine.kv_tokens_range, made.kv_tokens_range),
        )
    lines = tuple(line for each in found for line in each.lines)
    modelled = any(each.engine.source.kind is SourceKind.MODELLED for each in found)
    kind = SourceKind.MODELLED if modelled else SourceKind.FITTED
    source = replace(
        _source_of(Source(kind, origin), lines),
        points=sum(each.engine.source.points or 0 for each in found),
        sha256=(reading.sha256,) if reading.sha256 else (),
    )
    return replace(engine, source=source)


def _both(stated: Span | None, measured: Span | None) -> Span | None:
    """What lies in both ranges; the other one where one is missing."""
    if stated is None or measured is None:
        return stated or measured
    return Span(max(stated.low, measured.low), min(stated.high, measured.high))


def _of_engine(engine: Engine, reading: FileMeasurements) -> list[Fitted]:
    if engine.role is Role.AGGREGATED and not reading.points and reading.runs:
        return [_run_engine(engine, reading.runs)]
    roles = (Role.PREFILL, Role.DECODE) if engine.role is Role.AGGREGATED else (engine.role,)
    within = Within(engine.batch_tokens_range, engine.batch_range, engine.context_range)
    return [of_points(fit(_points_of(engine, reading.points, role), within)) for role in roles]


def _run_engine(engine: Engine, runs: Sequence[Run]) -> Fitted:
    """The only engine of that GPU type and size among the runs."""
    key = (engine.gpu, engine.gpus, Role.AGGREGATED)
    mine = [run for run in runs if key in run.engines]
    fits, _ = fit_runs(mine)
    if len(fits) != 1:
        variants = ", ".join(fit.variant for fit in fits) or f"none with {FEWEST_RUNS} runs"
        raise ValueError(
            f"runs of {engine.gpu} x{engine.gpus} must be of one engine; there are {variants}; "
            "heteroplan fit writes a profile with an engine for each"
        )
    return of_runs(fits[0], mine)[0]


def _points_of(engine: Engine, points: Sequence[Measurement], phase: Role) -> list[Measurement]:
    found = [
        point
        for point in points
        if (point.gpu, point.gpus, point.phase) == (engine.gpu, engine.gpus, phase)
    ]
    if not found:
        there = {f"{p.gpu} x{p.gpus} {p.phase}" for p in points}
        wanted = f"{phase} measurements of {engine.gpu} x{engine.gpus}"
        raise ValueError(f"no {wanted}; there are {listed_names(there)}")
    return found


def with_limits(
    fitted: Iterable[Fitted],
    kv_tokens: Mapping[tuple[str, int], int],
    max_sequences: int | None = None,
    max_batch_tokens: int | None = None,
) -> list[Fitted]:
    """With what replicas hold: KV cache by GPU type and GPUs [tokens], sequences of decode.

    And `max_batch_tokens`, of the prompts that prefill takes together.
    """
    return [
        replace(
            each,
            engine=replace(each.engine, max_batch_tokens=max_batch_tokens)
            if each.engine.role is Role.PREFILL
            else replace(
                each.engine,
                kv_tokens=kv_tokens.get((each.engine.gpu, each.engine.gpus), each.engine.kv_tokens),
                max_sequences=max_sequences or each.engine.max_sequences,
            ),
        )
        for each in fitted
    ]


def named(fitted: Iterable[Fitted]) -> list[Fitted]:
    """With engine names of GPU type, size, role and variant, none twice."""
    found = list(fitted)
    short = _short_names({each.engine.gpu for each in found})
    taken: set[str] = set()
    result = []
    for each in found:
        engine = each.engine
        first = f"{short[engine.gpu]}-tp{engine.gpus}-{engine.role.value}"
        whole = _label("-".join(part for part in (first, each.model, each.variant) if part))
        name, number = whole, 2
        while name in taken:
            ending = f"-{number}"
            name = whole[: MAX_NAME - len(ending)] + ending
            number += 1
        taken.add(name)
        result.append(replace(each, engine=replace(engine, name=name)))
    return result


def _sourced(fitted: Fitted) -> Fitted:
    """With the errors of its lines in the engine's source."""
    source = _source_of(fitted.engine.source, fitted.lines)
    return replace(fitted, engine=replace(fitted.engine, source=source))


def _source_of(source: Source, lines: Sequence[Line]) -> Source:
    return replace(
        source,
        error_mape=max(line.error.mape for line in lines),
        error_worst=max(line.error.worst for line in lines),
        points=max(line.points for line in lines),
        error_beyond=max((line.beyond for line in lines if line.beyond is not None), default=None),
        spread=max((line.spread for line in lines if line.spread is not None), default=None),
    )


def _run_lines(fit: RunFit, runs: Sequence[Run]) -> tuple[Line, Line]:
    fitted_ms = [predicted(run, fit.latencies) for run in runs]
    series = [f"{run.isl:.0f} in, {run.osl:.0f} out" for run in runs]
    reach = f"{_reach(fit.batch_range)} x {_reach(fit.context_range)}"
    tpot = tuple(
        Mark(run.concurrency, name, run.tpot_ms, both[0])
        for run, name, both in zip(runs, series, fitted_ms, strict=True)
    )
    ttft = tuple(
        Mark(run.concurrency, name, run.ttft_ms, both[1])
        for run, name, both in zip(runs, series, fitted_ms, strict=True)
    )
    work = "requests in flight"
    return (
        Line(
            "TPOT", work, fit.runs, fit.tpot_seen, fit.tpot_held_out, None, reach, tpot, fit.beyond
        ),
        Line(
            "TTFT",
            work,
            fit.runs,
            fit.ttft_seen,
            fit.ttft_held_out,
            None,
            _reach(fit.isl_range),
            ttft,
        ),
    )


def _reach(span: Span | None) -> str:
    return "" if span is None else f"{_short(span.low)}-{_short(span.high)}"


def _short(value: float) -> str:
    """Three digits, and all of a whole number."""
    return f"{value:.3g}" if value < 100.0 else f"{value:.0f}"


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_NAME].strip("-")


def _short_names(gpus: Iterable[str]) -> dict[str, str]:
    """First part of each GPU name, or all of it where two types share that; RFC 1123 letters."""
    labels = {gpu: _label(gpu) for gpu in gpus}
    first = {gpu: label.partition("-")[0] for gpu, label in labels.items()}
    shared = Counter(first.values())
    return {gpu: first[gpu] if shared[first[gpu]] == 1 else labels[gpu] for gpu in labels}
