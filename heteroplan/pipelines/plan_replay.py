"""`plan --replay`: the plan that was made and the usual policies, on requests of its demand."""

from typing import TYPE_CHECKING

from heteroplan.pipelines.replay import POLICIES, ReplayResult

if TYPE_CHECKING:
    from heteroplan.entities.plan import Plan
    from heteroplan.pipelines.plan import PlanOptions

MOST_REQUESTS = 300_000
"""That are replayed where no duration is given: a few seconds for all policies."""
SEED = 0


def replayed_plan(plan: "Plan", options: "PlanOptions") -> ReplayResult | None:
    """`POLICIES` on Poisson requests of the busiest part of the horizon.

    None where `stop` says so, before its end too: the plan stands without it.
    """
    from heteroplan.outputs.plan.document.from_plan import document_of
    from heteroplan.pipelines.replay_policies import named_policies, replayed
    from heteroplan.simulation.arrivals.drawn import drawn
    from heteroplan.simulation.run import ReplaySettings
    from heteroplan.simulation.span.begin import from_interval
    from heteroplan.simulation.span.busiest import busiest, busiest_within

    def heard(policy: str, share: float) -> None:
        if options.stop():
            raise KeyboardInterrupt
        options.replay_progress(policy, share)

    scenario, duration_s = plan.scenario, options.replay_duration_s
    if duration_s is None:
        part = busiest_within(scenario, MOST_REQUESTS)
    else:
        part = busiest(scenario, duration_s)
    stream = drawn(from_interval(scenario, part.first), seed=SEED, duration_s=part.duration_s)
    try:
        heard(POLICIES[0], 0.0)
        found = replayed(
            document_of(plan), part.first, stream, named_policies(POLICIES), ReplaySettings(),
            jobs=1, progress=heard, asked=False,
        )  # fmt: skip
    except KeyboardInterrupt:
        return None
    return ReplayResult(found, stream)
