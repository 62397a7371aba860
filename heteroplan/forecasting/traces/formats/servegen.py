"""Windows of ServeGen's workloads (Alibaba Cloud; arXiv 2505.09999): rates and mean lengths.

Two tables. The demand of all clients: `window_start_s,req_per_s`, with or without mean lengths;
lengths cover those requests that `req_per_s_with_lengths` counts, columns called `_scaled` are
estimates and are not read. And the rates of single clients: `client,window_start_s,rate_rps`,
which are summed and know no lengths; upstream drops rows of rate 0.

Traps: a window that is absent, that has no rate, or that has neither rate nor clients was not
recorded, it was not idle; `window_start_s` counts from the start of the trace and not of the day,
but tables in which it starts again each day are read by their `day`. t = 0 is a local midnight of
no stated date.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heteroplan.errors import InputProblem, UsageError
from heteroplan.forecasting.traces.requests import MOST_TOKENS, Windows
from heteroplan.forecasting.traces.trace_format import TraceFormat
from heteroplan.forecasting.traces.windows_table import (
    MOST_RPS,
    US_PER_S,
    TableWindows,
    column_numbers,
    joined,
    read_table,
    refuse,
    step_us,
)
from heteroplan.reading.csv_rows import CsvTable
from heteroplan.reading.numbers import number_of

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.head import Head
    from heteroplan.forecasting.traces.requests import Floats, Integers
    from heteroplan.forecasting.traces.source import TraceSource
    from heteroplan.forecasting.traces.trace_format import AskedOfTrace

DEMAND_COLUMNS = ("window_start_s", "req_per_s")
CLIENT_COLUMNS = ("client", "window_start_s", "rate_rps")
S_PER_DAY = 86_400.0
_MOST_START_S = 1e10
_MOST_DAYS = 1e5
_LENGTHS = ("mean_input_tokens", "mean_output_tokens")
_ROUNDING = 1e-3
"""Rounding of rates in published tables, relative and absolute [requests/s]."""
_WHOLE = 0.9995
"""Share of requests with lengths from which all count as covered."""


def fits(head: "Head") -> bool:
    """Whether a file begins as either table does."""
    return head.is_table_of(*DEMAND_COLUMNS) or head.is_table_of(*CLIENT_COLUMNS)


def windows(sources: Sequence["TraceSource"], asked: "AskedOfTrace") -> Windows:
    """The windows of all `sources` together; every file is of the same kind.

    Raises InputError with every problem, UsageError where demand and clients' rates are mixed.
    """
    tables = [read_table(source, _lacking) for source in sources]
    of_clients = [_is_of_clients(table.header) for table in tables]
    if any(of_clients) and not all(of_clients):
        raise UsageError(
            "some of the ServeGen files are rates of clients and some are their sums; give one kind"
        )
    if any(of_clients):
        return _sum_of_clients(tables)
    found = joined([_demand(table) for table in tables])
    if not len(found.start_us):
        remedy = "holds no recorded window"
        refuse([InputProblem(table.file, 0, "", "", remedy) for table in tables])
    _note(found, sum(len(table.lines) for table in tables), asked)
    return found


def _is_of_clients(header: Sequence[str]) -> bool:
    return set(CLIENT_COLUMNS) <= set(header)


def _lacking(header: Sequence[str]) -> str:
    """What is wrong with a header, or nothing."""
    if _is_of_clients(header):
        return ""
    if header and number_of(header[0]) is not None:
        return (
            "there is no header; ServeGen's own files of single clients have none: join them under "
            f"{','.join(CLIENT_COLUMNS)}"
        )
    if not set(DEMAND_COLUMNS) <= set(header):
        return f"the header must hold {','.join(DEMAND_COLUMNS)} or {','.join(CLIENT_COLUMNS)}"
    if len(missing := [name for name in _LENGTHS if name not in header]) == 1:
        return f"column {missing[0]} is missing; give both mean lengths or none"
    return ""


def _start_us(table: CsvTable) -> "Integers":
    """Starts of the rows since the start of the trace [microseconds]."""
    import numpy as np

    start_s = column_numbers(table, "window_start_s", 0.0, _MOST_START_S)
    if "day" in table.header:
        day = column_numbers(table, "day", 0.0, _MOST_DAYS)
        if (start_s < S_PER_DAY).all():
            start_s = start_s + np.floor(day) * S_PER_DAY
    table.done()
    return np.rint(start_s * US_PER_S).astype(np.int64)


def _demand(table: CsvTable) -> TableWindows:
    import numpy as np

    rps = column_numbers(table, "req_per_s", 0.0, MOST_RPS, may_be_empty=True)
    clients = np.full(len(rps), np.nan)
    if "active_clients" in table.header:
        clients = column_numbers(table, "active_clients", 0.0, MOST_RPS, may_be_empty=True)
    with_lengths, isl, osl = _lengths(table, rps)
    start_us = _start_us(table)
    step = step_us(table, "window_start_s", start_us)
    rows = np.flatnonzero(~np.isnan(rps) & ~((rps == 0.0) & (clients == 0.0)))
    counted = with_lengths[rows] * step / US_PER_S
    return TableWindows(
        table,
        "window_start_s",
        rows,
        Windows(
            start_us[rows],
            start_us[rows] + step,
            rps[rows] * step / US_PER_S,
            counted,
            counted * isl[rows],
            counted * osl[rows],
        ),
    )


def _lengths(table: CsvTable, rps: "Floats") -> tuple["Floats", "Floats", "Floats"]:
    """Rate of the requests whose lengths are known [requests/s], and these lengths [tokens]."""
    import numpy as np

    if _LENGTHS[0] not in table.header:
        return (np.full(len(rps), np.nan),) * 3
    isl, osl = (
        column_numbers(table, name, 0.0, float(MOST_TOKENS), may_be_empty=True) for name in _LENGTHS
    )
    if "req_per_s_with_lengths" not in table.header:
        return rps, isl, osl
    covered = column_numbers(table, "req_per_s_with_lengths", 0.0, MOST_RPS, may_be_empty=True)
    for row in np.flatnonzero(covered > rps * (1 + _ROUNDING) + _ROUNDING):
        text = table.texts["req_per_s_with_lengths"][row]
        table.problem(table.lines[row], "req_per_s_with_lengths", text, "more than req_per_s")
    return np.minimum(np.nan_to_num(covered), rps), isl, osl


def _note(found: Windows, rows: int, asked: "AskedOfTrace") -> None:
    if dropped := rows - len(found.start_us):
        asked.note(f"left out {dropped} windows that were not recorded")
    requests, covered = found.requests.sum(), found.with_lengths.sum()
    if 0.0 < covered < _WHOLE * requests:
        share = 100.0 * covered / requests
        asked.note(
            f"{share:.3g} % of the requests have lengths; the others are assumed to have the same"
        )


def _sum_of_clients(tables: Sequence[CsvTable]) -> Windows:
    """Requests of all clients; a window is recorded if it is for any of them."""
    import numpy as np

    starts = [_start_us(table) for table in tables]
    rates = [
        column_numbers(table, "rate_rps", 0.0, MOST_RPS, may_be_empty=True) for table in tables
    ]
    _check_repeated(tables, starts)
    if problems := [problem for table in tables for problem in table.problems]:
        refuse(problems)
    start_us, rps = np.concatenate(starts), np.concatenate(rates)
    recorded = np.flatnonzero(~np.isnan(rps))
    unique_us, first, places = np.unique(start_us[recorded], return_index=True, return_inverse=True)
    step = step_us(_together(tables, recorded[first]), "window_start_s", unique_us)
    requests = np.bincount(places, weights=rps[recorded]) * step / US_PER_S
    unknown = np.full(len(requests), np.nan)
    return Windows(unique_us, unique_us + step, requests, unknown, unknown, unknown)


def _together(tables: Sequence[CsvTable], rows: "Integers") -> CsvTable:
    """The starts in some rows, numbered through all tables."""
    files = ", ".join(table.file for table in tables)
    lines = [line for table in tables for line in table.lines]
    texts = [text for table in tables for text in table.texts["window_start_s"]]
    return CsvTable(
        files,
        CLIENT_COLUMNS,
        [lines[row] for row in rows],
        {"window_start_s": [texts[row] for row in rows]},
    )


def _check_repeated(tables: Sequence[CsvTable], starts: Sequence["Integers"]) -> None:
    """Note rows of a client and a window that came before."""
    seen: set[tuple[str, int]] = set()
    for table, start_us in zip(tables, starts, strict=True):
        rows = zip(table.lines, table.texts["client"], start_us.tolist(), strict=True)
        for line, client, start in rows:
            if (client, start) in seen:
                remedy = f"window {start / US_PER_S:g} of this client appears twice"
                table.problem(line, "client", client, remedy)
            seen.add((client, start))


FORMAT = TraceFormat(fits, False, "day,window_start_s,req_per_s,...", windows=windows)
