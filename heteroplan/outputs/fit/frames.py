"""Fitted engines as pandas frames in long form; units stand in column names."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    Span,
    TtftCoefficients,
)
from heteroplan.outputs.shared.frames import counts, labels_of, numbers, numbers_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.capacity import OperatingPoint
    from heteroplan.profiles.fitting.fitted import Fitted

_COEFFICIENTS = {
    "prefill": PrefillCoefficients,
    "decode": DecodeCoefficients,
    "ttft": TtftCoefficients,
}
_RANGES: dict[str, Callable[[Engine], Span | None]] = {
    "batch_tokens": lambda engine: engine.batch_tokens_range,
    "batch_sequences": lambda engine: engine.batch_range,
    "context_tokens": lambda engine: engine.context_range,
    "kv_tokens_in_use": lambda engine: engine.kv_tokens_range,
}


def engines_frame(
    fitted: Sequence["Fitted"], points: Sequence["OperatingPoint"] = ()
) -> "DataFrame":
    """One row an engine: coefficients, the range that they hold in, and their errors.

    `points` says how a replica of each runs at an SLO, where one was given; else its columns are
    missing. Coefficients that an engine does not have are NaN.
    """
    from pandas import DataFrame

    engines = [each.engine for each in fitted]
    columns: dict[str, Any] = {
        "engine": [engine.name for engine in engines],
        **labels_of(engines, "role", "gpu", "gpus"),
        "source": [engine.source.kind.value for engine in engines],
        "points": counts(engine.source.points for engine in engines),
        **numbers_of(
            [each.source for each in engines], "error_mape", "error_worst", "error_beyond", "spread"
        ),
        "kv_tokens": counts(engine.kv_tokens for engine in engines),
        "max_sequences": counts(engine.max_sequences for engine in engines),
        "max_batch_tokens": counts(engine.max_batch_tokens for engine in engines),
        "given_capacity_rps": numbers(engine.capacity_rps for engine in engines),
    }
    for name, kind in _COEFFICIENTS.items():
        owned = [getattr(engine, name) for engine in engines]
        for field in fields(kind):
            columns[f"{name}_{field.name}"] = numbers(
                None if each is None else getattr(each, field.name) for each in owned
            )
    for name, span_of in _RANGES.items():
        spans = [span_of(engine) for engine in engines]
        columns[f"least_{name}"] = numbers(None if span is None else span.low for span in spans)
        columns[f"most_{name}"] = numbers(None if span is None else span.high for span in spans)
    return DataFrame(columns | _operating(points))


def points_frame(fitted: Sequence["Fitted"]) -> "DataFrame":
    """One row a measured setting; `error` is (fitted - measured) / measured.

    `latency` is prefill (of a batch), decode (of a step), TTFT or TPOT; `work` is what it grows
    with, in the unit that `work_unit` says.
    """
    from pandas import DataFrame

    each = [(of.engine, line, mark) for of in fitted for line in of.lines for mark in line.marks]
    measured = numbers(mark.measured_ms for _, _, mark in each)
    fitted_ms = numbers(mark.fitted_ms for _, _, mark in each)
    return DataFrame(
        {
            "engine": [engine.name for engine, _, _ in each],
            "role": [engine.role.value for engine, _, _ in each],
            "latency": [line.what for _, line, _ in each],
            "series": [mark.series for _, _, mark in each],
            "work": numbers(mark.work for _, _, mark in each),
            "work_unit": [line.work for _, line, _ in each],
            "measured_ms": measured,
            "fitted_ms": fitted_ms,
            "error": fitted_ms / measured - 1.0,
        }
    )


def _operating(points: Sequence["OperatingPoint"]) -> dict[str, Any]:
    if not points:
        return {}
    return {
        **numbers_of(points, "capacity_rps", "batch", "utilization", "ttft_ms", "itl_ms"),
        **labels_of(points, "limited_by", "reason"),
    }
