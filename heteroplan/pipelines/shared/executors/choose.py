"""Which executor runs the tasks of a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from heteroplan.errors import UsageError
from heteroplan.pipelines.shared.executors.executor import Executor
from heteroplan.pipelines.shared.executors.flow import Told, untold
from heteroplan.pipelines.shared.executors.here import Here
from heteroplan.pipelines.shared.executors.processes import Processes


@contextmanager
def executor_of(
    jobs: int, dask: str | None = None, ray: str | None = None, told: Told = untold
) -> Iterator[Executor]:
    """A Dask or Ray cluster that is there, connected; else processes, or this one for one job.

    `told` hears when a cluster has no workers. Raises UsageError for both, and for an address
    where nobody answers.
    """
    if dask is not None and ray is not None:
        raise UsageError("--dask, --ray: write one of them")
    if dask is not None:
        from heteroplan.pipelines.shared.executors import dask as of_dask

        with of_dask.connected(dask, told) as cluster:
            yield cluster
    elif ray is not None:
        from heteroplan.pipelines.shared.executors import ray as of_ray

        with of_ray.connected(ray, told) as nodes:
            yield nodes
    else:
        yield Here() if jobs == 1 else Processes(jobs)
