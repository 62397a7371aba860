"""What operating points depend on, how a mix shares a replica, and how nothing served is written.

A replica is rated for the mix of request classes as a whole, at a rate C of all of them together;
its capacity for one class is what makes sum(share_k / capacity_k) = 1 / C.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from heteroplan.entities.arrivals import POISSON, Arrivals
from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    KvTransfer,
    RequestClass,
    Routing,
    Span,
)
from heteroplan.units import MS_PER_S

type Points = tuple[OperatingPoint, ...]
"""[class] of the mix of a setting."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One replica of an engine that serves a mix of request classes under one SLO."""

    engine: Engine
    mix: tuple[RequestClass, ...]
    """Classes that come together, one at least; their shares need not sum to 1."""
    slo: Slo
    bytes_per_s: float
    """The replica's share of NIC bandwidth that KV transfer can count on."""
    kv_bytes_per_token: float
    """0 where KV transfer is not limited."""
    allow_extrapolation: bool
    kv_transfer: KvTransfer = KvTransfer.ALL
    servers: int = 1
    """Replicas of the pool among which requests are routed."""
    routing: Routing = Routing.RANDOM
    arrivals: Arrivals = POISSON
    """Of the pool's requests."""
    decoders: tuple[DecodeCoefficients, ...] = ()
    """Of the engines that may decode what a prefill engine has prefilled, as far as known."""

    def of(self, *mix: RequestClass) -> "Setting":
        """This setting with other request classes."""
        return replace(self, mix=mix)

    @property
    def alone(self) -> "Setting":
        """This setting without a pool and its arrivals, on which much does not depend."""
        return replace(self, servers=1, routing=Routing.RANDOM, arrivals=POISSON)

    def mean(self, values: Sequence[float]) -> float:
        """Of the requests, from one value a class."""
        whole = sum(shape.share for shape in self.mix)
        terms = (each.share * value for each, value in zip(self.mix, values, strict=True))
        return sum(terms) / whole

    def moved_tokens(self, shape: RequestClass) -> float:
        """Input tokens whose KV cache moves from prefill to decode."""
        return shape.missed_tokens if self.kv_transfer is KvTransfer.MISSED else shape.isl

    def transfer_ms(self, shape: RequestClass) -> float:
        """Time to move a request's KV cache at the replica's full bandwidth [ms]."""
        tokens = self.moved_tokens(shape)
        return self.kv_bytes_per_token * tokens / self.bytes_per_s * MS_PER_S

    @property
    def transfer_rps(self) -> float:
        """Requests of the mix whose KV cache the replica can move [requests/s]."""
        mean_ms = self.mean([self.transfer_ms(shape) for shape in self.mix])
        return MS_PER_S / mean_ms if mean_ms > 0 else float("inf")

    def shared_out(self, rate_rps: float, uses: Sequence[float]) -> list[float]:
        """[class] requests/s that take a whole replica, which serves `rate_rps` of the mix.

        With r_k what a request of class k uses of whatever is scarce (in any unit)

            capacity_k = C * sum_j(share_j * r_j) / r_k

        so that sum(share_k / capacity_k) = 1 / C. The same C for all where some use none of it.
        """
        if min(uses) <= 0.0:
            return [rate_rps] * len(uses)
        mean = self.mean(uses)
        return [rate_rps * (mean / use) for use in uses]


def serving(
    setting: Setting,
    refused: Callable[[Setting, RequestClass], OperatingPoint | None],
    rule: Callable[[Setting], Points],
) -> Points:
    """What `rule` finds for the classes that are not `refused`, as if the others did not come."""
    refusals = [refused(setting, shape) for shape in setting.mix]
    rest = [shape for shape, why in zip(setting.mix, refusals, strict=True) if why is None]
    found = iter(rule(setting.of(*rest)) if rest else ())
    return tuple(next(found) if why is None else why for why in refusals)


def zero(limit: Limit, reason: str) -> OperatingPoint:
    """A replica that serves nothing, and why."""
    return OperatingPoint(0.0, limit, reason)


def outside(span: Span | None, value: float) -> bool:
    """Whether `value` is outside what was measured; never where no range is known."""
    return span is not None and not span.low <= value <= span.high


def out_of_range(what: str, value: float, span: Span | None) -> OperatingPoint:
    """A replica that was not measured at `value` of `what`."""
    measured = "" if span is None else f"{span.low:g} to {span.high:g}"
    return zero(Limit.RANGE, f"{what} of {value:.4g} is outside the measured {measured}")
