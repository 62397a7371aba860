"""What an operating point depends on, and how one that serves nothing is written."""

from dataclasses import dataclass, replace

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import Engine, KvTransfer, RequestClass, Slo, Span
from heteroplan.units import MS_PER_S


@dataclass(frozen=True, slots=True)
class Setting:
    """One replica of an engine that serves one request shape under one SLO."""

    engine: Engine
    shape: RequestClass
    slo: Slo
    bytes_per_s: float
    """The replica's share of NIC bandwidth that KV transfer can count on."""
    kv_bytes_per_token: float
    """0 where KV transfer is not limited."""
    allow_extrapolation: bool
    kv_transfer: KvTransfer = KvTransfer.ALL
    mix: tuple[RequestClass, ...] = ()
    """All classes that come together, with their shares; the shape alone where empty."""
    servers: int = 1
    """Prefill replicas that take their prompts from one queue."""

    def of(self, shape: RequestClass) -> "Setting":
        """The same for another request shape."""
        return replace(self, shape=shape)

    @property
    def kv_tokens(self) -> float:
        """KV cache that a request holds when it ends [tokens]."""
        return self.shape.isl + self.shape.osl

    @property
    def mean_context(self) -> float:
        """Context of a decode step halfway through the output [tokens]."""
        return self.shape.isl + self.shape.osl / 2.0

    @property
    def moved_tokens(self) -> float:
        """Input tokens whose KV cache moves from prefill to decode."""
        missed = self.kv_transfer is KvTransfer.MISSED
        return self.shape.missed_tokens if missed else self.shape.isl

    @property
    def transfer_ms(self) -> float:
        """Time to move a request's KV cache at the replica's full bandwidth [ms]."""
        return self.kv_bytes_per_token * self.moved_tokens / self.bytes_per_s * MS_PER_S

    @property
    def transfer_rps(self) -> float:
        """Requests whose KV cache the replica can move [requests/s]."""
        return MS_PER_S / self.transfer_ms if self.transfer_ms > 0 else float("inf")


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
