"""Steps in closed form against steps one by one."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.simulation.events.steps import SHORTEST_S, prefill_s, steps_s, steps_within
from heteroplan.simulation.events.world import REPLICA


def seconds(most: float) -> st.SearchStrategy[float]:
    return st.one_of(st.just(0.0), st.floats(0.0, most))


@st.composite
def batches(draw: st.DrawFn) -> Any:
    """A replica's record with a batch that decodes."""
    record = np.zeros(1, REPLICA)[0]
    for name, most in (
        ("base", 0.05),
        ("root", 0.01),
        ("sequence", 1e-3),
        ("context", 1e-5),
        ("step_floor", 0.1),
        ("extra", 0.5),
    ):
        record[name] = draw(seconds(most))
    if draw(st.booleans()):
        record["other_ratio"] = draw(st.floats(0.2, 5.0))
        for name, most in (("base", 0.05), ("root", 0.01), ("sequence", 1e-3)):
            record[f"other_{name}"] = draw(seconds(most))
        # Of both halves the one that takes longer now does so in all later steps.
        record["other_context"] = record["context"] / record["other_ratio"] ** 2
    record["running"] = draw(st.integers(1, 200))
    record["summed"] = record["running"] * draw(st.integers(1, 4000))
    record["leap"] = draw(st.integers(1, 300))
    return record


def half_s(record: Any, prefix: str, ratio: float, context: float) -> float:
    n = record["running"] * ratio
    first = record[f"{prefix}base"] + record[f"{prefix}root"] * sqrt(n)
    linear = record[f"{prefix}sequence"] * n + record[f"{prefix}context"] * context * ratio
    return float(first + linear)


def walked_s(record: Any, steps: int) -> float:
    """So many steps, one after the other; of a divided engine by the slower half at first."""
    first, other = half_s(record, "", 1.0, record["summed"]), 0.0
    if record["other_ratio"] > 0.0:
        other = half_s(record, "other_", record["other_ratio"], record["summed"])
    prefix, ratio = ("", 1.0) if first >= other else ("other_", record["other_ratio"])
    total = record["extra"]
    for step in range(steps):
        context = record["summed"] + step * record["running"]
        total += max(SHORTEST_S, record["step_floor"], half_s(record, prefix, ratio, context))
    return float(total)


@given(batches())
def test_leaping_is_stepping(record: Any) -> None:
    """Floor, square root, recomputation before the first step, divided engines."""
    for steps in {1, int(record["leap"])}:
        assert steps_s(record, steps) == pytest.approx(walked_s(record, steps), rel=1e-9)


@given(batches(), st.floats(0.0, 1.0))
def test_steps_within_is_the_inverse(record: Any, share: float) -> None:
    """The most steps whose time is not longer."""
    leap = int(record["leap"])
    time_s = share * steps_s(record, leap)
    steps = steps_within(record, time_s)
    assert 0 <= steps <= leap
    assert steps == 0 or steps_s(record, steps) <= time_s
    assert steps == leap or steps_s(record, steps + 1) > time_s


@given(batches())
def test_a_step_has_ended_at_its_end(record: Any) -> None:
    leap = int(record["leap"])
    assert steps_within(record, steps_s(record, leap)) == leap


def test_prefill_by_hand() -> None:
    """10 ms + 0.1 ms x 300 + 1 us x (100^2 + 200^2) = 90 ms; not less than the floor."""
    record = np.zeros(1, REPLICA)[0]
    record["overhead"], record["token"], record["square"] = 0.01, 1e-4, 1e-6
    assert prefill_s(record, 300.0, 50_000.0) == pytest.approx(0.09)
    record["floor"] = 0.2
    assert prefill_s(record, 300.0, 50_000.0) == pytest.approx(0.2)
