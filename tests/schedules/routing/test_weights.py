import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Part, Role
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.planning import make_plan
from heteroplan.schedules.formats import ExportOptions, exported
from heteroplan.schedules.routing.weights import TOTAL, interval_at, rounded, routers, uneven
from tests.builders import SHAPE, candidates, engine, scenario, workload
from tests.planning.test_properties import scenarios
from tests.plans import day_scenario, horizon, plan, pool

HOURS = 2
SHARES = st.lists(st.one_of(st.just(0.0), st.floats(1e-9, 1.0)), min_size=1, max_size=40)


def carrying(of: Pool, *rps: float) -> Pool:
    """A pool that handles these requests/s of one class."""
    return replace(of, flow_rps=(rps,))


def document(pools: Sequence[Pool], served: Sequence[float], of: Scenario) -> PlanDocument:
    """Of one workload that is served at these requests/s."""
    made: Plan = plan(of, pools)
    (load,) = made.workloads
    return document_of(replace(made, workloads=(replace(load, served_rps=tuple(served)),)))


def two_groups() -> PlanDocument:
    """Of 10 requests/s a-s1 serves 4 and b-s1 6, then 10 and 0; b-s1 has two kinds of decode."""
    return document(
        [
            carrying(pool([1, 1], role=Role.PREFILL, engine_name="h100-tp4-prefill"), 4.0, 10.0),
            carrying(
                pool([1, 1], role=Role.PREFILL, engine_name="h100-tp4-prefill", domain="b-s1"),
                *(6.0, 0.0),
            ),
            carrying(pool([1, 2]), 4.0, 10.0),
            carrying(pool([1, 0], domain="b-s1"), 4.5, 0.0),
            carrying(
                pool([1, 0], engine_name="l40s-tp8-decode", node="l40sx8", gpus=8, domain="b-s1"),
                *(1.5, 0.0),
            ),
        ],
        (10.0, 10.0),
        day_scenario(horizon(HOURS), rps=(10.0, 10.0), leaves=("a-s1-l1", "b-s1-l1")),
    )


@given(SHARES.filter(any))
def test_weights_sum_and_serve_whoever_must_serve(shares: list[float]) -> None:
    """Each is within 1 of its part, but for the 1 of the least, taken from the largest."""
    weights = rounded(shares)
    assert sum(weights) == TOTAL
    for share, weight in zip(shares, weights, strict=True):
        assert (weight > 0) == (share > 0)
        exact = share / sum(shares) * TOTAL
        assert weight <= max(1.0, exact + 1.0)
        assert weight >= exact - len(shares)


def test_the_largest_gives_what_the_least_need() -> None:
    assert rounded([1.0, 1e-8, 0.0, 1e-8, 1.0]) == (4999, 1, 0, 1, 4999)
    assert rounded([1.0, 1.0, 1.0], total=100) == (34, 33, 33)


def test_a_group_gets_its_share_and_its_engines_theirs() -> None:
    """6 of 10 are 6,000 of 10,000; of these one decode engine takes three quarters."""
    (router,) = routers(two_groups(), ExportOptions())
    assert [backend.name for backend in router.backends] == ["chat-1-a-s1", "chat-1-b-s1"]
    assert router.weights == ((4000, 6000), (10000, 0))
    decode = router.backends[1].roles[Role.DECODE]
    assert decode.names == (
        "chat-1-decode-h100-tp4-decode-b-s1",
        "chat-1-decode-l40s-tp8-decode-b-s1",
    )
    assert decode.weights(0, None) == (7500, 2500)
    assert decode.weights(1, None) is None


def test_an_aggregated_pool_is_a_backend_of_its_own() -> None:
    """Beside the pairs of its group: requests go to it as a whole."""
    engines = [
        engine("p", role=Role.PREFILL),
        engine("d"),
        engine("both", role=Role.AGGREGATED),
    ]
    made = scenario([workload("w", engines=engines)])
    pools = [
        pool([1], of="w", role=Role.PREFILL, engine_name="p"),
        pool([1], of="w", engine_name="d"),
        pool([1], of="w", role=Role.AGGREGATED, engine_name="both"),
    ]
    flows = [carrying(each, rps) for each, rps in zip(pools, (7.0, 7.0, 3.0), strict=True)]
    (router,) = routers(document(flows, (10.0,), made), ExportOptions())
    assert [backend.name for backend in router.backends] == ["w-a-s1", "w-aggregated-both-a-s1"]
    assert router.weights == ((7000, 3000),)


