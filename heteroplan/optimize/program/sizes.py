"""Pools whose replicas serve more the more of them there are.

A pool is the replicas of one engine in one group that serve alike (`PoolSpec.queue`): a router does
not see on which leaf they stand, nor under which name and price their node was had. Parts of a
divided engine balance on a leaf, where theirs are counted alone. The program has for such a pool
the load of a replica in the pool that serves all demand of the workload alone (`PoolSpec.load`):
linear, and a relaxation, as docs/method.md proves under *Pool sizes*; where one pool serves all
demand of a role the plan is exact. What pools really serve (`PoolSpec.by_size`) counts in plans
(`mix`, `incumbent`) and in covering blocks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.division import quotient

if TYPE_CHECKING:
    from heteroplan.optimize.program.problem import PoolSpec, Problem

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

TOLERANCE = 1e-6
"""Of replicas kept busy: what a solver lets a row go."""


@dataclass(frozen=True, eq=False)
class SizedLoad:
    """Loads by the size of the pool."""

    load: Floats
    """[S + 1, K, T] replicas kept busy by all demand of a class in pools of 0, 1, ..., S; the first
    as the second. Larger pools as the last."""

    @property
    def last(self) -> int:
        """Size beyond which nothing changes."""
        return len(self.load) - 1

    @cached_property
    def share(self) -> Floats:
        """[S + 1, T] share of the demand, in its mix, that one replica serves."""
        return quotient(1.0, self.load.sum(axis=1))

    def load_at(self, sizes: Ints) -> Floats:
        """[K, T] loads in pools of `sizes` [T]."""
        return self.load[np.minimum(sizes, self.last), :, np.arange(self.load.shape[2])].T

    def share_at(self, sizes: Ints) -> Floats:
        """[T] share of the demand that one replica serves in pools of `sizes` [T]."""
        return self.share[np.minimum(sizes, self.last), np.arange(self.share.shape[1])]

    def window(self, at: slice | list[int]) -> "SizedLoad":
        """Of some intervals."""
        return SizedLoad(self.load[:, :, at])


def reference_load(sized: SizedLoad, alone: Ints) -> Floats:
    """[K, T] the load in the program, where a pool of `alone` [T] replicas is the least useful.

    Smaller pools have no larger capacities for any class. Where not even that pool serves all
    demand there is none larger, and its own load counts. A class that no smaller pool serves takes
    what the other classes leave of the pool.
    """
    found = np.empty(sized.load.shape[1:])
    for t, size in enumerate(alone.tolist()):
        load = sized.load[: min(size, sized.last) + 1, :, t]
        served = np.isfinite(load[-1])
        enough = float(load[-1, served].sum()) <= size + TOLERANCE
        if not enough or size == 1:
            found[:, t] = load[1:].min(axis=0)
            continue
        least = load[1:size].min(axis=0)
        only_whole = served & ~np.isfinite(least)
        least[only_whole] = load[-1, only_whole]
        rest = np.isfinite(least) & ~only_whole
        left = size - float(least[rest].sum())
        whole = float(least[only_whole].sum())
        if 0.0 < whole < left:
            least[only_whole] *= left / whole
        elif whole > left:
            least[rest | only_whole] *= size / (size - left + whole)
        found[:, t] = least
    return found


def kind_of(pool: "PoolSpec") -> tuple[object, ...]:
    """Equal for pools whose replicas are one queue: in a group, of parts of engines on a leaf.

    Of pools of one workload.
    """
    return (pool.queue, pool.group) if pool.part is None else (pool.queue, pool.domain)


def first_of_kind(problem: "Problem", pools: Sequence[int]) -> Ints | None:
    """[*] for each of some pools the place of the first of its kind; None where all differ."""
    place: dict[tuple[object, ...], int] = {}
    kinds = enumerate(kind_of(problem.pools[p]) for p in pools)
    first = np.array([place.setdefault(kind, i) for i, kind in kinds], dtype=np.int64)
    return None if (first == np.arange(len(first))).all() else first


def together(problem: "Problem", pools: Sequence[int], counts: Ints) -> Ints:
    """[*, T] for each of some pools the replicas [*, T] that it and those of its kind have."""
    first = first_of_kind(problem, pools)
    if first is None:
        return counts
    total = np.zeros_like(counts)
    np.add.at(total, first, counts)
    return total[first]


def shares(problem: "Problem", pools: Sequence[int], counts: Ints, fewer: int = 0) -> list[Floats]:
    """[*][T] share of the demand that one replica of each pool serves with counts [*, T] of them.

    In pools of `fewer` replicas less. Those of a kind are all given together.
    """
    specs = [problem.pools[p] for p in pools]
    if all(spec.by_size is None for spec in specs):
        return [spec.mix_share for spec in specs]
    sizes = np.maximum(together(problem, pools, counts) - fewer, 1)
    return [
        spec.mix_share if spec.by_size is None else spec.by_size.share_at(size)
        for spec, size in zip(specs, sizes, strict=True)
    ]


def covers(problem: "Problem", pools: Sequence[int]) -> Floats | None:
    """[*, N + 1, T] share of the demand that 0, 1, ..., N replicas of each pool serve together.

    N is the most that any of them may have, or those of a kind as far as that makes a difference,
    and 1 at least. No more than so many times what one serves in the program. None where sizes make
    no difference.
    """
    specs = [problem.pools[p] for p in pools]
    if all(spec.by_size is None for spec in specs):
        return None
    most = np.array([int(spec.most.max(initial=0)) for spec in specs])
    last = np.array([0 if spec.by_size is None else spec.by_size.last for spec in specs])
    together_most = together(problem, pools, most[:, None])[:, 0]
    largest = int(np.maximum(most, np.minimum(together_most, last)).max())
    counts = np.arange(max(1, largest) + 1)
    return np.array([reach(spec, counts[:, None]) for spec in specs])


def reach(pool: "PoolSpec", counts: Ints) -> Floats:
    """[*, T] share of the demand that counts [*, T] or [*, 1] of replicas serve."""
    if pool.by_size is None:
        return np.asarray(counts * pool.mix_share)
    share = pool.by_size.share_at(np.broadcast_to(counts, (len(counts), len(pool.mix_share))))
    return np.asarray(counts * np.minimum(share, pool.mix_share))


def true_loads(problem: "Problem", pools: Sequence[int], counts: Ints) -> list[Floats]:
    """[*][K, T] replicas kept busy by all demand of a class in pools of these sizes [*, T]."""
    sizes = together(problem, pools, counts)
    return [
        pool.load if pool.by_size is None else pool.by_size.load_at(size)
        for pool, size in zip((problem.pools[p] for p in pools), sizes, strict=True)
    ]


def at_sizes(problem: "Problem", replicas: Ints) -> "Problem":
    """The program with the loads that pools of sizes [P, T] have; unused ones as single replicas.

    No relaxation: good to look for plans near these sizes.
    """
    if not problem.sized:
        return problem
    pools = list(problem.pools)
    for work in problem.workloads:
        mine = list(work.pools)
        if any(pools[p].by_size is not None for p in mine):
            for p, load in zip(mine, true_loads(problem, mine, replicas[mine]), strict=True):
                pools[p] = replace(pools[p], load=load, by_size=None)
    return replace(problem, pools=tuple(pools))


def overrun(
    problem: "Problem", pools: Iterable[int], replicas: Ints, flow: Sequence[Floats]
) -> bool:
    """Whether flow [K, T] of any of a workload's pools is more than replicas [P, T] handle."""
    mine = [p for p in pools if replicas[p].any()]
    for p, load in zip(mine, true_loads(problem, mine, replicas[mine]), strict=True):
        busy = (np.where(flow[p] > 0, load, 0.0) * flow[p]).sum(axis=0)
        if (busy > replicas[p] * (1.0 + TOLERANCE) + TOLERANCE).any():
            return True
    return False
