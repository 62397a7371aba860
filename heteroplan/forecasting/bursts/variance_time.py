"""Variance of what arrives in windows over its mean, by the length of the windows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.bursts.sample import Sampled
from heteroplan.forecasting.steps.stamps import US_PER_S
from heteroplan.numerics.compiling import compiled

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

WINDOWS_S = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 900.0)


@dataclass(frozen=True, slots=True)
class WindowDispersion:
    """Index of dispersion in windows of one length: 1 of Poisson arrivals."""

    window_s: float
    requests: float
    """Variance over mean of the number of requests."""
    prompts: float | None
    """Of the tokens that prefill computes, in mean prompts, without what the spread of single
    prompts adds; None where single requests are not known."""
    answers: float | None
    """Of output tokens, in mean answers, without what the spread of single answers adds; None where
    single requests are not known."""


def dispersions(
    sampled: Sampled, piece_s: int, windows_s: Sequence[float] = WINDOWS_S
) -> tuple[WindowDispersion, ...]:
    """One a length of window that fits twice into a piece, or else into an interval.

    Each is measured around the mean of the piece of `piece_s` (or of the interval) that holds it,
    so that what a plan of pieces follows does not count.
    """
    piece_us = min(piece_s * US_PER_S, sampled.span_us)
    columns = [np.ones(len(sampled.moments_us)), sampled.prompts, sampled.answers]
    ahead_us = sampled.moments_us - sampled.starts_us
    found = []
    for window_s in windows_s:
        window_us = round(window_s * US_PER_S)
        around_us = piece_us if 2 * window_us <= piece_us else sampled.span_us
        windows = around_us // window_us
        if windows < 2:
            continue
        pieces = sampled.moments_us - ahead_us % around_us
        places = ahead_us % around_us // window_us
        inside = places < windows
        if not inside.any():
            continue
        requests, prompts, answers = (
            _dispersion(pieces[inside], places[inside], each[inside], windows) for each in columns
        )
        found.append(WindowDispersion(window_s, requests, prompts, answers))
    return tuple(found)


def _dispersion(pieces: Ints, places: Ints, amounts: Floats, windows: int) -> float:
    scaled = amounts / amounts.mean()
    return _summed(pieces, places, scaled, windows) / len(amounts) - float(scaled.var())


@compiled
def _summed(pieces: Ints, places: Ints, amounts: Floats, windows: int) -> float:
    """Squared distances of windows from the mean of their piece, of all pieces."""
    total = in_piece = squares = in_window = 0.0
    for i in range(len(pieces)):
        if i > 0 and (pieces[i] != pieces[i - 1] or places[i] != places[i - 1]):
            squares += in_window * in_window
            in_window = 0.0
            if pieces[i] != pieces[i - 1]:
                total += squares - in_piece * in_piece / windows
                in_piece = squares = 0.0
        in_window += amounts[i]
        in_piece += amounts[i]
    squares += in_window * in_window
    total += squares - in_piece * in_piece / windows
    return total * windows / (windows - 1)
