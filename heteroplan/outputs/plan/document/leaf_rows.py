"""Replicas of each pool by leaf, interval by interval, counted from their stays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from heteroplan.entities.plan import Plan


@dataclass(frozen=True, slots=True)
class LeafReplicas:
    """Replicas of one pool by leaf, in the order of the fleet, one number an interval."""

    serving: dict[str, tuple[int, ...]]
    """Every leaf with a replica at any time."""
    starting: dict[str, tuple[int, ...]]
    """Replicas that hold GPUs before they serve; leaves with any."""


def leaf_replicas(plan: Plan) -> tuple[LeafReplicas, ...]:
    """Where the replicas of each pool stand."""
    horizon = plan.scenario.horizon
    intervals = horizon.intervals
    serving: list[dict[str, list[int]]] = [{} for _ in plan.pools]
    starting: list[dict[str, list[int]]] = [{} for _ in plan.pools]
    for stay in plan.stays:
        row = serving[stay.pool].setdefault(stay.leaf, [0] * (intervals + 1))
        _add(row, stay.first, stay.intervals)
        before = intervals - stay.intervals if horizon.cyclic else stay.first
        if lead := min(stay.lead, before):
            row = starting[stay.pool].setdefault(stay.leaf, [0] * (intervals + 1))
            _add(row, stay.first - lead, lead)
    leaves = [leaf.name for leaf in plan.scenario.fleet.network.leaves]
    return tuple(
        LeafReplicas(*(_rows(changes, leaves) for changes in of_pool))
        for of_pool in zip(serving, starting, strict=True)
    )


def _add(changes: list[int], first: int, length: int) -> None:
    """One more replica over `length` intervals, which go round the ends of a cyclic day.

    `changes` [T + 1] are the differences from the interval before.
    """
    intervals = len(changes) - 1
    first %= intervals
    end = first + length
    changes[first] += 1
    changes[min(end, intervals)] -= 1
    if end > intervals:
        changes[0] += 1
        changes[end - intervals] -= 1


def _rows(
    changes: Mapping[str, Sequence[int]], leaves: Iterable[str]
) -> dict[str, tuple[int, ...]]:
    return {leaf: tuple(accumulate(changes[leaf][:-1])) for leaf in leaves if leaf in changes}
