"""What a scenario says of shortages and failures is in the inputs of its plan."""

import json
from dataclasses import replace

from heteroplan.entities.fleet import Failures
from heteroplan.outputs.plan.document.plan_inputs import PlanInputs
from tests import builders


def test_shortages_and_failures_are_written_and_read() -> None:
    plain = builders.scenario()
    (load,), (shape,) = plain.workloads, plain.fleet.node_types
    given = replace(
        plain,
        workloads=(replace(load, shortage_usd_per_1000_requests=12.5),),
        fleet=replace(plain.fleet, node_types=(replace(shape, failures=Failures(4.0, 24.0)),)),
    )
    written = PlanInputs.of(given).written()
    assert written["workloads"][0]["shortage_usd_per_1000_requests"] == 12.5
    again = PlanInputs.model_validate_json(json.dumps(written)).scenario("")
    assert again.workloads[0].shortage_usd_per_1000_requests == 12.5
    assert again.fleet.node_types[0].failures == Failures(4.0, 24.0)


def test_nothing_is_written_where_a_scenario_says_nothing() -> None:
    written = PlanInputs.of(builders.scenario()).written()
    assert "shortage_usd_per_1000_requests" not in written["workloads"][0]
    assert "failures" not in written["fleet"]["node_types"][0]
