"""Mean time between the tokens of requests beside whose decoding prompts are prefilled.

A request of m gaps meets its target y a gap while the prefill X that falls into its decoding is no
longer than m (y - d), d being the mean decode step that it sees. X is what it leaves waiting at its
first token and what comes before its last step, within (m - 1) y: all of that, but no more than m
steps hold.
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


@dataclass(frozen=True, eq=False)
class Joined:
    """Of a mean decode step, what sequences add that come meanwhile; arrays [kind of gaps]."""

    mean_ms: "Floats"
    variance_ms2: "Floats"


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

        found: Floats = self.target_ms / PARTS * np.arange(PARTS + 1, dtype=np.float64)
        return found

    @cached_property
    def _one(self) -> "Spectra":
        """[kind of gaps] of the prefill of a prompt, in parts of the target of all gaps."""
        import numpy as np

        laws = [
            Points(part_ms, PARTS + 1).law(self.prompt_shares, self.works_ms + joined_ms)
            for part_ms, joined_ms in zip(
                (self.target_ms / PARTS * self.gaps).tolist(), self._joined_ms.tolist(), strict=True
            )
        ]
        return self._points.spectrum(np.array(laws))

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

    @cached_property
    def _stream(self) -> Stream:
        return Stream(self._points, self.together, self.turns, self._one)

    @cached_property
    def _points(self) -> Points:
        return Points(1.0, PARTS + 1)

    def joined(self, rate_per_ms: float, step_ms: float) -> Joined:
        """What sequences add that come meanwhile, with steps so long on average."""
        each_ms = self._joined_ms / self.gaps
        requests = rate_per_ms * step_ms * (self.gaps - 1.0)
        return Joined(requests * each_ms, requests * each_ms**2)

    def _most(self, mean_ms: "Floats") -> "Floats":
        """[kind of gaps, part] P(prefill that as many steps hold > part)."""
        import numpy as np

        if self.step_ms < inf:
            most_ms = self.step_ms + mean_ms[:, None]
            return np.where(self.times_ms < most_ms, 1.0, 0.0)
        return self._prompt_each

    @cached_property
    def _prompt_each(self) -> "Floats":
        return _beyond(self._points.laws(self._one ** self.gaps[:, None]))

    def beside(
        self,
        rate_per_ms: float,
        left: "Callable[[Floats], Floats]",
        joined: Joined,
        step_ms: float = 0.0,
    ) -> "Floats":
        """[kind of gaps, part] law of the time a gap that requests take which come meanwhile.

        `left(w)`: P(work left waiting at a first token <= w [ms]). `step_ms` is the mean step, for
        requests that are `paced`.
        """
        import numpy as np

        edges = (np.arange(PARTS) + 0.5) * (self.target_ms / PARTS)
        below = left(self.gaps[:, None] * edges)
        waiting = np.diff(below, prepend=0.0, append=1.0)
        each_ms = self.target_ms + self.paced * (step_ms - self.target_ms)
        spectra = self._stream.within(rate_per_ms * (self.gaps - 1.0) * each_ms)
        laws = self._points.laws(self._points.spectrum(waiting) * spectra)
        tails = np.minimum(_beyond(laws), self._most(joined.mean_ms))
        found: Floats = -np.diff(tails, prepend=1.0)
        return found

    def late_share(
        self,
        beside: "Floats",
        step_beyond: "Callable[[Floats, Floats], Floats]",
        joined: Joined,
        target_ms: float,
    ) -> float:
        """Share of the requests whose mean gap is longer than `target_ms`.

        `step_beyond(y, v)`: P(mean decode step > y [ms]), a variance v [ms^2] of it not counted.
        """
        times_ms = target_ms - self.times_ms + joined.mean_ms[:, None]
        late = step_beyond(times_ms, joined.variance_ms2[:, None])
        return float(self.shares @ (beside * late).sum(axis=1))


def _beyond(laws: "Floats") -> "Floats":
    """P(more than each part), 0 of the last."""
    import numpy as np

    found: Floats = np.maximum(0.0, 1.0 - np.cumsum(laws, axis=-1))
    found[..., -1] = 0.0
    return found
