"""How long requests hold a replica: a mix of gamma distributions, one or many a request class.

A coefficient of variation of 0 is a constant time, of 1 an exponential one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

ROUNDING = 1e-12
OVERLAP = ((0.0, 4.0, 1.0 / 32.0), (4.0, 32.0, 0.25), (32.0, 128.0, 2.0))
"""From where to where, and how wide, the parts are of which overlaps are summed [mean services]."""


@dataclass(frozen=True, slots=True)
class Service:
    """How long a class of requests holds a replica."""

    share: float
    """Of the requests; shares of a mix need not sum to 1."""
    mean_ms: float
    cv: float
    """Coefficient of variation, 0 or more."""


class Mix:
    """Service times of all classes together, in units of their mean."""

    def __init__(self, services: Sequence[Service]) -> None:
        weight = sum(service.share for service in services)
        self.mean_ms = sum(each.share * each.mean_ms for each in services) / weight
        self._parts = [
            (each.share / weight, each.mean_ms / self.mean_ms, each.cv) for each in services
        ]
        squares = sum(share * mean**2 * (1.0 + cv**2) for share, mean, cv in self._parts)
        self.scv = max(0.0, squares - 1.0)
        """Squared coefficient of variation."""
        self._spread = [part for part in self._parts if part[2] != 0.0]
        self.exponential = all(
            cv == 1.0 and abs(mean - 1.0) < ROUNDING for _, mean, cv in self._parts
        )

    @cached_property
    def _constant(self) -> "tuple[Floats, Floats]":
        """Shares and times of the parts that do not vary."""
        import numpy as np

        constant = [(share, mean) for share, mean, cv in self._parts if cv == 0.0]
        shares, means = np.array(constant).reshape(-1, 2).T
        return shares, means

    def residual(self, times: "Floats") -> "Floats":
        """P(residual service time > each of `times`) [mean services]."""
        import numpy as np
        from scipy.special import gammaincc

        tail = constant_residual(*self._constant, times)
        for share, mean, cv in self._spread:
            if cv == 1.0:
                tail += share * mean * np.exp(-times / mean)
            else:
                shape, scale = 1.0 / cv**2, mean * cv**2
                ahead = mean * gammaincc(shape + 1.0, times / scale)
                tail += share * np.maximum(ahead - times * gammaincc(shape, times / scale), 0.0)
        return tail

    @cached_property
    def overlap(self) -> float:
        """Mean of the shorter of two services, as a share of the mean: 1 constant, 0.5 exponential.

        So much of a service goes by beside one that starts with it.
        """
        import numpy as np

        total = 0.0
        for start, end, width in OVERLAP:
            times = np.arange(start, end + width / 2.0, width)
            total += float(np.sum(np.diff(self.residual(times)) ** 2)) / width
        return total


def constant_residual(shares: "Floats", services: "Floats", times: "Floats") -> "Floats":
    """[time] sum over the service times s of share * max(0, s - time).

    Divided by their mean, this is P(residual service time > time).
    """
    import numpy as np

    order = np.lexsort((shares, services))
    shares, services = shares[order], services[order]
    longer = np.append(np.cumsum((shares * services)[::-1])[::-1], 0.0)
    count = np.append(np.cumsum(shares[::-1])[::-1], 0.0)
    at = np.searchsorted(services, times, side="right")
    tail: Floats = np.maximum(longer[at] - times * count[at], 0.0)
    return tail
