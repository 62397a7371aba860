"""Programs made smaller: workloads or intervals alone, neighbouring ones merged, or all domains.

What LPs of them say of prices and sizes is used where any would do; one domain can also be merged
so that the bound of the small program holds for any plan of the whole.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np

from heteroplan.optimize.program.problem import (
    BalanceSpec,
    Floats,
    Ints,
    PoolSpec,
    Problem,
    ProgramWorkload,
    SupplySpec,
)


def keeping(problem: Problem, kept: Sequence[int]) -> Problem:
    """The program with these pools alone, in this order; workloads and supply rows stay."""
    left = {(problem.pools[p].workload, problem.pools[p].group) for p in kept}
    apart = [each for each in problem.conflicts if each[:2] in left and each[2:] in left]
    return _of_pools(problem, kept, problem.balances, problem.supplies, apart)


def own_program(problem: Problem, w: int) -> Problem:
    """The program of one workload, its pools and the rows they draw on in their order; made once.

    With what keeps it apart from others, though none of these has a pool there.
    """
    if w not in problem.own_programs:
        kept = problem.workloads[w].pools
        balances = [problem.balances[b] for b in problem.balances_of(w)]
        rows = [problem.supplies[r] for r in problem.rows_of(kept)]
        apart = [each for each in problem.conflicts if w in (each[0], each[2])]
        problem.own_programs[w] = _of_pools(problem, kept, balances, rows, apart)
    return problem.own_programs[w]


def _of_pools(
    problem: Problem,
    kept: Sequence[int],
    balances: Sequence[BalanceSpec],
    supplies: Sequence[SupplySpec],
    conflicts: Sequence[tuple[int, str, int, str]],
) -> Problem:
    """The program of these pools, renumbered, with some of its balances, rows and conflicts."""
    index = {p: i for i, p in enumerate(kept)}
    return replace(
        problem,
        workloads=tuple(_renumbered(work, index) for work in problem.workloads),
        pools=tuple(problem.pools[p] for p in kept),
        balances=tuple(
            replace(each, left=_of_kept(each.left, index), right=_of_kept(each.right, index))
            for each in balances
        ),
        supplies=tuple(replace(row, pools=_of_kept(row.pools, index)) for row in supplies),
        conflicts=tuple(conflicts),
        hardware=(),
        before=None if problem.before is None else problem.before[list(kept)],
    )


def _renumbered(work: ProgramWorkload, index: Mapping[int, int]) -> ProgramWorkload:
    resilience = work.resilience
    if resilience is not None:
        gone = tuple(_of_kept(pools, index) for pools in resilience.gone)
        resilience = replace(resilience, gone=gone)
    return replace(work, resilience=resilience, pools=_of_kept(work.pools, index))


def _of_kept(pools: Sequence[int], index: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(index[p] for p in pools if p in index)


def restricted(
    problem: Problem,
    workloads: Sequence[int],
    supplies: Sequence[Ints],
    before: Sequence[int | None],
) -> Problem:
    """The program of some workloads alone, with `supplies` GPUs left on each row.

    And `before` GPUs left before the horizon; None where nothing is said of that time.
    """
    kept = [p for w in workloads for p in problem.workloads[w].pools]
    number = {w: i for i, w in enumerate(workloads)}
    part = keeping(problem, kept)
    return replace(
        part,
        workloads=tuple(part.workloads[w] for w in workloads),
        pools=tuple(replace(pool, workload=number[pool.workload]) for pool in part.pools),
        balances=tuple(
            replace(each, workload=number[each.workload])
            for each in part.balances
            if each.workload in number
        ),
        supplies=tuple(
            replace(row, gpus=left, free_before=free)
            for row, left, free in zip(part.supplies, supplies, before, strict=True)
            if row.pools
        ),
        conflicts=tuple(
            (number[one], group, number[two], other)
            for one, group, two, other in problem.conflicts
            if one in number and two in number
        ),
        fixed_cost=0.0,
    )


def window(problem: Problem, times: Sequence[int]) -> Problem:
    """The program of some intervals in a row, whose first and last the caller holds still."""
    at = _at(times)
    return _window(problem, times, tuple(_pool_at(pool, at) for pool in problem.pools))


def one_interval(problem: Problem, t: int, factors: Sequence[float] | None = None) -> Problem:
    """The program of one interval, whose replicas all run already.

    At `factors` of what a replica of each pool costs there.
    """
    factors = [1.0] * len(problem.pools) if factors is None else factors
    pools = [
        _pool_at(pool, _at([t]), factor, start_cost=0.0, lead=0)
        for pool, factor in zip(problem.pools, factors, strict=True)
    ]
    return replace(_window(problem, [t], tuple(pools)), before=None)


def _window(problem: Problem, times: Sequence[int], pools: tuple[PoolSpec, ...]) -> Problem:
    at, first = _at(times), times[0]
    return replace(
        problem,
        intervals=len(times),
        cyclic=False,
        workloads=tuple(replace(work, rps=work.rps[:, at]) for work in problem.workloads),
        pools=pools,
        supplies=tuple(
            replace(row, gpus=row.gpus[at], free_before=row.free_before if first == 0 else None)
            for row in problem.supplies
        ),
        before=None if first > 0 else problem.before,
    )


def _at(times: Sequence[int]) -> slice | list[int]:
    """Index of some intervals: a slice, which copies nothing, where they are in a row."""
    row = range(times[0], times[0] + len(times))
    return slice(row.start, row.stop) if list(times) == list(row) else list(times)


def _pool_at(
    pool: PoolSpec, at: slice | list[int], factor: float = 1.0, **changes: Any
) -> PoolSpec:
    """A pool in some intervals, its replicas at a `factor` of what they cost, with `changes`."""
    return replace(
        pool,
        run_cost=factor * pool.run_cost[at],
        load=pool.load[:, at],
        most=pool.most[at],
        by_size=None if pool.by_size is None else pool.by_size.window(at),
        **changes,
    )


def merged_starts(intervals: int, wanted: int) -> list[int]:
    """First interval of each merged one, at most as many as `wanted`."""
    return list(range(0, intervals, max(1, ceil(intervals / max(1, wanted)))))


def merged_intervals(problem: Problem, first: Sequence[int]) -> Problem:
    """Neighbouring intervals as one: mean demand, least supply, cost added up, no lead."""
    if len(first) == problem.intervals:
        return problem
    length = np.diff([*first, problem.intervals])

    def total(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, first, axis=-1))

    def least(values: Ints) -> Ints:
        return np.asarray(np.minimum.reduceat(values, first, axis=-1))

    return replace(
        problem,
        intervals=len(first),
        workloads=tuple(replace(work, rps=total(work.rps) / length) for work in problem.workloads),
        pools=tuple(
            replace(
                pool,
                run_cost=total(pool.run_cost),
                load=total(pool.load) / length,
                by_size=None,
                most=least(pool.most),
                lead=0,
            )
            for pool in problem.pools
        ),
        supplies=tuple(replace(row, gpus=least(row.gpus)) for row in problem.supplies),
    )


@dataclass(frozen=True, slots=True, eq=False)
class OneDomain:
    """A program whose domains are one, and where its pools and supply rows come from."""

    program: Problem
    pools: tuple[tuple[int, ...], ...]
    """For each pool of it those of the whole."""
    supplies: tuple[tuple[int, ...], ...]
    """For each of its supply rows those of the whole: of one node type on one level. It ends in
    rows of the whole for workloads that stay apart."""


def spread_out(values: Floats, over: Sequence[Sequence[int]]) -> Floats:
    """[*, T] values of merged pools or rows for each of those they come from."""
    spread = np.zeros((sum(map(len, over)), values.shape[1]))
    for value, members in zip(values, over, strict=True):
        spread[list(members)] = value
    return spread


def one_domain(problem: Problem, *, proves: bool = False, apart: Collection[int] = ()) -> OneDomain:
    """All domains merged; resilience, conflicts and limits on groups then mean nothing.

    But for workloads in `apart`, which keep their domains and find as many GPUs there as there are.

    Supply rows are merged level by level, without ratio bands: good for prices. With `proves` the
    sums of any plan's pools and flows meet the merged program, so that its bound holds: one row a
    node type, made of those that lie in no other, and the bands stay.
    """
    pools = _alike(
        (pool.workload, pool.candidate, pool.domain if pool.workload in apart else "")
        for pool in problem.pools
    )
    number = {p: i for i, members in enumerate(pools) for p in members}
    rows = _alike((row.level, row.node_type, row.unit) for row in problem.supplies)
    rows = _by_node_type(problem.supplies) if proves else rows
    balances = _alike(
        (each.workload, each.engine, b if each.workload in apart else -1)
        for b, each in enumerate(problem.balances)
    )
    kept = {number[p] for w in apart for p in problem.workloads[w].pools}
    before = problem.before
    program = replace(
        problem,
        workloads=tuple(
            replace(work, pools=_numbers(work.pools, number), resilience=None, max_groups=None)
            for work in problem.workloads
        ),
        pools=tuple(
            replace(
                problem.pools[members[0]],
                domain="",
                group="",
                most=np.sum([problem.pools[p].most for p in members], axis=0),
            )
            for members in pools
        ),
        balances=tuple(
            _one_balance([problem.balances[b] for b in members], number, bands=proves)
            for members in balances
        ),
        supplies=(
            *(_one_supply([problem.supplies[r] for r in members], number) for members in rows),
            *(row for each in problem.supplies if (row := _own_supply(each, number, kept)).pools),
        ),
        conflicts=(),
        hardware=(),
        before=None if before is None else np.array([before[list(m)].sum() for m in pools]),
    )
    return OneDomain(program, pools, rows)


def _by_node_type(supplies: Sequence[SupplySpec]) -> tuple[tuple[int, ...], ...]:
    """Of rows that lie in no other row; each pool draws on exactly one of them."""
    outermost = [r for r in range(len(supplies)) if not _lies_in_another(supplies, r)]
    kinds = _alike(supplies[r].node_type for r in outermost)
    return tuple(tuple(outermost[i] for i in members) for members in kinds)


def _lies_in_another(supplies: Sequence[SupplySpec], r: int) -> bool:
    pools = supplies[r].pools
    return any(
        set(pools) < set(other.pools) or (pools == other.pools and r < o)
        for o, other in enumerate(supplies)
    )


def _alike(kinds: Iterable[object]) -> tuple[tuple[int, ...], ...]:
    """Numbers of equal kinds together."""
    found: dict[object, list[int]] = {}
    for i, kind in enumerate(kinds):
        found.setdefault(kind, []).append(i)
    return tuple(map(tuple, found.values()))


def _numbers(pools: Iterable[int], number: dict[int, int]) -> tuple[int, ...]:
    return tuple(sorted({number[p] for p in pools}))


def _one_balance(
    balances: Sequence[BalanceSpec], number: dict[int, int], *, bands: bool
) -> BalanceSpec:
    return replace(
        balances[0],
        left=_numbers((p for each in balances for p in each.left), number),
        right=_numbers((p for each in balances for p in each.right), number),
        band=balances[0].band if bands else None,
    )


def _own_supply(row: SupplySpec, number: dict[int, int], kept: set[int]) -> SupplySpec:
    """The row for these merged pools alone."""
    return replace(row, pools=tuple(sorted(kept.intersection(number[p] for p in row.pools))))


def _one_supply(rows: Sequence[SupplySpec], number: dict[int, int]) -> SupplySpec:
    gpus = np.sum([row.gpus for row in rows], axis=0)
    known = [row.free_before for row in rows if row.free_before is not None]
    free_before = sum(known) if len(known) == len(rows) else None
    pools = _numbers((p for row in rows for p in row.pools), number)
    return replace(rows[0], domain="", gpus=gpus, pools=pools, free_before=free_before)
