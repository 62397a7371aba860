"""The format of a trace: the one that is named, or the one that its beginning fits."""

from collections.abc import Mapping

from heteroplan.errors import InputError, InputProblem
from heteroplan.forecasting.traces.formats import FORMATS, table
from heteroplan.forecasting.traces.head import Head, Kind, head_of
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.forecasting.traces.trace_format import TraceFormat
from heteroplan.reading.formats import check_unique

_SHOWN_NAMES = 12


def format_of(source: TraceSource, name: str | None, columns: Mapping[str, str]) -> TraceFormat:
    """The format called `name`, or the one that the beginning of `source` fits.

    Where `columns` are mapped, it is `table`, but for formats that take them themselves. Raises
    UsageError for an unknown name and for what fits several, InputError for what fits none.
    """
    FORMATS.check(name)
    if name is not None and (not columns or FORMATS[name].takes_columns):
        return FORMATS[name]
    head = head_of(source)
    fitting = [each for each, known in FORMATS.items() if known.fits(head)]
    if columns:
        taking = [each for each in fitting if FORMATS[each].takes_columns and name is None]
        return FORMATS[taking[0] if taking else "table"]
    check_unique(source.file, fitting)
    if not fitting:
        raise InputError([_unknown(source, head)])
    return FORMATS[fitting[0]]


def _unknown(source: TraceSource, head: Head) -> InputProblem:
    names = ",".join(head.names[:_SHOWN_NAMES])
    seen = f"is {head.kind} with {names}" if names else f"is {head.kind} without names"
    known = "; ".join(f"{name} ({each.shape})" for name, each in FORMATS.items() if name != "table")
    remedy = (
        f"{seen}: no known format. Known are {known}. For other tables of requests say which "
        f"columns are which: {table.suggestion(head)}"
    )
    return source.problem(1 if head.kind is Kind.CSV else 0, "", "", remedy)
