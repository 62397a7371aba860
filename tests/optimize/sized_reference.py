"""The whole program with the capacities that pools of each size have, as one MIP."""

from collections.abc import Sequence

import numpy as np

from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules.mip import INTEGER, Model, Terms


def true_model(problem: Problem) -> Model:
    """One binary a queue, interval and size, and flow of its own with each size.

        Σ_s y[s] = 1,  Σ_s s·y[s] = Σ_p n[p],  Σ_s x[p,k,s] = x[p,k],
        Σ_p Σ_k load[k](s)·x[p,k,s] <= s·y[s]

    A queue are the replicas of an engine in a group, on whatever node types it serves alike; of a
    part of a divided engine those on a leaf. Of programs in which no loss is to be survived.
    """
    model = build_model(problem, by_pool=True)
    queues: dict[tuple[object, ...], list[int]] = {}
    for p, pool in enumerate(problem.pools):
        place = pool.group if pool.part is None else pool.domain
        rates = None if pool.by_size is None else pool.by_size.load.tobytes()
        queues.setdefault((pool.workload, pool.engine, pool.part, place, rates), []).append(p)
    for pools in queues.values():
        for t in range(problem.intervals):
            if problem.pools[pools[0]].by_size is not None:
                _sizes(model, pools, t)
    return model


def _sizes(model: Model, pools: Sequence[int], t: int) -> None:
    by_size = model.problem.pools[pools[0]].by_size
    assert by_size is not None
    at = f"{pools[0]}_{t}"
    sizes = range(sum(int(model.problem.pools[p].most[t]) for p in pools) + 1)
    chosen = [model.lp.add_variable(f"size_{at}_{s}", 0, 1, INTEGER) for s in sizes]
    model.add([(each, 1.0) for each in chosen], "==", 1.0, f"one_size_{at}")
    counted = [(each, float(s)) for s, each in enumerate(chosen)]
    running = [(model.n[p][t], -1.0) for p in pools]
    model.add([*counted, *running], "==", 0.0, f"size_{at}")
    busy: list[Terms] = [[(chosen[s], -float(s))] for s in sizes]
    for p in pools:
        for k, over_time in enumerate(model.x[p]):
            flow = over_time[t]
            if flow is None:
                continue
            parts = [model.lp.add_variable(f"x_{p}_{k}_{t}_{s}", 0, 1) for s in sizes]
            whole = [(each, 1.0) for each in parts]
            model.add([*whole, (flow, -1.0)], "==", 0.0, f"parts_{p}_{k}_{t}")
            for s, part in zip(sizes, parts, strict=True):
                load = by_size.load_at(np.full(model.problem.intervals, s))[k, t]
                if np.isfinite(load):
                    busy[s].append((part, float(load)))
                else:
                    model.add([(part, 1.0)], "==", 0.0, f"never_{p}_{k}_{t}_{s}")
    for s, terms in zip(sizes, busy, strict=True):
        model.add(terms, "<=", 0.0, f"served_{at}_{s}")
