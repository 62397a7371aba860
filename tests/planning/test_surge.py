"""GPUs that stay free in each spine for rolling updates."""

from dataclasses import replace
from datetime import timedelta

import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.errors import PlanViolationError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.sentences import surge_sentences
from heteroplan.planning import make_plan
from heteroplan.verify.plan import verify
from tests.builders import candidates, engine, fleet, scenario, workload

BOTH = engine("both", role=Role.AGGREGATED)


def planned(of: Scenario) -> Plan:
    """Verified, as every plan is."""
    return make_plan(of, candidates(of), gap=0.0, time_limit_s=5.0, compare=False)


def asked(
    rps: float, surge: int, *, affinity: Affinity = Affinity.CLUSTER, away: bool = False
) -> Scenario:
    """Two spines of two leaves with a node of 8 GPUs each; 4 GPUs serve 10 requests/s.

    Where one is `away` it is the node of the first leaf, in the second of two hours.
    """
    start = scenario([workload()]).horizon.start + timedelta(hours=1)
    outages = (Outage("a1", "h100x8", 1, start, start + timedelta(hours=1)),) if away else ()
    leaves = ("a1", "a2", "b1", "b2")
    made = scenario(
        [workload(rps=(rps, rps), engines=(BOTH,), affinity=affinity)],
        in_fleet=fleet(
            {leaf: {"h100x8": 1} for leaf in leaves},
            spines={leaf: leaf[0] for leaf in leaves},
            outages=outages,
        ),
    )
    return replace(made, surge=(("h100x8", surge),))


@pytest.mark.parametrize("surge", [4, 6, 8])
def test_a_cluster_serves_with_what_is_left_of_its_spines(surge: int) -> None:
    """Of 16 GPUs in each spine (16 - surge) // 4 replicas stand: 3, 2 and 2, each 10 requests/s."""
    most = 2 * 10.0 * ((16 - surge) // 4)
    full = planned(asked(most, surge))
    assert full.shortages == ()
    short = planned(asked(most + 10.0, surge))
    assert [each.unserved_rps for each in short.shortages] == pytest.approx([10.0, 10.0])


def test_pools_of_leaves_leave_their_spine_free_too() -> None:
    """A leaf of each spine keeps 4 GPUs: 3 replicas in each."""
    assert planned(asked(60.0, 4, affinity=Affinity.LEAF)).shortages == ()
    assert planned(asked(70.0, 4, affinity=Affinity.LEAF)).shortages != ()


def test_during_maintenance_other_nodes_stay_free() -> None:
    """One of two nodes of spine a is away in the second hour: 4 of its 8 GPUs stay free."""
    plan = planned(asked(40.0, 4, away=True))
    assert plan.shortages == ()
    assert [row.supply for row in plan.supply] == [(24, 16)]


def test_a_plan_that_takes_them_is_found_out() -> None:
    """Six replicas of 4 GPUs leave 8 of 32 free, in one spine none."""
    plan = planned(asked(60.0, 0))
    kept = replace(plan, scenario=replace(plan.scenario, surge=(("h100x8", 8),)))
    with pytest.raises(PlanViolationError, match=r"surge: . GPUs of h100x8 are free in"):
        verify(kept)


def test_the_plan_says_what_stays_free_and_where_that_binds() -> None:
    assert surge_sentences(document_of(planned(asked(10.0, 0)))) == (
        "Free for rolling updates: 0 h100x8 GPUs in every spine.",
    )
    short = document_of(planned(asked(100.0, 8)))
    assert surge_sentences(short) == (
        "Free for rolling updates: 8 h100x8 GPUs in every spine; full without them: c1.",
    )
    assert short.given.surge == (("h100x8", 8),)
