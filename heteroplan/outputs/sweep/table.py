"""The cases of a study as rows: CSV, Parquet and a pandas frame."""

import json
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from heteroplan.outputs.shared.files import csv_text
from heteroplan.outputs.sweep.document import SweepDocument
from heteroplan.outputs.sweep.figures import has_egress
from heteroplan.studies.result import CaseResult

if TYPE_CHECKING:
    from pandas import DataFrame

FIGURES = (
    *("status", "covered", "cost_usd", "cost_usd_per_day", "gpu_hours", "gpu_hours_per_day"),
    *("served_fraction", "unserved_requests", "peak_gpus", "bound_usd", "gap"),
)
"""Columns after the inputs; then GPU-hours by node type, error and key."""
EGRESS = ("egress_gb", "egress_usd")
"""Columns after those, where a workload has an origin."""


def columns_of(document: SweepDocument) -> dict[str, list[Any]]:
    """Each column: inputs and samples by their paths, figures, GPU-hours by type, error, key."""
    cases = document.cases
    paths = dict.fromkeys(path for each in cases for path in each.inputs)
    drawn = dict.fromkeys(path for each in cases for path in each.drawn or {})
    types = dict.fromkeys(name for each in cases for name in each.gpu_hours_by_type or {})
    named = any(each.name for each in cases)
    egress = EGRESS if has_egress(document) else ()
    return {
        **({"name": [each.name for each in cases]} if named else {}),
        **{path: [each.inputs.get(path) for each in cases] for path in paths},
        **{path: [(each.drawn or {}).get(path) for each in cases] for path in drawn},
        **{name: [_plain(each, name) for each in cases] for name in (*FIGURES, *egress)},
        **{
            f"gpu_hours.{name}": [(each.gpu_hours_by_type or {}).get(name) for each in cases]
            for name in types
        },
        "error": [each.error for each in cases],
        "key": [each.key for each in cases],
    }


def cases_csv(document: SweepDocument) -> str:
    """One row a case; what is not known is empty."""
    columns = columns_of(document)
    rows = zip(*columns.values(), strict=True)
    return csv_text(columns, ([_cell(value) for value in row] for row in rows))


def cases_frame(document: SweepDocument) -> "DataFrame":
    """One row a case, NaN where nothing is known."""
    from pandas import DataFrame

    return DataFrame(columns_of(document))


def parquet_writer(document: SweepDocument) -> Callable[[IO[bytes]], None]:
    """Writes one row a case; inputs of mixed types are text."""

    def write(file: IO[bytes]) -> None:
        import pyarrow
        import pyarrow.parquet

        columns = {name: _of_one_type(column) for name, column in columns_of(document).items()}
        pyarrow.parquet.write_table(pyarrow.table(columns), file)

    return write


def _plain(result: CaseResult, name: str) -> Any:
    value = getattr(result, name)
    return value.value if name == "status" else value


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _of_one_type(column: list[Any]) -> list[Any]:
    """Numbers, truths or texts; all else as JSON."""
    types = {type(each) for each in column if each is not None}
    if types == {int, float}:
        return [None if each is None else float(each) for each in column]
    if len(types) <= 1 and not types & {list, dict}:
        return column
    return [each if each is None or isinstance(each, str) else json.dumps(each) for each in column]
