"""Tasks on a Ray cluster."""

import os
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any

from heteroplan.clock import Stop
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared.executors.executor import Lost
from heteroplan.pipelines.shared.executors.flow import Ended, Told, UnderWay, flow
from heteroplan.pipelines.shared.executors.own_process import MOST_LOST
from heteroplan.pipelines.shared.executors.payload import carried_out, opened, packed, versions

CONNECT_S = 10.0
"""How long a cluster may take to answer [s]."""
_UV = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"


class Ray:
    """An `Executor`: processes of a Ray cluster, one processor for each task."""

    def __init__(self, address: str, ray: Any, told: Told) -> None:
        self._address = address
        self._ray = ray
        self._under_way = UnderWay(f"--ray {address}", told, self._processors)

    def run[Task, Result](
        self, work: Callable[[Task], Result], tasks: Sequence[Task], stop: Stop
    ) -> Generator[tuple[int, Result | Lost], None, None]:
        """As `Executor.run`."""
        ended: Ended = SimpleQueue()
        remote = self._ray.remote(num_cpus=1, max_retries=MOST_LOST - 1)(carried_out)
        shared = self._ray.put(packed(work))
        asked = self._ray.put(dict(versions()))
        under_way: dict[int, Any] = {}

        def begin(place: int) -> None:
            try:
                reference = remote.remote(shared, packed(tasks[place]), asked)
            except (self._ray.exceptions.RayError, ConnectionError) as error:
                ended.put((place, Lost(self._gone(error))))
                return
            under_way[place] = reference
            reference.future().add_done_callback(lambda over: ended.put((place, over)))

        try:
            for place, over in flow(begin, len(tasks), ended, self._under_way, stop):
                under_way.pop(place, None)
                yield place, over if isinstance(over, Lost) else opened(self._answer(over))
        finally:
            with suppress(self._ray.exceptions.RayError, ConnectionError):
                for reference in under_way.values():
                    self._ray.cancel(reference, force=True)

    def _processors(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))

    def _answer(self, over: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return over.result()
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as error:
            return Lost(
                f"{MOST_LOST} Ray workers that had the task died, the last: {_first(error)}"
            )
        except (errors.RayTaskError, errors.RuntimeEnvSetupError) as error:
            raise UsageError(
                f"--ray {self._address}: a worker cannot do a task ({_cause(error)}): install "
                f"heteroplan {versions()['heteroplan']} there"
            ) from None
        except (errors.RayError, ConnectionError) as error:
            return Lost(self._gone(error))

    def _gone(self, error: BaseException) -> str:
        return f"the cluster at {self._address} is gone ({_first(error)})"


def _first(error: BaseException) -> str:
    """The first line of an error."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _cause(error: Any) -> str:
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {_first(cause)}"


@contextmanager
def connected(address: str, told: Told) -> Iterator[Ray]:
    """To a cluster: `auto` for the one of this machine, `HOST:6379`, or `ray://HOST:10001`.

    Where this process is connected already, that connection is used and kept. Raises UsageError
    where no cluster answers, and where its Python or Ray is of another version.
    """
    # Unless asked for, `uv run` would be repeated by each worker, with the whole folder sent there.
    os.environ.setdefault(_UV, "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--ray: this needs an extra: pip install 'heteroplan[ray]'") from None
    if ray.is_initialized():
        yield Ray(address, ray, told)
        return
    try:
        _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError, ImportError) as error:
        raise UsageError(
            f"--ray {address}: {_told(error)}; write auto for the cluster that runs here, "
            "HOST:6379 or ray://HOST:10001"
        ) from None
    try:
        yield Ray(address, ray, told)
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError where nothing answers at an address with a port: Ray itself asks on and on."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()


def _told(error: Exception) -> str:
    """An error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
