"""Our demand CSV: `interval_start,rps[,isl,osl][,prefix_hit_rate]`, as scenarios read it.

Stamps have an offset or are wall-clock time in the zone that was asked for. Other columns, which
the curve writes beside these, are not read. A row that is not there is a window nothing is known
of.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.forecasting.traces.requests import Windows
from heteroplan.forecasting.traces.trace_format import TraceFormat, offset_of
from heteroplan.forecasting.traces.windows_table import (
    MOST_RPS,
    US_PER_S,
    TableWindows,
    column_numbers,
    joined,
    read_table,
    step_us,
)
from heteroplan.reading.csv_rows import CsvTable
from heteroplan.reading.local_time import row_start

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.requests import Floats, Integers
    from heteroplan.forecasting.traces.source import TraceSource
    from heteroplan.forecasting.traces.trace_format import AskedOfTrace

COLUMNS = ("interval_start", "rps")
_MOST_TOKENS = 1e9
"""Mean length of a request, as scenarios allow it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def windows(sources: Sequence["TraceSource"], asked: "AskedOfTrace") -> Windows:
    """The windows of all `sources` in order of time. Raises InputError with every problem."""
    return joined([_part(read_table(source, _lacking), asked) for source in sources])


def _lacking(header: Sequence[str]) -> str:
    if not set(COLUMNS) <= set(header):
        return f"the header must hold {','.join(COLUMNS)}"
    if len(missing := [name for name in ("isl", "osl") if name not in header]) == 1:
        return f"column {missing[0]} is missing; give both mean lengths or none"
    return ""


def _part(table: CsvTable, asked: "AskedOfTrace") -> TableWindows:
    import numpy as np

    rps = column_numbers(table, "rps", 0.0, MOST_RPS)
    isl, osl = (_optional(table, name, 1.0, _MOST_TOKENS) for name in ("isl", "osl"))
    hit_rate = _optional(table, "prefix_hit_rate", 0.0, 1.0, may_be_empty=True)
    start_us = _starts_us(table, asked.zone)
    stamps = table.texts["interval_start"]
    asked.offsets.update(dict.fromkeys(filter(None, map(offset_of, stamps))))
    table.done()
    step = step_us(table, "interval_start", start_us)
    requests = rps * step / US_PER_S
    input_tokens = requests * isl
    return TableWindows(
        table,
        "interval_start",
        np.arange(len(rps)),
        Windows(
            start_us,
            start_us + step,
            requests,
            np.where(np.isnan(isl), np.nan, requests),
            input_tokens,
            requests * osl,
            input_tokens * hit_rate if "prefix_hit_rate" in table.header else None,
        ),
    )


def _optional(
    table: CsvTable, column: str, least: float, most: float, *, may_be_empty: bool = False
) -> "Floats":
    """NaN where the table does not have the column."""
    import numpy as np

    if column not in table.header:
        return np.full(len(table.lines), np.nan)
    return column_numbers(table, column, least, most, may_be_empty=may_be_empty)


def _starts_us(table: CsvTable, zone: ZoneInfo) -> "Integers":
    """Starts of the rows [microseconds since 1970 UTC]; problems are noted."""
    import numpy as np

    found: list[datetime] = []
    for line, text in zip(table.lines, table.texts["interval_start"], strict=True):
        try:
            found.append(row_start(text, zone, found[-1] if found else None))
        except ValueError as error:
            table.problem(line, "interval_start", text, str(error))
    return np.array([(each - _EPOCH) // timedelta(microseconds=1) for each in found], np.int64)


FORMAT = TraceFormat(
    lambda head: head.is_table_of(*COLUMNS), True, "interval_start,rps,isl,osl", windows=windows
)
