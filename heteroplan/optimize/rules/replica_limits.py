"""Limits on the replicas of a workload's roles, and on the ratio of two of them."""

import numpy as np

from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.mip import Model, Terms
from heteroplan.optimize.rules.rule import Rule


class ReplicaLimitsRule(Rule):
    """`min_replicas` and `max_replicas` limit the replicas of a role."""

    def define(self, model: Model) -> None:
        """min[w,role] <= Σ_{p of role} n[p,t] <= max[w,role] [replicas] for each w, role, t."""
        for w, work in enumerate(model.problem.workloads):
            for name, limits, sense in (
                ("min", work.min_replicas, ">="),
                ("max", work.max_replicas, "<="),
            ):
                for role, limit in limits.items():
                    members = model.problem.members(w, role)
                    for t in range(model.problem.intervals):
                        terms: Terms = [(model.n[p][t], 1.0) for p in members]
                        if terms or (sense == ">=" and limit > 0):
                            model.add(terms, sense, float(limit), f"{name}_{w}_{role.value}_{t}")

    def broken(self, problem: Problem, replicas: Ints) -> float:
        """Replicas missing for minima or too many for maxima."""
        return sum(missed_limits(problem, w, replicas) for w in range(len(problem.workloads)))


def missed_limits(problem: Problem, w: int, replicas: Ints) -> float:
    """Replicas of workload w missing for minima or too many for maxima, of sizes [P, T]."""
    work, missed = problem.workloads[w], 0.0
    for role in {*work.min_replicas, *work.max_replicas}:
        count = replicas[problem.members(w, role)].sum(axis=0)
        missed += float(np.maximum(0, work.min_replicas.get(role, 0) - count).sum())
        if role in work.max_replicas:
            missed += float(np.maximum(0, count - work.max_replicas[role]).sum())
    return missed


class RatioBandRule(Rule):
    """`pd_ratio` and `part_ratio` stay within their limits."""

    def define(self, model: Model) -> None:
        """low·Σ_right n <= Σ_left n <= high·Σ_right n [replicas] for each balance with a band."""
        for b, balance in enumerate(model.problem.balances):
            if balance.band is None:
                continue
            for t in range(model.problem.intervals):
                for name, bound, sense in (
                    ("low", balance.band.low, ">="),
                    ("high", balance.band.high, "<="),
                ):
                    terms = [(model.n[p][t], 1.0) for p in balance.left]
                    terms += [(model.n[p][t], -bound) for p in balance.right]
                    if terms:
                        model.add(terms, sense, 0.0, f"ratio_{name}_{b}_{t}")

    def broken(self, problem: Problem, replicas: Ints) -> float:
        """Replicas outside the bands."""
        missed = 0.0
        for balance in problem.balances:
            if balance.band is not None:
                left = replicas[list(balance.left)].sum(axis=0)
                right = replicas[list(balance.right)].sum(axis=0)
                over = np.maximum(left - balance.band.high * right, 0)
                under = np.maximum(balance.band.low * right - left, 0)
                missed += np.where(over + under > COVER_TOLERANCE, over + under, 0.0).sum()
        return float(missed)
