"""Answers of Prometheus to `query_range` (`/api/v1/query_range`), one document a file.

Counters of inference servers are recognised by name (see `server_counters`). Expressions have no
name: the user says what their values are, in rates per second over the step that ends at the stamp.

Traps: a counter that falls was reset, and the new value counts whole; a series that begins later
than its query is a new pod, whose first value counts whole, while the first value of others counts
nothing; a pod without samples for a while counted on, and a time without samples of any pod is
missing and not idle; files may overlap in time. Native histograms are not read.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from heteroplan.errors import MOST_NOTED, InputProblem
from heteroplan.forecasting.traces.formats.counters import CounterSeries
from heteroplan.forecasting.traces.formats.server_counters import Found
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.forecasting.traces.trace_format import TraceFormat
from heteroplan.forecasting.traces.windows_table import refuse
from heteroplan.reading.input_size import JSON_MARKS

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.head import Head
    from heteroplan.forecasting.traces.source import TraceSource
    from heteroplan.forecasting.traces.trace_format import AskedOfTrace

_LATEST_S = 7_258_118_400.0
"""End of the times that are read, 2200-01-01 [Unix s]."""
_MOST = 1e18
"""Greatest value of a counter."""
_LONGEST_WARNING = 200
_ASK = "ask /api/v1/query_range with start, end and step"


def fits(head: "Head") -> bool:
    """Whether a file begins as an answer of Prometheus does."""
    names = set(head.names)
    return head.is_json and (
        {"status", "data"} <= names or {"status", "error"} <= names or "resultType" in names
    )


def windows(sources: Sequence["TraceSource"], asked: "AskedOfTrace") -> Windows:
    """Windows of one step of the series that count requests.

    Raises InputError with every problem, UsageError where `asked.columns` names what is not there.
    """
    found = Found(asked)
    problems: list[InputProblem] = []
    where = asked.where
    for source in sources:
        before = where.rows, where.kept
        series = list(_read(source, asked, problems))
        wanted = [each for each in series if not where.wanted or where.takes(dict(each.labels))]
        if where.rows > before[0] and where.kept == before[1]:
            problems.append(source.problem(0, "data.result", "", where.nothing("series")))
        found.add(source, wanted, problems)
    found.check_columns()
    if problems:
        refuse(problems)
    return found.windows(sources[0].file)


def _read(
    source: "TraceSource", asked: "AskedOfTrace", problems: list[InputProblem]
) -> Iterator[CounterSeries]:
    """The series of one document that have samples."""
    try:
        document = json.loads(source.values(JSON_MARKS))
    except (ValueError, RecursionError) as error:
        problems.append(source.problem(0, "", "", f"is no JSON: {error}"))
        return
    if isinstance(document, dict) and isinstance(document.get("warnings"), list):
        for warning in document["warnings"]:
            asked.note(f"{source.file}: Prometheus warns: {str(warning)[:_LONGEST_WARNING]}")
    results, problem = _results(source, document)
    if problem is not None:
        problems.append(problem)
    series = []
    for number, result in enumerate(results):
        if len(problems) >= MOST_NOTED:
            refuse(problems)
        place = f"data.result[{number}]"
        if (each := _series(source, place, result, problems)) is not None:
            series.append(each)
    begin_us = min((int(each.stamps_us[0]) for each in series), default=0)
    for each in series:
        yield replace(each, is_new=int(each.stamps_us[0]) > begin_us)


def _results(source: "TraceSource", document: Any) -> tuple[list[Any], InputProblem | None]:
    """The list of series, or what is wrong."""
    if not isinstance(document, dict):
        return [], source.problem(0, "", "", f"is no answer of Prometheus; {_ASK}")
    if document.get("status") == "error":
        reason = ": ".join(str(document[key]) for key in ("errorType", "error") if key in document)
        return [], source.problem(0, "error", reason, "Prometheus refused the query; ask again")
    data = document.get("data", document)
    kind = data.get("resultType") if isinstance(data, dict) else None
    if kind in ("vector", "scalar", "string"):
        remedy = f"is of one moment, not a series; {_ASK}"
        return [], source.problem(0, "data.resultType", str(kind), remedy)
    results = data.get("result") if isinstance(data, dict) else None
    if kind != "matrix" or not isinstance(results, list):
        return [], source.problem(0, "data.result", "", f"must be a matrix of series; {_ASK}")
    if not results:
        return [], source.problem(0, "data.result", "", "the query found no series")
    return results, None


def _series(
    source: "TraceSource", place: str, result: Any, problems: list[InputProblem]
) -> CounterSeries | None:
    import numpy as np

    metric = result.get("metric") if isinstance(result, dict) else None
    if not isinstance(metric, dict) or not all(isinstance(v, str) for v in metric.values()):
        problems.append(source.problem(0, f"{place}.metric", "", "must be labels and their values"))
        return None
    labels = tuple(sorted((key, text) for key, text in metric.items() if key != "__name__"))
    values = result.get("values", [])
    if values == []:
        return None
    try:
        samples = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        samples = np.empty(0)
    if samples.ndim != 2 or samples.shape[1] != 2:
        remedy = 'must be pairs of Unix seconds and a number, [1700000000, "12"]'
        problems.append(source.problem(0, f"{place}.values", "", remedy))
        return None
    remedy, value = _wrong(samples)
    if remedy:
        problems.append(source.problem(0, f"{place}.values", f"{value:g}", remedy))
        return None
    samples = samples[np.isfinite(samples[:, 1])]
    if not len(samples):
        return None
    stamps_ms, first = np.unique(np.rint(samples[:, 0] * 1e3), return_index=True)
    return CounterSeries(
        source.file,
        metric.get("__name__", ""),
        labels,
        stamps_ms.astype(np.int64) * 1000,
        samples[first, 1],
    )


def _wrong(samples: Any) -> tuple[str, float]:
    """What is wrong with samples [sample, (time, value)], and the first that it is wrong with."""
    import numpy as np

    stamps_s, values = samples.T
    finite = values[np.isfinite(values)]
    for wrong, remedy in (
        (stamps_s[~((stamps_s >= 0.0) & (stamps_s < _LATEST_S))], "is no time in Unix seconds"),
        (finite[(finite < 0.0) | (finite > _MOST)], "is no count"),
    ):
        if len(wrong):
            return remedy, float(wrong[0])
    return "", 0.0


FORMAT = TraceFormat(
    fits,
    True,
    "the answer to query_range",
    windows=windows,
    takes_columns=True,
    has_labels=True,
)
