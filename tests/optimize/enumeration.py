"""Tiny scenarios solved by looking at everything: no solver, no code of the optimiser.

All rates, prices and times are multiples of small powers of two, so sums are exact and the
lexicographic objective fits one integer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role, Workload

type Keys = NDArray[np.int64]

GRAIN = 64
"""Money in 1/64; rates in 1/64 requests/s."""
NEVER = np.int64(2**61)
COST_BITS, SHORT_BITS = 22, 16


class TooLargeError(Exception):
    """More states than are worth looking at."""


@dataclass(frozen=True)
class Best:
    """The lexicographic optimum."""

    short_rps: dict[int, float]
    """Σ over intervals by priority class."""
    cost: float


@dataclass(frozen=True)
class Place:
    """A pool that may be used."""

    workload: int
    candidate: Candidate
    domain: str
    level: Affinity
    leaves: frozenset[str]


def best_plan(scenario: Scenario, candidates: tuple[Candidate, ...], *, most: int = 400) -> Best:
    """Enumerate replica counts of every pool and walk through time; one request class."""
    places = list(_places(scenario, candidates))
    steps = range(scenario.horizon.intervals)
    supply = [_supply(scenario, t) for t in steps]
    states = [_states(scenario, places, supply[t], most) for t in steps]
    stage = [
        np.array([_stage_key(scenario, places, state, t) for state in states[t]], dtype=np.int64)
        for t in steps
    ]
    key = _cheapest_walk(scenario, places, states, stage, supply)
    assert key < NEVER, "a plan always exists unless minimum replicas do not fit"
    priorities = sorted({workload.priority for workload in scenario.workloads})
    short = {}
    rest = int(key) >> COST_BITS
    for priority in reversed(priorities):
        short[priority] = (rest & ((1 << SHORT_BITS) - 1)) / GRAIN
        rest >>= SHORT_BITS
    return Best(short, (int(key) & ((1 << COST_BITS) - 1)) / GRAIN)


def _places(scenario: Scenario, candidates: tuple[Candidate, ...]) -> Iterator[Place]:
    for w, workload in enumerate(scenario.workloads):
        for domain, leaves in scenario.fleet.network.domains(workload.affinity).items():
            for candidate in candidates:
                if candidate.workload == workload.name and any(
                    leaf.nodes.get(candidate.node_type) for leaf in leaves
                ):
                    names = frozenset(leaf.name for leaf in leaves)
                    yield Place(w, candidate, domain, workload.affinity, names)


def _supply(scenario: Scenario, t: int) -> dict[tuple[frozenset[str], str], int]:
    """GPUs of each set of leaves that is a domain, by node type."""
    moments = scenario.horizon.boundaries()
    fleet = scenario.fleet
    return {
        (frozenset(leaf.name for leaf in leaves), shape.name): sum(
            shape.gpus * fleet.nodes_available(leaf, shape.name, moments[t], moments[t + 1])
            for leaf in leaves
        )
        for level in Affinity
        for leaves in fleet.network.domains(level).values()
        for shape in fleet.node_types
    }


def _fits(
    places: list[Place], gpus: Keys, supply: dict[tuple[frozenset[str], str], int]
) -> NDArray[np.bool_]:
    """[...] whether `gpus` [..., place] fit: in each domain what stands in or below it.

    A replica stands on one leaf: those of 2 GPUs find no room on what is left over of several.
    """
    fits = np.ones(gpus.shape[:-1], dtype=bool)
    for leaves, shape in supply:
        for unit in {place.candidate.engine.gpus for place in places}:
            room = sum(supply[frozenset({leaf}), shape] // unit * unit for leaf in leaves)
            inside = [
                i
                for i, place in enumerate(places)
                if place.leaves <= leaves
                and place.candidate.node_type == shape
                and place.candidate.engine.gpus >= unit
            ]
            if inside:
                fits &= gpus[..., inside].sum(axis=-1) <= room
    return fits


def _states(
    scenario: Scenario,
    places: list[Place],
    supply: dict[tuple[frozenset[str], str], int],
    most: int,
) -> Keys:
    """[state, place] counts that fit and keep ratio band and replica limits."""
    gpus = np.array([place.candidate.engine.gpus for place in places], dtype=np.int64)
    highest = [
        supply[place.leaves, place.candidate.node_type] // place.candidate.engine.gpus
        for place in places
    ]
    if np.prod([n + 1.0 for n in highest]) > 40_000:
        raise TooLargeError
    counts = np.array(list(product(*(range(n + 1) for n in highest))), dtype=np.int64)
    counts = counts[_fits(places, counts * gpus, supply)]
    for w, workload in enumerate(scenario.workloads):
        counts = counts[_keeps_rules(places, counts, w, workload)]
    if len(counts) > most:
        raise TooLargeError
    return counts


def _keeps_rules(
    places: list[Place], counts: Keys, w: int, workload: Workload
) -> NDArray[np.bool_]:
    def total(role: Role, domain: str | None = None) -> Keys:
        members = [
            i
            for i, place in enumerate(places)
            if place.workload == w
            and place.candidate.engine.role is role
            and domain in (None, place.domain)
        ]
        return counts[:, members].sum(axis=1)

    keeps = np.ones(len(counts), dtype=bool)
    for role in Role:
        keeps &= total(role) >= workload.min_replicas.get(role, 0)
        keeps &= total(role) <= workload.max_replicas.get(role, 10**6)
    if workload.pd_ratio is not None:
        for domain in {place.domain for place in places if place.workload == w}:
            prefill, decode = total(Role.PREFILL, domain), total(Role.DECODE, domain)
            keeps &= prefill >= workload.pd_ratio.low * decode
            keeps &= prefill <= workload.pd_ratio.high * decode
    return keeps


def _stage_key(scenario: Scenario, places: list[Place], state: Keys, t: int) -> int:
    """Unserved demand by priority class, then running cost, as one integer."""
    priorities = sorted({workload.priority for workload in scenario.workloads})
    short = dict.fromkeys(priorities, 0.0)
    for w, workload in enumerate(scenario.workloads):
        rates: dict[str, dict[Role, float]] = {}
        for place, n in zip(places, state, strict=True):
            if place.workload == w:
                roles = rates.setdefault(place.domain, dict.fromkeys(Role, 0.0))
                (capacity_rps,) = place.candidate.capacity_rps(t, int(n))
                roles[place.candidate.engine.role] += float(n) * capacity_rps
        capacity = sum(
            min(roles[Role.PREFILL], roles[Role.DECODE]) + roles[Role.AGGREGATED]
            for roles in rates.values()
        )
        short[workload.priority] += max(0.0, workload.demand[t].rps - capacity)
    hours = scenario.horizon.interval_hours
    cost = sum(
        float(n) * _price(scenario, place) * hours for place, n in zip(places, state, strict=True)
    )
    key = 0
    for priority in priorities:
        key = (key << SHORT_BITS) + _whole(short[priority])
    return (key << COST_BITS) + _whole(cost)


def _price(scenario: Scenario, place: Place) -> float:
    """USD an hour of one replica."""
    shape = scenario.fleet.node_type(place.candidate.node_type)
    return place.candidate.engine.gpus * shape.usd_per_gpu_hour


def _whole(value: float) -> int:
    assert value * GRAIN == int(value * GRAIN), "not a multiple of the grain"
    return int(value * GRAIN)


def _moves(
    scenario: Scenario,
    places: list[Place],
    before: Keys,
    after: Keys,
    supply: dict[tuple[frozenset[str], str], int],
) -> Keys:
    """[before, after] cost of starts and drains; NEVER where starting replicas do not fit."""
    rise = after[None, :, :] - before[:, None, :]
    engines = [place.candidate.engine for place in places]
    prices = np.array([_price(scenario, place) for place in places])
    start = np.array([_whole(p * e.startup_s / 3600) for p, e in zip(prices, engines, strict=True)])
    drain = np.array([_whole(p * e.drain_s / 3600) for p, e in zip(prices, engines, strict=True)])
    cost = np.maximum(0, rise) @ start + np.maximum(0, -rise) @ drain
    assert all(e.startup_s <= scenario.horizon.interval_s for e in engines), "lead of 0 or 1 only"
    leads = np.array([e.startup_s > 0 for e in engines], dtype=np.int64)
    gpus = np.array([e.gpus for e in engines], dtype=np.int64)
    held = (before[:, None, :] + np.maximum(0, rise) * leads) * gpus
    return np.where(_fits(places, held, supply), cost, NEVER).astype(np.int64)


def _cheapest_walk(
    scenario: Scenario,
    places: list[Place],
    states: list[Keys],
    stage: list[Keys],
    supply: list[dict[tuple[frozenset[str], str], int]],
) -> int:
    """Least key of a walk through all intervals, and back to its first state if cyclic."""
    last = len(states) - 1
    moves = [_moves(scenario, places, states[t], states[t + 1], supply[t]) for t in range(last)]
    if not scenario.horizon.cyclic:
        value = stage[0]
        for t in range(last):
            value = (value[:, None] + moves[t]).min(axis=0) + stage[t + 1]
        return int(value.min())
    closing = _moves(scenario, places, states[last], states[0], supply[last])
    best = int(NEVER)
    for first in range(len(states[0])):
        value = np.full(len(states[0]), NEVER)
        value[first] = stage[0][first]
        for t in range(last):
            value = np.minimum(NEVER, (value[:, None] + moves[t]).min(axis=0) + stage[t + 1])
        best = min(best, int((value + closing[:, first]).min()))
    return best
