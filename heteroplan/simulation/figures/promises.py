"""What each request was promised, by its class, and whether it was kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import RequestClass, Workload
from heteroplan.simulation.events.simulator import GapLimits
from heteroplan.simulation.requests import Floats, Integers, RequestStream
from heteroplan.simulation.results import ClassAttainment, RequestTable
from heteroplan.units import MS_PER_S

ROUNDING = 1e-9
"""A latency that exceeds a multiple of the one alone by this share is in time."""


@dataclass(frozen=True, slots=True)
class Promises:
    """The targets of each request; arrays [request], infinite where there is none."""

    ttft_ms: Floats
    ttft_slowdown: Floats
    itl_ms: Floats
    itl_slowdown: Floats
    e2e_slowdown: Floats
    by_gap: NDArray[np.bool_]
    """Each gap between tokens is judged, and so many of them are in time:"""
    itl_share: Floats
    number: Integers
    """Whose targets these are:"""
    whose: tuple[tuple[int, str, float], ...]
    """Workload, class (empty: all of them) and percentile."""
    item: int = 0
    """Which of several SLOs that hold at once."""
    told: frozenset[int] = frozenset()
    """Workloads that have the SLO of that number, and several or some by class."""

    @property
    def by_token(self) -> Self:
        """With what plans make of a limit of the last token: one of TTFT and of ITL."""
        return replace(
            self,
            ttft_slowdown=np.minimum(self.ttft_slowdown, self.e2e_slowdown),
            itl_slowdown=np.minimum(self.itl_slowdown, self.e2e_slowdown),
        )

    def gap_limits(self) -> GapLimits | None:
        """What counts gaps that are too long; None where none is judged."""
        if not self.by_gap.any():
            return None
        gap_s, over_alone = (
            np.where(self.by_gap, each, np.inf)
            for each in (self.itl_ms / MS_PER_S, self.itl_slowdown)
        )
        return GapLimits(gap_s, over_alone)

    def classes(
        self, sent: NDArray[np.bool_], kept: NDArray[np.bool_]
    ) -> tuple[ClassAttainment, ...]:
        """Those of `told`; `kept` [request] who was in time."""
        requests, attained = (
            np.bincount(self.number[each], minlength=len(self.whose)) for each in (sent, kept)
        )
        return tuple(
            ClassAttainment(*whose, int(requests[n]), int(attained[n]), self.item)
            for n, whose in enumerate(self.whose)
            if whose[0] in self.told
        )

    def in_ttft(self, ttft_ms: Floats, table: RequestTable) -> NDArray[np.bool_]:
        """Which requests kept the TTFT."""
        alone_ms = table.first_alone_s * MS_PER_S * (1.0 + ROUNDING)
        return ttft_ms <= np.minimum(self.ttft_ms, _times(self.ttft_slowdown, alone_ms))

    def in_itl(self, itl_ms: Floats, table: RequestTable, gaps: Integers) -> NDArray[np.bool_]:
        """Which requests kept the ITL: their mean of `gaps`, or the share of these."""
        alone_ms = table.step_alone_s * MS_PER_S * (1.0 + ROUNDING)
        by_mean = itl_ms <= np.minimum(self.itl_ms, _times(self.itl_slowdown, alone_ms))
        late = table.late_gaps <= (1.0 - self.itl_share) * gaps + ROUNDING
        return np.where(self.by_gap, late, by_mean)

    def in_e2e(self, e2e_ms: Floats, table: RequestTable, gaps: Integers) -> NDArray[np.bool_]:
        """Which requests had their last token in time."""
        alone_s = table.first_alone_s + gaps * table.step_alone_s
        return e2e_ms <= _times(self.e2e_slowdown, alone_s * MS_PER_S * (1.0 + ROUNDING))


def _times(slowdown: Floats, alone_ms: Floats) -> Floats:
    """Infinite where the slowdown is, however short the time alone."""
    return np.multiply(
        slowdown, alone_ms, out=np.full_like(slowdown, np.inf), where=np.isfinite(slowdown)
    )


def promises(workloads: Sequence[Workload], stream: RequestStream, item: int = 0) -> Promises:
    """By the class that each request was drawn from; of several SLOs that of a number.

    A request of a trace is of the class whose mean lengths are nearest to its own, in log scale.
    """
    slos: list[Slo] = []
    whose: list[tuple[int, str, float]] = []
    told = set()
    number = np.zeros(len(stream), np.int64)
    for w, load in enumerate(workloads):
        classes = classes_of(load)
        own = stream.workload == w
        number[own] = len(slos)
        by_class = any(each.slo is not None for each in classes)
        if item < load.slo_items and (by_class or load.slo_items > 1):
            told.add(w)
        if by_class:
            number[own] += _kinds(classes, stream, own)
            found = [(load.slo if each.slo is None else each.slo).item(item) for each in classes]
            slos += found
            whose += [
                (w, each.name, slo.percentile) for each, slo in zip(classes, found, strict=True)
            ]
        else:
            slos.append(load.slo.item(item))
            whose.append((w, "", slos[-1].percentile))

    def of(values: Sequence[float]) -> Floats:
        found: Floats = np.array(values, np.float64)[number]
        return found

    return Promises(
        ttft_ms=of([each.ttft_ms for each in slos]),
        ttft_slowdown=of([each.ttft_slowdown for each in slos]),
        itl_ms=of([each.itl_ms for each in slos]),
        itl_slowdown=of([each.itl_slowdown for each in slos]),
        e2e_slowdown=of([each.e2e_slowdown for each in slos]),
        by_gap=np.array([each.itl_of is ItlOf.TOKEN for each in slos], np.bool_)[number],
        itl_share=of([each.itl_share for each in slos]),
        number=number,
        whose=tuple(whose),
        item=item,
        told=frozenset(told),
    )


def classes_of(load: Workload) -> tuple[RequestClass, ...]:
    """The request classes of a workload; their SLOs are alike in all intervals."""
    return load.demand[0].classes if load.demand else ()


def _kinds(
    classes: Sequence[RequestClass], stream: RequestStream, own: NDArray[np.bool_]
) -> Integers:
    """Of some requests the class, or the nearest one where it is not known."""
    means = np.log([[each.isl, each.osl] for each in classes])
    lengths = np.log(np.stack([stream.isl[own], stream.osl[own]], axis=1))
    nearest = ((lengths[:, None, :] - means[None]) ** 2).sum(axis=2).argmin(axis=1)
    if stream.kind is None:
        return nearest
    return np.where(stream.kind[own] < 0, nearest, stream.kind[own])
