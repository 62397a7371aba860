"""The whole program with the capacities that pools of each size have, as one MIP."""

import numpy as np

from heteroplan.optimize.formulation.model import build_model
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules.mip import INTEGER, Model


def true_model(problem: Problem) -> Model:
    """One binary a pool, interval and size, and flow of its own with each size.

        Σ_s y[s] = 1,  Σ_s s·y[s] = n,  Σ_s x[k,s] = x[k],  Σ_k load[k](s)·x[k,s] <= s·y[s]

    Of programs in which each pool stands alone in its group and no loss is to be survived.
    """
    model = build_model(problem)
    for p, pool in enumerate(problem.pools):
        for t in range(problem.intervals):
            if pool.by_size is not None:
                _sizes(model, p, t)
    return model


def _sizes(model: Model, p: int, t: int) -> None:
    pool = model.problem.pools[p]
    assert pool.by_size is not None
    sizes = range(int(pool.most[t]) + 1)
    chosen = [model.lp.add_variable(f"size_{p}_{t}_{s}", 0, 1, INTEGER) for s in sizes]
    model.add([(each, 1.0) for each in chosen], "==", 1.0, f"one_size_{p}_{t}")
    counted = [(each, float(s)) for s, each in enumerate(chosen)]
    model.add([*counted, (model.n[p][t], -1.0)], "==", 0.0, f"size_{p}_{t}")
    flows = [over_time[t] for over_time in model.x[p]]
    parts = [
        None if flow is None else [model.lp.add_variable(f"x_{p}_{k}_{t}_{s}", 0, 1) for s in sizes]
        for k, flow in enumerate(flows)
    ]
    for k, (flow, mine) in enumerate(zip(flows, parts, strict=True)):
        if flow is not None and mine is not None:
            whole = [(each, 1.0) for each in mine]
            model.add([*whole, (flow, -1.0)], "==", 0.0, f"parts_{p}_{k}_{t}")
    for s in sizes:
        load = pool.by_size.load_at(np.full(model.problem.intervals, s))[:, t]
        busy = [
            (mine[s], float(load[k]))
            for k, mine in enumerate(parts)
            if mine is not None and np.isfinite(load[k])
        ]
        for k, mine in enumerate(parts):
            if mine is not None and not np.isfinite(load[k]):
                model.add([(mine[s], 1.0)], "==", 0.0, f"never_{p}_{k}_{t}_{s}")
        model.add([*busy, (chosen[s], -float(s))], "<=", 0.0, f"served_{p}_{t}_{s}")
