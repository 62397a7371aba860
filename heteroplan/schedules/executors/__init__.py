"""What systems do with a schedule: the rules of each, on the text that was written for it.

`aibrix`, `keda`, `cronjob` and `hpa` are such systems, `executor` says what they have in common,
and `deviation` compares with the plan what they do.
"""

from heteroplan.schedules.executors import aibrix, cronjob, hpa, keda
from heteroplan.schedules.executors.executor import Executor

EXECUTORS: dict[str, Executor] = {
    "aibrix": aibrix.sizes,
    "hpa": hpa.sizes,
    "keda": keda.sizes,
    "kserve": keda.kserve_sizes,
    "kubernetes-cronjob": cronjob.sizes,
}
"""By format of `heteroplan export`."""
