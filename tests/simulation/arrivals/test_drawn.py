"""Requests drawn from the planned demand of a scenario."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.scenario import Scenario
from heteroplan.errors import UsageError
from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.requests import RequestStream
from tests import builders
from tests.builders import SHAPE

VARIED = replace(SHAPE, isl_cv=1.0, prefix_hit_rate=0.5, context=1300.0)


def two(*, second: float = 5.0) -> Scenario:
    loads = [
        builders.workload("chat", rps=[10.0, 20.0], classes=[VARIED]),
        builders.workload("code", rps=[second, second], classes=[VARIED]),
    ]
    return builders.scenario(loads)


def of_workload(stream: RequestStream, number: int) -> tuple[list[float], list[int], list[int]]:
    chosen = stream.workload == number
    columns = (stream.arrival_s, stream.isl, stream.osl)
    arrival, isl, osl = (column[chosen].tolist() for column in columns)
    return arrival, isl, osl


def per_interval(stream: RequestStream, workload: int, intervals: int) -> list[int]:
    arrival_s = stream.arrival_s[stream.workload == workload]
    return np.bincount((arrival_s // 3600).astype(int), minlength=intervals).tolist()


def test_rates_are_those_of_the_intervals_and_workloads_are_merged() -> None:
    stream = drawn(two(), seed=1)
    assert stream.workloads == ("chat", "code")
    assert stream.duration_s == 7200.0
    assert (np.diff(stream.arrival_s) >= 0.0).all()
    for workload, expected in ((0, [36_000, 72_000]), (1, [18_000, 18_000])):
        for count, mean in zip(per_interval(stream, workload, 2), expected, strict=True):
            assert count == pytest.approx(mean, abs=5 * mean**0.5)
    assert stream.asked == len(stream)
    assert stream.notes == (
        "requests are drawn from the planned demand without headroom: Poisson arrivals",
    )


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    first, again, other = drawn(two(), seed=1), drawn(two(), seed=1), drawn(two(), seed=2)
    for name in ("workload", "arrival_s", "isl", "cached", "osl"):
        assert (getattr(first, name) == getattr(again, name)).all()
    assert first.arrival_s[0] != other.arrival_s[0]


def test_another_workload_changes_nothing() -> None:
    both = two()
    alone = replace(both, workloads=both.workloads[1:])
    assert of_workload(drawn(both, seed=1), 1) == of_workload(drawn(alone, seed=1), 0)
    more = two(second=50.0)
    assert of_workload(drawn(both, seed=1), 0) == of_workload(drawn(more, seed=1), 0)


def test_at_another_burstiness_requests_are_the_same_at_other_times() -> None:
    (_, isl, osl), (_, isl_again, osl_again) = (
        of_workload(drawn(builders.scenario(), seed=1, burstiness=each), 0) for each in (1.0, 2.0)
    )
    size = min(len(isl), len(isl_again))
    assert isl[:size] == isl_again[:size]
    assert osl[:size] == osl_again[:size]


def test_headroom_is_taken_off_unless_asked_for() -> None:
    """11 requests/s are planned for with 10 % headroom: 36,000 of 10 requests/s in an hour."""
    planned = replace(builders.workload(rps=[11.0]), headroom=0.1)
    scenario = builders.scenario([planned])
    assert len(drawn(scenario, seed=1)) == pytest.approx(36_000, abs=950)
    assert len(drawn(scenario, seed=1, with_headroom=True)) == pytest.approx(39_600, abs=995)
    assert len(drawn(scenario, seed=1, factor=0.5)) == pytest.approx(18_000, abs=671)


def test_a_cyclic_horizon_repeats_and_after_another_one_nothing_arrives() -> None:
    scenario = builders.scenario([builders.workload(rps=[1.0, 0.0])])
    stream = drawn(scenario, seed=1, duration_s=3 * 3600.0)
    first, none, again = per_interval(stream, 0, 3)
    assert none == 0
    assert min(first, again) > 3300
    ends = builders.scenario([builders.workload(rps=[1.0, 1.0])], cyclic=False)
    assert per_interval(drawn(ends, seed=1, duration_s=3 * 3600.0), 0, 3)[2] == 0


def test_a_shorter_replay_ends_within_an_interval() -> None:
    stream = drawn(builders.scenario(), seed=1, duration_s=1000.0)
    assert stream.duration_s == 1000.0
    assert stream.arrival_s[-1] < 1000.0
    assert len(stream) == pytest.approx(10_000, abs=500)


def test_the_note_states_burstiness_factor_and_headroom() -> None:
    (note,) = drawn(
        builders.scenario(), seed=1, burstiness=2.0, factor=1.1, with_headroom=True
    ).notes
    assert note == (
        "requests are drawn from the planned demand with headroom, times 1.1: arrivals with gamma "
        "gaps of coefficient of variation 2"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"burstiness": -1.0}, "burstiness -1: write 0 to 30"),
        ({"burstiness": float("nan")}, "burstiness nan"),
        ({"factor": 0.0}, "factor on demand 0: write a number above 0"),
        ({"duration_s": float("inf")}, r"duration \[s\] inf"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        drawn(builders.scenario(), seed=1, **options)  # type: ignore[arg-type]
