"""What one stage of requests passes on, the next one takes."""

import numpy as np

from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.mip import Box, Model, Terms
from heteroplan.optimize.rules.rule import Rule


class BalanceRule(Rule):
    """Prefill and decode of a group serve the same rate, as do both parts of a divided engine."""

    kept_by_bound = True

    def define(self, model: Model, box: Box | None) -> None:
        """Σ_left x[p,k,t] = Σ_right x[p,k,t] [share] for each balance, k, t.

        KV made in a group is consumed in it, and what part 0 of a divided engine passes on, part 1
        on the same leaf takes.
        """
        for b, balance in enumerate(model.problem.balances):
            for k in range(len(model.problem.workloads[balance.workload].rps)):
                for t in range(model.problem.intervals):
                    terms: Terms = [
                        (x, sign)
                        for pools, sign in ((balance.left, 1.0), (balance.right, -1.0))
                        for p in pools
                        if (x := model.x[p][k][t]) is not None
                    ]
                    if terms:
                        name = f"balance_{b}_{k}_{t}"
                        model.balance_rows[b, k, t] = model.add(terms, "==", 0.0, name)


class RatioBandRule(Rule):
    """`pd_ratio` and `part_ratio` stay within their limits."""

    kept_by_bound = False

    def define(self, model: Model, box: Box | None) -> None:
        """low·Σ_right n <= Σ_left n <= high·Σ_right n [replicas] for each balance with a band."""
        for b, balance in enumerate(model.problem.balances):
            if balance.band is None:
                continue
            for t in range(model.problem.intervals):
                left, right = (
                    [model.n[p][t] for p in pools] for pools in (balance.left, balance.right)
                )
                for name, bound, sense in (
                    ("low", balance.band.low, ">="),
                    ("high", balance.band.high, "<="),
                ):
                    terms = [(n, 1.0) for n in left] + [(n, -bound) for n in right]
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
