import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.capacity import Limit
from heteroplan.entities.network import Affinity
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    Engine,
    IntervalDemand,
    KvTransfer,
    Part,
    PrefillCoefficients,
    Profile,
    RequestClass,
    Role,
    Routing,
    Workload,
)
from heteroplan.profiles.capacity.candidates import RULES, candidates
from heteroplan.profiles.capacity.setting import Points, Setting
from heteroplan.profiles.capacity.steps import DecodeSteps
from heteroplan.queueing.lattice import Lattice
from heteroplan.queueing.waiting import ReplicaPool
from tests.builders import SHAPE, engine, fleet, node_type, workload
from tests.profiles.settings import setting

ROLES = st.sampled_from(list(Role))


def rate(of: Setting) -> float:
    """Requests/s of the mix: 1 / sum(share / capacity)."""
    points = RULES[of.engine.role](of)
    taken = [
        shape.share / point.capacity_rps if point.capacity_rps > 0 else math.inf
        for shape, point in zip(of.mix, points, strict=True)
    ]
    return sum(shape.share for shape in of.mix) / sum(taken)


def measured(role: Role, gpus: int = 4) -> Engine:
    return replace(setting(role).engine, gpus=gpus)


def with_kv(load: Workload, kv_bytes_per_token: float) -> Workload:
    return replace(load, profile=Profile("m", kv_bytes_per_token, load.profile.engines))


def test_each_engine_on_each_node_type_with_its_gpu() -> None:
    nodes = [node_type("big"), node_type("small", gpus=4), node_type("other", gpu="A100")]
    load = workload(engines=[engine("b"), engine("a", gpu="A100"), engine("none", gpu="L4")])
    found = candidates(load, fleet(node_types=nodes))
    assert [(each.engine.name, each.node_type) for each in found] == [
        ("b", "big"),
        ("b", "small"),
        ("a", "other"),
    ]


def test_given_capacity_holds_for_every_class() -> None:
    load = workload(
        engines=[engine(capacity_rps=12.3)],
        classes=[replace(SHAPE, name="x", share=0.5), replace(SHAPE, name="y", share=0.5, osl=9)],
    )
    [only] = candidates(load, fleet())
    assert [(p.capacity_rps, p.limited_by) for p in only.points[0]] == [(12.3, Limit.GIVEN)] * 2


TREE = {"l1": "s1", "l2": "s2", "l3": "s2"}
"""A spine of one leaf and one of two."""
NODES = {leaf: {"h100x8": 1} for leaf in TREE}


@pytest.mark.parametrize(
    ("affinity", "leaves", "rate"),
    [
        (Affinity.LEAF, ["l1", "l2", "l3"], 2.0),
        (Affinity.SPINE, ["l2", "l3"], 1.6),
        (Affinity.SPINE, ["l1"], 2.0),
        (Affinity.CLUSTER, ["l1", "l2", "l3"], 1.0),
        (Affinity.CLUSTER, ["l2", "l3"], 1.6),
        (Affinity.CLUSTER, ["l3"], 2.0),
    ],
)
def test_kv_moves_over_the_replicas_share_of_the_nic(
    affinity: Affinity, leaves: list[str], rate: float
) -> None:
    """4 of 8 GPUs of 3,200 Gbit/s: 200 GB/s, of which 1, 0.8 or 0.5 count by what the group really
    spans; 100 MB * 1,000 tokens = 100 GB a request. A given capacity of 10 requests/s is more.
    """
    load = replace(with_kv(workload(engines=[engine()]), 100e6), affinity=affinity)
    [only] = candidates(load, fleet({leaf: NODES[leaf] for leaf in leaves}, spines=TREE))
    point = only.points[0][0]
    assert point.capacity_rps == pytest.approx(rate)
    assert (point.limited_by, only.span) == (Limit.KV_TRANSFER, None)


def test_groups_that_span_differently_have_a_candidate_each() -> None:
    """s1 spans a leaf, s2 two: 200 and 160 GB/s for 100 GB a request."""
    load = with_kv(workload(engines=[engine()]), 100e6)
    found = candidates(load, fleet(NODES, spines=TREE))
    assert [each.span for each in found] == [Affinity.LEAF, Affinity.SPINE]
    assert [each.points[0][0].capacity_rps for each in found] == pytest.approx([2.0, 1.6])


@pytest.mark.parametrize(
    ("change", "rate"),
    [({"pin": ("s1",)}, 2.0), ({"exclude": ("s1",)}, 1.6), ({"affinity": Affinity.CLUSTER}, 1.0)],
)
def test_only_domains_that_it_may_use_count(change: dict[str, Any], rate: float) -> None:
    load = replace(with_kv(workload(engines=[engine()]), 100e6), **change)
    [only] = candidates(load, fleet(NODES, spines=TREE))
    assert only.span is None
    assert only.points[0][0].capacity_rps == pytest.approx(rate)


