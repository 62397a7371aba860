"""A demand curve as pandas frames in long form; units stand in column names."""

from typing import TYPE_CHECKING

from heteroplan.outputs.shared.frames import local_times, numbers

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.forecasting.curve.curve import Curve

_SHAPE = {
    "isl_tokens": "isl",
    "osl_tokens": "osl",
    "isl_cv": "isl_cv",
    "prefix_hit_rate": "prefix_hit_rate",
    "context_tokens": "context",
    "context_cv": "context_cv",
}
"""Columns of a shape of requests, and what they are called in demand CSVs."""


def curve_frame(curve: "Curve") -> "DataFrame":
    """One row an interval: rates to plan for, and the mean shape of its requests.

    What the trace does not tell is NaN.
    """
    from pandas import DataFrame

    rows = curve.rows
    shapes = [row.shape for row in rows]
    return DataFrame(
        {
            "interval_start": local_times([row.start for row in rows], rows[0].start.tzinfo),
            "rps": numbers(row.rps for row in rows),
            "mean_rps": numbers(row.mean_rps for row in rows),
            "median_rps": numbers(row.median_rps for row in rows),
            **{
                column: numbers(None if shape is None else getattr(shape, name) for shape in shapes)
                for column, name in _SHAPE.items()
            },
            "osl_cv": numbers(row.osl_cv for row in rows),
        }
    )


def classes_frame(curve: "Curve") -> "DataFrame":
    """One row an interval and request class; none where the trace has no lengths."""
    from pandas import DataFrame

    each = [(row, kind) for row in curve.rows for kind in row.classes]
    zone = curve.rows[0].start.tzinfo
    return DataFrame(
        {
            "interval_start": local_times([row.start for row, _ in each], zone),
            "class": [kind.name for _, kind in each],
            "share": numbers(kind.share for _, kind in each),
            "rps": numbers(row.rps * kind.share for row, kind in each),
            **{
                column: numbers(getattr(kind, name) for _, kind in each)
                for column, name in _SHAPE.items()
            },
        }
    )
