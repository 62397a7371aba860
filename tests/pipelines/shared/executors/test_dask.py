"""Tasks on a real Dask cluster of this machine: two workers, one thread each."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from heteroplan.clock import never
from heteroplan.errors import InputError, UsageError
from heteroplan.pipelines.shared.executors import dask as of_dask
from heteroplan.pipelines.shared.executors.choose import executor_of
from heteroplan.pipelines.shared.executors.executor import Lost
from heteroplan.pipelines.shared.executors.flow import Ended
from tests.pipelines.shared.executors import works

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
PATIENCE_S = 120


class Cluster:
    """A scheduler and workers, each a process without a nanny that begins it again."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._folder = folder
        self._common = ["--host", "127.0.0.1", "--scheduler-file", str(self.file)]
        self._scheduler = self._started("scheduler", "--port", "0", "--no-dashboard")
        wait_for(lambda: self.file.exists() and self.file.read_text().endswith("}"))
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self) -> None:
        given = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
        self.workers.append(self._started("worker", *given))

    def kill_worker(self) -> None:
        self.workers.pop().kill()

    def end_scheduler(self) -> None:
        self._scheduler.kill()

    def end(self) -> None:
        for process in (*self.workers, self._scheduler):
            process.kill()
            process.wait()

    def _started(self, what: str, *given: str) -> subprocess.Popen[bytes]:
        code = (
            "import dask; dask.config.set({'distributed.scheduler.allowed-failures': 0}); "
            "import sys; sys.argv[0] = 'dask'; from dask.__main__ import main; main()"
        )
        with (self._folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", code, what, *given, *self._common],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )


def wait_for(condition: Any) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail("it did not happen")
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    made = Cluster(tmp_path)
    for _ in range(2):
        made.add_worker()
    yield made
    made.end()


def test_tasks_their_errors_and_processes_that_are_killed(cluster: Cluster, tmp_path: Path) -> None:
    """One cluster for what does not break it; the second, fifth, eighth task kill a process."""
    with executor_of(1, dask=str(cluster.file)) as executor:
        found = dict(executor.run(partial(works.added, 7), range(30), never))
        assert found == {task: task + 7 for task in range(30)}
        tasks = [(str(tmp_path), number) for number in range(9)]
        assert dict(executor.run(works.killed_once, tasks, never)) == {n: n for n in range(9)}
        lost = dict(executor.run(works.killed, range(2), never))
        assert lost[0] == 0
        assert isinstance(lost[1], Lost)
        assert "SIGKILL" in lost[1].reason
        with pytest.raises(InputError, match="gap: 1: write less"):
            list(executor.run(works.refused, [1], never))


def test_a_killed_worker_loses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """The fourth task kills the worker that has it; the other one does what is left."""
    tasks = [(str(tmp_path), number) for number in range(12)]
    with executor_of(1, dask=str(cluster.file)) as executor:
        assert dict(executor.run(works.parent_killed_once, tasks, never)) == {
            n: n for n in range(12)
        }
    wait_for(lambda: any(worker.poll() is not None for worker in cluster.workers))


def test_a_task_that_kills_workers_is_given_up(cluster: Cluster) -> None:
    """After one worker, and after one with no other suspect; the others are done.

    Dask suspects those as well that wait on the worker that dies, or had been done there.
    """
    for _ in range(2):
        cluster.add_worker()
    with executor_of(1, dask=str(cluster.file)) as executor:
        found = dict(executor.run(works.parent_killed, (0, 1, 2, 4, 6, 8), never))
    lost = Lost("2 Dask workers that had the task, one after the other, died")
    assert found == {0: 0, 1: lost, 2: 2, 3: 4, 4: 6, 5: 8}


def test_an_answer_that_died_with_its_worker_is_made_again() -> None:
    """Done, then done once more where the worker died, and killed there: suspected, not lost."""
    scheduler = pytest.importorskip("distributed.scheduler")
    killed = scheduler.KilledWorker(task="0-first", last_worker=None, allowed_failures=0)
    client = SubmittedOnly([killed, works.squared(3)])
    ended: Ended = SimpleQueue()
    submitted = of_dask._Submitted(client, b"work", ended)
    submitted.begin(0, b"task")
    assert [future.key.rsplit("-", 1)[1] for future in client.futures] == ["first", "again"]
    assert ended.get_nowait() == (0, of_dask._Given(9))


def test_a_task_that_times_out_is_not_waited_for_again() -> None:
    """Its own error, not that of the wait for its answer."""
    error = TimeoutError("of the task")
    client = SubmittedOnly([error])
    ended: Ended = SimpleQueue()
    of_dask._Submitted(client, b"work", ended).begin(0, b"task")
    assert ended.get_nowait() == (0, of_dask._Failed(error, of_task=True))


class SubmittedOnly:
    """A client whose tasks end as soon as they are submitted; their answers are fetched."""

    def __init__(self, answers: list[Any]) -> None:
        self.futures: list[Fetched] = []
        self._answers = answers

    def submit(self, work: Any, *given: Any, key: str, **others: Any) -> Any:
        if work is bytes:
            return None
        self.futures.append(Fetched(key, self._answers.pop(0)))
        return self.futures[-1]


@dataclass
class Fetched:
    key: str
    answer: Any
    status: str = "finished"

    def add_done_callback(self, over: Any) -> None:
        over(self)

    def result(self, timeout: float) -> Any:
        if isinstance(self.answer, Exception):
            self.status = "error"
            raise self.answer
        return self.answer


def test_a_stop_ends_what_workers_do(cluster: Cluster, tmp_path: Path) -> None:
    """The processes of both are gone soon, though the work never asks."""
    notes = tmp_path / "notes"
    notes.mkdir()
    tasks = [(str(notes), number) for number in (1, 2, 3, 4)]

    def stop() -> bool:
        return sum(bool(file.read_text()) for file in notes.iterdir()) == 2

    with executor_of(1, dask=str(cluster.file)) as executor, pytest.raises(KeyboardInterrupt):
        list(executor.run(works.deaf, tasks, stop))
    wait_for(lambda: not any(map(running, notes.iterdir())))
    assert len(list(notes.iterdir())) == 2


def running(file: Path) -> bool:
    try:
        os.kill(int(file.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def test_where_the_scheduler_dies_other_results_stay(cluster: Cluster, tmp_path: Path) -> None:
    tasks = [(str(tmp_path), number) for number in (0, 1, 2)]
    began = [tmp_path / "1", tmp_path / "2"]
    found = {}
    with executor_of(1, dask=str(cluster.file)) as executor:
        for place, result in executor.run(works.noting, tasks, never):
            if place == 0:
                wait_for(lambda: any(file.exists() for file in began))
                cluster.end_scheduler()
            found[place] = result
    assert found[0] == 0
    for place in (1, 2):
        lost = found[place]
        assert isinstance(lost, Lost)
        assert lost.reason.startswith(f"the scheduler at {cluster.file} is gone")


def test_an_address_where_nobody_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_dask, "CONNECT_S", 0.5)
    with (
        pytest.raises(UsageError, match=r"--dask tcp://127\.0\.0\.1:9: no scheduler answers"),
        executor_of(1, dask="tcp://127.0.0.1:9"),
    ):
        pass


def test_a_cluster_without_workers_is_told(tmp_path: Path) -> None:
    """Once; what begins then is done when one comes."""
    pytest.importorskip("distributed")
    cluster = Cluster(tmp_path)
    told: list[str] = []

    def tell(message: str) -> None:
        told.append(message)
        cluster.add_worker()

    try:
        with executor_of(1, dask=str(cluster.file), told=tell) as executor:
            assert list(executor.run(works.squared, [3], never)) == [(0, 9)]
    finally:
        cluster.end()
    assert told == [f"--dask {cluster.file}: no worker is there; waiting for one"]
