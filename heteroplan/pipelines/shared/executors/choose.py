"""Which executor runs the cases of a study."""

from heteroplan.pipelines.shared.executors.executor import Executor
from heteroplan.pipelines.shared.executors.here import Here


def executor_of(jobs: int) -> Executor:
    """In this process for one job."""
    return Here()
