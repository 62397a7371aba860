"""Nested supply rows against GPUs leaf by leaf.

A pool below a spine or a cluster has no leaf in the program. Its rows say that in each domain what
its pools and those of the domains below hold fits. Domains form a tree, so by max-flow min-cut
(from pools to leaves) that is exactly the condition that every pool's GPUs can be dealt out to the
leaves below it, each leaf within its own. GPUs are dealt out as real numbers, so a replica may be
in pieces: whole replicas on whole nodes are the business of the placement package.
"""

import pytest

from heteroplan.entities.workload import Loss
from heteroplan.optimize.rules.supply import SupplyRule
from tests.optimize.case import batches, problem_of
from tests.optimize.instances import small
from tests.optimize.leafwise import stand_on_leaves
from tests.optimize.reference import optimum_or_none

BATCH = 25


@pytest.mark.parametrize("first", batches(100, 0, BATCH, gate=25, wide=200))
def test_nested_rows_and_leaf_by_leaf_have_one_optimum(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shortage by priority and cost, or both without a plan; every difference is listed."""
    wrong = []
    for seed in range(first, first + BATCH):
        of = small(seed, losses=(Loss.LEAF, Loss.SPINE))
        problem = problem_of(of)
        nested = optimum_or_none(problem)
        with monkeypatch.context() as patched:
            patched.setattr(
                SupplyRule, "define", lambda rule, model, of=of: stand_on_leaves(model, of)
            )
            explicit = optimum_or_none(problem)
        if nested is None or explicit is None:
            same = nested is explicit
        else:
            same = explicit.unserved == pytest.approx(nested.unserved, rel=1e-3, abs=0.5) and (
                explicit.cost == pytest.approx(nested.cost, rel=1e-6)
            )
        if not same:
            wrong.append((seed, nested, explicit))
    assert not wrong
