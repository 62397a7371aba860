"""Rows of a CSV file with a header, and what is wrong with the file's form."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice

from heteroplan.errors import MOST_NOTED, InputError, InputProblem

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
MAX_ROWS = 1_200_000
"""Of one file: a placement.csv of a day of 20,000 GPUs has a million."""
_SHOWN = 200
"""Characters of a row."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|[\r\n])|[^\r\n]+")


def rows(
    text: str,
    file: str,
    known: Sequence[str],
    needed: Callable[[Sequence[str]], Sequence[str]],
    problems: list[InputProblem],
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells by column of each row that is not blank.

    Columns are `known` ones; `needed` gives those that a header lacks at its peril. Nothing is
    yielded under a header that has problems. Raises InputError where there are enough `problems`,
    the caller's among them.
    """
    reader = csv.reader(match.group() for match in _LINE.finditer(text))
    try:
        header = [name.strip() for name in next(reader, [])]
        if found := list(islice(_header_problems(header, file, known, needed(header)), MOST_NOTED)):
            problems.extend(found)
            return
        for number, cells in enumerate(reader):
            if len(problems) >= MOST_NOTED:
                raise InputError(sorted(problems))
            if number >= MAX_ROWS:
                remedy = f"more than {MAX_ROWS:,} rows; split or shorten it"
                problems.append(InputProblem(file, reader.line_num, "", "", remedy))
                return
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                remedy = f"{len(cells)} cells; the header has {len(header)} columns"
                problems.append(
                    InputProblem(file, reader.line_num, "", ",".join(cells)[:_SHOWN], remedy)
                )
                continue
            yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        problems.append(InputProblem(file, reader.line_num, "", "", f"not CSV: {error}"))


def _header_problems(
    header: Sequence[str], file: str, known: Sequence[str], needed: Sequence[str]
) -> Iterator[InputProblem]:
    if not any(header):
        yield InputProblem(file, 1, "", "", f"empty; the first line is {','.join(needed)}")
        return
    if len(header) == 1 and (mark := next((m for m in _SEPARATORS if m in header[0]), "")):
        remedy = f"columns are separated by {_SEPARATORS[mark]}; separate them by commas"
        yield InputProblem(file, 1, "", header[0], remedy)
        return
    for name, times in Counter(header).items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
            yield InputProblem(file, 1, name, "", f"unknown column; {hint}")
        elif times > 1:
            yield InputProblem(file, 1, name, "", "column stands twice; keep one of them")
    for name in needed:
        if name not in header:
            yield InputProblem(file, 1, name, "", "column is missing; columns are set by commas")
