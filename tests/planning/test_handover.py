"""Plans that begin beside what ran before, from the scenario to the verified plan."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.fleet import Outage
from heteroplan.entities.placement import node_names
from heteroplan.entities.plan import Coverage, Plan, ShortageKind, Termination
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import Role
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.planning import make_plan
from tests.builders import candidates, engine, fleet, scenario, workload

OLD = engine("old", role=Role.AGGREGATED, startup_s=1800.0)
NEW = engine("new", role=Role.AGGREGATED, gpus=8, startup_s=1800.0, capacity_rps=40.0)


def planned(of: Scenario) -> Plan:
    """Verified, as every plan is."""
    return make_plan(of, candidates(of), gap=0.0, time_limit_s=5.0, compare=False)


def handed(rps: list[float], running: list[Running], *, leaves: dict[str, int]) -> Scenario:
    made = scenario(
        [workload(rps=rps, engines=(OLD, NEW))],
        in_fleet=fleet({leaf: {"h100x8": n} for leaf, n in leaves.items()}),
        cyclic=False,
    )
    return replace(made, current=tuple(running))


def old(leaf: str, *nodes: str) -> Running:
    return Running("w", "old", "h100x8", leaf, nodes)


def test_a_shortage_at_midnight_says_what_holds_the_gpus() -> None:
    """A replica of 4 GPUs serves 10 of 40 requests/s. The engine that serves them all takes 8.

    Two old ones would leave 20 short in each of three hours. That the new one starts in the first
    hour costs 40 in that hour alone: less is not to be had, which is proven.
    """
    plan = planned(handed([40.0, 40.0, 40.0], [old("l1")], leaves={"l1": 1}))
    assert [(each.interval, each.unserved_rps) for each in plan.shortages] == [(0, 40.0)]
    assert plan.report.unserved_requests_bound == pytest.approx(40.0 * 3600, rel=1e-3)
    assert plan.report.termination is Termination.OPTIMAL
    kinds = [(reason.kind, reason.node_type) for reason in plan.shortages[0].reasons]
    assert kinds == [(ShortageKind.HELD_BEFORE, "h100x8"), (ShortageKind.FULL, "h100x8")]
    document = document_of(plan)
    assert document.coverage is Coverage.SHORT
    said = document.shortages[0].limited_by
    assert said.startswith("h100x8 held until then by what ran before in l1-spine; ")


def test_nothing_is_said_of_a_time_that_is_not_known() -> None:
    """Without `current` the new engine serves from the first interval on."""
    of = replace(handed([40.0, 40.0], [], leaves={"l1": 1}), current=None)
    assert planned(of).shortages == ()


@settings(max_examples=12)
@given(data=st.data())
def test_plans_from_anything_that_ran_keep_all_rules(data: st.DataObject) -> None:
    """Whatever ran, on named nodes or on leaves: `verify` finds nothing booked twice."""
    leaves = {"l1": data.draw(st.integers(1, 2)), "l2": data.draw(st.integers(0, 2))}
    base = handed([10.0], [], leaves=leaves)
    running = []
    for leaf in base.fleet.network.leaves:
        for node in node_names(leaf, "h100x8"):
            count = data.draw(st.integers(0, 2))
            named = data.draw(st.booleans())
            if count == 2 and data.draw(st.booleans()):
                running += [Running("w", "new", "h100x8", leaf.name, (node,) if named else ())]
            else:
                running += [old(leaf.name, *((node,) if named else ()))] * count
    rps = data.draw(
        st.lists(st.sampled_from([0.0, 10.0, 30.0, 40.0, 80.0]), min_size=4, max_size=4)
    )
    of = handed(rps, running, leaves=leaves)
    if data.draw(st.booleans()):
        start = of.horizon.start
        away = Outage(
            "l1", "h100x8", 1, start, start + timedelta(hours=data.draw(st.integers(1, 4)))
        )
        of = replace(of, fleet=replace(of.fleet, outages=(away,)))
    plan = planned(of)
    assert plan.report.bound <= plan.report.objective * (1 + 1e-6)
