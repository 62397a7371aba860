"""Resilience in the program: with any one domain or node lost, the rest serves its share.

In an emergency requests come in the workload's mix of classes, so one variable a pool says what
it could take on. Loads are in replicas, flows and capacities in shares of the demand.
"""

from collections.abc import Sequence

import numpy as np
import pulp

from heteroplan.optimize.program.problem import Problem, ProgramResilience
from heteroplan.optimize.rules.mip import TINY_LOAD, Model, Terms
from heteroplan.optimize.rules.rule import Rule

type Spare = dict[int, pulp.LpVariable]
"""Pool -> z in one interval; no entry where it cannot serve the mix."""


class ResilienceRule(Rule):
    """After any one failure the remaining replicas serve the required share."""

    kept_by_bound = False
    """But for the capacity that all need together (`ProgramResilience.need`), and each engine for
    itself (`losses.LeastLost`)."""

    def define(self, model: Model) -> None:
        """For each workload with `resilience`, and each lost domain or node:

            Σ_{finishing p that are left} z[p,t] >= serve·(1 - short[w,k,t])   for each k, t

        with z[p,t] >= 0 what pool p could take on: load[p,t]·z[p,t] <= n[p,t], balanced like flow
        among the pools that are left.
        """
        problem = model.problem
        for w, work in enumerate(problem.workloads):
            if work.resilience is None:
                continue
            for t in np.flatnonzero((work.rps > 0).any(axis=0)).tolist():
                spare = _define_spare(model, t, work.pools, str(w))
                if work.resilience.gone:
                    _define_domain_loss(model, w, t, spare, work.resilience)
                else:
                    _define_node_loss(model, w, t, spare, work.resilience)


def load_of(problem: Problem, p: int, t: int) -> float:
    """Replicas that all demand of interval t keeps busy; inf where a class cannot be served."""
    return max(TINY_LOAD, float(problem.pools[p].mix_load[t]))


def _define_spare(model: Model, t: int, pools: Sequence[int], case: str) -> Spare:
    """z of some pools in one interval, balanced among themselves."""
    problem = model.problem
    spare: Spare = {}
    for p in pools:
        load = load_of(problem, p, t)
        if np.isfinite(load):
            name = f"{case}_{p}_{t}"
            spare[p] = model.lp.add_variable(f"spare_{name}", 0)
            model.add([(spare[p], load), (model.n[p][t], -1.0)], "<=", 0.0, f"spare_most_{name}")
    for b, balance in enumerate(problem.balances):
        terms: Terms = [
            (spare[p], sign)
            for side, sign in ((balance.left, 1.0), (balance.right, -1.0))
            for p in side
            if p in spare
        ]
        if terms:
            model.add(terms, "==", 0.0, f"spare_balance_{case}_{b}_{t}")
    return spare


def _define_domain_loss(
    model: Model, w: int, t: int, spare: Spare, resilience: ProgramResilience
) -> None:
    """Groups that the loss does not touch serve as ever, those it takes a part of anew."""
    problem = model.problem
    for d, gone in enumerate(resilience.gone):
        touched = {problem.pools[p].group for p in gone}
        left = [p for p in problem.workloads[w].pools if p not in gone]
        anew = _define_spare(
            model, t, [p for p in left if problem.pools[p].group in touched], f"{w}_{d}"
        )
        able = {p: z for p, z in spare.items() if problem.pools[p].group not in touched} | anew
        terms: Terms = [(able[p], 1.0) for p in problem.finishing(w) if p in able]
        _keep(model, w, t, terms, resilience, f"resilience_{w}_{d}_{t}")


def _keep(
    model: Model, w: int, t: int, left: Terms, resilience: ProgramResilience, name: str
) -> None:
    """left >= serve·(1 - short[k]) for each class that asks for something."""
    for k in np.flatnonzero(model.problem.workloads[w].rps[:, t] > 0).tolist():
        short = model.short[w][k][t]
        terms = [*left, *([] if short is None else [(short, resilience.serve)])]
        if not terms:
            terms = [(model.lp.add_variable(f"nothing_{name}_{k}", 0, 0), 1.0)]
        model.add(terms, ">=", resilience.serve, f"{name}_{k}")


