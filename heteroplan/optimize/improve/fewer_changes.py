"""The last pass: of plans that cost about the same, one whose pools change their sizes less often.

Changes get a price that rises step by step. At each, every workload is placed again in its groups
near the sizes it has (`one_workload`, exact in each block), and every pool alone may stay larger
where that spares changes. Service stays as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.clock import Stop
from heteroplan.optimize.construct.all_workloads import near_sizes, steered
from heteroplan.optimize.construct.one_domain import room_of
from heteroplan.optimize.construct.one_workload import place
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.covering.blocks import Block, cheapest_path
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.mix import mixed_flow_of
from heteroplan.optimize.program.problem import Ints, Problem, Solution
REACH, SLACK = 6, 0

def changes(problem, plan): return int(problem.changes(plan.solution.replicas).sum())

def unit(problem, plan):
    r = plan.solution.replicas
    used = r.sum(axis=1)
    return sum(p.plain_cost*float(n) for p,n in zip(problem.pools, used)) / max(1,float(used.sum()))

def swept(problem, plan, stop):
    for w in range(len(problem.workloads)):
        plan = again(problem, plan, w, stop)
        plan = smoothed(problem, plan, w)
    return plan

def again(problem, plan, w, stop):
    replicas = plan.solution.replicas
    pools = list(problem.workloads[w].pools)
    around = np.array([np.roll(replicas[pools], i, axis=1) for i in range(-REACH, REACH+1)])
    limit, floor = np.zeros_like(replicas), np.zeros_like(replicas)
    limit[pools] = around.max(axis=0) + SLACK
    floor[pools] = np.maximum(0, around.min(axis=0) - SLACK)
    parts, _, _ = near_sizes(problem, w, plan.solution.flow, replicas.astype(float), 0)
    trial = replicas.copy(); trial[pools] = 0
    held = steered(problem, np.zeros((len(problem.supplies), problem.intervals)))
    place(task_of(problem, w, trial, held, limit, floor, stop=stop), trial, parts)
    return better(problem, plan, trial, w)

def better(problem, plan, replicas, w):
    flow = list(plan.solution.flow)
    for p, m in zip(problem.workloads[w].pools, mixed_flow_of(problem, w, replicas), strict=True):
        flow[p] = m
    tried = incumbent(problem, Solution(replicas, tuple(flow)))
    return tried if tried.rank < plan.rank else plan

def smoothed(problem, plan, w):
    replicas = plan.solution.replicas.copy()
    for p in problem.workloads[w].pools:
        if not replicas[p].any(): continue
        left = problem.residual_of([p], np.where(np.arange(len(replicas))[:,None]==p, 0, replicas))
        room = np.minimum(room_of(problem, p, left, 0*replicas[p]), replicas[p].max())
        pool = problem.pools[p]
        T = problem.intervals
        b = Block(price=np.asarray(pool.run_cost)[None]*1.0, start=np.full((1,T), pool.start_cost), share=np.zeros((1,T)),
            low=replicas[[p]], high=np.maximum(room, replicas[p])[None], need=np.zeros(T), penalty=np.full(T, np.inf),
            fewest=np.zeros(T,dtype=np.int64), before=None if problem.before is None else problem.before[[p]], compiled=problem.compiled,
            change=problem.change_costs[[p]])
        path = cheapest_path(b, cyclic=problem.cyclic)
        if path is not None:
            t = replicas.copy(); t[p]=path.counts[0]
            if all((x>=0).all() for x in problem.residual_of([p], t).values()): replicas = t
    return better(problem, plan, replicas, w)
