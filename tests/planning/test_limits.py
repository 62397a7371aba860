"""Where GPUs run out and whom that limits, for replicas set by hand.

Every engine serves 10 requests/s. H100: 4 GPUs a replica at 2 USD, 8 USD/h. L40S: 8 GPUs at 0.8
USD, 6.4 USD/h, so decode is cheaper there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.entities.fleet import Fleet, Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import BindingLimit, Shortage
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Part, Role
from heteroplan.optimize.program.build import build_problem
from heteroplan.planning.limits import binding_limits
from tests.builders import candidates, engine, fleet, node_type, scenario, workload

TYPES = (node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=0.8))
PREFILL = engine("prefill", role=Role.PREFILL)
ENGINES = (PREFILL, engine("h100"), engine("l40s", gpu="L40S", gpus=8))


def mixed(**nodes: dict[str, int]) -> Fleet:
    return fleet(nodes, node_types=TYPES)


def limits(
    of: Scenario,
    sizes: Mapping[tuple[str, str, str], Sequence[int]],
    short: Sequence[tuple[str, int]] = (),
) -> tuple[BindingLimit, ...]:
    """`sizes` is {(workload, engine, domain): replicas}, `short` (workload, interval)."""
    considered = candidates(of)
    problem = build_problem(of, considered)
    replicas = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    left = dict(sizes)
    for p, pool in enumerate(problem.pools):
        name = considered[pool.candidate].engine.name
        key = (problem.workloads[pool.workload].name, name, pool.domain)
        replicas[p] = left.pop(key, 0)
    assert not left
    return binding_limits(problem, replicas, [Shortage(w, t, 1.0, ()) for w, t in short])


def test_full_where_the_workload_pays_more_elsewhere() -> None:
    """One L40S replica fits; in hour 1 a second decode replica runs on H100 for 8 instead of 6.4.

    In hours 0 and 2 the L40S are as full, and nobody wants more.
    """
    of = scenario(
        [workload(rps=[10, 20, 10], engines=ENGINES)], in_fleet=mixed(a={"h100x8": 4, "l40sx8": 1})
    )
    found = limits(
        of,
        {
            ("w", "prefill", "a-spine"): [1, 2, 1],
            ("w", "h100", "a-spine"): [0, 1, 0],
            ("w", "l40s", "a-spine"): [1, 1, 1],
        },
    )
    assert found == (BindingLimit(Affinity.SPINE, "a-spine", "l40sx8", 1, 1, ("decode of w",)),)


def test_room_for_one_more_is_no_limit() -> None:
    of = scenario(
        [workload(rps=[20], engines=ENGINES)], in_fleet=mixed(a={"h100x8": 4, "l40sx8": 2})
    )
    sizes = {
        ("w", "prefill", "a-spine"): [2],
        ("w", "h100", "a-spine"): [1],
        ("w", "l40s", "a-spine"): [1],
    }
    assert limits(of, sizes) == ()


def test_starting_replicas_take_room() -> None:
    """Of 16 L40S 8 serve in hour 0, and the other 8 are held by the replica that serves in 1."""
    slow = (PREFILL, engine("h100"), engine("l40s", gpu="L40S", gpus=8, startup_s=3600))
    of = scenario(
        [workload(rps=[20, 20], engines=slow)],
        in_fleet=mixed(a={"h100x8": 4, "l40sx8": 2}),
        cyclic=False,
    )
    (found,) = limits(
        of,
        {
            ("w", "prefill", "a-spine"): [2, 2],
            ("w", "h100", "a-spine"): [1, 0],
            ("w", "l40s", "a-spine"): [1, 2],
        },
    )
    assert (found.first, found.last) == (0, 0)


def test_prefill_is_limited_where_its_cheap_decode_has_room() -> None:
    """A pair in a costs 8 + 6.4, in b 8 + 8: a's H100 are full, so one pair runs in b."""
    of = scenario(
        [workload(rps=[30], engines=ENGINES)],
        in_fleet=mixed(a={"h100x8": 1, "l40sx8": 4}, b={"h100x8": 4}),
    )
    found = limits(
        of,
        {
            ("w", "prefill", "a-spine"): [2],
            ("w", "l40s", "a-spine"): [2],
            ("w", "prefill", "b-spine"): [1],
            ("w", "h100", "b-spine"): [1],
        },
    )
    assert found == (BindingLimit(Affinity.SPINE, "a-spine", "h100x8", 0, 0, ("prefill of w",)),)


