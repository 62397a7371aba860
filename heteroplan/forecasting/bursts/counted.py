"""Counts in windows -> how bursty arrivals are, as far as they tell."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.arrivals import Arrivals, ArrivalsSource, Dispersion
from heteroplan.forecasting.bursts.measured import PERCENTILES, Bursts
from heteroplan.forecasting.bursts.variance_time import WindowDispersion
from heteroplan.forecasting.steps.stamps import US_PER_S

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.requests import Windows

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

UNKNOWN = 8.0
"""Dispersion that is planned with where nothing tells: that of two in three public traces, and of
half of the time of the others, is less at time scales of a second."""
LONGEST_S = 60
"""Of windows whose counts tell of bursts; those of longer ones follow the load of the day."""
_MULTIPLES = (1, 3, 10)


def window_dispersions(windows: "Windows", most_s: int) -> tuple[WindowDispersion, ...]:
    """Of single windows, and of several in a row up to `most_s`, from the differences of neighbours

    so that a slow change of the level does not count.
    """
    lengths_us = windows.end_us - windows.start_us
    usual_us = int(np.median(lengths_us))
    found = []
    for many in _MULTIPLES:
        window_s = many * usual_us / US_PER_S
        if many > 1 and window_s > most_s:
            break
        places, counts = _joined(windows, usual_us, many)
        pairs = np.diff(places) == 1
        total = float((counts[:-1] + counts[1:])[pairs].sum())
        if total > 0:
            squares = float((np.diff(counts)[pairs] ** 2).sum())
            found.append(WindowDispersion(window_s, squares / total, None, None))
    return tuple(found)


def counted(windows: tuple[WindowDispersion, ...], window_s: float) -> Bursts:
    """What counts in windows of `window_s` let assume below them."""
    short = [each.requests for each in windows if each.window_s <= LONGEST_S]
    dispersion = max([UNKNOWN, *short])
    points = tuple(Dispersion(1.0, each, dispersion, dispersion) for each in PERCENTILES)
    note = (
        f"the trace has counts in windows of {window_s:g} s and no single requests: how they "
        f"arrive in shorter times is not known, a dispersion of {dispersion:.3g} (Poisson: 1) is "
        "assumed"
    )
    return Bursts(Arrivals(points, ArrivalsSource.ASSUMED), windows, (), (note,))


def _joined(windows: "Windows", usual_us: int, many: int) -> tuple[Ints, Floats]:
    """Places in time and counts of so many windows in a row, of the usual length and known each."""
    usable = (windows.end_us - windows.start_us == usual_us) & np.isfinite(windows.requests)
    places = (windows.start_us[usable] - windows.start_us[0]) // usual_us // many
    joined, which, sizes = np.unique(places, return_inverse=True, return_counts=True)
    counts = np.bincount(which, windows.requests[usable], minlength=len(joined))
    whole = sizes == many
    return joined[whole], counts[whole]
