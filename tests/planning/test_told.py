"""What `make_plan` tells while it solves, where it must solve more than once."""

import pytest

from heteroplan.entities.workload import Role, Workload
from heteroplan.planning import make_plan
from tests.builders import candidates, engine, fleet, scenario
from tests.planning.test_settled import BIG, BIG_DEAR, DEAR, H100, on_leaf, on_spine

Told = tuple[float | None, float, float]


def told_of(
    *loads: Workload, dear: int = 0, method: str = "auto", cyclic: bool = True
) -> list[Told]:
    """(cost, bound, seconds) on two leaves of one H100 node each, and `dear` L40S nodes."""
    of = scenario(
        loads,
        in_fleet=fleet(
            {"l1": {"h100x8": 1}, "l2": {"h100x8": 1}, "l3": {"l40sx8": dear}},
            node_types=[H100, DEAR],
            spines=dict.fromkeys(("l1", "l2", "l3"), "s"),
        ),
        cyclic=cyclic,
    )
    told: list[Told] = []
    make_plan(
        of,
        candidates(of),
        time_limit_s=10.0,
        compare=False,
        method=method,
        progress=lambda *each: told.append(each),
    )
    return told


@pytest.mark.parametrize("method", ["auto", "mip"])
def test_the_last_told_is_the_plan(method: str) -> None:
    """By GPU counts 32 USD would do; on nodes it takes 40. The bound does not see nodes."""
    told = told_of(
        on_leaf("a", "l1"), on_leaf("b", "l2"), on_spine(BIG, BIG_DEAR), dear=1, method=method
    )
    assert told[-1][:2] == (pytest.approx(40.0), pytest.approx(32.0, rel=1e-5))


@pytest.mark.parametrize("method", ["auto", "mip"])
def test_one_clock_and_no_bound_of_a_program_with_less_supply(method: str) -> None:
    """The optimum by GPU counts costs 80 USD, the plan 96: solved again, on one clock."""
    slow = engine("slow", role=Role.AGGREGATED, gpus=8, startup_s=1800, drain_s=1800)
    told = told_of(
        on_leaf("a", "l1", gpus=8, rps=[10.0, 0.0, 0.0]),
        on_leaf("b", "l2", gpus=8, rps=[0.0, 0.0, 10.0]),
        on_spine(slow, rps=[10.0] * 3),
        cyclic=False,
        method=method,
    )
    seconds = [second for _, _, second in told]
    assert seconds == sorted(seconds)
    assert max(bound for cost, bound, _ in told if cost is not None) <= 80.0
    assert told[-1][:2] == (pytest.approx(96.0), pytest.approx(80.0, rel=1e-5))


def test_a_plan_that_is_short_has_no_cost_to_tell() -> None:
    """4 GPUs on each leaf leave no node for a replica of 8."""
    cost, bound, _ = told_of(on_leaf("a", "l1"), on_leaf("b", "l2"), on_spine(BIG))[-1]
    assert (cost, bound) == (None, pytest.approx(16.0, rel=1e-5))
