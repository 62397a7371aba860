"""Replicas that come and go: started where GPUs are free, drained, kept for a while, killed.

GPUs are held from the order on until a replica is gone. What a policy wants and finds no GPUs for
is asked for again whenever the policy decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.level import Level
from heteroplan.simulation.replicas.engine_numbers import recompute_fields, replica_facts
from heteroplan.simulation.signals import DECODE, PREFILL
from heteroplan.simulation.system import LEAST_IN_FLIGHT, EngineOption, ServingSystem

LEAST_CAPACITY_RPS = 1e-9
"""Of a replica whose other part is missing: it takes requests where no other replica does."""


@dataclass(slots=True, eq=False)
class Life:
    """One replica from its order to its end; times in seconds, infinite until they come.

    A replica that is restored after it lingered has another one from then on.
    """

    deployment: int
    number: int
    """In the simulator; -1 of the second part of a divided engine, which takes no requests."""
    ordered_s: float
    ready_s: float
    withdrawn_s: float = inf
    """Out of routing."""
    gone_s: float = inf


@dataclass(frozen=True, slots=True)
class LifecycleOptions:
    """What becomes of replicas that are not wanted any more."""

    scale_in: str = "drain"
    """`drain`: they finish what they have; `kill`: after the engine's `drain_s` they are killed."""
    linger_s: float = 0.0
    """Soft scale-in: they leave routing, and only after this time they drain [s]."""
    startup_factor: float = 1.0
    """Multiplies the start-up times of all engines."""


@dataclass(slots=True)
class _Held:
    """Replicas of one deployment that hold GPUs."""

    active: list[Life] = field(default_factory=list)
    """Starting and serving."""
    lingering: list[Life] = field(default_factory=list)
    draining: list[Life] = field(default_factory=list)


