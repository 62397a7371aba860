"""Traffic between regions, as plan.json has it."""

from heteroplan.entities.plan import Plan
from heteroplan.outputs.plan.document.plan_document import EgressPairPart, EgressPart
from heteroplan.planning.egress import EgressPair, egress_of
from heteroplan.units import s_to_days


def egress_part(plan: Plan) -> EgressPart | None:
    """None where no workload has an origin."""
    found = egress_of(plan)
    if found is None:
        return None
    horizon = plan.scenario.horizon
    days = s_to_days(horizon.intervals * horizon.interval_s)
    return EgressPart(
        gb=found.gb,
        usd=found.usd,
        gb_a_day=found.gb / days,
        usd_a_day=None if found.usd is None else found.usd / days,
        pairs=tuple(_pair(each, days) for each in found.pairs),
    )


def _pair(pair: EgressPair, days: float) -> EgressPairPart:
    there, back = pair.request_usd_per_gb, pair.answer_usd_per_gb
    return EgressPairPart(
        workload=pair.workload,
        origin=pair.origin,
        region=pair.region,
        requests=pair.requests,
        request_gb=pair.request_gb,
        answer_gb=pair.answer_gb,
        usd_per_gb=there if there == back else None,
        request_usd_per_gb=there,
        answer_usd_per_gb=back,
        gb=pair.gb,
        usd=pair.usd,
        gb_a_day=pair.gb / days,
        usd_a_day=None if pair.usd is None else pair.usd / days,
    )
