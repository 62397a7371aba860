"""Trace files -> what came in equal steps of elapsed time, and which shapes of request.

One pass; what is kept grows with the time that a trace spans, and with the prefix cache that is
played, but not with its rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError
from heteroplan.forecasting.bursts.counted import window_dispersions
from heteroplan.forecasting.bursts.sample import Sample
from heteroplan.forecasting.steps import counting
from heteroplan.forecasting.steps.counting import COUNTS, REQUESTS, WITH_LENGTHS
from heteroplan.forecasting.steps.local_days import hours_of_week, midnight_us
from heteroplan.forecasting.steps.opened import OpenedTrace, ReadOptions, opened
from heteroplan.forecasting.steps.spans import Spans
from heteroplan.forecasting.steps.stamps import US_PER_S
from heteroplan.forecasting.steps.zones import zone_note
from heteroplan.text import percent

if TYPE_CHECKING:
    from heteroplan.forecasting.bursts.sample import Sampled
    from heteroplan.forecasting.bursts.variance_time import WindowDispersion
    from heteroplan.forecasting.steps.opened import PlacedRequests
    from heteroplan.forecasting.traces.requests import Windows

type _Floats = NDArray[np.float64]
type _Ints = NDArray[np.int64]

MOST_STEPS = 1_500_000
"""Of five minutes each: 14 years."""
PARTIAL_GAPS = 5
"""A trace ends inside a step when nothing comes for five of its mean gaps there (which happens to
random arrivals once in 150 steps)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOptions(ReadOptions):
    """How traces are read, and into which steps."""

    step_s: int
    zone: ZoneInfo
    """Of the days."""
    zone_given: bool = False
    """Whether the user named `zone`."""
    interval_s: int = 900
    """Of the curve; of some intervals the requests are kept."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What came in equal steps of elapsed time."""

    start_us: int
    """Of the first step [microseconds since 1970 UTC]."""
    step_s: int
    counts: _Floats
    """[step, count]: see `counting`."""
    known: NDArray[np.bool_]
    """[step]: whether the trace tells what came in it."""
    shapes: _Floats | None
    """[hour of the week, computed cell, osl cell, sum]; None where no single requests are known."""
    has_cached: bool
    """Whether cached tokens are known."""
    window_s: int
    """What was counted together in the trace [s]; 0 for single requests."""
    notes: tuple[str, ...]
    sampled: "Sampled | None" = None
    """Requests of some intervals; None where no single ones are known."""
    dispersions: "tuple[WindowDispersion, ...]" = ()
    """Of the windows of a trace without single requests."""
    last_us: int | None = None
    """When the last request came or the last window ended [microseconds since 1970 UTC]; None
    where the steps are no trace's."""


def read_steps(paths: Sequence[str], options: TraceOptions) -> Steps:
    """What all `paths` (`-` is standard input, globs are expanded) hold, in steps.

    Raises InputError, and UsageError where a trace without dates has no start, where formats
    differ or where it spans more than `MOST_STEPS`.
    """
    with opened(paths, options) as trace:
        if trace.has_windows:
            return _with_zone(_of_windows(trace, options), trace, options)
        tally = _Tally(options)
        for requests in trace.requests():
            tally.add(requests)
        _check_cache(trace, options.cache_tokens)
        return _with_zone(tally.steps(trace.spans, trace.notes), trace, options)


def _with_zone(steps: Steps, trace: OpenedTrace, options: TraceOptions) -> Steps:
    """With a note where days are not those of the clock that the trace was written by."""
    if options.zone_given:
        return steps
    note = zone_note(trace.offsets, options.zone, steps.start_us // US_PER_S)
    return replace(steps, notes=(*steps.notes, note)) if note else steps


def _check_cache(trace: OpenedTrace, cache_tokens: int | None) -> None:
    """Say what a cache would need, or could do. Raises UsageError."""
    if cache_tokens is not None and not trace.tells_blocks:
        raise UsageError("the trace lists no block hashes; leave out --prefix-cache")
    if cache_tokens is None and trace.tells_blocks:
        trace.notes.append(
            "the trace lists block hashes: with --prefix-cache TOKENS prefill is sized on "
            "the tokens that a cache of that size misses"
        )


def _of_windows(trace: OpenedTrace, options: TraceOptions) -> Steps:
    windows = trace.windows()
    start_us = midnight_us(int(windows.start_us[0]), options.zone)
    counts, known = _spread(windows, start_us, options.step_s)
    if not known.any():
        raise trace.problem("tells no rates")
    window_s = int(np.median(windows.end_us - windows.start_us)) // US_PER_S
    notes = (f"{len(windows.start_us):,} windows of {window_s} s", *trace.notes)
    has_cached = windows.cached_tokens is not None
    return Steps(
        start_us,
        options.step_s,
        counts,
        known,
        None,
        has_cached,
        window_s,
        notes,
        dispersions=window_dispersions(windows, options.interval_s),
        last_us=int(windows.end_us[-1]),
    )


def _spread(windows: "Windows", start_us: int, step_s: int) -> tuple[_Floats, NDArray[np.bool_]]:
    """[step, count] each window's evenly over its time; and whether windows cover the step.

    Steps are from `start_us` on. Where none is covered as a whole, those in part count, for as
    much as all of a step would.
    """
    step_us = step_s * US_PER_S
    size = -(-(int(windows.end_us[-1]) - start_us) // step_us)
    _check_span(size, step_s)
    edges_us = np.arange(size + 1) * step_us
    times = np.stack([windows.start_us, windows.end_us], axis=1).ravel() - start_us

    def by_step(amounts: _Floats) -> _Floats:
        sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(amounts))])
        by_edge = np.interp(edges_us, times, np.repeat(sums, 2)[1:-1])
        found: _Floats = np.maximum(np.diff(by_edge), 0.0)
        return found

    counted, cached = np.isfinite(windows.requests), windows.cached_tokens
    amounts = [windows.requests, windows.with_lengths, windows.input_tokens]
    amounts += [windows.output_tokens, np.zeros(len(counted)) if cached is None else cached]
    covered_us = by_step(np.where(counted, windows.end_us - windows.start_us, 0))
    counts = np.stack([by_step(each) for each in amounts], axis=1)
    known = covered_us >= step_us - 1
    if not known.any():
        known = covered_us > 0
        counts[known] *= (step_us / covered_us[known])[:, None]
    return counts, known


