from time import monotonic, process_time

import pytest

from heteroplan import clock
from heteroplan.clock import Clock


@pytest.fixture(autouse=True)
def all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever tests before these compiled."""
    monkeypatch.setattr(clock, "_NOT_COUNTED", [])


def test_time_is_kept_for_work_by_the_slowness_of_the_machine() -> None:
    """0.5 CPU s at 3 wall seconds each are 1.5 s; of 4 s no more than a quarter is kept."""
    assert Clock(60.0).reserve(0.5, slowness=3.0) == 1.5
    assert Clock(4.0).reserve(0.5, slowness=3.0) == 1.0


def test_a_limit_ends_after_its_time() -> None:
    assert Clock(10.0, began=100.0).end == 110.0


STARTED = Clock(10.0, began=100.0, began_cpu=0.0)


def at(monkeypatch: pytest.MonkeyPatch, *, wall_s: float, cpu_s: float = 0.0) -> None:
    """Makes it so many seconds, on both clocks, since `STARTED`."""
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0 + wall_s)
    monkeypatch.setattr(clock, "process_time", lambda: cpu_s)


@pytest.mark.parametrize(("wall_s", "left_s"), [(0.0, 10.0), (7.0, 3.0), (12.0, -2.0)])
def test_what_is_left_is_negative_after_the_end(
    monkeypatch: pytest.MonkeyPatch, wall_s: float, left_s: float
) -> None:
    at(monkeypatch, wall_s=wall_s)
    assert STARTED.left_s() == left_s


@pytest.mark.parametrize(
    ("wall_s", "cpu_s", "slowness"),
    [
        (6.0, 2.0, 3.0),
        (2.0, 2.0, 1.0),
        (1.0, 2.0, 1.0),
        (8.0, 1.0, 8.0),
        (9.0, 1.0, 8.0),
        (0.25, 0.05, 5.0),
        (0.25, 0.049, 1.0),
    ],
)
def test_a_machine_is_as_slow_as_wall_seconds_for_a_cpu_second(
    monkeypatch: pytest.MonkeyPatch, wall_s: float, cpu_s: float, slowness: float
) -> None:
    """From 1 to 8, where the 50 ms were computed that it takes to tell."""
    at(monkeypatch, wall_s=wall_s, cpu_s=cpu_s)
    assert STARTED.slowness() == pytest.approx(slowness, rel=1e-12)


def test_cpu_time_counts_from_when_the_clock_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process has used before says nothing of an hour in which it used hardly any."""
    at(monkeypatch, wall_s=3600.0, cpu_s=50.0)
    assert Clock(10.0, began=100.0, began_cpu=49.99).slowness() == 1.0


def test_the_share_that_is_kept_at_most_may_be_another() -> None:
    """5 s of work at 2 wall seconds each: all of it, half of 12 s, none."""
    shares = (1.0, 0.5, 0.0)
    assert [Clock(12.0).reserve(5.0, 2.0, most) for most in shares] == [10.0, 6.0, 0.0]


def test_a_clock_begins_when_it_is_made() -> None:
    before, before_cpu = monotonic(), process_time()
    made = Clock(10.0)
    assert before <= made.began <= monotonic()
    assert before_cpu <= made.began_cpu <= process_time()
