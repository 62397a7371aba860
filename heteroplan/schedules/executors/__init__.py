"""What systems do with a schedule: the rules of each, on the text that was written for it.

A module a system; `executor` says what they have in common, and `deviation` compares with the plan
what they do.
"""

from heteroplan.schedules.executors import (
    aibrix,
    cronhpa,
    cronjob,
    crontab,
    gpustack,
    hpa,
    keda,
    systemd,
)
from heteroplan.schedules.executors.executor import Executor

EXECUTORS: dict[str, Executor] = {
    "aibrix": aibrix.sizes,
    "cronhpa": cronhpa.sizes,
    "crontab": crontab.sizes,
    "gpustack": gpustack.sizes,
    "hpa": hpa.sizes,
    "keda": keda.sizes,
    "kserve": keda.kserve_sizes,
    "kubernetes-cronjob": cronjob.sizes,
    "systemd": systemd.sizes,
}
"""By format of `heteroplan export`."""
