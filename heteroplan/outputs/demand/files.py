"""A demand curve as files: what planning reads again, and all of it as JSON."""

from math import isfinite
from typing import TYPE_CHECKING, Any

from heteroplan import __version__
from heteroplan.inputs.tables.arrivals_csv import COLUMNS as ARRIVALS_COLUMNS
from heteroplan.inputs.tables.demand_csv import SHAPE
from heteroplan.outputs.demand.figures import input_rate, output_rate
from heteroplan.outputs.shared.files import csv_text

if TYPE_CHECKING:
    from heteroplan.forecasting.bursts.measured import Bursts
    from heteroplan.forecasting.curve.backtest import Backtest
    from heteroplan.forecasting.curve.curve import Curve, CurveRow

SCHEMA_VERSION = 1
_DIGITS = 6


def demand_csv(curve: "Curve") -> str:
    """One row an interval, as `heteroplan.inputs.tables.demand_csv` reads it.

    `interval_start` is ISO 8601 with offset. Columns are left out where not all rows tell them.
    """
    columns: dict[str, list[float | None]] = {"rps": [row.rps for row in curve.rows]}
    shapes = [row.shape for row in curve.rows]
    for name in SHAPE:
        columns[name] = [None if shape is None else getattr(shape, name) for shape in shapes]
    columns["mean_rps"] = [row.mean_rps for row in curve.rows]
    columns["median_rps"] = [row.median_rps for row in curve.rows]
    has_lengths = None not in shapes
    for name, rate in (("input_tokens_per_s", input_rate), ("output_tokens_per_s", output_rate)):
        columns[name] = [rate(row) if has_lengths else None for row in curve.rows]
    kept = {name: values for name, values in columns.items() if None not in values}
    return csv_text(
        ("interval_start", *kept),
        (
            (row.start.isoformat(), *(_number(values[t]) for values in kept.values()))
            for t, row in enumerate(curve.rows)
        ),
    )


def classes_csv(curve: "Curve") -> str:
    """One row an interval and class, as `heteroplan.inputs.tables.class_csv` reads it.

    Optional columns are left out where not all rows tell them.
    """
    all_shapes = [shape for row in curve.rows for shape in row.classes]
    kept = [name for name in SHAPE if all(getattr(each, name) is not None for each in all_shapes)]
    return csv_text(
        ("interval_start", "class", "share", *kept),
        (
            (
                row.start.isoformat(),
                shape.name,
                _number(shape.share),
                *(_number(getattr(shape, name)) for name in kept),
            )
            for row in curve.rows
            for shape in row.classes
        ),
    )


def arrivals_csv(curve: "Curve") -> str:
    """One row a time scale and percentile, as `heteroplan.inputs.tables.arrivals_csv` reads it."""
    return csv_text(
        ARRIVALS_COLUMNS,
        (
            tuple(_number(getattr(point, name)) for name in ARRIVALS_COLUMNS)
            for point in curve.bursts.arrivals.points
        ),
    )


def demand_document(curve: "Curve", backtest: "Backtest | None") -> dict[str, Any]:
    """All of the curve for other programs; numbers of 6 digits, None for what is not known."""
    return {
        "schema_version": SCHEMA_VERSION,
        "heteroplan_version": __version__,
        "timezone": str(curve.rows[0].start.tzinfo),
        "interval_s": curve.interval_s,
        "step_s": curve.step_s,
        "quantile": curve.quantile,
        "days": curve.days,
        "class_error": _rounded(curve.class_error),
        "arrivals": _arrivals_part(curve.bursts),
        "rows": [_row_part(row) for row in curve.rows],
        "backtest": None if backtest is None else _backtest_part(backtest),
        "notes": list(curve.notes),
    }


def _arrivals_part(bursts: "Bursts") -> dict[str, Any]:
    needs = bursts.needs or [None] * len(bursts.arrivals.points)
    return {
        "source": bursts.arrivals.source,
        "windows": [
            {
                "window_s": each.window_s,
                "requests": _rounded(each.requests),
                "new_input_tokens": _rounded(each.prompts),
                "output_tokens": _rounded(each.answers),
            }
            for each in bursts.windows
        ],
        "points": [
            {
                **{name: _rounded(getattr(point, name)) for name in ARRIVALS_COLUMNS},
                "prefill_capacity": None if need is None else _rounded(need.prefill),
                "decode_in_flight": None if need is None else _rounded(need.decode),
            }
            for point, need in zip(bursts.arrivals.points, needs, strict=True)
        ],
    }


def _row_part(row: "CurveRow") -> dict[str, Any]:
    shape = row.shape
    return {
        "start": row.start.isoformat(),
        "rps": _rounded(row.rps),
        "mean_rps": _rounded(row.mean_rps),
        "median_rps": _rounded(row.median_rps),
        **{name: None if shape is None else _rounded(getattr(shape, name)) for name in SHAPE},
        "input_tokens_per_s": None if shape is None else _rounded(input_rate(row)),
        "output_tokens_per_s": None if shape is None else _rounded(output_rate(row)),
        "classes": [
            {
                "name": each.name,
                "share": _rounded(each.share),
                **{name: _rounded(getattr(each, name)) for name in SHAPE},
            }
            for each in row.classes
        ],
    }


def _backtest_part(backtest: "Backtest") -> dict[str, Any]:
    return {
        "quantile": backtest.quantile,
        "trained_days": backtest.trained_days,
        "held_back": [day.isoformat() for day in backtest.held_back],
        "intervals": backtest.intervals,
        "measures": [
            {
                "what": each.what,
                "coverage": _rounded(each.coverage),
                "planned_over_true": _rounded(each.planned_over_true),
                "worst_shortfall": _rounded(each.worst_shortfall),
                "worst_start": each.worst_start and each.worst_start.isoformat(),
            }
            for each in backtest.measures
        ],
        "coverage_by_day": [_rounded(each) for each in backtest.coverage_by_day],
    }


def _rounded(value: float | None) -> float | None:
    """6 significant digits; None for what JSON cannot say."""
    if value is None or not isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")


def _number(value: float | None) -> str:
    """6 significant digits; no exponent for what is large."""
    assert value is not None
    return f"{float(f'{value:.{_DIGITS}g}'):.12g}"
