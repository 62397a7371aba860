"""A demand curve as pandas frames in long form; units stand in column names."""

from typing import TYPE_CHECKING

from heteroplan.outputs.shared.frames import local_times, numbers, numbers_of

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
    "osl_cv": "osl_cv",
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
            **numbers_of(rows, "rps", "mean_rps", "median_rps"),
            **{
                column: numbers(None if shape is None else getattr(shape, name) for shape in shapes)
                for column, name in _SHAPE.items()
            },
        }
    )


def arrivals_frame(curve: "Curve") -> "DataFrame":
    """One row a time scale and percentile: dispersions to plan with, and what they come from.

    `prefill_capacity` and `decode_in_flight` are multiples of what is planned for, NaN where no
    single requests are known.
    """
    from pandas import DataFrame

    points, needs = curve.bursts.arrivals.points, curve.bursts.needs or None
    return DataFrame(
        {
            **numbers_of(points, "scale_s", "percentile", "prefill", "decode"),
            "prefill_capacity": numbers(each.prefill for each in needs) if needs else float("nan"),
            "decode_in_flight": numbers(each.decode for each in needs) if needs else float("nan"),
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
