"""Columns of pandas frames. pandas takes half a second to import: only frames do so."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, tzinfo
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import DatetimeIndex
    from pandas.arrays import IntegerArray


def numbers(values: Iterable[float | None]) -> NDArray[np.float64]:
    """Floats, NaN for what is not known."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def labels_of(rows: Collection[Any], *names: str) -> dict[str, list[Any]]:
    """A column for each attribute of that name: as it is, but enumerations by their value."""
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    return {
        name: [each.value if isinstance(each, Enum) else each for each in column]
        for name, column in columns.items()
    }


def numbers_of(rows: Collection[Any], *names: str) -> dict[str, NDArray[np.float64]]:
    """A column of floats for each attribute of that name, NaN for what is not known."""
    return {name: numbers(getattr(row, name) for row in rows) for name in names}


def counts(values: Iterable[int | None]) -> "IntegerArray":
    """Whole numbers, NA for what is not known."""
    from pandas import array

    return array(list(values), dtype="Int64")


def local_times(moments: Sequence[datetime], zone: tzinfo | str | None) -> "DatetimeIndex":
    """Zone-aware moments as timestamps in one zone, summer time included."""
    from pandas import DatetimeIndex, to_datetime

    return DatetimeIndex(to_datetime(list(moments), utc=True)).tz_convert(zone)