def test_the_second_part_of_a_divided_engine_is_sent_nothing() -> None:
    """Attention passes every request on to the experts."""
    engines = [
        engine("p", role=Role.PREFILL),
        engine("d-attention", part=Part("d", "attention", 0, None)),
        engine("d-experts", part=Part("d", "experts", 1, None)),
    ]
    made = scenario([workload("w", engines=engines)])
    pools = [
        carrying(pool([2], of="w", role=Role.PREFILL, engine_name="p"), 10.0),
        carrying(pool([3], of="w", engine_name="d-attention"), 10.0),
        carrying(pool([1], of="w", engine_name="d-experts"), 10.0),
    ]
    of = document(pools, (10.0,), made)
    (router,) = routers(of, ExportOptions())
    assert router.weights == ((TOTAL,),)
    assert len(router.backends[0].roles[Role.DECODE].names) == 1
    assert uneven(of) == ()


def test_without_traffic_gpus_count_and_without_replicas_what_was_before() -> None:
    """Nothing has run at first; then 2 replicas of 4 GPUs idle beside one of 8, then none run."""
    both = [
        (pool([0, 2, 0], role=Role.AGGREGATED, engine_name="h100-tp4-decode")),
        pool([0, 1, 0], role=Role.AGGREGATED, engine_name="l40s-tp8-decode", gpus=8),
    ]
    (router,) = routers(
        document(both, (0.0,) * 3, day_scenario(horizon(3), rps=(0.0,) * 3)), ExportOptions()
    )
    assert router.weights == (None, (5000, 5000), (5000, 5000))


@settings(max_examples=15, deadline=None)
@given(scenarios())
def test_no_backend_is_given_more_than_its_replicas_serve(made: Scenario) -> None:
    """Of plans as they are made: weight times traffic is within capacity, rounding aside."""
    planned = make_plan(made, candidates(made), time_limit_s=5.0, compare=False)
    of = document_of(planned)
    if not of.pools:
        return
    capacity = {(e.workload, e.engine, e.node_type): e.capacity_rps for e in of.engines}
    served = {load.name: load.served_rps for load in of.workloads}
    for router in routers(of, ExportOptions()):
        for t, weights in enumerate(router.weights):
            if weights is None or not served[router.workload][t]:
                continue
            assert sum(weights) == TOTAL
            for backend, weight in zip(router.backends, weights, strict=True):
                for pools in backend.roles.values():
                    most = sum(
                        each.replicas[t] * rps
                        for each in pools.pools
                        for rps in [capacity[each.workload, each.engine, each.node_type]]
                        if isinstance(rps, float)
                    )
                    asked = served[router.workload][t] * weight / TOTAL
                    assert asked <= most + served[router.workload][t] / TOTAL + 1e-6


def two_classes() -> PlanDocument:
    """Long prompts go to the large engine alone, as no small one serves them; 8 short, 2 long.

    A small replica serves 4 requests/s on a GPU, a large one 2 on 8.
    """
    classes = [
        replace(SHAPE, name="short", share=0.8),
        replace(SHAPE, name="long", share=0.2),
    ]
    engines = [
        engine("small", role=Role.AGGREGATED, gpus=1, capacity_rps=4.0),
        engine("large", role=Role.AGGREGATED, gpus=8, capacity_rps=2.0),
    ]
    of = scenario(
        [workload(rps=(10.0, 0.0), classes=classes, engines=engines)],
    )
    found = candidates(of, by_class={("small", "long"): 0.0})
    return document_of(make_plan(of, found, gap=0.0, compare=False))


