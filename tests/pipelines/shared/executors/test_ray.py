"""Tasks on a real Ray cluster of this machine: one node of two processors."""

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from heteroplan.clock import never
from heteroplan.errors import InputError, UsageError
from heteroplan.pipelines.shared.executors.choose import executor_of
from heteroplan.pipelines.shared.executors.executor import Lost
from tests.pipelines.shared.executors import works

pytestmark = [pytest.mark.slow, pytest.mark.needs_ray]

ROOT = Path(__file__).parents[4]
STARTS = 3
"""Ray gives a node half a minute to begin, which may be too little where others are at work."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        patch.setenv("RAY_agent_register_timeout_ms", "100000")
        ray: Any = pytest.importorskip("ray", reason="needs the extra heteroplan[ray]")
        for left in reversed(range(STARTS)):
            try:
                ray.init(
                    address="local", num_cpus=2, include_dashboard=False, log_to_driver=False,
                    logging_level="CRITICAL", object_store_memory=100_000_000,
                )  # fmt: skip
                break
            except Exception:
                ray.shutdown()
                if left == 0:
                    raise
        yield "auto"
        ray.shutdown()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
def test_tasks_on_processes_that_are_killed(cluster: str, tmp_path: Path) -> None:
    """The second, fifth and eighth of nine tasks kill the process that does them first."""
    with executor_of(1, ray=cluster) as executor:
        found = dict(executor.run(partial(works.added, 7), range(30), never))
        assert found == {task: task + 7 for task in range(30)}
        tasks = [(str(tmp_path), number) for number in range(9)]
        assert dict(executor.run(works.killed_once, tasks, never)) == {n: n for n in range(9)}
        lost = dict(executor.run(works.killed, range(2), never))
        assert lost[0] == 0
        assert isinstance(lost[1], Lost)
        assert lost[1].reason.startswith("3 Ray workers that had the task died")
        with pytest.raises(InputError, match="gap: 1: write less"):
            list(executor.run(works.refused, [1], never))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
def test_a_stop_ends_what_is_at_hand(cluster: str, tmp_path: Path) -> None:
    tasks = [(str(tmp_path), number) for number in (1, 2, 3, 4)]

    def stop() -> bool:
        return sum(bool(file.read_text()) for file in tmp_path.iterdir()) == 2

    with executor_of(1, ray=cluster) as executor, pytest.raises(KeyboardInterrupt):
        list(executor.run(works.deaf, tasks, stop))
    end_s = time.monotonic() + 60
    while any(Path(f"/proc/{file.read_text()}").exists() for file in tmp_path.iterdir()):
        assert time.monotonic() < end_s
        time.sleep(0.1)
    assert len(list(tmp_path.iterdir())) == 2


def test_an_address_where_no_cluster_is_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ray: Any = pytest.importorskip("ray", reason="needs the extra heteroplan[ray]")

    def init(**given: object) -> None:
        raise ConnectionError("Could not find any running\nRay instance.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with (
        pytest.raises(UsageError, match=r"--ray auto: Could not find any running Ray instance\."),
        executor_of(1, ray="auto"),
    ):
        pass


def test_where_ray_is_absent_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, message in (("ray", r"heteroplan\[ray\]"), ("distributed", r"heteroplan\[dask\]")):
        monkeypatch.setitem(sys.modules, name, None)
        given = (None, "auto") if name == "ray" else ("auto", None)
        with pytest.raises(UsageError, match=message), executor_of(1, *given):
            pass
