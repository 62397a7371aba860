"""Work in several processes, and the time that each piece of it gets."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from heteroplan.clock import Clock, Stop, never
from heteroplan.errors import NoPlanError, UsageError
from heteroplan.pipelines.shared.processes import results


def squared(task: int, clock: Clock, stop: Stop) -> tuple[int, int]:
    return task * task, os.getpid()


def seconds(task: int, clock: Clock, stop: Stop) -> float:
    return clock.seconds


def refused(task: int, clock: Clock, stop: Stop) -> None:
    raise UsageError(f"task {task}")


def killed(task: int, clock: Clock, stop: Stop) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def until_stopped(task: int, clock: Clock, stop: Stop) -> None:
    while not stop():
        time.sleep(0.01)


def test_results_come_in_the_order_of_the_tasks_from_other_processes() -> None:
    told: list[tuple[int, int]] = []
    found = results(
        squared, range(5), jobs=2, time_limit_s=60, stop=never, done=lambda *each: told.append(each)
    )
    assert [result for result, _ in found] == [0, 1, 4, 9, 16]
    assert os.getpid() not in {process for _, process in found}
    assert told[-1] == (5, 5)
    assert told == sorted(told)


@pytest.mark.parametrize(("jobs", "tasks"), [(1, 3), (4, 1)])
def test_one_at_a_time_is_done_here(jobs: int, tasks: int) -> None:
    told: list[tuple[int, int]] = []
    found = results(
        squared,
        range(tasks),
        jobs=jobs,
        time_limit_s=60,
        stop=never,
        done=lambda *each: told.append(each),
    )
    assert found == [(task * task, os.getpid()) for task in range(tasks)]
    assert told == [(count, tasks) for count in range(1, tasks + 1)]


def test_time_is_divided_among_what_comes() -> None:
    """Tasks that take none leave all of it: a quarter, then a third of all, a half, and all.

    With two jobs the first two of four have half of it each.
    """
    shares = results(seconds, range(4), jobs=1, time_limit_s=1200, stop=never)
    assert shares == pytest.approx([300, 400, 600, 1200], rel=0.01)
    beside = results(seconds, range(4), jobs=2, time_limit_s=6000, stop=never)
    assert sorted(beside) == pytest.approx([3000, 3000, 6000, 6000], rel=0.05)


def test_errors_of_tasks_are_those_of_the_caller() -> None:
    with pytest.raises(UsageError, match="task 0"):
        results(refused, range(1), jobs=1, time_limit_s=60, stop=never)
    with pytest.raises(UsageError, match="task"):
        results(refused, range(2), jobs=2, time_limit_s=60, stop=never)


def test_a_killed_process_is_told_with_what_to_do() -> None:
    with pytest.raises(NoPlanError, match=r"from outside \(SIGKILL\), .*; --jobs 1"):
        results(killed, range(2), jobs=2, time_limit_s=60, stop=never)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_stop_ends_the_work_at_hand_and_what_waits(jobs: int) -> None:
    """The tenth question ends it; of 20 tasks most never begin."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 10

    with pytest.raises(KeyboardInterrupt):
        results(until_stopped, range(20), jobs=jobs, time_limit_s=600, stop=stop)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups")
def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    """It is killed; its two processes, which would wait for a stop for ever, are gone soon."""
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from tests.pipelines.shared.test_processes import noting
from heteroplan.clock import never
from heteroplan.pipelines.shared.processes import results
results(noting, [{str(tmp_path / "1")!r}, {str(tmp_path / "2")!r}], jobs=2, time_limit_s=600,
        stop=never)
"""
    parent = subprocess.Popen([sys.executable, "-c", script])
    files = [tmp_path / "1", tmp_path / "2"]
    wait_for(lambda: all(file.exists() and file.read_text() for file in files))
    parent.kill()
    parent.wait()
    processes = [int(file.read_text()) for file in files]
    wait_for(lambda: not any(map(running, processes)))


def noting(task: str, clock: Clock, stop: Stop) -> None:
    Path(task).write_text(str(os.getpid()), encoding="ascii")
    until_stopped(0, clock, stop)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen within a minute")


def running(process: int) -> bool:
    """Whether there is such a process, and it is not only waiting to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
