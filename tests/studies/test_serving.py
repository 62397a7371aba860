"""What a plan serves when engines are slower and nodes fail, by hand.

Three prefill and three decode replicas of 4 GPUs and 10 requests/s each: 24 GPUs, three nodes.
"""

from dataclasses import replace
from math import exp

import numpy as np
import pytest

from heteroplan.entities.plan import Plan
from heteroplan.entities.workload import Role, Source, SourceKind
from heteroplan.planning.make import make_plan
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.studies import engine_errors
from heteroplan.studies.failures import Failed
from heteroplan.studies.risk import asked_requests, met
from heteroplan.studies.samples import Sample
from heteroplan.studies.serving import Serving, serving_of
from tests import builders

HOURS = 3
KEY = ("model-w", "decode")


def made_plan(nodes: int, startup_s: float = 600.0) -> Plan:
    engines = (
        builders.engine("prefill", role=Role.PREFILL, startup_s=startup_s),
        replace(
            builders.engine("decode", startup_s=startup_s),
            source=Source(SourceKind.FITTED, error_mape=0.1),
        ),
    )
    load = replace(builders.workload(rps=[27.5] * HOURS, engines=engines), headroom=0.1)
    given = builders.scenario([load], in_fleet=builders.fleet({"l1": {"h100x8": nodes}}))
    return make_plan(given, candidates_of(given), gap=0.0, time_limit_s=20.0, compare=False)


@pytest.fixture(scope="module")
def full() -> Plan:
    """No GPU is free."""
    return made_plan(3)


@pytest.fixture(scope="module")
def spare() -> Plan:
    """A node is free."""
    return made_plan(4)


def first_node(plan: Plan) -> str:
    """That of some replica."""
    return plan.stays[0].nodes[0]


def left(plan: Plan, node: str) -> float:
    """Requests/s of the role that has fewer replicas without a node."""
    counts = dict.fromkeys((Role.PREFILL, Role.DECODE), 3)
    for stay in plan.stays:
        if node in stay.nodes:
            counts[plan.pools[stay.pool].role] -= 1
    return 10.0 * min(counts.values())


def failed(node: str, start_s: float, end_s: float) -> Sample:
    return Sample(1, 0, failed=(Failed("l1", "h100x8", node, start_s, end_s),))


def capacity(serving: Serving, sample: Sample) -> list[float]:
    (found,) = serving.capacity_rps(sample).tolist()
    return list(found)


def test_without_errors_a_plan_serves_what_it_says(full: Plan) -> None:
    (load,) = full.workloads
    serving = serving_of(full, {})
    assert capacity(serving, Sample(1, 0)) == pytest.approx(load.capacity_rps)
    assert capacity(serving, Sample(1, 0)) == pytest.approx([30.0] * HOURS)


def test_replicas_of_a_node_that_failed_are_lost_where_no_gpu_is_free(full: Plan) -> None:
    """For half of the second hour, in the mean over the hour."""
    node = first_node(full)
    found = capacity(serving_of(full, {}), failed(node, 3600.0, 5400.0))
    counts_half = left(full, node) + (30.0 - left(full, node)) / 2
    assert found == pytest.approx([30.0, counts_half, 30.0])


def test_they_start_again_on_gpus_that_are_free(spare: Plan) -> None:
    """A sixth of the second hour passes until they serve; the node is away until the end."""
    node = first_node(spare)
    found = capacity(serving_of(spare, {}), failed(node, 3600.0, HOURS * 3600.0))
    lost = 30.0 - left(spare, node)
    assert lost > 0.0
    assert found == pytest.approx([30.0, 30.0 - lost / 6, 30.0])


def test_a_node_that_is_away_has_no_free_gpus(spare: Plan) -> None:
    """Two nodes fail, one of them free: the replicas of the other find nothing."""
    held = {node for stay in spare.stays for node in stay.nodes}
    names = [f"l1-h100x8-00{i}" for i in range(1, 5)]
    (idle,) = [name for name in names if name not in held]
    node = first_node(spare)
    both = tuple(Failed("l1", "h100x8", each, 0.0, HOURS * 3600.0) for each in (node, idle))
    found = capacity(serving_of(spare, {}), Sample(1, 0, failed=both))
    assert found == pytest.approx([left(spare, node)] * HOURS)


@pytest.mark.parametrize(("amount", "weight"), [(1.0, 0.0), (1.5, 0.5), (-2.0, 0.0), (3.0, 0.0)])
def test_slower_engines_serve_less(full: Plan, amount: float, weight: float) -> None:
    """Decode is slower by some standard deviations, on the line between whole ones; prefill serves
    30 requests/s at most."""
    spreads = engine_errors.spreads(full.scenario)
    low = np.floor(amount)
    at = [30.0 / exp(spreads[KEY] * each) for each in (low, low + 1)]
    expected = (1 - weight) * at[0] + weight * at[1]
    found = capacity(serving_of(full, spreads), Sample(1, 0, slowness={KEY: amount}))
    assert found == pytest.approx([min(30.0, expected)] * HOURS)


def test_what_a_plan_does_not_serve(full: Plan) -> None:
    """33 requests/s in one half of the first hour: 3 too many for 1,800 s. As much as is planned
    comes where no sample says, without headroom: 25."""
    rates = np.array([[33.0, 20.0], [30.0, 30.0], [0.0, 0.0]])
    found = met(serving_of(full, {}), full.scenario, [Sample(1, 0, {"w": rates}), Sample(1, 1)])
    assert found.tolist() == [[pytest.approx(5400.0)], [0.0]]
    asked = asked_requests(full.scenario, [Sample(1, 0, {"w": rates}), Sample(1, 1)])
    assert asked.tolist() == [[pytest.approx(56.5 * 3600)], [pytest.approx(75 * 3600)]]
