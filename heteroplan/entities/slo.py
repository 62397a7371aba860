"""What requests are promised."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

ITL_LATE = 0.25
"""Of the requests that may be late, those that may miss the ITL where no percentile of it is given.

The constant share with which the shipped scenarios cost least, 0.7 % above each one's own best
(pools of 1, 4 and 16 replicas, constant and exponential lengths; 1 % at a tenth or at a half): more
decode replicas bring ITL in time sooner than more prefill replicas do TTFT.
"""


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
    e2e_slowdown: float = inf
    """Greatest time to the last token over that of the same request alone on the same engines."""
    also: tuple["Slo", ...] = ()
    """What the same requests are promised besides; these have none of their own."""

    @property
    def items(self) -> tuple["Slo", ...]:
        """Every SLO that has to hold, this one first, each alone."""
        return (replace(self, also=()), *self.also) if self.also else (self,)

    def item(self, number: int) -> "Slo":
        """The SLO with that number among `items`; the last one where there are fewer."""
        return self.items[min(number, len(self.also))]

    def each(self, change: Callable[["Slo"], "Slo"]) -> "Slo":
        """With a change of every item."""
        first, *rest = map(change, self.items)
        return replace(first, also=tuple(rest))

    @property
    def by_token(self) -> "Slo":
        """Limits of TTFT and ITL that keep the time to the last token as well.

        A request whose TTFT and mean ITL are at most s times those alone takes at most s times as
        long as alone, whatever its lengths.
        """
        if self.e2e_slowdown == inf:
            return self
        return replace(
            self,
            ttft_slowdown=min(self.ttft_slowdown, self.e2e_slowdown),
            itl_slowdown=min(self.itl_slowdown, self.e2e_slowdown),
            e2e_slowdown=inf,
        )

    @property
    def ttft_share(self) -> float:
        """Share of the requests that plans let meet the TTFT.

        With `itl_share` so that `percentile` of them meet both, as one is late whatever the other.
        """
        if self.ttft_percentile is not None:
            return self.ttft_percentile
        return _other(self.percentile, self.itl_share)

    @property
    def itl_share(self) -> float:
        """Share of the requests or tokens that plans let meet the ITL.

        Where neither percentile is given, `ITL_LATE` of the requests that may be late.
        """
        if self.itl_percentile is not None:
            return self.itl_percentile
        if self.ttft_percentile is not None:
            return _other(self.percentile, self.ttft_percentile)
        return 1.0 - ITL_LATE * (1.0 - self.percentile)


def _other(both: float, one: float) -> float:
    """Share that meets one latency where `one` meets the other and `both` both of them.

    `both` where fewer than that meet the one.
    """
    return both / one if one > both else both
