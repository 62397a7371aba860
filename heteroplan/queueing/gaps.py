"""Mean time between the tokens of requests beside whose decoding prompts are prefilled.

A request of m gaps decodes for m steps of mean length s and for the prefill that falls between
them: what it leaves waiting at its first token, and what comes before its last step, the more the
longer it decodes. So this is a busy period that begins with the work u = m s + what waits. It ends
at m t with chance P(u + X(t) = m t) u / (m t), X(t) being the prefill that comes within (m - 1) t
(Takacs, J. Am. Stat. Assoc. 57, 1962: the ballot theorem). Prefill that comes with steps, not with
time, is part of u. No gap is longer than a step and all the prefill that a step holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

from heteroplan.queueing.compound import Points, Stream

if TYPE_CHECKING:
    import numpy as np

    from heteroplan.queueing.compound import Spectra

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

PARTS = 64
"""Of a target."""
LEAST_LEFT = 1e-6
"""Of the time, beside prompts that take it evenly."""
LEAST_SPREAD_MS = 1e-6
"""Of a decode step."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Decode steps as requests see them: of their mean over a request a normal."""

    mean_ms: float
    """Prefill apart."""
    deviation_ms: float
    stretched_ms: float
    """Mean with prefill."""

    def beyond(self, times_ms: "Floats") -> "Floats":
        """P(step > each of some times), prefill apart."""
        from scipy.special import ndtr

        found: Floats = ndtr((self.mean_ms - times_ms) / max(self.deviation_ms, LEAST_SPREAD_MS))
        return found


