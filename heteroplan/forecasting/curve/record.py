"""Rates of the intervals as they were recorded, by elapsed time."""

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.curve.history import RPS, History, hours_text, rates_of
from heteroplan.forecasting.curve.intervals import (
    ANY,
    LEAST_KNOWN,
    means_of,
    median_over_days,
    peaks_of,
)
from heteroplan.forecasting.steps.counting import REQUESTS
from heteroplan.forecasting.steps.local_days import S_PER_DAY, wall_seconds
from heteroplan.forecasting.steps.stamps import US_PER_S

type Floats = NDArray[np.float64]


class Record:
    """Whole intervals from the first to the last that is known."""

    def __init__(self, found: History, interval_s: int) -> None:
        steps, pieces = found.steps, interval_s // found.step_s
        whole = -(-len(steps.known) // pieces) * pieces
        rates = np.full((4, whole), np.nan)
        rates[:, : len(steps.known)] = np.where(steps.known, rates_of(steps), np.nan)
        parts = ~np.isnan(rates[RPS].reshape(-1, pieces))
        kept = parts.all(axis=1)
        self.notes: list[str] = []
        least = LEAST_KNOWN
        if not kept.any():
            kept, least = parts.any(axis=1), ANY
            self.notes.append("the trace covers no whole interval: its rates are too low")
        first, last = np.flatnonzero(kept)[[0, -1]]
        came = np.zeros(whole)
        came[: len(steps.known)] = steps.counts[:, REQUESTS]
        held = came.reshape(-1, pieces).any(axis=1)
        cut = int(held[:first].sum() + held[last + 1 :].sum())
        if cut:
            self.notes.append(
                f"left out {cut} interval(s) at the ends that the trace covers in part"
            )
        part = slice(first * pieces, (last + 1) * pieces)
        peaks, mean = (
            peaks_of(rates[:, part], pieces, least),
            means_of(rates[RPS, part], pieces, least),
        )
        self.start_us = steps.start_us + int(first) * interval_s * US_PER_S
        self.size = int(last - first) + 1
        lost = np.isnan(peaks[RPS])
        if lost.any():
            filled = self._like(found, pieces, interval_s)
            peaks[:, lost], mean[lost] = filled[:, lost], filled[RPS, lost]
            self.notes.append(
                f"{hours_text(int(lost.sum()) * interval_s)} of missing data are filled from "
                "the same time on like days"
            )
        self.rates = np.concatenate([peaks, mean[None], mean[None]])
        """[kind, interval] as of `forecast`."""

    def _like(self, found: History, pieces: int, interval_s: int) -> Floats:
        """[kind, interval] the median at the same time of other days, or of the whole trace."""
        peaks = peaks_of(found.rates, pieces)
        usual = np.stack([median_over_days(kind.ravel()[None].T) for kind in peaks])
        by_time = np.stack([median_over_days(kind) for kind in peaks])
        by_time = np.where(np.isnan(by_time), usual, by_time)
        wall_s = wall_seconds(self.start_us, interval_s, self.size, found.zone)
        return by_time[:, wall_s % S_PER_DAY // interval_s]
