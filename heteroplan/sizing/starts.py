"""Replicas of the program of nodes -> pools of a fleet, at which a plan on it may begin.

Replicas on nodes of one type that are had in several ways are divided among them. They go to nodes
of an offer with a limited share as far as that allows and the nodes that are paid anyway do not
suffice, then to these, then to the rest. A replica stays where it stood in the interval before: on
nodes of another offer it would start anew, and hold GPUs there before that.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from heteroplan.entities.network import Affinity
from heteroplan.entities.offers import Offer
from heteroplan.entities.plan import Pool
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Workload
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.build import LOST_LEVELS
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.program.sizes import reach
from heteroplan.sizing.potential import Potential

type Replicas = dict[int, int]
"""Pool of the merged program -> replicas of one interval."""


def divided(
    potential: Potential,
    times: Sequence[int],
    replicas: Ints,
    pools: Sequence[int],
    there: Mapping[str, Sequence[int]],
    hourly: Mapping[str, Offer],
) -> dict[str, Ints]:
    """Node type of the fleet -> [P, times] of the replicas [P, times] of some pools on its nodes.

    `there` are GPUs [times] of the node types among which they are divided, `hourly` the offers of
    those that are paid by the hour.
    """
    found = {name: np.zeros_like(replicas) for name in there}
    program, place = potential.program, {t: i for i, t in enumerate(times)}
    around = program.cyclic and len(times) == program.intervals
    for turn in range(2 if around else 1):
        for i, t in enumerate(times):
            before = place.get(potential.earlier(t, 1)) if turn or i else None
            if before == i:
                before = None
            division = _Division(
                potential,
                t,
                replicas[:, i],
                hourly,
                room={name: int(gpus[i]) for name, gpus in there.items()},
                left={p: int(replicas[p, i]) for p in pools},
            )
            if before is not None:
                division.begin(
                    {name: sizes[:, before] for name, sizes in found.items()},
                    {name: int(gpus[before]) for name, gpus in there.items()},
                )
            for name, taken in division.done().items():
                for p in pools:
                    found[name][p, i] = taken.get(p, 0)
    return found


@dataclass(slots=True)
class _Division:
    """Of the replicas of one interval."""

    potential: Potential
    t: int
    replicas: Ints
    """[P] on all types of nodes."""
    hourly: Mapping[str, Offer]
    room: dict[str, int]
    """GPUs that are left on nodes of each node type of the fleet."""
    left: Replicas
    """That stand on none yet."""
    before: dict[str, Ints] = field(default_factory=dict)
    """[P] on each in the interval before, where that is known."""
    starting: dict[str, int] = field(default_factory=dict)
    """GPUs of each that replicas may hold then, before they serve."""
    found: dict[str, Replicas] = field(init=False)
    beside: int = field(init=False)
    """GPUs that those paid anyway do not have."""
    limited: tuple[str, ...] = field(init=False)
    """Node types with a limited share."""

    def __post_init__(self) -> None:
        self.found = {name: {} for name in self.room}
        self.beside = sum(count * self._gpus(p) for p, count in self.left.items())
        self.beside -= sum(gpus for name, gpus in self.room.items() if name not in self.hourly)
        self.limited = tuple(
            name for name in self.room if name in self.hourly and self.hourly[name].most_share < 1.0
        )

    def begin(self, before: dict[str, Ints], there: Mapping[str, int]) -> None:
        """Take into account which replicas stood where, on so many GPUs."""
        self.before = before
        self.starting = {
            name: there[name] - sum(int(sizes[p]) * self._gpus(p) for p in self.left)
            for name, sizes in before.items()
        }

    def done(self) -> dict[str, Replicas]:
        """Those that stay, then those that find room to start, then the others."""
        paid = [name for name in self.room if name not in self.hourly]
        others = [name for name in self.room if name in self.hourly and name not in self.limited]
        order = sorted(self.left, key=lambda p: -self._gpus(p))
        for name in (*paid, *self.limited, *others):
            for p in order if self.before else ():
                self._take(name, p, int(self.before[name][p]))
        wanted = (*self.limited, *paid, *others)
        for name in wanted:
            for p in order if self.before else ():
                taken = self._take(name, p, max(0, self.starting[name]) // self._gpus(p))
                self.starting[name] -= taken * self._gpus(p)
        for name in wanted:
            for p in order:
                self._take(name, p, self.left[p])
        for name in wanted:
            for p in order:
                self._take(name, p, self.left[p], over=True)
        return self.found

    def _take(self, name: str, p: int, most: int, *, over: bool = False) -> int:
        """At most so many replicas, no more than a limited share allows unless it is gone over."""
        gpus = self._gpus(p)
        most = min(most, self.left[p], self.room[name] // gpus)
        if name in self.limited:
            if not over:
                most = min(most, max(0, self.beside) // gpus)
                while most > 0 and not self._leaves_enough(name, p, most):
                    most -= 1
            self.beside -= most * gpus
        self.room[name] -= most * gpus
        self.left[p] -= most
        self.found[name][p] = self.found[name].get(p, 0) + most
        return most

    def _leaves_enough(self, name: str, p: int, more: int) -> bool:
        """Whether enough is served without the nodes of one type, with more of a pool on them."""
        program, here = self.potential.program, self.found[name]
        work = program.workloads[program.pools[p].workload]
        serve = 1.0 - self.hourly[name].most_share - ROUNDING
        for stage in program.pools[p].stages:
            served = sum(
                self._share(o, int(self.replicas[o]) - here.get(o, 0) - (more if o == p else 0))
                for o in work.pools
                if stage in program.pools[o].stages
            )
            if served < serve:
                return False
        return True

    def _share(self, p: int, count: int) -> float:
        """Of the demand, that so many replicas of a pool serve."""
        return float(reach(self.potential.program.pools[p], np.array([[count]]))[0, self.t])

    def _gpus(self, p: int) -> int:
        return self.potential.program.pools[p].gpus


def start_pools(
    potential: Potential,
    times: Sequence[int],
    replicas: Ints,
    scenario: Scenario,
    hourly: Mapping[str, Offer],
) -> tuple[Pool, ...]:
    """Pools with the sizes [P, times] of the merged program, in the domain with most nodes.

    `hourly` are the offers of node types of the scenario's fleet that are paid by the hour. Other
    intervals have the sizes of that of `times` which lacks least of what they ask for, the nearest.
    Pools that are counted on single leaves are left out: the program does not know these.
    """
    program, covering = potential.program, _covering(potential, times)
    at_home = {load.name: _home(load, scenario) for load in scenario.workloads}
    found = []
    for node_type, sizes in _by_type(potential, times, replicas, scenario, hourly).items():
        for p in np.flatnonzero(sizes.any(axis=1)).tolist():
            pool = program.pools[p]
            name = program.workloads[pool.workload].name
            level, domain = at_home[name]
            found.append(
                Pool(
                    workload=name,
                    role=pool.role,
                    engine=potential.candidates[pool.candidate].engine.name,
                    node_type=node_type,
                    gpus_per_replica=pool.gpus,
                    domain=domain,
                    level=level,
                    group=f"{name}@{domain}",
                    replicas=tuple(sizes[p, covering].tolist()),
                    flow_rps=(),
                )
            )
    return tuple(found)


def _by_type(
    potential: Potential,
    times: Sequence[int],
    replicas: Ints,
    scenario: Scenario,
    hourly: Mapping[str, Offer],
) -> dict[str, Ints]:
    """Node type of the fleet -> [P, times] replicas on its nodes."""
    program = potential.program
    there = {shape.name: _gpus(scenario, shape.name, times) for shape in scenario.fleet.node_types}
    found = {name: np.zeros_like(replicas) for name in there}
    for base in potential.offered.node_types:
        names = [
            name for name in there if (hourly[name].node_type if name in hourly else name) == base
        ]
        mine = [
            p
            for p, pool in enumerate(program.pools)
            if pool.node_type == base and pool.part is None and replicas[p].any()
        ]
        here = {name: there[name] for name in names}
        if names and mine:
            for name, sizes in divided(potential, times, replicas, mine, here, hourly).items():
                found[name] += sizes
    return found


def _gpus(scenario: Scenario, node_type: str, times: Sequence[int]) -> list[int]:
    """[times] that are there, of all leaves."""
    fleet, ends = scenario.fleet, scenario.horizon.boundaries()
    size = fleet.node_type(node_type).gpus
    return [
        size
        * sum(
            fleet.nodes_available(leaf, node_type, ends[t], ends[t + 1])
            for leaf in fleet.network.leaves
        )
        for t in times
    ]


def _covering(potential: Potential, times: Sequence[int]) -> list[int]:
    """[T] for each interval the place in `times` of the one that lacks least of what it asks for,
    the nearest of those that lack as little."""
    loads = potential.loads()
    lacking = np.array(
        [np.maximum(0.0, loads - loads[:, [t]]).sum(axis=0) for t in times], dtype=np.float64
    )
    distance = np.abs(np.array(times)[:, None] - np.arange(loads.shape[1]))
    return [
        min(range(len(times)), key=lambda i: (lacking[i, t], distance[i, t]))
        for t in range(loads.shape[1])
    ]


def _home(load: Workload, scenario: Scenario) -> tuple[Affinity, str]:
    """Where most nodes stand of the domains in which a workload's replicas may live together."""
    levels = [load.affinity]
    if load.resilience is not None and load.resilience.lose in LOST_LEVELS:
        levels.append(LOST_LEVELS[load.resilience.lose])
    level = min(levels, key=list(Affinity).index)
    nodes: Counter[str] = Counter()
    for leaves in load.domains(scenario.fleet.network).values():
        for leaf in leaves:
            nodes[leaf.domain(level)] += sum(leaf.nodes.values())
    return level, max(nodes, key=lambda name: nodes[name], default="")