class _Tally:
    """Counts of steps as a trace brings them, in whatever order."""

    def __init__(self, options: TraceOptions) -> None:
        self._step_us = options.step_s * US_PER_S
        self._zone = options.zone
        self._table = counting.cell_table()
        self._start_us = 0
        self._counts = np.zeros((0, COUNTS))
        self._hours = np.zeros(0, np.int64)
        self._shapes = np.zeros(
            (counting.HOURS, counting.INPUT_CELLS, counting.OUTPUT_CELLS, counting.SUMS)
        )
        self._first_us: int | None = None
        self._last_us = 0
        self._sample = Sample(options.interval_s)
        self.rows = self.tell_cached = 0

    def add(self, requests: "PlacedRequests") -> None:
        """Count requests."""
        moments_us, cached_tokens = requests.moments_us, requests.cached_tokens
        first_us, last_us = int(moments_us.min()), int(moments_us.max())
        self._make_room(first_us, last_us)
        self._sample.add(requests, self._start_us)
        self.rows += len(moments_us)
        self.tell_cached += 0 if cached_tokens is None else int((cached_tokens >= 0).sum())
        columns = counting.Columns(
            moments_us,
            requests.input_tokens,
            requests.output_tokens,
            np.empty(0, np.int64) if cached_tokens is None else cached_tokens,
        )
        counting.count(
            columns,
            self._start_us,
            self._step_us,
            self._hours,
            self._table,
            self._counts,
            self._shapes,
        )
        self._last_us = last_us if self._first_us is None else max(self._last_us, last_us)
        self._first_us = first_us if self._first_us is None else min(self._first_us, first_us)

    def _make_room(self, first_us: int, last_us: int) -> None:
        """Steps from a local midnight to `last_us`, in large pieces so that few are made."""
        if self._first_us is None:
            self._start_us = midnight_us(first_us, self._zone)
        before = 0
        if first_us < self._start_us:
            midnight = midnight_us(first_us, self._zone)
            before = -(-(self._start_us - midnight) // self._step_us)
        needed = before + max(len(self._counts), (last_us - self._start_us) // self._step_us + 1)
        _check_span(needed, self._step_us // US_PER_S)
        if needed == len(self._counts):
            return
        after = max(needed, 2 * len(self._counts)) - len(self._counts)
        self._start_us -= before * self._step_us
        self._counts = np.pad(self._counts, ((before, after), (0, 0)))
        self._hours = hours_of_week(
            self._start_us, self._step_us // US_PER_S, len(self._counts), self._zone
        )

    def steps(self, spans: Spans, notes: Sequence[str]) -> Steps:
        """What was counted; known are whole steps, but for empty ones that no file spans."""
        assert self._first_us is not None
        first = (self._first_us - self._start_us) // self._step_us
        last = (self._last_us - self._start_us) // self._step_us
        counts = self._counts[: last + 1]
        known = np.zeros(len(counts), np.bool_)
        known[first:] = True
        before_us = self._first_us - self._start_us - first * self._step_us
        after_us = self._start_us + (last + 1) * self._step_us - self._last_us
        for step, missing_us in ((first, before_us), (last, after_us)):
            gaps = missing_us * counts[step, REQUESTS]
            known[step] &= gaps <= PARTIAL_GAPS * (self._step_us - missing_us)
        edges_us = self._start_us + np.arange(len(counts) + 1) * self._step_us
        for end_us, begin_us in spans.gaps():
            known &= (
                (counts[:, REQUESTS] > 0) | (edges_us[1:] <= end_us) | (edges_us[:-1] > begin_us)
            )
        all_notes = [f"{self.rows:,} requests", *notes, *spans.notes(), *self._untold(counts)]
        if not known.any():
            known[first:] = True
            all_notes.append(
                f"the trace covers no whole {self._step_us // US_PER_S} s: its rates are low"
            )
        return Steps(
            self._start_us,
            self._step_us // US_PER_S,
            counts,
            known,
            self._shapes,
            self.tell_cached > 0,
            0,
            tuple(all_notes),
            self._sample.kept(),
            last_us=self._last_us,
        )

    def _untold(self, counts: _Floats) -> Iterator[str]:
        """What a part of the requests does not tell."""
        with_lengths = int(counts[:, WITH_LENGTHS].sum())
        if with_lengths == 0:
            yield "the trace has no request lengths"
        elif with_lengths < self.rows:
            share = percent(with_lengths / self.rows)
            yield f"{share} of the requests have lengths; the others are assumed to have the same"
        if 0 < self.tell_cached < self.rows:
            share = percent(self.tell_cached / self.rows)
            yield f"{share} of the requests have cached tokens; the others are assumed to have none"


def _check_span(steps: int, step_s: int) -> None:
    if steps > MOST_STEPS:
        raise UsageError(
            f"the trace spans {steps:,} steps of {step_s} s, at most {MOST_STEPS:,} are allowed; "
            "check its stamps, or take longer steps (--peak)"
        )
