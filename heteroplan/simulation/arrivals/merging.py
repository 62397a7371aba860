"""Requests of each workload -> one stream in the order of arrival."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.simulation.requests import Floats, Integers, RequestStream


@dataclass(frozen=True, slots=True)
class WorkloadRequests:
    """What arrives for one workload; arrays [request]."""

    arrival_s: Floats
    """Ascending [s]."""
    isl: Integers
    cached: Integers
    osl: Integers
    rejected: Counter[str] = field(default_factory=Counter)
    """Requests that are in no array, by reason."""
    notes: tuple[str, ...] = ()
    kind: Integers | None = None
    """Class of the workload; None where not known."""


def merged(
    scenario: Scenario,
    parts: Sequence[WorkloadRequests],
    duration_s: float,
    notes: Sequence[str] = (),
) -> RequestStream:
    """The requests of all workloads of the scenario, `parts` in its order.

    Of requests that arrive at the same moment, those of the first workload come first.
    """
    arrival_s = np.concatenate([part.arrival_s for part in parts])
    order = np.argsort(arrival_s, kind="stable") if len(parts) > 1 else slice(None)
    numbers = np.repeat(np.arange(len(parts)), [len(part.arrival_s) for part in parts])
    return RequestStream(
        workloads=tuple(each.name for each in scenario.workloads),
        duration_s=duration_s,
        workload=numbers[order],
        arrival_s=arrival_s[order],
        isl=np.concatenate([part.isl for part in parts])[order],
        cached=np.concatenate([part.cached for part in parts])[order],
        osl=np.concatenate([part.osl for part in parts])[order],
        rejected=dict(sum((part.rejected for part in parts), Counter())),
        notes=(*notes, *(note for part in parts for note in part.notes)),
        kind=_kinds(parts)[order] if any(part.kind is not None for part in parts) else None,
    )


def _kinds(parts: Sequence[WorkloadRequests]) -> Integers:
    """-1 where not known."""
    return np.concatenate(
        [np.full(len(part.arrival_s), -1) if part.kind is None else part.kind for part in parts]
    )
