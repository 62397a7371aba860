"""Windows of time in which somebody counted requests -> requests drawn from them."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.workload import RequestClass
from heteroplan.forecasting.steps.opened import OpenedTrace, PlacedRequests
from heteroplan.forecasting.steps.stamps import US_PER_S
from heteroplan.forecasting.traces.requests import UNKNOWN, Windows
from heteroplan.simulation.arrivals.lengths import lengths
from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.arrivals.renewal import arrivals
from heteroplan.simulation.requests import Floats, Integers


def from_windows(
    trace: OpenedTrace, streams: Sequence[np.random.Generator]
) -> Iterator[PlacedRequests]:
    """Poisson arrivals at the rate of each window, all with its mean lengths.

    Nothing arrives where no window was recorded. `streams` are random streams for arrivals,
    classes and lengths.
    """
    windows = trace.windows()
    rates, window_of = window_rates(windows)
    after_s = arrivals(rates, 1.0, streams[0])
    moments_us = windows.start_us[0] + np.floor(after_s * US_PER_S).astype(np.int64)
    window = window_of[np.searchsorted(rates.edges_s, after_s, side="right") - 1]
    mixes = [(each,) for each in mean_requests(windows)]
    tokens = lengths(mixes, window, streams[1], streams[2])
    known = tells_lengths(windows)[window]
    trace.notes.append(
        f"single requests are drawn from its {len(windows.start_us):,} windows: Poisson arrivals, "
        "all with the mean lengths of the window; none where no window was recorded"
    )
    yield PlacedRequests(
        moments_us,
        np.where(known, tokens.isl, UNKNOWN),
        np.where(known, tokens.osl, UNKNOWN),
        None if windows.cached_tokens is None else np.where(known, tokens.cached, UNKNOWN),
    )


def window_rates(windows: Windows) -> tuple[Rates, Integers]:
    """Since the start of the first window; and the window of each piece, any one for a gap."""
    begin_s = (windows.start_us - windows.start_us[0]) / US_PER_S
    end_s = (windows.end_us - windows.start_us[0]) / US_PER_S
    edges_s = np.stack([begin_s, end_s], axis=1).ravel()
    rps = np.zeros(len(edges_s) - 1)
    rps[::2] = np.nan_to_num(windows.requests) / (end_s - begin_s)
    numbers = np.repeat(np.arange(len(begin_s)), 2)[:-1]
    return Rates(edges_s, rps), numbers


def tells_lengths(windows: Windows) -> NDArray[np.bool_]:
    """[window] whether it tells tokens."""
    tokens = windows.input_tokens + windows.output_tokens
    told: NDArray[np.bool_] = (windows.with_lengths > 0.0) & np.isfinite(tokens)
    return told


def mean_requests(windows: Windows) -> list[RequestClass]:
    """The mean request of each window; where no lengths are told, one that is not used."""
    known = tells_lengths(windows)

    def mean(tokens: Floats, of: Floats) -> list[float]:
        found = np.divide(tokens, of, out=np.ones(len(known)), where=known & (of > 0.0))
        return [float(each) for each in found]

    isl = mean(windows.input_tokens, windows.with_lengths)
    osl = mean(windows.output_tokens, windows.with_lengths)
    hit_rates = [0.0] * len(known)
    if windows.cached_tokens is not None:
        cached = np.where(known, np.nan_to_num(windows.cached_tokens), 0.0)
        hit_rates = [min(each, 1.0 - 1e-9) for each in mean(cached, windows.input_tokens)]
    return [
        RequestClass(name="window", share=1.0, isl=i, osl=o, prefix_hit_rate=h)
        for i, o, h in zip(isl, osl, hit_rates, strict=True)
    ]
