"""Comparisons by hand: 4 GPUs a replica at 2 USD an hour on H100, 8 at 0.80 on L40S."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.network import Leaf, Network
from heteroplan.entities.plan import Pool
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.entities.workload import Role
from heteroplan.outputs.compare.document import ComparisonDocument, PoolChange
from heteroplan.outputs.compare.figures import comparison
from heteroplan.outputs.compare.input_changes import MOST_LEAVES
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from tests.plans import day_scenario, horizon, plan, pool, shortage, stays

NAMES = ("before", "after")


def l40s(replicas: Sequence[int], of: str = "chat-1") -> Pool:
    return pool(replicas, of=of, engine_name="l40s-tp8-decode", node="l40sx8", gpus=8)


def document(
    pools: Sequence[Pool], *, intervals: int = 24, interval_s: int = 3600, workloads: int = 2
) -> PlanDocument:
    during = horizon(intervals, interval_s=interval_s)
    leaves = ["a-s1-l1"]
    return document_of(
        plan(
            day_scenario(during, workloads=workloads),
            pools,
            placed=stays(pools, leaves),
        )
    )


def compared(before: PlanDocument, after: PlanDocument) -> ComparisonDocument:
    return comparison(before, after, sources=NAMES)


def test_what_changed_in_money() -> None:
    """Before: 2 x 4 GPUs of chat-1 all day, 384 USD; 1 x 8 L40S of chat-2, 153.60 USD.
    After: 3 x 4 GPUs for half the day of chat-1, 288 USD, and 1 x 4 GPUs of chat-2, 192 USD."""
    found = compared(
        document([pool([2] * 24), l40s([1] * 24, "chat-2")]),
        document([pool([3] * 12 + [0] * 12), pool([1] * 24, of="chat-2")]),
    )
    assert found.before.cost_usd_per_day == pytest.approx(537.6)
    assert found.after.cost_usd_per_day == pytest.approx(480.0)
    assert found.change.cost_usd_per_day == pytest.approx(-57.6)
    assert found.change.cost_usd_per_month == pytest.approx(-57.6 * 30.4)
    assert found.change.cost_fraction == pytest.approx(-57.6 / 537.6)
    assert found.change.gpu_hours_per_day == pytest.approx(144 + 96 - 192 - 192)
    counts = found.counts
    assert (counts.added, counts.removed, counts.changed, counts.same) == (1, 1, 1, 0)
    assert [
        (each.what.value, each.workload, each.gpu, round(each.change.cost_usd_per_day, 6))
        for each in found.pools
    ] == [
        ("added", "chat-2", "H100", 192.0),
        ("removed", "chat-2", "L40S", -153.6),
        ("changed", "chat-1", "H100", -96.0),
    ]
    assert [
        (each.workload, each.gpu, round(each.change.cost_usd_per_day, 6))
        for each in found.workloads
    ] == [("chat-2", "H100", 192.0), ("chat-2", "L40S", -153.6), ("chat-1", "H100", -96.0)]
    before, after = found.pools[2].before, found.pools[2].after
    assert before is not None
    assert after is not None
    assert (before.least_replicas, before.peak_replicas) == (2, 2)
    assert (after.least_replicas, after.peak_replicas) == (0, 3)
    assert found.pools[0].before is None
    assert found.pools[1].after is None


@pytest.mark.parametrize(("intervals", "interval_s"), [(48, 1800), (96, 900), (12, 7200)])
def test_a_shorter_interval_changes_no_pool(intervals: int, interval_s: int) -> None:
    sizes = [2] * (intervals // 2) + [1] * (intervals // 2)
    found = compared(
        document([pool([2] * 12 + [1] * 12)]),
        document([pool(sizes)], intervals=intervals, interval_s=interval_s),
    )
    assert [each.what for each in found.pools] == [PoolChange.SAME]
    assert found.change.cost_usd_per_day == pytest.approx(0, abs=1e-6)
    assert [each.field for each in found.inputs] == ["interval"]


def test_a_week_is_compared_by_its_average_day() -> None:
    """A day on which 2 replicas run and a week in which 2 do; then 3 in the week."""
    day = document([pool([2] * 24)])
    same = compared(day, document([pool([2] * 168)], intervals=168))
    assert same.change.cost_usd_per_day == pytest.approx(0)
    assert same.pools[0].what is PoolChange.SAME
    assert any("1 and 7 days long" in note for note in same.notes)
    more = compared(day, document([pool([3] * 168)], intervals=168))
    assert more.change.cost_usd_per_day == pytest.approx(192)
    assert more.pools[0].what is PoolChange.CHANGED


def test_another_time_of_day_changes_a_pool_of_equal_size() -> None:
    found = compared(document([pool([1] * 12 + [2] * 12)]), document([pool([2] * 12 + [1] * 12)]))
    assert found.pools[0].what is PoolChange.CHANGED
    assert found.change.cost_usd_per_day == 0


def test_prices_are_told_from_pools() -> None:
    """H100 at 1.50 instead of 2 USD: 24 h x 8 GPUs x -0.50 = -96; one replica more: 192."""
    made = plan(day_scenario(horizon(24)), [pool([2] * 24)])
    fleet = made.scenario.fleet
    types = tuple(
        replace(each, usd_per_gpu_hour=1.5) if each.name == "h100x8" else each
        for each in fleet.node_types
    )
    cheaper = replace(made.scenario, fleet=replace(fleet, node_types=types))
    alike = compared(document_of(made), document_of(plan(cheaper, [pool([2] * 24)])))
    assert alike.change.cost_usd_per_day == pytest.approx(-96)
    assert alike.prices_usd_per_day == pytest.approx(-96)
    (change,) = alike.inputs
    assert (change.field, change.before, change.after) == (
        "price of h100x8",
        "2 USD per GPU-hour",
        "1.5 USD per GPU-hour",
    )
    assert alike.pools[0].what is PoolChange.SAME
    more = compared(document_of(made), document_of(plan(cheaper, [pool([3] * 24)])))
    assert more.prices_usd_per_day == pytest.approx(-144)
    assert more.change.cost_usd_per_day == pytest.approx(-144 + 192)


def test_a_change_within_the_gaps_is_not_decided() -> None:
    """Plans of `tests.plans` are 0.8 % above their bounds: 100 and 101 hours cost about alike."""
    hundred = document([pool([5] * 20 + [0] * 4)])
    assert not compared(hundred, document([pool([5] * 20 + [0] * 4), l40s([1] + [0] * 23)])).decided
    assert compared(hundred, document([pool([5] * 21 + [0] * 3)])).decided
    assert compared(document([pool([5] * 21 + [0] * 3)]), hundred).decided
    assert not compared(hundred, hundred).decided


def test_other_objectives_decide_nothing() -> None:
    dear = plan(day_scenario(horizon(24)), [pool([9] * 24)])
    other = plan(day_scenario(horizon(24), objective=Objective.GPU_HOURS), [pool([1] * 24)])
    found = compared(document_of(dear), document_of(other))
    assert not found.decided
    assert ("objective", "cost", "gpu_hours") in [
        (each.field, each.before, each.after) for each in found.inputs
    ]


def test_what_is_unserved_is_told() -> None:
    """Of 24 h of 10 requests/s, 5 are short for an hour: 18,000 requests."""
    short = plan(
        day_scenario(horizon(24)), [pool([1] * 24)], shortages=[shortage("chat-1", 3, 5.0)]
    )
    found = compared(document([pool([1] * 24)], workloads=1), document_of(short))
    assert found.before.requests_per_day == 864_000
    assert found.after.unserved_requests_per_day == 18_000
    assert found.notes[0].startswith("The plan after leaves 18,000 requests a day unserved")


def inputs(before: Scenario, after: Scenario) -> list[tuple[str, str, str]]:
    """What is told of two scenarios with the same plan."""
    one, two = (document_of(plan(made, [pool([2] * 24)])) for made in (before, after))
    return [(each.field, each.before, each.after) for each in compared(one, two).inputs]


def with_leaves(made: Scenario, change: Callable[[Leaf], Leaf]) -> Scenario:
    leaves = tuple(map(change, made.fleet.network.leaves))
    return replace(made, fleet=replace(made.fleet, network=Network(leaves)))


def test_leaves_with_other_nodes_are_named_and_others_are_counted() -> None:
    names = [f"a-s1-l{i + 1}" for i in range(MOST_LEAVES + 2)]
    made = day_scenario(horizon(24), leaves=names)

    def with_41(*changed: str) -> Scenario:
        return with_leaves(
            made,
            lambda leaf: (
                replace(leaf, nodes={"h100x8": 41, "l40sx8": 0}) if leaf.name in changed else leaf
            ),
        )

    (_, _, line) = inputs(made, with_41("a-s1-l2"))
    assert line == ("nodes on a-s1-l2", "40 h100x8, 20 l40sx8", "41 h100x8")
    _, _, *lines = inputs(made, with_41(*names))
    assert [line[0] for line in lines[:-1]] == [f"nodes on {name}" for name in names[:MOST_LEAVES]]
    assert lines[-1] == ("network", "", "other nodes on 2 more leaves")


def test_leaves_that_stand_elsewhere_are_another_network() -> None:
    made = day_scenario(horizon(24))
    renamed = with_leaves(made, lambda leaf: replace(leaf, spine="other"))
    told = ("network", "1 leaf below 1 spine", "1 leaf below 1 spine, named or placed otherwise")
    assert inputs(made, renamed) == [told]


def test_rules_of_roles_are_told_without_signs_of_json() -> None:
    made = day_scenario(horizon(24))
    (load,) = made.workloads
    more = replace(made, workloads=(replace(load, min_replicas={Role.PREFILL: 1, Role.DECODE: 2}),))
    ((field, _, after),) = inputs(made, more)
    assert field == "min_replicas of chat-1"
    assert after.startswith("prefill 1, decode 2")


def test_a_workload_that_comes_is_one_line() -> None:
    found = compared(
        document([pool([1] * 24)], workloads=1), document([pool([1] * 24)], workloads=2)
    )
    assert [(each.field, each.before, each.after) for each in found.inputs] == [
        ("demand of chat-2", "", "864,000 requests a day")
    ]


SIZES = st.lists(st.integers(0, 3), min_size=4, max_size=4)
POOLS = st.dictionaries(
    st.tuples(st.sampled_from(["chat-1", "chat-2"]), st.booleans()), SIZES, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(POOLS, POOLS)
def test_the_other_way_round_is_the_opposite(
    before: dict[tuple[str, bool], list[int]], after: dict[tuple[str, bool], list[int]]
) -> None:
    """And the changes of pools add up to that of the plan, as those of workloads do."""
    made = [
        document(
            [(l40s if cheap else pool_of)(sizes, of) for (of, cheap), sizes in pools.items()],
            intervals=4,
            interval_s=21600,
        )
        for pools in (before, after)
    ]
    there, back = compared(made[0], made[1]), compared(made[1], made[0])
    assert there.change.cost_usd_per_day == pytest.approx(-back.change.cost_usd_per_day)
    assert (there.counts.added, there.counts.removed) == (back.counts.removed, back.counts.added)
    assert (there.counts.changed, there.counts.same) == (back.counts.changed, back.counts.same)
    for rows in (there.pools, there.workloads):
        total = sum(each.change.cost_usd_per_day for each in rows)
        assert total == pytest.approx(there.change.cost_usd_per_day, abs=1e-6)
        amounts = [abs(each.change.cost_usd_per_day) for each in rows]
        assert amounts == sorted(amounts, reverse=True)
    own = compared(made[0], made[0])
    assert (own.counts.added, own.counts.removed, own.counts.changed) == (0, 0, 0)
    assert own.inputs == ()


def pool_of(replicas: Sequence[int], of: str) -> Pool:
    return pool(replicas, of=of)