def test_same_price_elsewhere_is_no_limit() -> None:
    of = scenario([workload(rps=[20])], in_fleet=fleet({"a": {"h100x8": 1}, "b": {"h100x8": 1}}))
    sizes = {("w", name, f"{leaf}-spine"): [1] for name in ("prefill", "decode") for leaf in "ab"}
    assert limits(of, sizes) == ()


WHOLE = engine("whole", gpus=16)
ATTENTION = engine("attention", gpu="L40S", gpus=8, part=Part("moe", "attention", 0, None))
FFN = engine("ffn", part=Part("moe", "ffn", 1, None))


def test_prefill_is_limited_where_decode_is_divided_at_less() -> None:
    """Attention on L40S (6.4) and FFN on H100 (8) cost 14.4, decode on two H100 nodes 32."""
    of = scenario(
        [workload(rps=[30], engines=(PREFILL, WHOLE, ATTENTION, FFN))],
        in_fleet=mixed(a={"h100x8": 2, "l40sx8": 4}, b={"h100x8": 9}),
    )
    found = limits(
        of,
        {
            **{("w", "prefill", "a-spine"): [2], ("w", "prefill", "b-spine"): [1]},
            **{("w", "attention", "a"): [2], ("w", "ffn", "a"): [2]},
            ("w", "whole", "b-spine"): [1],
        },
    )
    assert found == (BindingLimit(Affinity.LEAF, "a", "h100x8", 0, 0, ("prefill of w",)),)


def test_halves_of_a_divided_engine_are_priced_together() -> None:
    """Attention costs 6.4 on both leaves; its FFN 8 on a and 16 on b, where there is no H100."""
    dear = node_type("b200x8", gpu="B200", usd_per_gpu_hour=4.0)
    engines = (
        engine("prefill", role=Role.PREFILL, gpu="B200"),
        ATTENTION,
        FFN,
        engine("ffn-b200", gpu="B200", part=Part("moe", "ffn", 1, None)),
    )
    nodes = {"a": {"h100x8": 1, "l40sx8": 1, "b200x8": 2}, "b": {"l40sx8": 1, "b200x8": 2}}
    of = scenario(
        [workload(rps=[20], engines=engines)], in_fleet=fleet(nodes, node_types=(*TYPES, dear))
    )
    found = limits(
        of,
        {
            **{("w", "prefill", "a-spine"): [1], ("w", "prefill", "b-spine"): [1]},
            **{("w", "attention", "a"): [1], ("w", "attention", "b"): [1]},
            **{("w", "ffn", "a"): [1], ("w", "ffn-b200", "b"): [1]},
        },
    )
    assert found == (BindingLimit(Affinity.LEAF, "a", "l40sx8", 0, 0, ("decode of w",)),)


def test_room_that_does_not_stand_on_one_leaf_is_none() -> None:
    """Two leaves of 24 GPUs each hold one replica of 16; the 8 left on each are no third.

    In hour 1 prefill takes those 16 too: one spell for both reasons.
    """
    of = scenario(
        [workload(rps=[50, 50], engines=(PREFILL, WHOLE))],
        in_fleet=fleet({"a": {"h100x8": 3}, "b": {"h100x8": 3}}, spines={"a": "s", "b": "s"}),
    )
    sizes = {("w", "whole", "s"): [2, 2], ("w", "prefill", "s"): [0, 4]}
    found = limits(of, sizes, short=[("w", 0), ("w", 1)])
    names = ("decode of w", "prefill of w")
    assert found == (BindingLimit(Affinity.SPINE, "s", "h100x8", 0, 1, names),)


def test_who_goes_short_is_named_and_who_is_content_is_not() -> None:
    """`first` holds both nodes for all its demand; `second` has nothing and wants a pair."""
    of = scenario(
        [workload("first", rps=[20]), workload("second", rps=[10], priority=2)],
        in_fleet=fleet({"a": {"h100x8": 2}}),
    )
    found = limits(
        of,
        {("first", "prefill", "a-spine"): [2], ("first", "decode", "a-spine"): [2]},
        short=[("second", 0)],
    )
    assert [each.pools for each in found] == [("prefill of second", "decode of second")]


