"""Arrivals CSV (`scale_s,percentile,prefill,decode`): how bursty arrivals are.

One row a time scale and percentile, in the order of both; each percentile at all scales.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise

from heteroplan.entities.arrivals import Arrivals, ArrivalsSource, Dispersion
from heteroplan.reading import csv_rows
from heteroplan.reading.file_problems import FileProblems
from heteroplan.reading.numbers import parse_number_within

COLUMNS = ("scale_s", "percentile", "prefill", "decode")
_WITHIN = {
    "scale_s": (1e-3, 1e6),
    "percentile": (1e-6, 1.0 - 1e-6),
    "prefill": (1.0, 1e6),
    "decode": (1.0, 1e6),
}


def read_arrivals(text: str, file: str) -> Arrivals:
    """The table in `text`. Raises InputError with the problems of all rows (the first 20)."""
    found = FileProblems(file)
    lines, points = [], []
    for line, cells in csv_rows.rows(text, found, COLUMNS, lambda header: COLUMNS):
        numbers = []
        for name in COLUMNS:
            try:
                numbers.append(parse_number_within(cells[name], *_WITHIN[name]))
            except ValueError as error:
                found.problem(line, name, cells[name], str(error))
        if len(numbers) == len(COLUMNS):
            lines.append(line)
            points.append(Dispersion(*numbers))
    if not points and not found.problems:
        found.problem(0, "", "", f"no rows; write one per time scale under {','.join(COLUMNS)}")
    found.done()
    _check(lines, points, found)
    found.done()
    return Arrivals(tuple(points), ArrivalsSource.MEASURED)


def _check(lines: Sequence[int], points: Sequence[Dispersion], found: FileProblems) -> None:
    """Note rows out of order, and scales that lack a percentile of the first one."""
    order = [(each.scale_s, each.percentile) for each in points]
    for line, (before, after) in zip(lines[1:], pairwise(order), strict=True):
        if after <= before:
            remedy = "not after the row before; sort by scale_s, then by percentile, each once"
            found.problem(line, "percentile", f"{after[1]:g}", remedy)
    if found.problems:
        return
    at = 0
    scales = [[each for _, each in group] for _, group in groupby(order, key=lambda key: key[0])]
    for percentiles in scales:
        if percentiles != scales[0]:
            wanted = ", ".join(f"{each:g}" for each in scales[0])
            remedy = f"the first scale has the percentiles {wanted}; write these at every scale"
            found.problem(lines[at], "scale_s", f"{order[at][0]:g}", remedy)
        at += len(percentiles)
