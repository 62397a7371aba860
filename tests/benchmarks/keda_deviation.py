"""What KEDA makes of an exported schedule: `python -m tests.benchmarks.keda_deviation`.

By hand; a minute. The manifest of `export --format keda` is carried out by the HPA's rules (policy
`keda_cron`) beside the plan, for a day with next to no requests. Deviation: the mean replicas of
each workload, role and interval against those of the plan, times the length of the interval.
"""

import numpy as np

import heteroplan
from heteroplan.simulation.results import IntervalTable
from tests.benchmarks.markdown import header, row

SCENARIOS = ("quickstart", "heteroscale-day", "four-type")
POLICIES = ("plan", "keda_cron", "keda_cron:tolerance=0")
FACTOR = 1e-3
"""On demand: sizes do not depend on requests."""


def replicas(table: IntervalTable) -> np.ndarray:
    """[role, W, interval] mean ready replicas."""
    return np.stack([table.prefill_replicas, table.decode_replicas, table.aggregated_replicas])


def main() -> None:
    """All scenarios."""
    header(
        "KEDA's cron scaler and the HPA against the plan",
        "Replica-minutes of a day; missing: fewer ready than planned, beyond: more.",
        ("plan", "policy", "planned", "missing", "beyond", "GPU-hours"),
    )
    for name in SCENARIOS:
        result = heteroplan.replay(f"scenarios/{name}", policy=POLICIES, demand_factor=FACTOR)
        plan, *others = result.replay.policies
        minutes = result.replay.interval_s / 60
        planned = replicas(plan.intervals)
        for policy in (plan, *others):
            difference = (replicas(policy.intervals) - planned) * minutes
            row(
                name,
                policy.policy,
                f"{planned.sum() * minutes:,.0f}",
                f"{np.maximum(-difference, 0.0).sum():,.0f}",
                f"{np.maximum(difference, 0.0).sum():,.0f}",
                f"{policy.gpu_hours:,.0f}",
            )


if __name__ == "__main__":
    main()