def test_most_gpus_first() -> None:
    """Three prefill replicas hold 6 GPUs of a node of 14, one decode replica 8."""
    shape = node_type("h100x14", gpus=14)
    engines = (engine("prefill", role=Role.PREFILL, gpus=2), engine("decode", gpus=8))
    of = scenario(
        [workload(rps=[30], engines=engines)],
        in_fleet=fleet({"a": {"h100x14": 1}}, node_types=(shape,)),
    )
    sizes = {("w", "prefill", "a-spine"): [3], ("w", "decode", "a-spine"): [1]}
    (found,) = limits(of, sizes, short=[("w", 0)])
    assert found.pools == ("decode of w", "prefill of w")


def test_narrowest_full_domain_is_named() -> None:
    """Leaf a of spine s is full and so is s: `near` is stopped by the leaf, `wide` by the spine."""
    of = scenario(
        [workload("near", rps=[20], affinity=Affinity.LEAF), workload("wide", rps=[20])],
        in_fleet=fleet({"a": {"h100x8": 1}, "b": {"h100x8": 1}}, spines={"a": "s", "b": "s"}),
    )
    found = limits(
        of,
        {
            **{("near", name, "a"): [1] for name in ("prefill", "decode")},
            **{("near", name, "b"): [0] for name in ("prefill", "decode")},
            **{("wide", name, "s"): [1] for name in ("prefill", "decode")},
        },
        short=[("near", 0), ("wide", 0)],
    )
    assert [(each.domain, each.pools) for each in found] == [
        ("a", ("prefill of near", "decode of near")),
        ("s", ("prefill of wide", "decode of wide", "prefill of near", "decode of near")),
    ]


def test_a_spine_of_one_leaf_is_that_leaf() -> None:
    of = scenario(
        [workload("near", rps=[20], affinity=Affinity.LEAF), workload("wide", rps=[20])],
        in_fleet=fleet({"a": {"h100x8": 2}}, spines={"a": "s"}),
    )
    sizes = {
        (w, name, at): [1]
        for w, at in (("near", "a"), ("wide", "s"))
        for name in ("prefill", "decode")
    }
    found = limits(of, sizes, short=[("near", 0), ("wide", 0)])
    assert [each.domain for each in found] == ["a"]
    assert set(found[0].pools) == {
        f"{r} of {w}" for r in ("prefill", "decode") for w in ("near", "wide")
    }


def test_hardware_that_is_away_is_no_limit() -> None:
    """The only L40S node is away in hour 1."""
    zone = ZoneInfo("UTC")
    away = Outage(
        "a",
        "l40sx8",
        1,
        datetime(2026, 11, 23, 1, tzinfo=zone),
        datetime(2026, 11, 23, 2, tzinfo=zone),
    )
    of = scenario(
        [workload(rps=[20, 20, 20], engines=ENGINES)],
        in_fleet=replace(mixed(a={"h100x8": 4, "l40sx8": 1}), outages=(away,)),
    )
    found = limits(
        of,
        {
            ("w", "prefill", "a-spine"): [2, 2, 2],
            ("w", "h100", "a-spine"): [1, 2, 1],
            ("w", "l40s", "a-spine"): [1, 0, 1],
        },
    )
    assert [(each.first, each.last) for each in found] == [(0, 0), (2, 2)]


def test_consecutive_intervals_are_one_spell_and_midnight_ends_it() -> None:
    """Decode on H100 as well in hours 0, 2, 3 and 5 of a cyclic day: 0, 2 to 3, and 5."""
    extra = [1, 0, 1, 1, 0, 1]
    of = scenario(
        [workload(rps=[10 + 10 * n for n in extra], engines=ENGINES)],
        in_fleet=mixed(a={"h100x8": 4, "l40sx8": 1}),
    )
    found = limits(
        of,
        {
            ("w", "prefill", "a-spine"): [1 + n for n in extra],
            ("w", "h100", "a-spine"): extra,
            ("w", "l40s", "a-spine"): [1] * 6,
        },
    )
    assert [(each.first, each.last) for each in found] == [(0, 0), (2, 3), (5, 5)]
