"""Policies of a replay among the savings of the plan that was replayed."""

import json

from heteroplan.entities.plan import REPLAYED
from heteroplan.inputs.plan_ids import content_id
from heteroplan.outputs.plan.document.parts import AttainmentPart
from heteroplan.outputs.plan.document.plan_document import BaselinePart, PlanDocument, ReplayedPart
from heteroplan.outputs.replay.document import known, or_none
from heteroplan.outputs.replay.figures import amount, keeps_slo, plan_of
from heteroplan.outputs.replay.rows import boundaries
from heteroplan.simulation.results import PolicyReplay, Replay
from heteroplan.text import counted


def with_policies(document: PlanDocument, replay: Replay) -> PlanDocument:
    """The plan with a baseline `replayed:NAME` for each policy, and with the id of that content.

    The first policy is the plan itself, against which the others are compared.
    """
    policies = {f"{REPLAYED}{each.policy}": _baseline(replay, each) for each in replay.policies}
    savings = {**document.savings, **policies}
    found = document.model_copy(update={"savings": savings, "plan_id": None})
    content = json.dumps(found.model_dump(mode="json", by_alias=True))
    return found.model_copy(update={"plan_id": content_id(content)})


def _baseline(replay: Replay, policy: PolicyReplay) -> BaselinePart:
    plan = plan_of(replay)
    needed = amount(replay, policy)
    moments = boundaries(replay)
    return BaselinePart(
        gpu_hours=policy.gpu_hours,
        cost_usd=policy.cost_usd,
        saved_gpu_hours=policy.gpu_hours - plan.gpu_hours,
        saved_cost_usd=policy.cost_usd - plan.cost_usd,
        saved_fraction=1.0 - amount(replay, plan) / needed if needed > 0 else None,
        utilization=None,
        note=(
            f"replayed from {moments[0]:%Y-%m-%d %H:%M} for {replay.duration_s:,.0f} s on "
            f"{counted(replay.requests, 'drawn request')}"
        ),
        unserved_requests=sum(policy.rejected.values()),
        replayed=ReplayedPart(
            start=moments[0],
            duration_s=replay.duration_s,
            requests=replay.requests,
            seed=replay.seed,
            attainment=AttainmentPart(**known(policy.attainment)),
            intervals_met=or_none(policy.intervals_met),
            slo_kept=keeps_slo(replay, policy),
        ),
    )
