"""Tasks in several processes, some of which are killed."""

import os
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from subprocess import run

import pytest

from heteroplan.clock import never
from heteroplan.errors import InputError, UsageError
from heteroplan.pipelines.shared.executors import payload
from heteroplan.pipelines.shared.executors.choose import executor_of
from heteroplan.pipelines.shared.executors.executor import Executor, Lost
from heteroplan.pipelines.shared.executors.here import Here
from heteroplan.pipelines.shared.executors.processes import Processes
from tests.pipelines.shared.executors import works

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("executor", [Here(), Processes(2), Processes(5)])
def test_each_task_has_its_result_once(executor: Executor) -> None:
    """With what all share: 7 more than the task."""
    assert sorted(executor.run(partial(works.added, 7), range(9), never)) == [
        (task, task + 7) for task in range(9)
    ]
    assert list(executor.run(works.squared, [], never)) == []


def test_processes_are_begun_once_and_are_not_this_one() -> None:
    found = {process for _, process in Processes(2).run(works.process, range(12), never)}
    assert len(found) in (1, 2)
    assert os.getpid() not in found


def test_what_work_prints_is_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    assert sorted(Processes(2).run(works.printing, range(3), never)) == [(0, 0), (1, 1), (2, 2)]
    assert capfd.readouterr().out == ""


def test_tasks_of_killed_processes_are_done_again(tmp_path: Path) -> None:
    """Of nine tasks the second, fifth and eighth kill the process that does them first."""
    tasks = [(str(tmp_path), number) for number in range(9)]
    found = dict(Processes(2).run(works.killed_once, tasks, never))
    assert found == {number: number for number in range(9)}
    assert {file.name for file in tmp_path.iterdir()} == {"1", "4", "7"}


def test_a_task_that_kills_three_processes_is_given_up_and_no_other() -> None:
    found = dict(Processes(2).run(works.killed, range(4), never))
    lost = Lost(
        "3 processes that had the task, one after the other, were ended from outside (SIGKILL), "
        "perhaps for want of memory"
    )
    assert found == {0: 0, 1: lost, 2: 2, 3: lost}


@pytest.mark.parametrize("executor", [Here(), Processes(2)])
def test_errors_of_work_are_raised_as_they_are(executor: Executor) -> None:
    with pytest.raises(InputError) as refused:
        list(executor.run(works.refused, [1], never))
    assert str(refused.value) == "scenario.yaml:3: gap: 1: write less"
    with pytest.raises(ZeroDivisionError):
        list(executor.run(works.wrong, [0], never))


def test_the_traceback_of_a_bug_comes_along() -> None:
    with pytest.raises(ZeroDivisionError) as wrong:
        list(Processes(2).run(works.wrong, [0], never))
    assert "return 1 / task" in wrong.value.__notes__[0]


@pytest.mark.parametrize("work", [works.noting, works.deaf])
def test_a_stop_ends_what_is_at_hand(
    tmp_path: Path, work: Callable[[tuple[str, int]], int]
) -> None:
    """Whether or not the work asks; what has ended before is given, what waits never begins."""
    tasks = [(str(tmp_path), number) for number in (0, 0, 1, 2, 3)]
    began = [tmp_path / "1", tmp_path / "2"]

    def stop() -> bool:
        return all(file.exists() and file.read_text() for file in began)

    found: list[tuple[int, int | Lost]] = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(Processes(2).run(work, tasks, stop))
    assert not any(map(running, began))
    assert not (tmp_path / "3").exists()


def test_closing_early_ends_the_processes(tmp_path: Path) -> None:
    tasks = [(str(tmp_path), number) for number in (0, 1)]
    with closing(Processes(2).run(works.noting, tasks, never)) as ended:
        assert next(ended) == (0, 0)
    assert all(not running(file) for file in tmp_path.iterdir())


def running(file: Path) -> bool:
    """Whether the process noted in a file is there."""
    try:
        os.kill(int(file.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def test_a_script_needs_no_guard_of_its_main_part(tmp_path: Path) -> None:
    """Processes of `multiprocessing` would run the script again."""
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.pipelines.shared.executors.works import squared\n"
        "from heteroplan.pipelines.shared.executors.processes import Processes\n"
        "print(sorted(Processes(2).run(squared, [3, 4], lambda: False)))\n"
    )
    done = run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "[(0, 9), (1, 16)]\n"


def test_another_version_is_refused_with_what_differs() -> None:
    """A worker with heteroplan 9 and numpy 1 of an otherwise equal environment."""
    here = dict(payload.versions())
    work, task = payload.packed(works.squared), payload.packed(3)
    asked = {**here, "heteroplan": "9", "numpy": "1"}
    answer = payload.carried_out(work, task, asked)
    assert isinstance(answer, dict)
    there = {**here, "heteroplan": "9", "numpy": "1", "host": "gpu7"}
    with pytest.raises(UsageError) as refused:
        payload.opened(there)
    assert str(refused.value) == (
        f"a worker on gpu7 has heteroplan 9 and numpy 1, this process heteroplan "
        f"{here['heteroplan']} and numpy {here['numpy']}: install the same there, or plans would "
        "depend on where they were made"
    )
    assert payload.opened(payload.carried_out(work, task, here)) == 9


def test_errors_that_cannot_be_sent_are_told() -> None:
    class OwnError(Exception):
        """Of no module: it cannot be found again."""

    def fails() -> None:
        raise OwnError("no such thing")

    try:
        fails()
    except OwnError as error:
        answer = payload._packed_error(error)
    with pytest.raises(RuntimeError, match="OwnError: no such thing"):
        payload.opened(answer)


def test_where_tasks_run_is_chosen() -> None:
    with executor_of(1) as one:
        assert isinstance(one, Here)
    with executor_of(3) as several:
        assert isinstance(several, Processes)
    with (
        pytest.raises(UsageError, match="write one of them"),
        executor_of(1, dask="tcp://127.0.0.1:1", ray="auto"),
    ):
        pass
