"""Sampled requests and the rates they are planned for -> the dispersion to plan with."""

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.arrivals import POISSON, Arrivals, ArrivalsSource, Dispersion
from heteroplan.forecasting.bursts.fluid_replay import Work, needed
from heteroplan.forecasting.bursts.in_flight import seen
from heteroplan.forecasting.bursts.inversion import by_capacity, by_in_flight
from heteroplan.forecasting.bursts.variance_time import WindowDispersion, dispersions

if TYPE_CHECKING:
    from heteroplan.forecasting.bursts.sample import Sampled

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

SCALES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
PERCENTILES = (0.5, 0.9, 0.95, 0.99)
KEPT = 0.95
"""Share of the requests whose interval keeps its promise."""
FEWEST_REQUESTS = 500
"""Of intervals looked at together, so that percentiles of waits mean something."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What the intervals of a sample are planned for, an entry each."""

    starts_us: Ints
    rps: Floats
    """Requests/s, as the other rates above 0."""
    prompts: Floats
    """Input tokens that prefill computes [tokens/s]."""
    answers: Floats
    """Output tokens [tokens/s]."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one time scale and percentile take, in multiples of what is planned for."""

    scale_s: float
    percentile: float
    prefill: float
    """Capacity for new input tokens with which that share waits no longer than the scale."""
    decode: float
    """Sequences in flight up to that share, where a request decodes for the scale on average."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """How bursty the arrivals of a trace are below the planning interval."""

    arrivals: Arrivals
    """To plan with."""
    windows: tuple[WindowDispersion, ...] = ()
    """Variance over mean by the length of windows, as far as the trace tells."""
    needs: tuple[Need, ...] = ()
    """Of each scale and percentile; none where no single requests are known."""
    notes: tuple[str, ...] = ()


NOTHING_KNOWN = Bursts(POISSON)


def measured(sampled: "Sampled", planned: Planned, piece_s: int) -> Bursts:
    """From single requests, of which one at least lies in an interval of `planned`.

    Of all intervals (few requests: of several together) those that `KEPT` of the requests lie in
    keep what is promised.
    """
    sample, of_request = placed(sampled, planned)
    groups = pooled(of_request)
    counts = np.bincount(groups).astype(float)
    rps = np.bincount(groups, planned.rps[of_request]) / counts
    seconds = sample.prompts / planned.prompts[of_request]
    work = Work(sample.moments_us, seconds, is_first(sample), groups)
    capacities = needed(work, SCALES_S, PERCENTILES)
    in_flight = _in_flight(sample, planned, of_request, groups)
    answers = np.bincount(groups, planned.answers[of_request]) / counts / sample.answers.mean()
    prompt_cv = float(sample.prompts.std() / sample.prompts.mean())
    points, needs = [], []
    for (i, scale_s), (j, percentile) in product(enumerate(SCALES_S), enumerate(PERCENTILES)):
        prefill = by_capacity(capacities[:, i, j], rps, scale_s, percentile, prompt_cv)
        # What is seen in the middle says little of the spread: that of the next percentile.
        k, usual = max(j, 1), answers * scale_s
        decode = by_in_flight(in_flight[:, i, k] * usual, usual, PERCENTILES[k])
        values = (prefill, decode, capacities[:, i, j], in_flight[:, i, j])
        of_prefill, of_decode, capacity, sequences = (high(each, counts) for each in values)
        points.append(Dispersion(scale_s, percentile, of_prefill, of_decode))
        needs.append(Need(scale_s, percentile, capacity, sequences))
    return Bursts(
        Arrivals(tuple(points), ArrivalsSource.MEASURED),
        dispersions(sample, piece_s),
        tuple(needs),
    )


def placed(sampled: "Sampled", planned: Planned) -> "tuple[Sampled, Ints]":
    """The requests of planned intervals, and which of these each lies in."""
    sample = sampled.of(np.isin(sampled.starts_us, planned.starts_us))
    return sample, np.searchsorted(planned.starts_us, sample.starts_us)


def is_first(sample: "Sampled") -> NDArray[np.bool_]:
    """[request] whether it is the first of its stretch: what came just before is not known."""
    begins_us, _ = stretches(sample)
    found: NDArray[np.bool_] = np.diff(begins_us, prepend=begins_us[:1] - 1) != 0
    return found


def stretches(sample: "Sampled") -> tuple[Ints, Ints]:
    """From when until when the requests around each are known [microseconds since 1970 UTC]."""
    starts_us, where = np.unique(sample.starts_us, return_inverse=True)
    apart = np.diff(starts_us, prepend=starts_us[:1] - 1) != sample.span_us
    begins = np.flatnonzero(apart)
    run = np.cumsum(apart) - 1
    lasts = np.append(begins[1:], len(starts_us)) - 1
    return starts_us[begins][run][where], (starts_us[lasts] + sample.span_us)[run][where]


def pooled(of_request: Ints, fewest: int = FEWEST_REQUESTS) -> Ints:
    """[request] which ones are looked at together: those of intervals in a row, `fewest` or more.

    `of_request` numbers the intervals.
    """
    counts = np.bincount(of_request)
    groups = np.zeros(len(counts), np.int64)
    group = held = 0
    for i, count in enumerate(counts.tolist()):
        if held >= fewest:
            group, held = group + 1, 0
        groups[i] = group
        held += count
    if group > 0 and held < fewest:
        groups[groups == group] = group - 1
    found: Ints = groups[of_request]
    return found


def high(values: Floats, weights: Floats, share: float = KEPT) -> float:
    """The least of `values` that are not exceeded in `share` of the weights."""
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(sums, share * sums[-1] * (1.0 - 1e-12))])


def _in_flight(sample: "Sampled", planned: Planned, of_request: Ints, groups: Ints) -> Floats:
    """[group, scale, percentile] others in flight over the planned number."""
    mean = float(sample.answers.mean())
    known = stretches(sample)
    return np.stack(
        [
            seen(
                sample.moments_us,
                scale_s * sample.answers / mean,
                planned.answers[of_request] * scale_s / mean,
                known,
                groups,
                PERCENTILES,
            )
            for scale_s in SCALES_S
        ],
        axis=1,
    )
