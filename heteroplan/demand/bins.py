"""Requests of trace files -> counts and tokens in equal intervals of elapsed time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.demand.readers import Reader, reader_of
from heteroplan.demand.readers.source import opened
from heteroplan.errors import UsageError

if TYPE_CHECKING:
    from heteroplan.demand.readers.chunk import Chunk

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
US_PER_S = 1_000_000
MOST_INTERVALS = 100_000


@dataclass(slots=True)
class Bin:
    """Requests that arrived in one interval."""

    requests: int
    input_tokens: float
    output_tokens: float
    first_us: int
    last_us: int

    def add(self, other: "Bin") -> None:
        """Count the requests of `other` too."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.first_us = min(self.first_us, other.first_us)
        self.last_us = max(self.last_us, other.last_us)


@dataclass(frozen=True, slots=True)
class Binned:
    """A trace in intervals that are counted from a local midnight."""

    midnight_us: int
    """Start of interval 0 [microseconds since 1970 UTC]."""
    bins: dict[int, Bin]
    """Intervals that hold requests."""


def binned(
    paths: Sequence[str],
    *,
    format: str | None,  # noqa: A002
    interval_s: int,
    zone: ZoneInfo,
    start: datetime | None,
) -> Binned:
    """Count the requests of all `paths` in intervals from the midnight before the first one.

    The first request is the first row of the first file; with `start` it is moved there and all
    others with it. Times are whole microseconds, which both known formats hold exactly. Raises
    InputError, and UsageError where a trace without dates has no `start`, where formats differ or
    where there are more than `MOST_INTERVALS` intervals.
    """
    bins: dict[int, Bin] = {}
    shift_us = midnight_us = 0
    for reader, chunk in _chunks(paths, format, zone):
        if not bins:
            if start is None and not reader.dated:
                raise UsageError("the trace knows no date; say when it starts (--start)")
            first_us = int(chunk.arrival_us[0])
            shift_us = 0 if start is None else _us(start) - first_us
            midnight_us = _midnight_us(first_us + shift_us, zone)
        for index, found in _chunk_bins(chunk, shift_us - midnight_us, interval_s).items():
            if index in bins:
                bins[index].add(found)
            else:
                bins[index] = found
        intervals = max(bins) - min(bins) + 1
        if intervals > MOST_INTERVALS:
            raise UsageError(
                f"the trace spans {intervals} intervals of {interval_s} s, at most "
                f"{MOST_INTERVALS} are allowed; take a longer interval or check its stamps"
            )
    return Binned(midnight_us, bins)


def _chunks(
    paths: Sequence[str],
    format: str | None,  # noqa: A002
    zone: ZoneInfo,
) -> Iterator[tuple[Reader, "Chunk"]]:
    """Chunks of all files that hold requests."""
    first: Reader | None = None
    for path in paths:
        with opened(path) as source:
            reader = reader_of(source, format)
            first = first or reader
            if reader is not first:
                raise UsageError("the traces are of different formats; make a curve of each")
            for chunk in reader.chunks(source, zone):
                if len(chunk.arrival_us):
                    yield reader, chunk


def _chunk_bins(chunk: "Chunk", shift_us: int, interval_s: int) -> dict[int, Bin]:
    import numpy as np

    moments_us = chunk.arrival_us + shift_us
    indices, places = np.unique(moments_us // (interval_s * US_PER_S), return_inverse=True)
    first_us = np.full(len(indices), np.iinfo(np.int64).max)
    last_us = np.full(len(indices), np.iinfo(np.int64).min)
    np.minimum.at(first_us, places, moments_us)
    np.maximum.at(last_us, places, moments_us)
    return {
        int(index): Bin(int(requests), float(isl), float(osl), int(first), int(last))
        for index, requests, isl, osl, first, last in zip(
            indices,
            np.bincount(places),
            np.bincount(places, weights=chunk.input_tokens),
            np.bincount(places, weights=chunk.output_tokens),
            first_us,
            last_us,
            strict=True,
        )
    }


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _midnight_us(moment_us: int, zone: ZoneInfo) -> int:
    local = (EPOCH + moment_us * MICROSECOND).astimezone(zone)
    return _us(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0))
