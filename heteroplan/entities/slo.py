"""What requests are promised."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf


class ItlOf(StrEnum):
    """What an inter-token latency is measured over."""

    REQUEST = "request"
    """Mean of a request, first to last token."""
    TOKEN = "token"
    """Each gap between two tokens."""


@dataclass(frozen=True, slots=True)
class Slo:
    """Latency targets of a workload or of one of its request classes."""

    ttft_ms: float
    """Time to first token, queueing included [ms]; infinite where only a slowdown is limited."""
    itl_ms: float
    """Inter-token latency [ms]; infinite where only a slowdown is limited."""
    percentile: float = 0.99
    """Share of the requests that must meet TTFT and ITL both, 0 < percentile < 1."""
    ttft_percentile: float | None = None
    """Share of the requests that must meet the TTFT; by `percentile` where None."""
    itl_percentile: float | None = None
    """Share of the requests or tokens that must meet the ITL; by `percentile` where None."""
    itl_of: ItlOf = ItlOf.REQUEST
    ttft_slowdown: float = inf
    """Greatest TTFT over that of the same request on an idle replica of the same engine."""
    itl_slowdown: float = inf
    """Greatest ITL over that of the same request alone on a replica of the same engine."""

    @property
    def ttft_share(self) -> float:
        """Share of the requests that plans let meet the TTFT."""
        return self.percentile if self.ttft_percentile is None else self.ttft_percentile

    @property
    def itl_share(self) -> float:
        """Share of the requests or tokens that plans let meet the ITL."""
        return self.percentile if self.itl_percentile is None else self.itl_percentile
