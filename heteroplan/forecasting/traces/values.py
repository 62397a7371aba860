"""Columns as they were read -> whole microseconds and tokens, and where one is neither."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from heteroplan.forecasting.traces.requests import MOST_TOKENS, UNKNOWN
from heteroplan.forecasting.traces.wall_clock import utc_of
from heteroplan.reading.local_time import localized
from heteroplan.reading.numbers import NUMBER

if TYPE_CHECKING:
    import numpy as np

    from heteroplan.forecasting.traces.requests import Integers
    from heteroplan.forecasting.traces.wall_clock import Mask

    type Checked = tuple[Integers, Mask]
    """Numbers, and where they are not to be used."""

LAST_S = 10**10
"""No arrival is later, by whatever it is counted from (the year 2286 since 1970) [s]."""
NO_NUMBER = float("-inf")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


class StampUnit(Enum):
    """How arrivals are written; the value is how many make a second."""

    WALL = 0
    """Written as date and time of day."""
    S = 1
    MS = 10**3
    US = 10**6
    NS = 10**9


def arrivals(column: Any, clock: StampUnit, zone: ZoneInfo) -> "Checked":
    """Microseconds of an Arrow column, and where there is none that exists.

    Wall-clock times without an offset are read in `zone`; what is finer than a microsecond is cut
    off for whole numbers and times, and rounded for decimal ones.
    """
    import numpy as np
    import pyarrow.types as pt

    kind = column.type
    if pt.is_timestamp(kind):
        return _of_timestamps(column, zone)
    if clock is StampUnit.WALL:
        return _of_texts(column, zone) if _is_text(kind) else _nothing(len(column))
    numbers, missing = _numbers(column)
    fits = (numbers >= 0) & (numbers <= LAST_S * clock.value) & ~missing
    numbers = np.where(fits, numbers, 0)
    if numbers.dtype.kind == "f":
        return np.rint(numbers * (1e6 / clock.value)).astype(np.int64), ~fits
    fine = max(clock.value // 10**6, 1)
    return numbers // fine * max(10**6 // clock.value, 1), ~fits


def tokens(column: Any, may_lack: bool) -> "Checked":
    """Token counts of an Arrow column, and where there is none up to `MOST_TOKENS`.

    With `may_lack`, missing ones are `UNKNOWN`.
    """
    import numpy as np

    numbers, missing = _numbers(column)
    if numbers.dtype.kind == "f":
        missing = missing | (np.isnan(numbers) if may_lack else False)
        fits = (numbers >= 0) & (numbers <= MOST_TOKENS) & (numbers == np.floor(numbers))
        numbers = np.where(fits, numbers, 0).astype(np.int64)
    else:
        fits = (numbers >= 0) & (numbers <= MOST_TOKENS)
    if not missing.any():
        return numbers, ~fits
    return np.where(missing, UNKNOWN, numbers), ~fits & ~missing if may_lack else ~fits | missing


def id_lists(column: Any) -> "tuple[Integers, Integers, Mask]":
    """Offsets and ids of an Arrow column of lists, and which lists have holes or no whole numbers.

    Ids of 64 bits without sign keep their bits.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    kind = column.type
    if not (pt.is_list(kind) or pt.is_large_list(kind)) or not pt.is_integer(kind.value_type):
        known = np.zeros(len(column) + 1, np.int64)
        return known, known[:0], ~_missing(column)
    lengths = _array(pc.fill_null(pc.list_value_length(column), 0))
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    ids, bad = column.flatten(), np.zeros(len(column), bool)
    if ids.null_count:
        bad[np.repeat(np.arange(len(column)), lengths)[_missing(ids)]] = True
        ids = ids.fill_null(0)
    whole = pa.uint64() if kind.value_type == pa.uint64() else pa.int64()
    return offsets, _array(ids.cast(whole)).view(np.int64), bad


def _array(column: Any) -> "np.ndarray[tuple[int], Any]":
    """A copy of Arrow numbers without missing ones; `to_numpy` would import pandas for a second."""
    import numpy as np

    return np.array(np.from_dlpack(column))


def _is_text(kind: Any) -> bool:
    import pyarrow.types as pt

    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _nothing(rows: int) -> "Checked":
    import numpy as np

    return np.zeros(rows, np.int64), np.ones(rows, bool)


def _numbers(column: Any) -> "tuple[np.ndarray[tuple[int], Any], Mask]":
    """int64 or float64 numbers, `NO_NUMBER` for what is none; and where a value is missing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.types as pt

    missing = _missing(column)
    kind = column.type
    if _is_text(kind):
        return _parsed(column), missing
    if not (pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind)):
        return np.full(len(column), NO_NUMBER), missing
    exact = pt.is_integer(kind) and kind != pa.uint64()
    cast = column.cast(pa.int64() if exact else pa.float64(), safe=False)
    if cast.null_count:
        cast = cast.fill_null(0)
    return _array(cast), missing


def _missing(column: Any) -> "Mask":
    import numpy as np
    import pyarrow as pa

    if not column.null_count:
        return np.zeros(len(column), bool)
    return _array(column.is_null().cast(pa.uint8())).view(bool)


def _parsed(column: Any) -> "np.ndarray[tuple[int], Any]":
    """Texts as numbers, `NO_NUMBER` for what is neither a number nor nan."""
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = column.fill_null("0")
    for kind in (pa.int64(), pa.float64()):
        try:
            return _array(filled.cast(kind))
        except pa.ArrowInvalid:
            continue
    trimmed = pc.utf8_trim_whitespace(filled)
    is_number = pc.match_substring_regex(trimmed, f"^(?:{NUMBER}|(?i:nan))$")
    return _array(pc.if_else(is_number, trimmed, str(NO_NUMBER)).cast(pa.float64()))


def _of_timestamps(column: Any, zone: ZoneInfo) -> "Checked":
    import numpy as np
    import pyarrow as pa

    missing = _missing(column)
    per_s = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    counts = column.cast(pa.int64())
    if counts.null_count:
        counts = counts.fill_null(0)
    values = _array(counts)
    fits = (values >= -LAST_S * per_s) & (values <= LAST_S * per_s) & ~missing
    values = np.where(fits, values, 0)
    us = values // max(per_s // 10**6, 1) * max(10**6 // per_s, 1)
    if column.type.tz is not None:
        return us, ~fits
    us, skipped = utc_of(us, zone)
    return us, ~fits if skipped is None else ~fits | skipped


def _of_texts(column: Any, zone: ZoneInfo) -> "Checked":
    import pyarrow as pa

    for zone_name in (None, "UTC"):
        try:
            return _of_timestamps(column.cast(pa.timestamp("ns", zone_name)), zone)
        except pa.ArrowInvalid:
            continue
    return _one_by_one(column.to_pylist(), lambda text: _moment(text, zone))


def _one_by_one(texts: list[str | None], parse: Callable[[str], int]) -> "Checked":
    import numpy as np

    values, bad = np.zeros(len(texts), np.int64), np.zeros(len(texts), bool)
    for row, text in enumerate(texts):
        try:
            values[row] = parse(text or "")
        except (ValueError, OverflowError):
            bad[row] = True
    return values, bad


def _moment(text: str, zone: ZoneInfo) -> int:
    """Microseconds since 1970 of an ISO 8601 time. Raises ValueError and OverflowError."""
    return (localized(text.strip(), zone) - _EPOCH) // _US