def test_only_domains_with_the_node_type_count() -> None:
    """The other spine has no H100, so every group spans two leaves where its decode may run."""
    other = node_type("l40sx8", gpu="L40S")
    nodes = {**NODES, "l1": {"l40sx8": 1, "h100x8": 0}}
    load = with_kv(workload(engines=[engine()]), 100e6)
    [only] = candidates(load, fleet(nodes, spines=TREE, node_types=(node_type(), other)))
    assert only.span is None
    assert only.points[0][0].capacity_rps == pytest.approx(1.6)


@pytest.mark.parametrize(
    "made",
    [
        engine(capacity_rps=1.5),
        engine(role=Role.AGGREGATED),
        engine(part=Part("e", "ffn", 1, None)),
    ],
)
def test_engines_that_the_span_does_not_limit_have_one_candidate(made: Engine) -> None:
    """1.5 requests/s is less than 1.6; aggregated engines and second parts move no KV cache."""
    load = with_kv(workload(engines=[made]), 100e6)
    [only] = candidates(load, fleet(NODES, spines=TREE))
    assert only.span is None
    assert only.points[0][0].capacity_rps == made.capacity_rps


def test_the_first_part_of_a_divided_engine_receives_the_kv_cache() -> None:
    first = engine(part=Part("e", "attention", 0, None))
    [only] = candidates(with_kv(workload(engines=[first]), 100e6), fleet())
    assert only.points[0][0].capacity_rps == pytest.approx(2.0)


@pytest.mark.parametrize(("kv_transfer", "rate"), [(KvTransfer.ALL, 2.0), (KvTransfer.MISSED, 8.0)])
def test_all_tokens_move_or_the_missed_ones(kv_transfer: KvTransfer, rate: float) -> None:
    """75 % of 1,000 tokens are cached: 100 GB a request, or 25 GB, at 200 GB/s."""
    cached = replace(SHAPE, prefix_hit_rate=0.75)
    load = workload(engines=[engine()], classes=[cached], kv_transfer=kv_transfer)
    [only] = candidates(with_kv(load, 100e6), fleet())
    assert only.points[0][0].capacity_rps == pytest.approx(rate)


@pytest.mark.parametrize(
    ("affinity", "kv_transfer", "transfer_ms"),
    [
        (Affinity.LEAF, KvTransfer.ALL, 100.0),
        (Affinity.LEAF, KvTransfer.MISSED, 50.0),
        (Affinity.SPINE, KvTransfer.ALL, 125.0),
        (Affinity.CLUSTER, KvTransfer.ALL, 200.0),
    ],
)
def test_ttft_grows_by_the_transfer_time(
    affinity: Affinity, kv_transfer: KvTransfer, transfer_ms: float
) -> None:
    """20 MB * 1,000 tokens = 20 GB at 200 GB/s, at 0.8 and at 0.5 of it; half of it is cached.

    Capacity is at the queue's cap of 95 % all the same, so waits and prefill times are equal.
    """
    cached = replace(SHAPE, prefix_hit_rate=0.5)
    load = workload(
        engines=[replace(measured(Role.PREFILL), prefill=PrefillCoefficients(1000.0, 0.0, 0.0))],
        classes=[cached],
        affinity=affinity,
        kv_transfer=kv_transfer,
    )
    load = replace(load, slo=Slo(60_000.0, 60.0, 0.5))
    place = fleet({leaf: NODES[leaf] for leaf in ("l2", "l3")}, spines=TREE)
    if affinity is Affinity.CLUSTER:
        place = fleet({leaf: NODES[leaf] for leaf in ("l1", "l3")}, spines=TREE)
    [still], [moved] = candidates(load, place), candidates(with_kv(load, 20e6), place)
    ttft_ms = [each.points[0][0].ttft_ms or 0.0 for each in (still, moved)]
    assert ttft_ms[1] - ttft_ms[0] == pytest.approx(transfer_ms)


@pytest.mark.parametrize(
    ("gpus", "fits"), [(1, True), (8, True), (16, True), (3, False), (12, False)]
)
def test_replica_divides_a_node_or_fills_whole_nodes(gpus: int, fits: bool) -> None:
    [only] = candidates(workload(engines=[engine(gpus=gpus)]), fleet())
    point = only.points[0][0]
    assert only.usable is fits
    assert (point.limited_by is Limit.MEMORY) is not fits
    assert fits or point.reason == (
        f"a replica of {gpus} GPUs neither divides a node of 8 GPUs nor fills whole nodes"
    )


def test_equal_shapes_share_one_point() -> None:
    [only] = candidates(workload(rps=[1.0, 2.0], engines=[measured(Role.DECODE)]), fleet())
    assert only.points[0][0] is only.points[1][0]


def test_an_engine_without_any_figures_is_refused() -> None:
    bare = replace(engine("bare"), capacity_rps=None)
    with pytest.raises(ValueError, match="engine bare has neither decode coefficients"):
        candidates(workload(engines=[bare]), fleet())


def calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[str]:
    """Grows by an entry with every call of the function `name` of a class or module."""
    noted: list[str] = []
    real = getattr(owner, name)

    def noting(*args: Any) -> Any:
        noted.append(name)
        return real(*args)

    monkeypatch.setattr(owner, name, noting)
    return noted


def test_what_is_alike_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 workloads x 6 engines x 288 intervals of one mix of 8 classes: once an engine."""
    settings: list[Setting] = []

    def noting(of: Setting, rule: Callable[[Setting], Points]) -> Points:
        settings.append(of)
        return rule(of)

    for role, rule in RULES.items():
        monkeypatch.setitem(RULES, role, partial(noting, rule=rule))
    engines = [replace(measured(role), name=f"{role}-{i}") for role in Role for i in "ab"]
    shapes = [replace(SHAPE, name=f"c{i}", share=1 / 8, isl=501.5 + 100 * i) for i in range(8)]
    load = with_kv(workload(rps=[1.0] * 288, engines=engines, classes=shapes), 1e5)
    load = replace(load, routing=dict.fromkeys(Role, Routing.RANDOM))
    for _ in range(10):
        candidates(load, fleet())
    assert len(settings) == 6


def test_the_greatest_rate_of_a_mix_takes_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 mixes x 4 classes x 3 engines: a dozen loads tried each, and one lattice of waits for them
    or, of aggregated engines, whose steps are part of a service, two for each load: of the waits
    that keep the TTFT, and of those that tell what is left for the ITL.
    """
    lattices = calls(monkeypatch, ReplicaPool, "_lattice")
    tails = calls(monkeypatch, Lattice, "tail")
    peaks = calls(monkeypatch, DecodeSteps, "peak")
    shapes = [RequestClass("c", 0.25, 500.0 * 3**i, 300.0, isl_cv=0.3 + 0.1 * i) for i in range(4)]
    day = tuple(
        IntervalDemand(1.0, tuple(replace(each, isl=each.isl + at) for each in shapes))
        for at in range(24)
    )
    load = workload(engines=[replace(measured(role), name=str(role)) for role in Role])
    at_random = dict.fromkeys(Role, Routing.RANDOM)
    load = replace(load, demand=day, slo=Slo(10_000.0, 50.0, 0.95), routing=at_random)
    candidates(load, fleet())
    queues, steps = 2 * 24, 2 * 24
    assert queues < len(lattices) < 15 * queues
    assert queues < len(tails) < 30 * queues
    assert steps < len(peaks) < 30 * steps


def test_names_of_classes_make_no_difference() -> None:
    load = workload(engines=[measured(Role.DECODE)])
    other = workload(engines=[measured(Role.DECODE)], classes=[replace(SHAPE, name="other")])
    [first], [second] = candidates(load, fleet()), candidates(other, fleet())
    assert first.points == second.points


@given(ROLES, st.floats(1.0, 3.0), st.floats(1.0, 3.0), st.floats(0.5, 0.99))
def test_a_looser_slo_never_serves_less(
    role: Role, ttft: float, itl: float, percentile: float
) -> None:
    """A longer first decode step is paid out of TTFT, so TTFT is loosened by as much."""
    tight = setting(role, ttft_ms=300.0, itl_ms=25.0, percentile=percentile)
    loose = setting(
        role, ttft_ms=300.0 * ttft + 25.0 * (itl - 1.0), itl_ms=25.0 * itl, percentile=percentile
    )
    assert rate(loose) >= rate(tight) * (1 - 1e-9)


@given(ROLES, st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_a_stricter_percentile_never_serves_more(role: Role, one: float, other: float) -> None:
    easy, strict = sorted((one, other))
    assert rate(setting(role, percentile=strict)) <= rate(setting(role, percentile=easy)) * (
        1 + 1e-9
    )


@given(
    ROLES,
    st.floats(1.0, 4000.0),
    st.floats(1.0, 4000.0),
    st.floats(0.0, 4000.0),
    st.floats(0.0, 4000.0),
)
def test_longer_requests_are_never_served_faster(
    role: Role, isl: float, osl: float, more_isl: float, more_osl: float
) -> None:
    """Of an aggregated replica longer prompts: over longer outputs, prefill of others evens out."""
    rest = {"kv_tokens": 50_000, "kv_bytes_per_token": 1e5, "bytes_per_s": 1e9}
    more_osl *= role is not Role.AGGREGATED
    short = setting(role, isl=isl, osl=osl, percentile=0.95, **rest)  # type: ignore[arg-type]
    long = setting(
        role,
        isl=isl + more_isl,
        osl=osl + more_osl,
        percentile=0.95,
        **rest,  # type: ignore[arg-type]
    )
    assert rate(long) <= rate(short) * (1 + 1e-9)


@given(ROLES, st.floats(0.01, 0.99))
def test_a_better_hit_rate_never_serves_less(role: Role, hits: float) -> None:
    cold, warm = setting(role), setting(role, prefix_hit_rate=hits)
    assert rate(warm) >= rate(cold) * (1 - 1e-9)