def test_classes_that_pools_do_not_take_alike_have_weights_of_their_own() -> None:
    """The large engine gets a fifth of all, which are all of the long ones and none of the short.

    Where nothing is asked for, the weights before stay.
    """
    of = two_classes()
    (router,) = routers(of, ExportOptions(name_template="{engine}"))
    order = [backend.name for backend in router.backends]
    assert order == ["small", "large"]
    assert router.classes == ("short", "long")
    assert router.weights == ((8000, 2000),) * 2
    assert router.weights_for("short") == ((10000, 0),) * 2
    assert router.weights_for("long") == ((0, 10000),) * 2
    options = ExportOptions(name_template="{engine}", at="2026-11-23T00:30")
    assert json.loads(exported(of, "router", options))["workloads"][0]["changes"] == [
        {
            "at": "2026-11-23T00:00:00+00:00",
            "weights": {"small": 8000, "large": 2000},
            "classes": {
                "short": {"weights": {"small": 10000, "large": 0}},
                "long": {"weights": {"small": 0, "large": 10000}},
            },
        }
    ]
    for name in ("httproute", "envoy"):
        told = "# The plan sends the classes of w to different replicas, as engines differ"
        assert told in exported(of, name, options)


def test_classes_that_pools_take_alike_have_none() -> None:
    """One engine serves both, and their shares are those of all requests."""
    classes = [replace(SHAPE, name=name, share=0.5) for name in ("short", "long")]
    of = scenario([workload(classes=classes, rps=(10.0, 4.0))])
    made = document_of(make_plan(of, candidates(of), gap=0.0, compare=False))
    assert {tuple(each.class_share) for each in made.pools} == {()}
    (router,) = routers(made, ExportOptions())
    assert router.classes == ()


def day(**when: object) -> HorizonPart:
    return HorizonPart.model_validate(horizon(24, **when))  # type: ignore[arg-type]


def test_a_day_that_repeats_holds_by_its_clock() -> None:
    """Berlin in winter and in summer; a stamp with an offset is put on the plan's clock."""
    winter = day(timezone="Europe/Berlin", start=datetime(2026, 11, 23, 6))
    assert interval_at(winter, "2026-11-23T06:59") == 0
    assert interval_at(winter, "2026-11-20T05:00") == 23
    assert interval_at(winter, "2027-07-01T08:30") == 2
    assert interval_at(winter, "2027-07-01T06:30Z") == 2
    assert 0 <= interval_at(winter, "now") < 24


def test_a_week_that_repeats_holds_by_its_weekday() -> None:
    """Monday 23 November 2026; the Tuesday two weeks later at 03:00."""
    week = HorizonPart.model_validate(horizon(7 * 24))
    assert interval_at(week, "2026-12-08T03:00") == 27


def test_a_dated_plan_holds_on_its_dates_alone() -> None:
    """The day on which Berlin's clocks go back has its second 02:00 in the fourth hour."""
    dated = day(timezone="Europe/Berlin", start=datetime(2026, 10, 25), cyclic=False)
    assert interval_at(dated, "2026-10-25T02:10+02:00") == 2
    assert interval_at(dated, "2026-10-25T02:10+01:00") == 3
    for outside in ("2026-10-24T23:59", "2026-10-25T23:30"):
        with pytest.raises(UsageError, match="does not repeat; plan that day"):
            interval_at(dated, outside)


def test_a_time_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"--at 'noon': not a date .* or write now"):
        interval_at(day(), "noon")


def test_an_old_plan_and_an_empty_one_are_refused() -> None:
    of = two_groups()
    old = of.model_copy(
        update={"pools": tuple(each.model_copy(update={"share": ()}) for each in of.pools)}
    )
    with pytest.raises(UsageError, match="no shares of pools: make the plan again"):
        routers(old, ExportOptions())
    with pytest.raises(UsageError, match="nothing to route to"):
        routers(document_of(plan(day_scenario(horizon(2)), [])), ExportOptions())


def test_one_name_for_two_groups_is_refused() -> None:
    with pytest.raises(UsageError, match="'chat-1' to chat-1@a-s1 and chat-1@b-s1; add to it"):
        routers(two_groups(), ExportOptions(group_template="{workload}"))


@pytest.mark.parametrize("format", ["crontab", "keda"])
def test_schedules_say_where_replicas_are_not_loaded_alike(format: str) -> None:  # noqa: A002
    """Pools of one role with as much traffic a replica need no router to be told."""
    told = "# The replicas of chat-1 do not get the same traffic each: give the router the weights"
    assert told in exported(two_groups(), format, ExportOptions())
    even = [carrying(pool([2, 2]), 4.0, 4.0), carrying(pool([3, 3], domain="b-s1"), 6.0, 6.0)]
    of = document(even, (10.0, 10.0), day_scenario(horizon(HOURS), rps=(10.0, 10.0)))
    assert "same traffic" not in exported(of, format, ExportOptions())
