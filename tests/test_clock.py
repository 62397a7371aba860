from time import monotonic, process_time

from heteroplan.clock import MOST_RESERVED, MOST_SLOWED, Clock


def test_time_is_kept_for_work_by_the_slowness_of_the_machine() -> None:
    """0.5 CPU s at 3 wall seconds each are 1.5 s; of 4 s no more than a quarter is kept."""
    assert Clock(60.0).reserve(0.5, slowness=3.0) == 1.5
    assert Clock(4.0).reserve(0.5, slowness=3.0) == MOST_RESERVED * 4.0


def test_a_moment_is_a_share_of_the_time() -> None:
    clock = Clock(10.0, began=100.0)
    assert (clock.at(0.25), clock.end) == (102.5, 110.0)


def test_slowness_is_wall_time_over_cpu_time() -> None:
    """A clock that began long ago with hardly any CPU time since is believed to a limit."""
    clock = Clock(10.0)
    assert clock.slowness() == 1.0
    while process_time() - clock.began_cpu < 0.06:
        pass
    assert 1.0 <= clock.slowness() <= MOST_SLOWED
    assert Clock(10.0, began=clock.began - 3600.0, began_cpu=clock.began_cpu).slowness() == (
        MOST_SLOWED
    )


def test_cpu_time_counts_from_when_the_clock_began() -> None:
    """What the process has used before says nothing of an hour in which it used hardly any."""
    while process_time() < 0.06:
        pass
    assert Clock(10.0, began=monotonic() - 3600.0).slowness() == 1.0


def test_no_machine_is_faster_than_its_clock() -> None:
    """Several threads take more CPU time than passes."""
    assert Clock(10.0, began_cpu=process_time() - 5.0).slowness() == 1.0
