"""Requests as arrays, and how CSV traces are streamed into them."""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.demand.readers.source import Source
from heteroplan.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    type Integers = np.ndarray[tuple[int], np.dtype[np.int64]]
    type Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

ROWS = 100_000
"""Rows held in memory at a time."""
MOST_PROBLEMS = 20
MOST_TOKENS = float(2**40)
SHOWN_CHARACTERS = 40
TOO_WIDE = "has more fields than the header"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some requests of a trace, in the order of the file."""

    arrival_us: "Integers"
    """Since 1970 UTC, or since the start of a trace that knows no more [microseconds]."""
    input_tokens: "Floats"
    output_tokens: "Floats"


type Arrivals = Callable[["pd.Series[str]", ZoneInfo], "pd.Series[int]"]
"""Turns the texts of the time column into whole microseconds, missing where one is no time."""


def csv_chunks(
    source: Source, columns: tuple[str, str, str], arrivals: Arrivals, zone: ZoneInfo
) -> Iterator[Chunk]:
    """Stream the CSV whose `columns` are arrival, input tokens and output tokens.

    Raises InputError with the first `MOST_PROBLEMS` bad rows of the first chunk that has any.
    """
    for frame in _frames(source):
        filled = frame[(frame != "").any(axis=1)]
        yield _chunk(source, filled, columns, arrivals, zone)


def _frames(source: Source) -> Iterator["pd.DataFrame"]:
    """The rows as texts, columns by number and one more for what exceeds the header."""
    import pandas as pd

    try:
        reader = pd.read_csv(
            source.rest,
            header=None,
            names=list(range(len(source.header) + 1)),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            chunksize=ROWS,
        )
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                frame = next(reader, None)
            if frame is None:
                return
            yield frame.fillna("")
    except pd.errors.EmptyDataError:
        return
    except pd.errors.ParserWarning:
        raise InputError([source.problem(2, "", "", TOO_WIDE)]) from None
    except pd.errors.ParserError as error:
        line = re.search(r"Expected .* in line (\d+)", str(error))
        problem = (
            source.problem(int(line[1]) + 1, "", "", TOO_WIDE)
            if line
            else source.problem(0, "", "", f"is no CSV text: {error}")
        )
        raise InputError([problem]) from None


def _chunk(
    source: Source,
    frame: "pd.DataFrame",
    columns: tuple[str, str, str],
    arrivals: Arrivals,
    zone: ZoneInfo,
) -> Chunk:
    """`frame`, its index the row after the header, as arrays."""
    import numpy as np
    import pandas as pd

    time, *tokens = (frame[source.header.index(column)] for column in columns)
    times = arrivals(time, zone)
    counts = [pd.to_numeric(texts, errors="coerce") for texts in tokens]
    extra = frame[len(source.header)]
    checks = [
        (columns[0], time, times.isna(), "not a time that exists"),
        *(
            (column, texts, ~numbers.between(0, MOST_TOKENS), "not a count of tokens")
            for column, texts, numbers in zip(columns[1:], tokens, counts, strict=True)
        ),
        ("", extra, extra != "", TOO_WIDE),
    ]
    problems = [
        source.problem(int(row) + 2, column, texts[row][:SHOWN_CHARACTERS], remedy)
        for column, texts, is_bad, remedy in checks
        for row in frame.index[is_bad][:MOST_PROBLEMS]
    ]
    if problems:
        raise InputError(sorted(problems)[:MOST_PROBLEMS])
    return Chunk(
        np.asarray(times, dtype=np.int64), *(number.to_numpy(np.float64) for number in counts)
    )
