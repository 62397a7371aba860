"""Desired replicas by role -> deployments: where the replicas of all reactive policies stand.

As HeteroScale's scheduler does: the cheapest engine that finds GPUs, plain hardware before scarce
hardware, scarce hardware back first. Beyond it, prefill and decode grow in turns, each in the group
that lacks it most, and shrink where the group has more of one than of the other, so that no group
is left with one alone.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.network import SubgroupPriority
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import DECODE, PREFILL, ROLES
from heteroplan.simulation.system import ServingSystem

ROUNDING = 1e-6
"""Reference replicas."""
type _Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Choice:
    """A deployment that a reactive policy may use."""

    number: int
    role: int
    group: int
    leaf: int
    node_type: int
    gpus: int
    size: float
    """Reference replicas that one replica counts for."""
    capacity_rps: float
    cost: float
    scarcity: int
    """Priority of the leaf: 0 low, 1 medium, 2 high."""


class Allocator:
    """Chooses deployments for all workloads of one system."""

    def __init__(self, system: ServingSystem) -> None:
        self._system = system
        order = list(SubgroupPriority)
        fleet = system.scenario.fleet
        rank = [order.index(fleet.leaf_priority(leaf)) for leaf in fleet.network.leaves]
        self._choices: list[list[_Choice]] = [[] for _ in system.scenario.workloads]
        for number, at in enumerate(system.deployments):
            option = system.options[at.option]
            if option.engine.part is None:
                choice = _Choice(
                    number,
                    option.role,
                    at.group,
                    at.leaf,
                    system.node_types[option.node_type],
                    option.engine.gpus,
                    option.reference_replicas,
                    option.capacity_rps,
                    option.cost,
                    rank[at.leaf],
                )
                self._choices[option.workload].append(choice)
        loads = system.scenario.workloads
        chosen = [(w, each) for w, choices in enumerate(self._choices) for each in choices]
        self._numbers = np.array([each.number for _, each in chosen], np.int64)
        self._at = np.array([(w, each.role) for w, each in chosen], np.int64).reshape(-1, 2).T
        self._sizes = np.array([each.size for _, each in chosen], np.float64)
        self._least = np.full((len(loads), len(ROLES)), inf)
        np.minimum.at(self._least, (self._at[0], self._at[1]), self._sizes)
        self._order = sorted(range(len(loads)), key=lambda w: (loads[w].priority, w))

    def replicas(self, active: _Counts) -> Floats:
        """[W, role] reference replicas of so many replicas of each deployment."""
        cells = self._at[0] * len(ROLES) + self._at[1]
        amounts = active[self._numbers] * self._sizes
        found = np.bincount(cells, amounts, len(self._choices) * len(ROLES))
        return found.reshape(-1, len(ROLES))

    def deployments(self, wanted: Floats, active: _Counts, free: _Counts) -> _Counts:
        """[deployment] replicas for `wanted` [W, role] reference replicas.

        `active` are those that start or serve, `free` [leaf, node type] GPUs. What finds no GPUs is
        left out.
        """
        desired, free = active.copy(), np.maximum(free, 0)
        excess = self.replicas(active) - wanted
        more = (excess + ROUNDING >= self._least).any(axis=1)
        less = (excess < -ROUNDING).any(axis=1)
        for workload in self._order if more.any() else ():
            if more[workload]:
                self._shrink(self._choices[workload], wanted[workload], desired)
        for workload in self._order if less.any() else ():
            if less[workload]:
                self._grow(self._choices[workload], wanted[workload], desired, free)
        return desired

    def _shrink(self, choices: list[_Choice], wanted: Floats, desired: _Counts) -> None:
        for role in range(len(ROLES)):
            mine = [each for each in choices if each.role == role]
            excess = sum(desired[each.number] * each.size for each in mine) - wanted[role]
            while chosen := _first_to_go(choices, mine, desired, excess):
                desired[chosen.number] -= 1
                excess -= chosen.size

    def _grow(
        self, choices: list[_Choice], wanted: Floats, desired: _Counts, free: _Counts
    ) -> None:
        have = np.zeros(len(ROLES))
        for each in choices:
            have[each.role] += desired[each.number] * each.size
        open_roles = {role for role in range(len(ROLES)) if have[role] < wanted[role] - ROUNDING}
        while open_roles:
            role = min(open_roles, key=lambda r: (have[r] / wanted[r], r))
            able = [
                each
                for each in choices
                if each.role == role and free[each.leaf, each.node_type] >= each.gpus
            ]
            if not able:
                open_roles.remove(role)
                continue
            surplus = _surplus(choices, desired, role)
            chosen = min(
                able,
                key=lambda each: (
                    surplus[each.group] >= -ROUNDING,
                    each.cost,
                    each.scarcity,
                    surplus[each.group],
                ),
            )
            desired[chosen.number] += 1
            free[chosen.leaf, chosen.node_type] -= chosen.gpus
            have[role] += chosen.size
            if have[role] >= wanted[role] - ROUNDING:
                open_roles.remove(role)


def _first_to_go(
    choices: list[_Choice], mine: list[_Choice], desired: _Counts, excess: float
) -> _Choice | None:
    """Which of the deployments of a role, `mine`, loses a replica; None where none can.

    Replicas that serve nothing, as their group lacks the other role, go first; then those beyond
    what the other role of their group serves. The last group that has both roles keeps both.
    """
    if not mine or mine[0].role not in (PREFILL, DECODE):
        able = [each for each in mine if desired[each.number] > 0 and _fits(each, excess)]
        return max(able, key=lambda each: (each.scarcity, each.cost), default=None)
    role, other = mine[0].role, DECODE if mine[0].role == PREFILL else PREFILL
    own, others = _by_group(choices, desired, role), _by_group(choices, desired, other)
    surplus = _surplus(choices, desired, role)
    whole = {group for group, count in own.items() if count > 0 and others.get(group, 0) > 0}

    def is_last_pair(each: _Choice) -> bool:
        return whole == {each.group} and own[each.group] == 1

    able = [
        each
        for each in mine
        if desired[each.number] > 0 and _fits(each, excess) and not is_last_pair(each)
    ]
    return max(
        able,
        key=lambda each: (
            others.get(each.group, 0) == 0,
            surplus[each.group] >= each.capacity_rps - ROUNDING,
            own[each.group] > 1,
            each.scarcity,
            each.cost,
            surplus[each.group],
        ),
        default=None,
    )


def _fits(choice: _Choice, excess: float) -> bool:
    """Whether a replica is within what is to go [reference replicas]."""
    return choice.size <= excess + ROUNDING


def _by_group(choices: list[_Choice], desired: _Counts, role: int) -> dict[int, int]:
    """Replicas of a role by group."""
    found: dict[int, int] = {}
    for each in choices:
        if each.role == role:
            found[each.group] = found.get(each.group, 0) + int(desired[each.number])
    return found


def _surplus(choices: list[_Choice], desired: _Counts, role: int) -> dict[int, float]:
    """By group: what its replicas of a role serve more than those of the other one [requests/s]."""
    sign = {PREFILL: 1.0, DECODE: -1.0}
    found: dict[int, float] = {}
    for each in choices:
        part = desired[each.number] * each.capacity_rps * sign.get(each.role, 0.0)
        found[each.group] = found.get(each.group, 0.0) + part
    return {group: value * sign.get(role, 0.0) for group, value in found.items()}
