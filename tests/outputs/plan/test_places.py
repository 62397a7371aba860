from datetime import datetime
from zoneinfo import ZoneInfo

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import SubgroupPriority
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.places import (
    LeafShare,
    fullest,
    leaf_shares,
    leaf_sizes,
    peak_interval,
)
from tests.builders import fleet, node_type, scenario, workload
from tests.plans import day_scenario, horizon, plan, pool, stay

LEAVES = ("a-s1-l1", "a-s1-l2")


def test_peak_is_where_most_gpus_are_held() -> None:
    """4 + 8, 8 + 8 and 8 + 8 GPUs: the first of the two."""
    pools = [pool([1, 2, 2]), pool([1, 1, 1], node="l40sx8", gpus=8)]
    assert peak_interval(document_of(plan(day_scenario(horizon(3)), pools))) == 1


def test_pools_of_a_group_add_up_and_starting_replicas_count() -> None:
    """In hour 1 p serves (4 GPUs), d starts for hour 2 (8), and x has ended; hour 2 is alike."""
    pools = [pool([1] * 4), pool([0, 0, 1, 0], gpus=8), pool([1] * 4, of="chat-2")]
    placed = [
        stay("p", intervals=4),
        stay("d", pool=1, first=2, lead=1),
        stay("x", pool=2, leaf=LEAVES[1], first=0, intervals=1),
    ]
    of = day_scenario(horizon(4), leaves=LEAVES, workloads=2)
    for hour in (1, 2):
        shares = leaf_shares(document_of(plan(of, pools, placed=placed)), hour)
        assert shares == (LeafShare("chat-1@a-s1", "a-s1-l1", 12),)


def test_what_starts_before_midnight_holds_gpus_there_on_a_cyclic_day_only() -> None:
    placed = [stay("r", first=0, lead=1)]
    for cyclic, shares in ((True, 1), (False, 0)):
        of = day_scenario(horizon(3, cyclic=cyclic))
        assert (
            len(leaf_shares(document_of(plan(of, [pool([1, 0, 0])], placed=placed)), 2)) == shares
        )


def test_leaf_sizes_leave_out_what_is_away() -> None:
    """Leaf a has 2 nodes of 8, one away from 1 to 2; b has none at all."""
    zone = ZoneInfo("UTC")
    away = Outage("a", "h100x8", 1, *(datetime(2026, 11, 23, h, tzinfo=zone) for h in (1, 2)))
    of = scenario(
        [workload(rps=[1.0, 1.0])], in_fleet=fleet({"a": {"h100x8": 2}, "b": {}}, outages=[away])
    )
    assert [leaf_sizes(of, t)["a"].gpus for t in (0, 1)] == [16, 8]
    assert list(leaf_sizes(of, 0)) == ["a"]


def test_leaf_sizes_carry_the_priority() -> None:
    types = (node_type(), node_type("l40sx8", gpu="L40S"))
    nodes = {"a": {"h100x8": 1, "l40sx8": 1}, "b": {"h100x8": 1}, "c": {"h100x8": 1}}
    of = scenario(in_fleet=fleet(nodes, node_types=types, spines={"a": "s", "b": "s", "c": "t"}))
    assert [leaf.priority for leaf in leaf_sizes(of, 0).values()] == [
        SubgroupPriority.HIGH,
        SubgroupPriority.MEDIUM,
        SubgroupPriority.LOW,
    ]


def test_fullest_is_by_share_of_the_leaf() -> None:
    """8 of 16 GPUs before 40 of 160."""
    of = scenario(in_fleet=fleet({"a": {"h100x8": 20}, "b": {"h100x8": 2}}))
    shares = [LeafShare("g", "a", 40), LeafShare("g", "b", 8)]
    assert [share.leaf for share in fullest(shares, leaf_sizes(of, 0))] == ["b", "a"]