class Cluster:
    """All replicas of one simulation, and the GPUs that are free."""

    def __init__(self, system: ServingSystem, simulator: Level, options: LifecycleOptions) -> None:
        self.system, self.simulator, self.options = system, simulator, options
        self.lives: list[Life] = []
        self.desired = np.zeros(len(system.deployments), np.int64)
        self.starts = 0
        self._held = [_Held() for _ in system.deployments]
        self._active = np.zeros(len(self._held), np.int64)
        self._starting: list[Life] = []
        """Replicas that are not ready yet, some of them withdrawn."""
        self._interval = 0
        self._lost: set[int] = set()
        """Leaves that have failed."""
        self._facts = [
            replica_facts(option, n, system.scenario.workloads[option.workload])
            for n, option in enumerate(system.options)
        ]
        for n, option in enumerate(system.options):
            first = system.reference.get((option.workload, PREFILL))
            if option.role == DECODE and first is not None:
                fields = {**self._facts[n].fields, **recompute_fields(first.engine)}
                self._facts[n] = replace(self._facts[n], fields=fields)
        self._used = np.zeros(system.supply.shape[:2], np.int64)
        self._divided = any(option.engine.part is not None for option in system.options)

    def free_gpus(self) -> NDArray[np.int64]:
        """[leaf, node type] GPUs that no replica holds; below 0 where more are held than exist."""
        supply = self.system.supply[:, :, self._interval].copy()
        if self._lost:
            supply[sorted(self._lost)] = 0
        free: NDArray[np.int64] = supply - self._used
        return free

    def active(self) -> NDArray[np.int64]:
        """[deployment] replicas that start or serve."""
        return self._active.copy()

    def ready(self) -> NDArray[np.int64]:
        """[deployment] replicas that serve."""
        now, found = self.simulator.now_s, self._active.copy()
        self._starting = [life for life in self._starting if life.ready_s > now]
        for life in self._starting:
            found[life.deployment] -= life.withdrawn_s == inf
        return found

    def collect(self) -> None:
        """Take the GPUs back of replicas that are gone, and drain those that lingered enough."""
        now = self.simulator.now_s
        for held in self._held:
            if not held.lingering and not held.draining:
                continue
            if self.options.linger_s > 0.0:
                for life in list(held.lingering):
                    if now >= life.withdrawn_s + self.options.linger_s:
                        held.lingering.remove(life)
                        self._drain(held, life)
            overdue = [life for life in held.draining if self._overdue(life, now)]
            if overdue:
                self.simulator.kill([life.number for life in overdue])
            for life in list(held.draining):
                gone_s = life.gone_s if life.number < 0 else self.simulator.gone_s(life.number)
                if gone_s <= now:
                    held.draining.remove(life)
                    self._end(life, gone_s)

    def apply(self, desired: NDArray[np.int64], *, at_once: bool = False) -> None:
        """Ask for so many replicas of each deployment; `at_once` they are ready now."""
        self.desired = desired
        active = self.active()
        for number in np.flatnonzero(active > desired):
            self._shrink(int(number), int(active[number] - desired[number]))
        for number in np.flatnonzero(active < desired):
            self._grow(int(number), int(desired[number] - active[number]), at_once)
        if self._divided:
            self.balance_parts()

    def enter(self, interval: int) -> None:
        """The supply is that of `interval` from now on; replicas beyond it drain.

        Those that linger do so first. What drains already counts as gone.
        """
        self._interval = interval
        for leaf, node_type in np.argwhere(self.free_gpus() < 0):
            here = self._on(int(leaf), int(node_type))
            excess = -int(self.free_gpus()[leaf, node_type])
            for number, gpus in here.items():
                held = self._held[number]
                for life in held.lingering:
                    self._drain(held, life)
                held.lingering.clear()
                excess -= len(held.draining) * gpus
            for number, gpus in here.items():
                leaving = min(len(self._held[number].active), -(-excess // gpus))
                if leaving > 0:
                    self._shrink(number, leaving, lingers=False)
                    excess -= leaving * gpus
        if self._divided:
            self.balance_parts()

    def fail(self, leaves: Iterable[int]) -> None:
        """All replicas on the leaves are killed; nothing starts there until `recover`."""
        lost = set(leaves)
        self._lost |= lost
        now = self.simulator.now_s
        dead: list[tuple[_Held, Life]] = []
        for number, at in enumerate(self.system.deployments):
            if at.leaf in lost:
                held = self._held[number]
                dead += [(held, life) for life in (*held.active, *held.lingering, *held.draining)]
        self.simulator.kill([life.number for _, life in dead if life.number >= 0])
        for held, life in dead:
            self._active[life.deployment] -= life in held.active
            for group in (held.active, held.lingering, held.draining):
                if life in group:
                    group.remove(life)
            self._end(life, now)
        if self._divided:
            self.balance_parts()

    def recover(self, leaves: Iterable[int]) -> None:
        """The leaves can be used again."""
        self._lost -= set(leaves)

    def close(self) -> None:
        """The replay is over: what still holds GPUs holds them until now."""
        for life in self.lives:
            life.gone_s = min(life.gone_s, self.simulator.now_s)
            life.withdrawn_s = min(life.withdrawn_s, life.gone_s)

    def _on(self, leaf: int, node_type: int) -> dict[int, int]:
        """Deployments on the GPUs of a node type of a leaf -> GPUs of one replica."""
        found = {}
        for number, at in enumerate(self.system.deployments):
            option = self.system.options[at.option]
            if at.leaf == leaf and self.system.node_types[option.node_type] == node_type:
                found[number] = option.engine.gpus
        return found

    def _grow(self, number: int, amount: int, at_once: bool) -> None:
        held, at = self._held[number], self.system.deployments[number]
        while amount > 0 and held.lingering:
            self._restore(held, held.lingering.pop())
            amount -= 1
        option = self.system.options[at.option]
        node_type = self.system.node_types[option.node_type]
        if at.leaf in self._lost:
            return
        supply = self.system.supply[at.leaf, node_type, self._interval]
        free = int(supply - self._used[at.leaf, node_type])
        now = self.simulator.now_s
        wait_s = 0.0 if at_once else option.engine.startup_s * self.options.startup_factor
        for _ in range(min(amount, free // option.engine.gpus)):
            replica = -1
            if option.engine.counts:
                facts = self._facts[at.option]
                replica = self.simulator.start(facts, at.group, at.leaf, now + wait_s)
            life = Life(number, replica, now, now + wait_s)
            held.active.append(life)
            self._active[number] += 1
            self._starting.append(life)
            self.lives.append(life)
            self._used[at.leaf, node_type] += option.engine.gpus
            self.starts += not at_once

    def _restore(self, held: _Held, life: Life) -> None:
        """A replica that lingers serves again; the time that it lingered is not in routing."""
        now = self.simulator.now_s
        life.gone_s = now
        again = replace(life, ordered_s=now, ready_s=now, withdrawn_s=inf, gone_s=inf)
        if life.number >= 0:
            self.simulator.restore(life.number)
        held.active.append(again)
        self._active[life.deployment] += 1
        self.lives.append(again)

    def _shrink(self, number: int, amount: int, *, lingers: bool = True) -> None:
        """Those that start go first, the latest first; then those with the least requests."""
        held, now = self._held[number], self.simulator.now_s
        for life in sorted(held.active, key=self._worth)[:amount]:
            held.active.remove(life)
            self._active[number] -= 1
            life.withdrawn_s = now
            if life.ready_s > now:
                if life.number >= 0:
                    self.simulator.cancel(life.number)
                self._end(life, now)
            elif lingers and self.options.linger_s > 0.0:
                if life.number >= 0:
                    self.simulator.linger(life.number)
                held.lingering.append(life)
            else:
                self._drain(held, life)

    def _worth(self, life: Life) -> tuple[bool, float, float]:
        """Replicas worth least leave first."""
        if life.ready_s > self.simulator.now_s:
            return False, -life.ready_s, -life.ordered_s
        load = self.simulator.load_of(life.number) if life.number >= 0 else 0.0
        return True, load, -life.ordered_s

    def _option(self, life: Life) -> EngineOption:
        return self.system.options[self.system.deployments[life.deployment].option]

    def _drain(self, held: _Held, life: Life) -> None:
        drain_s = self._option(life).engine.drain_s
        if life.number >= 0:
            self.simulator.drain(life.number, drain_s)
        else:
            life.gone_s = self.simulator.now_s + drain_s
        held.draining.append(life)

    def _overdue(self, life: Life, now: float) -> bool:
        """Whether a draining replica is killed with what it has."""
        if self.options.scale_in != "kill" or life.number < 0:
            return False
        level = self.simulator
        return level.gone_s(life.number) > now >= level.drained_s(life.number)

    def _end(self, life: Life, gone_s: float) -> None:
        leaf, option = self.system.deployments[life.deployment].leaf, self._option(life)
        life.gone_s = gone_s
        life.withdrawn_s = min(life.withdrawn_s, gone_s)
        self._used[leaf, self.system.node_types[option.node_type]] -= option.engine.gpus
        if life.number >= 0:
            self.simulator.release(life.number)

    def balance_parts(self) -> None:
        """Let replicas of divided engines run as the ready replicas of both parts allow."""
        now = self.simulator.now_s
        parts: dict[tuple[int, int, str], tuple[list[Life], list[Life]]] = {}
        for number, at in enumerate(self.system.deployments):
            part = self.system.options[at.option].engine.part
            if part is not None:
                both = parts.setdefault((at.group, at.leaf, part.of), ([], []))
                both[part.index].extend(
                    life for life in self._held[number].active if life.ready_s <= now
                )
        for (group, _, _), (first, second) in parts.items():
            served_rps = sum(self._option(life).capacity_rps for life in second)
            wanted_rps = sum(self._option(life).capacity_rps for life in first)
            for life in first:
                self._join_parts(life, first, second, min(1.0, served_rps / wanted_rps))
            self.simulator.reweigh(group)

    def _join_parts(
        self, life: Life, first: Sequence[Life], second: Sequence[Life], share: float
    ) -> None:
        """`share` of what the first parts could serve is what the second parts can."""
        option = self._option(life)
        fields = {
            "capacity": max(LEAST_CAPACITY_RPS, option.capacity_rps * share),
            "in_flight": max(LEAST_IN_FLIGHT, option.in_flight * share),
        }
        if second:
            other = self._facts[self.system.deployments[second[0].deployment].option].fields
            fields |= {
                f"other_{name}": other.get(name, 0.0)
                for name in ("base", "sequence", "context", "root")
            }
            fields["other_ratio"] = len(first) / len(second)
        if option.engine.capacity_rps is not None or not second:
            facts = self._facts[self.system.deployments[life.deployment].option]
            fields["most_running"] = int(facts.most_running * share)
        for name, value in fields.items():
            self.simulator.set_field(life.number, name, value)
