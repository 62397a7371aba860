"""When the requests of a trace arrive in the replay, and which of them, and how often."""

from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.arrivals.reading import TraceRequests
from heteroplan.simulation.requests import Floats, Integers


@dataclass(frozen=True, slots=True)
class Scaled:
    """Requests of a trace by their arrival in the replay; arrays [arrival]."""

    chosen: Integers
    """Number of the request in the trace."""
    arrival_s: Floats
    """Ascending, since the start of the replay [s]."""

    def within(self, duration_s: float) -> "Scaled":
        """Those that arrive from its start on and before its end."""
        first, last = np.searchsorted(self.arrival_s, [0.0, duration_s])
        return Scaled(self.chosen[first:last], self.arrival_s[first:last])


def shifted(trace: TraceRequests, start_s: float, slower: float) -> Scaled:
    """All requests, the first one at `start_s` and gaps `slower` times as long."""
    return Scaled(np.arange(len(trace.after_s)), start_s + slower * trace.after_s)


def to_rates(trace: TraceRequests, rates: Rates) -> Scaled:
    """As many requests in each piece of time as are expected, give or take one.

    Each piece takes the next requests of the trace, which is gone through again when it ends, a
    mean gap after its last request. Pieces are cut in the middle of gaps, and the time of a piece
    in the trace is stretched or squeezed evenly to that of the piece in the replay: gaps within
    it keep their proportions. Where that time in the trace is 0, requests come evenly.
    """
    size = len(trace.after_s)
    period_s = float(trace.after_s[-1]) + (trace.mean_gap_s or 1.0)

    def trace_s(number: Integers) -> Floats:
        found: Floats = trace.after_s[number % size] + (number // size) * period_s
        return found

    first = np.rint(rates.expected).astype(np.int64)
    cuts_s = (trace_s(first - 1) + trace_s(first)) / 2.0
    numbers = np.arange(first[-1])
    piece = np.repeat(np.arange(len(rates.rps)), np.diff(first))
    spent_s, long_s = trace_s(numbers) - cuts_s[piece], np.diff(cuts_s)[piece]
    evenly = (numbers - first[piece] + 0.5) / np.diff(first)[piece]
    share = np.divide(spent_s, long_s, out=evenly, where=long_s > 0.0)
    begin_s, end_s = rates.edges_s[piece], rates.edges_s[piece + 1]
    arrival_s = np.minimum(begin_s + share * (end_s - begin_s), np.nextafter(end_s, begin_s))
    return Scaled(numbers % size, arrival_s)
