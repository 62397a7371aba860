"""Whether the earlier parts of a trace let expect what the later ones need."""

from typing import TYPE_CHECKING

import numpy as np

from heteroplan.forecasting.bursts.fluid_replay import Work, needed
from heteroplan.forecasting.bursts.measured import Planned, is_first, placed, pooled
from heteroplan.forecasting.steps.stamps import US_PER_S
from heteroplan.text import percent

if TYPE_CHECKING:
    from heteroplan.forecasting.bursts.sample import Sampled

WAIT_S, PERCENTILE = 2.0, 0.95
FEWEST_REQUESTS = 200
"""Of pieces looked at together."""
FIRST_PARTS, FIRST_SHARE = 2, 0.25
"""Of the trace, with which later pieces are compared at the least."""
TOLERANCE = 1.5
"""That a piece may need over all before it. In 60 random hours of 0.5, 1, 3 and 10 requests/s each
none needs as much with a dispersion of 1, and 7 of 240 do with a dispersion of 5."""


def steadiness(sampled: "Sampled", forecast: Planned | None, piece_s: int) -> list[str]:
    """A sentence where a piece of the trace needs far more than all before it.

    Needed is capacity for prefill, over the forecast of like intervals, or over one rate for all of
    the trace where no other days are known.
    """
    if forecast is None:
        seconds = sampled.prompts / sampled.prompts.mean()
    else:
        sampled, of_request = placed(sampled, forecast)
        seconds = sampled.prompts / forecast.prompts[of_request]
    pieces = np.unique(sampled.moments_us // (piece_s * US_PER_S), return_inverse=True)[1]
    groups = pooled(pieces, FEWEST_REQUESTS)
    if forecast is None:
        covered_s = len(np.unique(pieces)) * piece_s
        seconds *= covered_s / len(seconds)
    needs = needed(
        Work(sampled.moments_us, seconds, is_first(sampled), groups), [WAIT_S], [PERCENTILE]
    )[:, 0, 0]
    first = max(FIRST_PARTS, int(len(needs) * FIRST_SHARE))
    ratios = needs[first:] / np.maximum.accumulate(needs)[first - 1 : -1]
    if ratios.max(initial=1.0) <= TOLERANCE:
        return []
    return [
        f"the trace is not steady: a part of it needs {ratios.max():.1f} times the capacity of all "
        f"before it so that {percent(PERCENTILE, 0)} of the prompts wait {WAIT_S:g} s at most; "
        "what follows may need more than what was recorded"
    ]
