"""How many processors there are to use."""

import os
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def cores(limit: Path = _CGROUP_LIMIT) -> int:
    """Processors that this process may use, a container's limit (cgroup v2) included."""
    affinity = getattr(os, "sched_getaffinity", None)
    there = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    try:
        quota, period = limit.read_text(encoding="ascii").split()
        return max(1, min(there, int(quota) // int(period)))
    except (OSError, ValueError):
        return there