def _define_node_loss(
    model: Model, w: int, t: int, spare: Spare, resilience: ProgramResilience
) -> None:
    """For each group, node type and stage: the other groups, and what this one has left when a
    node takes of the stage what it may hold, keep the resilience.
    """
    problem = model.problem
    for g, (group, pools) in enumerate(problem.groups(w).items()):
        usable = [p for p in pools if p in spare]
        finishing = [p for p in problem.finishing(w) if p in spare]
        others: Terms = [(spare[p], 1.0) for p in finishing if problem.pools[p].group != group]
        divided = any(problem.pools[p].part is not None for p in usable)
        for stage in range(problem.workloads[w].stages):
            serving = [p for p in usable if stage in problem.pools[p].stages]
            for node_type, node_gpus in resilience.node_gpus.items():
                exposed = [p for p in serving if problem.pools[p].node_type == node_type]
                if not exposed:
                    continue
                name = f"resilience_{w}_{g}_{stage}_{node_type}_{t}"
                lost = _define_lost(model, exposed, t, node_gpus, name)
                if divided:
                    mine: Terms = [(spare[p], 1.0) for p in finishing if p in usable]
                    off = _define_off(model, w, t, others, serving, resilience, name)
                    _keep(model, w, t, [*others, *mine, (lost, -1.0), off], resilience, name)
                else:
                    # The least of the stages is left, each so less its own worst loss.
                    capacity = [(model.n[p][t], 1.0 / load_of(problem, p, t)) for p in serving]
                    _keep(model, w, t, [*others, *capacity, (lost, -1.0)], resilience, name)


def _define_off(
    model: Model,
    w: int,
    t: int,
    others: Terms,
    serving: Sequence[int],
    resilience: ProgramResilience,
    name: str,
) -> tuple[pulp.LpVariable, float]:
    """A binary that gives the whole group up: then the others alone must keep the resilience.

    A group with divided engines loses at most what its hardest hit stage does, and at most all.
    """
    problem = model.problem
    most = sum(float(problem.pools[p].most[t]) / load_of(problem, p, t) for p in serving)
    off = model.lp.add_variable(f"off_{name}", 0, 1, "Integer")
    # others + serve·(1 - off) >= serve·(1 - short), in the form of _keep
    kept = model.lp.add_variable(f"kept_{name}", 0, resilience.serve)
    model.add([(kept, 1.0), (off, resilience.serve)], "<=", resilience.serve, f"off_{name}")
    _keep(model, w, t, [*others, (kept, 1.0)], resilience, f"off_{name}")
    return off, most + resilience.serve


def _define_lost(
    model: Model, pools: Sequence[int], t: int, node_gpus: int, name: str
) -> pulp.LpVariable:
    """lost >= what one node may hold: max Σ k/load, Σ gpus·k <= node_gpus, 0 <= k <= n.

    `gpus` are those on one node: a replica larger than a node is lost whole with any of its nodes.

    By duality that is the least of node_gpus·price + Σ n·max(0, 1/load - price·gpus) over
    the prices 1/(load·gpus) of the pools and 0; binaries choose one of them.
    """
    problem = model.problem
    gpus = {p: min(problem.pools[p].gpus, node_gpus) for p in pools}
    per_gpu = {p: 1.0 / (load_of(problem, p, t) * gpus[p]) for p in pools}
    lost = model.lp.add_variable(f"lost_{name}", 0)
    choices: Terms = []
    for i, price in enumerate(dict.fromkeys([0.0, *per_gpu.values()])):
        chosen = model.lp.add_variable(f"lost_at_{i}_{name}", 0, 1, "Integer")
        choices.append((chosen, 1.0))
        weights = {p: gpus[p] * max(0.0, per_gpu[p] - price) for p in pools}
        most = sum(weights[p] * float(problem.pools[p].most[t]) for p in pools)
        most += node_gpus * price
        terms: Terms = [(lost, 1.0), (chosen, -most)]
        terms += [(model.n[p][t], -weights[p]) for p in pools if weights[p] > 0]
        model.add(terms, ">=", node_gpus * price - most, f"lost_row_{i}_{name}")
    model.add(choices, "==", 1.0, f"lost_choice_{name}")
    return lost
