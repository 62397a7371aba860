"""Work for executors: pure, or that kills the process that does it."""

import os
import signal
import time
from pathlib import Path

from heteroplan.errors import InputError, InputProblem
from heteroplan.pipelines.shared.executors.executor import STOP


def squared(task: int) -> int:
    return task * task


def added(shared: int, task: int) -> int:
    """With `functools.partial`: to what all tasks share."""
    return shared + task


def process(task: int) -> int:
    return os.getpid()


def refused(task: int) -> int:
    raise InputError([InputProblem("scenario.yaml", 3, "gap", str(task), "write less")])


def wrong(task: int) -> float:
    return 1 / task


def printing(task: int) -> int:
    print("what work prints is no answer", flush=True)
    return task


def killed_once(task: tuple[str, int]) -> int:
    """The number of a task; the first that does it is killed before it has."""
    folder, number = task
    mark = Path(folder) / str(number)
    if number % 3 == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed(task: int) -> int:
    """Of even tasks the number."""
    if task % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def parent_killed_once(task: tuple[str, int]) -> int:
    """The number of a task; once, what began the process of it is killed."""
    folder, number = task
    mark = Path(folder) / "killed"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return number


def parent_killed(task: int) -> int:
    """Of even tasks the number; of others, what began the process is killed each time."""
    if task % 2:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return task


def noting(task: tuple[str, int]) -> int:
    """Notes the process that does a task, for as long as its result is wanted; 0 ends at once."""
    folder, number = task
    if number:
        file = Path(folder) / str(number)
        file.with_suffix(".part").write_text(str(os.getpid()), encoding="ascii")
        file.with_suffix(".part").rename(file)
        while not STOP.get()():
            time.sleep(0.01)
    return number


def deaf(task: tuple[str, int]) -> int:
    """As `noting`, but never asks whether its result is wanted."""
    folder, number = task
    if number:
        (Path(folder) / str(number)).write_text(str(os.getpid()), encoding="ascii")
        time.sleep(600)
    return number
