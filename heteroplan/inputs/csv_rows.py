"""Rows of a CSV file with a header, and what is wrong with the file's form."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from heteroplan.errors import InputProblem

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_MAX_PROBLEMS = 20
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
    yielded under a header that has problems.
    """
    reader = csv.reader(match.group() for match in _LINE.finditer(text))
    try:
        header = [name.strip() for name in next(reader, [])]
        if found := list(_header_problems(header, file, known, needed(header))):
            problems.extend(found)
            return
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                remedy = f"{len(cells)} cells; the header has {len(header)} columns"
                problems.append(InputProblem(file, reader.line_num, "", ",".join(cells), remedy))
                continue
            yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        problems.append(InputProblem(file, reader.line_num, "", "", f"not CSV: {error}"))


def bounded(problems: Sequence[InputProblem], file: str) -> list[InputProblem]:
    """The first 20 problems by line, and how many more there are."""
    ordered = sorted(problems)
    kept = ordered[:_MAX_PROBLEMS]
    if more := len(ordered) - len(kept):
        remedy = f"and {more} more problems, the last one here"
        kept.append(InputProblem(file, ordered[-1].line, "", "", remedy))
    return kept


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
