"""One trace, in one or several files -> its requests, or its windows, placed in time.

What is held of requests is a batch of rows at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.forecasting.steps.spans import Spans
from heteroplan.forecasting.steps.stamps import TraceClock
from heteroplan.forecasting.traces.ahead import ahead
from heteroplan.forecasting.traces.bad_rows import NONE_BAD, BadRowLimit, BadRows
from heteroplan.forecasting.traces.recognition import format_of
from heteroplan.forecasting.traces.requests import Requests, Windows
from heteroplan.forecasting.traces.row_filter import RowFilter
from heteroplan.forecasting.traces.source import TraceSource, expanded, open_trace
from heteroplan.forecasting.traces.trace_format import AskedOfTrace, TraceFormat
from heteroplan.reading.input_size import MOST_BYTES

if TYPE_CHECKING:
    from heteroplan.forecasting.steps.prefix_cache import PrefixCache

type _Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How the files of a trace are read."""

    stamp_zone: ZoneInfo
    """Of stamps that name none."""
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our names of columns -> theirs."""
    start: datetime | None = None
    """When the trace begins, zone-aware: its clock's zero, or its first request where it has
    dates."""
    cache_tokens: int | None = None
    """Size of a prefix cache, where the trace tells blocks and not what was cached."""
    max_bytes: int = MOST_BYTES
    """Held of a file at a time; see `input_size`."""
    bad_rows: BadRowLimit = NONE_BAD
    """Of a trace of requests: bad rows that are left out, if there are no more."""
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Values by column (or label of a counter); requests with others are left out."""


@dataclass(frozen=True, slots=True)
class PlacedRequests:
    """Some requests of a trace, in the order of the file; one at least."""

    moments_us: _Ints
    """When they arrived [microseconds since 1970 UTC]."""
    input_tokens: _Ints
    """`UNKNOWN` where the trace does not tell."""
    output_tokens: _Ints
    """`UNKNOWN` where the trace does not tell."""
    cached_tokens: _Ints | None
    """Input tokens found in a prefix cache, as the trace says or as a cache of the size asked for
    would hold them, below 0 where the trace does not tell; None where neither is known."""


class OpenedTrace:
    """The files of one trace, of which nothing but the first one's format is read yet."""

    def __init__(
        self, files: Sequence[str], first: TraceSource, stack: ExitStack, options: ReadOptions
    ) -> None:
        self._files = files
        self._first = first
        self._stack = stack
        self._options = options
        self._asked = AskedOfTrace(
            options.stamp_zone,
            options.columns,
            [],
            BadRows(options.bad_rows),
            RowFilter(options.where),
        )
        self._reader = self._format(first)
        self._clock = TraceClock(self._reader.dated, options.start, self._asked.notes)
        self._cache: PrefixCache | None = None
        self.has_windows = self._reader.windows is not None
        """Whether the trace tells windows, and no single requests."""
        self.tells_blocks = False
        """Whether requests so far list block hashes and not what was cached."""
        self.spans = Spans()
        """Which time the files cover, once all requests are read."""

    @property
    def notes(self) -> list[str]:
        """What was left out or taken for granted so far; one sentence each."""
        return self._asked.notes

    @property
    def offsets(self) -> tuple[str, ...]:
        """Offsets from UTC, or zones, that stamps carry so far."""
        return tuple(self._asked.offsets)

    def windows(self) -> Windows:
        """The windows of all files, their times since 1970 UTC; one at least.

        Raises InputError, and UsageError where a trace without dates has no start.
        """
        assert self._reader.windows is not None
        if self._options.where and not self._reader.has_labels:
            raise UsageError(
                "--where: the trace tells counts in windows, and no single requests to choose from"
            )
        others = [self._stack.enter_context(self._opened(path)) for path in self._files[1:]]
        windows = self._reader.windows([self._first, *others], self._asked)
        if len(windows.start_us) == 0:
            raise self.problem("holds no demand")
        self.notes.extend(self._asked.where.notes("series"))
        moments_us = self._clock.placed(windows.start_us)
        end_us = moments_us + (windows.end_us - windows.start_us)
        return replace(windows, start_us=moments_us, end_us=end_us)

    def requests(self) -> Iterator[PlacedRequests]:
        """The requests of all files, in their order.

        Raises InputError, and UsageError where formats differ or where a trace without dates has
        no start.
        """
        rows = 0
        for number, requests in ahead(self._chunks()):
            if len(requests.arrival_us) == 0:
                continue
            rows += len(requests.arrival_us)
            moments_us = self._clock.placed(requests.arrival_us)
            self.spans.add(number, moments_us)
            cached = self._cached_tokens(requests)
            yield PlacedRequests(moments_us, requests.input_tokens, requests.output_tokens, cached)
        self._asked.bad_rows.done(self._files[-1])
        where = self._asked.where
        if rows == 0:
            raise self.problem(where.nothing() if where.wanted else "holds no requests")
        self.notes.extend(where.notes())
        self.notes.extend(self._asked.bad_rows.notes())
        self.spans.jumps += self._clock.jumps

    def problem(self, remedy: str) -> InputError:
        """What is wrong with all files together."""
        return InputError(InputProblem(path, 0, "", "", remedy) for path in self._files)

    def _opened(self, path: str) -> AbstractContextManager[TraceSource]:
        return open_trace(path, self._options.max_bytes)

    def _format(self, source: TraceSource) -> TraceFormat:
        return format_of(source, self._options.format, self._options.columns)

    def _chunks(self) -> Iterator[tuple[int, Requests]]:
        """With the number of the file."""
        read = self._reader.requests
        assert read is not None
        for requests in read(self._first, self._asked):
            yield 0, requests
        for number, path in enumerate(self._files[1:], start=1):
            with self._opened(path) as source:
                if self._format(source) is not self._reader:
                    raise UsageError("the traces are of different formats; take each by itself")
                for requests in read(source, self._asked):
                    yield number, requests

    def _cached_tokens(self, requests: Requests) -> _Ints | None:
        if requests.cached_tokens is not None or requests.blocks is None:
            return requests.cached_tokens
        self.tells_blocks = True
        if self._options.cache_tokens is None:
            return None
        if self._cache is None:
            from heteroplan.forecasting.steps.prefix_cache import PrefixCache

            self._cache = PrefixCache(self._options.cache_tokens // requests.blocks.tokens)
        return self._cache.cached_tokens(requests.blocks, requests.input_tokens)


@contextmanager
def opened(paths: Sequence[str], options: ReadOptions) -> Iterator[OpenedTrace]:
    """The trace in all `paths` (`-` is standard input, globs are expanded), of the first one's
    format.

    What makes reading fail inside the context is raised as InputError.
    """
    files = expanded(paths)
    with ExitStack() as stack:
        first = stack.enter_context(open_trace(files[0], options.max_bytes))
        yield OpenedTrace(files, first, stack, options)