@dataclass(frozen=True, eq=False)
class Gaps:
    """Requests by their numbers of gaps, and what prompts bring; arrays [kind] of each."""

    shares: "Floats"
    gaps: "Floats"
    """Between the tokens of a request; requests without any are left out."""
    prompt_shares: "Floats"
    """Sum to 1."""
    works_ms: "Floats"
    """Prefill time of a prompt alone."""
    target_ms: float
    """Longest mean time between tokens that is looked at."""
    step_ms: float = inf
    """Most prefill that a step holds; one prompt each where it is infinite."""
    together: "float | Floats" = 1.0
    """Mean number of requests that come at a time; or [kind of gaps], as each sees them."""
    turns: int = 1
    """The replica gets each so-manieth request of a Poisson stream."""
    slope_ms: float = 0.0
    """What a sequence adds to a decode step."""
    paced: float = 0.0
    """Share of the requests that come with steps, to each as many, not with time."""

    @cached_property
    def times_ms(self) -> "Floats":
        """[part] prefill a gap, from none to the target."""
        import numpy as np

        found: Floats = self._part_ms * np.arange(PARTS + 1, dtype=np.float64)
        return found

    @cached_property
    def _works_ms(self) -> "Floats":
        """[kind of gaps, prompt] what it adds a gap, as a prompt and as a sequence."""
        found: Floats = (self.works_ms + self._joined_ms[:, None]) / self.gaps[:, None]
        return found

    @cached_property
    def _small(self) -> "Floats":
        """[kind of gaps, prompt] parts of a target that it adds a gap, 1 at most."""
        import numpy as np

        return np.minimum(1.0, self._works_ms / self._part_ms)

    @cached_property
    def _prompts(self) -> Stream:
        """What a prompt adds a gap."""
        return self._stream(1.0, self._works_ms)

    @cached_property
    def _lumps(self) -> Stream:
        """As `_prompts`, but less often of what is less than a part, for its variance.

        The rest of its mean is in `_drift_ms`.
        """
        import numpy as np

        return self._stream(self._small**2, np.maximum(self._works_ms, self._part_ms))

    @cached_property
    def _drift_ms(self) -> "Floats":
        """[kind of gaps] what a prompt adds a gap, of its mean, that is not in `_lumps`."""
        found: Floats = (self._works_ms * (1.0 - self._small)) @ self.prompt_shares
        return found

    @property
    def _part_ms(self) -> float:
        return self.target_ms / PARTS

    @cached_property
    def _joined_ms(self) -> "Floats":
        """[kind of gaps] what a request that comes meanwhile adds to the steps, as a sequence.

        It comes at any of the gaps and has as many itself as any request.
        """
        import numpy as np

        gaps, other = self.gaps[:, None], self.gaps
        shared = np.where(other < gaps, other - other**2 / (2.0 * gaps), gaps / 2.0)
        found: Floats = self.slope_ms * (shared @ self.shares)
        return found

    def _stream(self, often: "Floats | float", works_ms: "Floats") -> Stream:
        """Prompts that add `works_ms` [kind of gaps, prompt] so `often`, else nothing.

        Axes: kind of gaps, time.
        """
        import numpy as np

        points = Points(self._part_ms, PARTS + 1)
        shares = self.prompt_shares * often * np.ones_like(works_ms)
        laws = np.array([points.law(*each) for each in zip(shares, works_ms, strict=True)])
        laws[:, 0] += 1.0 - laws.sum(axis=1)
        together = np.asarray(self.together)[..., None]
        return Stream(self._points, together, self.turns, self._points.spectrum(laws)[:, None])

    @cached_property
    def _points(self) -> Points:
        return Points(1.0, PARTS + 1)

    def law(self, up_to: "Callable[[Floats], Floats]") -> "Spectra":
        """[kind of gaps] of work that waits; `up_to(w)`: P(it is no longer than w [ms])."""
        import numpy as np

        edges_ms = (np.arange(PARTS) + 0.5) * self._part_ms
        below = up_to(self.gaps[:, None] * edges_ms)
        return self._points.spectrum(np.diff(below, prepend=0.0, append=1.0))

    def behind(self, rate_per_ms: float, shares: "Floats", times_ms: "Floats") -> "Spectra":
        """[kind of gaps] of the work that comes within times, of which there are such shares."""
        import numpy as np

        come = self._prompts.within(rate_per_ms * times_ms[None])
        found: Spectra = np.tensordot(shares, come, (0, 1))
        return found

    def with_it(self) -> "Spectra":
        """[kind of gaps] of the work that comes together with a request, behind it."""
        return self._prompts.ahead[:, 0]

    def beyond(self, rate_per_ms: float, waiting: "Spectra", steps: Steps) -> "Floats":
        """[part] share of the requests whose mean gap is longer than each of `times_ms`.

        `waiting`: of the work that is left at a first token.
        """
        import numpy as np

        points, requests = self._points, rate_per_ms * (self.gaps - 1.0)
        alone = points.spectrum(self._alone(rate_per_ms, steps))
        paced = requests * self.paced * steps.stretched_ms
        begins = points.plain(alone * waiting * self._lumps.within(paced[:, None])[:, 0])
        left = 1.0 - requests * (1.0 - self.paced) * self._drift_ms
        left = np.maximum(left, LEAST_LEFT)[:, None]
        each = requests[:, None] * (1.0 - self.paced) * self._part_ms / left
        come = self._lumps.evenly(each, PARTS + 1)
        ends = points.diagonal(points.spectrum(begins * self.times_ms)[:, None] * come)
        ends[:, 1:] /= self.times_ms[1:]
        ends[:, 0] = begins[:, 0]
        tails = _between(_beyond(ends), np.arange(PARTS + 1) * left)
        found: Floats = self.shares @ np.minimum(tails, self._most(alone, steps))
        return found

    def _alone(self, rate_per_ms: float, steps: Steps) -> "Floats":
        """[kind of gaps, part] law of a step without what sequences add that come meanwhile."""
        each_ms = self._joined_ms / self.gaps
        come = rate_per_ms * steps.stretched_ms * (self.gaps - 1.0)
        mean_ms = steps.mean_ms + come * (self.paced * self._drift_ms - each_ms)
        return self._normal(mean_ms, steps.deviation_ms**2 - come * each_ms**2)

    def _normal(self, mean_ms: "Floats", variance_ms2: "Floats") -> "Floats":
        """[kind of gaps, part] laws, each time parted between its neighbours: means stay."""
        import numpy as np
        from scipy.special import ndtr

        deviation_ms = np.sqrt(np.maximum(variance_ms2, LEAST_SPREAD_MS**2))[:, None]
        edges_ms = self._part_ms * np.arange(-1.0, PARTS + 2.0)
        at = (edges_ms - mean_ms[:, None]) / deviation_ms
        density = np.exp(-0.5 * at**2) / np.sqrt(2.0 * np.pi)
        longer_ms = deviation_ms * (density - at * ndtr(-at))
        found: Floats = np.diff(longer_ms, 2) / self._part_ms
        return found

    def _most(self, alone: "Spectra", steps: Steps) -> "Floats":
        """[kind of gaps or all, part] P(a step and the prefill that it holds > `times_ms`)."""
        if self.step_ms == inf:
            prefill = self._prompts.one[:, 0] ** self.gaps[:, None]
            return _beyond(self._points.plain(alone * prefill))
        return steps.beyond(self.times_ms - self.step_ms)


def _beyond(laws: "Floats") -> "Floats":
    """P(more than each part), of laws spread around parts."""
    import numpy as np

    found: Floats = np.maximum(0.0, 1.0 - np.cumsum(laws, axis=-1) + 0.5 * laws)
    return found


def _between(tails: "Floats", at: "Floats") -> "Floats":
    """[kind, place] tails [kind, part] at places between parts."""
    import numpy as np

    low = np.minimum(at.astype(np.int64), tails.shape[1] - 2)
    below = np.take_along_axis(tails, low, 1)
    found: Floats = below + (at - low) * (np.take_along_axis(tails, low + 1, 1) - below)
    return found
